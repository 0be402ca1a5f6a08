//! Validator set, votes, proposers and seals, as GoQuorum's QBFT with header votes.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use crate::header::{ExtraData, Vote};
use crate::keys::DevKey;

/// Largest validator set; also the largest a light client reads.
pub const MAX_VALIDATORS: usize = 256;

/// Seals a set of `validators` needs: ⌈2N/3⌉.
#[must_use]
pub fn quorum(validators: usize) -> usize {
    validators.saturating_mul(2).div_ceil(3)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CastVote {
    by: Address,
    vote: Vote,
}

/// The validator set and the open votes after a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// The set that the next header lists, ascending.
    pub(crate) validators: Vec<Address>,
    votes: Vec<CastVote>,
    /// Who made the block; zero for genesis.
    proposer: Address,
}

impl Snapshot {
    pub(crate) fn genesis(mut validators: Vec<Address>) -> Self {
        validators.sort_unstable();
        Self { validators, votes: Vec::new(), proposer: Address::ZERO }
    }

    /// The snapshot after the block `number` by `proposer` with that extra data.
    ///
    /// One open vote per (validator, candidate); more than half of the set decides; open votes are dropped at each epoch.
    pub(crate) fn apply(&self, number: u64, proposer: Address, extra: &ExtraData, epoch: u64) -> Self {
        let mut next = Self { proposer, ..self.clone() };
        if number.is_multiple_of(epoch) {
            next.votes.clear();
        }
        let Some(vote) = extra.vote else {
            return next;
        };
        next.votes.retain(|cast| !(cast.by == proposer && cast.vote.candidate == vote.candidate));
        if next.validators.contains(&vote.candidate) == vote.add {
            return next; // It would change nothing.
        }
        let (smallest, largest) = (1, MAX_VALIDATORS);
        if next.validators.len() == if vote.add { largest } else { smallest } {
            return next; // A set is never empty, and never larger than light clients read.
        }
        next.votes.push(CastVote { by: proposer, vote });
        let count = next.votes.iter().filter(|cast| cast.vote == vote).count();
        if count <= next.validators.len() / 2 {
            return next;
        }
        // Decided: votes about the candidate go, and with a dropped validator its own votes.
        next.votes.retain(|cast| cast.vote.candidate != vote.candidate && (vote.add || cast.by != vote.candidate));
        if vote.add {
            next.validators.push(vote.candidate);
            next.validators.sort_unstable();
        } else {
            next.validators.retain(|validator| *validator != vote.candidate);
        }
        next
    }

    /// Round robin, starting after the proposer of this block; after genesis, or when that one left the set, at the first.
    pub(crate) fn proposer_at(&self, round: u32) -> Address {
        let start = self.validators.iter().position(|validator| *validator == self.proposer).map_or(0, |at| at + 1);
        let at = (start + round as usize) % self.validators.len();
        self.validators[at]
    }
}

/// One key that is, or may become, a validator.
#[derive(Clone, Debug)]
pub(crate) struct Validator {
    pub(crate) key: DevKey,
    pub(crate) online: bool,
    /// Candidate → add (true) or drop (false): what it votes when it proposes.
    pub(crate) ballots: BTreeMap<Address, bool>,
}

/// What the next block's consensus fields will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) round: u32,
    pub(crate) proposer: Address,
    pub(crate) vote: Option<Vote>,
}

/// Why no block can be sealed now: online validators of the set, and the quorum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Halted {
    pub(crate) online: usize,
    pub(crate) quorum: usize,
}

/// All keys of the chain with their state.
#[derive(Clone, Debug)]
pub(crate) struct Validators {
    pub(crate) known: BTreeMap<Address, Validator>,
    seed: B256,
}

impl Validators {
    pub(crate) fn new(seed: &str, keys: Vec<DevKey>) -> Self {
        let known = keys
            .into_iter()
            .map(|key| (key.address(), Validator { key, online: true, ballots: BTreeMap::new() }))
            .collect();
        Self { known, seed: keccak256(["devchain seals ".as_bytes(), seed.as_bytes()].concat()) }
    }

    fn is_online(&self, address: &Address) -> bool {
        self.known.get(address).is_some_and(|validator| validator.online)
    }

    fn online(&self, set: &[Address]) -> Vec<Address> {
        set.iter().copied().filter(|address| self.is_online(address)).collect()
    }

