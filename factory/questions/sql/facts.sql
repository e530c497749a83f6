-- The year of a day or month, for which it is an answer too.
CREATE OR REPLACE TEMP MACRO year_of(v) AS regexp_replace(v, '^([+-]\d+)-\d\d-\d\d(T[^/]*)/1[01]/', '\1-00-00\2/9/');

-- Facts: what each image can be asked about. Each step that drops facts counts them.

-- Entities with an image. The scope tells which variant of a language their region writes.
CREATE TEMP TABLE subject AS
WITH main_region AS (SELECT entity, arg_min(region, ordinal) AS region FROM entity_region GROUP BY entity)
SELECT e.entity, e.entity_type, e.life, r.region, coalesce(s.scope, 0) AS scope
FROM entity e JOIN main_region r USING (entity) LEFT JOIN region_scope s USING (region)
WHERE e.selected AND e.entity IN (SELECT entity FROM entity_image);

-- Entities whose name is not asked for: without a type, or with one that images hardly show.
INSERT INTO rejection (stage, unit, item, reason, detail)
SELECT 'questions', 'fact', concat_ws(' ', entity, $name), $name_not_asked, entity_type FROM subject
WHERE EXISTS (FROM asked WHERE property = $name)
  AND entity_type NOT IN (SELECT entity_type FROM asked WHERE property = $name);

-- Images of a person that show others as well, or a grave, by the name of the file: "this person" is unclear.
CREATE TEMP TABLE not_alone AS
SELECT i.entity, i.image, regexp_extract(lower(replace(m.file, '_', ' ')), $more_than_one, 1) AS word
FROM entity_image i JOIN subject s USING (entity) JOIN image m USING (image)
WHERE s.entity_type = 'person' AND word <> '';

INSERT INTO rejection (stage, unit, item, reason, detail)
SELECT 'questions', 'fact', concat_ws(' ', entity, left(image, 16)), $not_alone, word FROM not_alone;

-- Values of all ranks: the right ones, and those that are not right but no wrong options either. Past facts answer
-- questions about what does not change, such as an award.
CREATE TEMP TABLE fact_value AS
SELECT s.entity, a.asked, c.value, c.value_type, c.ordinal, c.best, c.qualified,
       c.best AND (c.qualified = '' OR (NOT a.state AND list_contains($past, c.qualified))) AS is_right,
       c.referenced OR NOT list_contains($referenced, c.value_type) AS has_source
FROM subject s JOIN asked a USING (entity_type) JOIN claim c ON c.entity = s.entity AND c.property = a.property
WHERE a.second_step IS NULL
UNION ALL
SELECT s.entity, a.asked, c2.value, c2.value_type, c1.ordinal * 1000 + c2.ordinal, c1.best AND c2.best,
       c1.qualified || c2.qualified, c1.best AND c2.best AND c1.qualified = '' AND c2.qualified = '',
       c2.referenced OR NOT list_contains($referenced, c2.value_type)
FROM asked a JOIN subject s USING (entity_type)
JOIN claim c1 ON c1.entity = s.entity AND c1.property = a.first_step
JOIN claim c2 ON c2.entity = c1.value AND c2.property = a.second_step
WHERE a.second_step IS NOT NULL
UNION ALL
SELECT s.entity, a.asked, s.entity, 'item', 0, true, '', true, true
FROM subject s JOIN asked a USING (entity_type) WHERE a.property = $name;

INSERT INTO rejection (stage, unit, item, reason, detail)
SELECT 'questions', 'fact', concat_ws(' ', entity, a.property), $qualified_only, string_agg(DISTINCT qualified, ', ' ORDER BY qualified)
FROM fact_value JOIN asked a USING (asked)
WHERE best GROUP BY entity, a.property HAVING NOT bool_or(is_right);
DELETE FROM fact_value WHERE (entity, asked) IN (SELECT (entity, asked) FROM fact_value GROUP BY ALL HAVING NOT bool_or(is_right));

