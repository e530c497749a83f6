-- Items without a name: one row per item and reason, for all languages. A set of languages is a number with a bit for each:
-- most items lack the same languages, and a set's text is made once.
INSERT INTO rejection (stage, item, reason, detail, items, unit)
WITH spoken AS (SELECT DISTINCT 1::HUGEINT << number AS bit, language FROM named_language),
named AS (
    SELECT value, bit_or(bit) AS bits FROM value_text JOIN spoken USING (language) WHERE region = '' GROUP BY value
),
labeled AS (
    SELECT entity AS value, bit_or(1::HUGEINT << number) AS bits FROM label JOIN named_language ON code = label.language
    WHERE entity IN (SELECT value FROM named_item) GROUP BY entity
),
lacking AS (
    SELECT i.value, i.is_read, coalesce(l.bits, 0) AS labels, (SELECT bit_or(bit) FROM spoken) & ~coalesce(n.bits, 0) AS bits
    FROM named_item i LEFT JOIN named n USING (value) LEFT JOIN labeled l USING (value)
),
unnamed AS (
    SELECT value, $not_read AS reason, bits FROM lacking WHERE NOT is_read
    UNION ALL SELECT value, $no_label, bits & ~labels FROM lacking WHERE is_read
    UNION ALL SELECT value, $foreign_script, bits & labels FROM lacking WHERE is_read
),
written AS (
    SELECT bits, string_agg(language, ' ' ORDER BY language) AS languages
    FROM (SELECT DISTINCT bits FROM unnamed) JOIN spoken ON bits & bit <> 0 GROUP BY bits
)
SELECT 'questions', value, reason, languages, bit_count(bits), 'name' FROM unnamed JOIN written USING (bits);
