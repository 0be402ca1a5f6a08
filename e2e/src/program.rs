//! The program under test, `lighterman`, driven from outside as an operator drives it: command lines, answers in JSON,
//! processes that write logs.

use crate::wait;
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Longest wait for a process's first answer. On a busy machine it has taken 2 s.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Lines of each log that are shown when a scenario fails.
const SHOWN_LINES: usize = 30;

/// Why the program could not be built, started or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProgramError {
    /// A file or a process could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Cargo could not build it.
    #[error("cargo could not build lighterman ({status}): {output}")]
    Build {
        /// Its status.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// A command ended badly.
    #[error("lighterman {arguments}: {status}: {output}")]
    Failed {
        /// The command line.
        arguments: String,
        /// Its status.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
    /// A process ended or fell silent before it answered.
    #[error("lighterman {arguments} did not start: {reason}; its log: {log}")]
    Start {
        /// The command line.
        arguments: String,
        /// How it was seen.
        reason: String,
        /// What it printed on standard error.
        log: String,
    },
    /// An answer is no JSON.
    #[error("lighterman {arguments}: expected JSON, found {found}")]
    NotJson {
        /// The command line.
        arguments: String,
        /// What came.
        found: String,
    },
}

/// The program with a configuration. What it says on standard error is in files beside the configuration's folder.
#[derive(Clone, Debug)]
pub struct Program {
    binary: PathBuf,
    config: PathBuf,
    logs: PathBuf,
}

impl Program {
    /// Builds the program when its sources changed. Its configuration will be in `config`, its logs in `logs`.
    ///
    /// # Errors
    /// [`ProgramError::Build`], [`ProgramError::Io`].
    pub fn new(config: PathBuf, logs: PathBuf) -> Result<Self, ProgramError> {
        Ok(Self { binary: build()?, config, logs })
    }

    /// The folder of the configuration.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Runs a command to its end, which must be a good one, and returns its standard output.
    ///
    /// # Errors
    /// [`ProgramError::Failed`], [`ProgramError::Io`].
    pub fn run(&self, arguments: &[&str], input: &str) -> Result<String, ProgramError> {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |source| io_error(&format!("run lighterman {}", arguments.join(" ")), source);
        let mut child = command.spawn().map_err(failed)?;
        if let Some(mut pipe) = child.stdin.take() {
            // A command that does not read its input may have ended before all of it was written.
            let _ = pipe.write_all(input.as_bytes());
        }
        let output = child.wait_with_output().map_err(failed)?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let mut log = self.log("commands")?;
        writeln!(log, "$ lighterman {}\n{err}", arguments.join(" ")).map_err(failed)?;
        if output.status.success() {
            return Ok(out.into_owned());
        }
        let output_text = format!("{out}{err}");
        Err(ProgramError::Failed { arguments: arguments.join(" "), status: output.status, output: output_text })
    }

    /// Runs a command with `--json` to its end, which must be a good one, and returns its answer.
    ///
    /// # Errors
    /// As [`Program::run`], and [`ProgramError::NotJson`].
    pub fn ask(&self, arguments: &[&str]) -> Result<Value, ProgramError> {
        let arguments = [arguments, &["--json"]].concat();
        let out = self.run(&arguments, "")?;
        serde_json::from_str(&out).map_err(|_| ProgramError::NotJson { arguments: arguments.join(" "), found: out })
    }

    /// Starts a process and waits for its answer, the first that it prints. Its log is `NAME.log`; a process started
    /// under the same name goes on writing there.
    ///
    /// # Errors
    /// [`ProgramError::Start`], [`ProgramError::Io`].
    pub fn start(&self, name: &str, arguments: &[&str]) -> Result<(Process, Value), ProgramError> {
        let arguments = [arguments, &["--json"]].concat();
        let answer = self.logs.join(format!("{name}.answer"));
        let out = File::create(&answer).map_err(|source| io_error(&format!("make {}", answer.display()), source))?;
        let mut command = self.command(&arguments);
        command.stdin(Stdio::null()).stdout(out).stderr(self.log(name)?);
        let child = command.spawn().map_err(|source| io_error(&format!("start {name}"), source))?;
        let mut process = Process(child);
        let answered = wait::until(&format!("{name}'s answer"), START_LIMIT, || {
            let text = fs::read_to_string(&answer).unwrap_or_default();
            match (serde_json::from_str(&text), process.0.try_wait()) {
                (Ok(value), _) => Ok(Ok(value)),
                // It ends by itself only when it fails; that is an answer too, and not worth the whole limit.
                (Err(_), Ok(Some(status))) => Ok(Err(format!("it ended with {status}"))),
                (Err(_), _) => Err(text),
            }
        });
        match answered.map_err(|error| error.to_string()).and_then(|answer| answer) {
            Ok(value) => Ok((process, value)),
            Err(reason) => {
                let log = fs::read_to_string(self.logs.join(format!("{name}.log"))).unwrap_or_default();
                Err(ProgramError::Start { arguments: arguments.join(" "), reason, log })
            }
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.env_remove("LIGHTERMAN_CONFIG").arg("--config").arg(&self.config).args(arguments);
        command
    }

    fn log(&self, name: &str) -> Result<File, ProgramError> {
        let file = self.logs.join(format!("{name}.log"));
        let opened = OpenOptions::new().create(true).append(true).open(&file);
        opened.map_err(|source| io_error(&format!("open {}", file.display()), source))
    }
}

/// A process of the program. Dropping it kills it.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// `kill -9`; returns when the process is gone.
    pub fn kill(self) {
        drop(self);
    }

    /// Asks it to end, as an operator does, and waits until it has.
    ///
    /// # Errors
    /// [`ProgramError::Io`].
    pub fn end(mut self) -> Result<ExitStatus, ProgramError> {
        let asked = Command::new("kill").arg(self.0.id().to_string()).status();
        asked.map_err(|source| io_error("run kill", source))?;
        self.0.wait().map_err(|source| io_error("wait for the process's end", source))
    }

    /// Its number in the system's process table.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Failing to kill or to reap leaves nothing else to try; the process table is the system's.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Shows the last lines of every log in a folder, and of the nodes in it, when it is dropped by a test that fails.
#[derive(Debug)]
pub struct LogsOnFailure(pub PathBuf);

impl Drop for LogsOnFailure {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The test fails in any case; what cannot be read or written here is only missed.
            let _ = show(&self.0, &mut io::stderr().lock());
        }
    }
}

