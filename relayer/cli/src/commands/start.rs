use crate::{
    args,
    config::{Config, ConfigError},
    error::CliError,
    facts,
    keys::Keys,
    output::Output,
    receipts::ReceiptsView,
    relay::{self, RelayChain, Unconnected},
    signal,
    window::{Window, unconnected},
};
use adapter::AdapterErrorKind;
use relayer_api::{Api, ApiConfig, ChainFacts, Extension};
use relayer_engine::{Engine, EngineHandle, SystemClock};
use relayer_store::{SqliteStore, Store};
use serde::Serialize;
use std::{fmt, sync::Arc, time::Duration};
use tokio::task::JoinSet;

/// How often a chain that does not answer is tried again.
const CONNECT_AGAIN: Duration = Duration::from_secs(3);
/// How often validators and governance are looked at.
const FACTS_PERIOD: Duration = Duration::from_secs(5);

#[derive(Serialize)]
struct Started {
    page: String,
    database: String,
    paths: usize,
}

/// Runs the relayer until it is asked to end.
pub(crate) async fn run(args: &args::Start, config: Config, output: Output) -> Result<(), CliError> {
    let listen = args.listen.unwrap_or(config.listen);
    if !listen.ip().is_loopback() && !config.allow_other_hosts {
        let expected = "an address of this machine only (or api.allow_other_hosts = true in relayer.toml)";
        return Err(ConfigError::one("command line", "--listen", expected, listen.to_string()).into());
    }
    let keys = Keys::new(&config);
    let mut missing = relay::chains(&config, &keys)?;
    let store = Arc::new(SqliteStore::open(&config.database, &relay::owner()).await?);
    let window = Window::new(Arc::clone(&store) as Arc<dyn Store>);
    window.set_facts(missing.iter().filter_map(|chain| facts::of_config(chain.config())).collect());
    let receipts = ReceiptsView::new();
    let api = ApiConfig { listen, extensions: vec![Arc::clone(&receipts) as Arc<dyn Extension>] };
    let api = Api::start(api, Arc::clone(&window) as Arc<dyn relayer_api::Backend>).await?;
    output.answer(&Started {
        page: format!("http://{}/", api.address()),
        database: config.database.display().to_string(),
        paths: config.paths.values().filter(|path| path.enabled).count(),
    })?;

    let mut connected: Vec<RelayChain> = Vec::new();
    let mut engine: Option<EngineHandle> = None;
    let mut checks = JoinSet::new();
    let end = signal::asked_to_end();
    tokio::pin!(end);
    let ended = loop {
        let before = connected.len();
        tokio::select! {
            () = &mut end => break Ok(()),
            result = connect_more(&mut missing, &mut connected, &window) => if let Err(error) = result { break Err(error) },
        }
        if connected.len() > before {
            // Chains that have come make new paths possible; what is under way goes on from the database.
            if let Some(engine) = engine.take() {
                window.let_go();
                engine.stop().await;
            }
            let handles = relay::engine_config(&config, &connected)?;
            if !handles.paths.is_empty() {
                let store = Arc::clone(&store) as Arc<dyn Store>;
                let started = Engine::start(handles, store, Arc::new(SystemClock)).await?;
                window.show(started.watch());
                engine = Some(started);
            }
            // No path waits for it; a client that is another than its path needs ends the program.
            checks.spawn(relay::check_clients(config.clone(), connected.clone()));
            for chain in connected.iter().skip(before) {
                receipts.add(chain).await;
                watch_facts(chain.clone(), Arc::clone(&window));
            }
        }
        tokio::select! {
            () = &mut end => break Ok(()),
            () = tokio::time::sleep(CONNECT_AGAIN), if !missing.is_empty() => {}
            Some(check) = checks.join_next() => if let Ok(Err(error)) = check { break Err(error) },
        }
    };
    tracing::info!("ending");
    window.let_go();
    if let Some(engine) = engine {
        engine.stop().await;
    }
    api.stop().await?;
    // Tasks that only look may still hold it; the system lets go of the file when the process ends.
    if let Some(store) = Arc::into_inner(store) {
        store.close().await;
    }
    ended
}

/// Tries every chain that is missing, all at once. One of another chain id ends the program: it would never be right.
async fn connect_more(
    missing: &mut Vec<Unconnected>,
    connected: &mut Vec<RelayChain>,
    window: &Window,
) -> Result<(), CliError> {
    let results = futures::future::join_all(missing.iter().map(Unconnected::connect)).await;
    let mut still = Vec::new();
    let mut shown = Vec::new();
    for (chain, result) in std::mem::take(missing).into_iter().zip(results) {
        match result {
            Ok(chain) => connected.push(chain),
            Err(CliError::Chain { source, .. }) if source.kind() != AdapterErrorKind::Config => {
                let note = crate::error::Chain(&source).to_string();
                tracing::warn!(chain = chain.config().name, reason = note, "does not answer; trying again");
                shown.extend(facts::of_config(chain.config()).map(|facts| unconnected(&facts, note)));
                still.push(chain);
            }
            Err(error) => return Err(error),
        }
    }
    *missing = still;
    window.set_unconnected(shown);
    Ok(())
}

/// Keeps what is shown of a chain up to date for as long as the program runs.
pub(crate) fn watch_facts(chain: RelayChain, window: Arc<Window>) {
    tokio::spawn(async move {
        let Some(mut known) = facts::of_config(&chain.config) else { return };
        let mut ticks = tokio::time::interval(FACTS_PERIOD);
        loop {
            ticks.tick().await;
            let before: ChainFacts = known.clone();
            facts::refresh(&chain, &mut known).await;
            if known != before {
                window.set_facts_of(known.clone());
            }
        }
    });
}

impl fmt::Display for Started {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relaying on {} paths, database {}; page {}", self.paths, self.database, self.page)
    }
}
