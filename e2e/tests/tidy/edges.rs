//! Dependency direction: arrows point inward, and what touches the outside world stays at the edge.

use crate::Finding;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

/// What kind of dependency an edge is. Build dependencies count as normal ones: they decide what is compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Normal,
    Dev,
}

/// Packages by id, and who depends on whom.
#[derive(Default)]
pub(crate) struct Graph {
    names: BTreeMap<String, String>,
    members: BTreeSet<String>,
    edges: BTreeSet<(String, String, Kind)>,
}

/// The dependencies within the workspace that a crate may have. A crate that is in no row may have none.
///
/// `*` stands for one name: `adapter-*` is a chain's adapter, `light-client-*` a consensus.
const ALLOWED: [(&str, &[&str]); 15] = [
    ("light-client", &[]),
    ("light-client-crypto", &["light-client"]),
    ("light-client-proofs", &["light-client", "light-client-crypto"]),
    ("light-client-*", &["light-client", "light-client-crypto", "light-client-proofs"]),
    ("adapter", &["light-client"]),
    ("adapter-json-rpc", &["adapter"]),
    ("adapter-keystore", &[]),
    ("adapter-*", &["adapter", "adapter-json-rpc", "adapter-keystore", "light-client", "light-client-*"]),
    ("relayer-core", &["light-client"]),
    ("relayer-store", &["light-client", "relayer-core"]),
    ("relayer-engine", &["adapter", "light-client", "relayer-core", "relayer-store"]),
    ("relayer-api", &["light-client", "relayer-core", "relayer-engine", "relayer-store"]),
    ("lighterman", &["adapter", "adapter-*", "light-client", "light-client-*", "relayer-*"]),
    ("e2e", &["adapter", "adapter-*", "light-client", "light-client-*", "lighterman", "relayer-*"]),
    // Nothing may depend on a crate that is not named above.
    ("*", &[]),
];

/// Dependencies for tests that point the other way, each with its reason.
const ALLOWED_IN_TESTS: [(&str, &str, &str); 8] = [
    ("adapter-cosmos", "adapter-devchain", "what it asks of a chain is tested on one that runs in the same process"),
    ("adapter-evm", "adapter-devchain", "what it says to a chain is tested on one that runs in the same process"),
    ("relayer-core", "relayer-store", "the simulation runs the decisions over the store in memory"),
    (
        "relayer-engine",
        "adapter-devchain",
        "the engine is torn down and restarted between two real chains in one process",
    ),
    ("relayer-engine", "adapter-evm", "the engine is torn down and restarted between two real chains in one process"),
    ("relayer-engine", "adapter-cosmos", "one of these chains is under Tendermint"),
    ("relayer-engine", "light-client-crypto", "what a client of a chain under Tendermint is to demand"),
    ("relayer-engine", "light-client-tendermint", "what a client of a chain under Tendermint is to demand"),
];

/// Crates from outside that never appear below these members, directly or through others.
const NEVER_BELOW: [(&str, &[&str]); 3] = [
    ("light-client*", &IMPURE),
    ("relayer-core", &IMPURE),
    // The traits say what is asked of a chain; who awaits the answer chooses the runtime.
    ("adapter", &["hyper", "reqwest", "rusqlite", "sqlx", "sqlx-core", "tokio"]),
];

/// Input and output, clocks, logs and runtimes.
const IMPURE: [&str; 16] = [
    "async-std",
    "async-trait",
    "chrono",
    "ethers-core",
    "futures",
    "hyper",
    "mio",
    "reqwest",
    "rusqlite",
    "smol",
    "sqlx",
    "sqlx-core",
    "time",
    "tokio",
    "tracing",
    "tracing-core",
];

/// Crates from outside that only these members name as their own dependency.
const ONLY_IN: [(&str, &[&str]); 8] = [
    ("anyhow", &["lighterman"]),
    ("clap", &["lighterman"]),
    ("ethers-contract", &["adapter-evm"]),
    ("ethers-core", &["adapter-evm"]),
    ("ethers-signers", &["adapter-evm"]),
    // The binary asks its own daemon for `status`; everything said to a chain goes through the adapter.
    ("reqwest", &["adapter-json-rpc", "lighterman"]),
    ("revm", &["adapter-devchain"]),
    ("sqlx", &["relayer-store"]),
];

