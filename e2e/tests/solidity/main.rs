//! The vectors of the light clients, put to the Solidity: the same files that the Rust reads, the same verdict.
//!
//! Whether the *Rust* gives the verdict a file names is the business of the crates' own `tests/vectors.rs`; together the
//! two say that both sides agree, file by file and rule by rule.

mod host;
mod tendermint;
mod vector;

use host::{Host, Verdict};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vector::{Expect, Vector};

/// Folders of vectors whose rules stand in Solidity.
const FOLDERS: [&str; 3] =
    ["light-clients/qbft/vectors", "light-clients/proofs/vectors", "light-clients/tendermint/vectors"];

#[test]
fn solidity_gives_the_verdict_of_every_vector() {
    let mut judged = BTreeMap::new();
    let mut wrong = Vec::new();
    for path in FOLDERS.iter().flat_map(|folder| files(&root().join(folder))) {
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let vector = Vector::read(&path);
        let verdict = Host::judge(&vector);
        if let Err(reason) = agree(&vector, &verdict) {
            wrong.push(format!("{name}: {reason}"));
        }
        *judged.entry(vector.kind.clone()).or_insert(0_u32) += 1;
    }
    assert!(wrong.is_empty(), "{} verdicts differ:\n{}", wrong.len(), wrong.join("\n"));
    for kind in ["update", "header", "misbehaviour", "membership", "mpt", "account"] {
        assert!(judged.get(kind).is_some_and(|count| *count > 0), "no vector of kind {kind} was judged: {judged:?}");
    }
}

/// A runner that agreed with everything would be worth nothing: a bent expectation must be noticed.
#[test]
fn a_wrong_expectation_is_noticed() {
    let update = files(&root().join(FOLDERS[0]))
        .into_iter()
        .map(|path| Vector::read(&path))
        .find(|vector| vector.kind == "update" && matches!(vector.expect, Expect::Accept(_)))
        .expect("an accepted update among the vectors");
    let verdict = Host::judge(&update);
    assert!(agree(&update, &verdict).is_ok());
    let mut bent = update;
    bent.expect = Expect::Reject { rules: vec!["too-few-seals".into()] };
    assert!(agree(&bent, &verdict).is_err());
}

/// What the accepting vectors promise is what the contract returns; a refusal carries the rule's name.
fn agree(vector: &Vector, verdict: &Verdict) -> Result<(), String> {
    match (&vector.expect, verdict) {
        (Expect::Accept(expected), Verdict::Accepted(found)) => {
            for (field, value) in found {
                match expected.get(*field) {
                    Some(promised) if promised == value => {}
                    promised => return Err(format!("{field}: expected {promised:?}, found {value}")),
                }
            }
            Ok(())
        }
        (Expect::Reject { rules }, Verdict::Refused(error)) => {
            let found = error.split('(').next().unwrap_or_default();
            if rules.iter().any(|rule| camel_case(rule) == found) {
                Ok(())
            } else {
                Err(format!("expected {rules:?}, refused with {error}"))
            }
        }
        (Expect::Accept(_), Verdict::Refused(error)) => Err(format!("expected acceptance, refused with {error}")),
        (Expect::Reject { rules }, Verdict::Accepted(_)) => Err(format!("expected {rules:?}, accepted")),
    }
}

fn camel_case(rule: &str) -> String {
    rule.split('-')
        .flat_map(|word| word.chars().enumerate().map(|(i, c)| if i == 0 { c.to_ascii_uppercase() } else { c }))
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace").to_path_buf()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("an entry of the folder").path();
            if path.is_dir() {
                // Recordings as taken, from which the vectors are made; the crate's own tests read them.
                if !path.ends_with("captures") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "json") {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "{} holds no vectors", folder.display());
    found
}
