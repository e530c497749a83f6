-- Migration: questions by number. Their texts are the view `template_question`: numbers take a tenth of the time and
-- space of texts.
DROP TABLE question;
DROP TABLE template;

-- Values with a name, numbered.
CREATE TABLE value_number (value VARCHAR NOT NULL, number INTEGER NOT NULL);
-- Languages, and the form of Chinese that Taiwan writes. Scope: -1 for all regions, 0 for those without a form of their
-- own, otherwise the number of the region.
CREATE TABLE variant (
    variant INTEGER NOT NULL,
    language VARCHAR NOT NULL,
    region VARCHAR NOT NULL,
    scope INTEGER NOT NULL,
    choice_instruction VARCHAR NOT NULL,
    short_instruction VARCHAR NOT NULL,
    separator VARCHAR NOT NULL,           -- of a list
    last VARCHAR NOT NULL,                -- before the last of a list
    pair VARCHAR NOT NULL                 -- between two
);
-- Properties and the entity types that they are asked of.
CREATE TABLE asked (
    asked INTEGER NOT NULL,
    property VARCHAR NOT NULL,
    entity_type VARCHAR NOT NULL,
    first_step VARCHAR NOT NULL,
    second_step VARCHAR,
    state BOOLEAN NOT NULL,
    sensitive BOOLEAN NOT NULL,
    private BOOLEAN NOT NULL
);
CREATE TABLE wording (
    asked INTEGER NOT NULL,
    variant INTEGER NOT NULL,
    asks VARCHAR[] NOT NULL,
    ids VARCHAR[] NOT NULL,               -- of the asks
    says VARCHAR[] NOT NULL,
    say_many VARCHAR NOT NULL
);
-- Facts of images.
CREATE TABLE item (
    item INTEGER NOT NULL,
    fact INTEGER NOT NULL,
    asked INTEGER NOT NULL,
    image VARCHAR NOT NULL,
    entity VARCHAR NOT NULL,
    region VARCHAR NOT NULL,
    scope INTEGER NOT NULL,
    hash BIGINT NOT NULL,                 -- 63 bits that make every random choice
    value VARCHAR NOT NULL,               -- the first right value
    right_values VARCHAR[] NOT NULL,
    more_values VARCHAR[] NOT NULL        -- less exact answers that are right too
);
-- An open question about an item in a variant and, where there are wrong options, a choice question.
CREATE TABLE drawn_question (
    item INTEGER NOT NULL,
    variant INTEGER NOT NULL,
    ask INTEGER NOT NULL,                 -- position in wording.asks
    say INTEGER NOT NULL,                 -- position in wording.says
    place INTEGER NOT NULL,               -- of the right option, from 0
    answer INTEGER NOT NULL,              -- numbers of values
    wrong1 INTEGER,
    wrong2 INTEGER,
    wrong3 INTEGER
);

-- Names of values by variant. The key is 256 times the value's number, plus the variant: with two keys the planner would
-- join all names of a language with each other.
CREATE TABLE value_name (
    key BIGINT NOT NULL,
    text VARCHAR NOT NULL,
    by_model BOOLEAN NOT NULL             -- a model wrote it, and nobody has read it
);

-- Questions without their texts.
CREATE VIEW question_key AS
SELECT d.item, v.language, i.region, i.entity, a.entity_type, a.property, i.image,
       unnest(CASE WHEN d.wrong1 IS NULL THEN ['open'] ELSE ['open', 'choice'] END) AS question_type
FROM drawn_question d JOIN item i USING (item) JOIN asked a USING (asked) JOIN variant v USING (variant);

-- Answers of facts with several right values, without repeated names.
CREATE VIEW several_answers AS
SELECT fact, variant, list(text ORDER BY position) AS answers
FROM (
    SELECT i.fact, n.key % 256 AS variant, n.text, min(position) AS position
    FROM (
        SELECT fact, unnest(right_values) AS value, generate_subscripts(right_values, 1) AS position
        FROM (SELECT DISTINCT fact, right_values FROM item WHERE len(right_values) > 1)
    ) i
    JOIN value_number v USING (value) JOIN value_name n ON n.key // 256 = v.number
    GROUP BY i.fact, n.key % 256, n.text
)
GROUP BY fact, variant;

CREATE VIEW more_answers AS
SELECT i.fact, n.key % 256 AS variant, list(n.text ORDER BY n.text) AS answers
FROM (SELECT DISTINCT fact, unnest(more_values) AS value FROM item WHERE len(more_values) > 0) i
JOIN value_number v USING (value) JOIN value_name n ON n.key // 256 = v.number
GROUP BY i.fact, n.key % 256;
