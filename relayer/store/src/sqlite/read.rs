//! What is asked of the database.

use super::{SqliteStore, failed, value};
use crate::{
    AttemptView, MAX_PAGE, PacketQuery, PacketView, StoreError,
    store::{direction_index, end_index},
};
use light_client::{Packet, Sequence, Timestamp};
use relayer_core::{
    Attempt, Bid, CLOSED_NONCES_KEPT, Direction, Evidence, EvidenceKind, Item, NonceEnd, OpenStart, PacketState,
    PathId, PathStart, Purpose, SignerId, SignerStart, Trusted, codec::decode_packet,
};
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

const PATH: &str = "SELECT id, last_batch FROM paths WHERE name = $1";
// Left to itself, SQLite prefers the primary key, and reads every packet that the path ever had.
pub(super) const PENDING: &str = "SELECT * FROM packets INDEXED BY packets_pending WHERE path = $1 \
     AND state IN ('missing', 'announced', 'sent', 'delivered') ORDER BY direction, sequence";
const KNOWN_THROUGH: &str = "SELECT direction, known_through FROM directions WHERE path = $1";
const KNOWN_BEYOND: &str = "SELECT sequence FROM packets WHERE path = $1 AND direction = $2 AND sequence > $3 \
     AND state IN ('sent', 'delivered', 'acknowledged', 'timed-out') ORDER BY sequence";
const COUNTS: &str = "SELECT direction, state, count FROM packet_counts WHERE path = $1";
const CURSORS: &str = "SELECT end, height FROM cursors WHERE path = $1";
const VIEWS: &str = "SELECT end, height, time_seconds, time_nanos, client, consensus FROM views WHERE path = $1";
pub(super) const OPEN_OF_PATH: &str = "SELECT signer, nonce, host, batch, update_height FROM nonces \
     WHERE path = $1 AND outcome = 'open' AND reopened = 0 ORDER BY batch";
const ITEMS: &str =
    "SELECT direction, sequence, step FROM nonce_items WHERE signer = $1 AND nonce = $2 ORDER BY position";
const SIGNER: &str = "SELECT id, last_nonce FROM signers WHERE chain = $1 AND account = $2";
pub(super) const OPEN_OF_SIGNER: &str = "SELECT nonces.nonce AS nonce, host, batch, update_height, reopened, \
     paths.name AS path_name FROM nonces LEFT JOIN paths ON paths.id = nonces.path \
     WHERE signer = $1 AND outcome = 'open' ORDER BY nonces.nonce";
const CLOSED: &str = "SELECT nonce, (SELECT coalesce(max(number), 0) FROM attempts WHERE attempts.signer = nonces.signer \
     AND attempts.nonce = nonces.nonce) AS number FROM nonces WHERE signer = $1 AND outcome <> 'open' \
     ORDER BY nonce DESC LIMIT $2";
const ATTEMPTS: &str = "SELECT * FROM attempts WHERE signer = $1 AND nonce = $2 ORDER BY number";
/// Every query that a machine's start makes.
#[cfg(test)]
pub(super) const STARTS: &[&str] = &[
    PATH,
    PENDING,
    KNOWN_THROUGH,
    KNOWN_BEYOND,
    COUNTS,
    CURSORS,
    VIEWS,
    OPEN_OF_PATH,
    ITEMS,
    SIGNER,
    OPEN_OF_SIGNER,
    CLOSED,
    ATTEMPTS,
];
const BODIES: &str = "SELECT sequence, body AS bytes FROM packet_bodies WHERE path = $1 AND direction = $2 \
     AND sequence IN (SELECT value FROM json_each($3))";
const ACKNOWLEDGEMENTS: &str = "SELECT sequence, bytes FROM acknowledgements WHERE path = $1 AND direction = $2 \
     AND sequence IN (SELECT value FROM json_each($3))";
