-- The store: one DuckDB file a workspace. Every row knows where it came from; every dropped item is a rejection.
-- Entities are Wikidata ids ('Q42'); languages are our codes in value_text and question, Wikidata's codes in label.

CREATE TABLE meta (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);

-- One row a stage of the current recipe. A stage whose fingerprint equals the wanted one and that is done is skipped.
CREATE TABLE stage (
    name VARCHAR PRIMARY KEY,
    fingerprint VARCHAR NOT NULL,
    position BIGINT NOT NULL DEFAULT 0,   -- documents read so far, to resume a killed run
    done BOOLEAN NOT NULL DEFAULT false,
    inputs BIGINT,
    kept BIGINT,
    seconds DOUBLE
);

-- Something dropped, with its reason. `items` counts what one row stands for where single rows would be millions.
CREATE TABLE rejection (
    stage VARCHAR NOT NULL,
    item VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    detail VARCHAR NOT NULL DEFAULT '',
    items BIGINT NOT NULL DEFAULT 1
);

-- What a source that is asked for ids has been asked, and what it has answered.
CREATE TABLE slice (
    source VARCHAR NOT NULL,
    slice VARCHAR NOT NULL,
    state VARCHAR NOT NULL                -- done, split (its parts were asked instead), failed or given up (a rejection)
);
CREATE TABLE found (
    source VARCHAR NOT NULL,
    region VARCHAR NOT NULL,              -- of the slice; '' where a source knows none
    entity VARCHAR NOT NULL
);

-- Selected entities, and (selected = false) the values and hops that selected entities' claims point to.
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
    property VARCHAR NOT NULL,            -- the claim that made the link
    ordinal INTEGER NOT NULL
);
-- All ranks are kept: deprecated values are never answers, and never wrong options either.
CREATE TABLE claim (
    entity VARCHAR NOT NULL,
    property VARCHAR NOT NULL,            -- commonswiki: the link to a Commons category
    ordinal INTEGER NOT NULL,             -- by rank, then by value: the same through every source
    best BOOLEAN NOT NULL,                -- best rank
    rank VARCHAR NOT NULL,
    value VARCHAR NOT NULL,               -- key of the value: item id, or see factory/wikidata/values.py
    value_type VARCHAR NOT NULL,          -- item, time, quantity, string, monolingual, coordinate
    bounds VARCHAR NOT NULL DEFAULT ''    -- of a quantity: lower/upper
);
CREATE TABLE label (
    entity VARCHAR NOT NULL,
    language VARCHAR NOT NULL,            -- Wikidata's label code
    text VARCHAR NOT NULL,
    source VARCHAR NOT NULL               -- the source, or cldr
);

-- Entities that are not selected, for the time of reading: claims of selected ones may point to them.
CREATE TABLE unselected_entity (source VARCHAR, number BIGINT, entity VARCHAR, revision BIGINT);
CREATE TABLE unselected_label (source VARCHAR, number BIGINT, entity VARCHAR, language VARCHAR, text VARCHAR);
CREATE TABLE unselected_claim (
    source VARCHAR, number BIGINT, entity VARCHAR, property VARCHAR, ordinal INTEGER, best BOOLEAN, rank VARCHAR,
    value VARCHAR, value_type VARCHAR, bounds VARCHAR
);

-- Images by content; one image may show several entities.
CREATE TABLE image (
    image VARCHAR NOT NULL,               -- sha256
    path VARCHAR NOT NULL,                -- relative to the workspace's images folder
    file VARCHAR NOT NULL,
    author VARCHAR NOT NULL,
    author_url VARCHAR NOT NULL,
    attribution VARCHAR NOT NULL,         -- where given, it stands in the author's place
    credit VARCHAR NOT NULL,
    license VARCHAR NOT NULL,             -- as the source names it
    license_code VARCHAR NOT NULL,        -- as factory/images/licenses.toml names it; '' where it does not
    license_url VARCHAR NOT NULL,
    restrictions VARCHAR NOT NULL,        -- besides copyright: personality, trademarked ...
    source VARCHAR NOT NULL,
    page VARCHAR NOT NULL,                -- URL of the page that describes the file
    url VARCHAR NOT NULL,                 -- of the original file; '' for local files
    sha1 VARCHAR NOT NULL,                -- of the original file
    mime VARCHAR NOT NULL,                -- of the original file
    mediatype VARCHAR NOT NULL,
    date VARCHAR NOT NULL,                -- when it was taken or made, as its page says
    changes VARCHAR NOT NULL,             -- what makes our copy differ from the original
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
-- What a value is called in a language of ours.
CREATE TABLE value_text (
    value VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    region VARCHAR NOT NULL,              -- where it is called so, if not as everywhere: Chinese in Taiwan; else ''
    text VARCHAR NOT NULL,
    source VARCHAR NOT NULL               -- label code that gave it, or the renderer
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
    image VARCHAR NOT NULL,               -- or the entity, for questions without image
    split VARCHAR NOT NULL
);
