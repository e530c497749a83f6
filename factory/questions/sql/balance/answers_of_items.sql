-- All items of a property, entity type and split. Answers of a kind have at most a quarter of it already, so those that are
-- too frequent here are compared with no wrong option.
CREATE OR REPLACE TEMP VIEW counted_answer AS
SELECT item, 0 AS variant, asked, '' AS kind, '' AS language, split, value AS answer, false AS is_open, hash
FROM item JOIN split USING (image) WHERE item NOT IN (SELECT item FROM dropped_item);