/// Every rule of this module over the graph.
pub(crate) fn check(graph: &Graph) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (from, to, kind) in &graph.edges {
        if !graph.members.contains(from) {
            continue;
        }
        let (from, name) = (&graph.names[from], &graph.names[to]);
        if graph.members.contains(to) {
            if !may_depend(from, name, *kind) {
                let detail = format!("expected one of {:?}, found `{name}` ({kind:?})", allowed(from));
                findings.push(Finding::new(from, "edge-not-allowed", detail));
            }
        } else if *kind == Kind::Normal
            && let Some((_, owners)) = ONLY_IN.iter().find(|(external, _)| external == name)
            && !owners.contains(&from.as_str())
        {
            findings.push(Finding::new(from, "crate-has-an-owner", format!("`{name}` belongs to {owners:?} alone")));
        }
    }
    for member in &graph.members {
        let name = &graph.names[member];
        for (_, banned) in NEVER_BELOW.iter().filter(|(pattern, _)| matches(pattern, name)) {
            for (package, path) in graph.below(member) {
                if banned.contains(&graph.names[&package].as_str()) {
                    findings.push(Finding::new(name, "impure-dependency", path.join(" -> ")));
                }
            }
        }
    }
    findings
}

fn may_depend(from: &str, to: &str, kind: Kind) -> bool {
    allowed(from).iter().any(|pattern| matches(pattern, to))
        || (kind == Kind::Dev && ALLOWED_IN_TESTS.iter().any(|(a, b, _reason)| *a == from && *b == to))
}

fn allowed(from: &str) -> &'static [&'static str] {
    ALLOWED.iter().find(|(pattern, _)| matches(pattern, from)).map_or(&[], |(_, targets)| targets)
}

/// `light-client-*` matches names with something after the hyphen, `light-client*` also the bare name.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) if prefix.ends_with('-') => name.len() > prefix.len() && name.starts_with(prefix),
        Some(prefix) => name.starts_with(prefix),
        None => pattern == name,
    }
}

impl Graph {
    /// Asks cargo. Only this platform's packages, so that nothing has to be fetched for others.
    pub(crate) fn of_workspace(root: &Path) -> Self {
        let version = run(root, &["-vV"]);
        let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("cargo names its host");
        let metadata = run(root, &["metadata", "--format-version", "1", "--locked", "--filter-platform", host]);
        let graph = Self::from_metadata(&serde_json::from_str(&metadata).expect("cargo metadata is JSON"));
        assert!(graph.members.len() >= 10, "only {} members found: the reading is broken", graph.members.len());
        graph
    }

    fn from_metadata(metadata: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a string in cargo metadata").to_owned();
        let list = |value: &Value| value.as_array().expect("a list in cargo metadata").clone();
        let mut graph = Self::default();
        for package in list(&metadata["packages"]) {
            graph.names.insert(text(&package["id"]), text(&package["name"]));
        }
        graph.members = list(&metadata["workspace_members"]).iter().map(text).collect();
        for node in list(&metadata["resolve"]["nodes"]) {
            for dependency in list(&node["deps"]) {
                for kind in list(&dependency["dep_kinds"]) {
                    let kind = if kind["kind"] == "dev" { Kind::Dev } else { Kind::Normal };
                    graph.edges.insert((text(&node["id"]), text(&dependency["pkg"]), kind));
                }
            }
        }
        graph
    }

    /// Everything compiled into a package, each with one chain of names that leads there.
    fn below(&self, package: &str) -> Vec<(String, Vec<String>)> {
        let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut queue = vec![(package.to_owned(), vec![self.names[package].clone()])];
        while let Some((at, path)) = queue.pop() {
            for (_, to, kind) in
                self.edges.range((at.clone(), String::new(), Kind::Normal)..).take_while(|edge| edge.0 == at)
            {
                if *kind == Kind::Normal && !seen.contains_key(to) {
                    let longer: Vec<String> = path.iter().cloned().chain([self.names[to].clone()]).collect();
                    seen.insert(to.clone(), longer.clone());
                    queue.push((to.clone(), longer));
                }
            }
        }
        seen.into_iter().collect()
    }
}

