//! Contracts and clients on both chains, as an operator makes them.

use super::Outcome;
use super::chain::{Chain, Finality};
use super::people::{Side, Station};
use crate::relayer::Relayer;
use alloy_primitives::Address;
use e2e::json_rpc::Endpoint;
use e2e::program::Program;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// A chain that runs and is configured, and has none of our contracts yet.
pub(super) struct Plan<'a> {
    /// Its name in the configuration.
    pub(super) name: &'static str,
    /// Where the scenario asks it; the relayer may ask elsewhere.
    pub(super) endpoint: Endpoint,
    pub(super) finality: Finality,
    /// The client of the other chain, as the path's configuration names it.
    pub(super) client: &'static str,
    pub(super) station: Station<'a>,
}

/// Contracts on both chains, their link and the relayer: what `docs/operating.md` tells an operator.
pub(super) fn linked(program: Program, path: &str, plans: [Plan<'_>; 2]) -> Outcome<(Relayer, [Side; 2])> {
    let runtime = Arc::new(Runtime::new()?);
    let mut sides = Vec::new();
    let [a, b] = &plans;
    let partners = [b.station.holder()?, a.station.holder()?];
    for (plan, partner) in plans.into_iter().zip(partners) {
        let deployed = program.ask(&["deploy", plan.name])?;
        let address = |key: &str| Outcome::Ok(deployed[key].as_str().ok_or("no address")?.parse::<Address>()?);
        let chain = Chain {
            name: plan.name,
            endpoint: plan.endpoint,
            finality: plan.finality,
            client: plan.client.to_owned(),
            router: address("router")?,
            ledger: address("ledger")?,
            bridge: address("bridge")?,
            since: deployed["height"].as_u64().ok_or("no height")?,
        };
        sides.push(Side::new(&runtime, chain, &plan.station, partner)?);
    }
    program.run(&["link", path, "--yes"], "")?;
    program.run(&["check", "--online"], "")?;
    let mut relayer = Relayer::new(program);
    relayer.start()?;
    Ok((relayer, sides.try_into().map_err(|_| "two chains")?))
}
