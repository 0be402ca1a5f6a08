use crate::{Error, Kind, ValidatorSet};
use alloc::vec::Vec;
use light_client_crypto::Address;
use light_client_proofs::rlp::{self, Item, Reader, RlpError};

/// The length of the vanity, which means nothing.
pub const VANITY_BYTES: usize = 32;

const ADD_VOTE: &[u8] = &[0xff];
const ROUND_BYTES: usize = 4;

/// A proposer's vote to change the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vote {
    /// None.
    None,
    /// To add this validator.
    Add(Address),
    /// To drop it.
    Drop(Address),
}

/// What QBFT and IBFT 2.0 put into a header's extra data: RLP[vanity, [validators], vote, round, [seals]].
///
/// | | no vote | drop | round |
/// |---|---|---|---|
/// | QBFT | empty list | empty string | number |
/// | IBFT 2.0 | empty string | 0x00 | 4 bytes |
///
/// Source: Besu `QbftExtraDataCodec`, `IbftExtraDataCodec`; GoQuorum 24.4.1 (the same bytes as Besu's QBFT).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtraData<'a> {
    /// The set that seals this block.
    pub validators: ValidatorSet,
    /// The proposer's vote.
    pub vote: Vote,
    /// The round in which the block was decided.
    pub round: u32,
    /// The seals, of whatever length.
    pub seals: Vec<&'a [u8]>,
    /// The encoded elements up to the vote.
    pub(crate) through_vote: &'a [u8],
    /// The encoded elements up to the round.
    pub(crate) through_round: &'a [u8],
}

impl<'a> ExtraData<'a> {
    /// Reads the content of the field.
    ///
    /// # Errors
    /// [`Error::ExtraDataMalformed`], or the rules of a [`ValidatorSet`].
    pub fn decode(kind: Kind, bytes: &'a [u8]) -> Result<Self, Error> {
        let mut whole = Reader::new(bytes);
        let content = whole.item().map_err(rlp_of("list"))?;
        whole.finish().map_err(rlp_of("list"))?;
        let mut elements = content.list().map_err(rlp_of("list"))?;

        let vanity = elements.bytes().map_err(rlp_of("vanity"))?;
        if vanity.len() != VANITY_BYTES {
            return Err(malformed("vanity", "32 bytes"));
        }
        let validators = read_validators(elements.list().map_err(rlp_of("validators"))?)?;
        let vote = read_vote(kind, elements.item().map_err(rlp_of("vote"))?)?;
        let through_vote = content.payload.get(..content.payload.len() - elements.rest().len()).unwrap_or_default();
        let round = read_round(kind, elements.item().map_err(rlp_of("round"))?)?;
        let through_round = content.payload.get(..content.payload.len() - elements.rest().len()).unwrap_or_default();
        let mut list = elements.list().map_err(rlp_of("seals"))?;
        elements.finish().map_err(rlp_of("list"))?;
        let mut seals = Vec::new();
        while !list.is_empty() {
            seals.push(list.bytes().map_err(rlp_of("seals"))?);
        }
        Ok(Self { validators, vote, round, seals, through_vote, through_round })
    }
}

fn read_validators(mut list: Reader<'_>) -> Result<ValidatorSet, Error> {
    let mut addresses = Vec::new();
    while !list.is_empty() {
        addresses.push(read_address("validators", list.bytes().map_err(rlp_of("validators"))?)?);
    }
    ValidatorSet::new(addresses)
}

fn read_address(element: &'static str, bytes: &[u8]) -> Result<Address, Error> {
    <[u8; 20]>::try_from(bytes).map(Address::new).map_err(|_| malformed(element, "addresses of 20 bytes"))
}

fn read_vote(kind: Kind, item: Item<'_>) -> Result<Vote, Error> {
    if item.payload.is_empty() && item.is_list == (kind == Kind::Qbft) {
        return Ok(Vote::None);
    }
    let mut parts = item.list().map_err(rlp_of("vote"))?;
    let candidate = read_address("vote", parts.bytes().map_err(rlp_of("vote"))?)?;
    let recommendation = parts.bytes().map_err(rlp_of("vote"))?;
    parts.finish().map_err(rlp_of("vote"))?;
    match recommendation {
        ADD_VOTE => Ok(Vote::Add(candidate)),
        drop if drop == drop_vote(kind) => Ok(Vote::Drop(candidate)),
        _ => Err(malformed("vote", "to add or to drop")),
    }
}

