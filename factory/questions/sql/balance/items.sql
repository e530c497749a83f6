-- Items beyond the quota of their group, in an order by hash.
INSERT INTO dropped_item
SELECT item, $reason
FROM (
    SELECT i.item, q.quota, r.rows,
           sum(r.rows) OVER (PARTITION BY GROUP_COLUMN
                             ORDER BY md5_number_lower(concat_ws('|', $seed, $dimension, i.hash)), i.item
                             ROWS UNBOUNDED PRECEDING) AS until
    FROM item i JOIN item_rows r USING (item) JOIN asked a USING (asked) JOIN quota q ON q.name = GROUP_COLUMN
    ANTI JOIN dropped_item d ON d.item = i.item
)
WHERE until > quota AND until > rows
ORDER BY item
