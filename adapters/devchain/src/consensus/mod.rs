//! How blocks become final: one of a closed set of ways, chosen with the chain.
//!
//! [`Engine`] holds the rules and all keys and never changes; [`Roster`] holds what the validators' owners do now; [`Seal`] is what the
//! rules keep with each block.

pub(crate) mod qbft;
pub(crate) mod tendermint;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy_consensus::{Header, TxEnvelope};
use alloy_primitives::{Address, Bytes};

use crate::chain::Executed;
use crate::config::ChainConfig;
use crate::error::ChainError;
use crate::index::Block;
use crate::state::State;
use qbft::Qbft;
use tendermint::{Tendermint, TendermintConfig};

/// Largest validator set; also the largest a light client of QBFT reads.
pub const MAX_VALIDATORS: usize = 256;

/// How the blocks of a chain become final.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Consensus {
    /// QBFT, as Besu and GoQuorum.
    #[default]
    Qbft,
    /// Tendermint, as BSN's and other Cosmos chains.
    Tendermint(TendermintConfig),
}

/// A consensus with the keys of all who are, or may become, validators.
pub(crate) enum Engine {
    Qbft(Qbft),
    Tendermint(Box<Tendermint>),
}

/// What a consensus keeps with a block.
#[derive(Clone, Debug)]
pub(crate) enum Seal {
    /// The set of the next block and the open votes.
    Qbft(qbft::Snapshot),
    /// The header of Tendermint with its votes, and the sets that follow.
    Tendermint(Arc<tendermint::Sealed>),
}

impl Seal {
    pub(crate) fn qbft(&self) -> &qbft::Snapshot {
        match self {
            Self::Qbft(snapshot) => snapshot,
            Self::Tendermint(_) => unreachable!("a chain has one consensus"),
        }
    }

    pub(crate) fn tendermint(&self) -> &Arc<tendermint::Sealed> {
        match self {
            Self::Tendermint(sealed) => sealed,
            Self::Qbft(_) => unreachable!("a chain has one consensus"),
        }
    }
}

/// What a validator wants: `candidate` with this power, out of the set when it is 0. QBFT knows the powers 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ballot {
    pub(crate) candidate: Address,
    pub(crate) power: u64,
}

/// Who makes the next block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    /// How many proposers were passed over.
    pub(crate) round: u32,
    pub(crate) proposer: Address,
    /// The proposer's vote on the set.
    pub(crate) ballot: Option<Ballot>,
    /// The header's time, since 1970.
    pub(crate) time: Duration,
}

/// One who is, or may become, a validator: what its owner has it do.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// `validator-1` and so on, in the order of the keys.
    pub(crate) name: String,
    pub(crate) online: bool,
    /// Candidate → power: what it votes when it proposes.
    pub(crate) ballots: BTreeMap<Address, u64>,
}

/// Everyone whose key is known.
#[derive(Clone, Debug)]
pub(crate) struct Roster {
    pub(crate) known: BTreeMap<Address, Member>,
}

impl Roster {
    pub(crate) fn new(addresses: impl IntoIterator<Item = Address>) -> Self {
        let member =
            |number: usize| Member { name: format!("validator-{number}"), online: true, ballots: BTreeMap::new() };
        Self { known: addresses.into_iter().zip(1..).map(|(address, number)| (address, member(number))).collect() }
    }

    pub(crate) fn is_online(&self, address: &Address) -> bool {
        self.known.get(address).is_some_and(|member| member.online)
    }

    /// What the proposer votes: the first of its ballots that would change a power as it is now.
    fn ballot(&self, proposer: &Address, power_now: impl Fn(&Address) -> u64) -> Option<Ballot> {
        let ballots = &self.known.get(proposer)?.ballots;
        let open = |(candidate, power): (&Address, &u64)| {
            (power_now(candidate) != *power).then_some(Ballot { candidate: *candidate, power: *power })
        };
        ballots.iter().find_map(open)
    }
}

impl Engine {
    pub(crate) fn new(config: &ChainConfig) -> Self {
        match &config.consensus {
            Consensus::Qbft => Self::Qbft(Qbft::new(config)),
            Consensus::Tendermint(settings) => Self::Tendermint(Box::new(Tendermint::new(config, settings))),
        }
    }

    /// Everyone's addresses, in the order of the keys.
    pub(crate) fn addresses(&self) -> Vec<Address> {
        match self {
            Self::Qbft(qbft) => qbft.addresses(),
            Self::Tendermint(tendermint) => tendermint.addresses(),
        }
    }

    /// The block before the first.
    pub(crate) fn genesis(&self, config: &ChainConfig, state: &State) -> Block {
        match self {
            Self::Qbft(qbft) => qbft.genesis(config, state),
            Self::Tendermint(tendermint) => tendermint.genesis(config, state),
        }
    }

