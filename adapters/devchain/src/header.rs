//! QBFT headers: extra data, block hash and commit digest.
//!
//! Source: Besu `QbftExtraDataCodec` and GoQuorum `consensus/istanbul/qbft`, which agree byte for byte (recorded chains checked).

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, b256, keccak256};
use alloy_rlp::{Decodable, EMPTY_STRING_CODE, Encodable};

use crate::error::ChainError;

/// `mixHash` of every header of a BFT chain.
pub const BFT_MIX_HASH: B256 = b256!("63746963616c2062797a616e74696e65206661756c7420746f6c6572616e6365");

/// Bytes of a seal: r ‖ s ‖ v.
pub const SEAL_BYTES: usize = 65;

const VOTE_ADD: u8 = 0xff;

/// A vote in a header: its proposer wants `candidate` added to, or dropped from, the validator set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Whom the vote is about.
    pub candidate: Address,
    /// Add when true, drop when false.
    pub add: bool,
}

/// Decoded extra data of a QBFT header: RLP[vanity, [validators], vote, round, [seals]].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtraData {
    /// 32 free bytes.
    pub vanity: B256,
    /// The set that seals this block, ascending.
    pub validators: Vec<Address>,
    /// The proposer's vote.
    pub vote: Option<Vote>,
    /// The round the block was decided in.
    pub round: u32,
    /// Commit seals over [`commit_digest`].
    pub seals: Vec<[u8; SEAL_BYTES]>,
}

impl ExtraData {
    /// The RLP that stands in the header.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut payload = Vec::new();
        self.vanity.encode(&mut payload);
        list(&mut payload, |out| self.validators.iter().for_each(|address| address.encode(out)));
        list(&mut payload, |out| {
            if let Some(vote) = self.vote {
                vote.candidate.encode(out);
                if vote.add {
                    [VOTE_ADD].as_slice().encode(out);
                } else {
                    out.push(EMPTY_STRING_CODE);
                }
            }
        });
        self.round.encode(&mut payload);
        list(&mut payload, |out| self.seals.iter().for_each(|seal| seal.as_slice().encode(out)));
        let mut out = Vec::with_capacity(payload.len() + 3);
        list(&mut out, |out| out.extend_from_slice(&payload));
        out.into()
    }

    /// Reads extra data; every byte must be used.
    ///
    /// # Errors
    /// [`ChainError::ExtraData`] when it is not exactly the RLP described above.
    pub fn decode(bytes: &[u8]) -> Result<Self, ChainError> {
        Self::decode_rlp(bytes).map_err(|source| ChainError::ExtraData { source })
    }

    fn decode_rlp(mut bytes: &[u8]) -> alloy_rlp::Result<Self> {
        let mut items = alloy_rlp::Header::decode_bytes(&mut bytes, true)?;
        let vanity = B256::decode(&mut items)?;
        let validators = Vec::<Address>::decode(&mut items)?;
        let mut ballot = alloy_rlp::Header::decode_bytes(&mut items, true)?;
        let vote = if ballot.is_empty() {
            None
        } else {
            let candidate = Address::decode(&mut ballot)?;
            let add = match alloy_rlp::Header::decode_bytes(&mut ballot, false)? {
                [] => false,
                [VOTE_ADD] => true,
                _ => return Err(alloy_rlp::Error::Custom("a vote is 0xff or empty")),
            };
            Some(Vote { candidate, add })
        };
        let round = u32::decode(&mut items)?;
        let mut list = alloy_rlp::Header::decode_bytes(&mut items, true)?;
        let mut seals = Vec::new();
        while !list.is_empty() {
            seals.push(<[u8; SEAL_BYTES]>::decode(&mut list)?);
        }
        if !(bytes.is_empty() && items.is_empty() && ballot.is_empty()) {
            return Err(alloy_rlp::Error::UnexpectedLength);
        }
        Ok(Self { vanity, validators, vote, round, seals })
    }
}

fn list(out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut payload = Vec::new();
    fill(&mut payload);
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(out);
    out.extend_from_slice(&payload);
}

/// Hash of the block: keccak-256 of the header with round 0 and no seals.
#[must_use]
pub fn block_hash(header: &Header, extra: &ExtraData) -> B256 {
    hash_with(header, &ExtraData { round: 0, seals: Vec::new(), ..extra.clone() })
}

/// What validators sign: keccak-256 of the header with its round and no seals.
#[must_use]
pub fn commit_digest(header: &Header, extra: &ExtraData) -> B256 {
    hash_with(header, &ExtraData { seals: Vec::new(), ..extra.clone() })
}

/// RLP of the header as it is stored, with all its seals.
#[must_use]
pub fn encode_header(header: &Header) -> Bytes {
    alloy_rlp::encode(header).into()
}

fn hash_with(header: &Header, extra: &ExtraData) -> B256 {
    let mut header = header.clone();
    header.extra_data = extra.encode();
    keccak256(alloy_rlp::encode(&header))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;

    use super::*;

    #[test]
    fn genesis_extra_data_is_that_of_a_recorded_goquorum_chain() {
        let recorded = hex!(
            "f87aa00000000000000000000000000000000000000000000000000000000000000000f8549418efe308bfc2722611f2165aae8ee925fe7acbb79421b638fe66050042161b827e9355abe947c8b629943b64593e3d4cf641775051009f8c2b0d24f249f894468843f546418f4e697025d8be10a7b883ffdac6c080c0"
        );
        let extra = ExtraData::decode(&recorded).expect("decodes");
        assert_eq!(extra.validators.len(), 4);
        assert_eq!(extra.encode(), Bytes::from(recorded.to_vec()));
    }

    #[test]
    fn extra_data_round_trips_with_votes_rounds_and_seals() {
        for vote in [
            None,
            Some(Vote { candidate: Address::repeat_byte(9), add: true }),
            Some(Vote { candidate: Address::ZERO, add: false }),
        ] {
            for round in [0, 1, 127, 128, 70_000] {
                let extra = ExtraData {
                    vanity: B256::repeat_byte(3),
                    validators: vec![Address::repeat_byte(1), Address::repeat_byte(2)],
                    vote,
                    round,
                    seals: vec![[7; SEAL_BYTES]; 3],
                };
                let bytes = extra.encode();
                assert_eq!(ExtraData::decode(&bytes).expect("decodes"), extra);
                let mut longer = bytes.to_vec();
                longer.push(0);
                ExtraData::decode(&longer).expect_err("trailing byte");
                ExtraData::decode(&bytes[..bytes.len() - 1]).expect_err("a byte short");
            }
        }
    }
}
