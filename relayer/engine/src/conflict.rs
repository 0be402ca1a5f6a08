//! Headers of one height, compared; and what is shown of those that contradict one another.

use crate::{
    ConflictCount, ConflictStatus, FrozenBy, HeaderStatus, PathHandles,
    shared::{ends, index},
};
use adapter::ServedHeader;
use relayer_core::{Conflict, ConflictingHeader, End, UnixMillis};

/// The most conflicts of a path that a snapshot shows; all that are kept are in the store.
const SHOWN: usize = 16;
/// The most characters kept of an origin, or of what an account is called.
const MAX_ORIGIN_CHARS: usize = 400;

/// What somebody else wrote, as it is kept and shown: one line, cut, without anything that a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    let mut line = String::new();
    for character in text.chars().take(MAX_ORIGIN_CHARS) {
        match character {
            '"' | '\'' | '\\' => line.push(character),
            other => line.extend(other.escape_debug()),
        }
    }
    line.chars().take(MAX_ORIGIN_CHARS).collect()
}

/// A header and who served it, as it is kept.
pub(crate) fn kept(served: ServedHeader) -> ConflictingHeader {
    let ServedHeader { endpoint, header, certified } = served;
    let origin = printable(&endpoint);
    ConflictingHeader { height: header.height, hash: header.hash, origin, certified, bytes: header.bytes }
}

/// A kept conflict with what a later sight of it shows better: a header that is certified in place of one that is not, or,
/// when the kept form has been tried in vain, in another form, which is whole where the kept one is. Whose header it is is named
/// first. `None` when that is nothing.
pub(crate) fn improved(
    kept: &Conflict,
    in_vain: bool,
    is_whole: impl Fn(&[u8]) -> bool,
    later: Conflict,
) -> Option<Conflict> {
    let mut better = kept.clone();
    for (old, mut new) in better.headers.iter_mut().zip(later.headers) {
        let is_other = old.bytes != new.bytes && (is_whole(&new.bytes) || !is_whole(&old.bytes));
        if new.certified && (!old.certified || (in_vain && is_other)) {
            new.origin = printable(&format!("{}, {}", new.origin, old.origin));
            *old = new;
        }
    }
    (better != *kept).then_some(better)
}

/// The conflicts among headers that are said to be the chain's own at one height: each block beside the one that is most
/// likely true, a certified one before others and then the one that most serve. None when all are of one block.
pub(crate) fn conflicts(host: End, headers: Vec<ConflictingHeader>, seen: UnixMillis) -> Vec<Conflict> {
    let mut blocks: Vec<(usize, ConflictingHeader)> = Vec::new();
    for header in headers {
        match blocks.iter_mut().find(|(_, block)| block.hash == header.hash) {
            None => blocks.push((1, header)),
            Some((count, block)) => {
                *count += 1;
                let is_better = header.certified && !block.certified;
                let (first, second) = if is_better { (&header, &*block) } else { (&*block, &header) };
                let origins = printable(&format!("{}, {}", first.origin, second.origin));
                if is_better {
                    *block = header;
                }
                block.origin = origins;
            }
        }
    }
    // Stable: among equals the one that came first.
    blocks.sort_by_key(|(count, block)| (!block.certified, std::cmp::Reverse(*count)));
    let mut blocks = blocks.into_iter().map(|(_, block)| block);
    let Some(first) = blocks.next() else { return Vec::new() };
    blocks.map(|other| Conflict::new(host, [first.clone(), other], seen)).collect()
}

/// Who showed what, in one sentence for the operator.
pub(crate) fn described(chain: &str, conflict: &Conflict) -> String {
    let [first, second] = &conflict.headers;
    let text = |header: &ConflictingHeader| format!("{} ({}) from {}", header.hash, certified(header), header.origin);
    format!("{chain} at height {}: {} contradicts {}", first.height, text(first), text(second))
}

/// What the operator is told once in a while only. Lies do not keep it quiet that the same endpoints now show something
/// certified.
pub(crate) fn about(conflict: &Conflict) -> String {
    conflict.headers.each_ref().map(|header| format!("{} {}", certified(header), header.origin)).join(" / ")
}

const fn certified(header: &ConflictingHeader) -> &'static str {
    if header.certified { "certified" } else { "not certified" }
}

/// What a snapshot shows of the conflicts of both hosted clients, newest first.
pub(crate) fn shown<'a>(
    path: &PathHandles,
    conflicts: impl IntoIterator<Item = &'a Conflict>,
) -> (Vec<ConflictStatus>, [ConflictCount; 2]) {
    let mut counts = [ConflictCount::default(); 2];
    let mut all: Vec<&Conflict> = conflicts.into_iter().collect();
    for conflict in &all {
        let count = &mut counts[index(conflict.host)];
        if conflict.evidence.is_some() { count.misbehaviour += 1 } else { count.unproven += 1 }
    }
    all.sort_by_key(|conflict| (std::cmp::Reverse(conflict.seen), conflict.key()));
    let shown = all.into_iter().take(SHOWN).map(|conflict| {
        let (here, there) = ends(path, conflict.host);
        ConflictStatus {
            chain: there.chain.clone(),
            host_chain: here.chain.clone(),
            client: here.client.clone(),
            headers: conflict.headers.each_ref().map(|header| HeaderStatus {
                height: header.height,
                hash: header.hash,
                origin: header.origin.clone(),
                certified: header.certified,
            }),
            seen_millis: conflict.seen,
            misbehaviour: conflict.evidence.is_some(),
            submitted_millis: conflict.submitted,
        }
    });
    (shown.collect(), counts)
}

