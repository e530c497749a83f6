-- Questions from claims, templates and names: one open question per image, property and language, and one choice
-- question per open question with three wrong options. Random choices are the md5 of seed and ids: a question does not
-- depend on the rest of the store, and equal builds have equal bytes.

-- Images of each entity, or '' if the recipe allows questions without an image.
CREATE TEMP TABLE question_image AS
SELECT entity, image FROM entity_image
UNION ALL
SELECT entity, '' FROM entity
WHERE selected AND NOT $images_required AND entity NOT IN (SELECT entity FROM entity_image);

-- Main region of each entity. Names in a language can differ by region, such as Chinese in Taiwan.
CREATE TEMP TABLE main_region AS
SELECT entity, arg_min(region, ordinal) AS region FROM entity_region GROUP BY entity;

-- Facts: claims of selected entities, direct or along a path, and the entity's own name.
CREATE TEMP TABLE fact AS
SELECT e.entity, e.entity_type, c.property, c.value, c.ordinal, c.best
FROM entity e JOIN claim c USING (entity)
WHERE e.entity IN (SELECT entity FROM question_image)
  AND c.property IN (SELECT property FROM asked WHERE second_step IS NULL)
UNION ALL
SELECT e.entity, e.entity_type, a.property, c2.value, c1.ordinal * 1000 + c2.ordinal, c1.best AND c2.best
FROM asked a
JOIN claim c1 ON c1.property = a.first_step
JOIN entity e ON e.entity = c1.entity AND e.entity IN (SELECT entity FROM question_image)
JOIN claim c2 ON c2.entity = c1.value AND c2.property = a.second_step
WHERE a.second_step IS NOT NULL
UNION ALL
SELECT entity, entity_type, 'label', entity, 0, true FROM entity
WHERE entity IN (SELECT entity FROM question_image) AND 'label' IN (SELECT property FROM asked);

-- Faith and ethnicity are not asked about people.
INSERT INTO rejection (stage, item, reason, items)
SELECT 'questions', concat_ws(' ', entity, property), $sensitive, count(*)
FROM fact JOIN asked USING (property)
WHERE best AND sensitive AND entity_type = 'person'
GROUP BY entity, property;
DELETE FROM fact WHERE entity_type = 'person' AND property IN (SELECT property FROM asked WHERE sensitive);

-- Correct answers: at most three, in the order of the claims.
CREATE TEMP TABLE answer AS
WITH named AS (
    SELECT f.entity, f.entity_type, f.property, v.language, arg_max(v.text, v.region) AS text, min(f.ordinal) AS ordinal
    FROM fact f
    JOIN main_region r USING (entity)
    JOIN value_text v ON v.value = f.value AND (v.region = '' OR v.region = r.region)
    WHERE f.best
    GROUP BY f.entity, f.entity_type, f.property, f.value, v.language
),
distinct_names AS (
    SELECT entity, entity_type, property, language, text, min(ordinal) AS ordinal FROM named GROUP BY ALL
)
SELECT entity, any_value(entity_type) AS entity_type, property, language, list(text ORDER BY ordinal)[:3] AS answers
FROM distinct_names
GROUP BY entity, property, language;

-- Templates of a property: those of the entity's type, otherwise those for any type.
CREATE TEMP TABLE wording AS
SELECT e.entity_type, t.language, t.property,
       list(t.text ORDER BY t.ordinal) AS texts, list(t.id ORDER BY t.ordinal) AS ids
FROM (SELECT DISTINCT entity_type FROM entity WHERE selected) e
JOIN template t ON t.entity_type = e.entity_type OR (t.entity_type = 'any' AND NOT EXISTS (
    FROM template o WHERE o.entity_type = e.entity_type AND o.property = t.property AND o.language = t.language
))
GROUP BY e.entity_type, t.language, t.property;

CREATE TEMP TABLE open_question AS
SELECT
    concat_ws('-', a.entity, a.property, a.language, left(p.image, 16)) AS stem,
    a.entity, a.entity_type, a.property, a.language, p.image, a.answers,
    (md5_number(concat_ws('|', $seed, a.entity, a.property, a.language, p.image)) % len(w.texts))::INTEGER + 1 AS pick,
    w.texts[pick] AS question, w.ids[pick] AS template
