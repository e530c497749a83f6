-- Items that can have wrong options, by their kind.
CREATE OR REPLACE TEMP VIEW counted_answer AS
SELECT item, 0 AS variant, asked, kind, '' AS language, split, value AS answer, false AS is_open, hash FROM comparable;
