use super::{
    Config, ConfigError, Problem,
    problem::Problems,
    schema::{ChainFile, ChainKind, PathFile, RelayerFile},
    source, validate,
};
use serde::de::DeserializeOwned;
use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

/// The name of the relayer's own file.
pub(crate) const CONFIG_FILE: &str = "relayer.toml";
/// The greatest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A file as read: what it says, and its text for the lines of errors.
pub(super) struct Source<T> {
    pub(super) name: String,
    pub(super) file: PathBuf,
    pub(super) content: T,
    pub(super) document: toml_edit::Document<String>,
}

/// The folder of a configuration, from its folder or its `relayer.toml`.
///
/// # Errors
/// When neither is there.
pub(crate) fn locate(given: &Path) -> Result<PathBuf, ConfigError> {
    let file = if given.is_dir() { given.join(CONFIG_FILE) } else { given.to_owned() };
    if !file.is_file() {
        return Err(ConfigError::one(
            file,
            "",
            "a file (`lighterman init DIR` makes a folder of them, --config DIR names it)",
            "none",
        ));
    }
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Ok(folder.to_owned())
}

/// Reads and checks all of a configuration, from its folder or its `relayer.toml`.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn load(given: &Path) -> Result<Config, ConfigError> {
    let folder = locate(given)?;
    let mut problems = Vec::new();
    let relayer_file = if given.is_dir() { folder.join(CONFIG_FILE) } else { given.to_owned() };
    let relayer = noted(parse::<RelayerFile>(&relayer_file), &mut problems);
    let chains = read_folder(&folder.join("chains"), parse_chain, &mut problems);
    let paths = read_folder(&folder.join("paths"), parse::<PathFile>, &mut problems);
    // What the files say is checked as well when one of them cannot be read, so that one run tells everything.
    let complete = problems.is_empty();
    let config = validate::validate(folder, relayer.as_ref(), &chains, &paths, complete, &mut problems);
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        _ => Err(ConfigError { problems }),
    }
}

fn read_folder<T>(
    folder: &Path,
    parse: impl Fn(&Path) -> Result<Source<T>, ConfigError>,
    problems: &mut Vec<Problem>,
) -> Vec<Source<T>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            problems.extend(ConfigError::one(folder, "", "a folder that can be read", error.to_string()).problems);
            return Vec::new();
        }
    };
    let mut files: Vec<_> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension() == Some(OsStr::new("toml")))
        .collect();
    files.sort();
    files.iter().filter_map(|file| noted(parse(file), problems)).collect()
}

fn noted<T>(parsed: Result<Source<T>, ConfigError>, problems: &mut Vec<Problem>) -> Option<Source<T>> {
    parsed.map_err(|error| problems.extend(error.problems)).ok()
}

/// A chain's file, read by what its `kind` asks for.
fn parse_chain(file: &Path) -> Result<Source<ChainFile>, ConfigError> {
    /// The rest is read once the kind is known.
    #[derive(serde::Deserialize)]
    struct Kind {
        kind: ChainKind,
    }
    match parse::<Kind>(file)?.content.kind {
        ChainKind::Evm => Ok(parse(file)?.map(|content| ChainFile::Evm(Box::new(content)))),
        ChainKind::Cosmos => Ok(parse(file)?.map(|content| ChainFile::Cosmos(Box::new(content)))),
    }
}

fn parse<T: DeserializeOwned>(file: &Path) -> Result<Source<T>, ConfigError> {
    let name = file.file_stem().and_then(OsStr::to_str).unwrap_or_default().to_owned();
    let unreadable = |error: io::Error| ConfigError::one(file, "", "a file that can be read", error.to_string());
    let length = fs::metadata(file).map_err(unreadable)?.len();
    if length > MAX_FILE_BYTES {
        return Err(ConfigError::one(file, "", format!("at most {MAX_FILE_BYTES} bytes"), length.to_string()));
    }
    let text = fs::read_to_string(file).map_err(unreadable)?;
    let at = |key: String, line: Option<usize>, expected: &str, found: String| ConfigError {
        problems: vec![Problem { file: file.to_owned(), line, key, expected: expected.to_owned(), found }],
    };
    let line = |span: Option<std::ops::Range<usize>>| span.map(|span| source::line_at(&text, span.start));
    let document = toml_edit::Document::parse(text.clone())
        .map_err(|error| at(String::new(), line(error.span()), "TOML", format!("an error: {}", error.message())))?;
    let deserializer = toml::Deserializer::parse(&text)
        .map_err(|error| at(String::new(), line(error.span()), "TOML", format!("an error: {}", error.message())))?;
    let content = serde_path_to_error::deserialize(deserializer).map_err(|error| {
        let key = error.path().to_string();
        let key = if key == "." { String::new() } else { key };
        let inner = error.into_inner();
        at(key, line(inner.span()), "a setting as the commented examples have it", inner.message().to_owned())
    })?;
    Ok(Source { name, file: file.to_owned(), content, document })
}

impl<T> Source<T> {
    fn map<U>(self, change: impl FnOnce(T) -> U) -> Source<U> {
        Source { name: self.name, file: self.file, content: change(self.content), document: self.document }
    }

    /// Collects problems of this file.
    pub(super) fn problems(&self) -> Problems<'_> {
        Problems::of(&self.file, Some(&self.document))
    }
}
