-- Names by number. Comparisons of numbers take a tenth of the time of comparisons of texts.

INSERT INTO value_number
SELECT value, (row_number() OVER (ORDER BY value) - 1)::INTEGER FROM (SELECT DISTINCT value FROM value_text);

-- A variant has its own names where they differ, and the language's names otherwise.
INSERT INTO value_name
SELECT n.number::BIGINT * 256 + v.variant, t.text, t.source = $by_model
FROM variant v JOIN value_text t ON t.language = v.language AND t.region = v.region JOIN value_number n USING (value)
UNION ALL
SELECT n.number::BIGINT * 256 + v.variant, t.text, t.source = $by_model
FROM variant v
JOIN value_text t ON t.language = v.language AND t.region = ''
ANTI JOIN value_text r ON r.value = t.value AND r.language = v.language AND r.region = v.region
JOIN value_number n ON n.value = t.value
WHERE v.region <> '';

-- Equal names have equal ids, whatever their letter case.
CREATE TEMP TABLE name AS
SELECT key, by_model, (key // 256)::INTEGER AS number, (key % 256)::INTEGER AS variant, lower(text) AS text,
       dense_rank() OVER (ORDER BY lower(text))::INTEGER AS id
FROM value_name;

INSERT INTO other_name
SELECT DISTINCT n.number::BIGINT * 256 + v.variant, o.text
FROM other_text o JOIN variant v ON v.language = o.language AND v.region = '' JOIN value_number n USING (value);

-- Other names of a value that another value is shown with: they are no wrong options for it.
CREATE TEMP TABLE collision AS
SELECT DISTINCT (o.key // 256)::INTEGER AS number, n.variant, n.id
FROM other_name o JOIN name n ON n.text = lower(o.text) AND n.variant = o.key % 256
WHERE n.number <> o.key // 256;
