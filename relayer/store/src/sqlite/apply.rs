//! Writes to SQL. What comes by the hundred (rows of packets, bodies, steps) goes in one statement for each kind, as a
//! JSON array that SQLite takes apart: a statement for each row would cost more than all the rest of the relayer.

use super::failed;
use crate::StoreError;
use light_client::{Packet, Sequence, sha256};
use relayer_core::{
    Attempt, Bid, Direction, Evidence, Item, NonceEnd, PacketRow, PathId, Purpose, SignerId, Step, UnixMillis, Write,
};
use serde::Serialize;
use sqlx::SqliteConnection;

/// Fields by position, since names would only be read and thrown away.
const PACKETS: &str = "INSERT INTO packet
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4), value ->> 5, value ->> 6, value ->> 7, value ->> 8,
    value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13, value ->> 14, value ->> 15, value ->> 16
  FROM json_each(?1) WHERE true
  ON CONFLICT (path, direction, sequence) DO UPDATE SET state = excluded.state, commitment = excluded.commitment,
    timeout_seconds = excluded.timeout_seconds, body_bytes = excluded.body_bytes,
    sent_height_revision = excluded.sent_height_revision, sent_height = excluded.sent_height,
    acknowledgement_height_revision = excluded.acknowledgement_height_revision,
    acknowledgement_height = excluded.acknowledgement_height, waiting = excluded.waiting, parked = excluded.parked,
    next_try_millis = excluded.next_try_millis, tries = excluded.tries, refusals = excluded.refusals,
    since_millis = excluded.since_millis";
const BODIES: &str = "INSERT INTO packet_body
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5 FROM json_each(?1) WHERE true
  ON CONFLICT (path, direction, sequence) DO UPDATE SET source_client = excluded.source_client,
    destination_client = excluded.destination_client, timeout_seconds = excluded.timeout_seconds";
const PAYLOADS_CLEAR: &str = "DELETE FROM payload WHERE (path, direction, sequence) IN
  (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?1))";
const PAYLOADS: &str = "INSERT INTO payload
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, unhex(value ->> 8)
  FROM json_each(?1)";
const ACKNOWLEDGEMENTS: &str = "INSERT INTO acknowledgement
  SELECT value ->> 0, value ->> 1, value ->> 2, unhex(value ->> 3) FROM json_each(?1) WHERE true
  ON CONFLICT (path, direction, sequence) DO UPDATE SET bytes = excluded.bytes";
const STEPS_DONE: &str = "INSERT INTO step_done
  SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6 FROM json_each(?1) WHERE true
  ON CONFLICT (path, direction, sequence, step) DO NOTHING";
const ITEMS: &str = "INSERT INTO nonce_item
  SELECT ?1, ?2, ?3, key, ?4, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?5)";
const FORGET: [&str; 3] = [
    "DELETE FROM packet WHERE path = ?1 AND direction = ?2 AND sequence = ?3",
    "DELETE FROM packet_body WHERE path = ?1 AND direction = ?2 AND sequence = ?3",
    "DELETE FROM acknowledgement WHERE path = ?1 AND direction = ?2 AND sequence = ?3",
];
const KNOWN_THROUGH: &str = "INSERT INTO direction_progress VALUES (?1, ?2, ?3)
  ON CONFLICT (path, direction) DO UPDATE SET known_through = ?3";
const CURSOR: &str = "INSERT INTO event_cursor VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (path, chain_end) DO UPDATE SET height_revision = ?3, height = ?4";
const VIEW: &str = "INSERT INTO verified_state VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
  ON CONFLICT (path, chain_end) DO UPDATE SET height_revision = ?3, height = ?4, time_seconds = ?5, time_nanos = ?6,
    client = ?7, consensus = ?8";
const BATCH_COUNTER: &str = "INSERT INTO batch_counter VALUES (?1, ?2) ON CONFLICT (path) DO UPDATE SET last = ?2";
const EVIDENCE_CONTENT: &str = "INSERT INTO evidence_content VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING";
const EVIDENCE: &str = "INSERT INTO evidence VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
  ON CONFLICT (path, batch, kind, step, hash) DO UPDATE SET chain_end = ?6, height_revision = ?7, height = ?8";
const NONCE: &str = "INSERT INTO nonce (chain, account, nonce, path, host, batch, update_height_revision, update_height, messages, taken_millis)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (chain, account, nonce) DO NOTHING";
const NONCE_TAKEN: &str = "SELECT 1 FROM nonce WHERE chain = ?1 AND account = ?2 AND nonce = ?3";
const ATTEMPT_HASH: &str = "SELECT hash FROM attempt WHERE chain = ?1 AND account = ?2 AND nonce = ?3 AND number = ?4";
const ATTEMPT: &str = "INSERT INTO attempt VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)";
const NONCE_END: &str =
    "UPDATE nonce SET ended = ?4, ended_hash = ?5, ended_height_revision = ?6, ended_height = ?7, ended_success = ?8,
    ended_gas_used = ?9, ended_millis = ?10, messages = x'' WHERE chain = ?1 AND account = ?2 AND nonce = ?3";
