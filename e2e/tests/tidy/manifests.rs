//! Manifests: one list of versions, one list of lints, nothing published by accident.

use crate::Finding;
use toml::{Table, Value};

const DEPENDENCY_TABLES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Checks one manifest of a workspace member.
pub(crate) fn check(file: &str, text: &str) -> Vec<Finding> {
    let manifest: Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![Finding::new(file, "manifest-unreadable", error.to_string())],
    };
    let mut findings = Vec::new();
    if !inherits(manifest.get("lints")) {
        findings.push(Finding::new(file, "lints-not-inherited", "expected `[lints] workspace = true`"));
    }
    for key in ["version", "edition", "rust-version", "license", "publish"] {
        if !inherits(manifest.get("package").and_then(|package| package.get(key))) {
            findings.push(Finding::new(file, "package-not-inherited", format!("expected `{key}.workspace = true`")));
        }
    }
    for name in DEPENDENCY_TABLES {
        let Some(Value::Table(dependencies)) = manifest.get(name) else { continue };
        for (dependency, value) in dependencies {
            if !inherits(Some(value)) {
                let detail = format!("`{dependency}` in [{name}] does not take its version from the workspace");
                findings.push(Finding::new(file, "version-not-inherited", detail));
            }
        }
    }
    findings
}

fn inherits(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")) == Some(&Value::Boolean(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[package]\nname = \"a\"\nversion.workspace = true\nedition.workspace = true\n\
        rust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n\
        [dependencies]\nhex.workspace = true\n[lints]\nworkspace = true\n";

    fn rules(text: &str) -> Vec<&'static str> {
        check("a/Cargo.toml", text).iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn a_manifest_that_inherits_passes() {
        assert_eq!(rules(GOOD), Vec::<&str>::new());
    }

    #[test]
    fn each_rule_fails_once() {
        assert_eq!(rules("[package"), ["manifest-unreadable"]);
        assert_eq!(rules(&GOOD.replace("[lints]\nworkspace = true\n", "")), ["lints-not-inherited"]);
        assert_eq!(rules(&GOOD.replace("edition.workspace = true", "edition = \"2021\"")), ["package-not-inherited"]);
        assert_eq!(rules(&GOOD.replace("hex.workspace = true", "hex = \"0.4\"")), ["version-not-inherited"]);
    }
}
