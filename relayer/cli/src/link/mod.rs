//! Links two chains: at each end a light client of the other, named in the Router by a governed act, and a lane of the
//! receipt bridge over it. Every part looks first at what is there, so that running it again goes on where it stopped.

mod acts;
mod client;
pub(crate) mod ibc;
mod quorum;

pub(crate) use acts::PendingAct;

use crate::{
    config::{AccountName, ChainConfig, Config, Contracts, EvmSettings, PathEnd},
    deploy::expected_code,
    error::CliError,
    keys::Keys,
    output::{step, tell},
    record::{self, ClientRecord, LinkRecord},
    registry::{self, Connected, store_prefix},
    rules::ClientRules,
};
use acts::Wanted;
use adapter::{AdapterError, Bootstrap};
use adapter_evm::{EvmAccount, EvmChain, EvmReader, Governance, GovernedCall, receipts::Receipts};
use alloy_primitives::{Address, B256};
use light_client::ClientId;
use serde::Serialize;
use std::path::PathBuf;

/// Gas that the bridge's receive is given: a receipt that arrives for a new holder apart from a new beneficiary takes
/// 4/5 of it, measured by `test_the_bridges_worst_receive_fits_its_registered_gas` of the contracts.
const RECEIVE_GAS: u64 = 400_000;

/// Asks whether a chain's fingerprint is the right one.
pub(crate) type Confirm<'a> = &'a (dyn Fn(&str, &Bootstrap) -> Result<bool, CliError> + Sync);

/// A path to be linked.
pub(crate) struct Link {
    /// `a` and `b`.
    pub(crate) ends: [End; 2],
    /// Where every step is noted.
    pub(crate) record_file: PathBuf,
}

/// One end: a chain, and the client on it that follows the other end.
pub(crate) struct End {
    pub(crate) name: String,
    config: ChainConfig,
    settings: EvmSettings,
    contracts: Contracts,
    client: ClientId,
    chain: Connected,
    evm: EvmChain,
    reader: EvmReader,
    receipts: Receipts,
    governance: Governance,
    /// Who deploys and executes.
    account: EvmAccount,
    /// The members of the governance whose keys are here.
    members: Vec<EvmAccount>,
    custodians: Vec<(B256, Address)>,
}

/// What linking came to.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LinkReport {
    /// Nothing is left to be done at either end.
    pub(crate) linked: bool,
    /// `a` and `b`.
    pub(crate) ends: [EndReport; 2],
}

/// What linking came to at one end.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct EndReport {
    pub(crate) chain: String,
    pub(crate) client: ClientId,
    pub(crate) follows: String,
    /// Governed acts that are not executed yet, in the order in which they have to be.
    pub(crate) pending: Vec<PendingAct>,
}

impl End {
    /// Connects to the chain and opens the keys.
    pub(crate) async fn connect(config: &Config, keys: &Keys<'_>, end: &PathEnd) -> Result<Self, CliError> {
        let chain = config.chain(&end.chain)?;
        let (settings, contracts) = chain.deployed()?;
        let custodians = settings.custodians.iter().map(|(id, account)| Ok((*id, keys.account(account)?)));
        let custodians = custodians.collect::<Result<_, CliError>>()?;
        let connecting = registry::connect(chain, vec![end.client.clone()]);
        let connected = step(format!("{}: asking {} endpoints", chain.name, chain.endpoints.len()), connecting).await?;
        let evm = connected.evm().cloned().ok_or_else(|| chain.wrong_kind())?;
        let name = chain.name.clone();
        let failed = |source| CliError::Chain { chain: name.clone(), source };
        let reader = evm.reader().map_err(failed)?;
        let mut members = Vec::new();
        for member in &settings.governance.members {
            let key = match member {
                AccountName::Key(name) => Some(name.clone()),
                AccountName::Address(address) => keys.name_of(*address),
            };
            if let Some(key) = key {
                members.push(evm.account(keys.open(&key)?));
            }
        }
        Ok(Self {
            name,
            contracts,
            client: end.client.clone(),
            receipts: evm.receipts(contracts.ledger, contracts.bridge),
            governance: evm.governance(contracts.governance),
            account: evm.account(keys.open(&chain.signer)?),
            config: chain.clone(),
            settings: settings.clone(),
            chain: connected,
            evm,
            reader,
            members,
            custodians,
        })
    }

    /// What a client of this chain demands.
    fn rules(&self) -> Result<ClientRules, CliError> {
        ClientRules::of(&self.config)
    }

    /// What receipts call this chain.
    fn chain_ref(&self) -> B256 {
        B256::from(self.evm.config().chain_ref(self.contracts.genesis_hash.0))
    }

