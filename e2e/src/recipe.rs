//! Builds the nodes of `nodes/` into `.run/`, both beside this crate.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Why a node could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// A file or a process could not be had.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The recipe's `build.sh` failed.
    #[error("{recipe} failed with {status}: {output}")]
    Build {
        /// The script.
        recipe: PathBuf,
        /// Its status.
        status: ExitStatus,
        /// What it printed.
        output: String,
    },
}

/// Builds `nodes/RECIPE` into `.run/RECIPE` and returns the program in it. The script does nothing when it is up to date.
///
/// # Errors
/// [`RecipeError`]; Go and a C compiler are needed.
pub fn build(recipe: &str, program: &str) -> Result<PathBuf, RecipeError> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let script = here.join("nodes").join(recipe).join("build.sh");
    let target = here.join(".run").join(recipe);
    let io_error = |what: String| move |source| RecipeError::Io { what, source };
    fs::create_dir_all(&target).map_err(io_error(format!("make {}", target.display())))?;
    // Two test processes may need it at once; the lock goes when the file is closed.
    let lock = File::create(target.join("lock")).map_err(io_error("make the build's lock".to_owned()))?;
    lock.lock().map_err(io_error("lock the build".to_owned()))?;
    let output = Command::new(&script)
        .arg(&target)
        .stdin(Stdio::null())
        .output()
        .map_err(io_error(format!("run {}", script.display())))?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(RecipeError::Build { recipe: script, status: output.status, output: text });
    }
    Ok(target.join(program))
}
