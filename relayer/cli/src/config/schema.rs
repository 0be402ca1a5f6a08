//! The files as they are written; `validate` turns them into what the program works with.

use relayer_core::Limits;
use serde::Deserialize;
use std::collections::BTreeMap;

/// `relayer.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RelayerFile {
    pub(super) database: DatabaseTable,
    #[serde(default)]
    pub(super) api: ApiTable,
    #[serde(default)]
    pub(super) log: LogTable,
    #[serde(default)]
    pub(super) engine: EngineTable,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) keys: BTreeMap<String, KeyTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DatabaseTable {
    pub(super) file: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ApiTable {
    pub(super) listen: String,
    pub(super) allow_other_hosts: bool,
}

impl Default for ApiTable {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9180".into(), allow_other_hosts: false }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LogTable {
    pub(super) format: LogFormat,
    pub(super) level: String,
}

impl Default for LogTable {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: "info".into() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct EngineTable {
    pub(super) poll_interval: String,
    pub(super) call_timeout: String,
}

impl Default for EngineTable {
    fn default() -> Self {
        Self { poll_interval: "200ms".into(), call_timeout: "30s".into() }
    }
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyTable {
    pub(super) keystore: Option<String>,
    pub(super) password_file: Option<String>,
    pub(super) password_variable: Option<String>,
    pub(super) variable: Option<String>,
}

/// `chains/<name>.toml`, by its `kind`: the kinds have little in common, and each refuses the settings of the other.
#[derive(Debug)]
pub(super) enum ChainFile {
    Evm(Box<EvmChainFile>),
    Cosmos(Box<CosmosChainFile>),
}

/// The kind of adapter that a chain needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChainKind {
    /// Ethereum-compatible, spoken to over JSON-RPC.
    Evm,
    /// Of the Cosmos SDK with ibc-go, spoken to over Tendermint RPC.
    Cosmos,
}

/// A chain of kind `evm`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EvmChainFile {
    #[serde(rename = "kind")]
    pub(super) _kind: ChainKind,
    pub(super) chain_id: u64,
    pub(super) endpoints: Vec<EndpointTable>,
    pub(super) consensus: ConsensusTable,
    #[serde(default)]
    pub(super) rpc: RpcTable,
    pub(super) transactions: TransactionsTable,
    pub(super) governance: GovernanceTable,
    pub(super) receipts: ReceiptsTable,
    pub(super) contracts: Option<ContractsTable>,
}

/// A chain of kind `cosmos`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CosmosChainFile {
    #[serde(rename = "kind")]
    pub(super) _kind: ChainKind,
    pub(super) chain_id: String,
    pub(super) endpoints: Vec<EndpointTable>,
    pub(super) consensus: ConsensusTable,
    #[serde(default)]
    pub(super) rpc: RpcTable,
    pub(super) transactions: CosmosTransactionsTable,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointTable {
    pub(super) url: Option<String>,
    pub(super) url_variable: Option<String>,
    pub(super) authorities_file: Option<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) header_variables: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsensusTable {
    pub(super) kind: ConsensusKind,
    pub(super) trust_level: Option<String>,
    pub(super) trusting_period: String,
    pub(super) clock_drift: String,
    // Of Tendermint only.
    pub(super) chain_id: Option<String>,
    #[serde(default)]
    pub(super) endpoints: Vec<EndpointTable>,
    pub(super) store: Option<String>,
    pub(super) store_tree: Option<StoreTree>,
    pub(super) tree_hash: Option<TreeHash>,
    pub(super) sm2_user_id: Option<String>,
    pub(super) initial_height: Option<u64>,
}

/// The consensus of a chain, which decides the light client that others follow it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConsensusKind {
    /// QBFT.
    Qbft,
    /// IBFT 2.0.
    Ibft2,
    /// Tendermint and CometBFT, national forks included.
    Tendermint,
}

/// The kinds of tree that a store may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum StoreTree {
    Iavl,
    Jmt,
}

