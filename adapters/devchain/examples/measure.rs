//! Measures the chain: `cargo run --release -p adapter-devchain --example measure [slots]`.
#![allow(clippy::print_stdout, reason = "a command for people")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_devchain::{Chain, ChainConfig, DevKey, GenesisAccount, Rpc};
use alloy_consensus::{SignableTransaction as _, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256, hex};
use serde_json::json;

/// Stores the second word of its input at the first.
const STORE: [u8; 8] = hex!("6020356000355500");
const CONTRACT: Address = Address::repeat_byte(0xcc);
const BLOCK: u64 = 50;

fn store(key: &DevKey, nonce: u64, slot: u64) -> Result<Bytes, Box<dyn Error>> {
    let transaction = TxLegacy {
        chain_id: Some(1337),
        nonce,
        gas_limit: 100_000,
        to: TxKind::Call(CONTRACT),
        input: [U256::from(slot).to_be_bytes::<32>(), U256::from(nonce + 1).to_be_bytes()].concat().into(),
        ..TxLegacy::default()
    };
    let signature = Signature::from_raw(&key.sign(&transaction.signature_hash()))?;
    Ok(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718().into())
}

fn report(what: &str, total: Duration, count: u64) {
    println!("{what:<60} {:>10.1} µs", total.as_secs_f64() * 1e6 / count as f64);
}

fn main() -> Result<(), Box<dyn Error>> {
    let slots: u64 = std::env::args().nth(1).map_or(Ok(1_000_000), |text| text.parse())?;
    let storage: BTreeMap<_, _> = (0..slots).map(|slot| (U256::from(slot), U256::from(slot + 1))).collect();
    let account = GenesisAccount { code: Bytes::from_static(&STORE), storage, ..GenesisAccount::default() };
    let config = ChainConfig { alloc: BTreeMap::from([(CONTRACT, account)]), ..ChainConfig::default() };
    let started = Instant::now();
    let chain = Arc::new(Chain::in_memory(config)?);
    println!("genesis of {slots} slots: {:.2} s", started.elapsed().as_secs_f64());

    let started = Instant::now();
    for _ in 0..200 {
        chain.seal_block(1)?;
    }
    report("an empty block, four validators", started.elapsed(), 200);

    let key = &chain.config().account_keys()[0];
    let (mut submitting, mut sealing) = (Duration::ZERO, Duration::ZERO);
    for block in 0..40 {
        let raw = (0..BLOCK)
            .map(|at| store(key, block * BLOCK + at, (block * BLOCK + at) * 7919 % slots.max(1)))
            .collect::<Result<Vec<_>, _>>()?;
        let started = Instant::now();
        for raw in &raw {
            chain.submit(raw)?;
        }
        submitting += started.elapsed();
        let started = Instant::now();
        let sealed = chain.seal_block(1)?;
        sealing += started.elapsed();
        assert_eq!(sealed.transactions as u64, BLOCK);
    }
    report("taking a transaction (recovers its sender)", submitting, 40 * BLOCK);
    report("a block of 50 transactions that each change a slot", sealing, 40);

    let rpc = Rpc::new(chain, false, Vec::new());
    let ask = |what: &str, body: serde_json::Value| {
        let body = body.to_string();
        let started = Instant::now();
        for _ in 0..1_000 {
            let _ = rpc.handle(body.as_bytes());
        }
        report(what, started.elapsed(), 1_000);
    };
    let request = |method: &str, params| json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    ask("eth_getProof of one slot", request("eth_getProof", json!([CONTRACT, ["0x7"], "latest"])));
    ask("eth_call", request("eth_call", json!([{"to": CONTRACT, "data": "0x00"}, "latest"])));
    ask("eth_getBlockByNumber", request("eth_getBlockByNumber", json!(["latest", false])));
    Ok(())
}
