use crate::{
    args,
    config::{self, AccountName, Config, ConfigError, EndpointUrl, HeaderValue, KeySource, PasswordSource, Problem},
    error::CliError,
    keys::Keys,
    output::Output,
};
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
};

/// What `check` found.
#[derive(Default, Serialize)]
pub(crate) struct Report {
    /// Nothing may be wrong.
    ok: bool,
    problems: Vec<Problem>,
    /// What is as it should be.
    facts: Vec<String>,
    /// What deserves a look and keeps nothing from working.
    warnings: Vec<String>,
}

/// Says everything that is wrong at once.
pub(crate) async fn run(args: &args::Check, config_path: &Path, output: Output) -> Result<(), CliError> {
    let mut report = Report::default();
    match config::load(config_path) {
        Ok(config) => {
            offline(&config, &mut report);
            if args.online && report.problems.is_empty() {
                crate::online::check(&config, &mut report).await;
            }
        }
        Err(error) => report.problems = error.problems,
    }
    report.ok = report.problems.is_empty();
    output.answer(&report)?;
    if report.ok {
        return Ok(());
    }
    // The problems are on standard output; the status tells scripts.
    Err(CliError::Told(3))
}

/// What can be checked on this machine: the files and variables that the configuration names.
fn offline(config: &Config, report: &mut Report) {
    let paths = config.paths.len();
    report.fact(format!("{} chains, {paths} paths, {} keys are configured", config.chains.len(), config.keys.len()));
    if paths == 0 {
        report.warn("no path is configured: there is nothing to relay".into());
    }
    // Each key is told once, whatever the number of places that name it.
    let mut keys: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let enabled = config.paths.values().filter(|path| path.enabled);
    let in_paths: BTreeSet<_> = enabled.flat_map(|path| path.ends.iter().map(|end| end.chain.as_str())).collect();
    let left_alone: Vec<_> = config.chains.keys().filter(|name| !in_paths.contains(name.as_str())).cloned().collect();
    if !left_alone.is_empty() {
        report.warn(format!("in no enabled path: {}", left_alone.join(", ")));
    }
    for (name, chain) in &config.chains {
        if !in_paths.contains(name.as_str()) {
            continue;
        }
        let evm = chain.evm().ok();
        let custodians =
            evm.iter().flat_map(|evm| &evm.custodians).map(|(_, account)| ("receipts.custodians", account));
        let members = evm.iter().flat_map(|evm| &evm.governance.members).map(|member| ("governance.members", member));
        let named = members.chain(custodians).filter_map(|(key, account)| match account {
            AccountName::Key(name) => Some((key, name.as_str())),
            AccountName::Address(_) => None,
        });
        for (key, name) in named.chain([("transactions.signer", chain.signer.as_str())]) {
            keys.entry(name).or_default().push(format!("{} of {}", key, chain.name));
        }
        for (at, endpoint) in chain.all_endpoints() {
            if let EndpointUrl::Variable(variable) = &endpoint.url {
                let text = std::env::var(variable).unwrap_or_default();
                if reqwest::Url::parse(&text).is_err() {
                    let key = format!("{at}.url_variable = {variable:?}");
                    let found = if text.is_empty() { "none" } else { "another text" };
                    report.problem(&chain.file, key, "a URL in that environment variable", found);
                }
            }
            if let Some(file) = endpoint.authorities_file.as_ref().filter(|file| std::fs::read(file).is_err()) {
                let key = format!("{at}.authorities_file");
                report.problem(&chain.file, key, "a file that can be read", file.display().to_string());
            }
            for (name, value) in &endpoint.headers {
                if let HeaderValue::Variable(variable) = value
                    && std::env::var(variable).is_err()
                {
                    let key = format!("{at}.header_variables.{name} = {variable:?}");
                    report.problem(&chain.file, key, "a text in that environment variable", "none");
                }
            }
        }
        let Some(evm) = evm else { continue };
        if evm.governance.delay.is_zero() {
            report.warn(format!("chain {name}: governance.delay is 0: acts take effect at once; for development only"));
        }
        if evm.contracts.is_none() {
            report.warn(format!("chain {name}: no contracts yet; run `lighterman deploy {name}`"));
        }
    }
    for (name, uses) in keys {
        if let Err((expected, found)) = usable(config, name) {
            let key = format!("keys.{name} (for {})", uses.join(", "));
            report.problem(&config.folder.join(config::CONFIG_FILE), key, expected, found);
        }
    }
}

/// Whether a key can be opened here, without asking anybody.
fn usable(config: &Config, name: &str) -> Result<(), (&'static str, String)> {
    match config.keys.get(name) {
        None => Err(("a key under [keys] in relayer.toml", "none".into())),
        Some(KeySource::Variable(variable)) => match Keys::new(config).open(name) {
            Ok(_) => Ok(()),
            Err(CliError::Key { source, .. }) => Err(("a private key in that key's variable", source.to_string())),
            Err(error) => Err(("a private key in that key's variable", format!("{variable}: {error}"))),
        },
        Some(KeySource::Keystore { file, password }) => {
            if !file.is_file() {
                let advice = "its keystore file (`lighterman keys new NAME` makes one)";
                return Err((advice, format!("no file {}", file.display())));
            }
            match password {
                PasswordSource::Prompt => Ok(()),
                PasswordSource::File(_) | PasswordSource::Variable(_) => match Keys::new(config).open(name) {
                    Ok(_) => Ok(()),
                    Err(error) => Err(("a keystore that its password opens", crate::error::Chain(&error).to_string())),
                },
            }
        }
    }
}

impl Report {
    /// Something is as it should be.
    pub(crate) fn fact(&mut self, text: String) {
        self.facts.push(text);
    }

    /// Something deserves a look.
    pub(crate) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// Something is wrong.
    pub(crate) fn problem(
        &mut self,
        file: &Path,
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) {
        self.problems.extend(ConfigError::one(file, key, expected, found).problems);
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fact in &self.facts {
            writeln!(f, "ok       {fact}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning  {warning}")?;
        }
        for problem in &self.problems {
            writeln!(f, "wrong    {problem}")?;
        }
        match self.problems.len() {
            0 => f.write_str("the configuration is right"),
            1 => f.write_str("1 problem"),
            count => write!(f, "{count} problems"),
        }
    }
}
