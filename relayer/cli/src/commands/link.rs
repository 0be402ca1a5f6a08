use crate::{
    args,
    config::{self, ChainSettings},
    error::CliError,
    keys::Keys,
    link::{
        End, Link, LinkReport, PendingAct,
        ibc::{self, IbcEnd},
    },
    output::{Output, confirm, tell},
    record,
    when::date,
};
use adapter::Bootstrap;
use serde::Serialize;
use std::{fmt, path::Path};

#[derive(Serialize)]
struct Answer {
    path: String,
    #[serde(flatten)]
    report: LinkReport,
}

/// Links one path as far as that goes now.
pub(crate) async fn run(args: &args::Link, config_path: &Path, output: Output) -> Result<(), CliError> {
    let config = config::load(config_path)?;
    let path = config.path(&args.path)?;
    let keys = Keys::new(&config);
    let [a, b] = &path.ends;
    let record_file = record::link_file(&config.folder, path.id.as_str());
    let confirm = |chain: &str, bootstrap: &Bootstrap| confirmed(chain, bootstrap, args.yes);
    let report = match (&config.chain(&a.chain)?.settings, &config.chain(&b.chain)?.settings) {
        (ChainSettings::Evm(_), ChainSettings::Evm(_)) => {
            let ends = [End::connect(&config, &keys, a).await?, End::connect(&config, &keys, b).await?];
            Link { ends, record_file }.run(&confirm, args.wait).await?
        }
        (ChainSettings::Cosmos(_), ChainSettings::Cosmos(_)) => {
            let ends = [IbcEnd::connect(&config, &keys, a).await?, IbcEnd::connect(&config, &keys, b).await?];
            ibc::run(ends, &record_file, &config.path_file(path), &confirm).await?
        }
        // The configuration was checked for it.
        _ => return Err(config.chain(&b.chain)?.wrong_kind().into()),
    };
    let linked = report.linked;
    output.answer(&Answer { path: path.id.to_string(), report })?;
    // To be continued when the acts fall due.
    if linked { Ok(()) } else { Err(CliError::Told(7)) }
}

fn confirmed(chain: &str, bootstrap: &Bootstrap, yes: bool) -> Result<bool, CliError> {
    tell(format_args!("what will be trusted of {chain}; compare it with what its own operators see:"));
    for (label, value) in &bootstrap.fingerprint {
        tell(format_args!("  {label:20} {value}"));
    }
    if yes {
        return Ok(true);
    }
    confirm(&format!(
        "Is this {chain}, and does no other chain have the same validators' keys, chain id and Router address?"
    ))
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for end in &self.report.ends {
            let (chain, client, follows) = (&end.chain, &end.client, &end.follows);
            if end.pending.is_empty() {
                writeln!(f, "{chain}: client {client} follows {follows}; nothing is left to be done")?;
                continue;
            }
            writeln!(f, "{chain}: client {client} of {follows} waits for governance")?;
            end.pending.iter().try_for_each(|act| write_act(f, act))?;
        }
        let path = &self.path;
        if self.report.linked {
            return write!(f, "path {path} is linked; next: lighterman start");
        }
        write!(f, "run `lighterman link {path}` again when these acts are due or approved")
    }
}

fn write_act(f: &mut fmt::Formatter<'_>, pending: &PendingAct) -> fmt::Result {
    let PendingAct { what, act, approvals, threshold, due_seconds, governance } = pending;
    match (act, due_seconds) {
        (Some(act), Some(due)) => writeln!(f, "  act {act}: {what}; due {}", date(*due)),
        (Some(act), None) => {
            writeln!(f, "  act {act}: {what}; {approvals} of {threshold} approve: others have to, in {governance}")
        }
        (None, _) => writeln!(f, "  {what}: not proposed, since no key of a member of {governance} is configured"),
    }
}
