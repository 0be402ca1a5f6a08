//! One list of changes, one transaction.

use super::{Ids, failed, value};
use crate::{StoreError, store::check_row};
use light_client::{Height, sha256};
use relayer_core::{
    Bid, Direction, Evidence, Item, NonceEnd, PacketRow, PathId, Purpose, SignerId, UnixMillis, Write,
    codec::encode_packet,
};
use sqlx::{Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};
use std::sync::LazyLock;

const FORGET_PACKET: &str = "DELETE FROM packets WHERE path = $1 AND direction = $2 AND sequence = $3";
const FORGET_BODY: &str = "DELETE FROM packet_bodies WHERE path = $1 AND direction = $2 AND sequence = $3";
const FORGET_ACKNOWLEDGEMENT: &str =
    "DELETE FROM acknowledgements WHERE path = $1 AND direction = $2 AND sequence = $3";
const KNOWN_THROUGH: &str = "INSERT INTO directions (path, direction, known_through) VALUES ($1, $2, $3) \
     ON CONFLICT (path, direction) DO UPDATE SET known_through = excluded.known_through";
const CURSOR: &str = "INSERT INTO cursors (path, end, height) VALUES ($1, $2, $3) \
     ON CONFLICT (path, end) DO UPDATE SET height = excluded.height";
const VIEW: &str = "INSERT INTO views (path, end, height, time_seconds, time_nanos, client, consensus) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (path, end) DO UPDATE SET height = excluded.height, \
     time_seconds = excluded.time_seconds, time_nanos = excluded.time_nanos, client = excluded.client, \
     consensus = excluded.consensus";
const EVIDENCE: &str = "INSERT INTO evidence_bytes (hash, bytes) VALUES ($1, $2) ON CONFLICT (hash) DO NOTHING; \
     INSERT INTO evidence (path, batch, kind, step, hash, end, height) \
     VALUES ($3, $4, $5, $6, $1, $7, $8) ON CONFLICT (path, batch, kind, step, hash) DO NOTHING";
const NONCE: &str = "INSERT INTO nonces (signer, nonce, path, host, batch, update_height, taken_millis) \
     VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (signer, nonce) DO NOTHING";
const COUNTERS: &str = "UPDATE signers SET last_nonce = $2 WHERE id = $1 AND (last_nonce IS NULL OR last_nonce < $2); \
     UPDATE paths SET last_batch = $4 WHERE id = $3 AND last_batch < $4";
// The nonce, and the attempt of this number if there is one.
const KNOWN_ATTEMPT: &str = "SELECT hash FROM nonces LEFT JOIN attempts \
     ON attempts.signer = nonces.signer AND attempts.nonce = nonces.nonce AND attempts.number = $3 \
     WHERE nonces.signer = $1 AND nonces.nonce = $2";
const ATTEMPT: &str = "INSERT INTO attempts (signer, nonce, number, hash, raw, price, tip, gas_limit, cancels, signed_millis) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const NONCE_INCLUDED: &str = "UPDATE nonces SET outcome = 'included', end_hash = $3, end_height = $4, \
     end_success = $5, end_gas = $6, end_millis = $7 WHERE signer = $1 AND nonce = $2";
const NONCE_LOST: &str = "UPDATE nonces SET outcome = 'lost', end_hash = NULL, end_height = NULL, \
     end_success = NULL, end_gas = NULL, end_millis = $3 WHERE signer = $1 AND nonce = $2";
const NONCE_REOPENED: &str = "UPDATE nonces SET outcome = 'open', reopened = 1, end_hash = NULL, \
     end_height = NULL, end_success = NULL, end_gas = NULL, end_millis = NULL WHERE signer = $1 AND nonce = $2";

type Bound<'q> = Query<'q, Sqlite, SqliteArguments>;

async fn run(connection: &mut SqliteConnection, operation: &'static str, query: Bound<'_>) -> Result<(), StoreError> {
    query.execute(connection).await.map_err(failed(operation))?;
    Ok(())
}

/// Rows of one statement are this many: each statement costs a change of threads, whatever it does. A full batch
/// takes one.
const CHUNKS: [usize; 7] = [100, 50, 25, 12, 6, 3, 1];

