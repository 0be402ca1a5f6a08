//! `verify misbehaviour`.

use super::{
    MisbehaviourArgs,
    block::Block,
    header::{TrustedState, consensus_kind, describe},
    verdict::{Stop, Verdict},
};
use light_client_crypto::Keccak256;
use light_client_qbft::{Error, Qbft};

/// What a client on chain asks for and two headers do not show.
const NOT_SHOWN: &str =
    "that both are of one chain: a client asks for the Router's account proof under each header besides";

/// Accepts when both headers are certified by the set trusted at or below their height and are two blocks.
///
/// The trusted state stands for the client's latest one, so the set is taken to be valid up to the headers' height;
/// whether it had changed by then shows in a header that lists another set. Of which chain the headers are, they do not
/// say: a client asks for the Router's account proofs besides, which an auditor with two headers does not have.
pub(super) fn verify(args: &MisbehaviourArgs, verdict: &mut Verdict) -> Result<(), Stop> {
    let kind = consensus_kind(&args.consensus)?;
    verdict.note("consensus", args.consensus.as_str());
    let [first, second] = args.header.as_slice() else {
        let found = args.header.len();
        return Err(Stop::malformed("header-count", format!("--header: expected it twice, found it {found} times")));
    };
    let trusted = TrustedState::read(&args.trusted, kind)?;
    verdict.note("trusted", trusted.describe());
    let blocks = [Block::read(first)?, Block::read(second)?];
    let first = blocks[0].decode(kind)?;
    verdict.note("first", describe(&first));
    let second = blocks[1].decode(kind)?;
    verdict.note("second", describe(&second));

    if first.height != second.height {
        return Err(Error::HeightsDiffer { first: first.height, second: second.height }.into());
    }
    let hash = first.hash(&Keccak256);
    if hash == second.hash(&Keccak256) {
        return Err(Error::HeadersIdentical { found: hash }.into());
    }
    if first.height < trusted.height {
        return Err(Error::ConsensusStateUnknown { expected: None, found: Some(trusted.height) }.into());
    }
    let order = [&first, &second].into_iter().find(|header| trusted.has_set_of(header));
    Qbft::ETHEREUM.verify_conflict(trusted.consensus(order).set_hash, &first, &second)?;
    verdict.note("result", "two certified blocks of one height");
    verdict.note("not_shown", NOT_SHOWN);
    Ok(())
}
