//! A merchant who issues as the warehouse and holds what it issues, on two linked chains.

use crate::support::{Process, Site, TestResult, run_well};
use adapter::ChainReader as _;
use adapter_evm::{
    EndpointConfig, EvmAccount, EvmChain, EvmConfig, Key, KeySource, password_from_file,
    receipts::{Facts, KnownReceipt, Receipts},
};
use light_client::ClientId;
use std::fs;

/// Of each receipt, in base units.
pub(crate) const QUANTITY: u128 = 1_000;

/// What the merchant has of one chain.
pub(crate) struct Side {
    pub(crate) evm: EvmChain,
    pub(crate) account: EvmAccount,
    pub(crate) receipts: Receipts,
    pub(crate) client: ClientId,
}

async fn side(site: &Site, name: &str, port: u16) -> TestResult<Side> {
    let toml: toml::Table = fs::read_to_string(site.path().join(format!("chains/devchain-{name}.toml")))?.parse()?;
    let address = |key: &str| -> TestResult<adapter_evm::Address> {
        Ok(toml["contracts"][key].as_str().ok_or("no address")?.parse()?)
    };
    let chain_id = u64::try_from(toml["chain_id"].as_integer().ok_or("no chain id")?)?;
    let client: ClientId = "qbft-0".parse()?;
    let mut config = EvmConfig::new(chain_id, vec![EndpointConfig::new(format!("http://127.0.0.1:{port}"))]);
    config.router = Some(address("router")?);
    config.clients = vec![client.clone()];
    let evm = EvmChain::connect(config).await?;
    let source = KeySource::Keystore(site.path().join("keys/merchant.json"));
    let key = Key::load(&source, |_| password_from_file(&site.path().join("password")))?;
    Ok(Side { account: evm.account(key), receipts: evm.receipts(address("ledger")?, address("bridge")?), evm, client })
}

/// Two linked chains; the relayer does not run yet.
pub(crate) async fn linked(more: &[&str]) -> TestResult<(Site, [Process; 2], [Side; 2])> {
    let site = Site::new()?;
    let password = site.path().join("password");
    run_well(site.path(), &["keys", "new", "merchant", "--password-file", &password.to_string_lossy()])?;
    for name in ["a", "b"] {
        let file = format!("chains/devchain-{name}.toml");
        site.change(&file, "account = \"key:operator\"", "account = \"key:merchant\"")?;
    }
    let more = [&["--fund", "key:merchant"], more].concat();
    let chains = [site.chain("a", &more)?, site.chain("b", &more)?];
    run_well(site.path(), &["deploy", "devchain-a"])?;
    run_well(site.path(), &["deploy", "devchain-b"])?;
    run_well(site.path(), &["link", "devchain-a-devchain-b", "--yes"])?;
    let sides = [side(&site, "a", site.ports[0]).await?, side(&site, "b", site.ports[1]).await?];
    Ok((site, chains, sides))
}

/// Issues a receipt; each number serves once.
pub(crate) async fn issue(side: &Side, number: usize) -> TestResult<KnownReceipt> {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let custodian = alloy_primitives::B256::right_padding_from(b"warehouse-a").0;
    let facts = Facts { custodian, unit: *b"KGM\0", issued_at: 1, ..Facts::default() };
    let merchant = side.account.address();
    Ok(side.receipts.issue(&side.account, seed, &facts, QUANTITY, merchant, merchant).await?.0)
}

/// An hour later than it is on a chain.
pub(crate) async fn later(side: &Side) -> TestResult<u64> {
    Ok(side.evm.reader()?.head().await?.time.unix_seconds() + 3_600)
}
