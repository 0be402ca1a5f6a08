//! The files as they are written; `validate` turns them into what the program works with.

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
    pub(super) limits: relayer_core::Limits,
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

/// `chains/<name>.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChainFile {
    pub(super) kind: ChainKind,
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

/// The kind of adapter that a chain needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ChainKind {
    /// Ethereum-compatible, spoken to over JSON-RPC.
    Evm,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EndpointTable {
    pub(super) url: Option<String>,
    pub(super) url_variable: Option<String>,
    pub(super) authorities_file: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ConsensusTable {
    pub(super) kind: ConsensusKind,
    #[serde(default)]
    pub(super) trust_level: TrustLevel,
    pub(super) trusting_period: String,
    pub(super) clock_drift: String,
}

/// The consensus of a chain, which decides the light client that others follow it by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ConsensusKind {
    /// QBFT.
    Qbft,
    /// IBFT 2.0.
    Ibft2,
}

/// How much of the trusted set must seal a header under a changed one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TrustLevel {
    /// A quorum.
    #[default]
    Strict,
    /// More than a third.
    OneThird,
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
