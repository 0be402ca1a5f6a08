//! The store in SQLite: one writing connection, a few reading ones, everything durable before it is acknowledged.

mod apply;
mod open;
mod row;

use crate::store::{direction_index, end_index};
use crate::{AttemptView, Guard, MAX_PAGE, PacketQuery, PacketView, Store, StoreError};
use async_trait::async_trait;
use light_client::{Packet, Sequence};
use relayer_core::{
    CLOSED_NONCES_KEPT, Direction, Evidence, Lease, LeaseDecision, OpenStart, PacketState, PathId, PathStart, SignerId,
    SignerStart, UnixMillis, Write, decide_lease,
};
use row::{
    attempt_of, body_of, count_of, end_of_nonce, evidence_of, lease_of, packet_of, payload_of, purpose_of, step_of,
    trusted_of,
};
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{Row as _, SqliteConnection};
use std::fs::File;

/// How the packets of a page are asked for. `pending` has its own text, so that its partial index serves it.
macro_rules! packets_where {
    ($pending:literal) => {
        concat!(
            "SELECT * FROM packet WHERE ",
            $pending,
            " (?1 IS NULL OR path = ?1) AND (?2 IS NULL OR direction = ?2) AND (?3 IS NULL OR state = ?3)",
            " AND (?4 IS NULL OR waiting = ?4) AND (?5 IS NULL OR sequence = ?5) AND (?6 IS NULL OR sequence < ?6)",
            " ORDER BY sequence DESC, path, direction LIMIT ?7"
        )
    };
}

const PACKETS: &str = packets_where!("");
const PACKETS_PENDING: &str = packets_where!("state NOT IN ('acknowledged', 'timed-out') AND");
const PENDING: &str = "SELECT * FROM packet WHERE path = ?1 AND direction = ?2 AND state NOT IN ('acknowledged', 'timed-out') ORDER BY sequence";
const KNOWN_THROUGH: &str = "SELECT known_through FROM direction_progress WHERE path = ?1 AND direction = ?2";
const KNOWN_BEYOND: &str = "SELECT sequence FROM packet WHERE path = ?1 AND direction = ?2 AND sequence > ?3
  AND state IN ('sent', 'delivered', 'acknowledged', 'timed-out') ORDER BY sequence";
const COUNTS: &str = "SELECT direction, state, count FROM packet_count WHERE path = ?1";
const CURSORS: &str = "SELECT chain_end, height_revision, height FROM event_cursor WHERE path = ?1";
const VIEWS: &str = "SELECT * FROM verified_state WHERE path = ?1";
const LAST_BATCH: &str = "SELECT last FROM batch_counter WHERE path = ?1";
const OPEN_OF_PATH: &str = "SELECT * FROM nonce WHERE path = ?1 AND ended IS NULL AND reopened = 0 ORDER BY batch";
const OPEN_OF_SIGNER: &str = "SELECT * FROM nonce WHERE chain = ?1 AND account = ?2 AND ended IS NULL ORDER BY nonce";
const LAST_NONCE: &str = "SELECT nonce FROM nonce WHERE chain = ?1 AND account = ?2 ORDER BY nonce DESC LIMIT 1";
const CLOSED_OF_SIGNER: &str = "SELECT nonce, (SELECT coalesce(max(number), 0) FROM attempt
    WHERE attempt.chain = nonce.chain AND attempt.account = nonce.account AND attempt.nonce = nonce.nonce) AS attempts
  FROM nonce WHERE chain = ?1 AND account = ?2 AND ended IS NOT NULL ORDER BY nonce DESC LIMIT ?3";
