-- Migration: further right names of values, such as Wikidata's label where CLDR's name is shown. They are answers too, and no
-- wrong option has such a name.
CREATE TABLE other_name (
    key BIGINT NOT NULL,                  -- as in value_name
    text VARCHAR NOT NULL
);

-- What is right besides the answers that are shown: less exact values, and other names.
CREATE OR REPLACE VIEW more_answers AS
SELECT fact, variant, list(text ORDER BY text) AS answers
FROM (
    SELECT i.fact, n.key % 256 AS variant, n.text
    FROM (SELECT DISTINCT fact, unnest(more_values) AS value FROM item WHERE len(more_values) > 0) i
    JOIN value_number v USING (value) JOIN value_name n ON n.key // 256 = v.number
    UNION
    SELECT i.fact, n.key % 256 AS variant, n.text
    FROM (SELECT DISTINCT fact, unnest(right_values || more_values) AS value FROM item) i
    JOIN value_number v USING (value) JOIN other_name n ON n.key // 256 = v.number
)
GROUP BY fact, variant;
