//! `docs/PROPERTIES.md` claims no test that does not exist.

use crate::Finding;

/// The page checked.
pub(crate) const PROPERTIES: &str = "docs/PROPERTIES.md";

/// Checks everything in back quotes that names something of the tree; `read` gives the text of a file.
///
/// - `a/b`: a file or folder whose path is that or ends with it;
/// - `a.rs#name`, `a/b#name`: a function of that name in such a file, or in one that lies in such a folder;
/// - `reject-rule`: a vector whose name begins so.
pub(crate) fn check(page: &str, files: &[String], read: impl Fn(&str) -> String) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in page.lines().enumerate() {
        for token in quoted(line) {
            let (rule, exists) = if let Some((path, name)) = token.split_once('#') {
                (
                    "no-such-test",
                    files.iter().any(|file| is_source(file) && lies_in(file, path) && declares(&read(file), name)),
                )
            } else if token.starts_with("reject-") {
                ("no-such-vector", files.iter().any(|file| is_vector_called(file, token)))
            } else if token.contains('/') {
                ("no-such-path", files.iter().any(|file| lies_in(file, token)))
            } else {
                continue;
            };
            if !exists {
                findings.push(Finding::new(format!("{PROPERTIES}:{}", index + 1), rule, format!("`{token}`")));
            }
        }
    }
    findings
}

/// What declares functions that tests are.
fn is_source(file: &str) -> bool {
    file.ends_with(".rs") || file.ends_with(".sol")
}

/// What stands between back quotes on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_or_ends_with(file: &str, path: &str) -> bool {
    file.strip_suffix(path).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// Whether the file is that path, or lies in a folder that is.
fn lies_in(file: &str, path: &str) -> bool {
    is_or_ends_with(file, path) || file.match_indices('/').any(|(end, _)| is_or_ends_with(&file[..end], path))
}

fn is_vector_called(file: &str, name: &str) -> bool {
    let ends = |rest: &str| rest.starts_with('-') || rest.starts_with('.');
    file.contains("/vectors/") && file.rsplit('/').next().and_then(|last| last.strip_prefix(name)).is_some_and(ends)
}

/// Whether the source declares a function of that name, in Rust or in Solidity.
fn declares(source: &str, name: &str) -> bool {
    ["fn ", "function "].iter().any(|keyword| source.contains(&format!("{keyword}{name}(")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(page: &str) -> Vec<&'static str> {
        let files = ["a/tests/b.rs", "a/test/C.t.sol", "a/vectors/x/reject-too-few.json"].map(str::to_owned);
        check(page, &files, |_| "fn one() {} function test_two() public {}".to_owned())
            .into_iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn what_exists_passes() {
        let page = "`a/tests/b.rs#one`, `b.rs#one`, `C.t.sol#test_two`, `a/test#test_two`, `a/tests`, `vectors/x`, `reject-too-few`, `word`";
        assert_eq!(rules(page), Vec::<&str>::new());
    }

    #[test]
    fn what_does_not_exist_is_found() {
        for page in ["| `a/tests/c.rs` |", "| `a/te` |", "| `ests/b.rs` |"] {
            assert_eq!(rules(page), ["no-such-path"], "{page}");
        }
        for page in ["`a/tests/b.rs#on`", "`a/vectors#one`", "`.rs#one`", "`c.rs#one`"] {
            assert_eq!(rules(page), ["no-such-test"], "{page}");
        }
        assert_eq!(rules("`reject-too-fe`"), ["no-such-vector"]);
    }
}