const ITEMS: &str = "SELECT * FROM nonce_item WHERE chain = ?1 AND account = ?2 AND nonce = ?3 ORDER BY position";
const ATTEMPTS: &str = "SELECT * FROM attempt WHERE chain = ?1 AND account = ?2 AND nonce = ?3 ORDER BY number";
const BODY: &str = "SELECT * FROM packet_body WHERE path = ?1 AND direction = ?2 AND sequence = ?3";
const PAYLOADS: &str = "SELECT * FROM payload WHERE path = ?1 AND direction = ?2 AND sequence = ?3 ORDER BY position";
const ACKNOWLEDGEMENT: &str = "SELECT bytes FROM acknowledgement WHERE path = ?1 AND direction = ?2 AND sequence = ?3";
const STEPS: &str = "SELECT * FROM step_done WHERE path = ?1 AND direction = ?2 AND sequence = ?3";
const ATTEMPTS_OF_PACKET: &str =
    "SELECT attempt.*, nonce_item.step, nonce.ended, nonce.ended_hash, nonce.ended_height_revision,
    nonce.ended_height, nonce.ended_success, nonce.ended_gas_used
  FROM nonce_item JOIN nonce USING (chain, account, nonce) JOIN attempt USING (chain, account, nonce)
  WHERE nonce_item.path = ?1 AND nonce_item.direction = ?2 AND nonce_item.sequence = ?3
  ORDER BY attempt.signed_millis DESC, attempt.nonce DESC, attempt.number DESC LIMIT ?4";
const EVIDENCE: &str = "SELECT DISTINCT evidence.*, evidence_content.bytes
  FROM nonce_item JOIN nonce USING (chain, account, nonce)
  JOIN evidence ON evidence.path = nonce_item.path AND evidence.batch = nonce.batch AND evidence.step IN ('', nonce_item.step)
  JOIN evidence_content ON evidence_content.hash = evidence.hash
  WHERE nonce_item.path = ?1 AND nonce_item.direction = ?2 AND nonce_item.sequence = ?3
  ORDER BY evidence.batch, evidence.kind DESC, evidence.step, evidence.hash LIMIT ?4";
const LEASE: &str = "SELECT owner, expires_millis, fence FROM lease WHERE name = ?1";
const LEASE_SET: &str = "INSERT INTO lease (name, owner, expires_millis, fence) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT (name) DO UPDATE SET owner = ?2, expires_millis = ?3, fence = ?4";
const LEASE_RELEASE: &str = "UPDATE lease SET expires_millis = 0 WHERE name = ?1 AND fence = ?2";
const BEGIN: &str = "BEGIN IMMEDIATE";

/// A relayer's database file, held by this process alone until it is dropped.
#[derive(Debug)]
pub struct SqliteStore {
    /// One connection: SQLite has one writer, and waiting for it here is fairer than in its busy handler.
    writer: SqlitePool,
    readers: SqlitePool,
    /// Locked as long as it is open; the system lets go of it when the process ends, however it ends.
    _lock: File,
}

impl SqliteStore {
    /// Waits until everything under way is done and closes the database.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn reader(&self) -> Result<sqlx::pool::PoolConnection<sqlx::Sqlite>, StoreError> {
        self.readers.acquire().await.map_err(|source| failed("open a reading connection", source))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn lease(&self, name: &str, owner: &str, now: UnixMillis, ttl_millis: u64) -> Result<Lease, StoreError> {
        let operation = "take a lease";
        let mut transaction = self.writer.begin_with(BEGIN).await.map_err(|source| failed(operation, source))?;
        let present = sqlx::query(LEASE)
            .bind(name)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(|source| failed(operation, source))?;
        let present = present.as_ref().map(lease_of).transpose()?;
        match decide_lease(present.as_ref(), owner, now, ttl_millis) {
            LeaseDecision::Held(held) => Err(StoreError::LeaseHeld { lease: name.to_owned(), held }),
            LeaseDecision::Granted(lease) => {
                sqlx::query(LEASE_SET)
                    .bind(name)
                    .bind(&lease.owner)
                    .bind(lease.expires.get().cast_signed())
                    .bind(lease.fence.cast_signed())
                    .execute(&mut *transaction)
                    .await
                    .map_err(|source| failed(operation, source))?;
                transaction.commit().await.map_err(|source| failed(operation, source))?;
                Ok(lease)
            }
        }
    }

