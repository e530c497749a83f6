-- Questions of answers that have more than a quarter of the choice questions of a property, entity type and language: some
-- answers have no name there, or no three wrong options. Answers are compared by their names.
CREATE OR REPLACE TEMP TABLE excess AS
WITH choice AS (
    SELECT d.item, d.variant, n.id AS answer, i.asked, i.hash, v.language
    FROM drawn_question d JOIN item i USING (item) JOIN variant v USING (variant)
    JOIN name n ON n.key = d.answer::BIGINT * 256 + d.variant WHERE d.wrong1 IS NOT NULL
),
counted AS (SELECT asked, language, answer, count(*) AS n FROM choice GROUP BY ALL),
capped AS (
    SELECT asked, language, quota(list(n ORDER BY n DESC, answer)) AS quota
    FROM counted GROUP BY ALL HAVING count(*) >= 4
)
SELECT item, variant
FROM (
    SELECT c.item, c.variant, q.quota,
           row_number() OVER (PARTITION BY c.asked, c.language, c.answer
                              ORDER BY md5_number_lower(concat_ws('|', $seed, 'answer', c.hash)), c.item) AS place
    FROM choice c JOIN capped q USING (asked, language)
)
WHERE place > quota;
