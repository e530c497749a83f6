-- Questions that each item makes: two in each language in which its answers have names.
CREATE OR REPLACE TEMP TABLE item_rows AS
WITH chosen AS (
    SELECT i.item, i.fact, i.scope, i.right_values, s.split = 'train' AS in_train
    FROM item i JOIN split s USING (image) WHERE list_contains($splits, s.split)
),
named AS (
    SELECT f.fact, f.scope, n.variant, list_contains($held_out, n.variant) AS held_out, bool_or(n.by_model) AS by_model
    FROM (SELECT fact, scope, len(right_values) AS needed, unnest(right_values) AS value
          FROM (SELECT DISTINCT fact, scope, right_values FROM chosen)) f
    JOIN value_number v USING (value) JOIN name n USING (number) JOIN variant a USING (variant)
    WHERE a.scope < 0 OR a.scope = f.scope
    GROUP BY f.fact, f.scope, n.variant HAVING count(DISTINCT f.value) = any_value(f.needed)
),
fact_rows AS (
    SELECT fact, scope, 2 * count(*) FILTER (NOT held_out) AS trained, 2 * count(*) FILTER (NOT by_model) AS tested
    FROM named GROUP BY fact, scope
)
SELECT c.item, CASE WHEN c.in_train THEN f.trained ELSE f.tested END AS rows
FROM chosen c JOIN fact_rows f USING (fact, scope)
WHERE rows > 0;
