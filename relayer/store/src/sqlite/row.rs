//! Rows to values. What was never written by this store is [`StoreError::Corrupt`], not a guess.

use super::failed;
use crate::StoreError;
use light_client::{ClientId, CommitmentHash, Height, Packet, Payload, Sequence, Timestamp};
use relayer_core::{
    Attempt, Bid, Direction, End, Evidence, EvidenceKind, Item, Lease, NonceEnd, PacketRow, PacketState, Parked,
    PathId, Purpose, Step, Trusted, UnixMillis, Waiting,
};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::str::FromStr;

type Result<T> = std::result::Result<T, StoreError>;

pub(super) fn packet_of(row: &SqliteRow) -> Result<PacketRow> {
    let acknowledgement_height = optional_number(row, "acknowledgement_height")?
        .map(|_| height(row, "acknowledgement_height_revision", "acknowledgement_height"))
        .transpose()?;
    Ok(PacketRow {
        sequence: sequence(row)?,
        state: word(row, "state", PacketState::from_word)?,
        commitment: CommitmentHash::new(array(row, "commitment")?),
        timeout_seconds: number(row, "timeout_seconds")?,
        body_bytes: small(row, "body_bytes")?,
        sent_height: height(row, "sent_height_revision", "sent_height")?,
        acknowledgement_height,
        waiting: word(row, "waiting", Waiting::from_word)?,
        parked: optional_text(row, "parked")?.map(|found| known("parked", &found, Parked::from_word)).transpose()?,
        next_try: millis(row, "next_try_millis")?,
        tries: small(row, "tries")?,
        refusals: small(row, "refusals")?,
        since: millis(row, "since_millis")?,
    })
}

pub(super) fn body_of(row: &SqliteRow, payloads: Vec<Payload>) -> Result<Packet> {
    Ok(Packet {
        sequence: sequence(row)?,
        source_client: parsed::<ClientId>(row, "source_client")?,
        destination_client: parsed(row, "destination_client")?,
        timeout_seconds: number(row, "timeout_seconds")?,
        payloads,
    })
}

pub(super) fn payload_of(row: &SqliteRow) -> Result<Payload> {
    Ok(Payload {
        source_port: text(row, "source_port")?,
        destination_port: text(row, "destination_port")?,
        version: text(row, "version")?,
        encoding: text(row, "encoding")?,
        value: bytes(row, "value")?,
    })
}

pub(super) fn step_of(row: &SqliteRow) -> Result<(Step, Height, UnixMillis)> {
    Ok((step(row)?, height(row, "height_revision", "height")?, millis(row, "at_millis")?))
}

pub(super) fn trusted_of(row: &SqliteRow) -> Result<Trusted> {
    let nanos = u64::from(small(row, "time_nanos")?);
    let time = Timestamp::from_unix_seconds(number(row, "time_seconds")?);
    Ok(Trusted {
        height: height(row, "height_revision", "height")?,
        time: time.saturating_add(std::time::Duration::from_nanos(nanos)),
        client: bytes(row, "client")?,
        consensus: bytes(row, "consensus")?,
    })
}

pub(super) fn lease_of(row: &SqliteRow) -> Result<Lease> {
    Ok(Lease { owner: text(row, "owner")?, expires: millis(row, "expires_millis")?, fence: number(row, "fence")? })
}

/// Direction, index of the state, count.
pub(super) fn count_of(row: &SqliteRow) -> Result<(Direction, usize, u64)> {
    let state = word(row, "state", PacketState::from_word)?;
    let index = PacketState::ALL.iter().position(|known| *known == state).unwrap_or_default();
    Ok((direction(row)?, index, number(row, "count")?))
}

/// What a nonce is for; `None` when it only fills a hole.
pub(super) fn purpose_of(row: &SqliteRow, items: &[SqliteRow]) -> Result<Option<Purpose>> {
    if optional_text(row, "path")?.is_none() {
        return Ok(None);
    }
    let update = optional_number(row, "update_height")?;
    let item =
        |item: &SqliteRow| Ok(Item { direction: direction(item)?, sequence: sequence(item)?, step: step(item)? });
    Ok(Some(Purpose {
        path: path(row)?,
        host: end(row, "host")?,
        batch: number(row, "batch")?,
        update: update.map(|_| height(row, "update_height_revision", "update_height")).transpose()?,
        items: items.iter().map(item).collect::<Result<_>>()?,
    }))
}

pub(super) fn attempt_of(row: &SqliteRow) -> Result<Attempt> {
    let bid = match optional_text(row, "gas_price")? {
        Some(_) => Bid::Legacy { gas_price: parsed(row, "gas_price")? },
        None => Bid::Dynamic { max_fee: parsed(row, "max_fee")?, max_priority_fee: parsed(row, "max_priority_fee")? },
    };
    Ok(Attempt {
        number: small(row, "number")?,
        hash: array(row, "hash")?,
        raw: bytes(row, "raw")?,
        bid,
        gas_limit: number(row, "gas_limit")?,
        cancels: flag(row, "cancels")?,
        signed: millis(row, "signed_millis")?,
    })
}