/// Why a path with a frozen client carries nothing, in one sentence.
pub(crate) fn why_stopped(path: &PathHandles, host: End, by: Option<&FrozenBy>) -> String {
    let (here, there) = ends(path, host);
    let (client, host_chain, chain) = (&here.client, &here.chain, &there.chain);
    let mut text = format!("client {client} on {host_chain} is frozen: ");
    match by {
        None => text.push_str("somebody showed it misbehaviour"),
        Some(by) => {
            text.push_str(&format!("{} showed it ", by.submitter));
            match by.blocks.as_slice() {
                [(first, a), (second, b)] if first == second => {
                    text.push_str(&format!("two blocks of {chain} at height {first}, {a} and {b}"));
                }
                [(first, a), (second, b)] => {
                    text.push_str(&format!("blocks {a} and {b} of {chain} at heights {first} and {second}"));
                }
                _ => text.push_str("misbehaviour"),
            }
            text.push_str(&format!(", in transaction {}", by.transaction));
        }
    }
    text.push_str(&format!("; packets between {host_chain} and {chain} wait until governance has chosen a branch"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use light_client::{BlockHash, Height};

    fn header(block: u8, origin: &str, certified: bool) -> ConflictingHeader {
        ConflictingHeader {
            height: Height::new(5),
            hash: BlockHash::new([block; 32]),
            origin: origin.to_owned(),
            certified,
            bytes: vec![block, u8::from(certified)],
        }
    }

    fn found(headers: Vec<ConflictingHeader>) -> Vec<Conflict> {
        conflicts(End::A, headers, UnixMillis::new(9))
    }

    #[test]
    fn one_block_from_many_is_no_conflict() {
        assert!(found(Vec::new()).is_empty());
        assert!(found(vec![header(1, "a", true), header(1, "b", false), header(1, "c", true)]).is_empty());
    }

    #[test]
    fn each_other_block_stands_beside_the_certified_one() {
        let told = vec![header(7, "a", false), header(7, "b", false), header(3, "c", true), header(9, "d", false)];
        let conflicts = found(told);
        let pairs: Vec<[&str; 2]> =
            conflicts.iter().map(|conflict| conflict.headers.each_ref().map(|header| header.origin.as_str())).collect();
        assert_eq!(pairs, [["c", "a, b"], ["c", "d"]]);
        assert!(conflicts.iter().all(|conflict| conflict.headers[0].certified && conflict.evidence.is_none()));
    }

    #[test]
    fn without_a_certified_one_the_many_stand_against_the_few() {
        let conflicts = found(vec![header(9, "a", false), header(4, "b", false), header(4, "c", false)]);
        let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
        assert_eq!(conflict.headers.each_ref().map(|header| header.origin.as_str()), ["b, c", "a"]);
    }

    #[test]
    fn the_certified_form_of_a_block_is_the_one_kept() {
        let conflicts = found(vec![header(2, "a", false), header(2, "b", true), header(1, "c", false)]);
        let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
        assert_eq!(conflict.headers[1].bytes, [2, 1]);
        assert_eq!(conflict.headers[1].origin, "b, a");
    }

    #[test]
    fn of_what_is_kept_the_certified_form_takes_the_place_of_the_other() {
        let all = found(vec![header(2, "a liar", false), header(1, "c", true)]);
        let [kept] = all.as_slice() else { panic!("{all:?}") };
        let sight = |certified| {
            let mut seen = found(vec![header(2, "b", certified), header(1, "d", true)]).remove(0);
            seen.seen = UnixMillis::new(77);
            seen
        };
        assert_eq!(improved(kept, true, |_| true, sight(false)), None);
        let better = improved(kept, false, |_| true, sight(true)).unwrap();
        let [first, second] = better.headers.each_ref().map(|header| (header.origin.as_str(), header.bytes.clone()));
        assert_eq!((first, second), (("c", vec![1, 1]), ("b, a liar", vec![2, 1])));
        assert_eq!((better.seen, better.kind()), (kept.seen, relayer_core::ConflictKind::Certified));
        // A form that was of no use is given up for another one that is certified too.
        let mut other = sight(true);
        other.headers[0].bytes = vec![9];
        assert_eq!(improved(&better, false, |_| true, other.clone()), None);
        // But not for one that lacks something.
        let is_whole = |bytes: &[u8]| bytes != [9];
        assert_eq!(improved(&better, true, is_whole, other.clone()), None);
        let [first, second] = improved(&better, true, |_| true, other).unwrap().headers;
        assert_eq!((first.bytes, first.origin.as_str()), (vec![9], "d, c"));
        assert_eq!(second, better.headers[1]);
    }

    #[test]
    fn what_is_certified_is_told_although_lies_of_the_same_endpoints_were() {
        let told = |certified, block| found(vec![header(1, "a", true), header(block, "b", certified)]).remove(0);
        assert_eq!(about(&told(false, 2)), about(&told(false, 3)));
        assert_ne!(about(&told(false, 2)), about(&told(true, 2)));
        let words = described("x", &told(false, 2));
        assert!(words.starts_with("x at height 5: 0x01") && words.contains("(not certified) from b"), "{words}");
    }

    #[test]
    fn what_others_write_is_one_line_of_bounded_length() {
        assert_eq!(printable("#0 http://a/\"b\"\\'c'"), "#0 http://a/\"b\"\\'c'");
        assert_eq!(printable("a\nb\u{1b}[2Jc\u{202e}d"), "a\\nb\\u{1b}[2Jc\\u{202e}d");
        assert_eq!(printable("链"), "链");
        assert_eq!(printable(&"\n".repeat(5_000)).chars().count(), MAX_ORIGIN_CHARS);
    }
}