-- Faith and ethnicity are not asked about people, and more is not asked about living people.
CREATE TEMP TABLE withheld AS
SELECT DISTINCT f.entity, f.asked, CASE WHEN a.sensitive AND a.entity_type = 'person' THEN $sensitive ELSE $private END AS reason
FROM fact_value f JOIN asked a USING (asked) JOIN subject s USING (entity)
WHERE (a.sensitive AND a.entity_type = 'person') OR (a.private AND s.life <> '' AND NOT $living_people);

INSERT INTO rejection (stage, unit, item, reason)
SELECT 'questions', 'fact', concat_ws(' ', entity, property), reason FROM withheld JOIN asked USING (asked);
DELETE FROM fact_value WHERE (entity, asked) IN (SELECT (entity, asked) FROM withheld);

-- Facts that are unclear for a reader, with the first reason.
CREATE TEMP TABLE unclear AS
SELECT entity, asked, arg_min(reason, priority) AS reason
FROM (
    -- A museum is an institution and a house: its dates and its owner are those of one of them.
    SELECT f.entity, f.asked, $institution AS reason, 1 AS priority
    FROM fact_value f JOIN asked a USING (asked) JOIN claim c ON c.entity = f.entity AND c.property = 'P31' AND c.best
    WHERE a.property IN ('P571', 'P1619', 'P127') AND a.entity_type = 'building' AND list_contains($institutions, c.value)
    UNION ALL
    -- "Amsterdam lies in Amsterdam": a city and its municipality have one name. Who is named after whom may be asked.
    SELECT f.entity, f.asked, $own_name, 2
    FROM fact_value f JOIN asked a USING (asked)
    JOIN label e ON e.entity = f.entity AND e.language = 'en'
    JOIN label v ON v.entity = f.value AND v.language = 'en' AND lower(v.text) = lower(e.text)
    WHERE f.is_right AND f.value_type = 'item' AND f.value <> f.entity AND a.property <> 'P138'
    UNION ALL
    -- The inception of a building on the day or in the month of its opening is the opening. Building takes longer.
    SELECT f.entity, f.asked, $opening, 3
    FROM fact_value f JOIN asked a USING (asked)
    JOIN fact_value o ON o.entity = f.entity AND o.value = f.value JOIN asked p ON p.asked = o.asked
    WHERE a.property = 'P571' AND a.entity_type = 'building' AND p.property = 'P1619' AND f.is_right AND o.is_right
      AND f.value_type = 'time' AND try_cast(split_part(f.value, '/', 2) AS INTEGER) >= 10
    UNION ALL
    -- "What type of building is this? An architectural structure": the type of the entity says as much.
    SELECT f.entity, f.asked, $only_broad, 4
    FROM fact_value f JOIN asked a USING (asked)
    WHERE a.property = 'P31' AND f.is_right
    GROUP BY f.entity, f.asked HAVING bool_and(list_contains($broad_classes, f.value))
)
GROUP BY entity, asked;

INSERT INTO rejection (stage, unit, item, reason)
SELECT 'questions', 'fact', concat_ws(' ', entity, property), reason FROM unclear JOIN asked USING (asked);
DELETE FROM fact_value WHERE (entity, asked) IN (SELECT (entity, asked) FROM unclear);

-- Extent of times (in units of a 372nd of a year) and of quantities, which a wrong option must be clear of.
CREATE TEMP TABLE extent AS
WITH part AS (
    SELECT value, value_type, split_part(value, '/', 2) AS kind,
           CASE WHEN value_type = 'time' THEN regexp_extract(value, '^([+-]\d+)-(\d\d)-(\d\d)', ['year', 'month', 'day']) END AS t
    FROM (SELECT DISTINCT value, value_type FROM fact_value WHERE value_type IN ('time', 'quantity'))
),
day AS (
    SELECT value, kind, kind::INTEGER AS precision, t.year::DOUBLE AS year,
           t.year::DOUBLE * 372 + greatest(t.month::INTEGER - 1, 0) * 31 + greatest(t.day::INTEGER - 1, 0) AS day
    FROM part WHERE value_type = 'time'
)
SELECT value, kind, CASE WHEN precision >= 9 THEN day WHEN precision = 8 THEN floor(year / 10) * 3720
                         ELSE (year - pow(10, 9 - precision)) * 372 END AS low,
       CASE WHEN precision >= 11 THEN day WHEN precision = 10 THEN day + 30 WHEN precision = 9 THEN day + 371
            WHEN precision = 8 THEN floor(year / 10) * 3720 + 3719 ELSE (year + pow(10, 9 - precision)) * 372 END AS high
