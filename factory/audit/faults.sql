-- Rows with faults. `subject` and language are part of every key: languages that share a text are no fault.
CREATE TABLE fault (fault VARCHAR, property VARCHAR, id VARCHAR, faults BIGINT);

-- Rows that ask the same thing about an image. Only their keys are kept: a text is much longer than its hash.
CREATE TABLE repeated AS
SELECT key, min(property) AS property, max(copies) - 1 AS more, min(first_id) AS id, sum(copies - 1)::BIGINT AS again,
       min(low) <> max(high) AS differ
FROM (
    SELECT hash(subject, language, question) AS key, min(property) AS property, count(*) AS copies,
           min(id) AS first_id, min(answer) AS low, max(answer) AS high
    FROM row GROUP BY hash(subject, language, question), question_type
)
GROUP BY key HAVING more > 0 OR differ;
INSERT INTO fault SELECT 'duplicate rows', property, id, again FROM repeated WHERE more > 0;

CREATE TABLE differing AS
SELECT hash(subject, language, question) AS key, id, property, answer, answers
FROM row WHERE hash(subject, language, question) IN (SELECT key FROM repeated WHERE differ);
INSERT INTO fault
SELECT 'contradictory rows', property, id, 1 FROM differing one
WHERE EXISTS (FROM differing other WHERE other.key = one.key AND NOT list_contains(one.answers, other.answer));

CREATE TABLE shared AS
SELECT hash(subject, language, property) AS key FROM row GROUP BY 1 HAVING min(answer) <> max(answer);
CREATE TABLE sharing AS
SELECT hash(subject, language, property) AS key, id, property, question_type, answers, choices
FROM row WHERE hash(subject, language, property) IN (FROM shared);
INSERT INTO fault
SELECT 'wrong options that are right elsewhere', property, id, 1 FROM sharing one
WHERE question_type = 'choice' AND EXISTS (
    FROM sharing other WHERE other.key = one.key
    AND len(list_filter(one.choices, lambda o: list_contains(other.answers, o) AND NOT list_contains(one.answers, o))) > 0
);

-- Faults of a single row, in one pass.
INSERT INTO fault
WITH lowered AS (
    SELECT property, id, question_type, choices, answer, sentence, folded(question) AS question,
           folded(answer) AS low_answer,
           list_transform(choices, lambda o: folded(o)) AS options,
           CASE WHEN question_type = 'choice' THEN list_transform(list_append(answers, answer), lambda a: folded(a)) END
               AS right_ones
    FROM row
),
found AS (
    SELECT property, id, unnest([
        -- The answer itself is one of the options that equal a right answer.
        CASE WHEN question_type = 'choice'
             AND len(list_filter(options, lambda o: list_contains(right_ones, o))) > list_contains(choices, answer)::INTEGER
             THEN 'wrong options that equal a right answer' END,
        CASE WHEN question_type = 'choice' AND list_unique(options) < len(options) THEN 'equal options' END,
        CASE WHEN question_type = 'choice' AND NOT list_contains(choices, answer)
             THEN 'choice questions without their answer' END,
        CASE WHEN low_answer <> '' AND contains(question, low_answer) THEN 'answers in the question' END,
        CASE WHEN sentence <> '' AND NOT contains(folded(sentence), low_answer) THEN 'sentences without the answer' END,
        CASE WHEN low_answer = '' OR question = '' THEN 'empty answers or questions' END
    ]) AS fault
    FROM lowered
)
SELECT fault, property, id, 1 FROM found WHERE fault IS NOT NULL;
