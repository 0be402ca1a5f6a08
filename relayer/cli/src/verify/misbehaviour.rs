//! `verify misbehaviour`.

use super::{
    MisbehaviourArgs,
    block::Block,
    header::{TrustedState, consensus_kind, describe, parameters},
    verdict::{Stop, Verdict},
};
use light_client::{LightClient as _, Trusted};
use light_client_crypto::Keccak256;
use light_client_qbft::{ClientState, Error, Evidence, Qbft, StateAt, TrustLevel};

/// Accepts when both headers are certified by the set trusted at or below their height and are two blocks.
///
/// The trusted state stands for the client's latest one, so the set is taken to be valid up to the headers' height;
/// whether it had changed by then shows in a header that lists another set.
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
    let order = [&first, &second].into_iter().find(|header| trusted.has_set_of(header));
    let state = trusted.consensus(order);
    let client = ClientState::new(parameters(kind, TrustLevel::Strict, u64::MAX, u64::MAX), trusted.height, &state);
    let at = StateAt { height: trusted.height, state };
    let [first, second] = blocks.map(|block| block.rlp);
    let evidence = Evidence::new(at, None, [first, second]);
    let trusted = Trusted { height: trusted.height, client: &client, consensus: &state };
    Qbft::ETHEREUM.verify_misbehaviour([trusted, trusted], &evidence, state.time)?;
    verdict.note("result", "two certified blocks of one height");
    Ok(())
}
