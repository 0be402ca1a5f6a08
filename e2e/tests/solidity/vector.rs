//! One vector file, as `light-clients/qbft/vectors/README.md` describes it.

use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

pub(crate) struct Vector {
    pub(crate) kind: String,
    pub(crate) now: u64,
    pub(crate) client: Option<Client>,
    pub(crate) trusted: Vec<State>,
    pub(crate) trusted_validators: Vec<Vec<u8>>,
    pub(crate) height: u64,
    pub(crate) root: Vec<u8>,
    pub(crate) address: Vec<u8>,
    pub(crate) input: Vec<u8>,
    pub(crate) claims: Vec<VectorClaim>,
    pub(crate) expect: Expect,
}

/// The client that a vector is for, told by its fields.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Client {
    Qbft(QbftClient),
    Tendermint(TendermintClient),
}

#[derive(Deserialize)]
pub(crate) struct QbftClient {
    pub(crate) kind: String,
    pub(crate) trust_level: String,
    pub(crate) router: String,
    pub(crate) router_code_hash: String,
    pub(crate) trusting_period: u64,
    pub(crate) clock_drift: u64,
    #[serde(default)]
    pub(crate) frozen: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TendermintClient {
    pub(crate) chain_id: String,
    pub(crate) trust_level: [u8; 2],
    pub(crate) trusting_period: u64,
    pub(crate) clock_drift: u64,
    pub(crate) key_types: u8,
    pub(crate) sm2_user_id: String,
    pub(crate) tree_hash: String,
    pub(crate) store_tree: String,
    pub(crate) commitments: Commitments,
    pub(crate) frozen: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "lowercase")]
pub(crate) enum Commitments {
    Ibc { store: String },
    Evm { store: String, router: String },
}

pub(crate) struct State {
    pub(crate) height: u64,
    pub(crate) preimage: Vec<u8>,
}

pub(crate) struct VectorClaim {
    pub(crate) path: Vec<Vec<u8>>,
    pub(crate) slot: Vec<u8>,
    pub(crate) value: Vec<u8>,
}

pub(crate) enum Expect {
    Accept(Map<String, Value>),
    /// The rule, and the reason it wraps where it wraps one.
    Reject {
        rules: Vec<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "description")]
    _description: String,
    #[serde(rename = "source")]
    _source: String,
    kind: String,
    #[serde(default)]
    now: u64,
    client: Option<Client>,
    #[serde(default)]
    trusted: Vec<FileState>,
    #[serde(default)]
    trusted_validators: Vec<String>,
    #[serde(default)]
    height: u64,
    #[serde(default)]
    root: String,
    #[serde(default)]
    address: String,
    input: String,
    #[serde(default)]
    claims: Vec<FileClaim>,
    expect: FileExpect,
}

#[derive(Deserialize)]
struct FileState {
    height: u64,
    preimage: String,
}

#[derive(Deserialize)]
struct FileClaim {
    #[serde(default)]
    path: Vec<String>,
    #[serde(default)]
    slot: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileExpect {
    Accept(Map<String, Value>),
    Reject { rule: String, cause: Option<String> },
}

impl Vector {
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let file: File = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            kind: file.kind,
            now: file.now,
            client: file.client,
            trusted: file
                .trusted
                .iter()
                .map(|state| State { height: state.height, preimage: bytes(&state.preimage) })
                .collect(),
            trusted_validators: file.trusted_validators.iter().map(|address| bytes(address)).collect(),
            height: file.height,
            root: bytes(&file.root),
            address: bytes(&file.address),
            input: bytes(&file.input),
            claims: file
                .claims
                .iter()
                .map(|claim| VectorClaim {
                    path: claim.path.iter().map(|element| bytes(element)).collect(),
                    slot: bytes(&claim.slot),
                    value: bytes(&claim.value),
                })
                .collect(),
            expect: match file.expect {
                FileExpect::Accept(fields) => Expect::Accept(fields),
                FileExpect::Reject { rule, cause } => {
                    Expect::Reject { rules: [Some(rule), cause].into_iter().flatten().collect() }
                }
            },
        }
    }
}

/// Hexadecimal with `0x`; nothing for an absent field.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}
