//! `docs/PROPERTIES.md` claims no test that does not exist.

use crate::Finding;

/// The page checked.
pub(crate) const PROPERTIES: &str = "docs/PROPERTIES.md";

/// Checks every `path` and `path#function` in back quotes; a path has a `/` in it. `read` gives the text of a file.
pub(crate) fn check(page: &str, files: &[String], read: impl Fn(&str) -> String) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in page.lines().enumerate() {
        let place = format!("{PROPERTIES}:{}", index + 1);
        for token in quoted(line).filter(|token| token.contains('/')) {
            let (path, function) = token.split_once('#').map_or((token, None), |(path, name)| (path, Some(name)));
            let is_file = files.iter().any(|file| file == path);
            if !is_file && !files.iter().any(|file| file.starts_with(&format!("{path}/"))) {
                findings.push(Finding::new(place.clone(), "no-such-path", format!("`{path}`")));
            } else if let Some(name) = function
                && !(is_file && declares(&read(path), name))
            {
                findings.push(Finding::new(place.clone(), "no-such-test", format!("`{name}` in `{path}`")));
            }
        }
    }
    findings
}

/// What stands between back quotes on a line.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// Whether the source declares a function of that name, in Rust or in Solidity.
fn declares(source: &str, name: &str) -> bool {
    ["fn ", "function "].iter().any(|keyword| source.contains(&format!("{keyword}{name}(")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(page: &str) -> Vec<&'static str> {
        let files = ["a/tests/b.rs".to_owned(), "a/test/C.t.sol".to_owned()];
        check(page, &files, |_| "fn one() {} function test_two() public {}".to_owned())
            .into_iter()
            .map(|finding| finding.rule)
            .collect()
    }

    #[test]
    fn what_exists_passes() {
        assert_eq!(
            rules("`a/tests/b.rs#one`, `a/test/C.t.sol#test_two`, `a/tests`, `file#function`"),
            Vec::<&str>::new()
        );
    }

    #[test]
    fn what_does_not_exist_is_found() {
        assert_eq!(rules("| `a/tests/c.rs` |"), ["no-such-path"]);
        assert_eq!(rules("| `a/test` and `a/te` |"), ["no-such-path"]);
        assert_eq!(rules("| `a/tests/b.rs#on` |"), ["no-such-test"]);
        assert_eq!(rules("| `a/tests#one` |"), ["no-such-test"]);
    }
}
