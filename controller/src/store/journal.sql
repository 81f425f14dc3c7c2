-- The truth: everything that was decided and done, in order.
CREATE TABLE journal (
    seq    INTEGER PRIMARY KEY,
    -- The run that it is about: one that is not in memory is read again by it.
    run    BLOB,
    record BLOB NOT NULL,
    -- SHA-256 of the digest before it, the length of the record, and the record: nothing before can be changed unseen.
    digest BLOB NOT NULL
) STRICT;

CREATE INDEX journal_run ON journal (run) WHERE run IS NOT NULL;

-- Folded: what the records up to `seq` come to, so that a start need not read them. Can be dropped; then all are read.
-- One without its last part is not finished.
CREATE TABLE checkpoint (
    seq     INTEGER NOT NULL,
    part    INTEGER NOT NULL,
    is_last INTEGER NOT NULL,
    -- The program that made it: another one may read more out of a record.
    program TEXT NOT NULL,
    -- The digest of the journal at `seq`.
    digest  BLOB NOT NULL,
    -- Of `records`.
    sha256  BLOB NOT NULL,
    records BLOB NOT NULL,
    PRIMARY KEY (seq, part)
) STRICT;
