-- Questions of train with a name of a held-out entity among their answers: of the entity itself or of another one.
CREATE TEMP TABLE known_name AS
SELECT n.number, n.variant, v.language, n.text
FROM (
    SELECT number, variant, text FROM name
    UNION ALL SELECT (key // 256)::INTEGER, (key % 256)::INTEGER, lower(text) FROM other_name
) n
JOIN variant v USING (variant)
WHERE EXISTS (FROM held_out_entity);

CREATE TEMP TABLE held_out_name AS
SELECT DISTINCT n.language, n.text
FROM held_out_entity h JOIN value_number v ON v.value = h.entity JOIN known_name n USING (number);

INSERT INTO held_out_answer
SELECT DISTINCT i.item, n.variant
FROM (
    SELECT item, unnest(right_values || more_values) AS value
    FROM item SEMI JOIN (SELECT image FROM split WHERE split = 'train') s USING (image)
) i
JOIN value_number v USING (value)
JOIN known_name n USING (number)
SEMI JOIN held_out_name h ON h.language = n.language AND h.text = n.text
ORDER BY ALL;

INSERT INTO dropped_name SELECT item, variant, $held_out_name FROM held_out_answer WHERE $drop_names;

-- An item about the entity itself is no source of wrong options either.
INSERT INTO dropped_item
SELECT item, $held_out_name
FROM item SEMI JOIN (SELECT DISTINCT item FROM dropped_name) d USING (item) ANTI JOIN dropped_item USING (item)
WHERE list_has_any(right_values, (SELECT coalesce(list(DISTINCT entity), []) FROM held_out_entity));
