-- Choice questions of a property, entity type and language: some answers have no name there, or no three wrong options.
-- Answers are compared by their names.
CREATE OR REPLACE TEMP VIEW counted_answer AS
SELECT d.item, d.variant, i.asked, '' AS kind, v.language, '' AS split, n.id AS answer, false AS is_open, i.hash
FROM drawn_question d JOIN item i USING (item) JOIN variant v USING (variant)
JOIN name n ON n.key = d.answer::BIGINT * 256 + d.variant WHERE d.wrong1 IS NOT NULL;