pub(super) fn end_of_nonce(row: &SqliteRow) -> Result<Option<NonceEnd>> {
    match optional_text(row, "ended")?.as_deref() {
        None => Ok(None),
        Some("lost") => Ok(Some(NonceEnd::Lost)),
        Some("included") => Ok(Some(NonceEnd::Included {
            hash: array(row, "ended_hash")?,
            height: height(row, "ended_height_revision", "ended_height")?,
            success: flag(row, "ended_success")?,
            gas_used: number(row, "ended_gas_used")?,
        })),
        Some(found) => {
            Err(StoreError::Corrupt { column: "ended", expected: "included or lost", found: found.to_owned() })
        }
    }
}

pub(super) fn evidence_of(row: &SqliteRow) -> Result<Evidence> {
    let kind =
        |found: &str| [EvidenceKind::Update, EvidenceKind::Proof].into_iter().find(|kind| kind.as_str() == found);
    let step = text(row, "step")?;
    Ok(Evidence {
        kind: word(row, "kind", kind)?,
        end: end(row, "chain_end")?,
        height: height(row, "height_revision", "height")?,
        batch: number(row, "batch")?,
        step: if step.is_empty() { None } else { Some(known("step", &step, Step::from_word)?) },
        bytes: bytes(row, "bytes")?,
    })
}

pub(super) fn path(row: &SqliteRow) -> Result<PathId> {
    parsed(row, "path")
}

pub(super) fn direction(row: &SqliteRow) -> Result<Direction> {
    word(row, "direction", |found| Direction::BOTH.into_iter().find(|direction| direction.as_str() == found))
}

pub(super) fn end(row: &SqliteRow, column: &'static str) -> Result<End> {
    word(row, column, |found| End::BOTH.into_iter().find(|end| end.as_str() == found))
}

pub(super) fn step(row: &SqliteRow) -> Result<Step> {
    word(row, "step", Step::from_word)
}

pub(super) fn height(row: &SqliteRow, revision: &'static str, column: &'static str) -> Result<Height> {
    Ok(Height::with_revision(number(row, revision)?, number(row, column)?))
}

pub(super) fn text(row: &SqliteRow, column: &'static str) -> Result<String> {
    row.try_get(column).map_err(|source| failed("read a text", source))
}

pub(super) fn bytes(row: &SqliteRow, column: &'static str) -> Result<Vec<u8>> {
    row.try_get(column).map_err(|source| failed("read bytes", source))
}

pub(super) fn flag(row: &SqliteRow, column: &'static str) -> Result<bool> {
    Ok(number(row, column)? != 0)
}

/// A number below 2³².
pub(super) fn small(row: &SqliteRow, column: &'static str) -> Result<u32> {
    let found = number(row, column)?;
    u32::try_from(found).map_err(|_| StoreError::Corrupt {
        column,
        expected: "a number below 2^32",
        found: found.to_string(),
    })
}

fn sequence(row: &SqliteRow) -> Result<Sequence> {
    let found = number(row, "sequence")?;
    Sequence::try_from(found).map_err(|_| StoreError::Corrupt {
        column: "sequence",
        expected: "at least 1",
        found: found.to_string(),
    })
}

fn millis(row: &SqliteRow, column: &'static str) -> Result<UnixMillis> {
    number(row, column).map(UnixMillis::new)
}

fn number(row: &SqliteRow, column: &'static str) -> Result<u64> {
    row.try_get::<i64, _>(column).map(i64::cast_unsigned).map_err(|source| failed("read a number", source))
}

fn optional_number(row: &SqliteRow, column: &'static str) -> Result<Option<u64>> {
    let found: Option<i64> = row.try_get(column).map_err(|source| failed("read a number", source))?;
    Ok(found.map(i64::cast_unsigned))
}

fn optional_text(row: &SqliteRow, column: &'static str) -> Result<Option<String>> {
    row.try_get(column).map_err(|source| failed("read a text", source))
}

fn array(row: &SqliteRow, column: &'static str) -> Result<[u8; 32]> {
    let found = bytes(row, column)?;
    found.as_slice().try_into().map_err(|_| StoreError::Corrupt {
        column,
        expected: "32 bytes",
        found: format!("{} bytes", found.len()),
    })
}

fn parsed<T: FromStr>(row: &SqliteRow, column: &'static str) -> Result<T> {
    let found = text(row, column)?;
    found.parse().map_err(|_| StoreError::Corrupt { column, expected: "what was written there", found })
}

fn word<T>(row: &SqliteRow, column: &'static str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
    known(column, &text(row, column)?, find)
}

fn known<T>(column: &'static str, found: &str, find: impl Fn(&str) -> Option<T>) -> Result<T> {
    find(found).ok_or_else(|| StoreError::Corrupt {
        column,
        expected: "one of the words of its set",
        found: found.to_owned(),
    })
}
