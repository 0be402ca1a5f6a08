use crate::{
    args,
    config::{self, Contracts, edit},
    deploy::Deployment,
    error::CliError,
    keys::Keys,
    output::{Output, step},
    record, registry,
};
use serde::Serialize;
use std::{fmt, path::Path};

#[derive(Serialize)]
struct Answer {
    chain: String,
    chain_id: u64,
    #[serde(flatten)]
    contracts: Contracts,
}

/// Deploys on one chain and writes the addresses into its file.
pub(crate) async fn run(args: &args::Deploy, config_path: &Path, output: Output) -> Result<(), CliError> {
    let config = config::load(config_path)?;
    let chain = config.chain(&args.chain)?;
    let settings = chain.evm()?;
    let keys = Keys::new(&config);
    let members =
        settings.governance.members.iter().map(|member| keys.account(member)).collect::<Result<Vec<_>, _>>()?;
    let key = keys.open(&chain.signer)?;
    let connecting = registry::connect_evm(chain, Vec::new());
    let evm = step(format!("{}: asking {} endpoints", chain.name, chain.endpoints.len()), connecting).await?;
    let account = evm.account(key);
    let record_file = record::chain_file(&config.folder, &chain.name);
    let deployment =
        Deployment { chain, settings, evm: &evm, account: &account, members: &members, record_file: &record_file };
    let contracts = deployment.run().await?;
    if settings.contracts != Some(contracts) {
        edit::write_contracts(&chain.file, &contracts)?;
    }
    output.answer(&Answer { chain: chain.name.clone(), chain_id: settings.chain_id, contracts })
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Contracts { genesis_hash, height, governance, router, ledger, bridge } = self.contracts;
        writeln!(f, "{} (chain id {}, genesis {genesis_hash})", self.chain, self.chain_id)?;
        writeln!(f, "governance  {governance}")?;
        writeln!(f, "router      {router}  from height {height}")?;
        writeln!(f, "ledger      {ledger}")?;
        writeln!(f, "bridge      {bridge}")?;
        write!(f, "written into the chain's file; next: lighterman link PATH")
    }
}
