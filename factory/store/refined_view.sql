-- The query of the view `question`: rewritten texts in place of those that were accepted.
SELECT t.* REPLACE (coalesce(r.question, t.question) AS question, coalesce(r.sentence, t.sentence) AS sentence),
       CASE WHEN r.question IS NULL THEN '' ELSE t.question END AS template_question,
       CASE WHEN r.question IS NULL THEN '' ELSE t.sentence END AS template_sentence,
       coalesce(r.rewritten_by, '') AS rewritten_by
FROM template_question t LEFT JOIN accepted_rewriting r ON r.item = t.item AND r.variant = t.variant
