//! Pays accounts of every kind of key that a chain has, and has each of them pay itself: what a chain takes of each.
//!
//! ```sh
//! cargo run --release -p adapter-cosmos --example account-kinds -- NET/devnet.json
//! ```

#![allow(clippy::print_stdout)]

use adapter::{ChainWriter, FeeBump, Outcome};
use adapter_cosmos::{AccountKey, CosmosChain, CosmosConfig, EndpointConfig, KeyKind, TendermintConfig, TendermintRpc};
use light_client::sha256;
use serde_json::Value;
use std::time::Duration;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let file = std::env::args().nth(1).ok_or("expected a devnet.json")?;
    let devnet: Value = serde_json::from_slice(&std::fs::read(file)?)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let endpoint = EndpointConfig::new(text(&devnet["nodes"][0]["rpc"]));
    let rpc = TendermintRpc::connect(TendermintConfig::new(text(&devnet["chain_id"]).parse()?, vec![endpoint])).await?;
    let address = text(&devnet["accounts"]["alice"]["address"]);
    let prefix = address.split_once('1').ok_or("an address")?.0.to_owned();
    let (kind, price, denom, amount) = match devnet["node"].as_str() {
        Some("evmd") => (KeyKind::EthSecp256k1, "10000000000", "aatom", 10_000_000_000_000_000),
        Some("irita-evm") => (KeyKind::EthermintSecp256k1, "10000000000", "aphoton", 10_000_000_000_000_000),
        _ => (KeyKind::Secp256k1, "0.01", "stake", 1_000_000),
    };
    let chain = CosmosChain::new(rpc, CosmosConfig::new(prefix.clone(), format!("{price}{denom}").parse()?));
    let alice = AccountKey::from_secret(kind, &hex::decode(text(&devnet["accounts"]["alice"]["key"]))?)?;
    assert_eq!(alice.address(&prefix)?, address);
    let alice = chain.account(alice)?;
    for kind in [KeyKind::Secp256k1, KeyKind::EthSecp256k1, KeyKind::EthermintSecp256k1, KeyKind::Sm2] {
        let key = AccountKey::from_secret(kind, &sha256(&[b"somebody", kind.type_url().as_bytes()]))?;
        alice.pay(&key.address(&prefix)?, amount, denom).await?;
        let writer = chain.writer(key)?;
        let nonces = writer.nonces().await?;
        let pays = writer.sign_cancel(nonces.next_final, FeeBump::First).await?;
        if let Err(error) = writer.broadcast(&pays).await {
            println!("{kind:?} {}: {error}", writer.signer());
            continue;
        }
        let outcome = loop {
            match writer.outcome(pays.hash).await? {
                Outcome::Unknown => tokio::time::sleep(Duration::from_millis(100)).await,
                outcome => break outcome,
            }
        };
        println!("{kind:?} {}: {outcome:?}", writer.signer());
    }
    Ok(())
}
