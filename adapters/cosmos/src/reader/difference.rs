//! In what a client that an ibc-go chain stores is another than the one that was asked for.

use super::hosted::{CLIENT_STATE, CONSENSUS_STATE, creation, opened};
use adapter::{AdapterError, Difference, TrustedState};
use adapter_json_rpc::printable;
use ibc_proto::ibc::lightclients::tendermint::v1::{
    ClientState as ProtoClientState, ConsensusState as ProtoConsensusState,
};
use light_client::Height;
use std::fmt::Debug;

/// A client as it was asked for.
pub(super) struct Made {
    client: ProtoClientState,
    consensus: ProtoConsensusState,
    /// Whether it is known which unbonding period was named.
    has_unbonding_period: bool,
}

impl Made {
    /// # Errors
    /// [`AdapterError::Config`] when ibc-go has no such client.
    pub(super) fn of(trusted: &TrustedState, unbonding_seconds: Option<u64>) -> Result<Self, AdapterError> {
        let (client, consensus) = creation(trusted, unbonding_seconds.unwrap_or(u64::MAX >> 1))?;
        Ok(Self { client, consensus, has_unbonding_period: unbonding_seconds.is_some() })
    }

    /// The height of its first state.
    pub(super) fn height(&self) -> Height {
        let height = self.client.latest_height.unwrap_or_default();
        Height::with_revision(height.revision_number, height.revision_height)
    }

    /// The first part in which what lies under the client's key and its first state's is another. It may have been updated
    /// since, and then its first state may be gone; and it may have been frozen.
    ///
    /// # Errors
    /// [`AdapterError::Config`] when it is another kind of client; [`AdapterError::Inconsistent`] when it is none.
    pub(super) fn difference(
        &self,
        endpoint: &str,
        client: &[u8],
        consensus: &[u8],
    ) -> Result<Option<Difference>, AdapterError> {
        let found: ProtoClientState = opened(endpoint, "client state", CLIENT_STATE, client)?;
        if let Some(difference) = self.of_client(&found) {
            return Ok(Some(difference));
        }
        if consensus.is_empty() {
            let is_updated = found.latest_height != self.client.latest_height;
            return Ok((!is_updated).then(|| Difference {
                what: "client's first state",
                expected: format!("one at height {}", self.height()),
                found: "none".to_owned(),
            }));
        }
        let found: ProtoConsensusState = opened(endpoint, "consensus state", CONSENSUS_STATE, consensus)?;
        Ok(part("client's first state", &self.consensus, &found))
    }

    /// Every member is named, so that one that a later version adds is not forgotten.
    #[expect(deprecated, reason = "two members that ibc-go still stores")]
    fn of_client(&self, found: &ProtoClientState) -> Option<Difference> {
        let ProtoClientState {
            chain_id,
            trust_level,
            trusting_period,
            unbonding_period,
            max_clock_drift,
            frozen_height: _,
            latest_height: _,
            proof_specs,
            upgrade_path,
            allow_update_after_expiry,
            allow_update_after_misbehaviour,
        } = &self.client;
        part("client's chain id", chain_id, &found.chain_id)
            .or_else(|| part("client's trust level", trust_level, &found.trust_level))
            .or_else(|| part("client's trusting period", trusting_period, &found.trusting_period))
            .or_else(|| {
                let difference = part("client's unbonding period", unbonding_period, &found.unbonding_period);
                difference.filter(|_| self.has_unbonding_period)
            })
            .or_else(|| part("client's max clock drift", max_clock_drift, &found.max_clock_drift))
            .or_else(|| part("client's proof specs", proof_specs, &found.proof_specs))
            .or_else(|| part("client's upgrade path", upgrade_path, &found.upgrade_path))
            .or_else(|| {
                let what = "client's updates after expiry";
                part(what, allow_update_after_expiry, &found.allow_update_after_expiry)
            })
            .or_else(|| {
                let what = "client's updates after misbehaviour";
                part(what, allow_update_after_misbehaviour, &found.allow_update_after_misbehaviour)
            })
            .or_else(|| self.of_height(found))
    }

