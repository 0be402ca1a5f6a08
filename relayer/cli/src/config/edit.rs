//! Writes into configuration files and leaves everything else in them, comments included, as it was.

use super::{ConfigError, Contracts};
use light_client::ClientId;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};
use toml_edit::{DocumentMut, Item, Table, value};

/// Why a file could not be changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// It could not be read or replaced.
    #[error("{}: {operation}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// What failed.
        operation: &'static str,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// It is not as it should be.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Writes the addresses of a chain's contracts into its file.
pub(crate) fn write_contracts(file: &Path, contracts: &Contracts) -> Result<(), EditError> {
    change(file, |document| {
        let table = table(document.as_table_mut(), "contracts");
        table["genesis_hash"] = value(contracts.genesis_hash.to_string());
        table["height"] = value(i64::try_from(contracts.height).unwrap_or(i64::MAX));
        for (key, address) in [
            ("governance", contracts.governance),
            ("router", contracts.router),
            ("ledger", contracts.ledger),
            ("bridge", contracts.bridge),
        ] {
            table[key] = value(address.to_checksum(None));
        }
    })
}

/// Writes the id of the client at one end, `a` or `b`, into a path's file.
pub(crate) fn write_client(file: &Path, end: &str, client: &ClientId) -> Result<(), EditError> {
    change(file, |document| table(document.as_table_mut(), end)["client"] = value(client.as_str()))
}

/// Names a keystore file in `relayer.toml`.
pub(crate) fn write_key(file: &Path, name: &str, keystore: &str, password_file: Option<&str>) -> Result<(), EditError> {
    change(file, |document| {
        let keys = table(document.as_table_mut(), "keys");
        keys.set_implicit(true);
        let key = table(keys, name);
        key["keystore"] = value(keystore);
        if let Some(password_file) = password_file {
            key["password_file"] = value(password_file);
        }
    })
}

/// Writes a whole file so that a reader, or a crash, finds the old text or the new one.
pub(crate) fn replace(file: &Path, text: &[u8]) -> Result<(), EditError> {
    let io = |operation| move |source| EditError::Io { file: file.to_owned(), operation, source };
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let beside = file.with_file_name(name);
    let mut new = fs::File::create(&beside).map_err(io("could not be written"))?;
    new.write_all(text).and_then(|()| new.sync_all()).map_err(io("could not be written"))?;
    fs::rename(&beside, file).map_err(io("could not be replaced"))
}

fn change(file: &Path, edit: impl FnOnce(&mut DocumentMut)) -> Result<(), EditError> {
    let text = fs::read_to_string(file).map_err(|source| EditError::Io {
        file: file.to_owned(),
        operation: "could not be read",
        source,
    })?;
    let mut document: DocumentMut =
        text.parse().map_err(|error| ConfigError::one(file, "", "TOML", format!("an error: {error}")))?;
    edit(&mut document);
    replace(file, document.to_string().as_bytes())
}

fn table<'a>(parent: &'a mut Table, name: &str) -> &'a mut Table {
    let item = parent.entry(name).or_insert_with(|| Item::Table(Table::new()));
    if !item.is_table() {
        // An inline table of the same name becomes a section; its content stays.
        let old = std::mem::take(item).into_table().unwrap_or_default();
        *item = Item::Table(old);
    }
    item.as_table_mut().unwrap_or_else(|| unreachable!("made a table above"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Address, B256};

    #[test]
    fn comments_and_order_stay() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("a.toml");
        fs::write(&file, "# first\nchain_id = 7 # seven\n\n[rpc]\n# a remark\ntimeout = \"1s\"\n")?;
        let address = |byte| Address::repeat_byte(byte);
        let contracts = Contracts {
            genesis_hash: B256::repeat_byte(9),
            height: 3,
            governance: address(1),
            router: address(2),
            ledger: address(3),
            bridge: address(4),
        };
        write_contracts(&file, &contracts)?;
        let once = fs::read_to_string(&file)?;
        assert!(once.starts_with("# first\nchain_id = 7 # seven\n\n[rpc]\n# a remark\ntimeout = \"1s\"\n"), "{once}");
        assert!(once.contains("[contracts]\ngenesis_hash = \"0x0909"), "{once}");
        write_contracts(&file, &contracts)?;
        assert_eq!(fs::read_to_string(&file)?, once, "writing the same again changes nothing");
        Ok(())
    }
}
