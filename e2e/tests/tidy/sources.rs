//! Banned calls: what the pure crates may not do, and what nobody leaves behind.

use crate::Finding;
use crate::lexer;
use std::collections::BTreeSet;

/// Folders whose crates are pure: no clock, no output, no input, nothing awaited.
const PURE: [&str; 2] = ["light-clients/", "relayer/core/"];

/// What pure crates may not name outside tests. `HashMap` because its order differs from run to run, and a seed must
/// reproduce a simulation exactly.
const BANNED_IN_PURE: [&str; 16] = [
    "SystemTime",
    "Instant",
    "thread::sleep",
    "thread::spawn",
    "print!",
    "println!",
    "eprint!",
    "eprintln!",
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "async fn",
    ".await",
    "HashMap",
];

/// What no crate that ships may name outside tests: a panic is not an answer.
const BANNED_IN_SHIPPED: [&str; 3] = [".unwrap()", ".unwrap_err()", "dbg!"];

/// What nobody may leave, tests included.
const BANNED_EVERYWHERE: [&str; 3] = ["todo!", "unimplemented!", "#[ignore"];

/// Checks all sources together, since a file can be declared a test by another.
pub(crate) fn check(sources: &[(String, String)]) -> Vec<Finding> {
    let codes: Vec<(&str, String)> =
        sources.iter().map(|(file, text)| (file.as_str(), lexer::code_only(text))).collect();
    let tests: BTreeSet<String> = codes.iter().flat_map(|(file, code)| files_of_test_modules(file, code)).collect();
    let mut findings = Vec::new();
    for (file, code) in &codes {
        findings.extend(find(file, code, "unfinished-or-ignored", &BANNED_EVERYWHERE));
        if is_test_file(file) || tests.iter().any(|module| file == module || file.starts_with(&format!("{module}/"))) {
            continue;
        }
        let shipped = lexer::without_tests(code);
        if !file.starts_with("e2e/") {
            findings.extend(find(file, &shipped, "unwrap-outside-tests", &BANNED_IN_SHIPPED));
        }
        if PURE.iter().any(|folder| file.starts_with(folder)) {
            findings.extend(find(file, &shipped, "impure-call", &BANNED_IN_PURE));
        }
    }
    findings
}

fn find(file: &str, code: &str, rule: &'static str, banned: &[&str]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in code.lines().enumerate() {
        for word in banned {
            if names(line, word) {
                findings.push(Finding::new(format!("{file}:{}", index + 1), rule, format!("`{word}`")));
            }
        }
    }
    findings
}

/// Whether the line names the word, not only a longer word that contains it.
fn names(line: &str, word: &str) -> bool {
    let part_of_word = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back().is_some_and(part_of_word);
        let after = line[start + word.len()..].chars().next().is_some_and(part_of_word);
        let (first, last) = (word.chars().next(), word.chars().next_back());
        !(before && first.is_some_and(part_of_word) || after && last.is_some_and(part_of_word))
    })
}

/// Integration tests, benchmarks and generators of vectors are not shipped.
fn is_test_file(file: &str) -> bool {
    ["/tests/", "/benches/", "/examples/"].iter().any(|folder| file.contains(folder)) || file.ends_with("/build.rs")
}

/// The files (and, without the suffix, folders) of modules that `file` declares for tests only.
fn files_of_test_modules(file: &str, code: &str) -> Vec<String> {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let stem = name.trim_end_matches(".rs");
    let folder = if matches!(stem, "lib" | "main" | "mod") { folder.to_owned() } else { format!("{folder}/{stem}") };
    lexer::test_modules(code)
        .into_iter()
        .flat_map(|module| [format!("{folder}/{module}.rs"), format!("{folder}/{module}")])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(file: &str, text: &str) -> Vec<&'static str> {
        check(&[(file.to_owned(), text.to_owned())]).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn each_banned_word_is_found_where_it_is_banned() {
        for word in BANNED_IN_PURE {
            let text = format!("fn a() {{ x {word} (y) }}");
            assert_eq!(rules("light-clients/qbft/src/lib.rs", &text), ["impure-call"], "{word}");
            assert_eq!(rules("adapters/evm/src/lib.rs", &text), Vec::<&str>::new(), "{word}");
        }
        for word in BANNED_IN_SHIPPED {
            let text = format!("fn a() {{ x{word} }}");
            let text = text.replace("xdbg!", "dbg!(x)");
            assert_eq!(rules("adapters/evm/src/lib.rs", &text), ["unwrap-outside-tests"], "{word}");
            assert_eq!(rules("adapters/evm/tests/lib.rs", &text), Vec::<&str>::new(), "{word}");
        }
        for text in ["todo!()", "unimplemented!()", "#[ignore] fn a() {}", "#[ignore = \"slow\"] fn a() {}"] {
            assert_eq!(rules("e2e/tests/a.rs", text), ["unfinished-or-ignored"], "{text}");
        }
    }

    #[test]
    fn the_line_is_named() {
        let source = [("relayer/core/src/a.rs".to_owned(), "\n// Instant\nuse std::time::Instant;\n".to_owned())];
        assert_eq!(check(&source), [Finding::new("relayer/core/src/a.rs:3", "impure-call", "`Instant`")]);
    }

    #[test]
    fn comments_literals_tests_and_longer_words_pass() {
        let text = "/// println! and todo!\nfn a() -> Instantly { \"todo!\"; sprintln!(); x.unwrap_or(1); }\n\
            #[cfg(test)]\nmod tests { fn b() { c().unwrap(); println!(\"\"); } }\n";
        assert_eq!(rules("light-clients/qbft/src/lib.rs", text), Vec::<&str>::new());
    }

    #[test]
    fn a_module_declared_for_tests_is_one_and_its_sister_is_not() {
        let parent = "#[cfg(test)]\nmod samples;\nmod other;\n".to_owned();
        let bad = "fn a() { b().unwrap(); }".to_owned();
        let sources = [
            ("adapters/evm/src/lib.rs".to_owned(), parent),
            ("adapters/evm/src/samples.rs".to_owned(), bad.clone()),
            ("adapters/evm/src/samples/deep.rs".to_owned(), bad.clone()),
            ("adapters/evm/src/other.rs".to_owned(), bad),
        ];
        let places: Vec<String> = check(&sources).into_iter().map(|finding| finding.place).collect();
        assert_eq!(places, ["adapters/evm/src/other.rs:1"]);
    }
}
