//! Follows a live Tendermint chain as a client of it would: a first state, updates to the head, and proofs of one key.
//!
//! `cargo run --release -p adapter-cosmos --example follow-chain -- URL CHAIN-ID STORE PATH-HEX [FIRST-HEIGHT] [ROUNDS]`
//!
//! STORE is the name of a store, like `ibc`, in which the path is the key; or `evm:ROUTER` for a contract's slots, in which
//! the key is that of the slot SHA-256(path). What lies there is proven, presence or absence; whatever is printed was
//! verified here.
#![allow(clippy::print_stdout)]

use adapter::Prover as _;
use adapter_cosmos::{ClientParams, EndpointConfig, Host, TendermintConfig, TendermintProver, TendermintRpc};
use light_client::{Claim, Height, MerklePath, Timestamp};
use light_client_crypto::Address;
use light_client_tendermint::Commitments;
use std::{
    env,
    error::Error,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, chain_id, store, path, rest @ ..] = arguments.as_slice() else {
        return Err("expected URL CHAIN-ID STORE PATH-HEX [FIRST-HEIGHT] [ROUNDS]".into());
    };
    let number = |index: usize| rest.get(index).map(|text| text.parse::<u64>()).transpose();
    let (first, rounds) = (number(0)?, number(1)?.unwrap_or(5));
    let rpc = TendermintRpc::connect(TendermintConfig::new(chain_id.parse()?, vec![EndpointConfig::new(url)])).await?;
    let path = hex::decode(path)?;
    let (commitments, path) = match store.split_once(":0x") {
        Some((store, router)) => {
            let router = <[u8; 20]>::try_from(hex::decode(router)?).map_err(|_| "expected a router of 20 bytes")?;
            (Commitments::EvmStore { store: store.into(), router: Address::new(router) }, vec![path])
        }
        None => (Commitments::IbcStore { store: store.clone().into() }, vec![store.clone().into(), path]),
    };
    let params = ClientParams::new(commitments);
    let prover = TendermintProver::new(rpc.clone(), params, Host::Router)?;
    let bootstrap = prover.bootstrap(first.map(Height::new)).await?;
    for (label, value) in &bootstrap.fingerprint {
        println!("{label:>22}  {value}");
    }
    let claim = Claim::absent(MerklePath::from_elements(path));
    let mut state = bootstrap.trusted;
    for _ in 0..rounds {
        let head = loop {
            let head = prover.bootstrap(None).await?.trusted.height;
            if head > state.height {
                break head;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
        let started = Instant::now();
        let updates = prover.updates(&state, head, now()).await?;
        let updated = started.elapsed();
        for update in &updates {
            println!(
                "{:>22}  {} bytes, time {}",
                format!("update to {}", update.next.height),
                update.update.len(),
                update.time
            );
        }
        state = updates.last().map_or(state, |update| update.next.clone());
        let started = Instant::now();
        let absent = prover.decide(&state, std::slice::from_ref(&claim)).await?;
        let verdict = if absent == [true] { "absent" } else { "present" };
        println!("{:>22}  {verdict}, proven at {}; {updated:?} + {:?}", "key", state.height, started.elapsed());
    }
    println!("{:>22}  {:?}", "endpoints", rpc.endpoints());
    Ok(())
}

fn now() -> Timestamp {
    Timestamp::from_unix_seconds(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}
