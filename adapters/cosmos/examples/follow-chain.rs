//! Follows a live Tendermint chain as a client of it would: a first state, updates to the head, and proofs of one key.
//!
//! `cargo run --release -p adapter-cosmos --example follow-chain -- URL CHAIN-ID STORE KEY-HEX [FIRST-HEIGHT] [ROUNDS]`
//!
//! The key is looked up in the store, presence or absence proven; whatever is printed was verified here.
#![allow(clippy::print_stdout)]

use adapter::Prover as _;
use adapter_cosmos::{ClientParams, EndpointConfig, Host, TendermintConfig, TendermintProver, TendermintRpc};
use light_client::{Claim, Height, MerklePath, Timestamp};
use light_client_tendermint::Commitments;
use std::{
    env,
    error::Error,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [url, chain_id, store, key, rest @ ..] = arguments.as_slice() else {
        return Err("expected URL CHAIN-ID STORE KEY-HEX [FIRST-HEIGHT] [ROUNDS]".into());
    };
    let number = |index: usize| rest.get(index).map(|text| text.parse::<u64>()).transpose();
    let (first, rounds) = (number(0)?, number(1)?.unwrap_or(5));
    let rpc = TendermintRpc::connect(TendermintConfig::new(chain_id.parse()?, vec![EndpointConfig::new(url)])).await?;
    let store = store.clone().into_bytes();
    let params = ClientParams::new(Commitments::IbcStore { store: store.clone() });
    let prover = TendermintProver::new(rpc.clone(), params, Host::Router)?;
    let bootstrap = prover.bootstrap(first.map(Height::new)).await?;
    for (label, value) in &bootstrap.fingerprint {
        println!("{label:>22}  {value}");
    }
    let claim = Claim::absent(MerklePath::from_elements(vec![store, hex::decode(key)?]));
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
