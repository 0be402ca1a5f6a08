-- What the relayer remembers. Times are Unix milliseconds unless the name says otherwise; a height is a revision and a
-- number. Unsigned 64-bit numbers are kept as the signed number of the same bits, so that none is ever refused.
PRAGMA application_id = 0x4c4d5231;

-- Who may act for a path or a signer.
CREATE TABLE lease (
  name           TEXT PRIMARY KEY,
  owner          TEXT NOT NULL,
  expires_millis INTEGER NOT NULL,
  fence          INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE packet (
  path                            TEXT NOT NULL,
  direction                       TEXT NOT NULL CHECK (direction IN ('a-to-b', 'b-to-a')),
  sequence                        INTEGER NOT NULL,
  state                           TEXT NOT NULL CHECK (state IN ('missing', 'announced', 'sent', 'delivered', 'acknowledged', 'timed-out')),
  commitment                      BLOB NOT NULL CHECK (length(commitment) = 32),
  timeout_seconds                 INTEGER NOT NULL,
  body_bytes                      INTEGER NOT NULL,
  sent_height_revision            INTEGER NOT NULL,
  sent_height                     INTEGER NOT NULL,
  acknowledgement_height_revision INTEGER,
  acknowledgement_height          INTEGER,
  waiting                         TEXT NOT NULL CHECK (waiting IN ('nothing', 'turn', 'event', 'look', 'transaction', 'confirmation', 'acknowledgement', 'client', 'node', 'honest-node', 'refusal', 'person')),
  parked                          TEXT CHECK (parked IN ('refused-by-chain', 'invalid-packet', 'operator')),
  next_try_millis                 INTEGER NOT NULL,
  tries                           INTEGER NOT NULL,
  refusals                        INTEGER NOT NULL,
  since_millis                    INTEGER NOT NULL,
  PRIMARY KEY (path, direction, sequence),
  CHECK ((waiting = 'person') = (parked IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- Start-up reads the unsettled packets only, whatever the number of settled ones.
CREATE INDEX packet_pending ON packet (path, direction, sequence) WHERE state NOT IN ('acknowledged', 'timed-out');
CREATE INDEX packet_newest ON packet (sequence DESC, path, direction);

-- How many packets are in each state: counter rows, kept by triggers, so that nobody counts the table.
CREATE TABLE packet_count (
  path      TEXT NOT NULL,
  direction TEXT NOT NULL,
  state     TEXT NOT NULL,
  count     INTEGER NOT NULL CHECK (count >= 0),
  PRIMARY KEY (path, direction, state)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER packet_inserted AFTER INSERT ON packet BEGIN
  INSERT INTO packet_count VALUES (new.path, new.direction, new.state, 1)
    ON CONFLICT (path, direction, state) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER packet_moved AFTER UPDATE OF state ON packet WHEN old.state <> new.state BEGIN
  UPDATE packet_count SET count = count - 1 WHERE path = old.path AND direction = old.direction AND state = old.state;
  INSERT INTO packet_count VALUES (new.path, new.direction, new.state, 1)
    ON CONFLICT (path, direction, state) DO UPDATE SET count = count + 1;
END;

CREATE TRIGGER packet_deleted AFTER DELETE ON packet BEGIN
  UPDATE packet_count SET count = count - 1 WHERE path = old.path AND direction = old.direction AND state = old.state;
END;

-- A packet's body as an event told of it.
CREATE TABLE packet_body (
  path               TEXT NOT NULL,
  direction          TEXT NOT NULL CHECK (direction IN ('a-to-b', 'b-to-a')),
  sequence           INTEGER NOT NULL,
  source_client      TEXT NOT NULL,
  destination_client TEXT NOT NULL,
  timeout_seconds    INTEGER NOT NULL,
  PRIMARY KEY (path, direction, sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE payload (
  path             TEXT NOT NULL,
  direction        TEXT NOT NULL,
  sequence         INTEGER NOT NULL,
  position         INTEGER NOT NULL,
  source_port      TEXT NOT NULL,
  destination_port TEXT NOT NULL,
  version          TEXT NOT NULL,
  encoding         TEXT NOT NULL,
  value            BLOB NOT NULL,
  PRIMARY KEY (path, direction, sequence, position),
  FOREIGN KEY (path, direction, sequence) REFERENCES packet_body ON DELETE CASCADE
) STRICT;

CREATE TABLE acknowledgement (
  path      TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('a-to-b', 'b-to-a')),
  sequence  INTEGER NOT NULL,
  bytes     BLOB NOT NULL,
  PRIMARY KEY (path, direction, sequence)
) STRICT, WITHOUT ROWID;

-- A step took effect, proven. The key makes every step idempotent: a second time is no time.
CREATE TABLE step_done (
  path            TEXT NOT NULL,
  direction       TEXT NOT NULL CHECK (direction IN ('a-to-b', 'b-to-a')),
  sequence        INTEGER NOT NULL,
  step            TEXT NOT NULL CHECK (step IN ('receive', 'acknowledge', 'timeout')),
  height_revision INTEGER NOT NULL,
  height          INTEGER NOT NULL,
  at_millis       INTEGER NOT NULL,
  PRIMARY KEY (path, direction, sequence, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE direction_progress (
  path          TEXT NOT NULL,
  direction     TEXT NOT NULL CHECK (direction IN ('a-to-b', 'b-to-a')),
  known_through INTEGER NOT NULL,
  PRIMARY KEY (path, direction)
) STRICT, WITHOUT ROWID;

CREATE TABLE event_cursor (
  path            TEXT NOT NULL,
  chain_end       TEXT NOT NULL CHECK (chain_end IN ('a', 'b')),
  height_revision INTEGER NOT NULL,
  height          INTEGER NOT NULL,
  PRIMARY KEY (path, chain_end)
) STRICT, WITHOUT ROWID;

-- The latest state of a chain that the relayer's own light client verified.
CREATE TABLE verified_state (
  path            TEXT NOT NULL,
  chain_end       TEXT NOT NULL CHECK (chain_end IN ('a', 'b')),
  height_revision INTEGER NOT NULL,
  height          INTEGER NOT NULL,
  time_seconds    INTEGER NOT NULL,
  time_nanos      INTEGER NOT NULL,
  client          BLOB NOT NULL,
  consensus       BLOB NOT NULL,
  PRIMARY KEY (path, chain_end)
) STRICT, WITHOUT ROWID;

CREATE TABLE batch_counter (
  path TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Verified updates and proofs, by content: they cannot be had again later.
CREATE TABLE evidence_content (
  hash  BLOB PRIMARY KEY CHECK (length(hash) = 32),
  bytes BLOB NOT NULL
) STRICT;

CREATE TABLE evidence (
  path            TEXT NOT NULL,
  batch           INTEGER NOT NULL,
  kind            TEXT NOT NULL CHECK (kind IN ('update', 'proof')),
  step            TEXT NOT NULL CHECK (step IN ('', 'receive', 'acknowledge', 'timeout')),
  hash            BLOB NOT NULL REFERENCES evidence_content,
  chain_end       TEXT NOT NULL CHECK (chain_end IN ('a', 'b')),
  height_revision INTEGER NOT NULL,
  height          INTEGER NOT NULL,
  PRIMARY KEY (path, batch, kind, step, hash)
) STRICT, WITHOUT ROWID;

-- The outbox: which nonce of a signer is for what.
CREATE TABLE nonce (
  chain                  TEXT NOT NULL,
  account                TEXT NOT NULL,
  nonce                  INTEGER NOT NULL,
  path                   TEXT,
  host                   TEXT CHECK (host IN ('a', 'b')),
  batch                  INTEGER,
  update_height_revision INTEGER,
  update_height          INTEGER,
  messages               BLOB NOT NULL,
  taken_millis           INTEGER NOT NULL,
  reopened               INTEGER NOT NULL DEFAULT 0 CHECK (reopened IN (0, 1)),
  ended                  TEXT CHECK (ended IN ('included', 'lost')),
  ended_hash             BLOB CHECK (length(ended_hash) = 32),
  ended_height_revision  INTEGER,
  ended_height           INTEGER,
  ended_success          INTEGER CHECK (ended_success IN (0, 1)),
  ended_gas_used         INTEGER,
  ended_millis           INTEGER,
  PRIMARY KEY (chain, account, nonce),
  CHECK ((path IS NULL) = (batch IS NULL) AND (path IS NULL) = (host IS NULL)),
  CHECK ((ended IS 'included') = (ended_hash IS NOT NULL))
) STRICT;

CREATE INDEX nonce_open ON nonce (chain, account, nonce) WHERE ended IS NULL;
CREATE INDEX nonce_open_path ON nonce (path, batch) WHERE ended IS NULL;

CREATE TABLE nonce_item (
  chain     TEXT NOT NULL,
  account   TEXT NOT NULL,
  nonce     INTEGER NOT NULL,
  position  INTEGER NOT NULL,
  path      TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('a-to-b', 'b-to-a')),
  sequence  INTEGER NOT NULL,
  step      TEXT NOT NULL CHECK (step IN ('receive', 'acknowledge', 'timeout')),
  PRIMARY KEY (chain, account, nonce, position),
  FOREIGN KEY (chain, account, nonce) REFERENCES nonce
) STRICT, WITHOUT ROWID;

CREATE INDEX nonce_item_packet ON nonce_item (path, direction, sequence);

-- Signed transactions: a row is written before its bytes are first sent.
CREATE TABLE attempt (
  chain            TEXT NOT NULL,
  account          TEXT NOT NULL,
  nonce            INTEGER NOT NULL,
  number           INTEGER NOT NULL CHECK (number >= 1),
  hash             BLOB NOT NULL CHECK (length(hash) = 32),
  raw              BLOB NOT NULL,
  gas_price        TEXT,
  max_fee          TEXT,
  max_priority_fee TEXT,
  gas_limit        INTEGER NOT NULL,
  cancels          INTEGER NOT NULL CHECK (cancels IN (0, 1)),
  signed_millis    INTEGER NOT NULL,
  PRIMARY KEY (chain, account, nonce, number),
  FOREIGN KEY (chain, account, nonce) REFERENCES nonce,
  CHECK ((gas_price IS NULL) = (max_fee IS NOT NULL) AND (max_fee IS NULL) = (max_priority_fee IS NULL))
) STRICT;