static PACKET: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO packets (path, direction, sequence, state, commitment, timeout_seconds, body_bytes, sent_height, \
         acknowledgement_height, waiting, parked, next_try_millis, tries, refusals, since_millis)",
        15,
        "ON CONFLICT (path, direction, sequence) DO UPDATE SET state = excluded.state, \
         commitment = excluded.commitment, timeout_seconds = excluded.timeout_seconds, \
         body_bytes = excluded.body_bytes, sent_height = excluded.sent_height, \
         acknowledgement_height = excluded.acknowledgement_height, waiting = excluded.waiting, \
         parked = excluded.parked, next_try_millis = excluded.next_try_millis, tries = excluded.tries, \
         refusals = excluded.refusals, since_millis = excluded.since_millis",
    )
});
static BODY: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO packet_bodies (path, direction, sequence, body)",
        4,
        "ON CONFLICT (path, direction, sequence) DO UPDATE SET body = excluded.body",
    )
});
static ACKNOWLEDGEMENT: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO acknowledgements (path, direction, sequence, bytes)",
        4,
        "ON CONFLICT (path, direction, sequence) DO UPDATE SET bytes = excluded.bytes",
    )
});
static STEP: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO steps (path, direction, sequence, step, height, at_millis)",
        6,
        "ON CONFLICT (path, direction, sequence, step) DO NOTHING",
    )
});
static NONCE_ITEM: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO nonce_items (signer, nonce, position, path, direction, sequence, step)",
        7,
        "ON CONFLICT (signer, nonce, position) DO NOTHING",
    )
});

/// One insertion in several widths; the text is made of constants only.
struct Bulk([String; CHUNKS.len()]);

impl Bulk {
    fn new(head: &str, columns: usize, tail: &str) -> Self {
        let row = format!("({})", vec!["?"; columns].join(", "));
        Self(CHUNKS.map(|rows| format!("{head} VALUES {} {tail}", vec![row.as_str(); rows].join(", "))))
    }

    /// Writes all rows, as many in one statement as fit.
    async fn run<R>(
        &'static self,
        connection: &mut SqliteConnection,
        operation: &'static str,
        mut rows: &[R],
        bind: impl for<'q> Fn(Bound<'q>, &'q R) -> Bound<'q>,
    ) -> Result<(), StoreError> {
        for (text, size) in self.0.iter().zip(CHUNKS) {
            while let Some((chunk, rest)) = rows.split_at_checked(size) {
                let query = chunk.iter().fold(sqlx::query(text.as_str()), &bind);
                run(connection, operation, query).await?;
                rows = rest;
            }
        }
        Ok(())
    }
}

/// Rows of the same kind, gathered until something is written whose order counts.
#[derive(Default)]
struct Gathered<'w> {
    packets: Vec<(i64, Direction, &'w PacketRow)>,
    bodies: Vec<(i64, Direction, u64, Vec<u8>)>,
    acknowledgements: Vec<(i64, Direction, u64, &'w [u8])>,
    steps: Vec<(i64, Item, Height, UnixMillis)>,
}

impl Gathered<'_> {
    async fn flush(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        let packets = std::mem::take(&mut self.packets);
        PACKET
            .run(connection, "writing packets", &packets, |query, (path, direction, row)| {
                query
                    .bind(*path)
                    .bind(value::direction_bit(*direction))
                    .bind(value::bits(row.sequence.get()))
                    .bind(row.state.as_str())
                    .bind(row.commitment.as_bytes().as_slice())
                    .bind(value::bits(row.timeout_seconds))
                    .bind(i64::from(row.body_bytes))
                    .bind(row.sent_height.to_string())
                    .bind(row.acknowledgement_height.map(|height| height.to_string()))
                    .bind(row.waiting.as_str())
                    .bind(row.parked.map(|parked| parked.as_str()))
                    .bind(value::bits(row.next_try.get()))
                    .bind(i64::from(row.tries))
                    .bind(i64::from(row.refusals))
                    .bind(value::bits(row.since.get()))
            })
            .await?;
        let bodies = std::mem::take(&mut self.bodies);
        BODY.run(connection, "writing bodies", &bodies, |query, (path, direction, sequence, body)| {
            let query = query.bind(*path).bind(value::direction_bit(*direction));
            query.bind(value::bits(*sequence)).bind(body.as_slice())
        })
        .await?;
        let acknowledgements = std::mem::take(&mut self.acknowledgements);
        ACKNOWLEDGEMENT
            .run(
                connection,
                "writing acknowledgements",
                &acknowledgements,
                |query, (path, direction, sequence, bytes)| {
                    let query = query.bind(*path).bind(value::direction_bit(*direction));
                    query.bind(value::bits(*sequence)).bind(*bytes)
                },
            )
            .await?;
        let steps = std::mem::take(&mut self.steps);
        STEP.run(connection, "writing steps", &steps, |query, (path, item, height, at)| {
            query
                .bind(*path)
                .bind(value::direction_bit(item.direction))
                .bind(value::bits(item.sequence.get()))
                .bind(item.step.as_str())
                .bind(height.to_string())
                .bind(value::bits(at.get()))
        })
        .await
    }
}

