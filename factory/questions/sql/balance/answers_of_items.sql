-- Items of answers that have more than a quarter of all items of a property, entity type and split. Those of a kind have at
-- most a quarter already, so these answers are compared with no wrong option.
INSERT INTO dropped_item
WITH kept AS (
    SELECT i.item, i.asked, i.hash, i.value, s.split FROM item i JOIN split s USING (image)
    WHERE i.item NOT IN (SELECT item FROM dropped_item)
),
counted AS (SELECT asked, split, value, count(*) AS n FROM kept GROUP BY ALL),
capped AS (
    SELECT asked, split, quota(list(n ORDER BY n DESC, value)) AS quota
    FROM counted GROUP BY ALL HAVING count(*) >= 4
)
SELECT item, $reason
FROM (
    SELECT k.item, q.quota, row_number() OVER (PARTITION BY k.asked, k.split, k.value
                                               ORDER BY md5_number_lower(concat_ws('|', $seed, 'answer', k.hash)), k.item) AS place
    FROM kept k JOIN capped q USING (asked, split)
)
WHERE place > quota
ORDER BY item