    async fn release(&self, guard: &Guard) -> Result<(), StoreError> {
        let query = sqlx::query(LEASE_RELEASE).bind(&guard.lease).bind(guard.fence.cast_signed());
        query.execute(&self.writer).await.map_err(|source| failed("give a lease back", source))?;
        Ok(())
    }

    async fn apply(&self, guard: &Guard, writes: &[Write]) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin_with(BEGIN).await.map_err(|source| failed("begin", source))?;
        let found = fetch_optional(&mut transaction, sqlx::query(LEASE).bind(&guard.lease)).await?;
        let found = found.as_ref().map(lease_of).transpose()?.map(|lease| lease.fence);
        if found != Some(guard.fence) {
            return Err(StoreError::Fenced { lease: guard.lease.clone(), expected: guard.fence, found });
        }
        apply::apply(&mut transaction, writes).await?;
        transaction.commit().await.map_err(|source| failed("commit", source))
    }

    async fn path(&self, path: &PathId) -> Result<PathStart, StoreError> {
        let connection = &mut *self.reader().await?;
        let mut start = PathStart::default();
        for direction in Direction::BOTH {
            let record = &mut start.directions[direction_index(direction)];
            let query = sqlx::query(KNOWN_THROUGH).bind(path.as_str()).bind(direction.as_str());
            if let Some(found) = fetch_optional(connection, query).await? {
                record.known_through = number(&found, "known_through")?;
            }
            let query = sqlx::query(PENDING).bind(path.as_str()).bind(direction.as_str());
            record.pending = fetch_all(connection, query).await?.iter().map(packet_of).collect::<Result<_, _>>()?;
            let query = sqlx::query(KNOWN_BEYOND).bind(path.as_str()).bind(direction.as_str());
            let query = query.bind(record.known_through.cast_signed());
            record.known_beyond = fetch_all(connection, query)
                .await?
                .iter()
                .map(|found| number(found, "sequence"))
                .collect::<Result<_, _>>()?;
        }
        for found in fetch_all(connection, sqlx::query(COUNTS).bind(path.as_str())).await? {
            let (direction, state, count) = count_of(&found)?;
            start.directions[direction_index(direction)].counts[state] = count;
        }
        for found in fetch_all(connection, sqlx::query(CURSORS).bind(path.as_str())).await? {
            start.cursors[end_index(row::end(&found, "chain_end")?)] =
                row::height(&found, "height_revision", "height")?;
        }
        for found in fetch_all(connection, sqlx::query(VIEWS).bind(path.as_str())).await? {
            start.views[end_index(row::end(&found, "chain_end")?)] = Some(trusted_of(&found)?);
        }
        if let Some(found) = fetch_optional(connection, sqlx::query(LAST_BATCH).bind(path.as_str())).await? {
            start.last_batch = number(&found, "last")?;
        }
        for found in fetch_all(connection, sqlx::query(OPEN_OF_PATH).bind(path.as_str())).await? {
            start.open.extend(self::purpose(connection, &found).await?);
        }
        Ok(start)
    }

    async fn signer(&self, signer: &SignerId) -> Result<SignerStart, StoreError> {
        let connection = &mut *self.reader().await?;
        let query = sqlx::query(LAST_NONCE).bind(&signer.chain).bind(&signer.account);
        let last_nonce = fetch_optional(connection, query).await?.map(|found| number(&found, "nonce")).transpose()?;
        let mut start = SignerStart { last_nonce, ..SignerStart::default() };
        let query = sqlx::query(OPEN_OF_SIGNER).bind(&signer.chain).bind(&signer.account);
        for found in fetch_all(connection, query).await? {
            let nonce = number(&found, "nonce")?;
            let purpose = if row::flag(&found, "reopened")? { None } else { self::purpose(connection, &found).await? };
            let query = sqlx::query(ATTEMPTS).bind(&signer.chain).bind(&signer.account).bind(nonce.cast_signed());
            let attempts = fetch_all(connection, query).await?.iter().map(attempt_of).collect::<Result<_, _>>()?;
            start.open.push(OpenStart { nonce, purpose, messages: row::bytes(&found, "messages")?, attempts });
        }
        let kept = i64::try_from(CLOSED_NONCES_KEPT).unwrap_or(i64::MAX);
        let query = sqlx::query(CLOSED_OF_SIGNER).bind(&signer.chain).bind(&signer.account).bind(kept);
        for found in fetch_all(connection, query).await?.iter().rev() {
            start.closed.push((number(found, "nonce")?, row::small(found, "attempts")?));
        }
        Ok(start)
    }

    async fn bodies(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Packet>>, StoreError> {
        let connection = &mut *self.reader().await?;
        let mut bodies = Vec::with_capacity(sequences.len());
        for sequence in sequences {
            bodies.push(body(connection, path, direction, *sequence).await?);
        }
        Ok(bodies)
    }

    async fn acknowledgements(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let connection = &mut *self.reader().await?;
        let mut acknowledgements = Vec::with_capacity(sequences.len());
        for sequence in sequences {
            acknowledgements.push(acknowledgement(connection, path, direction, *sequence).await?);
        }
        Ok(acknowledgements)
    }

    async fn packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError> {
        let connection = &mut *self.reader().await?;
        let sql = if query.pending { PACKETS_PENDING } else { PACKETS };
        let packets = sqlx::query(sql)
            .bind(query.path.as_ref().map(PathId::as_str))
            .bind(query.direction.map(Direction::as_str))
            .bind(query.state.map(PacketState::as_str))
            .bind(query.waiting.map(relayer_core::Waiting::as_str))
            .bind(query.sequence.map(|sequence| sequence.get().cast_signed()))
            .bind(query.before.map(u64::cast_signed))
            .bind(query.limit.min(MAX_PAGE));
        let mut views = Vec::new();
        for found in fetch_all(connection, packets).await? {
            let path: PathId = row::path(&found)?;
            let direction = row::direction(&found)?;
            let packet_row = packet_of(&found)?;
            let sequence = packet_row.sequence;
            let steps = of_packet(STEPS, &path, direction, sequence);
            let mut steps = fetch_all(connection, steps).await?.iter().map(step_of).collect::<Result<Vec<_>, _>>()?;
            steps.sort_by_key(|(step, ..)| *step);
            views.push(PacketView {
                packet: body(connection, &path, direction, sequence).await?,
                acknowledgement: acknowledgement(connection, &path, direction, sequence).await?,
                path,
                direction,
                row: packet_row,
                steps,
            });
        }
        Ok(views)
    }

    async fn attempts(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<AttemptView>, StoreError> {
        let connection = &mut *self.reader().await?;
        let query = of_packet(ATTEMPTS_OF_PACKET, path, direction, sequence).bind(MAX_PAGE);
        let rows = fetch_all(connection, query).await?;
        let view = |found: &SqliteRow| {
            Ok(AttemptView {
                signer: SignerId { chain: row::text(found, "chain")?, account: row::text(found, "account")? },
                nonce: number(found, "nonce")?,
                step: row::step(found)?,
                attempt: attempt_of(found)?,
                end: end_of_nonce(found)?,
            })
        };
        rows.iter().map(view).collect()
    }

    async fn evidence(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<Evidence>, StoreError> {
        let connection = &mut *self.reader().await?;
        let query = of_packet(EVIDENCE, path, direction, sequence).bind(MAX_PAGE);
        let mut evidence: Vec<Evidence> =
            fetch_all(connection, query).await?.iter().map(evidence_of).collect::<Result<_, _>>()?;
        evidence.sort_by_key(|evidence| (evidence.batch, evidence.kind, evidence.step));
        Ok(evidence)
    }

    async fn counts(&self, path: &PathId) -> Result<[[u64; PacketState::ALL.len()]; 2], StoreError> {
        let connection = &mut *self.reader().await?;
        let mut counts = [[0; PacketState::ALL.len()]; 2];
        for found in fetch_all(connection, sqlx::query(COUNTS).bind(path.as_str())).await? {
            let (direction, state, count) = count_of(&found)?;
            counts[direction_index(direction)][state] = count;
        }
        Ok(counts)
    }
}

type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, <sqlx::Sqlite as sqlx::Database>::Arguments>;

fn of_packet<'q>(sql: &'static str, path: &'q PathId, direction: Direction, sequence: Sequence) -> Query<'q> {
    sqlx::query(sql).bind(path.as_str()).bind(direction.as_str()).bind(sequence.get().cast_signed())
}

async fn body(
    connection: &mut SqliteConnection,
    path: &PathId,
    direction: Direction,
    sequence: Sequence,
) -> Result<Option<Packet>, StoreError> {
    let Some(found) = fetch_optional(connection, of_packet(BODY, path, direction, sequence)).await? else {
        return Ok(None);
    };
    let payloads = fetch_all(connection, of_packet(PAYLOADS, path, direction, sequence)).await?;
    body_of(&found, payloads.iter().map(payload_of).collect::<Result<_, _>>()?).map(Some)
}

async fn acknowledgement(
    connection: &mut SqliteConnection,
    path: &PathId,
    direction: Direction,
    sequence: Sequence,
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = fetch_optional(connection, of_packet(ACKNOWLEDGEMENT, path, direction, sequence)).await?;
    found.map(|found| row::bytes(&found, "bytes")).transpose()
}

/// What a nonce's row is for, with its items.
async fn purpose(
    connection: &mut SqliteConnection,
    nonce: &SqliteRow,
) -> Result<Option<relayer_core::Purpose>, StoreError> {
    let query = sqlx::query(ITEMS).bind(row::text(nonce, "chain")?).bind(row::text(nonce, "account")?);
    let items = fetch_all(connection, query.bind(number(nonce, "nonce")?.cast_signed())).await?;
    purpose_of(nonce, &items)
}

async fn fetch_all(connection: &mut SqliteConnection, query: Query<'_>) -> Result<Vec<SqliteRow>, StoreError> {
    query.fetch_all(connection).await.map_err(|source| failed("read", source))
}

async fn fetch_optional(connection: &mut SqliteConnection, query: Query<'_>) -> Result<Option<SqliteRow>, StoreError> {
    query.fetch_optional(connection).await.map_err(|source| failed("read", source))
}

fn number(row: &SqliteRow, column: &'static str) -> Result<u64, StoreError> {
    row.try_get::<i64, _>(column).map(i64::cast_unsigned).map_err(|source| failed("read a number", source))
}

/// Keeps the database's own error.
fn failed(operation: &'static str, source: sqlx::Error) -> StoreError {
    StoreError::Database { operation, source: Box::new(source) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A start-up that reads everything would pass every other test: the plans have to use the indexes.
    #[tokio::test]
    async fn start_up_reads_the_unsettled_packets_only() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("r.db"), "test").await.unwrap();
        let connection = &mut *store.reader().await.unwrap();
        for (sql, index) in [
            (
                concat!(
                    "EXPLAIN QUERY PLAN ",
                    "SELECT * FROM packet WHERE path = ?1 AND direction = ?2 AND state NOT IN ('acknowledged', 'timed-out') ORDER BY sequence"
                ),
                "packet_pending",
            ),
            (
                "EXPLAIN QUERY PLAN SELECT * FROM nonce WHERE path = ?1 AND ended IS NULL AND reopened = 0 ORDER BY batch",
                "nonce_open_path",
            ),
            (
                "EXPLAIN QUERY PLAN SELECT * FROM nonce WHERE chain = ?1 AND account = ?2 AND ended IS NULL ORDER BY nonce",
                "nonce_open",
            ),
        ] {
            assert!(sql.ends_with(PENDING) || sql.ends_with(OPEN_OF_PATH) || sql.ends_with(OPEN_OF_SIGNER), "{sql}");
            let rows = sqlx::query(sql).fetch_all(&mut *connection).await.unwrap();
            let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
            assert!(plan.iter().any(|step| step.contains(index)), "{sql}: {plan:?}");
        }
    }
}
