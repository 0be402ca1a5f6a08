//! Secrets of any curve: what is written is read back by its password only, and what is wrong is said without any of it.
#![allow(clippy::unwrap_used)]

use adapter_keystore::{KeyError, KeySource, SECRET_BYTES, Secret};
use serde_json::Value;
use std::{fs, path::Path};
use zeroize::Zeroizing;

const PASSWORD: &str = "correct horse";
const ADDRESS: &str = "cosmos1somebody";

fn load(path: &Path, password: &str) -> Result<Secret, KeyError> {
    Secret::load(&KeySource::Keystore(path.to_owned()), |_| Ok(Zeroizing::new(password.to_owned())))
}

#[test]
fn a_secret_comes_back_with_its_password_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relayer.json");
    let secret = Secret::random();
    secret.save(&path, PASSWORD, ADDRESS).unwrap();
    assert_eq!(load(&path, PASSWORD).unwrap().expose(), secret.expose());
    assert!(matches!(load(&path, "wrong"), Err(KeyError::WrongPassword { .. })));
    // Nobody's key is written over.
    assert!(matches!(Secret::random().save(&path, PASSWORD, ADDRESS), Err(KeyError::Unwritable { .. })));
    assert_eq!(load(&path, PASSWORD).unwrap().expose(), secret.expose());
    let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!((&file["version"], &file["address"]), (&Value::from(3), &Value::from(ADDRESS)));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn no_two_secrets_are_the_same_and_none_is_printed() {
    let (one, other) = (Secret::random(), Secret::random());
    assert_ne!(one.expose(), other.expose());
    assert_eq!(format!("{one:?}"), "Secret");
    for length in [0, 31, 33] {
        assert!(matches!(Secret::from_slice(&vec![1; length]), Err(KeyError::OutOfRange)));
    }
    assert_eq!(Secret::from_slice(&[7; SECRET_BYTES]).unwrap().expose(), &[7; SECRET_BYTES]);
}

#[test]
fn a_file_that_is_no_keystore_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relayer.json");
    Secret::random().save(&path, PASSWORD, ADDRESS).unwrap();
    let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    type Change = (&'static str, fn(&mut Value));
    let changes: [Change; 3] = [
        ("version", |file| file["version"] = 1.into()),
        ("mac", |file| file["crypto"]["mac"] = "00".into()),
        ("kdfparams.n", |file| file["crypto"]["kdfparams"]["n"] = (1_u32 << 31).into()),
    ];
    for (name, change) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        fs::write(&path, bad.to_string()).unwrap();
        // The password is not even asked for.
        let refusal = Secret::load(&KeySource::Keystore(path.clone()), |_| unreachable!()).unwrap_err();
        assert!(matches!(&refusal, KeyError::NotAKeystore { field, .. } if *field == name), "{refusal}");
    }
}
