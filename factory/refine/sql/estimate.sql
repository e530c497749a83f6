-- Inputs without an answer, and the bytes of their texts.
WITH input AS (
    SELECT md5(concat_ws(chr(31), $model, $prompt, f.code, t.question, t.sentence))::UUID AS key,
           any_value(strlen(t.question) + strlen(t.sentence)) AS bytes
    FROM template_question t
    SEMI JOIN chosen c ON c.item = t.item AND c.variant = t.variant
    JOIN form_code f ON f.variant = t.variant
    WHERE t.question_type = 'open'
    GROUP BY key
)
SELECT count(*), coalesce(sum(bytes), 0)::BIGINT FROM input ANTI JOIN rewrite USING (key);
