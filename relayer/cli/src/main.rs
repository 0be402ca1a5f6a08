//! The `lighterman` program: reads the operator's configuration, puts the parts together, and is the only place that
//! names concrete chains.

mod args;
mod commands;
mod config;
mod daemon;
mod demo;
mod deploy;
mod error;
mod facts;
mod hosted;
mod keys;
mod link;
mod logging;
mod online;
mod output;
mod receipts;
mod record;
mod registry;
mod relay;
mod rules;
mod signal;
mod verify;
mod when;
mod window;

use args::{Args, Command};
use clap::Parser as _;
use config::LogFormat;
use error::{Chain, CliError};
use output::Output;
use std::process::ExitCode;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let args = Args::parse();
    let output = Output::new(args.global.json);
    // With more than one cryptography crate in the build rustls could not choose; whoever chose before may stay.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let result = runtime(&args.command)
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
        .and_then(|runtime| runtime.block_on(run(args)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            match &error {
                CliError::Told(_) => {}
                error if output.is_json() => {
                    output::tell(serde_json::json!({ "error": Chain(error).to_string(), "status": error.status() }));
                }
                error => output::tell(format_args!("lighterman: {}", Chain(error))),
            }
            ExitCode::from(error.status())
        }
    }
}

/// The relayer mostly waits: one thread takes less time than several that wake each other, and keeps less of the memory
/// that was freed. Development chains compute.
fn runtime(command: &Command) -> Builder {
    match command {
        Command::Demo(_) | Command::Devchain(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    }
}

async fn run(args: Args) -> Result<(), CliError> {
    let global = &args.global;
    let output = Output::new(global.json);
    // `start` goes by its configuration where the command line says nothing; the others speak up when something is wrong.
    let log = |format, level: &str| {
        logging::start(global.log_format.unwrap_or(format), global.log_level.as_deref().unwrap_or(level))
    };
    if !matches!(args.command, Command::Start(_)) {
        log(LogFormat::Text, "warn")?;
    }
    match &args.command {
        Command::Init(init) => commands::init::run(init, output),
        Command::Check(check) => commands::check::run(check, &global.config, output).await,
        Command::Keys { command } => commands::keys::run(command, &global.config, output),
        Command::Deploy(deploy) => commands::deploy::run(deploy, &global.config, output).await,
        Command::Link(link) => commands::link::run(link, &global.config, output).await,
        Command::Start(start) => {
            let config = config::load(&global.config)?;
            log(config.log_format, &config.log_level)?;
            commands::start::run(start, config, output).await
        }
        Command::Status => commands::status::run(&global.config, output).await,
        Command::Packets(packets) => commands::packets::run(packets, &global.config, output).await,
        Command::Evidence(evidence) => commands::evidence::run(evidence, &global.config, output).await,
        Command::Verify { command } => match verify::run(command, global.json, &mut std::io::stdout().lock()) {
            0 => Ok(()),
            status => Err(CliError::Told(status)),
        },
        Command::Demo(demo) => demo::run(demo, output).await,
        Command::Devchain(devchain) => commands::devchain::run(devchain, &global.config, output).await,
    }
}
