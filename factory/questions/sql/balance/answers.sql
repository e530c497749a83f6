-- Items of answers that have more than a quarter of the items of their kind.
INSERT INTO dropped_item
WITH counted AS (SELECT asked, kind, split, value, count(*) AS n FROM comparable GROUP BY ALL),
capped AS (
    SELECT asked, kind, split, quota(list(n ORDER BY n DESC, value)) AS quota
    FROM counted GROUP BY ALL HAVING count(*) >= 4
)
SELECT item, $reason
FROM (
    SELECT c.item, q.quota, row_number() OVER (PARTITION BY c.asked, c.kind, c.split, c.value
                                               ORDER BY md5_number_lower(concat_ws('|', $seed, 'answer', c.hash)), c.item) AS place
    FROM comparable c JOIN capped q USING (asked, kind, split)
)
WHERE place > quota
ORDER BY item
