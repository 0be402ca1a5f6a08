//! Nothing in the tree that belongs to one machine or one person: keys, home folders, addresses of package mirrors.

use crate::Finding;

/// Paths that exist on one machine only, in pieces so that this file does not contain them.
const MACHINE_PATHS: [&str; 6] = [
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/tm", "p/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("../sha", "red"),
];

/// Addresses a lock file may take from the settings of whoever wrote it.
const REGISTRY_HOSTS: [&str; 4] = [
    concat!("registry.", "npmjs.org"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates.io"),
    concat!("proxy.", "golang.org"),
];

/// Words that make a 32-byte value on the same line a key.
const SECRET_WORDS: [&str; 9] = [
    "private key",
    "private_key",
    "private-key",
    "privatekey",
    "privkey",
    "secret",
    "signing_key",
    "mnemonic",
    "seed phrase",
];

/// Recorded vectors are data with a stated origin; lock files are hashes; binaries have no lines.
pub(crate) fn is_scanned(file: &str) -> bool {
    let data = ["/vectors/", "/artifacts/"].iter().any(|folder| file.contains(folder));
    let binary = [".png", ".jpg", ".ico", ".woff2", ".lock", ".sum"].iter().any(|suffix| file.ends_with(suffix));
    !data && !binary && file != "LICENSE"
}

/// Checks one file, line by line.
pub(crate) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", index + 1);
        for path in MACHINE_PATHS.iter().filter(|path| names_path(line, path)) {
            findings.push(Finding::new(&place, "machine-path", format!("`{path}`")));
        }
        for host in REGISTRY_HOSTS.iter().filter(|host| line.contains(**host)) {
            findings.push(Finding::new(&place, "registry-host", format!("`{host}`")));
        }
        if line.contains(concat!("PRIVATE", " KEY-----")) {
            findings.push(Finding::new(&place, "private-key", "a key in PEM"));
        }
        let lower = line.to_lowercase();
        if has_32_bytes_of_hex(line) && SECRET_WORDS.iter().any(|word| lower.contains(word)) {
            findings.push(Finding::new(&place, "private-key", "32 bytes of hex on a line that speaks of a secret"));
        }
    }
    findings
}

/// An absolute path begins after something that is no path: `docs/work/x` and `https://host/home/` are none.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        !before.is_some_and(|character| character.is_alphanumeric() || "._-/}$".contains(character))
    })
}

/// Whether the line has a run of exactly 64 hex digits.
fn has_32_bytes_of_hex(line: &str) -> bool {
    line.split(|character: char| !character.is_ascii_alphanumeric()).any(|word| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(line: &str) -> Vec<&'static str> {
        check("a.md", line).into_iter().map(|finding| finding.rule).collect()
    }

    #[test]
    fn each_rule_fails_once() {
        for path in MACHINE_PATHS {
            assert_eq!(rules(&format!("see {path}x")), ["machine-path"], "{path}");
            assert_eq!(rules(&format!("x = \"{path}x\"")), ["machine-path"], "{path}");
        }
        for host in REGISTRY_HOSTS {
            assert_eq!(rules(&format!("\"resolved\": \"https://{host}/a\"")), ["registry-host"], "{host}");
        }
        assert_eq!(rules(&format!("-----BEGIN EC {} KEY-----", "PRIVATE")), ["private-key"]);
        let key = "0x".to_owned() + &"4c".repeat(32);
        assert_eq!(rules(&format!("const {}_KEY: &str = \"{key}\";", "PRIVATE")), ["private-key"]);
        assert_eq!(rules(&format!("{}: {}", "secret", &key[2..])), ["private-key"]);
    }

    #[test]
    fn hashes_urls_and_relative_paths_pass() {
        let hash = "ab".repeat(32);
        assert_eq!(rules(&format!("let hash = \"0x{hash}\";")), Vec::<&str>::new());
        assert_eq!(rules(&format!("private function f() {{}} // 0x{hash}{hash}")), Vec::<&str>::new());
        assert_eq!(rules("https://example.org/home/page and docs/work/plan"), Vec::<&str>::new());
        assert!(!is_scanned("light-clients/qbft/vectors/a.json") && is_scanned("configs/a.toml"));
    }
}
