//! The checked-in messages are what the definitions give.

#![allow(clippy::unwrap_used)]

#[path = "support/proto.rs"]
mod proto;

use std::collections::BTreeMap;

#[test]
fn generated_files_are_current() {
    let kept: BTreeMap<String, String> = std::fs::read_dir(proto::generated_folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap()))
        .collect();
    let generated = proto::generate();
    assert_eq!(generated.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    for (name, text) in generated {
        assert_eq!(text, kept[&name], "{name}: run `cargo run -p adapter-cosmos --example generate-proto`");
    }
}
