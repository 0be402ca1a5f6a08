//! Our light client follows go-ethereum: headers, account proofs and storage proofs that somebody else made.

use super::{LIMIT, fast, wait_for_height, wait_for_set};
use alloy_primitives::{Address, B256, Bytes, address};
use e2e::node::{Forgery, Fork, Node, NodeError, Options};
use e2e::wait;
use light_client::{
    Claim, Fault, FaultKind, Height, LightClient, Sequence, Timestamp, Trusted, UpdateOutcome, commitment_path,
};
use light_client_qbft::{
    ClientState, ConsensusState, Error, Evidence, Header, Kind, MembershipProof, Parameters, Qbft, StateAt, TrustLevel,
    Update, ValidatorSet,
};
use serde::Deserialize;
use serde_json::json;

const CLIENT: Qbft = Qbft::ETHEREUM;

/// Keccak-256 of nothing: the code hash of an account without code.
///
/// Source: Ethereum Yellow Paper, section 4.1.
const NO_CODE: &str = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";

/// The contract of EIP-4788, in the genesis of the node from Cancun on: code and storage that are not ours.
const BEACON_ROOTS: Address = address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02");

/// Part of the answer of `eth_getProof`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountProof {
    account_proof: Vec<Bytes>,
    code_hash: B256,
    storage_hash: B256,
    storage_proof: Vec<StorageProof>,
}

#[derive(Deserialize)]
struct StorageProof {
    proof: Vec<Bytes>,
}

fn account_proof(node: &Node, account: Address, slots: &[B256], height: u64) -> AccountProof {
    node.endpoint().call("eth_getProof", json!([account, slots, format!("{height:#x}")])).expect("a proof")
}

/// A client of the node's chain, as a contract on another chain would keep it.
struct Follower<'n> {
    node: &'n Node,
    router: Address,
    client: ClientState,
    latest: ConsensusState,
    set: ValidatorSet,
}

impl<'n> Follower<'n> {
    /// Trusts the node at one height, as an operator does who compared the hash with the other organisations.
    fn bootstrap(node: &'n Node, router: Address, height: u64) -> Self {
        let raw = node.raw_header(height).expect("a header");
        let header = Header::decode(Kind::Qbft, &raw).expect("a QBFT header");
        let account = account_proof(node, router, &[], height);
        let parameters = Parameters {
            kind: Kind::Qbft,
            trust_level: TrustLevel::Strict,
            router: router.into_array().into(),
            router_code_hash: account.code_hash.0.into(),
            trusting_period_seconds: 3600,
            clock_drift_seconds: 0,
        };
        let latest = ConsensusState {
            storage_root: account.storage_hash.0.into(),
            time: header.time,
            set_hash: header.extra.validators.hash(),
        };
        let client = ClientState::new(parameters, Height::new(height), &latest);
        Self { node, router, client, latest, set: header.extra.validators }
    }

    /// Makes the client anew with another trust level.
    fn make(&mut self, trust_level: TrustLevel) {
        let parameters = Parameters { trust_level, ..*self.client.parameters() };
        self.client = ClientState::new(parameters, self.client.latest().height, &self.latest);
    }

