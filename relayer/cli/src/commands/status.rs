use crate::{
    config, daemon,
    error::CliError,
    output::Output,
    when::{date, span},
};
use light_client::Assurance;
use relayer_api::{ChainFacts, StatusReport};
use relayer_core::{PacketState, PassedOverKind, PathId};
use relayer_engine::{ChainStatus, ClientStatus, DirectionStatus, Forecast, NodeState, PassedOverStatus};
use relayer_store::Store as _;
use serde::Serialize;
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// What `status` answers: the running relayer's own words, or what it left in its database.
#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    Running(Box<StatusReport>),
    Stopped(Stopped),
}

/// What a relayer that does not run left behind.
#[derive(Serialize)]
struct Stopped {
    running: bool,
    database: PathBuf,
    /// `None` when there is no database yet.
    paths: Option<Vec<StoppedPath>>,
}

#[derive(Serialize)]
struct StoppedPath {
    id: PathId,
    /// Packets by state, from `a` to `b` and from `b` to `a`.
    directions: [Vec<Count>; 2],
}

#[derive(Serialize)]
struct Count {
    state: PacketState,
    count: u64,
}

/// Says how the relayer is.
pub(crate) async fn run(config_path: &Path, output: Output) -> Result<(), CliError> {
    let config = config::load(config_path)?;
    if let Some(report) = daemon::ask::<StatusReport>(&config, "/api/status").await? {
        return output.answer(&Answer::Running(Box::new(report)));
    }
    let paths = match daemon::open_to_read(&config).await? {
        None => None,
        Some(store) => {
            let mut paths = Vec::new();
            for path in config.paths.values() {
                let directions = store.counts(&path.id).await?.map(|counts| {
                    let counted = PacketState::ALL.iter().zip(counts).filter(|(_, count)| *count > 0);
                    counted.map(|(state, count)| Count { state: *state, count }).collect()
                });
                paths.push(StoppedPath { id: path.id.clone(), directions });
            }
            Some(paths)
        }
    };
    output.answer(&Answer::Stopped(Stopped { running: false, database: config.database.clone(), paths }))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(stopped) => stopped.fmt(f),
            Self::Running(report) => running(report, f),
        }
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the relayer does not run (nothing answers where its page should be)")?;
        let Some(paths) = &self.paths else {
            return write!(f, "\nno database yet at {}", self.database.display());
        };
        write!(f, "\nfrom its database, {}:", self.database.display())?;
        for path in paths {
            for (way, counts) in ["a to b", "b to a"].iter().zip(&path.directions) {
                let counts: Vec<_> =
                    counts.iter().map(|count| format!("{} {}", count.count, count.state.as_str())).collect();
                let counts = if counts.is_empty() { "no packets".to_owned() } else { counts.join(", ") };
                write!(f, "\n  path {} {way}: {counts}", path.id)?;
            }
        }
        Ok(())
    }
}

fn running(report: &StatusReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let now = report.snapshot.time_millis;
    let uptime = Duration::from_millis(now.millis_since(report.snapshot.started_millis));
    write!(f, "lighterman {} runs since {}", report.version, span(uptime))?;
    for chain in &report.snapshot.chains {
        let facts = report.facts.iter().find(|facts| facts.name == chain.name);
        write_chain(f, now.seconds(), chain, facts)?;
    }
    for path in &report.snapshot.paths {
        write!(f, "\npath {}", path.id)?;
        path.clients.iter().try_for_each(|client| write_client(f, client))?;
        path.directions.iter().try_for_each(|direction| write_direction(f, now.seconds(), direction))?;
        if let Some(reason) = &path.stopped {
            write!(f, "\n  STOPPED: {reason}")?;
        }
        path.passed_over.iter().try_for_each(|passed| write_passed_over(f, passed))?;
        let [a, b] = path.conflicts_kept;
        let kept = a.misbehaviour + a.unproven + b.misbehaviour + b.unproven;
        if kept > 0 {
            write!(
                f,
                "\n  {kept} pairs of headers that contradict one another: lighterman evidence --list {}",
                path.id
            )?;
        }
    }
    for signer in &report.snapshot.signers {
        let funds = signer.balance.as_deref().unwrap_or("not known");
        write!(f, "\nsigner {} on {}: {} under way, funds {funds}", signer.account, signer.chain, signer.open)?;
        if let Some(note) = &signer.note {
            write!(f, " ({note})")?;
        }
    }
    Ok(())
}

