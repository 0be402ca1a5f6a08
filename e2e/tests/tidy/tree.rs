//! The files of the project, as git sees them, and how long they may be.

use crate::Finding;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest source file, in lines.
pub(crate) const MAX_LINES: usize = 800;

/// Kinds of file people read, to which [`MAX_LINES`] applies.
const MEASURED: [&str; 7] = [".rs", ".sol", ".js", ".html", ".css", ".sh", ".go"];

/// Every file git tracks or would add, as `/`-separated paths relative to the root.
pub(crate) struct Tree {
    root: PathBuf,
    pub(crate) files: Vec<String>,
}

impl Tree {
    pub(crate) fn of(root: &Path) -> Self {
        let output = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()
            .expect("git runs");
        assert!(output.status.success(), "git ls-files failed: {}", String::from_utf8_lossy(&output.stderr));
        let listing = String::from_utf8(output.stdout).expect("file names are UTF-8");
        // A file deleted in the work tree but not yet in the index is still listed.
        let mut files: Vec<String> = listing
            .split('\0')
            .filter(|name| !name.is_empty() && root.join(name).is_file())
            .map(String::from)
            .collect();
        files.sort();
        files.dedup();
        assert!(files.iter().any(|file| file == "Cargo.toml"), "the walk of {} found no manifest", root.display());
        Self { root: root.to_path_buf(), files }
    }

    /// The text of a file that must be UTF-8.
    pub(crate) fn read(&self, file: &str) -> String {
        std::fs::read_to_string(self.root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// The text of any file, bytes that are not UTF-8 replaced.
    pub(crate) fn read_lossy(&self, file: &str) -> String {
        let bytes = std::fs::read(self.root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// The length rule; `read` is called only for kinds of file that are measured.
pub(crate) fn check_length(file: &str, read: impl FnOnce() -> String) -> Option<Finding> {
    if !MEASURED.iter().any(|suffix| file.ends_with(suffix)) {
        return None;
    }
    let lines = read().lines().count();
    (lines > MAX_LINES)
        .then(|| Finding::new(file, "file-too-long", format!("expected at most {MAX_LINES} lines, found {lines}")))
}

#[test]
fn a_line_over_the_limit_is_found() {
    assert_eq!(check_length("a.rs", || "x\n".repeat(MAX_LINES)), None);
    let finding = check_length("a.sol", || "x\n".repeat(MAX_LINES + 1)).expect("one line too many");
    assert_eq!(finding.detail, "expected at most 800 lines, found 801");
    assert_eq!(check_length("data.json", || "x\n".repeat(MAX_LINES + 1)), None);
}