    fn of_height(&self, found: &ProtoClientState) -> Option<Difference> {
        let (first, latest) = (self.height(), found.latest_height.unwrap_or_default());
        let latest = Height::with_revision(latest.revision_number, latest.revision_height);
        (latest.revision() != first.revision() || latest < first).then(|| Difference {
            what: "client's latest height",
            expected: format!("{first} or later, of the same revision"),
            found: latest.to_string(),
        })
    }
}

fn part<T: PartialEq + Debug>(what: &'static str, expected: &T, found: &T) -> Option<Difference> {
    let words = |part: &T| printable(&format!("{part:?}"));
    (expected != found).then(|| Difference { what, expected: words(expected), found: words(found) })
}

#[cfg(test)]
mod tests {
    use super::{
        super::hosted::{Hosted, consensus_state},
        *,
    };
    use ibc_proto::{
        google::protobuf::{Any, Duration},
        ibc::{core::client::v1::Height as ProtoHeight, lightclients::tendermint::v1::Fraction},
    };
    use light_client::Codec as _;
    use light_client_tendermint::{ClientState, Commitments, ConsensusState, KeyTypes, Parameters, StoreTree};
    use prost_13::Message as _;

    const UNBONDING_SECONDS: u64 = 1_000;

    fn trusted() -> TrustedState {
        let consensus = ConsensusState {
            root: [1; 32].into(),
            time: light_client::Timestamp::from_unix_seconds(1_800_000_000),
            next_set_hash: light_client_tendermint::SetHash::new([2; 32]),
        };
        let parameters = Parameters {
            chain_id: "simd-3".parse().unwrap(),
            trust_level: light_client_tendermint::TrustLevel::new(1, 3).unwrap(),
            trusting_period_seconds: 600,
            clock_drift_seconds: 10,
            key_types: KeyTypes::from_bits(0b011).unwrap(),
            sm2: light_client_crypto::Sm2::default(),
            tree_hash: light_client_tendermint::TreeHash::Sha256,
            store_tree: StoreTree::Iavl,
            commitments: Commitments::IbcStore { store: b"ibc".to_vec() },
        };
        let height = parameters.height(7);
        let client = ClientState::new(parameters, 7, &consensus).unwrap();
        TrustedState { height, client: client.encode(), consensus: consensus.encode() }
    }

    fn any(type_url: &str, value: Vec<u8>) -> Vec<u8> {
        Any { type_url: type_url.to_owned(), value }.encode_to_vec()
    }

    type Change = fn(&mut ProtoClientState, &mut ProtoConsensusState);