    fn trusted(&self) -> Trusted<'_, Qbft> {
        Trusted { height: self.client.latest().height, client: &self.client, consensus: &self.latest }
    }

    /// The message that brings the client to a header the node gave.
    fn message(&self, raw: &Bytes, height: u64) -> Update {
        let header = Header::decode(Kind::Qbft, raw).expect("a QBFT header");
        let changed = (header.extra.validators.hash() != self.latest.set_hash).then_some(&self.set);
        let account = account_proof(self.node, self.router, &[], height);
        Update::new(self.latest, changed, raw.to_vec(), &account.account_proof)
    }

    /// Verifies a header of the node (with the account's proof at that height) without advancing.
    fn judge(&self, raw: &Bytes, height: u64) -> Result<UpdateOutcome<Qbft>, Error> {
        // The chain's time: on this fast chain it runs ahead of the clock.
        let now = Header::decode(Kind::Qbft, raw).expect("a QBFT header").time;
        CLIENT.verify_update(self.trusted(), &self.message(raw, height), now)
    }

    /// Advances to the node's header at that height.
    fn follow(&mut self, height: u64) {
        let raw = self.node.raw_header(height).expect("a header");
        let outcome = self.judge(&raw, height).unwrap_or_else(|error| panic!("height {height}: {error}"));
        let UpdateOutcome::Advance(next) = outcome else { panic!("height {height} is new") };
        assert_eq!(next.height, Height::new(height));
        self.set = Header::decode(Kind::Qbft, &raw).expect("a QBFT header").extra.validators;
        (self.client, self.latest) = (next.client, next.consensus);
    }
}

fn forge(node: &Node, height: u64, signers: &[Address]) -> Bytes {
    let forgery =
        Forgery { state_root: Some(B256::repeat_byte(0xaa)), signers: signers.to_vec(), ..Forgery::default() };
    node.forge(height, &forgery).expect("a forged header")
}

#[test]
fn independent_node_is_followed_under_every_fork() {
    for fork in Fork::ALL {
        let directory = tempfile::tempdir().expect("a directory");
        let node = Node::start(directory.path(), &Options { fork, ..fast() }).expect("the node starts");
        let with_contract = fork.header_fields() >= Fork::Cancun.header_fields();
        let router = if with_contract { BEACON_ROOTS } else { node.network().accounts[0].address };
        wait_for_height(&node, 12);
        let mut follower = Follower::bootstrap(&node, router, 1);
        let pinned = follower.client.parameters().router_code_hash.to_string();
        assert_eq!(pinned != NO_CODE, with_contract, "{fork:?}");
        for height in [2, 3, 4, 11, 12] {
            follower.follow(height);
        }

        // The path of a packet that was never sent: absent, by go-ethereum's own trie.
        let path = commitment_path(&"qbft-0".parse().expect("a client id"), Sequence::FIRST);
        let slot = path.slot();
        let answer = account_proof(&node, router, &[B256::new(slot.into())], 12);
        let nodes: Vec<&[u8]> = answer.storage_proof[0].proof.iter().map(AsRef::as_ref).collect();
        let proof = MembershipProof::new(CLIENT.hashes(), follower.latest, &[(slot, &nodes)]).expect("a proof");
        let absent = Claim::absent(path.clone());
        assert_eq!(CLIENT.verify(follower.trusted(), &proof, &[absent]).expect("proven"), follower.latest.time);
        let present = CLIENT.verify(follower.trusted(), &proof, &[Claim::present(path, [1; 32])]);
        assert_eq!(present.expect_err("nothing is there").rule(), "value-absent", "{fork:?}");
    }
}