FROM answer a
JOIN question_image p USING (entity)
JOIN wording w USING (entity_type, property, language);

-- A question must not contain its answer.
INSERT INTO rejection (stage, item, reason, items)
SELECT 'questions', stem, $answer_in_question, 2 FROM open_question WHERE contains(lower(question), lower(answers[1]));
DELETE FROM open_question WHERE contains(lower(question), lower(answers[1]));

INSERT INTO rejection (stage, item, reason, items)
SELECT 'questions', concat_ws(' ', a.property, a.entity_type, a.language), $no_template, count(*)
FROM answer a ANTI JOIN wording w USING (entity_type, property, language)
GROUP BY a.property, a.entity_type, a.language;

-- Wrong options: values of the same property of entities of the same type. Each image and property gets twelve draws,
-- equal in all languages. The first three draws count that have a name and are not a value of the entity, of any rank.
CREATE TEMP TABLE pool AS
SELECT entity_type, property, value, row_number() OVER (PARTITION BY entity_type, property ORDER BY value) AS number
FROM (SELECT DISTINCT entity_type, property, value FROM fact WHERE best);

CREATE TEMP TABLE pool_size AS
SELECT entity_type, property, count(*) AS size FROM pool GROUP BY entity_type, property;

CREATE TEMP TABLE wrong_option AS
SELECT image, entity, property, value, min(draw) AS draw
FROM (
    SELECT o.image, o.entity, o.entity_type, o.property, draw,
           (md5_number(concat_ws('|', $seed, o.image, o.entity, o.property, draw)) % size)::BIGINT + 1 AS number
    FROM (SELECT DISTINCT image, entity, entity_type, property FROM open_question) o
    JOIN pool_size USING (entity_type, property), range(12) AS draws(draw)
)
JOIN pool USING (entity_type, property, number)
ANTI JOIN fact f USING (entity, property, value)
GROUP BY image, entity, property, value;

-- A separate table, because the planner of a single join would first combine all questions and names of a language.
CREATE TEMP TABLE wrong_option_name AS
SELECT w.image, w.entity, w.property, w.draw, v.language, arg_max(v.text, v.region) AS text
FROM wrong_option w
JOIN main_region r USING (entity)
JOIN value_text v ON v.value = w.value AND (v.region = '' OR v.region = r.region)
GROUP BY w.image, w.entity, w.property, w.value, w.draw, v.language;

-- Items can share a name: an option must differ in text from the answers and from the other options.
CREATE TEMP TABLE wrong_options AS
WITH distinct_names AS (
    SELECT o.stem, o.answers, n.text, min(n.draw) AS draw
    FROM open_question o JOIN wrong_option_name n USING (image, entity, property, language)
    GROUP BY ALL
)
SELECT stem, list(text ORDER BY draw)[:3] AS wrong_texts
FROM distinct_names WHERE NOT list_contains(answers, text)
GROUP BY stem;

INSERT INTO rejection (stage, item, reason)
SELECT 'questions', o.stem || '-choice', $too_few_wrong_options
FROM open_question o LEFT JOIN wrong_options USING (stem)
WHERE coalesce(len(wrong_texts), 0) < 3;

INSERT INTO question
WITH questions AS (
    SELECT stem || '-open' AS id, 'open' AS question_type, o.* EXCLUDE (entity_type), []::VARCHAR[] AS choices
    FROM open_question o
    UNION ALL
    SELECT stem || '-choice', 'choice', o.* EXCLUDE (entity_type),
           list_transform(
               list_sort(list_transform(
                   list_append(wrong_texts, o.answers[1]),
                   lambda t: {'draw': md5(concat_ws('|', $seed, stem, t)), 'text': t}
               )),
               lambda s: s.text
           )
    FROM open_question o JOIN wrong_options USING (stem) WHERE len(wrong_texts) = 3
)
SELECT id, question_type, language, region, entity, property, image, question, answers[1], answers, choices, template
FROM questions JOIN main_region USING (entity);

DROP TABLE main_region; DROP TABLE fact; DROP TABLE question_image; DROP TABLE answer; DROP TABLE wording;
DROP TABLE open_question; DROP TABLE pool; DROP TABLE pool_size; DROP TABLE wrong_option; DROP TABLE wrong_option_name;
DROP TABLE wrong_options;
