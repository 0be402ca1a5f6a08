//! Where in a TOML text a key is.

use toml_edit::{Document, Item};

/// The line, from 1, of a key like `endpoints[0].url`, or of the nearest part of it that is there.
pub(crate) fn line_of(document: &Document<String>, key: &str) -> Option<usize> {
    let mut item: &Item = document.as_item();
    let mut offset = None;
    for step in key.split(['.', '[']).filter(|step| !step.is_empty()) {
        let next = match step.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()) {
            Some(index) => item.get(index),
            None => {
                if let Some((name, _)) = item.as_table_like().and_then(|table| table.get_key_value(step)) {
                    offset = name.span().map(|span| span.start).or(offset);
                }
                item.get(step)
            }
        };
        let Some(next) = next else { break };
        offset = next.span().map(|span| span.start).filter(|_| !next.is_table()).or(offset);
        item = next;
    }
    offset.map(|offset| line_at(document.raw(), offset))
}

/// The line, from 1, of a byte of a text.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
