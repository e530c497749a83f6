-- Questions of each group, without those that are dropped already.
SELECT GROUP_COLUMN, sum(r.rows)::BIGINT
FROM item i JOIN item_rows r USING (item) JOIN asked a USING (asked) ANTI JOIN dropped_item d ON d.item = i.item
GROUP BY GROUP_COLUMN ORDER BY GROUP_COLUMN
