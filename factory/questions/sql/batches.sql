-- Pools, in which answers are wrong options for each other.

-- Where each value is the answer of about one item, few values would give equal options, of which those that were right
-- can be ruled out.
CREATE TEMP TABLE item_pool AS
WITH drawn AS (SELECT * FROM comparable WHERE item NOT IN (SELECT item FROM dropped_item)),
pool AS (
    SELECT asked, kind, split, size, row_number() OVER (ORDER BY asked, kind, split) AS pool
    FROM (
        SELECT asked, kind, split, count(DISTINCT value) AS size, count(*) AS items FROM drawn GROUP BY asked, kind, split
    )
    WHERE size >= CASE WHEN items >= 2 * size THEN 4 ELSE 12 END
)
SELECT i.item, i.hash, i.value, p.pool, md5_number_lower(i.value) AS value_hash, coalesce(e.low, b.born) IS NOT NULL AS ordered,
       (dense_rank() OVER (ORDER BY p.pool, coalesce(e.low, b.born), i.value) - 1)::INTEGER AS place,
       -- Quantities of a step are too close to be options together.
       CASE WHEN e.low > 0 AND NOT contains(i.value, 'Z/')
            THEN floor(ln(e.low) / ln((1 + $margin) / (1 - $margin)))::BIGINT END AS step
FROM drawn i JOIN pool p ON p.asked = i.asked AND p.kind = i.kind AND p.split = i.split
LEFT JOIN extent e ON e.value = i.value LEFT JOIN person_value b ON b.value = i.value;

-- What the candidates are compared with.
CREATE TEMP TABLE candidate_value AS
SELECT p.place, v.number, p.value, e.low, e.high, b.born, contains(p.value, 'Z/') AS is_time, coalesce(k.ancestors, []) AS ancestors
FROM (SELECT DISTINCT place, value FROM item_pool) p
JOIN value_number v USING (value) LEFT JOIN extent e USING (value) LEFT JOIN person_value b USING (value) LEFT JOIN kin k USING (value);

-- Ancestors of all values of a fact.
ALTER TABLE fact ADD COLUMN kin VARCHAR[];
UPDATE fact SET kin = [];
UPDATE fact SET kin = k.ancestors
FROM (SELECT f.fact, list(DISTINCT a.ancestor) AS ancestors
      FROM (SELECT fact, unnest(all_values) AS value FROM fact) f
      JOIN (SELECT value, unnest(ancestors) AS ancestor FROM kin WHERE len(ancestors) > 1) a USING (value) GROUP BY f.fact) k
WHERE fact.fact = k.fact;

CREATE TEMP TABLE option (item INTEGER, numbers INTEGER[], turns INTEGER[]);
CREATE TEMP TABLE tally (asked INTEGER, variant INTEGER, reason VARCHAR, questions BIGINT);
