use crate::{
    args,
    config::{self, Config, ConfigError, one_of},
    daemon,
    error::CliError,
    output::Output,
    relay,
    when::date,
};
use light_client::Sequence;
use relayer_api::PacketReport;
use relayer_core::{Direction, PacketState, PathId};
use relayer_engine::{Clock as _, Resumed, SystemClock, resume_stored};
use relayer_store::{PacketQuery, Store as _};
use serde::Serialize;
use std::{fmt, path::Path};

#[derive(Serialize)]
#[serde(transparent)]
struct Packets {
    packets: Vec<PacketReport>,
}

/// What `resume` answers.
#[derive(Serialize)]
struct Going {
    path: PathId,
    direction: Direction,
    sequence: Sequence,
    resumed: bool,
}

/// Lists packets, newest first, or lets one go on.
pub(crate) async fn run(args: &args::Packets, config_path: &Path, output: Output) -> Result<(), CliError> {
    let config = config::load(config_path)?;
    if let Some(args::PacketsAct::Resume { path, direction, sequence }) = &args.act {
        return resume(&config, [path, direction], *sequence, output).await;
    }
    let path = args.path.as_ref().map(|name| path_of(&config, "--path", name)).transpose()?;
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

fn wrong(key: &'static str, expected: impl Into<String>, found: &str) -> ConfigError {
    ConfigError::one("command line", key, expected, format!("{found:?}"))
}

fn path_of(config: &Config, key: &'static str, name: &str) -> Result<PathId, ConfigError> {
    let path = config.paths.get(name).map(|path| path.id.clone());
    path.ok_or_else(|| wrong(key, one_of(config.paths.keys()), name))
}

async fn resume(config: &Config, [path, direction]: [&str; 2], sequence: u64, output: Output) -> Result<(), CliError> {
    let path = path_of(config, "PATH", path)?;
    let direction = [Direction::AToB, Direction::BToA]
        .into_iter()
        .find(|one| one.as_str() == direction)
        .ok_or_else(|| wrong("DIRECTION", "a-to-b or b-to-a", direction))?;
    let sequence =
        Sequence::try_from(sequence).map_err(|_| wrong("SEQUENCE", "a number from 1 on", &sequence.to_string()))?;
    let resumed = match daemon::open_to_write(config).await? {
        Some(store) => {
            let now = SystemClock.now();
            let resumed = resume_stored(&store, &relay::owner(), &path, direction, sequence, now).await;
            store.close().await;
            resumed?
        }
        None => Resumed::Unknown,
    };
    match resumed {
        Resumed::Yes => output.answer(&Going { path, direction, sequence, resumed: true }),
        Resumed::NotParked(state) => {
            Err(CliError::No(format!("packet {sequence} {direction} of {path} is not parked: it is {state}")))
        }
        Resumed::Unknown => Err(CliError::No(format!("no packet {sequence} {direction} of {path} is known"))),
    }
}

impl fmt::Display for Going {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, direction, sequence, .. } = self;
        write!(f, "packet {sequence} {direction} of {path} goes on; next: lighterman start")
    }
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
            let way = packet.direction;
            let since = date(packet.since_millis.seconds());
            write!(f, "{} {way} {}  {} since {since}", packet.path, packet.sequence, packet.state.as_str())?;
            if !packet.state.is_settled() {
                write!(f, "  waits for {}", packet.waiting.as_str())?;
                if packet.tries > 0 {
                    let next = date(packet.next_try_millis.seconds());
                    write!(f, " ({} tries, next {next})", packet.tries)?;
                }
                if let Some(parked) = packet.parked {
                    let packet = format_args!("{} {way} {}", packet.path, packet.sequence);
                    write!(f, "  parked: {}; to let it go on: lighterman packets resume {packet}", parked.as_str())?;
                }
                if packet.timeout_seconds > 0 {
                    write!(f, "  times out {}", date(packet.timeout_seconds))?;
                }
            }
        }
        Ok(())
    }
}
