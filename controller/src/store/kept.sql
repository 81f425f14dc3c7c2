-- Small values that no record tells, such as the gateway's session: JSON by key.
CREATE TABLE kept (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
