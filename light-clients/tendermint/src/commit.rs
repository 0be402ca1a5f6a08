use crate::{Error, ValidatorSet};
use alloc::vec::Vec;
use light_client::Cursor;

/// What an index in the trusted set is when there is none.
const NO_INDEX: u16 = u16::MAX;

/// The votes for one block, and the set whose votes they are: untrusted.
///
/// Encoding: round 4 ‖ total of the part set 4 ‖ hash of the part set 32 ‖ set ‖ count of votes 2 ‖ votes. A set is count 2
/// ‖ validators; a validator is key type 1 ‖ key 32 or 33 ‖ power 8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The round in which the block was decided, at most 2³¹ − 1.
    pub round: u32,
    /// How many parts the block was gossiped in.
    pub part_set_total: u32,
    /// The hash of the parts.
    pub part_set_hash: [u8; 32],
    /// The set of the block's height.
    pub set: ValidatorSet,
    /// Votes for the block, in the order of the set. Absent ones and those for nothing are left out by whoever encodes.
    pub votes: Vec<Vote>,
}

/// One validator's vote for the block.
///
/// Encoding: index 2 ‖ index in the trusted set 2 (ffff: none) ‖ seconds 8 ‖ nanoseconds 4 ‖ signature 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// The validator's place in the commit's set, from 0.
    pub index: u16,
    /// Its place in the trusted set that travels with the update, where it is to be counted there.
    pub trusted_index: Option<u16>,
    /// The vote's own time, in seconds since 1970.
    pub seconds: i64,
    /// And the nanoseconds beyond, below 10⁹.
    pub nanos: u32,
    /// r ‖ s, or R ‖ s.
    pub signature: [u8; 64],
}

impl Commit {
    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let round = take_u32(cursor, "round")?;
        if round > i32::MAX.cast_unsigned() {
            return Err(Error::CommitMalformed { expected: "a round of at most 2^31 - 1", found: round.into() });
        }
        let part_set_total = take_u32(cursor, "total of the part set")?;
        let part_set_hash = cursor.take_array("hash of the part set")?;
        let set = ValidatorSet::read(cursor)?.ok_or(Error::ValidatorSetEmpty)?;
        let count = cursor.take_u16("count of votes")?;
        let mut votes = Vec::new();
        for _ in 0..count {
            votes.push(Vote::read(cursor)?);
        }
        Ok(Self { round, part_set_total, part_set_hash, set, votes })
    }

    pub(crate) fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.round.to_be_bytes());
        bytes.extend_from_slice(&self.part_set_total.to_be_bytes());
        bytes.extend_from_slice(&self.part_set_hash);
        self.set.write(bytes);
        bytes.extend_from_slice(&u16::try_from(self.votes.len()).unwrap_or(u16::MAX).to_be_bytes());
        for vote in &self.votes {
            vote.write(bytes);
        }
    }
}

impl Vote {
    fn read(cursor: &mut Cursor<'_>) -> Result<Self, Error> {
        let index = cursor.take_u16("index of a vote")?;
        let trusted_index = Some(cursor.take_u16("index in the trusted set")?).filter(|index| *index != NO_INDEX);
        let seconds = cursor.take_array("seconds of a vote").map(i64::from_be_bytes)?;
        let nanos = take_u32(cursor, "nanoseconds of a vote")?;
        if nanos >= 1_000_000_000 {
            return Err(Error::VoteMalformed { index, expected: "nanoseconds below 10^9", found: nanos.into() });
        }
        Ok(Self { index, trusted_index, seconds, nanos, signature: cursor.take_array("signature")? })
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.index.to_be_bytes());
        bytes.extend_from_slice(&self.trusted_index.unwrap_or(NO_INDEX).to_be_bytes());
        bytes.extend_from_slice(&self.seconds.to_be_bytes());
        bytes.extend_from_slice(&self.nanos.to_be_bytes());
        bytes.extend_from_slice(&self.signature);
    }
}

fn take_u32(cursor: &mut Cursor<'_>, field: &'static str) -> Result<u32, Error> {
    Ok(cursor.take_array(field).map(u32::from_be_bytes)?)
}
