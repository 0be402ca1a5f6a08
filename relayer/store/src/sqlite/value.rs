//! Values as columns, and back. What was never written is [`StoreError::Corrupt`].

use crate::StoreError;
use light_client::{CommitmentHash, Height, Sequence};
use relayer_core::{Direction, End, PacketRow, PacketState, Parked, Step, UnixMillis, Waiting};
use sqlx::{Row as _, sqlite::SqliteRow};

/// A number as the integer of the same bits: every number fits, whatever a node made up.
pub(super) const fn bits(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) const fn number(bits: i64) -> u64 {
    bits.cast_unsigned()
}

pub(super) const fn direction_bit(direction: Direction) -> i64 {
    match direction {
        Direction::AToB => 0,
        Direction::BToA => 1,
    }
}

pub(super) const fn end_bit(end: End) -> i64 {
    match end {
        End::A => 0,
        End::B => 1,
    }
}

pub(super) fn column<'r, T>(row: &'r SqliteRow, name: &'static str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
{
    row.try_get(name).map_err(|source| StoreError::Database { operation: name, source: Box::new(source) })
}

pub(super) fn corrupt(column: &'static str, expected: &'static str, found: impl ToString) -> StoreError {
    StoreError::Corrupt { column, expected, found: found.to_string() }
}

pub(super) fn direction(row: &SqliteRow) -> Result<Direction, StoreError> {
    match column::<i64>(row, "direction")? {
        0 => Ok(Direction::AToB),
        1 => Ok(Direction::BToA),
        found => Err(corrupt("direction", "0 or 1", found)),
    }
}

pub(super) fn end(row: &SqliteRow, name: &'static str) -> Result<End, StoreError> {
    match column::<i64>(row, name)? {
        0 => Ok(End::A),
        1 => Ok(End::B),
        found => Err(corrupt(name, "0 or 1", found)),
    }
}

pub(super) fn sequence(row: &SqliteRow) -> Result<Sequence, StoreError> {
    Sequence::try_from(number(column(row, "sequence")?)).map_err(|_| corrupt("sequence", "at least 1", 0))
}

pub(super) fn step(row: &SqliteRow) -> Result<Step, StoreError> {
    let word: &str = column(row, "step")?;
    Step::from_word(word).ok_or_else(|| corrupt("step", "a step", word))
}

pub(super) fn height_of(text: &str, name: &'static str) -> Result<Height, StoreError> {
    let wrong = || corrupt(name, "a height", text);
    let (revision, height) = text.split_once('-').unwrap_or(("0", text));
    let parse = |digits: &str| digits.parse::<u64>().map_err(|_| wrong());
    Ok(Height::with_revision(parse(revision)?, parse(height)?))
}

pub(super) fn height(row: &SqliteRow, name: &'static str) -> Result<Height, StoreError> {
    height_of(column(row, name)?, name)
}

pub(super) fn millis(row: &SqliteRow, name: &'static str) -> Result<UnixMillis, StoreError> {
    Ok(UnixMillis::new(number(column(row, name)?)))
}

pub(super) fn hash(row: &SqliteRow, name: &'static str) -> Result<[u8; 32], StoreError> {
    let bytes: &[u8] = column(row, name)?;
    bytes.try_into().map_err(|_| corrupt(name, "32 bytes", bytes.len()))
}

fn small(row: &SqliteRow, name: &'static str) -> Result<u32, StoreError> {
    let found: i64 = column(row, name)?;
    u32::try_from(found).map_err(|_| corrupt(name, "a number of 32 bits", found))
}

pub(super) fn attempt_number(row: &SqliteRow) -> Result<u32, StoreError> {
    small(row, "number")
}

pub(super) fn packet_row(row: &SqliteRow) -> Result<PacketRow, StoreError> {
    let state: &str = column(row, "state")?;
    let waiting: &str = column(row, "waiting")?;
    let parked: Option<&str> = column(row, "parked")?;
    let acknowledgement: Option<&str> = column(row, "acknowledgement_height")?;
    Ok(PacketRow {
        sequence: sequence(row)?,
        state: PacketState::from_word(state).ok_or_else(|| corrupt("packets.state", "a state", state))?,
        commitment: CommitmentHash::new(hash(row, "commitment")?),
        timeout_seconds: number(column(row, "timeout_seconds")?),
        body_bytes: small(row, "body_bytes")?,
        sent_height: height(row, "sent_height")?,
        acknowledgement_height: acknowledgement.map(|text| height_of(text, "acknowledgement_height")).transpose()?,
        waiting: Waiting::from_word(waiting).ok_or_else(|| corrupt("packets.waiting", "a reason", waiting))?,
        parked: parked
            .map(|word| Parked::from_word(word).ok_or_else(|| corrupt("packets.parked", "a reason", word)))
            .transpose()?,
        next_try: millis(row, "next_try_millis")?,
        tries: small(row, "tries")?,
        refusals: small(row, "refusals")?,
        since: millis(row, "since_millis")?,
    })
}

pub(super) fn state_index(word: &str) -> Result<usize, StoreError> {
    PacketState::ALL
        .iter()
        .position(|state| state.as_str() == word)
        .ok_or_else(|| corrupt("packet_counts.state", "a state", word))
}
