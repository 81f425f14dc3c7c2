-- The spools of executions, byte for byte, as prefixes that grow.
CREATE TABLE execution (
    id         INTEGER PRIMARY KEY,
    run        BLOB NOT NULL,
    agent      BLOB NOT NULL,
    -- Bytes of its chunks: they follow one another from 0 to here.
    len        INTEGER NOT NULL,
    -- When it last grew, milliseconds since the Unix epoch.
    changed_ms INTEGER NOT NULL,
    -- shanty.v1.Outcome, once the last record is there: nothing follows it.
    outcome    BLOB,
    -- When its chunks were deleted, milliseconds since the Unix epoch; len stays.
    deleted_ms INTEGER,
    -- Because all output together was over this, bytes; null: because of its age.
    deleted_max INTEGER,
    -- 1 while chunks of a deleted one are left.
    deleting   INTEGER NOT NULL DEFAULT 0,
    UNIQUE (run, agent)
) STRICT;

CREATE TABLE chunk (
    execution INTEGER NOT NULL REFERENCES execution (id),
    offset    INTEGER NOT NULL,
    bytes     BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX chunk_place ON chunk (execution, offset);

-- From the oldest to the newest, with what they take.
CREATE INDEX execution_age ON execution (changed_ms, id, len) WHERE deleted_ms IS NULL;
CREATE INDEX execution_deleting ON execution (id) WHERE deleting = 1;
