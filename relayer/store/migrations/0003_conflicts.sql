-- Headers of one chain that contradict one another, and who served them. `host` is the end that hosts the client which they
-- concern; the first header is the one with the smaller hash, so that a pair has one row.
CREATE TABLE conflicts (
    path             INTEGER NOT NULL REFERENCES paths (id),
    host             INTEGER NOT NULL CHECK (host IN (0, 1)),
    first_hash       BLOB NOT NULL CHECK (length(first_hash) = 32),
    second_hash      BLOB NOT NULL CHECK (length(second_hash) = 32),
    first_height     TEXT NOT NULL,
    second_height    TEXT NOT NULL,
    first_origin     TEXT NOT NULL,
    second_origin    TEXT NOT NULL,
    first_certified  INTEGER NOT NULL CHECK (first_certified IN (0, 1)),
    second_certified INTEGER NOT NULL CHECK (second_certified IN (0, 1)),
    first_header     BLOB NOT NULL,
    second_header    BLOB NOT NULL,
    seen_millis      INTEGER NOT NULL,
    evidence         BLOB,
    submitted_millis INTEGER,
    UNIQUE (path, host, first_hash, second_hash)
) STRICT;
