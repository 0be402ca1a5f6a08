//! The program under test, set up with an operator's commands, and the process of it that relays.

use crate::story::{Outcome, PATIENCE};
use e2e::program::{Process, Program};
use e2e::wait;
use serde_json::Value;
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// The program, and the process of it that relays.
pub(crate) struct Relayer {
    process: Option<Process>,
    pub(crate) program: Program,
}

/// An operator's configuration in `config`, with keys by name; the program's logs go to `logs`.
pub(crate) fn configured(config: &Path, logs: &Path, keys: &[(&str, &str)]) -> Outcome<Program> {
    let program = Program::new(config.to_owned(), logs.to_owned())?;
    program.run(&["init", &config.to_string_lossy()], "")?;
    let password = logs.join("password");
    fs::write(&password, "correct horse battery\n")?;
    for (name, key) in keys {
        program.run(&["keys", "import", name, "--password-file", &password.to_string_lossy()], key)?;
    }
    // Free when it is asked for; the relayer is restarted on the same one.
    let page = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    edit(&config.join("relayer.toml"), "relayer.toml", config, &[("127.0.0.1:9180", &page)])?;
    Ok(program)
}

impl Relayer {
    pub(crate) const fn new(program: Program) -> Self {
        Self { process: None, program }
    }

    /// `lighterman start`, on the database that is there, and waits until it relays.
    pub(crate) fn start(&mut self) -> Outcome {
        let (process, _) = self.program.start("relayer", &["--log-level", "info", "start"])?;
        self.process = Some(process);
        Ok(wait::until("the relayer runs", PATIENCE, || match self.status() {
            Ok(status) if status["running"] == true => Ok(()),
            Ok(status) => Err(status.to_string()),
            Err(error) => Err(error.to_string()),
        })?)
    }

    /// The number of the process that relays.
    #[allow(dead_code, reason = "a benchmark measures it")]
    pub(crate) fn process_id(&self) -> Option<u32> {
        self.process.as_ref().map(Process::id)
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Outcome {
        self.process.take().ok_or("the relayer does not run")?.kill();
        Ok(())
    }

    /// Ends it as an operator does.
    pub(crate) fn end(&mut self) -> Outcome {
        let status = self.process.take().ok_or("the relayer does not run")?.end()?;
        if status.success() { Ok(()) } else { Err(format!("the relayer ended with {status}").into()) }
    }

    /// `lighterman status --json`.
    pub(crate) fn status(&self) -> Outcome<Value> {
        Ok(self.program.ask(&["status"])?)
    }
}

/// Writes the file of a path between two chains, and removes what else `init` wrote about chains and paths.
pub(crate) fn write_path(config: &Path, name: &str, chains: [&str; 2], clients: [&str; 2]) -> Outcome {
    for (folder, kept) in [("chains", chains.as_slice()), ("paths", &[])] {
        for entry in fs::read_dir(config.join(folder))? {
            let file = entry?.path();
            if !kept.iter().any(|name| file.file_stem() == Some(name.as_ref())) {
                fs::remove_file(file)?;
            }
        }
    }
    let [a, b] = chains;
    let [on_a, on_b] = clients;
    let text = format!(
        "enabled = true\n\n[a]\nchain = \"{a}\"\nclient = \"{on_a}\"\n\n[b]\nchain = \"{b}\"\nclient = \"{on_b}\"\n"
    );
    Ok(fs::write(config.join(format!("paths/{name}.toml")), text)?)
}

/// Writes a file of `init` to another name, with each of the texts replaced; each must be there.
pub(crate) fn edit(from: &Path, to: &str, config: &Path, changes: &[(&str, &str)]) -> Outcome {
    let mut text = fs::read_to_string(from)?;
    for (old, new) in changes {
        if !text.contains(old) {
            return Err(format!("{}: nothing like {old:?} to change", from.display()).into());
        }
        text = text.replacen(old, new, 1);
    }
    fs::remove_file(from)?;
    Ok(fs::write(config.join(to), text)?)
}