#[test]
fn independent_node_is_followed_through_votes_and_later_rounds() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path(), &fast()).expect("the node starts");
    let members: Vec<Address> = node.network().validators.iter().map(|account| account.address).collect();
    let candidate = node.network().candidates[0].address;
    let router = node.network().accounts[0].address;
    wait_for_height(&node, 2);
    let mut follower = Follower::bootstrap(&node, router, 1);

    // In: the last header of four, then the first of five.
    node.propose(candidate, true, &[]).expect("a vote");
    let grown = wait_for_set(&node, 5);
    follower.follow(grown - 1);
    follower.follow(grown);
    assert_eq!(follower.set.count(), 5);

    // Out again. A block of four validators carries three seals here, and a quorum of five is four: the strict client
    // cannot follow, one made for more than a third of the trusted set can.
    let mut lenient = Follower::bootstrap(&node, router, grown);
    lenient.make(TrustLevel::OneThird);
    node.propose(candidate, false, &[]).expect("a vote");
    let shrunk = wait_for_set(&node, 4);
    let raw = node.raw_header(shrunk).expect("a header");
    let refused = follower.judge(&raw, shrunk).err().expect("three of five vouch for it");
    assert_eq!((refused.rule(), refused.kind()), ("too-few-trusted-seals", FaultKind::InsufficientTrust));
    lenient.follow(shrunk);
    let mut follower = lenient;
    assert!(!follower.set.contains(&candidate.into_array().into()));

    // Whoever was voted out seals nothing any more, and two of four are too few.
    let height = wait_for_height(&node, shrunk + 2);
    let rule = |signers: &[Address]| match follower.judge(&forge(&node, height, signers), height) {
        Ok(_) => "accepted",
        Err(error) => error.rule(),
    };
    assert_eq!(rule(&[members[0], members[1], candidate]), "signer-unknown");
    assert_eq!(rule(&[members[0], members[1]]), "too-few-seals");
    assert_eq!(rule(&[members[0], members[1], members[1]]), "signer-repeated");
    // Three of four may say what they like, but not what lies under a root that nobody knows.
    assert_eq!(rule(&members[..3]), "proof-node-hash-mismatch");

    // One offline: the turns that it misses are decided in a later round.
    node.set_online(members[3], false).expect("stopped");
    let from = node.height().expect("a height") + 1;
    let late = wait::until("a block of round 1", LIMIT, || later_round(&node, from)).expect("turns go round");
    follower.follow(late);
}

/// The first height from `from` on that was decided after round 0.
fn later_round(node: &Node, from: u64) -> Result<u64, String> {
    let text = |error: NodeError| error.to_string();
    for height in from..=node.height().map_err(text)? {
        let raw = node.raw_header(height).map_err(text)?;
        if Header::decode(Kind::Qbft, &raw).map_err(|error| error.to_string())?.extra.round > 0 {
            return Ok(height);
        }
    }
    Err("round 0 only".to_owned())
}

#[test]
fn independent_node_that_forks_freezes_its_client() {
    let directory = tempfile::tempdir().expect("a directory");
    let node = Node::start(directory.path(), &fast()).expect("the node starts");
    wait_for_height(&node, 6);
    let mut follower = Follower::bootstrap(&node, node.network().accounts[0].address, 1);
    follower.follow(3);
    let lower = StateAt { height: follower.client.latest().height, state: follower.latest };
    let nodes = account_proof(&node, follower.router, &[], 5).account_proof.concat();
    let judge = |other: Bytes, proofs: [&[u8]; 2]| {
        let real = node.raw_header(5).expect("a header");
        let evidence = Evidence::new(lower, None, [real.to_vec(), other.to_vec()], proofs.map(<[u8]>::to_vec));
        CLIENT.verify_misbehaviour([follower.trusted(); 2], &evidence, Timestamp::from_unix_seconds(0))
    };
    let both = [&nodes[..], &nodes];

    let same_block = node.forge(5, &Forgery::default()).expect("the block, sealed again");
    assert_eq!(judge(same_block, both).expect_err("one block").rule(), "headers-identical");
    let members: Vec<Address> = node.network().validators.iter().map(|account| account.address).collect();
    let other_parent = |signers: &[Address]| {
        let parent_hash = Some(B256::repeat_byte(0xbb));
        let forgery = Forgery { parent_hash, signers: signers.to_vec(), ..Forgery::default() };
        node.forge(5, &forgery).expect("a forged header")
    };
    assert_eq!(judge(other_parent(&members[..2]), both).expect_err("two of four").rule(), "too-few-seals");
    // A block whose state nobody can show to be this chain's: it might be another's, of the same validators.
    assert_eq!(judge(forge(&node, 5, &[]), both).expect_err("no state").rule(), "proof-node-hash-mismatch");
    assert_eq!(judge(other_parent(&[]), [&nodes, &[]]).expect_err("no proof").rule(), "proof-empty");
    assert!(judge(other_parent(&[]), both).expect("two blocks of one quorum").is_frozen());
}
