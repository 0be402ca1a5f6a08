//! Puts the contracts on a chain: governance, Router, ledger, bridge. What is there already is checked and kept.

use crate::{
    config::{ChainConfig, Contracts, EvmSettings},
    error::CliError,
    output::step,
    record::{self, ChainRecord, Made},
};
use adapter::AdapterError;
use adapter_evm::{
    Deployed, EvmAccount, EvmChain, bridge_code_hash, governance_code_hash, ledger_code_hash, router_code_hash,
};
use alloy_primitives::{Address, B256, keccak256};
use light_client::CodeHash;
use std::path::Path;

/// What deploying takes.
pub(crate) struct Deployment<'a> {
    /// The chain's configuration.
    pub(crate) chain: &'a ChainConfig,
    /// What only chains of its kind have.
    pub(crate) settings: &'a EvmSettings,
    /// The chain.
    pub(crate) evm: &'a EvmChain,
    /// Who pays.
    pub(crate) account: &'a EvmAccount,
    /// Who is to decide.
    pub(crate) members: &'a [Address],
    /// Where every step is noted.
    pub(crate) record_file: &'a Path,
}

impl Deployment<'_> {
    /// Deploys what is missing and returns where everything is.
    ///
    /// # Errors
    /// [`CliError::Deployment`] when what was deployed before is not there any more, or is something else.
    pub(crate) async fn run(&self) -> Result<Contracts, CliError> {
        let genesis_hash = self.chain(self.evm.genesis_hash().await)?;
        let genesis_hash = B256::from(*genesis_hash.as_bytes());
        let mut record = self.record(genesis_hash)?;

        let governance = match record.governance {
            Some(made) => {
                self.check_code("governance", made.address, self.chain(governance_code_hash())?).await?;
                made.address
            }
            None => {
                let (threshold, delay) = (self.settings.governance.threshold, self.settings.governance.delay.as_secs());
                let made =
                    self.make("governance", self.account.deploy_governance(self.members, threshold, delay)).await?;
                self.note(&mut record, |record| record.governance = Some(made))?;
                made.address
            }
        };
        let router_hash = self.chain(router_code_hash(self.settings.chain_id, governance))?;
        let router = match record.router {
            Some(made) => made,
            None => {
                let made = self.make("Router", self.account.deploy_router(governance)).await?;
                self.note(&mut record, |record| record.router = Some(made))?;
                made
            }
        };
        self.check_code("Router", router.address, router_hash).await?;
        let home = self.evm.config().chain_ref(genesis_hash.0);
        let ledger = match record.ledger {
            Some(made) => {
                self.check_code("ledger", made.address, self.chain(ledger_code_hash(governance, home))?).await?;
                made.address
            }
            None => {
                let made = self.make("ledger", self.account.deploy_ledger(governance, home)).await?;
                self.note(&mut record, |record| record.ledger = Some(made))?;
                made.address
            }
        };
        let port = &self.settings.port;
        let bridge = match record.bridge {
            Some(made) => {
                let expected = self.chain(bridge_code_hash(router.address, ledger, governance, home, port))?;
                self.check_code("bridge", made.address, expected).await?;
                made.address
            }
            None => {
                let making = self.account.deploy_bridge(router.address, ledger, governance, port);
                let made = self.make("bridge", making).await?;
                self.note(&mut record, |record| record.bridge = Some(made))?;
                made.address
            }
        };
        Ok(Contracts { genesis_hash, height: router.height, governance, router: router.address, ledger, bridge })
    }

    /// What was done before, or a new record; from the configuration when there is no file but the addresses are there.
    fn record(&self, genesis_hash: B256) -> Result<ChainRecord, CliError> {
        let chain_id = self.settings.chain_id;
        let recorded: Option<ChainRecord> = record::read(self.record_file)?;
        if let Some(record) = recorded {
            if (record.chain_id, record.genesis_hash) != (chain_id, genesis_hash) {
                return Err(self.other(
                    "the chain",
                    format!("id {} with genesis {}, as noted in {}", record.chain_id, record.genesis_hash, self.file()),
                    format!(
                        "id {chain_id} with genesis {genesis_hash}; a new chain needs its own record: delete the file"
                    ),
                ));
            }
            return Ok(record);
        }
        let new = ChainRecord { chain_id, genesis_hash, ..ChainRecord::default() };
        let Some(contracts) = &self.settings.contracts else { return Ok(new) };
        if contracts.genesis_hash != genesis_hash {
            let expected = format!("genesis {}, as under [contracts] in its file", contracts.genesis_hash);
            let found = format!("{genesis_hash}; a new chain needs new contracts: delete that section");
            return Err(self.other("the chain", expected, found));
        }
        let made = |address| Some(Made { address, height: contracts.height, transaction: B256::ZERO });
        Ok(ChainRecord {
            governance: made(contracts.governance),
            router: made(contracts.router),
            ledger: made(contracts.ledger),
            bridge: made(contracts.bridge),
            ..new
        })
    }

    async fn make(
        &self,
        what: &'static str,
        making: impl Future<Output = Result<Deployed, AdapterError>>,
    ) -> Result<Made, CliError> {
        let deployed = self.chain(step(format!("{}: deploying the {what}", self.chain.name), making).await)?;
        Ok(Made {
            address: deployed.address,
            height: deployed.receipt.height.number(),
            transaction: B256::from(deployed.receipt.hash.0),
        })
    }

    fn note(&self, record: &mut ChainRecord, change: impl FnOnce(&mut ChainRecord)) -> Result<(), CliError> {
        change(record);
        record::write(self.record_file, record)
    }

    async fn check_code(&self, what: &'static str, address: Address, expected: CodeHash) -> Result<(), CliError> {
        let found = self.chain(self.evm.code_hash(address).await)?;
        if found == expected {
            return Ok(());
        }
        Err(self.other(what, format!("code at {address} that hashes to {expected}"), found.to_string()))
    }

    fn chain<T>(&self, result: Result<T, AdapterError>) -> Result<T, CliError> {
        result.map_err(|source| CliError::Chain { chain: self.chain.name.clone(), source })
    }

    fn other(&self, what: &'static str, expected: String, found: String) -> CliError {
        CliError::Deployment { chain: self.chain.name.clone(), what, expected, found }
    }

    fn file(&self) -> String {
        self.record_file.display().to_string()
    }
}

/// The contracts of a chain with their addresses and the hashes that their code must have.
///
/// # Errors
/// When the artefacts are not the ones that this program was built for.
pub(crate) fn expected_code(
    evm: &EvmChain,
    settings: &EvmSettings,
    contracts: &Contracts,
) -> Result<[(&'static str, Address, CodeHash); 4], AdapterError> {
    let Contracts { governance, router, ledger, bridge, .. } = *contracts;
    let home = evm.config().chain_ref(contracts.genesis_hash.0);
    Ok([
        ("governance", governance, governance_code_hash()?),
        ("router", router, router_code_hash(settings.chain_id, governance)?),
        ("ledger", ledger, ledger_code_hash(governance, home)?),
        ("bridge", bridge, bridge_code_hash(router, ledger, governance, home, &settings.port)?),
    ])
}

/// Whether an account has code, by its hash.
pub(crate) fn has_code(hash: CodeHash) -> bool {
    let none = keccak256([]);
    *hash.as_bytes() != none.0 && *hash.as_bytes() != [0; 32]
}
