-- Questions to ask the guessers.
CREATE TABLE asked AS
SELECT row_number() OVER (ORDER BY id) AS number, id, fold, language, property, entity_type, entity, subject, held_out,
       question, choices, answer, len(choices) AS options, greatest(most / questions, 1 / len(choices)) AS floor,
       most / questions <= 1 / len(choices) AS even
FROM tested_row JOIN cell USING (property, language, entity_type)
WHERE $parts >= 1000000 OR part_of(subject, 1000000) < $parts;
