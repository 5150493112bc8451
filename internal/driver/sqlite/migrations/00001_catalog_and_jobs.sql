-- This text runs on SQLite and on PostgreSQL: JSON is TEXT, bytes are base64 TEXT, times are BIGINT
-- milliseconds since 1970. On PostgreSQL the database needs the collation "C", because pages are in
-- byte order of ARNs.

-- +goose Up

CREATE TABLE resources (
    arn     TEXT   NOT NULL PRIMARY KEY,
    account TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    parent  TEXT   NOT NULL, -- '' for none
    status  TEXT   NOT NULL, -- '' for none
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    version BIGINT NOT NULL,
    doc     TEXT   NOT NULL,
    extra   TEXT,
    tags    TEXT
);

-- One index per way to list: all of a kind, and those of a parent. The third counts by status, as
-- quotas do, without reading documents.
CREATE INDEX resources_by_kind ON resources (account, kind, created, arn);
CREATE INDEX resources_by_parent ON resources (account, kind, parent, created, arn);
CREATE INDEX resources_by_status ON resources (account, kind, status, created, arn);

-- Only unfinished jobs have a row.
CREATE TABLE jobs (
    id        BIGINT NOT NULL PRIMARY KEY, -- from counters: never used twice, so that a late worker cannot meet another job
    owner     TEXT   NOT NULL UNIQUE,
    kind      TEXT   NOT NULL,
    payload   TEXT   NOT NULL,
    created   BIGINT NOT NULL,
    due       BIGINT NOT NULL, -- not to be claimed before
    worker    TEXT   NOT NULL, -- who claimed it last, '' after it was given back
    lease     BIGINT NOT NULL, -- until when it is that worker's alone
    attempts  BIGINT NOT NULL, -- failed runs
    losses    BIGINT NOT NULL, -- claims in a row that ended in silence
    cancelled BIGINT NOT NULL  -- 1 when somebody asked to stop it
);

CREATE INDEX jobs_by_kind ON jobs (kind, id);

CREATE TABLE results (
    job        BIGINT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    task_group TEXT   NOT NULL,
    task       BIGINT NOT NULL,
    result     TEXT   NOT NULL,
    PRIMARY KEY (job, task_group, task)
);

CREATE TABLE progress (
    owner TEXT NOT NULL PRIMARY KEY,
    doc   TEXT NOT NULL
);

CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