fn write_chain(f: &mut fmt::Formatter<'_>, now: u64, chain: &ChainStatus, facts: Option<&ChainFacts>) -> fmt::Result {
    write!(f, "\nchain {} (id {})", chain.name, chain.chain_id)?;
    match (chain.height, chain.time_seconds) {
        (Some(height), Some(time)) => {
            write!(f, ": height {height}, {} old", span(Duration::from_secs(now.saturating_sub(time))))?;
        }
        _ => f.write_str(": nothing heard yet")?,
    }
    if chain.node != NodeState::Ok {
        write!(f, "; nodes: {:?}", chain.node)?;
        if let Some(note) = &chain.note {
            write!(f, " ({note})")?;
        }
    }
    let Some(facts) = facts else { return Ok(()) };
    if !facts.validators.is_empty() {
        let (count, name, keys) = (facts.validators.len(), &facts.consensus, facts.key_types.join(", "));
        write!(f, "\n  {name}, {count} validators with {keys} keys; ")?;
        match facts.quorum.members(count as u64) {
            Some(quorum) => write!(f, "{quorum} of {count} must seal")?,
            None => f.write_str("more than two thirds of the voting power must vote for a block")?,
        }
    }
    if facts.trust_level == "one-third" {
        write!(
            f,
            "\n  set changes are believed with more than a third of the trusted set: weaker against stolen keys"
        )?;
    }
    if let Some(governance) = &facts.governance {
        let (threshold, members) = (governance.threshold, governance.members.len());
        let delay = span(Duration::from_secs(governance.delay_seconds));
        write!(f, "\n  governance {}: {threshold} of {members}, delay {delay}", governance.address)?;
        for act in &governance.pending {
            let when = match act.due_seconds {
                Some(due) => format!("due {}", date(due)),
                None => format!("{} of {threshold} approve", act.approvals),
            };
            write!(f, "\n    act {}: {}; {when}", act.id, act.what)?;
        }
    }
    Ok(())
}

fn write_client(f: &mut fmt::Formatter<'_>, client: &ClientStatus) -> fmt::Result {
    write!(f, "\n  client {} on {} follows {}", client.id, client.host_chain, client.follows_chain)?;
    let (Some(height), Some(status)) = (client.latest_height, client.status) else {
        return f.write_str(": not read yet");
    };
    let age = span(Duration::from_secs(client.freshness_seconds.unwrap_or_default()));
    write!(f, ": {status}, height {height}, {age} old")?;
    if let Some(expires) = client.expires_at_seconds {
        let left = span(Duration::from_secs(client.expires_in_seconds.unwrap_or_default()));
        write!(f, ", expires {} (in {left}", date(expires))?;
        match client.forecast {
            Some(Forecast::Late) => f.write_str("; its refresh is late)")?,
            Some(Forecast::Endangered) => f.write_str("; ITS REFRESH DOES NOT COME)")?,
            _ => f.write_str(")")?,
        }
    }
    match client.assurance {
        Some(assurance) => write!(f, ", {}", assurance_words(assurance)),
        None => Ok(()),
    }
}

fn write_passed_over(f: &mut fmt::Formatter<'_>, passed: &PassedOverStatus) -> fmt::Result {
    let PassedOverStatus { kind, chain, client, first, last, reason, at_millis } = passed;
    match (kind, client) {
        (PassedOverKind::States, Some(client)) => {
            write!(
                f,
                "\n  NOT COMPARED: the states that client {client} on {chain} stores from height {first} to {last}"
            )?;
        }
        _ => write!(f, "\n  NOT READ: the events of block {first} of {chain}")?,
    }
    write!(f, ", {}: {reason}", date(at_millis.seconds()))
}

fn assurance_words(assurance: Assurance) -> String {
    assurance.to_string()
}

fn write_direction(f: &mut fmt::Formatter<'_>, now: u64, direction: &DirectionStatus) -> fmt::Result {
    let counts: Vec<_> = direction
        .states
        .iter()
        .filter(|count| count.count > 0)
        .map(|count| format!("{} {}", count.count, count.state.as_str()))
        .collect();
    let counts = if counts.is_empty() { "no packets".to_owned() } else { counts.join(", ") };
    write!(f, "\n  {} to {}: {counts}", direction.source_chain, direction.destination_chain)?;
    let waiting: Vec<_> = direction
        .waiting
        .iter()
        .filter(|count| count.count > 0)
        .map(|count| format!("{} for {}", count.count, count.waiting.as_str()))
        .collect();
    if !waiting.is_empty() {
        write!(f, "; waiting: {}", waiting.join(", "))?;
    }
    if let Some(oldest) = direction.oldest_since_millis {
        write!(f, "; the oldest for {}", span(Duration::from_secs(now.saturating_sub(oldest.seconds()))))?;
    }
    Ok(())
}
