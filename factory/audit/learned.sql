-- Guessers that see only the text of a choice question. Each gives every option a key and chooses the highest one.
-- Where several options share it, the guesser has a part of the point: credits are 60ths, so that sums are exact.

CREATE VIEW choice AS
SELECT * FROM row WHERE question_type = 'choice' AND len(choices) > 1 AND list_contains(choices, answer);

-- Languages with rows of train, and of test or unseen, are learned on train. The others are learned on four fifths of
-- their images and tested on the fifth one, five times.
CREATE TABLE method AS
SELECT language, bool_or(split = 'train') AND bool_or(split IN ('test', 'unseen')) AS by_split
FROM choice GROUP BY language;

CREATE VIEW learned_row AS
SELECT c.*, CASE WHEN by_split THEN -1 ELSE part_of(subject, 5) END AS fold
FROM choice c JOIN method USING (language) WHERE NOT by_split OR split = 'train';

CREATE VIEW tested_row AS
SELECT c.*, CASE WHEN by_split THEN -1 ELSE part_of(subject, 5) END AS fold
FROM choice c JOIN method USING (language) WHERE NOT by_split OR split IN ('test', 'unseen');

-- Share of the most frequent answer among the questions that a reader of the text cannot tell apart. Options cannot
-- hide a value that is the answer more often than one of the options would be by chance.
CREATE TABLE cell AS
SELECT property, language, entity_type, max(answers) AS most, sum(answers)::BIGINT AS questions
FROM (SELECT property, language, entity_type, answer, count(*) AS answers FROM choice GROUP BY ALL)
GROUP BY ALL;

-- How often each option was right and offered; `own` is what the cross-validation leaves out.
CREATE TABLE own AS
SELECT fold, language, property, entity_type, option, count(*) FILTER (option = answer) AS times_right,
       count(*) AS times_offered
FROM (SELECT fold, language, property, entity_type, answer, unnest(choices) AS option FROM learned_row)
GROUP BY ALL;

CREATE TABLE known AS
SELECT language, property, entity_type, option, sum(times_right)::BIGINT AS times_right,
       sum(times_offered)::BIGINT AS times_offered
FROM own GROUP BY ALL;
DELETE FROM own WHERE fold < 0;

-- Answers of the same set of options.
CREATE TABLE own_set AS
SELECT fold, hash(language, property, list_sort(choices)) AS options, answer, count(*) AS times
FROM learned_row GROUP BY ALL;
CREATE TABLE known_set AS SELECT options, answer, sum(times)::BIGINT AS times FROM own_set GROUP BY ALL;
DELETE FROM own_set WHERE fold < 0;
