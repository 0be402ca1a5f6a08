//! Seeded faults: what a node may do wrong, as data.
//!
//! The k-th request and the k-th attempt to seal each draw from their own stream of the chain's seed, so the same requests in the same
//! order meet the same faults.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use alloy_primitives::{B256, keccak256};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::index::lock;

/// Most fault rules at one time.
pub const MAX_FAULT_RULES: usize = 64;

/// Longest delay a fault may cause, milliseconds.
pub const MAX_DELAY_MS: u64 = 60_000;

const PER_MILLE: u16 = 1_000;

/// One way to misbehave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", rename_all_fields = "camelCase", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// Stall: no block is made.
    Stall,
    /// Equivocate: the caller is shown a conflicting header, sealed by a real quorum. Always the same one at a height. Under QBFT it
    /// has a state, and `eth_getProof` answers from that.
    Equivocate,
    /// Lie: a bit of a proof is flipped, or a proven value changed.
    AlteredProof,
    /// Lie: the header's state root is another; its hash and seals stay.
    AlteredStateRoot,
    /// Lie: a bit of one of the signatures under a block is flipped.
    AlteredCommit,
    /// Lie: logs are left out.
    HiddenEvents,
    /// Lie: the chain looks as it was that many blocks ago.
    OldHead {
        /// How many.
        blocks: u64,
    },
    /// Drop: the request never gets an answer.
    NoAnswer,
    /// Drop: the connection is reset.
    Reset,
    /// Delay: the answer comes late.
    Delay {
        /// At most so many milliseconds; [`MAX_DELAY_MS`] caps it.
        max_ms: u64,
    },
}

/// A fault, how often it happens, and between which heights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultRule {
    /// What happens.
    pub fault: Fault,
    /// In how many of a thousand cases; 1000 when left out.
    #[serde(default = "always")]
    pub per_mille: u16,
    /// From this latest height on.
    #[serde(default)]
    pub from_height: u64,
    /// Up to this latest height; for ever when left out.
    #[serde(default)]
    pub to_height: Option<u64>,
}

fn always() -> u16 {
    PER_MILLE
}

impl FaultRule {
    /// A fault that always happens.
    #[must_use]
    pub fn always(fault: Fault) -> Self {
        Self { fault, per_mille: PER_MILLE, from_height: 0, to_height: None }
    }
}

/// How a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    NoAnswer,
    Reset,
}

/// What happens to one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) equivocate: bool,
    pub(crate) altered_proof: bool,
    pub(crate) altered_state_root: bool,
    pub(crate) altered_commit: bool,
    pub(crate) hidden_events: bool,
    /// Blocks that are kept back.
    pub(crate) old_head: u64,
    pub(crate) loss: Option<Loss>,
    pub(crate) delay_ms: u64,
    /// Decides the details of a lie.
    pub(crate) salt: u64,
}

/// The rules in force and the position in the streams.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: B256,
    rules: Mutex<Vec<FaultRule>>,
    requests: AtomicU64,
    seals: AtomicU64,
}

impl Faults {
    pub(crate) fn new(seed: &str, rules: Vec<FaultRule>) -> Self {
        Self {
            seed: keccak256(["devchain faults ".as_bytes(), seed.as_bytes()].concat()),
            rules: Mutex::new(rules),
            requests: AtomicU64::new(0),
            seals: AtomicU64::new(0),
        }
    }

    pub(crate) fn rules(&self) -> Vec<FaultRule> {
        lock(&self.rules).clone()
    }

    pub(crate) fn set(&self, rules: Vec<FaultRule>) {
        *lock(&self.rules) = rules;
    }

    /// A root that no state has, the same at a height for every caller.
    pub(crate) fn false_root(&self, number: u64) -> B256 {
        keccak256([self.seed.as_slice(), &number.to_be_bytes()].concat())
    }

