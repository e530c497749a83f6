-- An embedded image comes twice if rows give different contents for its path.
-- Content that is withdrawn under one path is withdrawn under all.
CREATE TABLE found_once AS
SELECT path, CASE WHEN bool_or(reason <> '') THEN '' ELSE any_value(image) END AS image, any_value(width) AS width,
       any_value(height) AS height, coalesce(max(nullif(reason, '')), '') AS reason
FROM (
    SELECT * REPLACE (CASE WHEN image = '' THEN reason ELSE max(reason) OVER (PARTITION BY image) END AS reason)
    FROM found
) GROUP BY path;

-- Rows that are kept: their image is usable, and no earlier row has their id.
CREATE TABLE kept AS
WITH usable AS (
    SELECT r.n, r.id FROM read AS r LEFT JOIN found_once AS f ON f.path = r.image
    WHERE r.image = '' OR f.image <> ''
)
SELECT n FROM usable QUALIFY row_number() OVER (PARTITION BY id ORDER BY n) = 1;

CREATE TABLE rejected AS
SELECT r.n, r.id, r.source, coalesce(nullif(f.reason, ''), $taken) AS reason
FROM read AS r LEFT JOIN found_once AS f ON f.path = r.image ANTI JOIN kept USING (n);

CREATE VIEW question AS
SELECT r.* REPLACE (coalesce(f.image, '') AS image)
FROM read AS r SEMI JOIN kept USING (n) LEFT JOIN found_once AS f ON f.path = r.image;

-- Credits of an image: those of its path in the data, otherwise those of a file that is named by its content.
CREATE TABLE credited AS
WITH by_path AS (
    SELECT f.image AS shown, c.* FROM found_once AS f JOIN credit AS c ON c.image = f.path WHERE f.image <> ''
),
by_content AS (
    SELECT f.image AS shown, c.*
    FROM (SELECT image FROM found_once WHERE image <> '' EXCEPT SELECT shown FROM by_path) AS f JOIN credit AS c
    ON parse_filename(c.image, true, 'forward_slash') = parse_filename(f.image, true, 'forward_slash')
)
SELECT * REPLACE (
    nullif(author, '') AS author, coalesce(nullif(attribution, ''), nullif(author, '')) AS attribution,
    nullif(license, '') AS license, CASE WHEN license <> '' THEN coalesce(license_code, '') END AS license_code
)
FROM (FROM by_path UNION ALL FROM by_content)
QUALIFY row_number() OVER (PARTITION BY shown ORDER BY image) = 1;

-- Authors and licenses: those that came with the data, or those that the user states.
CREATE TABLE image AS
SELECT q.image, coalesce(any_value(c.file), min(parse_filename(f.path, false, 'forward_slash'))) AS file,
       min(q.entity) AS entity,
       coalesce(any_value(c.author), $author) AS author, coalesce(any_value(c.attribution), $author) AS attribution,
       coalesce(any_value(c.license), $license) AS license, coalesce(any_value(c.license_code), $code) AS license_code,
       coalesce(any_value(c.license_code), $code) <> '' AS free_license,
       coalesce(any_value(c.license_url), '') AS license_url, coalesce(any_value(c.source), $source) AS source,
       coalesce(any_value(c.page), '') AS page, coalesce(any_value(c.changes), '') AS changes,
       coalesce(any_value(c.restrictions), '') AS restrictions,
       any_value(f.width) AS width, any_value(f.height) AS height, any_value(c.relevance) AS relevance,
       any_value(c.entities) AS entities, any_value(c.held_out) AS held_out
FROM question AS q JOIN found_once AS f ON f.image = q.image LEFT JOIN credited AS c ON c.shown = q.image
WHERE q.image <> '' GROUP BY q.image ORDER BY q.image;
