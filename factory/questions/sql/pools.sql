-- Pools: the right values of comparable items, from which wrong options are drawn.
-- Items of a pool exchange their values: the answer of one is a wrong option of three others. Each value is then a
-- wrong option three times as often as it is an answer, and frequency tells nothing. A pool has one split, because an
-- answer of train would be known to be wrong in test.

-- Ancestors of values, and other items that stand for the same thing: not wrong, although their ids differ.
CREATE TEMP TABLE kin AS
WITH RECURSIVE edge AS (
    SELECT entity AS child, value AS parent FROM claim WHERE property IN ('P131', 'P361', 'P279') AND value_type = 'item'
    UNION ALL SELECT entity, value FROM claim WHERE property IN ('P1365', 'P1366') AND value_type = 'item'
    UNION ALL SELECT value, entity FROM claim WHERE property IN ('P1365', 'P1366') AND value_type = 'item'
    UNION ALL SELECT item, same FROM same_region
    -- Texts of own knowledge that are equal in one language can mean the same in another one.
    UNION ALL SELECT entity, language || chr(31) || lower(text) FROM label WHERE starts_with(entity, $own_text)
    UNION ALL SELECT language || chr(31) || lower(text), entity FROM label WHERE starts_with(entity, $own_text)
),
reached(value, ancestor, depth) AS (
    SELECT DISTINCT value, value, 0 FROM fact_value WHERE value_type = 'item'
    UNION
    SELECT r.value, e.parent, r.depth + 1 FROM reached r JOIN edge e ON e.child = r.ancestor WHERE r.depth < 8
)
SELECT value, list(DISTINCT ancestor) AS ancestors FROM reached GROUP BY value;

-- People among the values. A name tells sex and era, so a name of another sex or century is seen to be wrong. Several
-- years of birth count if they are close together.
CREATE TEMP TABLE person_value AS
WITH person AS (SELECT DISTINCT entity FROM claim WHERE property = 'P31' AND best AND value = $human AND entity IN (SELECT value FROM item)),
sex AS (
    SELECT entity, any_value(value) AS sex FROM claim
    WHERE property = $sex AND best AND value_type = 'item' GROUP BY entity HAVING count(DISTINCT value) = 1
),
birth AS (
    SELECT entity, min(year) AS year
    FROM (
        SELECT entity, regexp_extract(value, '^[+-]\d+')::BIGINT AS year, split_part(value, '/', 2)::INTEGER AS precision
        FROM claim WHERE property = $birth AND best AND value_type = 'time'
    )
    GROUP BY entity HAVING min(precision) >= 8 AND max(year) - min(year) <= $close_births
)
SELECT entity AS value, sex, year * 372 AS born FROM person LEFT JOIN sex USING (entity) LEFT JOIN birth USING (entity);

-- Classes of a value: P31, its own superclasses, two steps up, and its vocabulary in the lexicon. Classes of nearly
-- everything compare nothing. The class of a person is the sex, if the birth is known as well.
-- Values of own knowledge are compared with others of their relation and entity type.
CREATE TEMP TABLE value_class AS
WITH direct AS (
    SELECT entity AS value, value AS class, property FROM claim
    WHERE property IN ('P31', 'P279') AND best AND value_type = 'item' AND qualified = '' AND entity IN (SELECT value FROM item)
),
above AS (SELECT entity AS child, value AS class FROM claim WHERE property = 'P279' AND best AND value_type = 'item'),
one AS (SELECT d.value, a.class FROM direct d JOIN above a ON a.child = d.class),
two AS (SELECT o.value, a.class FROM one o JOIN above a ON a.child = o.class)
SELECT value, class
FROM (SELECT value, class FROM direct UNION FROM one UNION FROM two UNION FROM lexicon_class WHERE value IN (SELECT value FROM item)
      UNION SELECT value, $own FROM item JOIN asked USING (asked)
            WHERE starts_with(value, $own) OR (starts_with(value, 'Q') AND regexp_matches(property, '^[a-z]') AND property <> $name))
WHERE class NOT IN (SELECT class FROM generic_class) AND value NOT IN (SELECT value FROM person_value)
UNION ALL
SELECT value, concat_ws(' ', $human, sex) FROM person_value WHERE sex IS NOT NULL AND born IS NOT NULL;

-- A country is an option only if it exists today.
CREATE TEMP TABLE past_country AS
SELECT entity AS value FROM claim
WHERE property = 'P31' AND best AND qualified = ''
GROUP BY entity
HAVING bool_or(list_contains($past_countries, value)) AND NOT bool_or(value = $sovereign_state)
UNION SELECT item FROM same_region
UNION SELECT unnest($past_states);

-- Items whose answers can be compared with others.
CREATE TEMP TABLE comparable AS
WITH counted AS (SELECT asked, value, count(*) AS items FROM item GROUP BY ALL),
class_size AS (SELECT asked, class, sum(items) AS items FROM counted JOIN value_class USING (value) GROUP BY ALL),
-- The class of a value is the one that most answers share.
chosen AS (
    SELECT c.asked, c.value, arg_max(s.class, (s.items, s.class)) AS kind
    FROM counted c JOIN value_class v USING (value) JOIN class_size s ON s.asked = c.asked AND s.class = v.class
    WHERE c.value NOT IN (SELECT value FROM past_country) OR list_contains($regions_today, c.value)
    GROUP BY c.asked, c.value
    UNION ALL
    SELECT asked, value, kind FROM counted JOIN extent USING (value)
)
SELECT i.item, i.asked, i.hash, i.value, c.kind, s.split
FROM item i JOIN split s USING (image) JOIN chosen c ON c.asked = i.asked AND c.value = i.value
WHERE i.item NOT IN (SELECT item FROM dropped_item);
