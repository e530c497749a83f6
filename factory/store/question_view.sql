-- The query of the view `template_question`: the columns of an export, and the item. Its joins stand in the order that keeps the
-- questions in the order of `drawn_question`. What depends on an item or a wording only is computed before the joins, and
-- what an open and a choice question share before there are two rows.
WITH subject AS (
    SELECT i.item, i.fact, i.asked, i.region, i.entity, i.image, f.path, a.entity_type, a.property,
           concat(i.entity, '-', a.property, '-') AS before, concat('-', left(i.image, 16), '-') AS after
    FROM item i JOIN asked a USING (asked) JOIN image f USING (image)
),
-- With one key instead of four, a join takes a fraction of the time.
phrase AS (
    SELECT ((asked::BIGINT * 256 + variant) * 256 + ask) * 256 + say AS key, asks[ask] AS question, ids[ask] AS template,
           split_part(says[say], '{value}', 1) AS say_before, split_part(says[say], '{value}', 2) AS say_after, say_many
    FROM (SELECT *, unnest(range(1, len(asks) + 1)) AS ask FROM wording) w, unnest(range(1, len(w.says) + 1)) t(say)
),
named AS (
    SELECT d.item, d.variant, v.language, i.region, i.entity, i.entity_type, i.property, i.image, i.path, w.question, n.text AS answer,
           s.answers AS several, m.answers AS more, w.say_before, w.say_after, w.say_many, v.separator, v.last, v.pair,
           v.choice_instruction, v.short_instruction, w.template, concat(i.before, v.language, i.after) AS stem,
           CASE WHEN d.wrong1 IS NULL THEN NULL
                WHEN d.place = 0 THEN [n.text, n1.text, n2.text, n3.text]
                WHEN d.place = 1 THEN [n1.text, n.text, n2.text, n3.text]
                WHEN d.place = 2 THEN [n1.text, n2.text, n.text, n3.text]
                ELSE [n1.text, n2.text, n3.text, n.text] END AS options
    FROM drawn_question d
    JOIN subject i USING (item)
    JOIN variant v ON v.variant = d.variant
    JOIN phrase w ON w.key = ((i.asked::BIGINT * 256 + d.variant) * 256 + d.ask) * 256 + d.say
    JOIN value_name n ON n.key = d.answer::BIGINT * 256 + d.variant
    LEFT JOIN several_answers s ON s.fact = i.fact AND s.variant = d.variant
    LEFT JOIN more_answers m ON m.fact = i.fact AND m.variant = d.variant
    LEFT JOIN value_name n1 ON n1.key = d.wrong1::BIGINT * 256 + d.variant
    LEFT JOIN value_name n2 ON n2.key = d.wrong2::BIGINT * 256 + d.variant
    LEFT JOIN value_name n3 ON n3.key = d.wrong3::BIGINT * 256 + d.variant
),
said AS (
    SELECT *, coalesce(several, [answer]) AS exact,
           CASE WHEN more IS NULL THEN exact ELSE exact || list_filter(list_distinct(more), lambda t: NOT list_contains(exact, t)) END
               AS answers,
           CASE WHEN several IS NULL OR len(several) = 1 THEN concat(say_before, answer, say_after)
                WHEN len(several) = 2 THEN replace(say_many, '{values}', several[1] || pair || several[2])
                ELSE replace(say_many, '{values}',
                             replace(array_to_string(several[:least(len(several), 5) - 1], chr(31)), chr(31), separator)
                             || last || several[least(len(several), 5)]) END AS sentence
    FROM named
),
typed AS (
    SELECT *, unnest(CASE WHEN options IS NULL THEN ['open'] ELSE ['open', 'choice'] END) AS question_type FROM said
)
SELECT concat(stem, question_type) AS id, item, question_type, language, region, entity, entity_type, property, image,
       question, answer, answers, sentence,
       CASE question_type WHEN 'open' THEN short_instruction ELSE choice_instruction END AS instruction,
       CASE question_type WHEN 'open' THEN [] ELSE options END AS choices, template, path, variant
FROM typed
