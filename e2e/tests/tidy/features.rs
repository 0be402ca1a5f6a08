//! What `cargo run --release` builds is what `cargo test --release --workspace` has built.

use crate::Finding;
use std::collections::BTreeSet;

/// Lists packages with their features, one a line: `name vN [feature,…]`.
const FORMAT: [&str; 6] = ["tree", "--locked", "--prefix", "none", "--format", "{p} [{f}]"];

/// What the program and everything below it is built of.
pub(crate) fn of_program(run: impl Fn(&[&str]) -> String) -> BTreeSet<String> {
    lines(&run(&[&FORMAT[..], &["--edges", "normal,build"]].concat()))
}

/// What the tests of all crates, and everything below them, are built of.
pub(crate) fn of_tests(run: impl Fn(&[&str]) -> String) -> BTreeSet<String> {
    lines(&run(&[&FORMAT[..], &["--edges", "normal,build,dev", "--workspace"]].concat()))
}

/// A package that tests give another feature is compiled twice, and with it all that stands on it.
pub(crate) fn check(program: &BTreeSet<String>, tests: &BTreeSet<String>) -> Vec<Finding> {
    let finding = |package: &String| {
        let advice = format!("{package}: a test gives it other features; name the dependency in e2e/Cargo.toml");
        Finding::new("Cargo.toml", "built-twice", advice)
    };
    program.difference(tests).map(finding).collect()
}

fn lines(tree: &str) -> BTreeSet<String> {
    // Packages that were shown before are marked so.
    tree.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).filter(|line| !line.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_features_are_found_and_other_packages_are_not() {
        let program = lines("a v1 [std]\nb v1 []\na v1 [std] (*)\n\n");
        assert_eq!(program.len(), 2);
        assert_eq!(check(&program, &lines("a v1 [std]\nb v1 []\nc v1 []")), []);
        let found = check(&program, &lines("a v1 [alloc,std]\nb v1 []"));
        assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), ["built-twice"]);
    }
}
