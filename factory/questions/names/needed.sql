-- Values that need a name, and what is known about their kind. The kind decides how a label is cleaned.
-- $first, $second and $role are lists: the properties of the recipe. A path has a second step.

CREATE TEMP TABLE named_property AS
SELECT unnest($first) AS first_step, unnest($second) AS second_step, unnest($role) AS role;

-- Every rank is named: a value that is not right is not a wrong option either, by its name.
CREATE TEMP TABLE used_value AS
WITH used AS (
    SELECT c.value, c.value_type, p.role
    FROM named_property p JOIN claim c ON c.property = p.first_step JOIN entity e USING (entity)
    WHERE e.selected AND p.second_step = ''
    UNION ALL
    SELECT c.value, c.value_type, p.role
    FROM named_property p
    JOIN (SELECT DISTINCT property, value FROM claim JOIN entity USING (entity) WHERE selected) f
        ON f.property = p.first_step
    JOIN claim c ON c.entity = f.value AND c.property = p.second_step
    WHERE p.second_step <> ''
    UNION ALL
    -- Areas around an area, which are right answers too.
    SELECT value, value_type, 'place' FROM claim WHERE property = 'P131' AND 'P131' IN (SELECT first_step FROM named_property)
    UNION ALL
    SELECT entity, 'item', '' FROM entity WHERE selected
),
dated AS (
    FROM used
    UNION ALL
    -- The year of a day is a right answer too.
    SELECT regexp_replace(value, '^([+-]\d+)-\d\d-\d\d(T[^/]*)/1[01]/', '\1-00-00\2/9/'), value_type, role
    FROM used WHERE value_type = 'time'
)
SELECT value, value_type, list_distinct(list(role)) AS roles
FROM dated WHERE value_type IN ('item', 'time', 'quantity') GROUP BY value, value_type;

CREATE TEMP TABLE named_item AS
SELECT u.value,
       coalesce(e.entity_type, '') AS entity_type,
       e.entity IS NOT NULL AS is_read,
       list_contains(u.roles, 'class') AS is_class,
       e.entity_type = 'person' OR (coalesce(e.entity_type, 'any') = 'any' AND list_contains(u.roles, 'person')) AS is_person,
       list_contains($place_types, e.entity_type)
           OR (coalesce(e.entity_type, 'any') = 'any' AND list_contains(u.roles, 'place')) AS is_place,
       list_contains($work_types, e.entity_type)
           OR (coalesce(e.entity_type, 'any') = 'any' AND list_contains(u.roles, 'work')) AS is_work
FROM used_value u LEFT JOIN entity e ON e.entity = u.value
WHERE u.value_type = 'item';

-- Labels that end in brackets. They disambiguate ("Paris (Texas)") or are part of the name ("Frankfurt (Oder)"): English
-- labels follow Wikidata's rule against disambiguators, so that a second language with the same brackets decides. Names of
-- own knowledge are as their authors want them.
CREATE TEMP TABLE bracket_rule AS
WITH checked AS (
    SELECT entity, language, regexp_matches(text, '[)）]$') AS bracketed
    FROM label
    WHERE entity IN (
        SELECT entity FROM label JOIN named_item ON value = entity WHERE regexp_matches(text, '[)）]$')
    )
),
counted AS (
    SELECT entity, count_if(bracketed) AS bracketed, count_if(NOT bracketed) AS plain,
           bool_or(bracketed AND language = 'en') AS english, bool_or(NOT bracketed AND language = 'en') AS plain_english
    FROM checked GROUP BY entity
)
SELECT entity AS value,
       NOT starts_with(entity, $own) AND NOT (english AND bracketed >= 2) AND (NOT n.is_work OR plain_english OR plain >= bracketed) AS is_disambiguator
FROM counted JOIN named_item n ON n.value = entity;

-- Labels of places and organizations with a comma: "Springfield, Illinois". What follows the comma must be the name of a
-- place that contains it, or most other labels must be the text before the comma, or must have no comma.
CREATE TEMP TABLE comma_rule AS
WITH RECURSIVE comma AS (
    SELECT entity, language, trim(split_part(text, ', ', 1)) AS name, trim(split_part(text, ', ', 2)) AS part
    FROM (
        SELECT l.entity, l.language, with_plain_comma(l.text) AS text
        FROM label l JOIN named_item n ON n.value = l.entity WHERE n.is_place OR n.entity_type = 'organization'
    )
    WHERE contains(text, ', ')
),
container (entity, area, steps) AS (
    SELECT entity, value, 1 FROM claim
    WHERE property IN ('P131', 'P17') AND value_type = 'item' AND entity IN (SELECT entity FROM comma)
    UNION
    SELECT k.entity, c.value, steps + 1 FROM container k JOIN claim c ON c.entity = k.area
    WHERE c.property IN ('P131', 'P17') AND c.value_type = 'item' AND steps < 3
),
contained AS (
    SELECT DISTINCT c.entity, c.language FROM comma c JOIN container k USING (entity)
    JOIN label a ON a.entity = k.area AND a.language = c.language AND a.text = c.part
),
counted AS (
    SELECT c.entity, c.language,
           count_if(l.text = c.name) AS same, count_if(contains(with_plain_comma(l.text), ',')) AS with_comma,
           count(*) AS labels
    FROM comma c JOIN label l USING (entity)
    WHERE NOT contains(c.part, '.')
    GROUP BY c.entity, c.language
)
SELECT entity AS value, language AS code FROM contained
UNION
SELECT entity, language FROM counted WHERE same >= 2 AND same >= with_comma
UNION
-- Hardly any other language has a comma: "Lincoln College" in eleven, "Lincoln College, Oxford" in one.
SELECT entity, language FROM counted WHERE labels >= 5 AND with_comma * 5 <= labels;

-- Classes whose English label has no capital: in no language is the name a proper one. The first letter is then lower
-- case, except in languages that capitalize nouns.
ALTER TABLE named_item ADD COLUMN is_common BOOLEAN DEFAULT false;
UPDATE named_item SET is_common = true
WHERE is_class AND value IN (
    SELECT entity FROM label WHERE language = 'en' GROUP BY entity HAVING NOT bool_or(regexp_matches(text, '\p{Lu}'))
);
