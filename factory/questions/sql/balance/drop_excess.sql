-- Questions of the table `excess` are dropped.
INSERT INTO dropped_question SELECT item, variant, $reason FROM excess ORDER BY item, variant;
DELETE FROM drawn_question WHERE (item, variant) IN (SELECT (item, variant) FROM excess);
DROP TABLE excess;
