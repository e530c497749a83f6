-- All questions of a property, entity type, language and split. Answers are compared by their names. Questions without
-- options are dropped first.
CREATE OR REPLACE TEMP VIEW counted_answer AS
SELECT d.item, d.variant, i.asked, '' AS kind, v.language, s.split, n.id AS answer, d.wrong1 IS NULL AS is_open, i.hash
FROM drawn_question d JOIN item i USING (item) JOIN split s USING (image) JOIN variant v USING (variant)
JOIN name n ON n.key = d.answer::BIGINT * 256 + d.variant;