    /// Checks that the chain is the one that was deployed on, and that its contracts are what they should be.
    async fn check(&self) -> Result<(), CliError> {
        let genesis = self.checked(self.evm.genesis_hash().await)?;
        if *genesis.as_bytes() != self.contracts.genesis_hash.0 {
            let expected = self.contracts.genesis_hash.to_string();
            return Err(self.other("genesis hash", expected, format!("{genesis}: this is another chain")));
        }
        for (what, address, expected) in self.checked(expected_code(&self.evm, &self.settings, &self.contracts))? {
            let found = self.checked(self.evm.code_hash(address).await)?;
            if found != expected {
                let expected = format!("code at {address} that hashes to {expected}, as of its published artefact");
                return Err(self.other(what, expected, found.to_string()));
            }
        }
        let home = self.checked(self.receipts.home_ref().await)?;
        if home != self.chain_ref().0 {
            return Err(self.other("ledger's homeRef", self.chain_ref().to_string(), B256::from(home).to_string()));
        }
        Ok(())
    }

    fn checked<T>(&self, result: Result<T, AdapterError>) -> Result<T, CliError> {
        result.map_err(|source| CliError::Chain { chain: self.name.clone(), source })
    }

    fn other(&self, what: &'static str, expected: String, found: String) -> CliError {
        CliError::Deployment { chain: self.name.clone(), what, expected, found }
    }
}

impl Link {
    /// Does what can be done now. With `wait`, also what falls due while waiting.
    ///
    /// # Errors
    /// Whatever keeps the path from being linked and does not go away by waiting.
    pub(crate) async fn run(&self, confirm: Confirm<'_>, wait: bool) -> Result<LinkReport, CliError> {
        let [a, b] = &self.ends;
        for end in &self.ends {
            step(format!("{}: checking the contracts", end.name), end.check()).await?;
            quorum::tell(end).await;
        }
        let mut record: LinkRecord = record::read(&self.record_file)?.unwrap_or_default();
        let verifier_a = client::ensure(a, b, &mut record.a, confirm).await;
        record::write(&self.record_file, &record)?;
        let verifier_a = verifier_a?;
        let verifier_b = client::ensure(b, a, &mut record.b, confirm).await;
        record::write(&self.record_file, &record)?;
        let verifier_b = verifier_b?;
        // The acts of one chain go in order; the two chains know nothing of each other yet.
        let (pending_a, pending_b) = futures::try_join!(
            acts::carry_out(a, wanted(a, b, verifier_a), wait),
            acts::carry_out(b, wanted(b, a, verifier_b), wait)
        )?;
        let made = |known: &Option<ClientRecord>| known.as_ref().and_then(|known| known.made.contract);
        for (host, followed, pending, contract) in
            [(a, b, &pending_a, made(&record.a)), (b, a, &pending_b, made(&record.b))]
        {
            if pending.is_empty() {
                client::check_hosted(host, followed, contract).await?;
                tell(format_args!("  {}: client {} of {} is active", host.name, host.client, followed.name));
            }
        }
        let report = |host: &End, followed: &End, pending| EndReport {
            chain: host.name.clone(),
            client: host.client.clone(),
            follows: followed.name.clone(),
            pending,
        };
        Ok(LinkReport {
            linked: pending_a.is_empty() && pending_b.is_empty(),
            ends: [report(a, b, pending_a), report(b, a, pending_b)],
        })
    }
}

/// The governed acts that make `host` know the other end, in order. `verifier`: the new client's contract, when the
/// Router does not have the client yet.
fn wanted(host: &End, followed: &End, verifier: Option<Address>) -> Vec<Wanted> {
    let Contracts { router, ledger, bridge, .. } = host.contracts;
    let mut wanted = Vec::new();
    if let Some(verifier) = verifier {
        wanted.push(Wanted {
            what: format!("add client {} of {}", host.client, followed.name),
            target: router,
            call: GovernedCall::AddClient {
                id: host.client.clone(),
                verifier,
                counterparty: followed.client.clone(),
                prefix: store_prefix(&followed.config),
            },
        });
    }
    let port = &host.settings.port;
    wanted.push(Wanted {
        what: format!("bind port {port} to the bridge"),
        target: router,
        call: GovernedCall::BindPort { port: port.clone(), application: bridge, receive_gas: RECEIVE_GAS },
    });
    wanted.push(Wanted {
        what: "admit the bridge to the ledger".to_owned(),
        target: ledger,
        call: GovernedCall::AddBridge { bridge },
    });
    wanted.push(Wanted {
        what: format!("open the lane to {} over {}", followed.name, host.client),
        target: bridge,
        call: GovernedCall::AllowLane { client: host.client.clone(), counterparty_ref: followed.chain_ref().0 },
    });
    for (custodian, account) in &host.custodians {
        wanted.push(Wanted {
            what: format!("admit warehouse {} as {account}", custodian_name(custodian)),
            target: ledger,
            call: GovernedCall::AdmitCustodian { custodian: custodian.0, account: *account },
        });
    }
    wanted
}

/// A warehouse's id as text where it is one.
pub(crate) fn custodian_name(id: &B256) -> String {
    let end = id.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let text = id.get(..end).unwrap_or_default();
    if !text.is_empty() && text.iter().all(u8::is_ascii_graphic) {
        return text.escape_ascii().to_string();
    }
    id.to_string()
}
