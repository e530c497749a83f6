-- Rows with what the audit groups by. Texts are compared in lower case, and `subject` is what the rows of one image
-- share: its languages and wordings are asked about the same thing.
CREATE VIEW row AS
SELECT id, split, question_type, language, property, entity, image, question, answer, answers, choices, template,
       sentence,
       CASE WHEN image = '' THEN entity ELSE image END AS subject,
       CASE WHEN entity_type <> '' THEN entity_type
            ELSE regexp_extract(template, '/([^/]*)(/ask)?/[0-9]+$', 1) END AS entity_type,
       language IN (FROM held_out) AS held_out
FROM file_row;

-- A part of the images, which depends on the seed and the image only.
CREATE MACRO part_of(subject, parts) AS
    (md5_number((SELECT seed FROM seed) || '|' || subject) % parts::UHUGEINT)::INTEGER;

-- Texts that a reader takes for the same. Those of one byte a character are normalized already.
CREATE MACRO folded(text) AS lower(trim(CASE WHEN strlen(text) = length(text) THEN text ELSE nfc_normalize(text) END));