const NONCE_REOPENED: &str =
    "UPDATE nonce SET ended = NULL, ended_hash = NULL, ended_height_revision = NULL, ended_height = NULL,
    ended_success = NULL, ended_gas_used = NULL, ended_millis = NULL, messages = x'', reopened = 1
  WHERE chain = ?1 AND account = ?2 AND nonce = ?3";

type PacketKey<'a> = (&'a str, &'static str, i64);
type PacketFields<'a> = (
    (&'a str, &'static str, i64, &'static str, String, i64, u32, i64, i64),
    (Option<i64>, Option<i64>, &'static str, Option<&'static str>, i64, u32, u32, i64),
);

/// Rows of each kind, in order, until they are written. Kinds do not depend on each other, but for `Forget`, before
/// which everything is written.
#[derive(Default)]
struct Rows<'a> {
    packets: Vec<PacketFields<'a>>,
    bodies: Vec<(&'a str, &'static str, i64, &'a str, &'a str, i64)>,
    body_keys: Vec<PacketKey<'a>>,
    payloads: Vec<(&'a str, &'static str, i64, usize, &'a str, &'a str, &'a str, &'a str, String)>,
    acknowledgements: Vec<(&'a str, &'static str, i64, String)>,
    steps_done: Vec<(&'a str, &'static str, i64, &'static str, i64, i64, i64)>,
}

/// Makes all changes on a connection that is in a transaction.
pub(super) async fn apply(connection: &mut SqliteConnection, writes: &[Write]) -> Result<(), StoreError> {
    let mut rows = Rows::default();
    for write in writes {
        match write {
            Write::Packet { path, direction, row } => rows.packets.push(packet_fields(path, *direction, row)),
            Write::Body { path, direction, packet } => rows.body(path, *direction, packet),
            Write::Acknowledgement { path, direction, sequence, bytes } => {
                rows.acknowledgements.push((path.as_str(), direction.as_str(), signed(*sequence), hex::encode(bytes)));
            }
            Write::StepDone { path, item, height, at } => rows.steps_done.push((
                path.as_str(),
                item.direction.as_str(),
                signed(item.sequence),
                item.step.as_str(),
                height.revision().cast_signed(),
                height.number().cast_signed(),
                at.get().cast_signed(),
            )),
            Write::Forget { path, direction, sequence } => {
                rows.flush(connection).await?;
                for sql in FORGET {
                    let query = sqlx::query(sql).bind(path.as_str()).bind(direction.as_str()).bind(signed(*sequence));
                    execute(connection, query).await?;
                }
            }
            other => apply_single(connection, other).await?,
        }
    }
    rows.flush(connection).await
}

async fn apply_single(connection: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
    let query = match write {
        Write::KnownThrough { path, direction, sequence } => {
            sqlx::query(KNOWN_THROUGH).bind(path.as_str()).bind(direction.as_str()).bind(sequence.cast_signed())
        }
        Write::Cursor { path, end, height } => sqlx::query(CURSOR)
            .bind(path.as_str())
            .bind(end.as_str())
            .bind(height.revision().cast_signed())
            .bind(height.number().cast_signed()),
        Write::View { path, end, trusted } => sqlx::query(VIEW)
            .bind(path.as_str())
            .bind(end.as_str())
            .bind(trusted.height.revision().cast_signed())
            .bind(trusted.height.number().cast_signed())
            .bind(trusted.time.unix_seconds().cast_signed())
            .bind(trusted.time.subsec_nanos())
            .bind(&trusted.client)
            .bind(&trusted.consensus),
        Write::BatchCounter { path, last } => sqlx::query(BATCH_COUNTER).bind(path.as_str()).bind(last.cast_signed()),
        Write::Evidence { path, evidence } => return keep(connection, path, evidence).await,
        Write::Nonce { signer, nonce, purpose, messages, at } => {
            return take_nonce(connection, signer, *nonce, purpose.as_ref(), messages, *at).await;
        }
        Write::Attempt { signer, nonce, attempt } => return add_attempt(connection, signer, *nonce, attempt).await,
        Write::NonceEnd { signer, nonce, end, at } => return end_nonce(connection, signer, *nonce, end, *at).await,
        Write::NonceReopened { signer, nonce } => of_nonce(NONCE_REOPENED, signer, *nonce),
        // Gathered by the caller.
        Write::Packet { .. }
        | Write::Body { .. }
        | Write::Acknowledgement { .. }
        | Write::StepDone { .. }
        | Write::Forget { .. } => {
            return Ok(());
        }
    };
    execute(connection, query).await
}