    /// Draws the faults of the next request.
    pub(crate) fn request(&self, latest: u64) -> Drawn {
        let rules = lock(&self.rules);
        let mut rng = self.stream(b"request", &self.requests);
        let mut drawn = Drawn { salt: rng.next_u64(), ..Drawn::default() };
        for rule in rules.iter() {
            // Every rule draws, whether in force or not, so that one rule's window does not shift another's draws.
            let (hit, extent) = (rule.happens(latest, &mut rng), rng.next_u64());
            if !hit {
                continue;
            }
            match rule.fault {
                Fault::Stall => {}
                Fault::Equivocate => drawn.equivocate = true,
                Fault::AlteredProof => drawn.altered_proof = true,
                Fault::AlteredStateRoot => drawn.altered_state_root = true,
                Fault::AlteredCommit => drawn.altered_commit = true,
                Fault::HiddenEvents => drawn.hidden_events = true,
                Fault::OldHead { blocks } => drawn.old_head = drawn.old_head.max(blocks),
                Fault::NoAnswer => drawn.loss = Some(Loss::NoAnswer),
                Fault::Reset => drawn.loss = Some(Loss::Reset),
                Fault::Delay { max_ms } => {
                    let delay = extent % (max_ms.min(MAX_DELAY_MS) + 1);
                    drawn.delay_ms = drawn.delay_ms.saturating_add(delay).min(MAX_DELAY_MS);
                }
            }
        }
        drawn
    }

    /// True when the next block is not made now.
    pub(crate) fn stalls(&self, latest: u64) -> bool {
        let rules = lock(&self.rules);
        let mut rng = self.stream(b"seal", &self.seals);
        rules.iter().filter(|rule| rule.fault == Fault::Stall).any(|rule| rule.happens(latest, &mut rng))
    }

    fn stream(&self, label: &[u8], counter: &AtomicU64) -> ChaCha8Rng {
        let at = counter.fetch_add(1, Ordering::Relaxed);
        ChaCha8Rng::from_seed(keccak256([self.seed.as_slice(), label, &at.to_be_bytes()].concat()).0)
    }
}

impl FaultRule {
    fn happens(&self, latest: u64, rng: &mut ChaCha8Rng) -> bool {
        let chance = (rng.next_u64() % u64::from(PER_MILLE)) < u64::from(self.per_mille);
        chance && latest >= self.from_height && self.to_height.is_none_or(|to| latest <= to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules() -> Vec<FaultRule> {
        let sometimes = |fault| FaultRule { per_mille: 300, ..FaultRule::always(fault) };
        vec![
            sometimes(Fault::Reset),
            sometimes(Fault::Delay { max_ms: 50 }),
            sometimes(Fault::OldHead { blocks: 2 }),
            FaultRule { to_height: Some(3), ..sometimes(Fault::HiddenEvents) },
            sometimes(Fault::Stall),
        ]
    }

    #[test]
    fn one_seed_gives_one_course_of_faults() {
        let course = |seed: &str| {
            let faults = Faults::new(seed, rules());
            (0..200).map(|_| (faults.request(1), faults.stalls(1))).collect::<Vec<_>>()
        };
        assert_eq!(course("a"), course("a"));
        assert_ne!(course("a"), course("b"));
        let hits = course("a").iter().filter(|(drawn, _)| drawn.loss.is_some()).count();
        assert!((30..90).contains(&hits), "300 of 1000 expected, {hits} of 200 found");
        assert!(course("a").iter().all(|(drawn, _)| drawn.delay_ms <= 50));
        assert!(course("a").iter().any(|(_, stalled)| *stalled));
    }

    #[test]
    fn a_window_ends_a_fault_without_shifting_the_others() {
        let (early, late) = (Faults::new("a", rules()), Faults::new("a", rules()));
        for _ in 0..200 {
            let (early, late) = (early.request(1), late.request(9));
            assert!(!late.hidden_events);
            assert_eq!(Drawn { hidden_events: false, ..early }, late);
        }
    }

    #[test]
    fn rules_read_and_write_as_json() {
        let text = r#"{"fault":{"kind":"old-head","blocks":3},"perMille":10,"fromHeight":4,"toHeight":null}"#;
        let rule: FaultRule = serde_json::from_str(text).expect("parses");
        assert_eq!(rule.fault, Fault::OldHead { blocks: 3 });
        assert_eq!(serde_json::to_string(&rule).expect("writes"), text);
        serde_json::from_str::<FaultRule>(r#"{"fault":{"kind":"stall"},"chance":1}"#).expect_err("unknown key");
        serde_json::from_str::<FaultRule>(r#"{"fault":{"kind":"sulk"}}"#).expect_err("unknown fault");
    }
}
