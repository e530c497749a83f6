-- Names of items in the languages of the table `naming`: the first label of a language's codes, then a conversion of
-- Chinese, then the lexicon, then the label for all languages. `CODE_LIST` and `LETTERS` are written in by value_names.py:
-- constant patterns are compiled once.

-- A region has a name of its own only where it differs.
CREATE OR REPLACE TEMP TABLE usual_name AS
SELECT value, language, text FROM value_text SEMI JOIN naming USING (language) WHERE $region <> '' AND region = '';

INSERT INTO value_text (value, language, region, text, source)
WITH candidate AS (
    SELECT l.entity AS value, c.language, l.text, c.code,
           CASE WHEN l.source = 'cldr' THEN l.source ELSE c.code END AS origin, c.priority
    FROM (FROM label SEMI JOIN named_item ON value = entity WHERE language IN (CODE_LIST, 'mul')) l
    JOIN naming_code c ON c.code = l.language
    UNION ALL
    SELECT value, language, text, '', source, 100 FROM converted_label SEMI JOIN naming USING (language, region)
    UNION ALL
    SELECT value, n.language, text, '', source, priority
    FROM lexicon x JOIN naming n ON x.language = n.lexicon SEMI JOIN named_item USING (value)
),
fitting AS (
    FROM candidate
    WHERE CASE WHEN NOT regexp_matches(text, '[^\P{L}LETTERS]') THEN true
               ELSE length(regexp_replace(text, '[\P{L}LETTERS]+', '', 'g')) * 2
                    <= length(regexp_replace(text, '\P{L}+', '', 'g')) END
),
chosen AS (
    SELECT value, language, arg_min(struct_pack(t := text, code := code, origin := origin), priority) AS best
    FROM fitting GROUP BY value, language
),
-- One step per subquery: a macro that is given an expression evaluates it several times. MATERIALIZED saves planning time.
shown AS MATERIALIZED (
    SELECT value, language, best.origin AS origin, best.code AS code, visible(best.t) AS text FROM chosen
),
even AS (SELECT * EXCLUDE (text), with_plain_apostrophe(text) AS text FROM shown),
plain AS (SELECT * EXCLUDE (text), unquoted(text) AS text FROM even),
bare AS (
    SELECT p.* EXCLUDE (text), without_brackets(text, coalesce(b.is_disambiguator, true), $is_chinese) AS text
    FROM plain p LEFT JOIN bracket_rule b USING (value)
),
written AS MATERIALIZED (
    SELECT t.value, t.language, origin,
           CASE WHEN n.is_class AND lower(t.text) = lower(x.text) THEN x.text
                WHEN l.lowers AND n.is_common THEN lower_first(t.text, l.dotless)
                WHEN l.surname_first AND n.is_person THEN given_name_first(t.text)
                WHEN c.value IS NOT NULL THEN without_containing_place(t.text)
                ELSE t.text END AS text
    FROM bare t
    JOIN naming l USING (language)
    JOIN named_item n USING (value)
    LEFT JOIN comma_rule c ON c.value = t.value AND c.code = t.code
    LEFT JOIN lexicon x ON x.value = t.value AND x.language = l.lexicon AND x.source = 'lexicon'
)
SELECT value, language, $region, text, origin FROM written
WHERE text <> '' AND NOT EXISTS (
    FROM usual_name u WHERE u.value = written.value AND u.language = written.language AND u.text = written.text
);