async fn keep(connection: &mut SqliteConnection, path: &PathId, evidence: &Evidence) -> Result<(), StoreError> {
    let hash = sha256(&[&evidence.bytes]);
    execute(connection, sqlx::query(EVIDENCE_CONTENT).bind(hash.as_slice()).bind(&evidence.bytes)).await?;
    let query = sqlx::query(EVIDENCE)
        .bind(path.as_str())
        .bind(evidence.batch.cast_signed())
        .bind(evidence.kind.as_str())
        .bind(evidence.step.map_or("", Step::as_str))
        .bind(hash.as_slice())
        .bind(evidence.end.as_str())
        .bind(evidence.height.revision().cast_signed())
        .bind(evidence.height.number().cast_signed());
    execute(connection, query).await
}

async fn take_nonce(
    connection: &mut SqliteConnection,
    signer: &SignerId,
    nonce: u64,
    purpose: Option<&Purpose>,
    messages: &[u8],
    at: UnixMillis,
) -> Result<(), StoreError> {
    let update = purpose.and_then(|purpose| purpose.update);
    let query = of_nonce(NONCE, signer, nonce)
        .bind(purpose.map(|purpose| purpose.path.as_str()))
        .bind(purpose.map(|purpose| purpose.host.as_str()))
        .bind(purpose.map(|purpose| purpose.batch.cast_signed()))
        .bind(update.map(|height| height.revision().cast_signed()))
        .bind(update.map(|height| height.number().cast_signed()))
        .bind(messages)
        .bind(at.get().cast_signed());
    let done = query.execute(&mut *connection).await.map_err(|source| failed("take a nonce", source))?;
    let (Some(purpose), 1) = (purpose, done.rows_affected()) else { return Ok(()) };
    let item = |item: &Item| (item.direction.as_str(), signed(item.sequence), item.step.as_str());
    let items = json(&purpose.items.iter().map(item).collect::<Vec<_>>())?;
    execute(connection, of_nonce(ITEMS, signer, nonce).bind(purpose.path.as_str()).bind(items)).await
}

async fn add_attempt(
    connection: &mut SqliteConnection,
    signer: &SignerId,
    nonce: u64,
    attempt: &Attempt,
) -> Result<(), StoreError> {
    let taken = of_nonce(NONCE_TAKEN, signer, nonce).fetch_optional(&mut *connection).await;
    if taken.map_err(|source| failed("read", source))?.is_none() {
        return Err(StoreError::Misuse { expected: "a nonce before its attempts", found: format!("{signer} {nonce}") });
    }
    let stored: Option<Vec<u8>> = sqlx::query_scalar(ATTEMPT_HASH)
        .bind(&signer.chain)
        .bind(&signer.account)
        .bind(nonce.cast_signed())
        .bind(attempt.number)
        .fetch_optional(&mut *connection)
        .await
        .map_err(|source| failed("read", source))?;
    match stored {
        Some(hash) if hash == attempt.hash => return Ok(()),
        Some(_) => {
            return Err(StoreError::Misuse {
                expected: "one transaction for each signer, nonce and attempt",
                found: format!("{signer} {nonce} {}", attempt.number),
            });
        }
        None => {}
    }
    let (gas_price, max_fee, max_priority_fee) = match attempt.bid {
        Bid::Legacy { gas_price } => (Some(gas_price.to_string()), None, None),
        Bid::Dynamic { max_fee, max_priority_fee } => {
            (None, Some(max_fee.to_string()), Some(max_priority_fee.to_string()))
        }
    };
    let query = of_nonce(ATTEMPT, signer, nonce)
        .bind(attempt.number)
        .bind(attempt.hash.as_slice())
        .bind(&attempt.raw)
        .bind(gas_price)
        .bind(max_fee)
        .bind(max_priority_fee)
        .bind(attempt.gas_limit.cast_signed())
        .bind(attempt.cancels)
        .bind(attempt.signed.get().cast_signed());
    execute(connection, query).await
}

async fn end_nonce(
    connection: &mut SqliteConnection,
    signer: &SignerId,
    nonce: u64,
    end: &NonceEnd,
    at: UnixMillis,
) -> Result<(), StoreError> {
    let query = of_nonce(NONCE_END, signer, nonce);
    let query = match end {
        NonceEnd::Included { hash, height, success, gas_used } => query
            .bind("included")
            .bind(Some(hash.as_slice()))
            .bind(Some(height.revision().cast_signed()))
            .bind(Some(height.number().cast_signed()))
            .bind(Some(*success))
            .bind(Some(gas_used.cast_signed())),
        NonceEnd::Lost => query
            .bind("lost")
            .bind(None::<&[u8]>)
            .bind(None::<i64>)
            .bind(None::<i64>)
            .bind(None::<bool>)
            .bind(None::<i64>),
    };
    execute(connection, query.bind(at.get().cast_signed())).await
}