FROM day
UNION ALL
SELECT value, kind, amount - $margin * abs(amount), amount + $margin * abs(amount)
FROM (SELECT value, kind, try_cast(split_part(value, '/', 1) AS DOUBLE) AS amount FROM part WHERE value_type = 'quantity')
WHERE amount IS NOT NULL;

-- One of several dates or heights is right only if they agree: 1889 and 31 March 1889.
CREATE TEMP TABLE contradiction AS
SELECT entity, asked
FROM (
    SELECT entity, asked, list({'low': low, 'high': high} ORDER BY high - low) AS extents,
           count(DISTINCT kind) FILTER (value_type = 'quantity') AS units
    FROM fact_value JOIN extent USING (value) WHERE is_right GROUP BY entity, asked HAVING count(*) > 1
)
WHERE units > 1 OR NOT list_bool_and(list_transform(extents, lambda x: x.low <= extents[1].low AND x.high >= extents[1].high))
UNION
-- Nothing opens before it exists.
SELECT f.entity, f.asked
FROM fact_value f JOIN asked a USING (asked) JOIN extent e USING (value)
JOIN fact_value o ON o.entity = f.entity JOIN asked p ON p.asked = o.asked JOIN extent x ON x.value = o.value
WHERE a.property = 'P571' AND p.property = 'P1619' AND f.is_right AND o.is_right AND e.low > x.high;

INSERT INTO rejection (stage, unit, item, reason)
SELECT 'questions', 'fact', concat_ws(' ', entity, property), $contradiction FROM contradiction JOIN asked USING (asked);
DELETE FROM fact_value WHERE (entity, asked) IN (SELECT (entity, asked) FROM contradiction);

-- A date or number without a source is wrong too often. It still contradicts others, and excludes wrong options.
CREATE TEMP TABLE unreferenced AS
SELECT entity, asked FROM fact_value GROUP BY entity, asked HAVING NOT bool_or(is_right AND has_source);

INSERT INTO rejection (stage, unit, item, reason)
SELECT 'questions', 'fact', concat_ws(' ', entity, property), $no_reference FROM unreferenced JOIN asked USING (asked);
DELETE FROM fact_value WHERE (entity, asked) IN (FROM unreferenced);
UPDATE fact_value SET is_right = false WHERE is_right AND NOT has_source;

-- What several right values lie in, belong to or are a kind of.
CREATE TEMP TABLE around AS
WITH RECURSIVE edge AS (
    SELECT entity AS child, value AS parent FROM claim
    WHERE property IN ('P131', 'P361', 'P17', 'P30', 'P279', 'P706', 'P276') AND value_type = 'item' AND best
      AND qualified IN ('', $country)
),
up(value, above, depth) AS (
    SELECT DISTINCT value, value, 0 FROM fact_value
    WHERE is_right AND value_type = 'item'
      AND (entity, asked) IN (SELECT (entity, asked) FROM fact_value WHERE is_right GROUP BY entity, asked HAVING count(*) > 1)
    UNION
    SELECT u.value, e.parent, u.depth + 1 FROM up u JOIN edge e ON e.child = u.above WHERE u.depth < 6
)
SELECT value, above, min(depth) AS depth FROM up GROUP BY value, above;