impl Ids {
    /// Makes all changes in order; rows of the same kind go together.
    pub(super) async fn write_all(
        &mut self,
        connection: &mut SqliteConnection,
        writes: &[Write],
    ) -> Result<(), StoreError> {
        let mut gathered = Gathered::default();
        for write in writes {
            match write {
                Write::Packet { path, direction, row } => {
                    check_row(row)?;
                    let path = self.path(connection, path).await?;
                    gathered.packets.push((path, *direction, row));
                }
                Write::Body { path, direction, packet } => {
                    let path = self.path(connection, path).await?;
                    gathered.bodies.push((path, *direction, packet.sequence.get(), encode_packet(packet)));
                }
                Write::Acknowledgement { path, direction, sequence, bytes } => {
                    let path = self.path(connection, path).await?;
                    gathered.acknowledgements.push((path, *direction, sequence.get(), bytes));
                }
                Write::StepDone { path, item, height, at } => {
                    let path = self.path(connection, path).await?;
                    gathered.steps.push((path, *item, *height, *at));
                }
                Write::Forget { .. } => {
                    gathered.flush(connection).await?;
                    self.write(connection, write).await?;
                }
                write => self.write(connection, write).await?,
            }
        }
        gathered.flush(connection).await
    }

    /// Makes one change that is not gathered with others.
    async fn write(&mut self, connection: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
        match write {
            // Gathered by the caller.
            Write::Packet { .. } | Write::Body { .. } | Write::Acknowledgement { .. } | Write::StepDone { .. } => {
                Ok(())
            }
            Write::Forget { path, direction, sequence } => {
                let path = self.path(connection, path).await?;
                for query in [FORGET_PACKET, FORGET_BODY, FORGET_ACKNOWLEDGEMENT] {
                    let query = sqlx::query(query)
                        .bind(path)
                        .bind(value::direction_bit(*direction))
                        .bind(value::bits(sequence.get()));
                    run(connection, "forgetting a packet", query).await?;
                }
                Ok(())
            }
            Write::KnownThrough { path, direction, sequence } => {
                let path = self.path(connection, path).await?;
                let query = sqlx::query(KNOWN_THROUGH)
                    .bind(path)
                    .bind(value::direction_bit(*direction))
                    .bind(value::bits(*sequence));
                run(connection, "writing what is known", query).await
            }
            Write::Cursor { path, end, height } => {
                let path = self.path(connection, path).await?;
                let query = sqlx::query(CURSOR).bind(path).bind(value::end_bit(*end)).bind(height.to_string());
                run(connection, "writing a cursor", query).await
            }
            Write::View { path, end, trusted } => {
                let path = self.path(connection, path).await?;
                let query = sqlx::query(VIEW)
                    .bind(path)
                    .bind(value::end_bit(*end))
                    .bind(trusted.height.to_string())
                    .bind(value::bits(trusted.time.unix_seconds()))
                    .bind(i64::from(trusted.time.subsec_nanos()))
                    .bind(trusted.client.as_slice())
                    .bind(trusted.consensus.as_slice());
                run(connection, "writing a verified state", query).await
            }
            Write::Evidence { path, evidence } => self.write_evidence(connection, path, evidence).await,
            Write::Conflict { path, conflict } => self.write_conflict(connection, path, conflict).await,
            Write::ForgetConflict { path, host, hashes } => self.forget_conflict(connection, path, *host, hashes).await,
            Write::PassedOver { path, passed } => self.write_passed_over(connection, path, passed).await,
            Write::Compared { path, host, height } => self.write_compared(connection, path, *host, *height).await,
            Write::Nonce { signer, nonce, purpose, at } => {
                self.write_nonce(connection, signer, *nonce, purpose.as_ref(), *at).await
            }
            Write::Attempt { signer, nonce, attempt } => self.write_attempt(connection, signer, *nonce, attempt).await,
            Write::NonceEnd { signer, nonce, end, at } => {
                let signer = self.signer(connection, signer).await?;
                let nonce = value::bits(*nonce);
                let query = match end {
                    NonceEnd::Included { hash, height, success, gas_used } => sqlx::query(NONCE_INCLUDED)
                        .bind(signer)
                        .bind(nonce)
                        .bind(hash.as_slice())
                        .bind(height.to_string())
                        .bind(i64::from(*success))
                        .bind(value::bits(*gas_used))
                        .bind(value::bits(at.get())),
                    NonceEnd::Lost => sqlx::query(NONCE_LOST).bind(signer).bind(nonce).bind(value::bits(at.get())),
                };
                run(connection, "settling a nonce", query).await
            }
            Write::NonceReopened { signer, nonce } => {
                let signer = self.signer(connection, signer).await?;
                let query = sqlx::query(NONCE_REOPENED).bind(signer).bind(value::bits(*nonce));
                run(connection, "reopening a nonce", query).await
            }
        }
    }