    /// Who proposes next, in which round, with which vote. Each offline proposer costs a round.
    pub(crate) fn turn(&self, snapshot: &Snapshot) -> Result<Turn, Halted> {
        let (online, quorum) = (self.online(&snapshot.validators).len(), quorum(snapshot.validators.len()));
        if online < quorum {
            return Err(Halted { online, quorum });
        }
        // A quorum is online, so one of the next N proposers is.
        let mut round = 0;
        while !self.is_online(&snapshot.proposer_at(round)) {
            round += 1;
        }
        let proposer = snapshot.proposer_at(round);
        let vote = self.known.get(&proposer).and_then(|validator| {
            let open = |(candidate, add): (&Address, &bool)| {
                (snapshot.validators.contains(candidate) != *add).then_some(Vote { candidate: *candidate, add: *add })
            };
            validator.ballots.iter().find_map(open)
        });
        Ok(Turn { round, proposer, vote })
    }

    /// Exactly a quorum of online validators of the set, chosen and ordered by the seed, the height and the round.
    pub(crate) fn signers(&self, set: &[Address], number: u64, round: u32) -> Vec<&DevKey> {
        let mut online = self.online(set);
        let mut rng = ChaCha8Rng::from_seed(
            keccak256([self.seed.as_slice(), &number.to_be_bytes(), &round.to_be_bytes()].concat()).0,
        );
        // Fisher–Yates; the slight bias of the remainder does not matter here.
        for last in (1..online.len()).rev() {
            online.swap(last, (rng.next_u64() % (last as u64 + 1)) as usize);
        }
        online.truncate(quorum(set.len()));
        online.iter().filter_map(|address| self.known.get(address)).map(|validator| &validator.key).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(byte: u8) -> Address {
        Address::repeat_byte(byte)
    }

    fn extra(vote: Option<Vote>) -> ExtraData {
        ExtraData { vote, ..ExtraData::default() }
    }

    #[test]
    fn quorum_is_two_thirds_rounded_up() {
        let expected = [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4), (7, 5), (8, 6), (9, 6)];
        for (validators, seals) in expected {
            assert_eq!(quorum(validators), seals, "{validators} validators");
        }
    }

    #[test]
    fn three_of_four_votes_add_and_a_vote_counts_once_per_validator() {
        let set: Vec<_> = (1..=4).map(address).collect();
        let vote = Vote { candidate: address(5), add: true };
        let mut snapshot = Snapshot::genesis(set.clone());
        for (number, by) in [(1, 1), (2, 1), (3, 2)] {
            snapshot = snapshot.apply(number, address(by), &extra(Some(vote)), 1_000);
            assert_eq!(snapshot.validators, set, "after block {number}");
        }
        snapshot = snapshot.apply(4, address(3), &extra(Some(vote)), 1_000);
        assert_eq!(snapshot.validators.len(), 5);
        assert!(snapshot.votes.is_empty());
    }

    #[test]
    fn an_epoch_drops_open_votes() {
        let vote = Vote { candidate: address(5), add: true };
        let mut snapshot = Snapshot::genesis((1..=4).map(address).collect());
        for (number, by) in [(1, 1), (2, 2), (3, 3)] {
            snapshot = snapshot.apply(number, address(by), &extra(Some(vote)), 3);
        }
        assert_eq!(snapshot.validators.len(), 4, "the third vote opened a new epoch alone");
        assert_eq!(snapshot.votes.len(), 1);
    }

    #[test]
    fn the_turn_passes_over_offline_proposers_and_halts_below_quorum() {
        let keys: Vec<_> = (0..4).map(|i| DevKey::derive("t", crate::keys::KeyRole::Validator, i)).collect();
        let mut validators = Validators::new("t", keys.clone());
        let snapshot = Snapshot::genesis(keys.iter().map(DevKey::address).collect());
        let first = snapshot.proposer_at(0);
        assert_eq!(validators.turn(&snapshot).expect("live").round, 0);
        validators.known.get_mut(&first).expect("known").online = false;
        let turn = validators.turn(&snapshot).expect("live");
        assert_eq!((turn.round, turn.proposer), (1, snapshot.proposer_at(1)));
        let signers = validators.signers(&snapshot.validators, 1, 1);
        assert_eq!(signers.len(), 3);
        assert!(signers.iter().all(|key| key.address() != first));
        let second = snapshot.proposer_at(1);
        validators.known.get_mut(&second).expect("known").online = false;
        assert_eq!(validators.turn(&snapshot), Err(Halted { online: 2, quorum: 3 }));
    }
}
