use crate::{
    args,
    config::{self, CONFIG_FILE, Config, ConfigError, KeySource, edit},
    error::CliError,
    keys::{self, Keys},
    output::Output,
};
use adapter_evm::{Key, KeyError, password_from_file};
use serde::Serialize;
use std::{
    fmt, fs,
    io::{self, IsTerminal as _, Read as _},
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The shortest password for a new keystore, in characters.
const MIN_PASSWORD_CHARS: usize = 8;
/// The most that is read of a private key from standard input, in bytes.
const MAX_KEY_INPUT_BYTES: u64 = 1024;

/// A key as it is listed; no part of it is secret.
#[derive(Serialize)]
struct Listed {
    name: String,
    kind: &'static str,
    place: String,
    /// `None` when it takes a password or a variable that is not there.
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Serialize)]
struct List {
    keys: Vec<Listed>,
}

#[derive(Serialize)]
struct Made {
    name: String,
    address: String,
    keystore: PathBuf,
}

pub(crate) fn run(command: &args::Keys, config_path: &Path, output: Output) -> Result<(), CliError> {
    match command {
        args::Keys::New(new) => output.answer(&make(new, config_path, None)?),
        args::Keys::Import(new) => {
            let secret = read_secret()?;
            output.answer(&make(new, config_path, Some(&secret))?)
        }
        args::Keys::List => output.answer(&list(&config::load(config_path)?)),
        args::Keys::Address { name } => {
            let config = config::load(config_path)?;
            let address = Keys::new(&config).address(name)?;
            if output.is_json() {
                let json = serde_json::json!({ "name": name, "address": address.to_checksum(None) });
                return crate::output::print(&json.to_string());
            }
            crate::output::print(&address.to_checksum(None))
        }
    }
}

fn make(new: &args::NewKey, config_path: &Path, secret: Option<&Zeroizing<String>>) -> Result<Made, CliError> {
    // The configuration need not be right as a whole yet: a key is often the first thing that is missing.
    let folder = config::locate(config_path)?;
    let name_fits = !new.name.is_empty()
        && new.name.len() <= 64
        && new.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !name_fits {
        let expected = "a name of at most 64 letters, digits, '-' and '_'";
        return Err(ConfigError::one("command line", "NAME", expected, format!("{:?}", new.name)).into());
    }
    let error = |source| CliError::Key { name: new.name.clone(), source };
    let key = secret.map(|secret| from_hex(secret)).transpose().map_err(error)?;
    let relative = format!("keys/{}.json", new.name);
    let file = folder.join(&relative);
    if file.exists() {
        let source = io::Error::new(io::ErrorKind::AlreadyExists, "a file of that name is there; choose another name");
        return Err(error(KeyError::Unwritable { path: file, source }));
    }
    let password = match &new.password_file {
        Some(file) => password_from_file(file).map_err(error)?,
        None => new_password(&new.name)?,
    };
    if password.chars().count() < MIN_PASSWORD_CHARS {
        let (expected, found) = ("at least 8 characters", "fewer");
        return Err(CliError::Password { name: new.name.clone(), expected, found });
    }
    make_private_folder(&folder.join("keys"))?;
    let key = match key {
        Some(key) => key.save(&file, &password).map(|()| key).map_err(error)?,
        None => Key::create(&file, &password).map_err(error)?,
    };
    let password_file = new.password_file.as_ref().map(|file| fs::canonicalize(file).unwrap_or_else(|_| file.clone()));
    let password_file = password_file.as_deref().and_then(Path::to_str);
    edit::write_key(&folder.join(CONFIG_FILE), &new.name, &relative, password_file)?;
    Ok(Made { name: new.name.clone(), address: key.address().to_checksum(None), keystore: file })
}

fn new_password(name: &str) -> Result<Zeroizing<String>, CliError> {
    let ask = |question: String| {
        keys::ask(&question)
            .map_err(|source| CliError::Key { name: name.to_owned(), source: KeyError::PasswordMissing(source) })
    };
    let first = ask(format!("new password for key {name:?}: "))?;
    let again = ask("the same again: ".to_owned())?;
    if *first != *again {
        let (expected, found) = ("the same twice", "two different ones");
        return Err(CliError::Password { name: name.to_owned(), expected, found });
    }
    Ok(first)
}

fn read_secret() -> Result<Zeroizing<String>, CliError> {
    if io::stdin().is_terminal() {
        return keys::ask("private key (64 hex digits, not shown): ").map_err(CliError::Output);
    }
    let mut text = Zeroizing::new(String::new());
    io::stdin().take(MAX_KEY_INPUT_BYTES).read_to_string(&mut text).map_err(|source| CliError::File {
        file: "standard input".into(),
        operation: "could not be read",
        source,
    })?;
    Ok(text)
}

fn from_hex(text: &str) -> Result<Key, KeyError> {
    let malformed = |found| KeyError::VariableMalformed { variable: "standard input".into(), found };
    let digits = text.trim();
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    let mut secret = Zeroizing::new([0_u8; 32]);
    if digits.len() != 64 {
        return Err(malformed("another length"));
    }
    hex::decode_to_slice(digits, secret.as_mut_slice())
        .map_err(|_| malformed("a character that is no hexadecimal digit"))?;
    Key::from_secret(secret.as_slice())
}

fn make_private_folder(folder: &Path) -> Result<(), CliError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| CliError::File {
        file: folder.to_owned(),
        operation: "could not be made",
        source,
    })
}

fn list(config: &Config) -> List {
    let opened = Keys::new(config);
    let keys = config.keys.iter().map(|(name, source)| {
        let address = opened.known_address(name).map(|address| address.to_checksum(None));
        let (kind, place, missing) = match source {
            KeySource::Keystore { file, .. } => {
                ("keystore", file.display().to_string(), (!file.is_file()).then(|| "no such file".to_owned()))
            }
            KeySource::Variable(variable) => {
                ("variable", variable.clone(), address.is_none().then(|| "not set to a key".to_owned()))
            }
        };
        Listed { name: name.clone(), kind, place, address, note: missing }
    });
    List { keys: keys.collect() }
}

impl fmt::Display for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.keys.is_empty() {
            return f.write_str("no keys are configured; `lighterman keys new NAME` makes one");
        }
        for (index, key) in self.keys.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            let address = key.address.as_deref().unwrap_or("address not known without the password");
            write!(f, "{}  {address}  {} {}", key.name, key.kind, key.place)?;
            if let Some(note) = &key.note {
                write!(f, "  ({note})")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}  {}", self.name, self.address, self.keystore.display())
    }
}