pub(crate) fn run(root: &Path, arguments: &[&str]) -> String {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).current_dir(root).args(arguments).output().expect("cargo runs");
    assert!(output.status.success(), "cargo {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Metadata as cargo prints it, of members and outside packages named in the edges.
    fn graph(members: &[&str], edges: &[(&str, &str, Option<&str>)]) -> Graph {
        let names: BTreeSet<&str> =
            members.iter().copied().chain(edges.iter().flat_map(|(from, to, _)| [*from, *to])).collect();
        let packages: Vec<Value> = names.iter().map(|name| json!({"id": format!("{name}#1"), "name": name})).collect();
        let nodes: Vec<Value> = edges
            .iter()
            .map(|(from, to, kind)| {
                let kinds = json!([{"kind": kind, "target": null}]);
                json!({"id": format!("{from}#1"), "deps": [{"name": to, "pkg": format!("{to}#1"), "dep_kinds": kinds}]})
            })
            .collect();
        let members: Vec<String> = members.iter().map(|name| format!("{name}#1")).collect();
        Graph::from_metadata(&json!({"packages": packages, "workspace_members": members, "resolve": {"nodes": nodes}}))
    }

    fn findings(members: &[&str], edges: &[(&str, &str, Option<&str>)]) -> Vec<(String, &'static str)> {
        check(&graph(members, edges)).into_iter().map(|finding| (finding.place, finding.rule)).collect()
    }

    #[test]
    fn arrows_that_point_inward_pass() {
        let members =
            ["light-client", "light-client-proofs", "light-client-qbft", "adapter", "adapter-evm", "lighterman"];
        let edges = [
            ("light-client-qbft", "light-client-proofs", None),
            ("light-client-proofs", "light-client", None),
            ("adapter-evm", "light-client-qbft", None),
            ("adapter-evm", "ethers-core", None),
            ("adapter-evm", "tokio", None),
            ("lighterman", "adapter-evm", None),
            ("light-client-qbft", "tokio", Some("dev")),
        ];
        assert_eq!(findings(&members, &edges), []);
    }

    #[test]
    fn each_forbidden_arrow_is_found() {
        let edge = "edge-not-allowed";
        for (from, to) in [
            ("light-client-qbft", "light-client-tendermint"),
            ("light-client-qbft", "adapter"),
            ("light-client", "light-client-crypto"),
            ("adapter-evm", "adapter-cosmos"),
            ("adapter-evm", "relayer-core"),
            ("relayer-core", "adapter"),
            ("relayer-store", "relayer-engine"),
            ("relayer-engine", "adapter-evm"),
            ("relayer-engine", "relayer-api"),
            ("lighterman", "e2e"),
            ("stranger", "light-client"),
        ] {
            assert_eq!(findings(&[from, to], &[(from, to, None)]), [(from.to_owned(), edge)], "{from} -> {to}");
        }
    }

    #[test]
    fn a_dependency_for_tests_needs_a_reason_too() {
        let found = findings(&["light-client-qbft", "adapter"], &[("light-client-qbft", "adapter", Some("dev"))]);
        assert_eq!(found, [("light-client-qbft".to_owned(), "edge-not-allowed")]);
    }

    #[test]
    fn what_is_impure_is_found_through_others() {
        let edges = [("light-client-qbft", "helper", None), ("helper", "tokio", None), ("helper", "libc", None)];
        let found = check(&graph(&["light-client-qbft"], &edges));
        assert_eq!(
            found,
            [Finding::new("light-client-qbft", "impure-dependency", "light-client-qbft -> helper -> tokio")]
        );
        let edges = [("relayer-core", "tracing", Some("build"))];
        assert_eq!(findings(&["relayer-core"], &edges), [("relayer-core".to_owned(), "impure-dependency")]);
    }

    #[test]
    fn a_crate_that_belongs_to_one_member_is_found_elsewhere() {
        for (member, external) in [("adapter-cosmos", "ethers-core"), ("relayer-engine", "sqlx"), ("adapter", "clap")] {
            let found = findings(&[member], &[(member, external, None)]);
            assert_eq!(found, [(member.to_owned(), "crate-has-an-owner")], "{member} -> {external}");
        }
        assert_eq!(findings(&["adapter-evm"], &[("adapter-evm", "revm", Some("dev"))]), []);
    }
}