/// The hash of headers, sets and stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum TreeHash {
    Sha256,
    Sm3,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RpcTable {
    pub(super) timeout: String,
}

impl Default for RpcTable {
    fn default() -> Self {
        Self { timeout: "10s".into() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TransactionsTable {
    pub(super) signer: String,
    #[serde(default)]
    pub(super) fee: FeeKind,
    pub(super) gas_price_wei: Option<u64>,
    pub(super) max_gas_price_wei: u64,
    #[serde(default = "max_gas")]
    pub(super) max_gas: u64,
    #[serde(default)]
    pub(super) min_balance_gwei: u64,
}

fn max_gas() -> u64 {
    25_000_000
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CosmosTransactionsTable {
    pub(super) signer: String,
    #[serde(default)]
    pub(super) key_type: AccountKeyType,
    pub(super) bech32_prefix: String,
    pub(super) gas_price: String,
    #[serde(default = "max_gas")]
    pub(super) max_gas: u64,
    #[serde(default)]
    pub(super) min_balance: u64,
}

/// The kind of an account's key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AccountKeyType {
    /// As most chains of the Cosmos SDK have it.
    #[default]
    Secp256k1,
    /// As chains with an EVM have it: cosmos/evm.
    EthSecp256k1,
    /// The same under Ethermint's name.
    EthermintSecp256k1,
    /// As IRITA and its forks have it.
    Sm2,
}

/// Which kind of transactions a chain takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FeeKind {
    /// One price, perhaps 0.
    #[default]
    Legacy,
    /// EIP-1559.
    Dynamic,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GovernanceTable {
    pub(super) members: Vec<String>,
    pub(super) threshold: u16,
    pub(super) delay: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceiptsTable {
    pub(super) port: String,
    #[serde(default)]
    pub(super) custodians: Vec<CustodianTable>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CustodianTable {
    pub(super) id: String,
    pub(super) account: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ContractsTable {
    pub(super) genesis_hash: String,
    pub(super) height: u64,
    pub(super) governance: String,
    pub(super) router: String,
    pub(super) ledger: String,
    pub(super) bridge: String,
}

/// `paths/<name>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PathFile {
    #[serde(default = "enabled")]
    pub(super) enabled: bool,
    pub(super) a: EndTable,
    pub(super) b: EndTable,
    #[serde(default)]
    pub(super) limits: PathLimits,
}

/// What is another for one path than in `relayer.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PathLimits {
    batch_packets: Option<u32>,
    batch_bytes: Option<u32>,
    batch_gas: Option<u64>,
    update_gas: Option<u64>,
    receive_gas: Option<u64>,
    acknowledge_gas: Option<u64>,
    timeout_gas: Option<u64>,
    batches_in_flight: Option<u32>,
}

impl PathLimits {
    /// Whether the path says how much gas a batch may take.
    pub(super) fn names_batch_gas(&self) -> bool {
        self.batch_gas.is_some()
    }

    /// These, and where nothing is said, those of the relayer.
    pub(crate) fn over(&self, all: &Limits) -> Limits {
        Limits {
            batch_packets: self.batch_packets.unwrap_or(all.batch_packets),
            batch_bytes: self.batch_bytes.unwrap_or(all.batch_bytes),
            batch_gas: self.batch_gas.unwrap_or(all.batch_gas),
            update_gas: self.update_gas.unwrap_or(all.update_gas),
            receive_gas: self.receive_gas.unwrap_or(all.receive_gas),
            acknowledge_gas: self.acknowledge_gas.unwrap_or(all.acknowledge_gas),
            timeout_gas: self.timeout_gas.unwrap_or(all.timeout_gas),
            batches_in_flight: self.batches_in_flight.unwrap_or(all.batches_in_flight),
            ..all.clone()
        }
    }
}

fn enabled() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndTable {
    pub(super) chain: String,
    pub(super) client: String,
}
