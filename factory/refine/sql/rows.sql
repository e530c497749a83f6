-- Chosen questions of a range of items, with the key of their input and all names of their values.
WITH question_row AS (
    SELECT t.item, t.variant, f.code, t.question, t.sentence, t.answers
    FROM template_question t
    SEMI JOIN chosen c ON c.item = t.item AND c.variant = t.variant
    JOIN form_code f ON f.variant = t.variant
    WHERE t.item >= $first AND t.item < $last AND t.question_type = 'open'
),
value AS (
    SELECT r.item, r.variant, unnest(i.right_values) AS value, generate_subscripts(i.right_values, 1) AS position
    FROM question_row r JOIN item i USING (item)
),
named AS (
    SELECT v.item, v.variant, list([n.text] || coalesce(o.names, []) ORDER BY v.position) AS names
    FROM value v
    JOIN value_number m USING (value)
    JOIN value_name n ON n.key = m.number::BIGINT * 256 + v.variant
    LEFT JOIN (SELECT key, list(text ORDER BY text) AS names FROM other_name GROUP BY key) o ON o.key = n.key
    GROUP BY v.item, v.variant
)
SELECT r.item, r.variant, r.code, r.question, r.sentence, r.answers, n.names,
       md5(concat_ws(chr(31), $model, $prompt, r.code, r.question, r.sentence)) AS key
FROM question_row r JOIN named n ON n.item = r.item AND n.variant = r.variant
ORDER BY r.item, r.variant;
