-- What a list of withdrawals concerns in the store, in temporary tables. A second run finds nothing.

-- Titles as Commons compares them.
CREATE OR REPLACE TEMP MACRO as_title(t) AS upper(left(replace(t, '_', ' '), 1)) || substr(replace(t, '_', ' '), 2);

-- Images by title, content or license. A renamed file has the title of the claim beside its own.
CREATE OR REPLACE TEMP TABLE gone_image AS
SELECT image FROM image
WHERE as_title(file) IN (SELECT unnest($files::VARCHAR[])) OR image IN (SELECT unnest($images::VARCHAR[])) OR sha1 IN (SELECT unnest($originals::VARCHAR[]))
   OR list_contains($licenses, license_code || chr(31) || license)
UNION
SELECT image FROM entity_image WHERE title <> '' AND as_title(title) IN (SELECT unnest($files::VARCHAR[]));

-- Entities. Those that are values only keep neither names nor claims that name them.
CREATE OR REPLACE TEMP TABLE gone_entity AS
SELECT entity, selected FROM entity
WHERE entity IN (SELECT unnest($entities::VARCHAR[])) AND (selected OR entity IN (SELECT entity FROM label));

-- Claims that rows of own knowledge under a withdrawn license state.
CREATE OR REPLACE TEMP TABLE gone_statement AS
SELECT DISTINCT entity, property, value FROM statement
WHERE property <> $photo AND list_contains($licenses, license_code || chr(31) || license);

-- Claims, and those whose value is a withdrawn entity: they still link to a region and tell a type.
CREATE OR REPLACE TEMP TABLE gone_claim AS
SELECT entity, property, ordinal, value, min(word) AS word
FROM (
    SELECT c.entity, c.property, c.ordinal, c.value, $withdrawn AS word
    FROM claim c JOIN listed_claim l ON l.entity = c.entity AND l.property = c.property
    WHERE c.qualified <> $withdrawn
      AND (l.value IN ('', c.value) OR (list_contains($image_properties, c.property) AND as_title(l.value) = as_title(c.value)))
    UNION ALL
    SELECT entity, property, ordinal, value, $withdrawn FROM claim SEMI JOIN gone_statement USING (entity, property, value)
    WHERE qualified <> $withdrawn
    UNION ALL
    SELECT entity, property, ordinal, value, $withdrawn_value FROM claim
    WHERE value_type = 'item' AND qualified NOT IN ($withdrawn, $withdrawn_value)
      AND value IN (SELECT unnest($entities::VARCHAR[]))
)
GROUP BY ALL;

-- Images that entities lose.
CREATE OR REPLACE TEMP TABLE gone_pair AS
SELECT e.entity, e.image, CASE WHEN e.title = '' THEN i.file ELSE e.title END AS title
FROM entity_image e JOIN image i USING (image)
WHERE e.image IN (SELECT image FROM gone_image)
   OR e.entity IN (SELECT unnest($entities::VARCHAR[]))
   OR EXISTS (
       FROM gone_claim g WHERE g.entity = e.entity
       AND ((list_contains($photo_properties, g.property) AND as_title(g.value) IN (as_title(e.title), as_title(i.file)))
            OR (list_contains($category_properties, g.property) AND e.via = 'category')));

-- Files that no entity has any more.
CREATE OR REPLACE TEMP TABLE gone_file AS
SELECT image, path FROM image
WHERE image IN (SELECT image FROM gone_pair)
  AND image NOT IN (SELECT image FROM entity_image ANTI JOIN gone_pair USING (entity, image));

-- Facts of images: about an image or an entity, with a withdrawn value, or with a step that is withdrawn.
CREATE OR REPLACE TEMP TABLE gone_item AS
SELECT item FROM item
WHERE (image, entity) IN (SELECT (image, entity) FROM gone_pair)
   OR entity IN (SELECT unnest($entities::VARCHAR[]))
UNION
SELECT item FROM (SELECT item, unnest(right_values || more_values) AS value FROM item)
WHERE value IN (SELECT unnest($entities::VARCHAR[]))
UNION
SELECT i.item FROM item i JOIN asked a USING (asked) JOIN gone_claim g ON g.entity = i.entity AND g.property = a.first_step
WHERE a.second_step IS NOT NULL OR list_contains(i.right_values, g.value)
UNION
SELECT i.item
FROM item i JOIN asked a USING (asked)
JOIN claim c ON c.entity = i.entity AND c.property = a.first_step
JOIN gone_claim g ON g.entity = c.value AND g.property = a.second_step
WHERE list_contains(i.right_values, g.value);

CREATE OR REPLACE TEMP TABLE gone_number AS
SELECT number FROM value_number WHERE value IN (SELECT unnest($entities::VARCHAR[]));

-- Questions that go. Choice questions with a withdrawn option become open ones.
CREATE OR REPLACE TEMP TABLE gone_question AS
SELECT d.item, d.variant, g.item IS NOT NULL AS whole,
       CASE WHEN g.item IS NULL THEN 1 ELSE 1 + (d.wrong1 IS NOT NULL)::INTEGER END AS questions
FROM drawn_question d LEFT JOIN gone_item g USING (item)
WHERE g.item IS NOT NULL OR d.wrong1 IN (SELECT number FROM gone_number)
   OR d.wrong2 IN (SELECT number FROM gone_number) OR d.wrong3 IN (SELECT number FROM gone_number);
