//! The program as scripts see it: exit status, what is on which stream, and what it leaves behind.

use std::{
    error::Error,
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

type TestResult = Result<(), Box<dyn Error>>;

fn lighterman(config: &Path, args: &[&str]) -> Result<Output, std::io::Error> {
    Command::new(env!("CARGO_BIN_EXE_lighterman"))
        .args(args)
        .env_remove("LIGHTERMAN_CONFIG")
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .output()
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A configuration as `init` writes it, with a key.
fn configured() -> Result<tempfile::TempDir, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let init = lighterman(folder.path(), &["init", &folder.path().to_string_lossy()])?;
    assert_eq!(status(&init), Some(0), "{}", text(&init.stderr));
    let password = folder.path().join("password");
    fs::write(&password, "correct horse battery\n")?;
    let new = lighterman(folder.path(), &["keys", "new", "operator", "--password-file", &password.to_string_lossy()])?;
    assert_eq!(status(&new), Some(0), "{}", text(&new.stderr));
    Ok(folder)
}

#[test]
fn a_wrong_command_line_is_2() -> TestResult {
    for args in [&["chek"] as &[&str], &[], &["check", "--onlin"], &["keys"], &["--log-format", "xml", "check"]] {
        assert_eq!(status(&lighterman(Path::new("."), args)?), Some(2), "{args:?}");
    }
    assert_eq!(status(&lighterman(Path::new("."), &["--help"])?), Some(0));
    Ok(())
}

#[test]
fn no_configuration_is_3_and_says_what_to_do() -> TestResult {
    let folder = tempfile::tempdir()?;
    let output = lighterman(folder.path(), &["keys", "list"])?;
    assert_eq!(status(&output), Some(3));
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("lighterman init"), "{}", text(&output.stderr));
    Ok(())
}

#[test]
fn init_then_keys_then_check_is_right() -> TestResult {
    let folder = configured()?;
    let check = lighterman(folder.path(), &["check", "--json"])?;
    assert_eq!(status(&check), Some(0), "{}{}", text(&check.stdout), text(&check.stderr));
    let report: serde_json::Value = serde_json::from_slice(&check.stdout)?;
    assert_eq!(report["ok"], true);
    let address = lighterman(folder.path(), &["keys", "address", "operator"])?;
    let listed = lighterman(folder.path(), &["keys", "list", "--json"])?;
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout)?;
    assert_eq!(listed["keys"][0]["address"].as_str(), Some(text(&address.stdout).trim()));
    Ok(())
}

#[test]
fn init_keeps_what_is_there() -> TestResult {
    let folder = configured()?;
    let before = fs::read_to_string(folder.path().join("relayer.toml"))?;
    assert!(before.contains("password_file"), "keys new names the password file");
    assert!(before.contains("# Where the status page"), "comments stay");
    fs::remove_file(folder.path().join("chains/devchain-a.toml"))?;
    let again = lighterman(folder.path(), &["init", &folder.path().to_string_lossy()])?;
    assert_eq!(status(&again), Some(0));
    assert!(text(&again.stdout).contains("wrote"), "{}", text(&again.stdout));
    assert_eq!(fs::read_to_string(folder.path().join("relayer.toml"))?, before);
    assert!(folder.path().join("chains/devchain-a.toml").exists());
    Ok(())
}

#[test]
fn a_wrong_configuration_is_3_with_every_problem() -> TestResult {
    let folder = configured()?;
    let file = folder.path().join("chains/devchain-a.toml");
    let changed = fs::read_to_string(&file)?.replace("clock_drift = \"15s\"", "clock_drift = \"soon\"");
    fs::write(&file, changed.replace("threshold = 1", "threshold = 3"))?;
    let check = lighterman(folder.path(), &["check", "--json"])?;
    assert_eq!(status(&check), Some(3));
    let report: serde_json::Value = serde_json::from_slice(&check.stdout)?;
    let keys: Vec<_> = report["problems"].as_array().into_iter().flatten().map(|p| p["key"].clone()).collect();
    assert_eq!(keys, ["consensus.clock_drift", "governance.threshold"]);
    Ok(())
}

