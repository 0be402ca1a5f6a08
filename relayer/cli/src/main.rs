//! The `lighterman` program: reads the operator's configuration, puts the parts together, and is the only place that
//! names concrete chains.

mod args;
mod commands;
mod config;
mod error;
mod keys;
mod logging;
mod online;
mod output;
mod signal;

use args::{Args, Command};
use clap::Parser as _;
use config::LogFormat;
use error::{Chain, CliError};
use output::Output;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = Args::parse();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)
        .and_then(|runtime| runtime.block_on(run(args)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !matches!(error, CliError::Told(_)) {
                output::tell(format_args!("lighterman: {}", Chain(&error)));
            }
            error.exit_code()
        }
    }
}

async fn run(args: Args) -> Result<(), CliError> {
    let global = &args.global;
    let output = Output::new(global.json);
    // `start` goes by the configuration where the command line says nothing; the others speak up when something is wrong.
    let level = global.log_level.as_deref().unwrap_or("warn");
    logging::start(global.log_format.unwrap_or(LogFormat::Text), level)?;
    match &args.command {
        Command::Init(init) => commands::init::run(init, output),
        Command::Check(check) => commands::check::run(check, &global.config, output).await,
        Command::Devchain(devchain) => commands::devchain::run(devchain, &global.config, output).await,
        Command::Keys { command } => commands::keys::run(command, &global.config, output),
    }
}
