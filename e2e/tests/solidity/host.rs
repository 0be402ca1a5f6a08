//! The contracts in an EVM of their own, one for each vector.

use crate::tendermint;
use crate::vector::{Client, QbftClient, State, Vector, bytes};
use alloy_primitives::{Address, B256, Bytes, FixedBytes, Log, TxKind, U256, keccak256};
use alloy_sol_types::{SolCall, SolConstructor, SolEvent, sol};
use revm::context::result::{ExecutionResult, Output};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::database::{CacheDB, EmptyDB};
use revm::primitives::hardfork::SpecId;
use revm::{Database as _, ExecuteCommitEvm as _, MainBuilder as _, MainContext as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::Path;

sol! {
    struct QbftParameters { uint8 kind; uint8 trustLevel; address router; bytes32 routerCodeHash; uint64 trustingPeriod; uint64 clockDrift; }
    struct QbftConsensusState { bytes32 storageRoot; uint64 time; bytes32 setHash; }
    struct Claim { bytes[] path; bytes value; }
    struct Verified { uint64 number; uint64 time; bytes32 stateRoot; bytes32 setHash; bytes32 blockHash; bytes32 commitDigest; }

    contract QbftLightClient {
        constructor(QbftParameters settings, uint64 height, QbftConsensusState initial, uint8 mode);
        event Frozen(uint64 height, bytes32 hashA, bytes32 hashB);
        function update(bytes message) external returns (uint8);
        function misbehaviour(bytes evidence) external returns (uint8);
        function verify(uint64 height, bytes proof, Claim[] claims) external view returns (uint64 time);
        function consensusStateHash(uint64 height) external view returns (bytes32);
        function heightCount() external view returns (uint256);
        function heightAt(uint256 index) external view returns (uint64);
        function status() external view returns (uint8, uint64, uint64);
    }

    contract QbftHarness {
        function verifyHeader(uint8 kind, uint8 trustLevel, uint256 latestTime, uint64 trustedTime, bytes trustedSet, bytes header) external view returns (Verified);
        function signers(bytes header, uint8 kind) external view returns (address[]);
        function verifyAccount(bytes32 stateRoot, address account, bytes nodes) external pure returns (bytes32 storageRoot, bytes32 codeHash);
        function verifySlots(bytes32 root, bytes nodes, bytes32[] slots, bytes[] values) external pure;
    }
}

/// Enough for the largest vector, and what a block of a consortium chain offers.
const GAS: u64 = 100_000_000;
const UPDATE: u8 = 0;
const MISBEHAVIOUR: u8 = 1;
const NO_OP: u8 = 2;
const FROZEN: u8 = 2;

/// What the contract says.
pub(crate) enum Verdict {
    /// The fields of `expect.accept` that the contract answers.
    Accepted(Vec<(&'static str, Value)>),
    /// The custom error, with its arguments.
    Refused(String),
}

type Db = CacheDB<EmptyDB>;

/// A chain with one contract on it.
pub(crate) struct Host {
    db: Db,
    contract: Address,
    /// The slot in which the client's storage begins, after what its constructor wrote for good.
    head_slot: u64,
    errors: Vec<(FixedBytes<4>, String)>,
    now: u64,
}

enum Answer {
    Returned(Bytes, Vec<Log>),
    Reverted(String),
}

impl Host {
    pub(crate) fn judge(vector: &Vector) -> Verdict {
        match vector.kind.as_str() {
            "update" => Self::client(vector).update(vector),
            "misbehaviour" => Self::client(vector).misbehaviour(vector),
            "membership" => Self::client(vector).membership(vector),
            "header" => Self::harness(vector).header(vector),
            "mpt" => Self::harness(vector).slots(vector),
            "account" => Self::harness(vector).account(vector),
            kind => panic!("no Solidity stands for vectors of kind {kind:?}"),
        }
    }

    fn update(mut self, vector: &Vector) -> Verdict {
        match self.call(QbftLightClient::updateCall { message: vector.input.clone().into() }.abi_encode()) {
            Answer::Reverted(error) => Verdict::Refused(error),
            Answer::Returned(output, logs) => match U256::from_be_slice(&output).to::<u8>() {
                NO_OP => {
                    assert!(logs.is_empty(), "a no-op stores nothing");
                    Verdict::Accepted(vec![("result", json!("no-op"))])
                }
                UPDATE => {
                    let (_, height, _) = self.status();
                    let stored = self.state_hash(height);
                    // The vector names the preimage; the contract stores its hash.
                    let promised = match &vector.expect {
                        crate::vector::Expect::Accept(fields) => {
                            fields.get("preimage").and_then(Value::as_str).unwrap_or_default().to_owned()
                        }
                        crate::vector::Expect::Reject { .. } => String::new(),
                    };
                    let preimage = if stored == B256::from_slice(&Sha256::digest(bytes(&promised))) {
                        promised
                    } else {
                        format!("hash {stored}")
                    };
                    Verdict::Accepted(vec![
                        ("result", json!("update")),
                        ("height", json!(height)),
                        ("preimage", json!(preimage)),
                    ])
                }
                result => panic!("update answered {result}"),
            },
        }
    }

    fn misbehaviour(mut self, vector: &Vector) -> Verdict {
        match self.call(QbftLightClient::misbehaviourCall { evidence: vector.input.clone().into() }.abi_encode()) {
            Answer::Reverted(error) => Verdict::Refused(error),
            Answer::Returned(output, logs) => match U256::from_be_slice(&output).to::<u8>() {
                // The contract is frozen already and does nothing, which the Rust names by its rule.
                NO_OP => Verdict::Refused("ClientFrozen".into()),
                MISBEHAVIOUR => {
                    let (status, _, _) = self.status();
                    assert_eq!(status, FROZEN, "accepted evidence freezes");
                    if let Some(found) = logs.iter().find_map(tendermint::frozen) {
                        return Verdict::Accepted(found);
                    }
                    let event = logs
                        .iter()
                        .find_map(|log| QbftLightClient::Frozen::decode_log(log).ok())
                        .expect("the event Frozen");
                    Verdict::Accepted(vec![
                        ("height", json!(event.height)),
                        ("hash_a", json!(event.hashA.to_string())),
                        ("hash_b", json!(event.hashB.to_string())),
                    ])
                }
                result => panic!("misbehaviour answered {result}"),
            },
        }
    }

    fn membership(mut self, vector: &Vector) -> Verdict {
        let claims = vector
            .claims
            .iter()
            .map(|claim| Claim {
                path: claim.path.iter().cloned().map(Bytes::from).collect(),
                value: claim.value.clone().into(),
            })
            .collect();
        let call = QbftLightClient::verifyCall { height: vector.height, proof: vector.input.clone().into(), claims };
        match self.call(call.abi_encode()) {
            Answer::Reverted(error) => Verdict::Refused(error),
            Answer::Returned(output, _) => {
                Verdict::Accepted(vec![("time", json!(U256::from_be_slice(&output).to::<u64>()))])
            }
        }
    }

    fn header(mut self, vector: &Vector) -> Verdict {
        let Some(Client::Qbft(client)) = &vector.client else { panic!("a header has a client of QBFT") };
        let trusted = consensus_state(vector.trusted.last().expect("a header has a trusted state"));
        let set: Vec<u8> = vector.trusted_validators.concat();
        assert_eq!(
            trusted.setHash,
            B256::from_slice(&Sha256::digest(&set)),
            "the vector's addresses are the trusted set"
        );
        let header = Bytes::from(vector.input.clone());
        let call = QbftHarness::verifyHeaderCall {
            kind: kind_of(client),
            trustLevel: trust_level_of(client),
            latestTime: U256::from(vector.now) + U256::from(client.clock_drift),
            trustedTime: trusted.time,
            trustedSet: set.into(),
            header: header.clone(),
        };
        let output = match self.call(call.abi_encode()) {
            Answer::Reverted(error) => return Verdict::Refused(error),
            Answer::Returned(output, _) => output,
        };
        let verified = QbftHarness::verifyHeaderCall::abi_decode_returns(&output).expect("the answer of verifyHeader");
        let signers = self.returned(QbftHarness::signersCall { header, kind: kind_of(client) }.abi_encode());
        let signers = QbftHarness::signersCall::abi_decode_returns(&signers).expect("the answer of signers");
        Verdict::Accepted(vec![
            ("height", json!(verified.number)),
            ("time", json!(verified.time)),
            ("hash", json!(verified.blockHash.to_string())),
            ("digest", json!(verified.commitDigest.to_string())),
            ("state_root", json!(verified.stateRoot.to_string())),
            ("set_hash", json!(verified.setHash.to_string())),
            ("signers", json!(signers.iter().map(|signer| format!("0x{}", hex::encode(signer))).collect::<Vec<_>>())),
        ])
    }

    fn slots(mut self, vector: &Vector) -> Verdict {
        let call = QbftHarness::verifySlotsCall {
            root: B256::from_slice(&vector.root),
            nodes: vector.input.clone().into(),
            slots: vector.claims.iter().map(|claim| B256::from_slice(&claim.slot)).collect(),
            values: vector.claims.iter().map(|claim| claim.value.clone().into()).collect(),
        };
        match self.call(call.abi_encode()) {
            Answer::Reverted(error) => Verdict::Refused(error),
            Answer::Returned(..) => Verdict::Accepted(Vec::new()),
        }
    }

    fn account(mut self, vector: &Vector) -> Verdict {
        let call = QbftHarness::verifyAccountCall {
            stateRoot: B256::from_slice(&vector.root),
            account: Address::from_slice(&vector.address),
            nodes: vector.input.clone().into(),
        };
        match self.call(call.abi_encode()) {
            // The contract needs the account, so that absence is a refusal to it.
            Answer::Reverted(error) if error.starts_with("AccountAbsent") => match &vector.expect {
                crate::vector::Expect::Accept(_) => Verdict::Accepted(vec![("absent", json!(true))]),
                crate::vector::Expect::Reject { .. } => Verdict::Refused(error),
            },
            Answer::Reverted(error) => Verdict::Refused(error),
            Answer::Returned(output, _) => {
                let account =
                    QbftHarness::verifyAccountCall::abi_decode_returns(&output).expect("the answer of verifyAccount");
                Verdict::Accepted(vec![
                    ("storage_root", json!(account.storageRoot.to_string())),
                    ("code_hash", json!(account.codeHash.to_string())),
                ])
            }
        }
    }

    /// The client contract with the vector's states stored.
    fn client(vector: &Vector) -> Self {
        let first = vector.trusted.first().expect("a client has a state");
        let client = match vector.client.as_ref().expect("a vector for the client has its parameters") {
            Client::Qbft(client) => client,
            Client::Tendermint(client) => {
                let constructor = tendermint::constructor(client, first);
                let mut host = Self::deploy("artifacts/TendermintLightClient.json", &constructor, vector.now);
                host.head_slot = tendermint::HEAD_SLOT;
                host.store(&vector.trusted, client.frozen, 1_000_000_000);
                return host;
            }
        };
        let constructor = QbftLightClient::constructorCall {
            settings: QbftParameters {
                kind: kind_of(client),
                trustLevel: trust_level_of(client),
                router: Address::from_slice(&bytes(&client.router)),
                routerCodeHash: B256::from_slice(&bytes(&client.router_code_hash)),
                trustingPeriod: client.trusting_period,
                clockDrift: client.clock_drift,
            },
            height: first.height,
            initial: consensus_state(first),
            mode: 0,
        };
        let mut host = Self::deploy("artifacts/QbftLightClient.json", &constructor.abi_encode(), vector.now);
        host.store(&vector.trusted, client.frozen, 1);
        host
    }

    fn harness(vector: &Vector) -> Self {
        Self::deploy("artifacts/test/QbftHarness.json", &[], vector.now)
    }

    /// Puts later states where updates would have put them, and asks the contract whether it sees them so. Times in states
    /// are so many to a second.
    fn store(&mut self, states: &[State], frozen: bool, second: u64) {
        let slot_of = |key: U256, mapping: u64| -> U256 {
            keccak256([key.to_be_bytes::<32>(), U256::from(mapping).to_be_bytes()].concat()).into()
        };
        let latest = states.last().expect("a client has a state");
        let mut words = vec![U256::ZERO; states.len().div_ceil(4)];
        for (index, state) in states.iter().enumerate() {
            words[index / 4] |= U256::from(state.height) << (64 * (index % 4));
            let slot = slot_of(U256::from(state.height), self.head_slot + 1);
            self.write(slot, U256::from_be_slice(&Sha256::digest(&state.preimage)));
        }
        for (index, word) in words.into_iter().enumerate() {
            let slot = slot_of(U256::from(index), self.head_slot + 2);
            self.write(slot, word);
        }
        let time = consensus_state(latest).time;
        let head = U256::from(latest.height)
            | U256::from(time) << 64
            | U256::from(states.len()) << 128
            | U256::from(frozen) << 192;
        self.write(U256::from(self.head_slot), head);

        for (index, state) in states.iter().enumerate() {
            assert_eq!(self.state_hash(state.height), B256::from_slice(&Sha256::digest(&state.preimage)));
            let height = self.returned(QbftLightClient::heightAtCall { index: U256::from(index) }.abi_encode());
            assert_eq!(U256::from_be_slice(&height), U256::from(state.height));
        }
        let count = self.returned(QbftLightClient::heightCountCall {}.abi_encode());
        assert_eq!(U256::from_be_slice(&count), U256::from(states.len()));
        let (status, height, stored_time) = self.status();
        assert_eq!((height, stored_time, status == FROZEN), (latest.height, time / second, frozen));
    }

    fn write(&mut self, slot: U256, value: U256) {
        self.db.insert_account_storage(self.contract, slot, value).expect("a database in memory");
    }

    fn deploy(artifact: &str, constructor: &[u8], now: u64) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../adapters/evm/contracts").join(artifact);
        let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let artifact: Value = serde_json::from_slice(&text).expect("an artefact");
        let mut code = bytes(artifact["bytecode"].as_str().expect("creation code"));
        code.extend_from_slice(constructor);
        let mut host =
            Self { db: Db::default(), contract: Address::ZERO, head_slot: 0, errors: errors(&artifact["abi"]), now };
        match host.transact(TxKind::Create, code) {
            ExecutionResult::Success { output: Output::Create(_, Some(address)), .. } => host.contract = address,
            result => panic!("deployment: {result:?}"),
        }
        host
    }

    fn state_hash(&mut self, height: u64) -> B256 {
        B256::from_slice(&self.returned(QbftLightClient::consensusStateHashCall { height }.abi_encode()))
    }

    fn status(&mut self) -> (u8, u64, u64) {
        let output = self.returned(QbftLightClient::statusCall {}.abi_encode());
        let status = QbftLightClient::statusCall::abi_decode_returns(&output).expect("the answer of status");
        (status._0, status._1, status._2)
    }

    fn returned(&mut self, input: Vec<u8>) -> Bytes {
        match self.call(input) {
            Answer::Returned(output, _) => output,
            Answer::Reverted(error) => panic!("a view reverted with {error}"),
        }
    }

    fn call(&mut self, input: Vec<u8>) -> Answer {
        match self.transact(TxKind::Call(self.contract), input) {
            ExecutionResult::Success { output, logs, .. } => Answer::Returned(output.into_data(), logs),
            ExecutionResult::Revert { output, .. } => Answer::Reverted(self.error(&output)),
            ExecutionResult::Halt { reason, .. } => Answer::Reverted(format!("halt: {reason:?}")),
        }
    }

    fn transact(&mut self, kind: TxKind, data: Vec<u8>) -> ExecutionResult {
        let caller = Address::repeat_byte(0xca);
        let nonce = self.db.basic(caller).expect("a database in memory").map_or(0, |account| account.nonce);
        let mut cfg = CfgEnv::new_with_spec(SpecId::LONDON);
        cfg.tx_gas_limit_cap = Some(GAS);
        // The harness is for tests and larger than a deployed contract may be.
        cfg.limit_contract_code_size = Some(usize::MAX);
        let block = BlockEnv {
            number: U256::from(1),
            timestamp: U256::from(self.now),
            gas_limit: GAS,
            basefee: 0,
            ..BlockEnv::default()
        };
        let mut evm = Context::mainnet().with_db(&mut self.db).with_cfg(cfg).with_block(block).build_mainnet();
        let transaction =
            TxEnv { caller, kind, data: data.into(), gas_limit: GAS, gas_price: 0, nonce, ..TxEnv::default() };
        evm.transact_commit(transaction).expect("a transaction that can start")
    }

    fn error(&self, output: &[u8]) -> String {
        let Some((selector, rest)) = output.split_at_checked(4) else {
            return format!("revert without a reason ({} bytes)", output.len());
        };
        match self.errors.iter().find(|(known, _)| known.as_slice() == selector) {
            Some((_, name)) => format!("{name}({})", hex::encode(rest)),
            None => format!("unknown error 0x{}", hex::encode(output)),
        }
    }
}

/// Selector and name of every custom error of an ABI.
fn errors(abi: &Value) -> Vec<(FixedBytes<4>, String)> {
    let entries = abi.as_array().expect("an ABI");
    entries
        .iter()
        .filter(|entry| entry["type"] == "error")
        .map(|entry| {
            let name = entry["name"].as_str().expect("a name").to_owned();
            let types: Vec<&str> = entry["inputs"]
                .as_array()
                .expect("inputs")
                .iter()
                .map(|input| input["type"].as_str().expect("a type"))
                .collect();
            let hash = keccak256(format!("{name}({})", types.join(",")));
            (FixedBytes::from_slice(&hash[..4]), name)
        })
        .collect()
}

fn consensus_state(state: &State) -> QbftConsensusState {
    assert_eq!(state.preimage.len(), 72, "a preimage has 72 bytes");
    QbftConsensusState {
        storageRoot: B256::from_slice(&state.preimage[..32]),
        time: u64::from_be_bytes(state.preimage[32..40].try_into().expect("8 bytes")),
        setHash: B256::from_slice(&state.preimage[40..]),
    }
}

fn kind_of(client: &QbftClient) -> u8 {
    match client.kind.as_str() {
        "qbft" => 0,
        "ibft2" => 1,
        kind => panic!("unknown kind {kind:?}"),
    }
}

fn trust_level_of(client: &QbftClient) -> u8 {
    match client.trust_level.as_str() {
        "strict" => 0,
        "one-third" => 1,
        level => panic!("unknown trust level {level:?}"),
    }
}