fn show(folder: &Path, out: &mut impl io::Write) -> io::Result<()> {
    // The program's logs lie in the folder itself, a node's is the file `log` in the node's own; deeper ones are
    // databases' write-ahead logs.
    for entry in sorted(folder)? {
        if entry.extension().is_some_and(|extension| extension == "log") {
            show_end(&entry, out)?;
        } else if entry.join("log").is_file() {
            show_end(&entry.join("log"), out)?;
        }
    }
    Ok(())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

fn show_end(file: &Path, out: &mut impl io::Write) -> io::Result<()> {
    let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
    let lines: Vec<&str> = text.lines().collect();
    writeln!(out, "\n--- {}: {} lines, the last of them:", file.display(), lines.len())?;
    lines.iter().skip(lines.len().saturating_sub(SHOWN_LINES)).try_for_each(|line| writeln!(out, "{line}"))
}

/// Builds the program as the tests of the whole workspace build it (so that nothing is compiled again with other
/// features) and returns it. Cargo does nothing when it is up to date.
///
/// # Errors
/// [`ProgramError::Build`], [`ProgramError::Io`].
pub fn build() -> Result<PathBuf, ProgramError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    // What cargo tells a test of the test's own package would make build scripts that look at it run again, and half of
    // the workspace be compiled again, here and at the next build without it.
    let of_this_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_this_package)) {
        command.env_remove(name);
    }
    // Cargo builds a package's programs for its integration tests: this is one of lighterman's.
    let output = command
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .args(["test", "--release", "--workspace", "--locked", "--no-run", "--test", "cli", "--message-format=json"])
        .stdin(Stdio::null())
        .output()
        .map_err(|source| io_error("run cargo", source))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let binary = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|message| {
        let is_it = message["target"]["name"] == "lighterman" && message["target"]["kind"][0] == "bin";
        message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
    });
    match binary {
        Some(binary) if output.status.success() => Ok(binary),
        _ => {
            let output_text = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(ProgramError::Build { status: output.status, output: output_text })
        }
    }
}

fn io_error(what: &str, source: io::Error) -> ProgramError {
    ProgramError::Io { what: what.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_of_logs_are_shown() {
        let folder = std::env::temp_dir().join(format!("lighterman-logs-{}", std::process::id()));
        fs::create_dir_all(folder.join("node")).expect("a folder");
        let long: String = (0..100).map(|line| format!("line {line}\n")).collect();
        for (file, text) in [("a.log", long.as_str()), ("node/log", "said\n"), ("other.toml", "hidden\n")] {
            fs::write(folder.join(file), text).expect("written");
        }
        let mut shown = Vec::new();
        show(&folder, &mut shown).expect("shown");
        fs::remove_dir_all(&folder).expect("removed");
        let shown = String::from_utf8(shown).expect("text");
        assert!(shown.contains("line 99") && shown.contains("said"), "{shown}");
        assert!(!shown.contains("line 69\n") && shown.contains("line 70\n") && !shown.contains("hidden"), "{shown}");
    }
}
