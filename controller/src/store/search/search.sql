-- What is searched: folded from the journal and the output, and made again from them when it is lost or of another version.
CREATE TABLE folded (
    version INTEGER NOT NULL
) STRICT;

INSERT INTO folded (version) VALUES (3);

-- Sets of hosts: many runs are on the same.
CREATE TABLE hosts (
    id     INTEGER PRIMARY KEY,
    -- SHA-256 over the ids.
    digest BLOB NOT NULL UNIQUE,
    -- The ids one after the other, sorted, 16 bytes each.
    agents BLOB NOT NULL
) STRICT;

CREATE TABLE run (
    number      INTEGER PRIMARY KEY,
    run         BLOB NOT NULL,
    accepted_ms INTEGER NOT NULL,
    closed_ms   INTEGER NOT NULL,
    -- discord:3001 or local:root
    by          TEXT NOT NULL,
    guild       INTEGER,
    channel     INTEGER,
    selector    TEXT NOT NULL,
    -- As people may read it.
    command     TEXT NOT NULL,
    run_as      TEXT,
    timeout_ms  INTEGER NOT NULL,
    hosts       INTEGER NOT NULL REFERENCES hosts (id),
    names       TEXT NOT NULL,
    counted     INTEGER NOT NULL,
    ok          INTEGER NOT NULL,
    took_ms     INTEGER,
    stand       TEXT NOT NULL,
    summary     TEXT NOT NULL,
    -- 1 when nothing more can become known of it.
    settled     INTEGER NOT NULL,
    -- 1 when what it printed is searched too, 2 while that is read.
    read        INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX run_by ON run (by, number);
CREATE INDEX run_stand ON run (stand, number);
CREATE INDEX run_channel ON run (channel, number);
CREATE INDEX run_accepted ON run (accepted_ms, number);
CREATE INDEX run_hosts ON run (hosts);
CREATE INDEX run_unread ON run (number) WHERE read <> 1 AND stand <> 'running';

-- Which text a host of a run printed: those that printed the same have one.
CREATE TABLE printed (
    number INTEGER NOT NULL,
    agent  BLOB NOT NULL,
    -- From 1.
    slot   INTEGER NOT NULL,
    PRIMARY KEY (number, agent)
) STRICT, WITHOUT ROWID;

-- The words of a run: its command at number * 65536, what its hosts printed behind it. So the newest come first in the order of rows.
CREATE VIRTUAL TABLE word USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2');
