//! Writes `src/proto/generated/` anew from `proto/`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

#[path = "../tests/support/proto.rs"]
mod proto;

fn main() {
    let folder = proto::generated_folder();
    for (name, text) in proto::generate() {
        std::fs::write(folder.join(&name), text).unwrap();
        println!("{name}");
    }
}
