-- What was left out for good: blocks whose events nobody shows in a form that can be read (kind 0), and states of a hosted client
-- that could not be compared (kind 1). `host` is the end whose chain has the blocks, or which hosts the client.
CREATE TABLE passed_over (
    path         INTEGER NOT NULL REFERENCES paths (id),
    host         INTEGER NOT NULL CHECK (host IN (0, 1)),
    kind         INTEGER NOT NULL CHECK (kind IN (0, 1)),
    first_height TEXT NOT NULL,
    last_height  TEXT NOT NULL,
    reason       TEXT NOT NULL,
    at_millis    INTEGER NOT NULL,
    UNIQUE (path, host, kind, first_height)
) STRICT;
