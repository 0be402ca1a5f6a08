//! The keys that a configuration names: where they lie, whose they are, and how they are opened.

use crate::{
    config::{AccountName, Config, ConfigError, KeySource, PasswordSource, one_of},
    error::CliError,
};
use adapter_cosmos::{AccountKey, KeyKind};
use adapter_evm::Key;
use adapter_keystore::{KeyError, Secret, password_from_file};
use alloy_primitives::Address;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    io::{self, IsTerminal as _},
    path::Path,
};
use zeroize::Zeroizing;

/// The greatest keystore that is read for its address, in bytes; as adapter-evm has it.
const MAX_KEYSTORE_BYTES: u64 = 16 * 1024;

/// The keys opened so far, so that nobody is asked twice for a password.
pub(crate) struct Keys<'a> {
    config: &'a Config,
    opened: RefCell<BTreeMap<String, Secret>>,
}

impl<'a> Keys<'a> {
    /// None opened yet.
    pub(crate) fn new(config: &'a Config) -> Self {
        Self { config, opened: RefCell::default() }
    }

    /// These are opened already.
    pub(crate) fn opened(config: &'a Config, opened: BTreeMap<String, Secret>) -> Self {
        Self { config, opened: RefCell::new(opened) }
    }

    /// Opens the key of this name, as an account of Ethereum-compatible chains has it.
    ///
    /// # Errors
    /// [`CliError::Config`] when there is none of this name, [`CliError::Key`] when it cannot be opened.
    pub(crate) fn open(&self, name: &str) -> Result<Key, CliError> {
        Key::from_secret(self.secret(name)?.expose()).map_err(|source| CliError::Key { name: name.to_owned(), source })
    }

    /// Opens the key of this name, as an account of a chain of the Cosmos SDK has it.
    ///
    /// # Errors
    /// As [`Keys::open`].
    pub(crate) fn open_account(&self, name: &str, kind: KeyKind) -> Result<AccountKey, CliError> {
        AccountKey::from_secret(kind, self.secret(name)?.expose())
            .map_err(|source| CliError::Key { name: name.to_owned(), source })
    }

    fn secret(&self, name: &str) -> Result<Secret, CliError> {
        if let Some(secret) = self.opened.borrow().get(name) {
            return Ok(secret.clone());
        }
        let source = match self.source(name)? {
            KeySource::Keystore { file, .. } => adapter_keystore::KeySource::Keystore(file.clone()),
            KeySource::Variable(variable) => adapter_keystore::KeySource::Environment(variable.clone()),
        };
        let secret = Secret::load(&source, |_| self.password(name))
            .map_err(|source| CliError::Key { name: name.to_owned(), source })?;
        self.opened.borrow_mut().insert(name.to_owned(), secret.clone());
        Ok(secret)
    }

    /// The account of the key of this name; without opening it where its file tells.
    pub(crate) fn address(&self, name: &str) -> Result<Address, CliError> {
        if let KeySource::Keystore { file, .. } = self.source(name)?
            && let Some(address) = address_in(file)
        {
            return Ok(address);
        }
        self.open(name).map(|key| key.address())
    }

    /// The address of a configured account.
    pub(crate) fn account(&self, account: &AccountName) -> Result<Address, CliError> {
        match account {
            AccountName::Address(address) => Ok(*address),
            AccountName::Key(name) => self.address(name),
        }
    }

    /// Which configured key has this account; its address must be known without a password.
    pub(crate) fn name_of(&self, account: Address) -> Option<String> {
        self.config.keys.keys().find(|name| self.known_address(name) == Some(account)).cloned()
    }

    /// The account of a key as far as it can be told without a password.
    pub(crate) fn known_address(&self, name: &str) -> Option<Address> {
        match self.config.keys.get(name)? {
            KeySource::Keystore { file, .. } => address_in(file),
            // A variable is there or not; nobody is asked for anything.
            KeySource::Variable(_) => self.open(name).ok().map(|key| key.address()),
        }
    }

    fn source(&self, name: &str) -> Result<&'a KeySource, CliError> {
        self.config.keys.get(name).ok_or_else(|| {
            let file = self.config.folder.join(crate::config::CONFIG_FILE);
            ConfigError::one(file, "keys", one_of(self.config.keys.keys()), format!("{name:?}")).into()
        })
    }

    fn password(&self, name: &str) -> Result<Zeroizing<String>, KeyError> {
        match self.config.keys.get(name) {
            Some(KeySource::Keystore { password: PasswordSource::File(file), .. }) => password_from_file(file),
            Some(KeySource::Keystore { password: PasswordSource::Variable(variable), .. }) => std::env::var(variable)
                .map(Zeroizing::new)
                .map_err(|_| KeyError::VariableMissing { variable: variable.clone() }),
            _ => ask(&format!("password of key {name:?}: ")).map_err(KeyError::PasswordMissing),
        }
    }
}

/// Asks at the terminal, without showing what is typed.
pub(crate) fn ask(question: &str) -> io::Result<Zeroizing<String>> {
    if !io::stdin().is_terminal() {
        let reason =
            "no terminal to ask at: give --password-file, or password_file or password_variable in the configuration";
        return Err(io::Error::new(io::ErrorKind::NotConnected, reason));
    }
    rpassword::prompt_password(question).map(Zeroizing::new)
}

/// The account that a keystore file says it holds; it is checked when the key is opened.
fn address_in(file: &Path) -> Option<Address> {
    if fs::metadata(file).ok()?.len() > MAX_KEYSTORE_BYTES {
        return None;
    }
    let keystore: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    let text = keystore.get("address")?.as_str()?;
    let digits = text.strip_prefix("0x").unwrap_or(text);
    (digits.len() == 40).then(|| digits.parse().ok())?
}
