use std::{fmt, path::PathBuf};

/// One thing that is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Problem {
    /// The file.
    pub(crate) file: PathBuf,
    /// The line it is on, from 1, where that is known.
    pub(crate) line: Option<usize>,
    /// The key, with dots and indices: `endpoints[0].url`.
    pub(crate) key: String,
    /// What is needed.
    pub(crate) expected: String,
    /// What is there.
    pub(crate) found: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if !self.key.is_empty() {
            write!(f, ": {}", self.key)?;
        }
        write!(f, ": expected {}, found {}", self.expected, self.found)
    }
}

/// All that is wrong with a configuration; never empty.
#[derive(Debug, thiserror::Error)]
#[error("{}", lines(.problems))]
pub(crate) struct ConfigError {
    /// In the order of files, then of lines.
    pub(crate) problems: Vec<Problem>,
}

impl ConfigError {
    /// An error of one problem that concerns a file as a whole or an option of the command line.
    pub(crate) fn one(
        file: impl Into<PathBuf>,
        key: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self {
            problems: vec![Problem {
                file: file.into(),
                line: None,
                key: key.into(),
                expected: expected.into(),
                found: found.into(),
            }],
        }
    }
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// Collects the problems of one file.
pub(crate) struct Problems<'a> {
    file: PathBuf,
    document: Option<&'a toml_edit::Document<String>>,
    found: Vec<Problem>,
}

impl<'a> Problems<'a> {
    /// Of this file, whose text is `document`.
    pub(crate) fn of(file: impl Into<PathBuf>, document: Option<&'a toml_edit::Document<String>>) -> Self {
        Self { file: file.into(), document, found: Vec::new() }
    }

    /// Notes a problem.
    pub(crate) fn add(&mut self, key: impl Into<String>, expected: impl Into<String>, found: impl Into<String>) {
        let key = key.into();
        let line = self.document.and_then(|document| super::source::line_of(document, &key));
        self.found.push(Problem { file: self.file.clone(), line, key, expected: expected.into(), found: found.into() });
    }

    /// Unwraps a parsed value, or notes why it is none.
    pub(crate) fn take<T>(&mut self, key: &str, result: Result<T, super::value::Unfit>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(unfit) => {
                self.add(key, unfit.expected, unfit.found);
                None
            }
        }
    }

    /// All problems noted.
    pub(crate) fn into_found(self) -> Vec<Problem> {
        self.found
    }
}