impl<'a> Rows<'a> {
    fn body(&mut self, path: &'a PathId, direction: Direction, packet: &'a Packet) {
        let (path, direction, sequence) = (path.as_str(), direction.as_str(), signed(packet.sequence));
        // The last of several bodies of one packet stands.
        self.payloads.retain(|row| (row.0, row.1, row.2) != (path, direction, sequence));
        self.body_keys.push((path, direction, sequence));
        let (source, destination) = (packet.source_client.as_str(), packet.destination_client.as_str());
        self.bodies.push((path, direction, sequence, source, destination, packet.timeout_seconds.cast_signed()));
        for (position, payload) in packet.payloads.iter().enumerate() {
            self.payloads.push((
                path,
                direction,
                sequence,
                position,
                &payload.source_port,
                &payload.destination_port,
                &payload.version,
                &payload.encoding,
                hex::encode(&payload.value),
            ));
        }
    }

    async fn flush(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let rows = std::mem::take(self);
        let packets: Vec<Flat<'_, 'a>> = rows.packets.iter().map(Flat).collect();
        insert(connection, PACKETS, &packets).await?;
        insert(connection, BODIES, &rows.bodies).await?;
        insert(connection, PAYLOADS_CLEAR, &rows.body_keys).await?;
        insert(connection, PAYLOADS, &rows.payloads).await?;
        insert(connection, ACKNOWLEDGEMENTS, &rows.acknowledgements).await?;
        insert(connection, STEPS_DONE, &rows.steps_done).await
    }
}

async fn insert<T: Serialize>(
    connection: &mut SqliteConnection,
    sql: &'static str,
    rows: &[T],
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    execute(connection, sqlx::query(sql).bind(json(rows)?)).await
}

fn packet_fields<'a>(path: &'a PathId, direction: Direction, row: &PacketRow) -> PacketFields<'a> {
    let acknowledgement = row.acknowledgement_height;
    (
        (
            path.as_str(),
            direction.as_str(),
            signed(row.sequence),
            row.state.as_str(),
            hex::encode(row.commitment.as_bytes()),
            row.timeout_seconds.cast_signed(),
            row.body_bytes,
            row.sent_height.revision().cast_signed(),
            row.sent_height.number().cast_signed(),
        ),
        (
            acknowledgement.map(|height| height.revision().cast_signed()),
            acknowledgement.map(|height| height.number().cast_signed()),
            row.waiting.as_str(),
            row.parked.map(relayer_core::Parked::as_str),
            row.next_try.get().cast_signed(),
            row.tries,
            row.refusals,
            row.since.get().cast_signed(),
        ),
    )
}

/// A packet's two tuples as one array: `serde` has no tuple of seventeen.
struct Flat<'r, 'a>(&'r PacketFields<'a>);

impl Serialize for Flat<'_, '_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeSeq as _;
        let ((a, b, c, d, e, f, g, h, i), (j, k, l, m, n, o, p, q)) = self.0;
        let mut sequence = serializer.serialize_seq(Some(17))?;
        sequence.serialize_element(a)?;
        sequence.serialize_element(b)?;
        sequence.serialize_element(c)?;
        sequence.serialize_element(d)?;
        sequence.serialize_element(e)?;
        sequence.serialize_element(f)?;
        sequence.serialize_element(g)?;
        sequence.serialize_element(h)?;
        sequence.serialize_element(i)?;
        sequence.serialize_element(j)?;
        sequence.serialize_element(k)?;
        sequence.serialize_element(l)?;
        sequence.serialize_element(m)?;
        sequence.serialize_element(n)?;
        sequence.serialize_element(o)?;
        sequence.serialize_element(p)?;
        sequence.serialize_element(q)?;
        sequence.end()
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, <sqlx::Sqlite as sqlx::Database>::Arguments>;

fn of_nonce<'q>(sql: &'static str, signer: &'q SignerId, nonce: u64) -> Query<'q> {
    sqlx::query(sql).bind(&signer.chain).bind(&signer.account).bind(nonce.cast_signed())
}

async fn execute(connection: &mut SqliteConnection, query: Query<'_>) -> Result<(), StoreError> {
    query.execute(connection).await.map(|_| ()).map_err(|source| failed("write", source))
}

fn json<T: Serialize + ?Sized>(rows: &T) -> Result<String, StoreError> {
    serde_json::to_string(rows)
        .map_err(|source| StoreError::Database { operation: "write rows", source: Box::new(source) })
}

const fn signed(sequence: Sequence) -> i64 {
    sequence.get().cast_signed()
}
