-- Further names in the languages of the table `naming`: labels in all codes of a language, and CLDR's and checked names,
-- that differ from the name shown.
INSERT INTO other_text (value, language, text)
WITH candidate AS (
    SELECT l.entity AS value, c.language, l.text
    FROM (
        FROM label SEMI JOIN named_item ON value = entity
        WHERE language IN (CODE_LIST) OR (contains(language, $also) AND split_part(language, $also, 1) IN (CODE_LIST))
    ) l
    JOIN naming_code c ON c.code = split_part(l.language, $also, 1)
    UNION
    SELECT value, n.language, text
    FROM lexicon x JOIN naming n ON x.language = n.lexicon SEMI JOIN named_item USING (value)
    WHERE source <> 'lexicon-model'
),
-- Most labels are the name that is shown: to clean them again would take longer than all else.
fitting AS MATERIALIZED (
    SELECT c.* FROM candidate c JOIN value_text t ON t.value = c.value AND t.language = c.language AND t.region = ''
    WHERE lower(c.text) <> lower(t.text) AND NOT regexp_matches(c.text, '[^\P{L}LETTERS]')
),
-- One step per subquery: a macro that is given an expression evaluates it several times. Without MATERIALIZED, DuckDB moves
-- conditions into the macros: planning then takes more time than running.
seen AS MATERIALIZED (SELECT value, language, visible(text) AS text FROM fitting),
shown AS MATERIALIZED (SELECT value, language, unquoted(text) AS text FROM seen),
bare AS MATERIALIZED (
    SELECT DISTINCT s.value, s.language,
           without_brackets(s.text, coalesce(b.is_disambiguator, true), $is_chinese) AS text
    FROM shown s LEFT JOIN bracket_rule b USING (value)
)
SELECT b.value, b.language, b.text
FROM bare b JOIN value_text t ON t.value = b.value AND t.language = b.language AND t.region = ''
WHERE b.text <> '' AND lower(b.text) <> lower(t.text) AND NOT contains(b.text, ', ')
  -- A blank in place of a joiner is a spelling that broke: it happens to Sinhala and Persian.
  AND NOT (regexp_matches(t.text, '[\x{200C}\x{200D}]')
           AND regexp_replace(b.text, '[ \x{200C}\x{200D}]', '', 'g') = regexp_replace(t.text, '[ \x{200C}\x{200D}]', '', 'g'));