const STEPS: &str = "SELECT step, height, at_millis FROM steps WHERE path = $1 AND direction = $2 AND sequence = $3";
// Filters that are not wanted are null. The first three have an index each; the rest narrows what they give.
const PACKETS: &str = "SELECT packets.*, paths.name AS path_name FROM packets JOIN paths ON paths.id = packets.path \
     WHERE ($1 IS NULL OR paths.name = $1) AND ($2 IS NULL OR direction = $2) AND ($3 IS NULL OR state = $3) \
     AND ($4 IS NULL OR waiting = $4) AND ($5 = 0 OR state IN ('missing', 'announced', 'sent', 'delivered')) \
     AND ($6 IS NULL OR sequence = $6) AND ($7 IS NULL OR sequence < $7) \
     ORDER BY sequence DESC, paths.name, direction LIMIT $8";
const PACKETS_PENDING: &str = "SELECT packets.*, paths.name AS path_name FROM packets INDEXED BY packets_pending \
     JOIN paths ON paths.id = packets.path WHERE state IN ('missing', 'announced', 'sent', 'delivered') \
     AND ($1 IS NULL OR paths.name = $1) AND ($2 IS NULL OR direction = $2) AND ($3 IS NULL OR state = $3) \
     AND ($4 IS NULL OR waiting = $4) AND $5 = 1 AND ($6 IS NULL OR sequence = $6) AND ($7 IS NULL OR sequence < $7) \
     ORDER BY sequence DESC, paths.name, direction LIMIT $8";
const ATTEMPTS_OF_PACKET: &str = "SELECT signers.chain AS chain, signers.account AS account, nonce_items.step AS step, \
     attempts.*, nonces.outcome AS outcome, end_hash, end_height, end_success, end_gas FROM nonce_items \
     JOIN nonces ON nonces.signer = nonce_items.signer AND nonces.nonce = nonce_items.nonce \
     JOIN attempts ON attempts.signer = nonce_items.signer AND attempts.nonce = nonce_items.nonce \
     JOIN signers ON signers.id = nonce_items.signer \
     WHERE nonce_items.path = $1 AND nonce_items.direction = $2 AND nonce_items.sequence = $3 \
     ORDER BY attempts.signed_millis DESC, attempts.nonce DESC, attempts.number DESC LIMIT $4";
const EVIDENCE: &str = "SELECT DISTINCT evidence.batch AS batch, evidence.kind AS kind, evidence.step AS step, \
     evidence.end AS end, evidence.height AS height, evidence.hash AS hash, bytes FROM nonce_items \
     JOIN nonces ON nonces.signer = nonce_items.signer AND nonces.nonce = nonce_items.nonce \
     JOIN evidence ON evidence.path = nonce_items.path AND evidence.batch = nonces.batch \
       AND evidence.step IN ('', nonce_items.step) \
     JOIN evidence_bytes ON evidence_bytes.hash = evidence.hash \
     WHERE nonce_items.path = $1 AND nonce_items.direction = $2 AND nonce_items.sequence = $3 \
     ORDER BY evidence.batch, evidence.kind DESC, \
     CASE evidence.step WHEN '' THEN 0 WHEN 'receive' THEN 1 WHEN 'acknowledge' THEN 2 ELSE 3 END, evidence.hash LIMIT $4";

impl SqliteStore {
    async fn known_path(&self, path: &PathId) -> Result<Option<(i64, u64)>, StoreError> {
        let row = sqlx::query(PATH).bind(path.as_str()).fetch_optional(&self.readers).await;
        let Some(row) = row.map_err(failed("reading a path"))? else { return Ok(None) };
        Ok(Some((value::column(&row, "id")?, value::number(value::column(&row, "last_batch")?))))
    }

