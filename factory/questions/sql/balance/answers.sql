-- Items that can have wrong options, by their kind.
CREATE OR REPLACE TEMP VIEW answered AS
SELECT item, 0 AS variant, asked, kind, '' AS language, split, value AS answer, false AS is_open, hash FROM comparable;
