//! What the tests of the whole program share: the binary, a configuration, chains as processes of their own.
#![allow(dead_code, reason = "each test uses a part")]

use std::{
    error::Error,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

pub(crate) type TestResult<T = ()> = Result<T, Box<dyn Error>>;

/// The program, not started yet.
pub(crate) fn lighterman(config: &Path) -> Command {
    // For the test's own questions: with more than one cryptography crate in the build rustls could not choose.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lighterman"));
    command.env_remove("LIGHTERMAN_CONFIG").arg("--config").arg(config).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run(config: &Path, args: &[&str]) -> TestResult<Output> {
    Ok(lighterman(config).args(args).output()?)
}

/// Runs the program to its end, which must be a good one; its standard output.
pub(crate) fn run_well(config: &Path, args: &[&str]) -> TestResult<String> {
    let output = run(config, args)?;
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if !output.status.success() {
        return Err(format!("lighterman {args:?}: {}\n{out}\n{err}", output.status).into());
    }
    Ok(out.into_owned())
}

/// A process that is killed when it is dropped, at the latest.
pub(crate) struct Process {
    pub(crate) child: Child,
    /// The first line that it printed.
    pub(crate) first_line: String,
}

impl Process {
    /// Starts it and waits for its first line.
    pub(crate) fn start(command: &mut Command) -> TestResult<Self> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut out = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut err = child.stderr.take().ok_or("no standard error")?;
        let mut first_line = String::new();
        out.read_line(&mut first_line)?;
        if first_line.is_empty() {
            let mut text = String::new();
            err.read_to_string(&mut text)?;
            return Err(format!("{command:?} ended without a word: {}\n{text}", child.wait()?).into());
        }
        // Nobody reads the rest; a full pipe must not stop the process.
        std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        std::thread::spawn(move || std::io::copy(&mut err, &mut std::io::stderr()));
        Ok(Self { child, first_line })
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> TestResult {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end, as `kill` does, and waits until it has.
    pub(crate) fn end(mut self) -> TestResult<std::process::ExitStatus> {
        Command::new("kill").arg(self.child.id().to_string()).status()?;
        Ok(self.child.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A configuration as `init` writes it, with a key `operator`, for two development chains on free ports.
pub(crate) struct Site {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) ports: [u16; 2],
    pub(crate) page: u16,
}

impl Site {
    pub(crate) fn new() -> TestResult<Self> {
        let folder = tempfile::tempdir()?;
        let root = folder.path();
        run_well(root, &["init", &root.to_string_lossy()])?;
        let password = root.join("password");
        fs::write(&password, "correct horse battery\n")?;
        run_well(root, &["keys", "new", "operator", "--password-file", &password.to_string_lossy()])?;
        let site = Self { ports: [free_port()?, free_port()?], page: free_port()?, folder };
        for (name, old, port) in [("a", "8545", site.ports[0]), ("b", "8546", site.ports[1])] {
            site.change(
                &format!("chains/devchain-{name}.toml"),
                &format!("127.0.0.1:{old}"),
                &format!("127.0.0.1:{port}"),
            )?;
        }
        site.change("relayer.toml", "127.0.0.1:9180", &format!("127.0.0.1:{}", site.page))?;
        Ok(site)
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Replaces the first such text in a file.
    pub(crate) fn change(&self, file: &str, old: &str, new: &str) -> TestResult {
        let file = self.path().join(file);
        let text = fs::read_to_string(&file)?;
        if !text.contains(old) {
            return Err(format!("{}: nothing like {old:?} to change", file.display()).into());
        }
        fs::write(&file, text.replacen(old, new, 1))?;
        Ok(())
    }

    /// Starts chain `a` or `b` as a process of its own.
    pub(crate) fn chain(&self, name: &str, more: &[&str]) -> TestResult<Process> {
        let (id, port) = if name == "a" { ("9001", self.ports[0]) } else { ("9002", self.ports[1]) };
        let mut command = lighterman(self.path());
        command.args(["devchain", "--json", "--chain-id", id, "--port", &port.to_string(), "--fund", "key:operator"]);
        command.args(["--seed", &format!("test {name}"), "--period", "0s"]).args(more);
        Process::start(&mut command)
    }

    /// Starts the relayer.
    pub(crate) fn relayer(&self) -> TestResult<Process> {
        Process::start(lighterman(self.path()).args(["--log-level", "warn", "start", "--json"]))
    }
}

/// A port that is free now.
pub(crate) fn free_port() -> TestResult<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until it is so.
pub(crate) async fn until<F: Future<Output = TestResult<bool>>>(
    what: &str,
    patience: Duration,
    mut is_so: impl FnMut() -> F,
) -> TestResult {
    let start = Instant::now();
    while !is_so().await? {
        if start.elapsed() > patience {
            return Err(format!("{what}: not so after {patience:?}").into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}
