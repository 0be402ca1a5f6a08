use crate::{args, config::edit, config::edit::EditError, error::CliError, output::Output};
use serde::Serialize;
use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

/// The files of `configs/`, as they are in the source tree.
const FILES: &[(&str, &str)] = &[
    ("relayer.toml", include_str!("../../../../configs/relayer.toml")),
    ("chains/devchain-a.toml", include_str!("../../../../configs/chains/devchain-a.toml")),
    ("chains/devchain-b.toml", include_str!("../../../../configs/chains/devchain-b.toml")),
    ("chains/devchain-bsn.toml", include_str!("../../../../configs/chains/devchain-bsn.toml")),
    ("chains/besu-consortium.toml", include_str!("../../../../configs/chains/besu-consortium.toml")),
    ("chains/irita-opb.toml", include_str!("../../../../configs/chains/irita-opb.toml")),
    ("chains/cosmos-a.toml", include_str!("../../../../configs/chains/cosmos-a.toml")),
    ("chains/cosmos-b.toml", include_str!("../../../../configs/chains/cosmos-b.toml")),
    ("paths/devchain-a-devchain-b.toml", include_str!("../../../../configs/paths/devchain-a-devchain-b.toml")),
    ("paths/devchain-a-devchain-bsn.toml", include_str!("../../../../configs/paths/devchain-a-devchain-bsn.toml")),
    ("paths/cosmos-a-cosmos-b.toml", include_str!("../../../../configs/paths/cosmos-a-cosmos-b.toml")),
];

/// What `init` did.
#[derive(Serialize)]
struct Written {
    folder: PathBuf,
    written: Vec<&'static str>,
    kept: Vec<&'static str>,
}

/// Writes the commented configuration; never over a file that is there.
pub(crate) fn run(args: &args::Init, output: Output) -> Result<(), CliError> {
    let mut answer = Written { folder: args.dir.clone(), written: Vec::new(), kept: Vec::new() };
    for (name, text) in FILES {
        let file = args.dir.join(name);
        if file.exists() {
            answer.kept.push(name);
            continue;
        }
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(|source| EditError::Io {
            file: folder.to_owned(),
            operation: "could not be made",
            source,
        })?;
        edit::replace(&file, text.as_bytes())?;
        answer.written.push(name);
    }
    output.answer(&answer)
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (names, what) in [(&self.written, "wrote"), (&self.kept, "kept ")] {
            for name in names {
                writeln!(f, "{what} {}", self.folder.join(name).display())?;
            }
        }
        let folder = self.folder.display();
        write!(f, "next: lighterman --config {folder} keys new operator, then lighterman --config {folder} check")
    }
}
