//! Every vector has a reader: a test of the tree names the file, or names a folder above it and walks that folder.
//!
//! This is the half that needs no run. The other half is in `e2e/test.sh`, which looks, after the tests have run,
//! at which vector files were in fact opened.

use crate::Finding;
use crate::lexer;

/// How a test walks a folder.
const WALKS: [&str; 4] = ["read_dir", "walkdir", "vm.readDir", "include_dir!"];

/// Whether a file can be the reader of a vector: a Rust or Solidity source.
pub(crate) fn may_read_vectors(file: &str) -> bool {
    (file.ends_with(".rs") || file.ends_with(".sol")) && !file.starts_with("e2e/tests/tidy/")
}

/// Checks that each vector among `files` has a reader among `readers` (path and text).
pub(crate) fn check(files: &[String], readers: &[(String, String)]) -> Vec<Finding> {
    let readers: Vec<Reader> = readers.iter().map(|(_, text)| Reader::of(text)).collect();
    files
        .iter()
        .filter(|file| is_vector(file))
        .filter(|file| !readers.iter().any(|reader| reader.reads(file)))
        .map(|file| Finding::new(file, "vector-without-reader", "no test names this file or walks a folder above it"))
        .collect()
}

/// A data file in a folder called `vectors`. What describes or makes vectors is none.
fn is_vector(file: &str) -> bool {
    file.split('/').any(|part| part == "vectors")
        && [".json", ".bin", ".rlp", ".hex"].iter().any(|suffix| file.ends_with(suffix))
}

/// What one source file says of the files it reads.
struct Reader {
    /// Its string literals that can be (ends of) paths.
    literals: Vec<String>,
    walks: bool,
}

impl Reader {
    fn of(text: &str) -> Self {
        let literals = lexer::string_literals(text).into_iter().map(|text| text.trim_matches('/').to_owned());
        let code = lexer::code_only(text);
        Self {
            literals: literals.filter(|text| !text.is_empty()).collect(),
            walks: WALKS.iter().any(|walk| code.contains(walk)),
        }
    }

    fn reads(&self, file: &str) -> bool {
        self.literals.iter().any(|literal| {
            let literal = literal.trim_start_matches("../");
            ends_with_path(file, literal)
                || (self.walks && self.folders(file).any(|folder| ends_with_path(folder, literal)))
        })
    }

    /// The folders above the vector, down from the one called `vectors`.
    fn folders<'a>(&self, file: &'a str) -> impl Iterator<Item = &'a str> {
        file.match_indices('/')
            .map(|(end, _)| &file[..end])
            .filter(|folder| folder.split('/').any(|part| part == "vectors"))
    }
}

/// Whether `path` is `end`, or ends with `/` and `end`.
fn ends_with_path(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unread(files: &[&str], reader: &str) -> Vec<String> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        check(&files, &[("a/tests/vectors.rs".to_owned(), reader.to_owned())]).into_iter().map(|f| f.place).collect()
    }

    #[test]
    fn a_vector_that_nobody_names_or_walks_is_found() {
        let files = ["a/vectors/update/x.json", "a/vectors/membership/y.json", "a/vectors/README.md", "a/src/lib.rs"];
        assert_eq!(unread(&files, ""), &files[..2]);
        assert_eq!(unread(&files, "f(\"vectors\")"), &files[..2], "a folder that is named but not walked");
        assert_eq!(unread(&files, "read_dir(\"vectors\")"), Vec::<String>::new());
        assert_eq!(unread(&files, "read_dir(\"vectors/update\")"), &files[1..2]);
        assert_eq!(unread(&files, "f(\"../vectors/update/x.json\"); g(\"y.json\")"), Vec::<String>::new());
        assert_eq!(unread(&files, "// read_dir(\"vectors\")"), &files[..2], "a comment reads nothing");
    }

    #[test]
    fn half_a_name_is_no_name() {
        assert_eq!(unread(&["a/vectors/xy.json"], "f(\"y.json\")"), ["a/vectors/xy.json"]);
    }
}
