-- What the relayer remembers. Heights are text ("7", or "revision-number"); numbers of 64 bits without sign are kept
-- as the integer of the same bits; amounts are decimal text; moments are milliseconds since 1970.

CREATE TABLE paths (
    id         INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    last_batch INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE signers (
    id         INTEGER PRIMARY KEY,
    chain      TEXT NOT NULL,
    account    TEXT NOT NULL,
    last_nonce INTEGER,
    UNIQUE (chain, account)
) STRICT;

CREATE TABLE leases (
    name           TEXT PRIMARY KEY,
    owner          TEXT NOT NULL,
    expires_millis INTEGER NOT NULL,
    fence          INTEGER NOT NULL CHECK (fence > 0)
) STRICT, WITHOUT ROWID;

-- Direction 0 is from a to b, 1 from b to a; end 0 is a, 1 is b.
CREATE TABLE packets (
    path                   INTEGER NOT NULL REFERENCES paths (id),
    direction              INTEGER NOT NULL CHECK (direction IN (0, 1)),
    sequence               INTEGER NOT NULL,
    state                  TEXT NOT NULL
        CHECK (state IN ('missing', 'announced', 'sent', 'delivered', 'acknowledged', 'timed-out')),
    commitment             BLOB NOT NULL CHECK (length(commitment) = 32),
    timeout_seconds        INTEGER NOT NULL,
    body_bytes             INTEGER NOT NULL,
    sent_height            TEXT NOT NULL,
    acknowledgement_height TEXT,
    waiting                TEXT NOT NULL
        CHECK (waiting IN ('nothing', 'turn', 'event', 'look', 'transaction', 'confirmation', 'acknowledgement',
                           'client', 'node', 'honest-node', 'refusal', 'person')),
    parked                 TEXT CHECK (parked IN ('refused-by-chain', 'invalid-packet', 'operator')),
    next_try_millis        INTEGER NOT NULL,
    tries                  INTEGER NOT NULL,
    refusals               INTEGER NOT NULL,
    since_millis           INTEGER NOT NULL,
    PRIMARY KEY (path, direction, sequence),
    CHECK ((waiting = 'nothing') = (state IN ('acknowledged', 'timed-out'))),
    CHECK ((waiting = 'person') = (parked IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Start-up reads these and nothing else of the packets.
CREATE INDEX packets_pending ON packets (path, direction, sequence)
    WHERE state IN ('missing', 'announced', 'sent', 'delivered');
CREATE INDEX packets_by_sequence ON packets (sequence);

CREATE TABLE packet_bodies (
    path      INTEGER NOT NULL REFERENCES paths (id),
    direction INTEGER NOT NULL CHECK (direction IN (0, 1)),
    sequence  INTEGER NOT NULL,
    body      BLOB NOT NULL,
    UNIQUE (path, direction, sequence)
) STRICT;

CREATE TABLE acknowledgements (
    path      INTEGER NOT NULL REFERENCES paths (id),
    direction INTEGER NOT NULL CHECK (direction IN (0, 1)),
    sequence  INTEGER NOT NULL,
    bytes     BLOB NOT NULL,
    UNIQUE (path, direction, sequence)
) STRICT;

-- A step is done once: repeating it changes nothing.
CREATE TABLE steps (
    path      INTEGER NOT NULL REFERENCES paths (id),
    direction INTEGER NOT NULL CHECK (direction IN (0, 1)),
    sequence  INTEGER NOT NULL,
    step      TEXT NOT NULL CHECK (step IN ('receive', 'acknowledge', 'timeout')),
    height    TEXT NOT NULL,
    at_millis INTEGER NOT NULL,
    PRIMARY KEY (path, direction, sequence, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE directions (
    path          INTEGER NOT NULL REFERENCES paths (id),
    direction     INTEGER NOT NULL CHECK (direction IN (0, 1)),
    known_through INTEGER NOT NULL,
    PRIMARY KEY (path, direction)
) STRICT, WITHOUT ROWID;

-- How many packets are in each state, kept by the triggers below: nobody counts rows.
CREATE TABLE packet_counts (
    path      INTEGER NOT NULL REFERENCES paths (id),
    direction INTEGER NOT NULL,
    state     TEXT NOT NULL,
    count     INTEGER NOT NULL CHECK (count >= 0),
    PRIMARY KEY (path, direction, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER packets_counted_in AFTER INSERT ON packets BEGIN
    INSERT INTO packet_counts (path, direction, state, count) VALUES (new.path, new.direction, new.state, 1)
        ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER packets_counted_over AFTER UPDATE OF state ON packets WHEN old.state <> new.state BEGIN
    UPDATE packet_counts SET count = count - 1
        WHERE path = old.path AND direction = old.direction AND state = old.state;
    INSERT INTO packet_counts (path, direction, state, count) VALUES (new.path, new.direction, new.state, 1)
        ON CONFLICT DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER packets_counted_out AFTER DELETE ON packets BEGIN
    UPDATE packet_counts SET count = count - 1
        WHERE path = old.path AND direction = old.direction AND state = old.state;
END;

CREATE TABLE cursors (
    path   INTEGER NOT NULL REFERENCES paths (id),
    end    INTEGER NOT NULL CHECK (end IN (0, 1)),
    height TEXT NOT NULL,
    PRIMARY KEY (path, end)
) STRICT, WITHOUT ROWID;

CREATE TABLE views (
    path         INTEGER NOT NULL REFERENCES paths (id),
    end          INTEGER NOT NULL CHECK (end IN (0, 1)),
    height       TEXT NOT NULL,
    time_seconds INTEGER NOT NULL,
    time_nanos   INTEGER NOT NULL,
    client       BLOB NOT NULL,
    consensus    BLOB NOT NULL,
    PRIMARY KEY (path, end)
) STRICT, WITHOUT ROWID;

-- Verified updates and proofs by the SHA-256 of their bytes: evidence cannot be had again later.
CREATE TABLE evidence_bytes (
    hash  BLOB PRIMARY KEY CHECK (length(hash) = 32),
    bytes BLOB NOT NULL
) STRICT;

CREATE TABLE evidence (
    path   INTEGER NOT NULL REFERENCES paths (id),
    batch  INTEGER NOT NULL,
    kind   TEXT NOT NULL CHECK (kind IN ('update', 'proof')),
    step   TEXT NOT NULL CHECK (step IN ('', 'receive', 'acknowledge', 'timeout')),
    hash   BLOB NOT NULL REFERENCES evidence_bytes (hash),
    end    INTEGER NOT NULL CHECK (end IN (0, 1)),
    height TEXT NOT NULL,
    PRIMARY KEY (path, batch, kind, step, hash)
) STRICT, WITHOUT ROWID;

-- The outbox. Of a nonce that only fills a hole the path is null.
CREATE TABLE nonces (
    signer        INTEGER NOT NULL REFERENCES signers (id),
    nonce         INTEGER NOT NULL,
    path          INTEGER REFERENCES paths (id),
    host          INTEGER CHECK (host IN (0, 1)),
    batch         INTEGER,
    update_height TEXT,
    messages      BLOB NOT NULL,
    taken_millis  INTEGER NOT NULL,
    reopened      INTEGER NOT NULL DEFAULT 0 CHECK (reopened IN (0, 1)),
    outcome       TEXT NOT NULL DEFAULT 'open' CHECK (outcome IN ('open', 'included', 'lost')),
    end_hash      BLOB,
    end_height    TEXT,
    end_success   INTEGER,
    end_gas       INTEGER,
    end_millis    INTEGER,
    UNIQUE (signer, nonce),
    CHECK ((path IS NULL) = (host IS NULL) AND (path IS NULL) = (batch IS NULL)),
    CHECK ((outcome = 'included') = (end_hash IS NOT NULL))
) STRICT;

CREATE INDEX nonces_open ON nonces (signer, nonce) WHERE outcome = 'open';
CREATE INDEX nonces_open_by_path ON nonces (path) WHERE outcome = 'open';

CREATE TABLE nonce_items (
    signer    INTEGER NOT NULL,
    nonce     INTEGER NOT NULL,
    position  INTEGER NOT NULL,
    path      INTEGER NOT NULL REFERENCES paths (id),
    direction INTEGER NOT NULL CHECK (direction IN (0, 1)),
    sequence  INTEGER NOT NULL,
    step      TEXT NOT NULL CHECK (step IN ('receive', 'acknowledge', 'timeout')),
    PRIMARY KEY (signer, nonce, position),
    FOREIGN KEY (signer, nonce) REFERENCES nonces (signer, nonce)
) STRICT, WITHOUT ROWID;

CREATE INDEX nonce_items_by_packet ON nonce_items (path, direction, sequence);

-- Signed transactions, stored before they are first sent.
CREATE TABLE attempts (
    signer        INTEGER NOT NULL,
    nonce         INTEGER NOT NULL,
    number        INTEGER NOT NULL CHECK (number > 0),
    hash          BLOB NOT NULL CHECK (length(hash) = 32),
    raw           BLOB NOT NULL,
    price         TEXT NOT NULL,
    tip           TEXT,
    gas_limit     INTEGER NOT NULL,
    cancels       INTEGER NOT NULL CHECK (cancels IN (0, 1)),
    signed_millis INTEGER NOT NULL,
    UNIQUE (signer, nonce, number),
    FOREIGN KEY (signer, nonce) REFERENCES nonces (signer, nonce)
) STRICT;
