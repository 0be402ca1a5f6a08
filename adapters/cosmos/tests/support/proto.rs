//! Makes Rust of the message definitions: without `protoc`, which no machine need have.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The definitions, below `proto/`.
const FILES: [&str; 5] = [
    "ibc/applications/transfer/v1/packet.proto",
    "ibc/core/channel/v2/packet.proto",
    "ibc/core/channel/v2/tx.proto",
    "ibc/core/client/v1/client.proto",
    "ibc/core/client/v2/tx.proto",
];

/// Where the generated files lie.
pub(crate) fn generated_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/proto/generated")
}

/// The generated files by name.
pub(crate) fn generate() -> BTreeMap<String, String> {
    let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let descriptors = protox::compile(FILES, [definitions]).unwrap();
    let output = tempfile::tempdir().unwrap();
    prost_build::Config::new().out_dir(output.path()).compile_fds(descriptors).unwrap();
    let files = std::fs::read_dir(output.path()).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}
