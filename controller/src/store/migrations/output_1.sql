-- kept: the spools of executions, byte for byte, as prefixes that grow.
CREATE TABLE execution (
    id    INTEGER PRIMARY KEY,
    run   BLOB NOT NULL,
    agent BLOB NOT NULL,
    UNIQUE (run, agent)
) STRICT;

CREATE TABLE chunk (
    execution INTEGER NOT NULL REFERENCES execution (id),
    offset    INTEGER NOT NULL,
    bytes     BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX chunk_place ON chunk (execution, offset);
