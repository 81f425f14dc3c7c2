-- The truth. Everything else in this file could be folded from it again, but for the table `kept`.
CREATE TABLE journal (
    seq    INTEGER PRIMARY KEY,
    record BLOB NOT NULL
) STRICT;

-- kept: small values that no record tells, such as the gateway's session.
CREATE TABLE kept (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;
