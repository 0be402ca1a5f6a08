-- Up to which height the states that a hosted client stored were compared with what its chain leads to. `host` is the end that
-- hosts the client.
CREATE TABLE compared (
    path   INTEGER NOT NULL REFERENCES paths (id),
    host   INTEGER NOT NULL CHECK (host IN (0, 1)),
    height TEXT NOT NULL,
    PRIMARY KEY (path, host)
) STRICT, WITHOUT ROWID;
