-- Questions of answers that have more than a quarter of all questions of a property, entity type, language and split. Answers
-- are compared by their names. Questions without options are dropped first.
CREATE OR REPLACE TEMP TABLE excess AS
WITH named AS (
    SELECT d.item, d.variant, d.wrong1 IS NULL AS is_open, n.id, i.asked, i.hash, v.language, s.split
    FROM drawn_question d JOIN item i USING (item) JOIN split s USING (image) JOIN variant v USING (variant)
    JOIN name n ON n.key = d.answer::BIGINT * 256 + d.variant
),
counted AS (SELECT asked, language, split, id, count(*) AS n FROM named GROUP BY ALL),
capped AS (
    SELECT asked, language, split, quota(list(n ORDER BY n DESC, id)) AS quota
    FROM counted GROUP BY ALL HAVING count(*) >= 4
)
SELECT item, variant
FROM (
    SELECT n.item, n.variant, q.quota,
           row_number() OVER (PARTITION BY n.asked, n.language, n.split, n.id
                              ORDER BY n.is_open, md5_number_lower(concat_ws('|', $seed, 'answer', n.hash)), n.item) AS place
    FROM named n JOIN capped q USING (asked, language, split)
)
WHERE place > quota;
