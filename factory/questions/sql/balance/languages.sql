-- Questions of each language.
SELECT v.language, (count(*) + count(d.wrong1))::BIGINT
FROM drawn_question d JOIN item i USING (item) JOIN split s USING (image) JOIN variant v USING (variant)
WHERE list_contains($splits, s.split)
GROUP BY v.language ORDER BY v.language
