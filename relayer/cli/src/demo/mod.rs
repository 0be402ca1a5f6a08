//! `lighterman demo`: three development chains of three kinds in this process, and everything else as in production: the same deploying,
//! linking, engine and page. Only the levers, by which a visitor makes things happen, exist nowhere else.

mod levers;
mod stage;
mod story;

use crate::{
    args,
    error::CliError,
    output::{Output, print, tell},
    receipts::{ReceiptsView, SupplyCheck},
    relay, signal,
    window::Window,
};
use async_trait::async_trait;
use relayer_api::{Api, ApiConfig, Backend, Extension, Section};
use relayer_store::{SqliteStore, Store};
use serde::Serialize;
use serde_json::{Value, json};
use stage::Stage;
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

/// The demo while it runs.
pub(crate) struct Demo {
    started: Instant,
    /// Lines go to standard error, because standard output is for JSON.
    json: bool,
    told: Mutex<Vec<Step>>,
    stage: OnceLock<Stage>,
    /// The script has been played: the levers are the visitor's.
    ready: AtomicBool,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    after_millis: u64,
    en: String,
    zh: String,
    failed: bool,
}

/// What `--once` answers.
#[derive(Serialize)]
struct Answer {
    ok: bool,
    first_minted_millis: u64,
    steps: Vec<Step>,
    supply: SupplyCheck,
}

/// Plays the script and then, unless `--once`, stays until it is asked to end.
pub(crate) async fn run(args: &args::Demo, output: Output) -> Result<(), CliError> {
    let demo = Arc::new(Demo {
        started: Instant::now(),
        json: output.is_json(),
        told: Mutex::default(),
        stage: OnceLock::new(),
        ready: AtomicBool::new(false),
    });
    let folder = tempfile::tempdir().map_err(|source| CliError::File {
        file: std::env::temp_dir(),
        operation: "a folder could not be made in it",
        source,
    })?;
    let store = Arc::new(SqliteStore::open(&folder.path().join("relayer.db"), &relay::owner()).await?);
    let window = Window::new(Arc::clone(&store) as Arc<dyn Store>);
    let receipts = ReceiptsView::with_acts();
    let extensions =
        vec![Arc::clone(&receipts) as Arc<dyn Extension>, Arc::new(Levers(Arc::clone(&demo))) as Arc<dyn Extension>];
    let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, args.port));
    let api = Api::start(ApiConfig { listen, extensions }, Arc::clone(&window) as Arc<dyn Backend>).await?;
    demo.line(&format!("http://{}/ shows what happens", api.address()))?;

    let end = signal::asked_to_end();
    tokio::pin!(end);
    let mut failure = None;
    let played = async {
        let setting = Stage::set(&demo, folder.path(), Arc::clone(&store) as Arc<dyn Store>, window, receipts);
        let stage = setting.await?;
        let stage = demo.stage.get_or_init(|| stage);
        story::play(&demo, stage).await
    };
    tokio::select! {
        () = &mut end => {}
        result = played => {
            match result {
                Ok(ending) if args.once => {
                    let answer = Answer {
                        ok: ending.supply.wrong.is_empty() && ending.supply.supply.settled,
                        first_minted_millis: ending.first_minted_millis,
                        steps: demo.steps(),
                        supply: ending.supply,
                    };
                    if !answer.ok {
                        failure = Some(CliError::Told(1));
                    }
                    output.answer(&answer)?;
                }
                Ok(_) => {
                    demo.ready.store(true, Ordering::Release);
                    demo.say("The levers are yours. Ctrl-C ends the demo.", "现在轮到您操作。按 Ctrl-C 结束演示。")?;
                    end.await;
                }
                Err(error) => {
                    let words = crate::error::Chain(&error).to_string();
                    demo.note(Step { after_millis: demo.millis(), en: words.clone(), zh: words, failed: true });
                    failure = Some(error);
                }
            }
        }
    }
    if let Some(stage) = demo.stage.get() {
        stage.end().await;
    }
    api.stop().await?;
    // Tasks that only look may still hold it; the system lets go of the file when the process ends.
    if let Some(store) = Arc::into_inner(store) {
        store.close().await;
    }
    failure.map_or(Ok(()), Err)
}

impl Demo {
    /// Tells what happened, on the page and in the terminal.
    fn say(&self, en: &str, zh: &str) -> Result<(), CliError> {
        let after_millis = self.millis();
        self.note(Step { after_millis, en: en.to_owned(), zh: zh.to_owned(), failed: false });
        let seconds = self.started.elapsed().as_secs_f32();
        self.line(&format!("{seconds:6.1} s  {en}"))
    }

    fn line(&self, text: &str) -> Result<(), CliError> {
        if self.json {
            tell(text);
            return Ok(());
        }
        print(text)
    }

    fn note(&self, step: Step) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(step);
    }

    fn steps(&self) -> Vec<Step> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

/// The demo's part of the page, and its routes.
struct Levers(Arc<Demo>);

#[async_trait]
impl Extension for Levers {
    fn name(&self) -> &'static str {
        "demo"
    }

    fn section(&self) -> Section {
        Section {
            html: include_str!("section.html"),
            script: include_str!("section.js"),
            style: include_str!("section.css"),
        }
    }

    async fn data(&self) -> Value {
        let Self(demo) = self;
        let (validators, relayer_running) = match demo.stage.get() {
            Some(stage) => (stage.validators(), stage.is_relaying().await),
            None => (Vec::new(), false),
        };
        json!({
            "ready": demo.is_ready(),
            "relayer_running": relayer_running,
            "validators": validators,
            "story": demo.steps(),
        })
    }

    fn routes(&self) -> axum::Router {
        levers::routes(Arc::clone(&self.0))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SupplyCheck { supply, escrow, outstanding, wrong } = &self.supply;
        write!(f, "issued {}", supply.issued)?;
        supply.live.iter().try_for_each(|live| write!(f, ", live on {} {}", live.chain, live.quantity))?;
        write!(f, ", in flight {}, redeemed {}", supply.in_flight, supply.redeemed)?;
        write!(f, "; escrow {escrow}, outstanding {outstanding}")?;
        wrong.iter().try_for_each(|wrong| write!(f, "\nwrong: {wrong}"))?;
        f.write_str(if self.ok { "\nthe supply is right on all chains" } else { "\nTHE SUPPLY IS WRONG" })
    }
}