    pub(super) async fn read_path(&self, path: &PathId) -> Result<PathStart, StoreError> {
        let operation = "reading a path";
        let mut start = PathStart::default();
        let Some((id, last_batch)) = self.known_path(path).await? else { return Ok(start) };
        start.last_batch = last_batch;
        for row in sqlx::query(PENDING).bind(id).fetch_all(&self.readers).await.map_err(failed(operation))? {
            let direction = direction_index(value::direction(&row)?);
            start.directions[direction].pending.push(value::packet_row(&row)?);
        }
        for row in sqlx::query(KNOWN_THROUGH).bind(id).fetch_all(&self.readers).await.map_err(failed(operation))? {
            let direction = direction_index(value::direction(&row)?);
            start.directions[direction].known_through = value::number(value::column(&row, "known_through")?);
        }
        for direction in Direction::BOTH {
            let record = &mut start.directions[direction_index(direction)];
            let beyond = sqlx::query(KNOWN_BEYOND)
                .bind(id)
                .bind(value::direction_bit(direction))
                .bind(value::bits(record.known_through));
            for row in beyond.fetch_all(&self.readers).await.map_err(failed(operation))? {
                record.known_beyond.push(value::sequence(&row)?.get());
            }
        }
        let counts = self.read_counts(path).await?;
        for (record, counts) in start.directions.iter_mut().zip(counts) {
            record.counts = counts;
        }
        for row in sqlx::query(CURSORS).bind(id).fetch_all(&self.readers).await.map_err(failed(operation))? {
            start.cursors[end_index(value::end(&row, "end")?)] = value::height(&row, "height")?;
        }
        for row in sqlx::query(VIEWS).bind(id).fetch_all(&self.readers).await.map_err(failed(operation))? {
            let seconds = Timestamp::from_unix_seconds(value::number(value::column(&row, "time_seconds")?));
            let nanos = value::number(value::column(&row, "time_nanos")?);
            start.views[end_index(value::end(&row, "end")?)] = Some(Trusted {
                height: value::height(&row, "height")?,
                time: seconds.saturating_add(std::time::Duration::from_nanos(nanos)),
                client: value::column(&row, "client")?,
                consensus: value::column(&row, "consensus")?,
            });
        }
        for row in sqlx::query(OPEN_OF_PATH).bind(id).fetch_all(&self.readers).await.map_err(failed(operation))? {
            let (signer, nonce) = (value::column(&row, "signer")?, value::column(&row, "nonce")?);
            start.open.push(self.purpose(&row, path.clone(), signer, nonce).await?);
        }
        Ok(start)
    }

    async fn purpose(&self, row: &SqliteRow, path: PathId, signer: i64, nonce: i64) -> Result<Purpose, StoreError> {
        let update: Option<&str> = value::column(row, "update_height")?;
        let items = sqlx::query(ITEMS).bind(signer).bind(nonce).fetch_all(&self.readers).await;
        let item = |row: &SqliteRow| {
            Ok(Item { direction: value::direction(row)?, sequence: value::sequence(row)?, step: value::step(row)? })
        };
        Ok(Purpose {
            path,
            host: value::end(row, "host")?,
            batch: value::number(value::column(row, "batch")?),
            update: update.map(|text| value::height_of(text, "update_height")).transpose()?,
            items: items.map_err(failed("reading a batch"))?.iter().map(item).collect::<Result<_, StoreError>>()?,
        })
    }

    pub(super) async fn read_signer(&self, signer: &SignerId) -> Result<SignerStart, StoreError> {
        let operation = "reading a signer";
        let mut start = SignerStart::default();
        let row = sqlx::query(SIGNER).bind(&signer.chain).bind(&signer.account).fetch_optional(&self.readers).await;
        let Some(row) = row.map_err(failed(operation))? else { return Ok(start) };
        let id: i64 = value::column(&row, "id")?;
        start.last_nonce = value::column::<Option<i64>>(&row, "last_nonce")?.map(value::number);
        for row in sqlx::query(OPEN_OF_SIGNER).bind(id).fetch_all(&self.readers).await.map_err(failed(operation))? {
            let nonce: i64 = value::column(&row, "nonce")?;
            let reopened: i64 = value::column(&row, "reopened")?;
            let path: Option<&str> = value::column(&row, "path_name")?;
            let purpose = match path.filter(|_| reopened == 0) {
                Some(name) => {
                    let path = name.parse().map_err(|_| value::corrupt("paths.name", "a path id", name))?;
                    Some(self.purpose(&row, path, id, nonce).await?)
                }
                None => None,
            };
            let attempts = sqlx::query(ATTEMPTS).bind(id).bind(nonce).fetch_all(&self.readers).await;
            start.open.push(OpenStart {
                nonce: value::number(nonce),
                purpose,
                attempts: attempts.map_err(failed(operation))?.iter().map(attempt).collect::<Result<_, _>>()?,
            });
        }
        let kept = i64::try_from(CLOSED_NONCES_KEPT).unwrap_or(i64::MAX);
        for row in sqlx::query(CLOSED).bind(id).bind(kept).fetch_all(&self.readers).await.map_err(failed(operation))? {
            let nonce = value::number(value::column(&row, "nonce")?);
            start.closed.push((nonce, value::attempt_number(&row)?));
        }
        start.closed.reverse();
        Ok(start)
    }