const fn drop_vote(kind: Kind) -> &'static [u8] {
    match kind {
        Kind::Qbft => &[],
        Kind::Ibft2 => &[0],
    }
}

fn read_round(kind: Kind, item: Item<'_>) -> Result<u32, Error> {
    let bytes = match kind {
        Kind::Qbft => item.integer(ROUND_BYTES).map_err(rlp_of("round"))?,
        Kind::Ibft2 => {
            let bytes = item.bytes().map_err(rlp_of("round"))?;
            if bytes.len() != ROUND_BYTES {
                return Err(malformed("round", "4 bytes"));
            }
            bytes
        }
    };
    Ok(bytes.iter().fold(0, |round, byte| round << 8 | u32::from(*byte)))
}

const fn malformed(element: &'static str, expected: &'static str) -> Error {
    Error::ExtraDataMalformed { element, expected, source: None }
}

fn rlp_of(element: &'static str) -> impl Fn(RlpError) -> Error {
    move |source| Error::ExtraDataMalformed { element, expected: "its canonical rlp", source: Some(source) }
}

/// Encodes the content of the field. For those who make headers; no rule is checked.
pub fn encode_extra_data(
    kind: Kind,
    vanity: &[u8; VANITY_BYTES],
    validators: &[Address],
    vote: Vote,
    round: u32,
    seals: &[&[u8]],
) -> Vec<u8> {
    let mut payload = Vec::new();
    rlp::write_bytes(&mut payload, vanity);
    let mut list = Vec::new();
    for validator in validators {
        rlp::write_bytes(&mut list, validator.as_bytes());
    }
    rlp::write_list(&mut payload, &list);
    let (candidate, recommendation) = match vote {
        Vote::Add(candidate) => (Some(candidate), ADD_VOTE),
        Vote::Drop(candidate) => (Some(candidate), drop_vote(kind)),
        Vote::None => (None, ADD_VOTE),
    };
    match (candidate, kind) {
        (Some(candidate), _) => {
            let mut parts = Vec::new();
            rlp::write_bytes(&mut parts, candidate.as_bytes());
            rlp::write_bytes(&mut parts, recommendation);
            rlp::write_list(&mut payload, &parts);
        }
        (None, Kind::Qbft) => payload.push(rlp::EMPTY_LIST),
        (None, Kind::Ibft2) => payload.push(rlp::EMPTY_BYTES),
    }
    match kind {
        Kind::Qbft => rlp::write_u64(&mut payload, round.into()),
        Kind::Ibft2 => rlp::write_bytes(&mut payload, &round.to_be_bytes()),
    }
    let mut list = Vec::new();
    for seal in seals {
        rlp::write_bytes(&mut list, seal);
    }
    rlp::write_list(&mut payload, &list);
    let mut out = Vec::new();
    rlp::write_list(&mut out, &payload);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    #[test]
    fn both_kinds_come_back() {
        let [a, b] = [Address::new([1; 20]), Address::new([2; 20])];
        for kind in [Kind::Qbft, Kind::Ibft2] {
            for vote in [Vote::None, Vote::Add(b), Vote::Drop(a)] {
                for round in [0, 1, 127, 128, 256, u32::MAX] {
                    let bytes = encode_extra_data(kind, &[9; 32], &[a, b], vote, round, &[&[7; 65], &[8; 64]]);
                    let extra = ExtraData::decode(kind, &bytes).unwrap();
                    assert_eq!((extra.vote, extra.round), (vote, round));
                    assert_eq!(extra.validators.addresses(), [a, b]);
                    assert_eq!(extra.seals, vec![&[7; 65][..], &[8; 64][..]]);
                    // A vote to add and a round of four significant bytes are spelt alike in both.
                    let alike = matches!(vote, Vote::Add(_)) && round == u32::MAX;
                    let other = if kind == Kind::Qbft { Kind::Ibft2 } else { Kind::Qbft };
                    assert_eq!(ExtraData::decode(other, &bytes).is_ok(), alike, "{vote:?} in round {round}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = ExtraData::decode(Kind::Qbft, &bytes);
            let _ = ExtraData::decode(Kind::Ibft2, &bytes);
        }
    }
}