#[test]
fn a_missing_key_variable_is_told_by_check() -> TestResult {
    let folder = configured()?;
    let file = folder.path().join("relayer.toml");
    let toml = fs::read_to_string(&file)? + "\n[keys.spare]\nvariable = \"LIGHTERMAN_TEST_KEY_THAT_IS_NOT_SET\"\n";
    fs::write(&file, toml)?;
    let chain = folder.path().join("chains/devchain-a.toml");
    let changed = fs::read_to_string(&chain)?.replace("signer = \"operator\"", "signer = \"spare\"");
    fs::write(&chain, changed)?;
    let check = lighterman(folder.path(), &["check"])?;
    assert_eq!(status(&check), Some(3));
    let said = text(&check.stdout);
    assert!(said.contains("LIGHTERMAN_TEST_KEY_THAT_IS_NOT_SET") && said.contains("transactions.signer"), "{said}");
    Ok(())
}

#[test]
fn the_page_is_for_other_machines_only_where_the_configuration_says_so() -> TestResult {
    let folder = configured()?;
    let open = lighterman(folder.path(), &["start", "--listen", "0.0.0.0:0"])?;
    assert_eq!(status(&open), Some(3));
    assert!(text(&open.stderr).contains("api.allow_other_hosts"), "{}", text(&open.stderr));
    Ok(())
}

#[test]
fn unusable_keys_are_told_and_nothing_changes() -> TestResult {
    let folder = configured()?;
    let keystore = folder.path().join("keys/operator.json");
    let before = fs::read(&keystore)?;
    // A second key of the same name must not replace the first.
    let password = folder.path().join("password");
    let again =
        lighterman(folder.path(), &["keys", "new", "operator", "--password-file", &password.to_string_lossy()])?;
    assert_eq!(status(&again), Some(6), "{}", text(&again.stderr));
    assert_eq!(fs::read(&keystore)?, before);
    // Without a terminal nobody can be asked for a password.
    let unasked = lighterman(folder.path(), &["keys", "new", "other"])?;
    assert_eq!(status(&unasked), Some(6), "{}", text(&unasked.stderr));
    assert!(!folder.path().join("keys/other.json").exists());
    // A wrong password, then an unreadable file.
    fs::write(&password, "another password\n")?;
    let check = lighterman(folder.path(), &["check"])?;
    assert_eq!(status(&check), Some(3));
    assert!(text(&check.stdout).contains("password"), "{}", text(&check.stdout));
    fs::write(&keystore, "{}")?;
    assert_eq!(status(&lighterman(folder.path(), &["check"])?), Some(3));
    fs::remove_file(&keystore)?;
    let check = lighterman(folder.path(), &["check"])?;
    assert_eq!(status(&check), Some(3));
    let said = text(&check.stdout);
    assert_eq!(said.matches("keys.operator").count(), 1, "told once, however many places name it: {said}");
    assert!(said.contains("transactions.signer of devchain-b"), "{said}");
    Ok(())
}

#[test]
fn a_key_is_imported_from_standard_input() -> TestResult {
    use std::io::Write as _;
    let folder = configured()?;
    let password = folder.path().join("password");
    let import = |name: &str, secret: &str| -> Result<Output, Box<dyn Error>> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lighterman"))
            .args(["keys", "import", name, "--password-file"])
            .arg(&password)
            .arg("--config")
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        child.stdin.take().ok_or("stdin")?.write_all(secret.as_bytes())?;
        Ok(child.wait_with_output()?)
    };
    // The key of secret 1 has a well-known address.
    let one = format!("{}1\n", "0".repeat(63));
    let imported = import("one", &one)?;
    assert_eq!(status(&imported), Some(0), "{}", text(&imported.stderr));
    assert!(text(&imported.stdout).contains("0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"));
    let bad = import("bad", "not a key at all")?;
    assert_eq!(status(&bad), Some(6));
    assert!(!text(&bad.stderr).contains("not a key at all"), "what was typed is never repeated");
    Ok(())
}