    /// The power of an address in the set that seals the next block; 0 when it is not in it.
    pub(crate) fn power(&self, head: &Block, address: &Address) -> u64 {
        match self {
            Self::Qbft(_) => u64::from(head.seal.qbft().validators.contains(address)),
            Self::Tendermint(_) => head.seal.tendermint().next.members.power_of(address),
        }
    }

    /// The power a candidate is voted in with when none is named.
    pub(crate) fn usual_power(&self, candidate: &Address) -> u64 {
        match self {
            Self::Qbft(_) => 1,
            Self::Tendermint(tendermint) => tendermint.usual_power(candidate),
        }
    }

    /// Whether a ballot can be cast at all.
    ///
    /// # Errors
    /// [`ChainError::Power`]; under Tendermint also [`ChainError::UnknownValidator`], since a set holds keys and not addresses.
    pub(crate) fn check_ballot(&self, ballot: &Ballot) -> Result<(), ChainError> {
        match self {
            Self::Qbft(_) if ballot.power > 1 => Err(ChainError::Power { maximum: 1, found: ballot.power }),
            Self::Qbft(_) => Ok(()),
            Self::Tendermint(tendermint) => tendermint.check_ballot(ballot),
        }
    }

    /// Who makes the block after `parent`, when the clock shows `now`.
    ///
    /// # Errors
    /// When too few are online, or the clock cannot be the header's time.
    pub(crate) fn turn(&self, parent: &Block, roster: &Roster, now: Duration) -> Result<Turn, ChainError> {
        if now.as_secs() < parent.header.timestamp {
            return Err(ChainError::ClockBehind { parent: parent.header.timestamp, now: now.as_secs() });
        }
        match self {
            Self::Qbft(qbft) => qbft.turn(parent.seal.qbft(), roster, now),
            Self::Tendermint(tendermint) => tendermint.turn(parent.seal.tendermint(), roster, now),
        }
    }

    /// The header to execute transactions on.
    pub(crate) fn open(&self, config: &ChainConfig, parent: &Block, turn: &Turn) -> Header {
        let header = Header {
            number: parent.header.number + 1,
            parent_hash: parent.hash,
            beneficiary: turn.proposer,
            timestamp: turn.time.as_secs(),
            ..config.header_template()
        };
        match self {
            Self::Qbft(_) => header,
            Self::Tendermint(_) => tendermint::open(parent, header),
        }
    }

    /// The finished block, sealed by those who are online.
    pub(crate) fn seal(&self, parent: &Block, turn: &Turn, roster: &Roster, executed: Executed) -> (Block, State) {
        match self {
            Self::Qbft(qbft) => qbft.seal(parent, turn, roster, executed),
            Self::Tendermint(tendermint) => tendermint.seal(parent, turn, roster, executed),
        }
    }

    /// The block as it is stored.
    pub(crate) fn encode(&self, block: &Block) -> Vec<u8> {
        match self {
            Self::Qbft(_) => qbft::encode(block),
            Self::Tendermint(_) => tendermint::encode(block),
        }
    }

    /// A stored block, executed again on `parent`.
    ///
    /// # Errors
    /// [`ChainError::Replay`] when it does not follow, [`ChainError::StoredBlock`] when it is none.
    pub(crate) fn replay(
        &self,
        config: &ChainConfig,
        parent: &Block,
        record: &[u8],
        execute: impl FnOnce(Header, Vec<TxEnvelope>) -> Result<Executed, ChainError>,
    ) -> Result<(Block, State), ChainError> {
        match self {
            Self::Qbft(qbft) => qbft.replay(config, parent, record, execute),
            Self::Tendermint(tendermint) => tendermint.replay(self, config, parent, record, execute),
        }
    }

    /// Checks the signatures of the latest block, whose hash binds all blocks before it.
    ///
    /// # Errors
    /// [`ChainError::Replay`] when they are not a quorum's.
    pub(crate) fn check_head(&self, head: &Block) -> Result<(), ChainError> {
        match self {
            _ if head.header.number == 0 => Ok(()),
            Self::Qbft(_) => qbft::check_seals(head),
            Self::Tendermint(tendermint) => tendermint.check_votes(head),
        }
    }
}

/// Transactions as blocks keep them: EIP-2718 bytes.
fn decode_transactions(raw: &[Bytes]) -> alloy_rlp::Result<Vec<TxEnvelope>> {
    use alloy_eips::eip2718::Decodable2718 as _;
    let decode = |raw: &Bytes| TxEnvelope::decode_2718_exact(raw);
    raw.iter().map(decode).collect::<Result<_, _>>().map_err(|_| alloy_rlp::Error::Custom("transaction"))
}
