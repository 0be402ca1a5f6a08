//! A network of real nodes with an EVM, as a chain of a story: how it is made, configured and asked.

use super::Outcome;
use super::chain::Finality;
use super::link::Plan;
use super::people::Station;
use alloy_primitives::B256;
use e2e::cosmos::{Account, CosmosNetwork, Options};
use std::fs;
use std::path::Path;

/// Nodes of the first validator set.
pub(super) const VALIDATORS: usize = 4;

/// The node that becomes a validator.
pub(super) const SPARE: usize = VALIDATORS;

/// The node that the scenario stops. The relayer asks it first, and has another.
pub(super) const STOPPED: usize = 0;

/// The node that the people and the scenario ask.
pub(super) const ASKED: usize = 1;

/// Offered for a unit of gas: more than the base fee at genesis, which falls from there. IRITA's nodes suggest less than
/// they take.
const GAS_PRICE_WEI: u128 = 10_000_000_000;

/// Four validators, a spare node, blocks each second, and the accounts of a story.
pub(super) fn options(chain_id: &str) -> Options {
    Options {
        validators: VALIDATORS,
        spares: 1,
        accounts: ["relayer", "custodian", "holder"].map(str::to_owned).to_vec(),
        ..Options::new(chain_id)
    }
}

/// The key that pays for the relayer on this network.
pub(super) fn operator_key(network: &CosmosNetwork) -> Outcome<&str> {
    Ok(&account(network, 0)?.private_key)
}

/// Writes the chain's file of a configuration, in which its key has the chain's name.
pub(super) fn configure(config: &Path, name: &str, custodian_id: &str, network: &CosmosNetwork) -> Outcome {
    let evm_chain_id = network.kind().evm_chain_id().ok_or("a chain without an EVM")?;
    let custodian = adapter_evm::Key::from_secret(secret(account(network, 1)?)?.as_slice())?.address();
    let both = |url: &dyn Fn(usize) -> Outcome<String>| Outcome::Ok([url(STOPPED)?, url(ASKED)?]);
    let [json_rpc, other_json_rpc] = both(&|node| Ok(network.json_rpc(node)?.url()))?;
    let [rpc, other_rpc] = both(&|node| Ok(network.rpc(node)?.url()))?;
    let chain_id = network.chain_id();
    let text = format!(
        r#"kind = "evm"
chain_id = {evm_chain_id}

[[endpoints]]
url = "{json_rpc}"

[[endpoints]]
url = "{other_json_rpc}"

[consensus]
kind = "tendermint"
chain_id = "{chain_id}"
trust_level = "1/3"
trusting_period = "14d"
clock_drift = "15s"

[[consensus.endpoints]]
url = "{rpc}"

[[consensus.endpoints]]
url = "{other_rpc}"

[rpc]
timeout = "10s"

[transactions]
signer = "{name}"
fee = "legacy"
gas_price_wei = {GAS_PRICE_WEI}
max_gas_price_wei = 100_000_000_000
max_gas = 25_000_000
min_balance_gwei = 1_000_000_000

[governance]
members = ["key:{name}"]
threshold = 1
delay = "0s"

[receipts]
port = "receipt"
custodians = [{{ id = "{custodian_id}", account = "{custodian}" }}]
"#
    );
    Ok(fs::write(config.join(format!("chains/{name}.toml")), text)?)
}

/// The chain as [`linked`](super::link::linked) takes it.
pub(super) fn plan<'a>(
    name: &'static str,
    client: &'static str,
    custodian_id: &'a str,
    network: &CosmosNetwork,
) -> Outcome<Plan<'a>> {
    Ok(Plan {
        name,
        endpoint: network.json_rpc(ASKED)?,
        finality: Finality::Tendermint { chain_id: network.chain_id().to_owned(), rpc: network.rpc(ASKED)? },
        client,
        station: Station {
            chain_id: network.kind().evm_chain_id().ok_or("a chain without an EVM")?,
            gas_price_wei: Some(GAS_PRICE_WEI),
            custodian_id,
            custodian_key: secret(account(network, 1)?)?,
            holder_key: secret(account(network, 2)?)?,
        },
    })
}

fn account(network: &CosmosNetwork, index: usize) -> Outcome<&Account> {
    Ok(network.accounts().get(index).ok_or("fewer accounts")?)
}

fn secret(account: &Account) -> Outcome<B256> {
    Ok(account.private_key.parse()?)
}
