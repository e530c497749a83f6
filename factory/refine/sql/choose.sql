-- Open questions to rewrite: those with the smallest hashes.
CREATE OR REPLACE TEMP TABLE chosen AS
SELECT item, variant
FROM (
    SELECT d.item, d.variant, (md5_number_lower(concat_ws('|', i.hash, v.language, v.region)) >> 1)::BIGINT AS draw
    FROM drawn_question d JOIN item i USING (item) JOIN asked a USING (asked) JOIN split s USING (image) JOIN variant v USING (variant)
    WHERE list_contains($splits, s.split) AND (len($languages::VARCHAR[]) = 0 OR list_contains($languages::VARCHAR[], v.language))
      AND (len($regions::VARCHAR[]) = 0 OR list_contains($regions::VARCHAR[], i.region))
      AND (len($properties::VARCHAR[]) = 0 OR list_contains($properties::VARCHAR[], a.property))
)
WHERE draw < $below
-- LIMIT
;
