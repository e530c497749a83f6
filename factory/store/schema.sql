-- Migration 1: the schema of a new store. Later changes are migrations of their own, see migrations.py.
-- One DuckDB file per workspace. Every row names its origin, and everything dropped is a rejection.
-- Entities are Wikidata ids ('Q42'). Languages are the codes of languages.toml in template, value_text and question, and
-- Wikidata's codes in label.

CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- One row per stage of the current recipe, and per source of the stage `select`. A done stage is skipped while its
-- fingerprint stays the same.
CREATE TABLE stage (
    name VARCHAR PRIMARY KEY,
    fingerprint VARCHAR NOT NULL,
    position BIGINT NOT NULL DEFAULT 0,   -- documents or entities done, to resume an interrupted run
    done BOOLEAN NOT NULL DEFAULT false,
    inputs BIGINT,
    kept BIGINT,
    seconds DOUBLE
);

-- Dropped items with their reasons. A row stands for `items` of them where single rows would be millions.
CREATE TABLE rejection (
    stage VARCHAR NOT NULL,
    item VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL DEFAULT '',
    items BIGINT NOT NULL DEFAULT 1
);

-- Slices asked of a source that finds ids, and the ids that it returned.
CREATE TABLE slice (
    source VARCHAR NOT NULL,
    slice VARCHAR NOT NULL,
    state VARCHAR NOT NULL                -- done, split (its parts are asked instead), failed or abandoned
);
CREATE TABLE candidate (
    source VARCHAR NOT NULL,
    region VARCHAR NOT NULL,              -- of the slice; '' if the source has no regions
    entity VARCHAR NOT NULL
);

-- Selected entities, and (selected = false) the values that their claims point to, directly or along a path.
CREATE TABLE entity (
    entity VARCHAR NOT NULL,
    selected BOOLEAN NOT NULL,
    entity_type VARCHAR NOT NULL,
    revision BIGINT,
    source VARCHAR NOT NULL
);
CREATE TABLE entity_region (
    entity VARCHAR NOT NULL,
    region VARCHAR NOT NULL,
    property VARCHAR NOT NULL,            -- property of the claim that links them
    ordinal INTEGER NOT NULL
);
-- All ranks are kept: a deprecated value is neither an answer nor a wrong option.
CREATE TABLE claim (
    entity VARCHAR NOT NULL,
    property VARCHAR NOT NULL,            -- commonswiki: the link to a Commons category
    ordinal INTEGER NOT NULL,             -- by rank, then by value: equal for all sources
    best BOOLEAN NOT NULL,                -- whether it has the best rank of its property
    rank VARCHAR NOT NULL,
    value VARCHAR NOT NULL,               -- item id, or a key as in factory/wikidata/values.py
    value_type VARCHAR NOT NULL,          -- item, time, quantity, string, monolingual, coordinate
    bounds VARCHAR NOT NULL DEFAULT ''    -- of a quantity: lower/upper bound
);
CREATE TABLE label (
    entity VARCHAR NOT NULL,
    language VARCHAR NOT NULL,            -- Wikidata's label code
    text VARCHAR NOT NULL,
    source VARCHAR NOT NULL               -- name of the source, or cldr
);

-- Entities that are not selected, kept while sources are read: claims of selected entities may point to them.
CREATE TABLE unselected_entity (source VARCHAR, number BIGINT, entity VARCHAR, revision BIGINT);
CREATE TABLE unselected_label (source VARCHAR, number BIGINT, entity VARCHAR, language VARCHAR, text VARCHAR);
CREATE TABLE unselected_claim (
    source VARCHAR, number BIGINT, entity VARCHAR, property VARCHAR, ordinal INTEGER, best BOOLEAN, rank VARCHAR,
    value VARCHAR, value_type VARCHAR, bounds VARCHAR
);

-- Images by content. One image may show several entities.
CREATE TABLE image (
    image VARCHAR NOT NULL,               -- sha256
    path VARCHAR NOT NULL,                -- relative to the workspace's image folder
    file VARCHAR NOT NULL,
    author VARCHAR NOT NULL,
    author_url VARCHAR NOT NULL,
    attribution VARCHAR NOT NULL,         -- if not empty, replaces the author
    credit VARCHAR NOT NULL,
    license VARCHAR NOT NULL,             -- the source's name for it
    license_code VARCHAR NOT NULL,        -- name in factory/images/licenses.toml; '' if not listed
    license_url VARCHAR NOT NULL,
    restrictions VARCHAR NOT NULL,        -- other than copyright: personality, trademarked ...
    source VARCHAR NOT NULL,
    page VARCHAR NOT NULL,                -- URL of the file's description page
    url VARCHAR NOT NULL,                 -- of the original file; '' for local files
    sha1 VARCHAR NOT NULL,                -- of the original file
    mime VARCHAR NOT NULL,                -- of the original file
    mediatype VARCHAR NOT NULL,
    date VARCHAR NOT NULL,                -- date of creation on its page
    changes VARCHAR NOT NULL,             -- difference between the copy and the original
    categories VARCHAR[] NOT NULL,
    original_width INTEGER,
    original_height INTEGER,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL
);
CREATE TABLE entity_image (
    entity VARCHAR NOT NULL,
    image VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    via VARCHAR NOT NULL                  -- P18, another photo property, or category
);

CREATE TABLE template (
    id VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    property VARCHAR NOT NULL,
    entity_type VARCHAR NOT NULL,
    ordinal INTEGER NOT NULL,
    text VARCHAR NOT NULL
);
-- Names of values in each language.
CREATE TABLE value_text (
    value VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    region VARCHAR NOT NULL,              -- '' unless the name differs there: Chinese in Taiwan
    text VARCHAR NOT NULL,
    source VARCHAR NOT NULL               -- label code, or the renderer
);
CREATE TABLE question (
    id VARCHAR NOT NULL,
    question_type VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    region VARCHAR NOT NULL,
    entity VARCHAR NOT NULL,
    property VARCHAR NOT NULL,
    image VARCHAR NOT NULL,               -- sha256; '' for a question without image
    question VARCHAR NOT NULL,
    answer VARCHAR NOT NULL,
    answers VARCHAR[] NOT NULL,
    choices VARCHAR[] NOT NULL,
    template VARCHAR NOT NULL
);
CREATE TABLE split (
    image VARCHAR NOT NULL,
    split VARCHAR NOT NULL
);