    pub(super) async fn read_bodies(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Packet>>, StoreError> {
        let blobs = self.blobs(BODIES, path, direction, sequences).await?;
        let decode = |bytes: Vec<u8>| {
            decode_packet(&bytes).map_err(|error| value::corrupt("packet_bodies.body", "a packet", error))
        };
        blobs.into_iter().map(|bytes| bytes.map(decode).transpose()).collect()
    }

    pub(super) async fn read_acknowledgements(
        &self,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.blobs(ACKNOWLEDGEMENTS, path, direction, sequences).await
    }

    async fn blobs(
        &self,
        query: &'static str,
        path: &PathId,
        direction: Direction,
        sequences: &[Sequence],
    ) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        let operation = "reading packets";
        let Some((id, _)) = self.known_path(path).await? else { return Ok(vec![None; sequences.len()]) };
        let numbers: Vec<String> = sequences.iter().map(|sequence| value::bits(sequence.get()).to_string()).collect();
        let rows = sqlx::query(query)
            .bind(id)
            .bind(value::direction_bit(direction))
            .bind(format!("[{}]", numbers.join(",")))
            .fetch_all(&self.readers)
            .await
            .map_err(failed(operation))?;
        let mut found = BTreeMap::new();
        for row in &rows {
            found.insert(value::sequence(row)?, value::column(row, "bytes")?);
        }
        // Not taken out: the same packet may be asked for twice.
        Ok(sequences.iter().map(|sequence| found.get(sequence).cloned()).collect())
    }

    pub(super) async fn read_packets(&self, query: &PacketQuery) -> Result<Vec<PacketView>, StoreError> {
        let operation = "reading packets";
        let pending = query.pending || query.state.is_some_and(|state| !state.is_settled());
        let rows = sqlx::query(if pending { PACKETS_PENDING } else { PACKETS })
            .bind(query.path.as_ref().map(PathId::as_str))
            .bind(query.direction.map(value::direction_bit))
            .bind(query.state.map(PacketState::as_str))
            .bind(query.waiting.map(relayer_core::Waiting::as_str))
            .bind(i64::from(pending))
            .bind(query.sequence.map(|sequence| value::bits(sequence.get())))
            .bind(query.before.map(value::bits))
            .bind(i64::from(query.limit.min(MAX_PAGE)))
            .fetch_all(&self.readers)
            .await
            .map_err(failed(operation))?;
        let mut views = Vec::with_capacity(rows.len());
        for row in &rows {
            let name: &str = value::column(row, "path_name")?;
            let path: PathId = name.parse().map_err(|_| value::corrupt("paths.name", "a path id", name))?;
            let direction = value::direction(row)?;
            let packet_row = value::packet_row(row)?;
            let sequence = packet_row.sequence;
            let id: i64 = value::column(row, "path")?;
            let steps = sqlx::query(STEPS)
                .bind(id)
                .bind(value::direction_bit(direction))
                .bind(value::bits(sequence.get()))
                .fetch_all(&self.readers)
                .await
                .map_err(failed(operation))?;
            let mut steps = steps
                .iter()
                .map(|row| Ok((value::step(row)?, value::height(row, "height")?, value::millis(row, "at_millis")?)))
                .collect::<Result<Vec<_>, StoreError>>()?;
            steps.sort_by_key(|(step, ..)| *step);
            views.push(PacketView {
                packet: self.read_bodies(&path, direction, &[sequence]).await?.into_iter().next().flatten(),
                acknowledgement: self
                    .read_acknowledgements(&path, direction, &[sequence])
                    .await?
                    .into_iter()
                    .next()
                    .flatten(),
                path,
                direction,
                row: packet_row,
                steps,
            });
        }
        Ok(views)
    }

