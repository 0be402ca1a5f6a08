//! The tidy test: the rules of `docs/ARCHITECTURE.md` that a machine can check, checked on the whole tree.
//!
//! Each module holds one family of rules as functions from text to findings, and tests in which every rule fails
//! once on a small bad input. The tests here run those functions over the workspace and fail with all findings.

mod documents;
mod edges;
mod features;
mod lexer;
mod manifests;
mod secrets;
mod sources;
mod tree;
mod vectors;

use std::fmt;
use std::path::PathBuf;

/// One broken rule: where, which and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    place: String,
    rule: &'static str,
    detail: String,
}

impl Finding {
    fn new(place: impl Into<String>, rule: &'static str, detail: impl Into<String>) -> Self {
        Self { place: place.into(), rule, detail: detail.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.rule, self.detail)
    }
}

/// Fails with every finding, one a line, so that one run shows all there is to mend.
fn assert_none(mut findings: Vec<Finding>) {
    findings.sort();
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(findings.is_empty(), "{} finding(s):\n{}", lines.len(), lines.join("\n"));
}

fn workspace_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("e2e lies in the workspace root").to_path_buf()
}

#[test]
fn dependencies_point_inward() {
    assert_none(edges::check(&edges::Graph::of_workspace(&workspace_root())));
}

#[test]
fn nothing_is_built_twice() {
    let run = |arguments: &[&str]| edges::run(&workspace_root(), arguments);
    assert_none(features::check(&features::of_program(run), &features::of_tests(run)));
}

#[test]
fn every_crate_inherits_versions_and_lints() {
    let tree = tree::Tree::of(&workspace_root());
    let manifests = tree.files.iter().filter(|file| file.ends_with("/Cargo.toml"));
    assert_none(manifests.flat_map(|file| manifests::check(file, &tree.read(file))).collect());
}

#[test]
fn sources_make_no_banned_calls() {
    let tree = tree::Tree::of(&workspace_root());
    let sources: Vec<(String, String)> =
        tree.files.iter().filter(|file| file.ends_with(".rs")).map(|file| (file.clone(), tree.read(file))).collect();
    assert!(sources.len() > 20, "only {} Rust files found: the walk is broken", sources.len());
    assert_none(sources::check(&sources));
}

#[test]
fn no_file_is_over_the_limit() {
    let tree = tree::Tree::of(&workspace_root());
    assert_none(tree.files.iter().filter_map(|file| tree::check_length(file, || tree.read(file))).collect());
}

#[test]
fn every_vector_has_a_reader() {
    let tree = tree::Tree::of(&workspace_root());
    let readers: Vec<(String, String)> = tree
        .files
        .iter()
        .filter(|file| vectors::may_read_vectors(file))
        .map(|file| (file.clone(), tree.read(file)))
        .collect();
    assert_none(vectors::check(&tree.files, &readers));
}

#[test]
fn no_key_and_no_machine_path_is_in_the_tree() {
    let tree = tree::Tree::of(&workspace_root());
    assert_none(
        tree.files
            .iter()
            .filter(|file| secrets::is_scanned(file))
            .flat_map(|file| secrets::check(file, &tree.read_lossy(file)))
            .collect(),
    );
}

#[test]
fn the_properties_name_tests_that_exist() {
    let tree = tree::Tree::of(&workspace_root());
    assert_none(documents::check(&tree.read(documents::PROPERTIES), &tree.files, |file| tree.read(file)));
}
