-- The truth: everything that was decided and done, in order.
CREATE TABLE journal (
    seq    INTEGER PRIMARY KEY,
    record BLOB NOT NULL
) STRICT;