    pub(super) async fn read_attempts(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<AttemptView>, StoreError> {
        let Some((id, _)) = self.known_path(path).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(ATTEMPTS_OF_PACKET)
            .bind(id)
            .bind(value::direction_bit(direction))
            .bind(value::bits(sequence.get()))
            .bind(i64::from(MAX_PAGE))
            .fetch_all(&self.readers)
            .await
            .map_err(failed("reading transactions"))?;
        let view = |row: &SqliteRow| {
            Ok(AttemptView {
                signer: SignerId { chain: value::column(row, "chain")?, account: value::column(row, "account")? },
                nonce: value::number(value::column(row, "nonce")?),
                step: value::step(row)?,
                attempt: attempt(row)?,
                end: end(row)?,
            })
        };
        rows.iter().map(view).collect()
    }

    pub(super) async fn read_evidence(
        &self,
        path: &PathId,
        direction: Direction,
        sequence: Sequence,
    ) -> Result<Vec<Evidence>, StoreError> {
        let Some((id, _)) = self.known_path(path).await? else { return Ok(Vec::new()) };
        let rows = sqlx::query(EVIDENCE)
            .bind(id)
            .bind(value::direction_bit(direction))
            .bind(value::bits(sequence.get()))
            .bind(i64::from(MAX_PAGE))
            .fetch_all(&self.readers)
            .await
            .map_err(failed("reading evidence"))?;
        let evidence = |row: &SqliteRow| {
            let kind: &str = value::column(row, "kind")?;
            let step: &str = value::column(row, "step")?;
            Ok(Evidence {
                kind: match kind {
                    "update" => EvidenceKind::Update,
                    "proof" => EvidenceKind::Proof,
                    found => return Err(value::corrupt("evidence.kind", "a kind", found)),
                },
                end: value::end(row, "end")?,
                height: value::height(row, "height")?,
                batch: value::number(value::column(row, "batch")?),
                step: if step.is_empty() { None } else { Some(value::step(row)?) },
                bytes: value::column(row, "bytes")?,
            })
        };
        rows.iter().map(evidence).collect()
    }

    pub(super) async fn read_counts(&self, path: &PathId) -> Result<[[u64; PacketState::ALL.len()]; 2], StoreError> {
        let mut counts = [[0; PacketState::ALL.len()]; 2];
        let Some((id, _)) = self.known_path(path).await? else { return Ok(counts) };
        let rows = sqlx::query(COUNTS).bind(id).fetch_all(&self.readers).await.map_err(failed("reading counts"))?;
        for row in rows {
            let state = value::state_index(value::column(&row, "state")?)?;
            counts[direction_index(value::direction(&row)?)][state] = value::number(value::column(&row, "count")?);
        }
        Ok(counts)
    }
}

fn attempt(row: &SqliteRow) -> Result<Attempt, StoreError> {
    let amount = |text: &str| text.parse::<u128>().map_err(|_| value::corrupt("attempts.price", "an amount", text));
    let price = amount(value::column(row, "price")?)?;
    let tip: Option<&str> = value::column(row, "tip")?;
    let cancels: i64 = value::column(row, "cancels")?;
    Ok(Attempt {
        number: value::attempt_number(row)?,
        hash: value::hash(row, "hash")?,
        raw: value::column(row, "raw")?,
        bid: match tip {
            None => Bid::Legacy { gas_price: price },
            Some(tip) => Bid::Dynamic { max_fee: price, max_priority_fee: amount(tip)? },
        },
        gas_limit: value::number(value::column(row, "gas_limit")?),
        cancels: cancels == 1,
        signed: value::millis(row, "signed_millis")?,
    })
}

fn end(row: &SqliteRow) -> Result<Option<NonceEnd>, StoreError> {
    let outcome: &str = value::column(row, "outcome")?;
    Ok(match outcome {
        "open" => None,
        "lost" => Some(NonceEnd::Lost),
        "included" => Some(NonceEnd::Included {
            hash: value::hash(row, "end_hash")?,
            height: value::height(row, "end_height")?,
            success: value::column::<i64>(row, "end_success")? == 1,
            gas_used: value::number(value::column(row, "end_gas")?),
        }),
        found => return Err(value::corrupt("nonces.outcome", "an outcome", found)),
    })
}
