//! A chain's state in which the Router is one account among others, and clients that follow it.

use super::{
    chain::Validator,
    trie::{self, Trie, key_of},
};
use light_client::{
    Claim, ClientId, CodeHash, Height, Sequence, SlotKey, StateRoot, StorePath, Timestamp, acknowledgement_path,
    commitment_path, next_sequence_send_path, receipt_path,
};
use light_client_crypto::{Address, HashSuite, Keccak256};
use light_client_qbft::{ConsensusState, Kind, MembershipProof, Parameters, SetHash, TrustLevel};

/// The trusting period of the vectors' clients: 14 days.
pub(crate) const TRUSTING_PERIOD: u64 = 1_209_600;
pub(crate) const CLOCK_DRIFT: u64 = 15;

/// The Router's storage and the state around it.
pub(crate) struct World {
    pub(crate) router: Address,
    pub(crate) code_hash: CodeHash,
    pub(crate) storage: Trie,
    pub(crate) state: Trie,
}

impl World {
    /// A Router that sent three packets (the second one is settled), received two, and 30 other accounts.
    pub(crate) fn new() -> Self {
        let slots =
            present_paths().into_iter().map(|(path, value)| (key_of(path.slot().as_bytes()), trie::slot_value(&value)));
        let storage = Trie::new(slots);
        let router = Address::new(Keccak256.hash(&[b"router"])[12..].try_into().unwrap());
        let code_hash = CodeHash::new(Keccak256.hash(&[b"router code"]));
        let account = trie::account(1, 0, &storage.root(), code_hash.as_bytes());
        let state = Trie::new(other_accounts().chain([(key_of(router.as_bytes()), account)]));
        Self { router, code_hash, storage, state }
    }

    /// The state trie in which the Router's account is this leaf, or missing.
    pub(crate) fn state_with(&self, leaf: Option<Vec<u8>>) -> Trie {
        Trie::new(other_accounts().chain(leaf.map(|leaf| (key_of(self.router.as_bytes()), leaf))))
    }

    /// A state trie in which the Router's account lies under `nodes - 1` full branches.
    pub(crate) fn deep_state(&self, nodes: usize) -> Trie {
        let key = key_of(self.router.as_bytes());
        let account = trie::account(1, 0, &self.storage.root(), self.code_hash.as_bytes());
        let siblings = (0..nodes - 1).flat_map(|depth| {
            (1..16_u8).map(move |step| {
                let mut sibling = key;
                let nibble = (trie::nibble(&key, depth) + step) % 16;
                let byte = &mut sibling[depth / 2];
                *byte = if depth % 2 == 0 { nibble << 4 | *byte & 0x0f } else { *byte & 0xf0 | nibble };
                (sibling, trie::account(0, 1, &[5; 32], &[6; 32]))
            })
        });
        Trie::new(siblings.chain([(key, account)]))
    }

    pub(crate) fn state_root(&self) -> [u8; 32] {
        self.state.root()
    }

    pub(crate) fn account_proof(&self) -> Vec<Vec<u8>> {
        self.state.prove(&key_of(self.router.as_bytes()))
    }

    pub(crate) fn parameters(&self, kind: Kind, trust_level: TrustLevel) -> Parameters {
        Parameters {
            kind,
            trust_level,
            router: self.router,
            router_code_hash: self.code_hash,
            trusting_period_seconds: TRUSTING_PERIOD,
            clock_drift_seconds: CLOCK_DRIFT,
        }
    }

    pub(crate) fn consensus(&self, time: u64, set: &[Validator]) -> ConsensusState {
        ConsensusState {
            storage_root: StateRoot::new(self.storage.root()),
            time: Timestamp::from_unix_seconds(time),
            set_hash: SetHash::of(&super::chain::addresses(set)),
        }
    }

    /// The proof of these claims, in their order.
    pub(crate) fn membership(&self, state: ConsensusState, claims: &[Claim]) -> MembershipProof {
        let slots: Vec<SlotKey> =
            claims.iter().map(|claim| SlotKey::new(light_client::sha256(&[&claim.path.elements()[0]]))).collect();
        let lists: Vec<Vec<Vec<u8>>> = slots.iter().map(|slot| self.storage.prove(&key_of(slot.as_bytes()))).collect();
        let proofs: Vec<(SlotKey, &[Vec<u8>])> = slots.into_iter().zip(lists.iter().map(Vec::as_slice)).collect();
        MembershipProof::new(&Keccak256, state, &proofs).unwrap()
    }
}

pub(crate) fn client_id() -> ClientId {
    "qbft-0".parse().unwrap()
}

pub(crate) fn sequence(number: u64) -> Sequence {
    number.try_into().unwrap()
}

fn value(label: &str, number: u64) -> [u8; 32] {
    light_client::sha256(&[label.as_bytes(), &number.to_be_bytes()])
}

/// What the Router holds.
pub(crate) fn present_paths() -> Vec<(StorePath, [u8; 32])> {
    let client = client_id();
    let mut next = [0; 32];
    next[31] = 4;
    vec![
        (next_sequence_send_path(&client), next),
        (commitment_path(&client, sequence(1)), value("commitment", 1)),
        (commitment_path(&client, sequence(3)), value("commitment", 3)),
        (receipt_path(&client, sequence(1)), value("receipt", 1)),
        (receipt_path(&client, sequence(2)), value("receipt", 2)),
        (acknowledgement_path(&client, sequence(1)), value("acknowledgement", 1)),
        (acknowledgement_path(&client, sequence(2)), value("acknowledgement", 2)),
    ]
}

/// Four claims: a commitment, a settled one's absence, a packet receipt, and one that never arrived.
pub(crate) fn claims() -> Vec<Claim> {
    let client = client_id();
    vec![
        Claim::present(commitment_path(&client, sequence(1)), value("commitment", 1)),
        Claim::absent(commitment_path(&client, sequence(2))),
        Claim::present(receipt_path(&client, sequence(2)), value("receipt", 2)),
        Claim::absent(receipt_path(&client, sequence(9))),
    ]
}

fn other_accounts() -> impl Iterator<Item = ([u8; 32], Vec<u8>)> {
    (0..30_u8).map(|index| (key_of(&[index; 20]), trie::account(index.into(), 1_000, &[index; 32], &[index; 32])))
}

pub(crate) fn height(number: u64) -> Height {
    Height::new(number)
}
