-- What has an answer with more than a quarter of its group in the view `counted_answer`: all beyond the quota of the answer, in an
-- order by hash.
CREATE OR REPLACE TEMP TABLE excess AS
WITH asked_rows AS MATERIALIZED (FROM counted_answer),
counted AS (SELECT asked, kind, language, split, answer, count(*) AS n FROM asked_rows GROUP BY ALL),
capped AS (
    SELECT asked, kind, language, split, quota(list(n ORDER BY n DESC, answer)) AS quota
    FROM counted GROUP BY ALL HAVING count(*) >= 4
)
SELECT item, variant
FROM (
    SELECT r.item, r.variant, q.quota,
           row_number() OVER (PARTITION BY r.asked, r.kind, r.language, r.split, r.answer
                              ORDER BY r.is_open, md5_number_lower(concat_ws('|', $seed, 'answer', r.hash)), r.item) AS place
    FROM asked_rows r JOIN capped q USING (asked, kind, language, split)
)
WHERE place > quota;
DROP VIEW counted_answer;
