-- Rewritten questions that name an entity of their image keep the text of their template. Names that the template has are
-- allowed. In scripts without capitals, a name is also found inside a word.
CREATE OR REPLACE TEMP MACRO plain(t) AS trim(regexp_replace(lower(t), '[^\p{L}\p{M}\p{N}]+', ' ', 'g'));

UPDATE refinement SET reason = $names_entity
FROM (
    SELECT DISTINCT p.item, p.variant
    FROM (
        SELECT f.item, f.variant, i.entity, ' ' || plain(r.question) || ' ' AS question,
               ' ' || plain(w.asks[d.ask]) || ' ' AS template_question
        FROM refinement f JOIN rewrite r USING (key) JOIN item i USING (item)
        JOIN drawn_question d ON d.item = f.item AND d.variant = f.variant
        JOIN wording w ON w.asked = i.asked AND w.variant = f.variant
        WHERE f.reason = ''
    ) p
    JOIN (
        SELECT l.entity, c.variant, CASE WHEN c.cased THEN ' ' || plain(l.text) || ' ' ELSE plain(l.text) END AS name
        FROM label l JOIN label_code c ON c.code = l.language WHERE length(plain(l.text)) > 1
    ) n ON n.entity = p.entity AND n.variant = p.variant
    WHERE contains(p.question, n.name) AND NOT contains(p.template_question, n.name)
) named
WHERE refinement.item = named.item AND refinement.variant = named.variant AND refinement.reason = '';

DELETE FROM rejection WHERE stage = 'refine';

INSERT INTO rejection (stage, item, reason, items)
SELECT 'refine', concat_ws(' ', a.property, v.language), f.reason, count(*)
FROM refinement f JOIN item i USING (item) JOIN asked a USING (asked) JOIN variant v USING (variant)
WHERE f.reason <> '' GROUP BY a.property, v.language, f.reason ORDER BY ALL;