    fn difference(change: Change) -> Option<&'static str> {
        let made = Made::of(&trusted(), Some(UNBONDING_SECONDS)).unwrap();
        let (mut client, mut consensus) = (made.client.clone(), made.consensus.clone());
        change(&mut client, &mut consensus);
        let client = any(CLIENT_STATE, client.encode_to_vec());
        let consensus = any(CONSENSUS_STATE, consensus.encode_to_vec());
        made.difference("a node", &client, &consensus).unwrap().map(|difference| difference.what)
    }

    #[test]
    #[expect(deprecated, reason = "two members that ibc-go still stores")]
    fn every_part_that_differs_is_named() {
        let changes: [(&str, Change); 18] = [
            ("client's chain id", |client, _| client.chain_id = "simd-4".to_owned()),
            ("client's trust level", |client, _| {
                client.trust_level = Some(Fraction { numerator: 2, denominator: 3 });
            }),
            ("client's trust level", |client, _| client.trust_level = None),
            ("client's trusting period", |client, _| {
                client.trusting_period = Some(Duration { seconds: 600, nanos: 1 });
            }),
            ("client's unbonding period", |client, _| {
                client.unbonding_period = Some(Duration { seconds: 1_001, nanos: 0 });
            }),
            ("client's max clock drift", |client, _| {
                client.max_clock_drift = Some(Duration { seconds: 10, nanos: 5 });
            }),
            ("client's proof specs", |client, _| client.proof_specs.swap(0, 1)),
            ("client's proof specs", |client, _| client.proof_specs[0].min_depth = 1),
            ("client's upgrade path", |client, _| client.upgrade_path.clear()),
            ("client's upgrade path", |client, _| client.upgrade_path[0] = "ibc".to_owned()),
            ("client's upgrade path", |client, _| client.upgrade_path.push(String::new())),
            ("client's updates after expiry", |client, _| client.allow_update_after_expiry = true),
            ("client's updates after misbehaviour", |client, _| client.allow_update_after_misbehaviour = true),
            ("client's latest height", |client, _| {
                client.latest_height = Some(ProtoHeight { revision_number: 4, revision_height: 7 });
            }),
            ("client's latest height", |client, _| {
                client.latest_height = Some(ProtoHeight { revision_number: 3, revision_height: 6 });
            }),
            ("client's first state", |_, state| state.root.as_mut().unwrap().hash[0] ^= 1),
            ("client's first state", |_, state| state.next_validators_hash[31] ^= 1),
            ("client's first state", |_, state| state.timestamp.as_mut().unwrap().nanos += 1),
        ];
        for (index, (what, change)) in changes.into_iter().enumerate() {
            assert_eq!(difference(change), Some(what), "{index}");
        }
    }

    #[test]
    fn what_a_chain_has_stored_is_what_it_was_asked_for() {
        let recording: serde_json::Value =
            serde_json::from_slice(&std::fs::read("vectors/ibc-v2/client_states.json").unwrap()).unwrap();
        let stored = |name: &str| hex::decode(recording[name]["value"].as_str().unwrap()).unwrap();
        let (client, consensus) = (stored("client_state"), stored("consensus_state"));
        let hosted = Hosted::read("a node", &client, b"ibc").unwrap();
        let state = consensus_state("a node", &consensus).unwrap();
        let encoded = hosted.client_state("a node", &state).unwrap().encode();
        let trusted = TrustedState { height: hosted.latest_height, client: encoded, consensus: state.encode() };
        let any = Any::decode(client.as_slice()).unwrap();
        let unbonding = ProtoClientState::decode(any.value.as_slice()).unwrap().unbonding_period.unwrap().seconds;
        for unbonding in [None, u64::try_from(unbonding).ok()] {
            let made = Made::of(&trusted, unbonding).unwrap();
            assert_eq!(made.difference("a node", &client, &consensus).unwrap(), None);
        }
    }

    #[test]
    fn a_client_that_was_used_since_is_the_same() {
        assert_eq!(difference(|_, _| {}), None);
        let later = ProtoHeight { revision_number: 3, revision_height: 8 };
        let frozen = ProtoHeight { revision_number: 0, revision_height: 1 };
        let made = Made::of(&trusted(), Some(UNBONDING_SECONDS)).unwrap();
        assert_eq!(made.height(), Height::with_revision(3, 7));
        let mut client = made.client.clone();
        client.frozen_height = Some(frozen);
        let missing = made.difference("a node", &any(CLIENT_STATE, client.encode_to_vec()), &[]).unwrap();
        assert_eq!(missing.unwrap().what, "client's first state");
        client.latest_height = Some(later);
        assert_eq!(made.difference("a node", &any(CLIENT_STATE, client.encode_to_vec()), &[]).unwrap(), None);
        // Nobody says which unbonding period was named.
        client.unbonding_period = Some(Duration { seconds: 1_001, nanos: 0 });
        let client = any(CLIENT_STATE, client.encode_to_vec());
        assert!(made.difference("a node", &client, &[]).unwrap().is_some());
        let made = Made::of(&trusted(), None).unwrap();
        assert_eq!(made.difference("a node", &client, &[]).unwrap(), None);
        let other_kind = made.difference("a node", &any("/a.B", Vec::new()), &[]).unwrap_err();
        assert!(matches!(other_kind, AdapterError::Config { .. }), "{other_kind}");
    }
}
