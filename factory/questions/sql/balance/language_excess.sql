-- Questions beyond the quota of their language, in an order by hash.
CREATE OR REPLACE TEMP TABLE excess AS
SELECT item, variant
FROM (
    SELECT d.item, d.variant, q.quota, 1 + (d.wrong1 IS NOT NULL)::INTEGER AS rows,
           sum(1 + (d.wrong1 IS NOT NULL)::INTEGER)
               OVER (PARTITION BY v.language
                     ORDER BY md5_number_lower(concat_ws('|', $seed, v.language, i.hash)), d.item, d.variant
                     ROWS UNBOUNDED PRECEDING) AS until
    FROM drawn_question d JOIN item i USING (item) JOIN split s USING (image) JOIN variant v USING (variant)
    JOIN quota q ON q.name = v.language
    WHERE list_contains($splits, s.split)
)
WHERE until > quota AND until > rows;
