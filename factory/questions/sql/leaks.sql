-- Questions that contain an answer: a bit for each of a property's questions. Most values are in none.
CREATE TEMP TABLE leak AS
WITH asked_value AS (SELECT DISTINCT asked, fact, unnest(right_values) AS value FROM item),
value AS (SELECT DISTINCT asked, number FROM asked_value JOIN value_number USING (value)),
leaking AS (
    SELECT v.asked, n.variant, v.number,
           list_sum(list_transform(w.asks, lambda ask, i: CASE WHEN contains(lower(ask), n.text) THEN 1 << i - 1 ELSE 0 END))::INTEGER AS mask
    FROM value v JOIN name n USING (number) JOIN wording w ON w.asked = v.asked AND w.variant = n.variant
    WHERE mask > 0
)
SELECT a.fact::BIGINT * 256 + l.variant AS key, bit_or(l.mask) AS mask
FROM asked_value a JOIN value_number n USING (value) JOIN leaking l ON l.asked = a.asked AND l.number = n.number
GROUP BY key;
