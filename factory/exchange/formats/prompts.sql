-- The model's input and output of a question, as `Question.prompt` and `Question.target` write them. Four options are the
-- usual case, and spelling them out is twice as fast as a lambda.
CREATE OR REPLACE MACRO style_of(id, style) AS
    CASE WHEN style <> 'both' THEN style
         -- The last bit of the first byte of the hash, as in training.
         WHEN contains('13579bdf', sha256('answer style ' || id)[2]) THEN 'sentence' ELSE 'short' END;
CREATE OR REPLACE MACRO lettered(choices) AS
    CASE WHEN len(choices) = 4
         THEN concat(chr(10), 'A. ', choices[1], chr(10), 'B. ', choices[2],
                     chr(10), 'C. ', choices[3], chr(10), 'D. ', choices[4])
         WHEN len(choices) > 0
         THEN array_to_string(list_transform(choices, lambda text, i: chr(10) || chr(64 + i::INT) || '. ' || text), '')
         ELSE '' END;
CREATE OR REPLACE MACRO prompt(question, question_type, choices, instruction, style) AS
    concat(question, lettered(choices),
           CASE WHEN instruction <> '' AND (question_type = 'choice' OR style = 'short')
                THEN chr(10) || instruction ELSE '' END);
CREATE OR REPLACE MACRO reply(id, question_type, choices, answer, sentence, style) AS
    CASE WHEN question_type = 'choice'
         THEN coalesce(chr(64 + nullif(list_position(choices, answer), 0)),
                       error('broken row: the answer of ' || id || ' is not among its choices'))
         WHEN style = 'sentence' AND sentence <> '' THEN sentence ELSE answer END;