    async fn write_evidence(
        &mut self,
        connection: &mut SqliteConnection,
        path: &PathId,
        evidence: &Evidence,
    ) -> Result<(), StoreError> {
        let path = self.path(connection, path).await?;
        let hash = sha256(&[&evidence.bytes]);
        let query = sqlx::query(EVIDENCE)
            .bind(hash.as_slice())
            .bind(evidence.bytes.as_slice())
            .bind(path)
            .bind(value::bits(evidence.batch))
            .bind(evidence.kind.as_str())
            .bind(evidence.step.map_or("", |step| step.as_str()))
            .bind(value::end_bit(evidence.end))
            .bind(evidence.height.to_string());
        run(connection, "writing evidence", query).await
    }

    async fn write_nonce(
        &mut self,
        connection: &mut SqliteConnection,
        signer: &SignerId,
        nonce: u64,
        purpose: Option<&Purpose>,
        at: UnixMillis,
    ) -> Result<(), StoreError> {
        let signer = self.signer(connection, signer).await?;
        let nonce = value::bits(nonce);
        let path = match purpose {
            Some(purpose) => Some(self.path(connection, &purpose.path).await?),
            None => None,
        };
        let query = sqlx::query(NONCE)
            .bind(signer)
            .bind(nonce)
            .bind(path)
            .bind(purpose.map(|purpose| value::end_bit(purpose.host)))
            .bind(purpose.map(|purpose| value::bits(purpose.batch)))
            .bind(purpose.and_then(|purpose| purpose.update).map(|height| height.to_string()))
            .bind(value::bits(at.get()));
        let taken = query.execute(&mut *connection).await.map_err(failed("taking a nonce"))?;
        if taken.rows_affected() == 0 {
            // Taken before: what it is for is settled.
            return Ok(());
        }
        let items: Vec<(i64, &Item)> =
            (0_i64..).zip(purpose.map_or(&[][..], |purpose| purpose.items.as_slice())).collect();
        NONCE_ITEM
            .run(connection, "taking a nonce", &items, |query, (position, item)| {
                query
                    .bind(signer)
                    .bind(nonce)
                    .bind(*position)
                    .bind(path)
                    .bind(value::direction_bit(item.direction))
                    .bind(value::bits(item.sequence.get()))
                    .bind(item.step.as_str())
            })
            .await?;
        let batch = purpose.map(|purpose| value::bits(purpose.batch));
        let query = sqlx::query(COUNTERS).bind(signer).bind(nonce).bind(path).bind(batch);
        run(connection, "taking a nonce", query).await
    }

    async fn write_attempt(
        &mut self,
        connection: &mut SqliteConnection,
        signer: &SignerId,
        nonce: u64,
        attempt: &relayer_core::Attempt,
    ) -> Result<(), StoreError> {
        let operation = "writing a signed transaction";
        let id = self.signer(connection, signer).await?;
        let known = sqlx::query(KNOWN_ATTEMPT).bind(id).bind(value::bits(nonce)).bind(i64::from(attempt.number));
        let Some(row) = known.fetch_optional(&mut *connection).await.map_err(failed(operation))? else {
            return Err(StoreError::Misuse {
                expected: "a nonce before its attempts",
                found: format!("{signer} {nonce}"),
            });
        };
        match value::column::<Option<&[u8]>>(&row, "hash")? {
            None => {}
            Some(known) if known == attempt.hash => return Ok(()),
            Some(_) => {
                return Err(StoreError::Misuse {
                    expected: "one transaction for each signer, nonce and attempt",
                    found: format!("{signer} {nonce} {}", attempt.number),
                });
            }
        }
        let (price, tip) = match attempt.bid {
            Bid::Legacy { gas_price } => (gas_price, None),
            Bid::Dynamic { max_fee, max_priority_fee } => (max_fee, Some(max_priority_fee)),
        };
        let query = sqlx::query(ATTEMPT)
            .bind(id)
            .bind(value::bits(nonce))
            .bind(i64::from(attempt.number))
            .bind(attempt.hash.as_slice())
            .bind(attempt.raw.as_slice())
            .bind(price.to_string())
            .bind(tip.map(|tip| tip.to_string()))
            .bind(value::bits(attempt.gas_limit))
            .bind(i64::from(attempt.cancels))
            .bind(value::bits(attempt.signed.get()));
        run(connection, operation, query).await
    }
}
