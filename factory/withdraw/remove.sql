-- Removal of what find.sql has found. Everything is counted as rejected.

-- Questions.
INSERT INTO rejection (stage, item, reason, items)
SELECT 'questions', concat_ws(' ', a.property, v.language), $withdrawn, sum(g.questions)
FROM gone_question g JOIN item i USING (item) JOIN asked a USING (asked) JOIN variant v USING (variant)
GROUP BY a.property, v.language ORDER BY ALL;
UPDATE stage SET kept = kept - (SELECT coalesce(sum(questions), 0) FROM gone_question) WHERE name = 'questions';
DELETE FROM drawn_question WHERE item IN (SELECT item FROM gone_item);
UPDATE drawn_question SET wrong1 = NULL, wrong2 = NULL, wrong3 = NULL
WHERE (item, variant) IN (SELECT (item, variant) FROM gone_question WHERE NOT whole);
DELETE FROM item WHERE item IN (SELECT item FROM gone_item);
-- Rewritten texts are kept when a stage starts over, with the names of values.
DELETE FROM rewrite WHERE key IN (SELECT key FROM refinement WHERE item IN (SELECT item FROM gone_item))
                      AND key NOT IN (SELECT key FROM refinement WHERE item NOT IN (SELECT item FROM gone_item));
DELETE FROM refinement WHERE item IN (SELECT item FROM gone_item);

-- Images. The next build looks for others in their place.
INSERT INTO rejection (stage, unit, item, reason)
SELECT 'images', 'file', entity || ' ' || title, $not_replaced FROM gone_pair WHERE entity NOT IN (SELECT unnest($entities::VARCHAR[])) ORDER BY ALL;
INSERT INTO rejection (stage, item, reason)
SELECT DISTINCT 'images', entity, $no_image FROM gone_pair
WHERE entity NOT IN (SELECT unnest($entities::VARCHAR[])) AND entity NOT IN (SELECT entity FROM entity_image ANTI JOIN gone_pair USING (entity, image));
DELETE FROM entity_image WHERE (entity, image) IN (SELECT (entity, image) FROM gone_pair);
DELETE FROM image WHERE image IN (SELECT image FROM gone_file);
DELETE FROM split WHERE image IN (SELECT image FROM gone_file);
DELETE FROM image_signature WHERE image IN (SELECT image FROM gone_file);
-- Answers about images are kept when a stage starts over, with the names of entities.
DELETE FROM relevance_answer WHERE image IN (SELECT image FROM gone_file) OR entity IN (SELECT unnest($entities::VARCHAR[]));
DELETE FROM relevance WHERE image IN (SELECT image FROM gone_file) OR entity IN (SELECT unnest($entities::VARCHAR[]));

-- Claims. Those of images go. Others stay as limits: a withdrawn value is no answer, but it may be right, so it is no
-- wrong option.
INSERT INTO rejection (stage, unit, item, reason, detail)
SELECT 'select', 'claim', entity || ' ' || property, $withdrawn, value FROM gone_claim WHERE entity NOT IN (SELECT unnest($entities::VARCHAR[])) ORDER BY ALL;
DELETE FROM claim WHERE list_contains($image_properties, property)
                    AND (entity, property, ordinal) IN (SELECT (entity, property, ordinal) FROM gone_claim);
UPDATE claim SET qualified = g.word FROM gone_claim g
WHERE g.entity = claim.entity AND g.property = claim.property AND g.ordinal = claim.ordinal;

-- Rows of own knowledge. A new reading of the files brings back what has left the list.
DELETE FROM statement WHERE entity IN (SELECT unnest($entities::VARCHAR[]))
    OR (entity, property, value) IN (SELECT (entity, property, value) FROM gone_claim)
    OR list_contains($licenses, license_code || chr(31) || license)
    -- An image that the stage images has rejected is in no pair.
    OR (property = $photo AND (as_title(value) IN (SELECT unnest($files::VARCHAR[]))
                               OR (entity, value) IN (SELECT (entity, title) FROM gone_pair)));

-- Entities. The caller demotes the selected ones.
INSERT INTO rejection (stage, unit, item, reason) SELECT 'select', 'value', entity, $withdrawn FROM gone_entity WHERE NOT selected ORDER BY ALL;
DELETE FROM label WHERE entity IN (SELECT entity FROM gone_entity);
DELETE FROM value_name WHERE key // 256 IN (SELECT number FROM gone_number);
DELETE FROM other_name WHERE key // 256 IN (SELECT number FROM gone_number);
DELETE FROM value_text WHERE value IN (SELECT unnest($entities::VARCHAR[]));
