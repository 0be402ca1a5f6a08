//! Key files and variables: what is wrong with one is said, and nothing of its secret is.
#![allow(clippy::unwrap_used)]

use adapter_evm::{Key, KeyError, KeySource, password_from_file};
use serde_json::{Value, json};
use std::{fs, path::Path, process::Command};
use zeroize::Zeroizing;

const PASSWORD: &str = "correct horse";
const VARIABLE: &str = "ADAPTER_EVM_TEST_KEY";

fn load(path: &Path, password: &str) -> Result<Key, KeyError> {
    Key::load(&KeySource::Keystore(path.to_owned()), |_| Ok(Zeroizing::new(password.to_owned())))
}

fn from_environment() -> Result<Key, KeyError> {
    Key::load(&KeySource::Environment(VARIABLE.to_owned()), |_| unreachable!("a variable has no password"))
}

#[test]
fn a_new_keystore_opens_with_its_password_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relayer.json");
    let key = Key::create(&path, PASSWORD).unwrap();
    assert_eq!(load(&path, PASSWORD).unwrap().address(), key.address());
    assert!(matches!(load(&path, "wrong"), Err(KeyError::WrongPassword { .. })));
    // Nobody's key is written over.
    assert!(matches!(Key::create(&path, PASSWORD), Err(KeyError::Unwritable { .. })));
    assert_eq!(load(&path, PASSWORD).unwrap().address(), key.address());
    let file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(file["version"], 3);
    assert_eq!(file["address"], format!("{:x}", key.address()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_ne!(Key::create(&folder.path().join("other.json"), PASSWORD).unwrap().address(), key.address());
    assert!(Key::create(&folder.path().join("no/such/folder.json"), PASSWORD).is_err());
}

#[test]
fn a_wrong_keystore_is_refused_before_anything_is_derived_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("relayer.json");
    Key::create(&path, PASSWORD).unwrap();
    let good: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    // The library that opens these would panic on the short ones, or take all memory there is.
    type Change = (&'static str, fn(&mut Value));
    let changes: [Change; 9] = [
        ("version", |k| k["version"] = json!(1)),
        ("cipher", |k| k["crypto"]["cipher"] = json!("aes-256-ctr")),
        ("iv", |k| k["crypto"]["cipherparams"]["iv"] = json!("00")),
        ("ciphertext", |k| k["crypto"]["ciphertext"] = json!("00")),
        ("mac", |k| k["crypto"]["mac"] = json!("00")),
        ("kdfparams.dklen", |k| k["crypto"]["kdfparams"]["dklen"] = json!(8)),
        ("kdfparams.n", |k| k["crypto"]["kdfparams"]["n"] = json!(1_u32 << 31)),
        ("kdfparams.n", |k| k["crypto"]["kdfparams"]["n"] = json!(8_191)),
        ("kdfparams.p", |k| k["crypto"]["kdfparams"]["p"] = json!(1_000_000)),
    ];
    for (name, change) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        fs::write(&path, bad.to_string()).unwrap();
        match load(&path, PASSWORD) {
            Err(KeyError::NotAKeystore { field, .. }) => assert_eq!(field, name),
            other => panic!("{name}: {other:?}"),
        }
    }
    for text in ["", "{}", "not json", "[1]"] {
        fs::write(&path, text).unwrap();
        assert!(matches!(load(&path, PASSWORD), Err(KeyError::NotAKeystore { field: "file", .. })), "{text}");
    }
    fs::write(&path, vec![b' '; 20_000]).unwrap();
    assert!(matches!(load(&path, PASSWORD), Err(KeyError::NotAKeystore { .. })));
    assert!(matches!(load(folder.path(), PASSWORD), Err(KeyError::NotAKeystore { .. })));
    let missing = load(&folder.path().join("missing.json"), PASSWORD).unwrap_err();
    assert!(matches!(missing, KeyError::Unreadable { .. }));
    assert!(missing.to_string().contains("missing.json"), "{missing}");
}

#[test]
fn a_key_comes_from_the_environment() {
    let secret = "11".repeat(32);
    if std::env::var_os(VARIABLE).is_some() {
        // The second run of this test, see below.
        match std::env::args().find(|argument| argument == "--nocapture") {
            None => drop(from_environment().unwrap_err()),
            Some(_) => {
                assert_eq!(from_environment().unwrap().address(), Key::from_secret(&[0x11; 32]).unwrap().address())
            }
        }
        return;
    }
    assert!(matches!(from_environment(), Err(KeyError::VariableMissing { .. })));
    let again = |value: &str, good: bool| {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "a_key_comes_from_the_environment"]).env(VARIABLE, value);
        if good {
            command.arg("--nocapture");
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{value:?}: {}", String::from_utf8_lossy(&output.stdout));
    };
    for good in [secret.clone(), format!("0x{secret}"), format!(" {secret}\n")] {
        again(&good, true);
    }
    for bad in ["", "0x", &secret[1..], &"zz".repeat(32), &"00".repeat(32), &"ff".repeat(32)] {
        again(bad, false);
    }
}

#[test]
fn secrets_are_in_no_error_and_no_debug_text() {
    let key = Key::from_secret(&[0x22; 32]).unwrap();
    assert_eq!(format!("{key:?}"), format!("Key({})", key.address()));
    assert!(matches!(Key::from_secret(&[0; 32]), Err(KeyError::OutOfRange)));
    assert!(matches!(Key::from_secret(&[1; 31]), Err(KeyError::OutOfRange)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.json");
    fs::write(&path, "{\"crypto\": \"topsecret\"}").unwrap();
    let error = load(&path, "hunter2").unwrap_err();
    let text = format!("{error} {error:?}");
    assert!(!text.contains("topsecret") && !text.contains("hunter2"), "{text}");
}

#[test]
fn a_password_is_the_first_line_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("password");
    fs::write(&path, "a b c\nrest\n").unwrap();
    assert_eq!(password_from_file(&path).unwrap().as_str(), "a b c");
    assert!(password_from_file(&folder.path().join("missing")).is_err());
    fs::write(&path, vec![b'a'; 5_000]).unwrap();
    assert!(password_from_file(&path).is_err());
}
