use crate::{
    args,
    config::{self, ConfigError, one_of},
    daemon,
    error::CliError,
    output::Output,
    when::date,
};
use relayer_api::PacketReport;
use relayer_core::{Direction, PacketState};
use relayer_store::{PacketQuery, Store as _};
use serde::Serialize;
use std::{fmt, path::Path};

#[derive(Serialize)]
#[serde(transparent)]
struct Packets {
    packets: Vec<PacketReport>,
}

/// Lists packets, newest first.
pub(crate) async fn run(args: &args::Packets, config_path: &Path, output: Output) -> Result<(), CliError> {
    let config = config::load(config_path)?;
    let wrong = |key, expected, found: &str| ConfigError::one("command line", key, expected, format!("{found:?}"));
    let path = match &args.path {
        Some(name) => match config.paths.get(name) {
            Some(path) => Some(path.id.clone()),
            None => return Err(wrong("--path", one_of(config.paths.keys()), name).into()),
        },
        None => None,
    };
    let state = match &args.state {
        Some(text) => {
            let names: Vec<String> = PacketState::ALL.iter().map(|state| state.as_str().to_owned()).collect();
            let state = PacketState::ALL.iter().copied().find(|state| state.as_str() == text);
            Some(state.ok_or_else(|| wrong("--state", one_of(names.iter()), text))?)
        }
        None => None,
    };
    let mut question = format!("/api/packets?limit={}&pending={}", args.limit, args.pending);
    if let Some(path) = &path {
        question += &format!("&path={path}");
    }
    if let Some(state) = state {
        question += &format!("&state={}", state.as_str());
    }
    let packets = match daemon::ask(&config, &question).await? {
        Some(packets) => packets,
        None => {
            let query = PacketQuery { path, state, pending: args.pending, limit: args.limit, ..PacketQuery::default() };
            match daemon::open_to_read(&config).await? {
                Some(store) => store.packets(&query).await?.iter().map(PacketReport::from).collect(),
                None => Vec::new(),
            }
        }
    };
    output.answer(&Packets { packets })
}

impl fmt::Display for Packets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.packets.is_empty() {
            return f.write_str("no such packets");
        }
        for (index, packet) in self.packets.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let way = match packet.direction {
                Direction::AToB => "a to b",
                Direction::BToA => "b to a",
            };
            let since = date(packet.since_millis.seconds());
            write!(f, "{} {way} {}  {} since {since}", packet.path, packet.sequence, packet.state.as_str())?;
            if !packet.state.is_settled() {
                write!(f, "  waits for {}", packet.waiting.as_str())?;
                if packet.tries > 0 {
                    let next = date(packet.next_try_millis.seconds());
                    write!(f, " ({} tries, next {next})", packet.tries)?;
                }
                if let Some(parked) = packet.parked {
                    write!(f, "  parked: {}", parked.as_str())?;
                }
                if packet.timeout_seconds > 0 {
                    write!(f, "  times out {}", date(packet.timeout_seconds))?;
                }
            }
        }
        Ok(())
    }
}
