//! What differs between the nodes: names of their commands, coins, what their genesis must say.

use serde_json::{Value, json};

/// Gas of one block of a chain with an EVM: room for the largest transaction of the relayer.
const BLOCK_GAS: &str = "40000000";

/// Code hash of an account that is no contract: Keccak-256 of nothing.
const EMPTY_CODE_HASH: &str = "0xc5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";

/// A node of the Cosmos family, by its recipe in `nodes/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The test application of ibc-go: IBC v2, no EVM.
    Simd,
    /// cosmos/evm: an EVM under CometBFT with Ed25519 validators.
    Evmd,
    /// IRITA's forks: an EVM under Tendermint with SM2 validators.
    Irita,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Simd, Self::Evmd, Self::Irita];

    /// The folder under `nodes/`.
    #[must_use]
    pub const fn recipe(self) -> &'static str {
        match self {
            Self::Simd => "simd",
            Self::Evmd => "evmd",
            Self::Irita => "irita-evm",
        }
    }

    /// The program that is built.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Simd => "simd",
            Self::Evmd => "evmd",
            Self::Irita => "irita-evmd",
        }
    }

    /// The chain id of the EVM, which is not that of the consensus.
    #[must_use]
    pub const fn evm_chain_id(self) -> Option<u64> {
        match self {
            Self::Simd => None,
            Self::Evmd => Some(262_144),
            Self::Irita => Some(1223),
        }
    }

    /// The coin in which fees are paid.
    #[must_use]
    pub const fn fee_denom(self) -> &'static str {
        match self {
            Self::Simd => "stake",
            Self::Evmd => "aatom",
            Self::Irita => "aphoton",
        }
    }

    /// The coins that every account has at the start, by denomination, ascending.
    pub(super) const fn coins(self) -> &'static [(&'static str, u128)] {
        match self {
            Self::Simd => &[("stake", 1_000_000_000_000), ("token", 1_000_000_000_000)],
            Self::Evmd => &[("aatom", 1_000_000_000_000_000_000_000_000)],
            Self::Irita => &[("aphoton", 1_000_000_000_000_000_000_000_000), ("stake", 1_000_000_000_000)],
        }
    }

    /// What each validator bonds.
    pub(super) const fn bond(self) -> &'static str {
        match self {
            Self::Simd | Self::Irita => "100000000stake",
            Self::Evmd => "100000000000000000000aatom",
        }
    }

    /// What a transaction on the node's own command line pays: far above any base fee.
    pub(super) const fn fees(self) -> &'static str {
        match self {
            Self::Simd => "0stake",
            Self::Evmd => "4000000000000000aatom",
            Self::Irita => "4000000000000000aphoton",
        }
    }

    /// A command on the genesis file; they have moved into a group of their own since SDK 0.47.
    pub(super) fn genesis_command(self, name: &'static str) -> Vec<&'static str> {
        match self {
            Self::Simd | Self::Evmd => vec!["genesis", name],
            Self::Irita => vec![name],
        }
    }

    /// The command that shows an account's key in hex.
    pub(super) fn export_command(self, account: &str) -> Vec<&str> {
        match self {
            Self::Simd => vec!["keys", "export", account, "--unarmored-hex", "--unsafe", "--yes"],
            Self::Evmd | Self::Irita => vec!["keys", "unsafe-export-eth-key", account],
        }
    }

    /// The type of a validator's key in a transaction.
    pub(super) const fn validator_key_type(self) -> &'static str {
        match self {
            Self::Simd | Self::Evmd => "/cosmos.crypto.ed25519.PubKey",
            Self::Irita => "/cosmos.crypto.sm2.PubKey",
        }
    }

    /// An account as the genesis file lists it.
    pub(super) fn genesis_account(self, address: &str) -> Value {
        let base = json!({"address": address, "pub_key": null, "account_number": "0", "sequence": "0"});
        match (self, base) {
            (Self::Simd | Self::Evmd, Value::Object(mut account)) => {
                account.insert("@type".to_owned(), json!("/cosmos.auth.v1beta1.BaseAccount"));
                Value::Object(account)
            }
            (_, base) => {
                json!({"@type": "/ethermint.types.v1.EthAccount", "base_account": base, "code_hash": EMPTY_CODE_HASH})
            }
        }
    }

    /// What the genesis must say otherwise than the node's own `init` writes it: where, and what.
    pub(super) fn genesis_changes(self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Simd => vec![],
            Self::Evmd => vec![
                ("/consensus/params/block/max_gas", json!(BLOCK_GAS)),
                ("/app_state/staking/params/bond_denom", json!("aatom")),
                ("/app_state/evm/params/evm_denom", json!("aatom")),
                // Without it the chain stops at its first block.
                ("/app_state/bank/denom_metadata", json!([aatom_metadata()])),
            ],
            Self::Irita => vec![("/consensus_params/block/max_gas", json!(BLOCK_GAS))],
        }
    }

    /// Where the node listens, in the order of [`Ports`](super::Ports), and what else it is started with.
    pub(super) fn start_arguments(self, ports: super::Ports) -> Vec<String> {
        let at = |port: u16| format!("127.0.0.1:{port}");
        let mut arguments = vec![
            ("--p2p.laddr", format!("tcp://{}", at(ports.p2p))),
            ("--rpc.laddr", format!("tcp://{}", at(ports.rpc))),
            ("--grpc.address", at(ports.grpc)),
            ("--grpc-web.enable", "false".to_owned()),
            ("--api.enable", "false".to_owned()),
            ("--pruning", "nothing".to_owned()),
            ("--minimum-gas-prices", format!("0{}", self.fee_denom())),
            ("--log_level", "error".to_owned()),
        ];
        if self == Self::Evmd {
            let chain_id = self.evm_chain_id().unwrap_or_default().to_string();
            arguments.extend([("--evm.evm-chain-id", chain_id), ("--evm.geth-metrics-address", at(ports.metrics))]);
        }
        if self.evm_chain_id().is_some() {
            arguments.extend([
                ("--json-rpc.enable", "true".to_owned()),
                ("--json-rpc.api", "eth,net,web3,debug,txpool".to_owned()),
                ("--json-rpc.address", at(ports.json_rpc)),
                ("--json-rpc.ws-address", at(ports.json_rpc_websocket)),
            ]);
        }
        arguments.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

fn aatom_metadata() -> Value {
    json!({
        "description": "", "base": "aatom", "display": "atom", "name": "Atom", "symbol": "ATOM", "uri": "", "uri_hash": "",
        "denom_units": [
            {"denom": "aatom", "exponent": 0, "aliases": []},
            {"denom": "atom", "exponent": 18, "aliases": []},
        ],
    })
}