-- Of a whole and its part, the answer is the part, and the whole is right too. A city is also the whole of a building in
-- the same municipality: their claims can name different areas of one name.
CREATE TEMP TABLE whole AS
WITH several AS (
    SELECT f.entity, f.asked, f.value, e.entity_type AS type FROM fact_value f LEFT JOIN entity e ON e.entity = f.value
    WHERE is_right AND value IN (SELECT value FROM around)
),
pair AS (
    SELECT p.entity, p.asked, p.value AS part, p.type AS part_type, w.value AS whole, w.type AS whole_type
    FROM several p JOIN several w ON w.entity = p.entity AND w.asked = p.asked AND w.value <> p.value
),
above AS (
    SELECT DISTINCT p.* FROM pair p JOIN around a ON a.value = p.part AND a.above = p.whole
    ANTI JOIN around r ON r.value = p.whole AND r.above = p.part
    UNION
    SELECT DISTINCT p.* FROM pair p JOIN around a ON a.value = p.part AND a.depth > 0
    JOIN claim c ON c.entity = p.whole AND c.property = 'P131' AND c.best AND c.value = a.above AND c.qualified = ''
    WHERE p.part_type IN ('building', 'site') AND p.whole_type IN ('settlement', 'area')
)
SELECT DISTINCT entity, asked, whole AS value FROM above;
UPDATE fact_value SET is_right = false WHERE is_right AND (entity, asked, value) IN (FROM whole);

-- A fact: the right values, best first (the most precise date), and all values.
CREATE TEMP TABLE fact AS
SELECT (row_number() OVER (ORDER BY entity, asked) - 1)::INTEGER AS fact, entity, asked,
       list(value ORDER BY coalesce(high - low, 0), ordinal) FILTER (is_right) AS right_values,
       list(DISTINCT value) AS all_values,
       list(DISTINCT {'low': low, 'high': high}) FILTER (low IS NOT NULL) AS extents
FROM fact_value LEFT JOIN extent USING (value)
GROUP BY entity, asked;

-- Further right answers: the areas around an area, wholes of a part, and the year of a day.
CREATE TEMP TABLE more_value AS
WITH RECURSIVE up(fact, value, depth) AS (
    SELECT fact, unnest(right_values), 0 FROM fact JOIN asked USING (asked) WHERE property = 'P131'
    UNION
    SELECT u.fact, c.value, u.depth + 1
    FROM up u JOIN claim c ON c.entity = u.value AND c.property = 'P131' AND c.best AND c.qualified = ''
    WHERE u.depth < 6 AND c.value NOT IN (SELECT entity FROM claim WHERE property = 'P31' AND value = $sovereign_state)
)
SELECT fact, value, depth FROM up WHERE depth > 0
UNION ALL
SELECT fact, value, 1 FROM whole JOIN fact USING (entity, asked)
UNION ALL
SELECT fact, year_of(value), 1 FROM (SELECT fact, unnest(right_values) AS value FROM fact) WHERE year_of(value) <> value;

-- An image of two entities asks nothing on which they differ, and the rest once.
CREATE TEMP TABLE shared AS
SELECT i.image, a.property, min(i.entity) AS entity,
       count(DISTINCT list_sort(f.right_values)) = 1 AND count(*) = any_value(n.entities) AS agree
FROM (SELECT image, count(*) AS entities FROM entity_image GROUP BY image HAVING count(*) > 1) n
JOIN entity_image i USING (image) JOIN fact f USING (entity) JOIN asked a USING (asked)
GROUP BY i.image, a.property;

-- An item is a fact of an image. Its hash makes every random choice, so that an item does not depend on others.
INSERT INTO item
SELECT row_number() OVER (ORDER BY f.fact, i.image) - 1, f.fact, f.asked, i.image, f.entity, s.region, s.scope,
       (md5_number_lower(concat_ws('|', $seed, i.image, f.entity, a.property)) >> 1)::BIGINT, f.right_values[1], f.right_values, coalesce(m.more_values, [])
FROM fact f
LEFT JOIN (SELECT fact, list(DISTINCT value ORDER BY value) AS more_values FROM more_value GROUP BY fact) m USING (fact)
JOIN asked a USING (asked) JOIN subject s USING (entity) JOIN entity_image i USING (entity)
LEFT JOIN shared h ON h.image = i.image AND h.property = a.property
WHERE (h.image IS NULL OR (h.agree AND h.entity = f.entity)) AND (f.entity, i.image) NOT IN (SELECT (entity, image) FROM not_alone)
ORDER BY f.fact, i.image;

INSERT INTO rejection (stage, unit, item, reason)
SELECT 'questions', 'fact', concat_ws(' ', left(image, 16), property), $entities_differ FROM shared WHERE NOT agree;
