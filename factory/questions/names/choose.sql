-- Names of items in one language: the first label of its codes, then a conversion of Chinese, then the lexicon, then the
-- label for all languages. `CODE_LIST` and `LETTERS` are written in by value_names.py: constant patterns are
-- compiled once.

-- A region has a name of its own only where it differs.
CREATE OR REPLACE TEMP TABLE usual_name AS
SELECT value, text FROM value_text WHERE $region <> '' AND language = $language AND region = '';

INSERT INTO value_text (value, language, region, text, source)
WITH candidate AS (
    SELECT entity AS value, text, language AS code, CASE WHEN source = 'cldr' THEN source ELSE language END AS origin,
           CASE WHEN language = 'mul' THEN 1000 ELSE list_position([CODE_LIST], language) END AS priority
    FROM label SEMI JOIN named_item ON value = entity
    WHERE language IN (CODE_LIST, 'mul')
    UNION ALL
    SELECT value, text, '', source, 100 FROM converted_label WHERE language = $language AND region = $region
    UNION ALL
    SELECT value, text, '', source, priority FROM lexicon SEMI JOIN named_item USING (value) WHERE language = $lexicon
),
fitting AS (
    FROM candidate
    WHERE CASE WHEN NOT regexp_matches(text, '[^\P{L}LETTERS]') THEN true
               ELSE length(regexp_replace(text, '[\P{L}LETTERS]+', '', 'g')) * 2
                    <= length(regexp_replace(text, '\P{L}+', '', 'g')) END
),
chosen AS (
    SELECT value, arg_min(struct_pack(t := text, code := code, origin := origin), priority) AS best
    FROM fitting GROUP BY value
),
-- One step per subquery: a macro that is given an expression evaluates it several times. MATERIALIZED saves planning time.
shown AS MATERIALIZED (SELECT value, best.origin AS origin, best.code AS code, visible(best.t) AS text FROM chosen),
even AS (SELECT * EXCLUDE (text), with_plain_apostrophe(text) AS text FROM shown),
plain AS (SELECT * EXCLUDE (text), unquoted(text) AS text FROM even),
bare AS (
    SELECT p.* EXCLUDE (text), without_brackets(text, coalesce(b.is_disambiguator, true), $language = 'zh') AS text
    FROM plain p LEFT JOIN bracket_rule b USING (value)
),
written AS MATERIALIZED (
    SELECT t.value, origin,
           CASE WHEN n.is_class AND lower(t.text) = lower(x.text) THEN x.text
                WHEN $lowers AND n.is_common THEN lower_first(t.text, $dotless)
                WHEN $surname_first AND n.is_person THEN given_name_first(t.text)
                WHEN c.value IS NOT NULL THEN without_containing_place(t.text)
                ELSE t.text END AS text
    FROM bare t
    JOIN named_item n USING (value)
    LEFT JOIN comma_rule c ON c.value = t.value AND c.code = t.code
    LEFT JOIN lexicon x ON x.value = t.value AND x.language = $lexicon AND x.source = 'lexicon'
)
SELECT value, $language, $region, text, origin FROM written
WHERE text <> '' AND NOT EXISTS (
    FROM usual_name u WHERE u.value = written.value AND u.text = written.text
);
