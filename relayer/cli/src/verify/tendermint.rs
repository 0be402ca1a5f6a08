//! `verify header` and `verify misbehaviour` for Tendermint and CometBFT chains.
//!
//! Every verdict is the light client's ([`Tendermint`]); what is here reads files and says what a client would have stored.

use super::{
    ChainArgs, HeaderArgs, MisbehaviourArgs,
    header::duration,
    input::{self, Input},
    value::{hex_of, moment, shown},
    verdict::{Stop, Verdict},
};
use light_client::{Fault, FaultKind, LightClient as _, StateRoot, Trusted};
use light_client_crypto::Sm2;
use light_client_tendermint::{
    ClientState, Commitments, ConsensusState, Evidence, Header, KeyTypes, LightBlock, MAX_CHAIN_ID_BYTES, Parameters,
    StateAt, StoreTree, StoredState, Tendermint, TreeHash, TrustLevel, ValidatorSet, json as answers,
};
use serde_json::{Value, json};
use std::path::Path;

/// Whether `--consensus` names these chains.
pub(super) fn is_meant(consensus: &str) -> bool {
    matches!(consensus.to_ascii_lowercase().as_str(), "tendermint" | "cometbft")
}

/// Accepts what the client accepts: the next header by the set that the trusted one names, any later one by the trust level
/// as well. The trusted header itself is accepted too.
pub(super) fn verify_header(args: &HeaderArgs, verdict: &mut Verdict) -> Result<(), Stop> {
    let chain = Chain::new(&args.chain)?;
    let trust_level = trust_level(args.trust_level.as_deref())?;
    let period = duration("--trusting-period", args.trusting_period.as_deref())?;
    let drift = duration("--clock-drift", args.clock_drift.as_deref())?;
    let now = args.now.as_deref().map(parse_now).transpose()?;
    verdict.note("consensus", args.consensus.as_str());
    chain.note(verdict);
    verdict.note("trust_level", format!("{}/{}", trust_level.numerator(), trust_level.denominator()));

    let trusted = chain.read_trusted(&args.trusted)?;
    verdict.note("trusted", chain.describe(&trusted));
    let block = chain.read_block(&args.header)?;
    verdict.note("header", chain.describe(&block));
    let now = now.unwrap_or(block.header.time());
    verdict.note("now", now.to_string());
    verdict.note("trusting_period", period.map_or(Value::Null, Value::from));
    verdict.note("clock_drift", drift.map_or(Value::Null, Value::from));

    let heights = [trusted.header.height(), block.header.height()];
    if heights[0] == heights[1] && trusted.header == block.header {
        verdict.note("result", "the trusted block itself");
        return Ok(());
    }
    let parameters =
        chain.parameters(&trusted.header, trust_level, period.unwrap_or(u64::MAX), drift.unwrap_or(u64::MAX))?;
    verdict.note("rule", if heights[0].checked_add(1) == Some(heights[1]) { "adjacent" } else { "skipping" });
    let certified = Tendermint.verify_light_block(&parameters, &trusted, &block, now).map_err(stop)?;
    verdict.note("power", certified.power);
    verdict.note("total_power", certified.total_power);
    Ok(())
}

/// Accepts when the headers conflict and both are certified by the sets known at their heights.
///
/// What is trusted stands for a client that has stored it. The trusted header tells two sets: its own height's, and the
/// next one's. A header's votes count in the set that it is judged by, whichever it lists, as in the evidence that a relayer
/// makes of two headers.
pub(super) fn verify_misbehaviour(args: &MisbehaviourArgs, verdict: &mut Verdict) -> Result<(), Stop> {
    let chain = Chain::new(&args.chain)?;
    verdict.note("consensus", args.consensus.as_str());
    chain.note(verdict);
    let [first, second] = args.header.as_slice() else {
        let found = args.header.len();
        return Err(Stop::malformed("header-count", format!("--header: expected it twice, found it {found} times")));
    };
    let trusted = chain.read_trusted(&args.trusted)?;
    verdict.note("trusted", chain.describe(&trusted));
    let mut blocks = [chain.read_block(first)?, chain.read_block(second)?];
    verdict.note("first", chain.describe(&blocks[0]));
    verdict.note("second", chain.describe(&blocks[1]));
    blocks.sort_by_key(|block| block.header.height());

    let parameters = chain.parameters(&trusted.header, TrustLevel::ONE_THIRD, u64::MAX, u64::MAX)?;
    let (lower, upper) = states_around(&parameters, &trusted, &blocks);
    let stored = [Some(lower), upper].into_iter().flatten();
    let stored = stored.map(|at| StoredState { number: at.number, hash: at.state.hash() }).collect();
    let client = ClientState::from_stored(parameters, stored, false)?;
    let listed = blocks.iter().chain([&trusted]).filter_map(|block| block.validators.as_ref());
    let sets: Vec<&ValidatorSet> = listed.chain(&trusted.next_validators).collect();
    let evidence = Evidence::of_blocks(lower, upper, &blocks, &sets, chain.tree_hash, client.latest().number)?;
    let as_trusted = |at: &StateAt| client.parameters().height(at.number);
    let named = upper.unwrap_or(lower);
    let trusted = [
        Trusted { height: as_trusted(&lower), client: &client, consensus: &lower.state },
        Trusted { height: as_trusted(&named), client: &client, consensus: &named.state },
    ];
    Tendermint.verify_misbehaviour(trusted, &evidence, lower.state.time).map_err(stop)?;
    let of_one_height = blocks[0].header.height() == blocks[1].header.height();
    let result =
        if of_one_height { "two certified blocks of one height" } else { "certified time that runs backwards" };
    verdict.note("result", result);
    Ok(())
}

/// The states around the first header, as a client would have stored them that trusts what is trusted.
///
/// That is the trusted state, unless the sets at the first header's height and at the next one are both known: from the
/// trusted header when it is of that height; or from the first header itself, when it is of another height than the second
/// and the very set that the trusted header names certifies it. Then they are the state right below and that height's.
fn states_around(
    parameters: &Parameters,
    trusted: &LightBlock,
    [first, second]: &[LightBlock; 2],
) -> (StateAt, Option<StateAt>) {
    let height = first.header.height();
    let is_known = || {
        first.header.validators_hash() == trusted.header.next_validators_hash()
            && Tendermint.verify_light_block(parameters, trusted, first, first.header.time()).is_ok()
    };
    let known = if trusted.header.height() == height {
        Some(&trusted.header)
    } else if height != second.header.height() && is_known() {
        Some(&first.header)
    } else {
        None
    };
    // The root plays no part: headers are certified whatever their application.
    let at = |number, header: &Header, next_set_hash| StateAt {
        number,
        state: ConsensusState { root: StateRoot::default(), time: header.time(), next_set_hash },
    };
    let own = |header: &Header| at(header.height(), header, header.next_validators_hash());
    match known {
        Some(header) => (at(height.saturating_sub(1), header, header.validators_hash()), Some(own(header))),
        None => (own(&trusted.header), None),
    }
}

/// How a chain's headers are read and judged.
struct Chain {
    address_hash: TreeHash,
    tree_hash: TreeHash,
    sm2: Sm2,
}

impl Chain {
    fn new(args: &ChainArgs) -> Result<Self, Stop> {
        let sm2 = match &args.sm2_user_id {
            None => Sm2::default(),
            Some(text) => Sm2::with_user_id(text.as_bytes())
                .map_err(|error| Stop::malformed("sm2-user-id-malformed", format!("--sm2-user-id: {error}")))?,
        };
        Ok(Self {
            address_hash: hash_named("--address-hash", &args.address_hash)?,
            tree_hash: hash_named("--tree-hash", &args.tree_hash)?,
            sm2,
        })
    }

    fn note(&self, verdict: &mut Verdict) {
        verdict.note("sm2_user_id", String::from_utf8_lossy(self.sm2.user_id()).into_owned());
        verdict.note("tree_hash", name_of(self.tree_hash));
        verdict.note("address_hash", name_of(self.address_hash));
    }

    /// Reads a block that is trusted: a set that no rule needs may be left out, or be empty.
    fn read_trusted(&self, path: &Path) -> Result<LightBlock, Stop> {
        let parts = read_parts(path, &["validators", "next_validators"])?;
        let mut block = answers::trusted_block(&parts, self.address_hash)?;
        let next = block.header.next_validators_hash();
        if block.next_validators.is_none() {
            // Most often the next set is the same.
            block.next_validators = block.validators.clone().filter(|set| set.hash(&self.tree_hash) == next);
        }
        Ok(block)
    }

    /// Reads a block that is to be judged, with its commit and its set.
    fn read_block(&self, path: &Path) -> Result<LightBlock, Stop> {
        let parts = read_parts(path, &["next_validators"])?;
        Ok(answers::light_block(&parts, self.address_hash, self.tree_hash)?)
    }

    /// The parameters of a client that does nothing but verify headers of the trusted one's chain.
    fn parameters(
        &self,
        trusted: &Header,
        trust_level: TrustLevel,
        period: u64,
        drift: u64,
    ) -> Result<Parameters, Stop> {
        let bytes = trusted.chain_id();
        let chain_id = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_CHAIN_ID_BYTES);
        let chain_id = chain_id.and_then(|text| text.parse().ok()).ok_or_else(|| {
            let found = shown(&String::from_utf8_lossy(bytes).into());
            Stop::malformed("chain-id-malformed", format!("chain id: expected 1 to 50 printable bytes, found {found}"))
        })?;
        Ok(Parameters {
            chain_id,
            trust_level,
            trusting_period_seconds: period,
            clock_drift_seconds: drift,
            key_types: KeyTypes::ALL,
            sm2: self.sm2.clone(),
            tree_hash: self.tree_hash,
            store_tree: StoreTree::Iavl,
            commitments: Commitments::IbcStore { store: b"ibc".to_vec() },
        })
    }

    fn describe(&self, block: &LightBlock) -> Value {
        let header = &block.header;
        let mut value = json!({
            "chain_id": String::from_utf8_lossy(header.chain_id()), "height": header.height(),
            "time": header.time().to_string(), "hash": header.hash(&self.tree_hash).to_string(),
            "app_hash": hex_of(header.app_hash()), "validators_hash": header.validators_hash().to_string(),
            "next_validators_hash": header.next_validators_hash().to_string(),
        });
        if let Some(commit) = &block.commit {
            value["round"] = commit.round.into();
            value["votes"] = commit.votes.iter().flatten().count().into();
        }
        if let Some(set) = &block.validators {
            value["validators"] = set.validators().len().into();
            value["total_power"] = set.total_power().into();
        }
        value
    }
}

/// The three parts of a block, each as the RPC answers it or alone. A list of `optional` that is empty is left out.
fn read_parts(path: &Path, optional: &[&str]) -> Result<Value, Stop> {
    let Input::Json(value) = input::read(path)? else {
        let message = format!("{}: expected the JSON of a block, found bytes", path.display());
        return Err(Stop::malformed("answer-malformed", message));
    };
    let part = |name: &str| {
        let part = value.get(name).unwrap_or(&Value::Null);
        let part = part.get("result").unwrap_or(part);
        let part = part.get(name).unwrap_or(part);
        let is_empty = optional.contains(&name) && part.as_array().is_some_and(Vec::is_empty);
        if is_empty { Value::Null } else { part.clone() }
    };
    Ok(json!({
        "signed_header": part("signed_header"), "validators": part("validators"),
        "next_validators": part("next_validators"),
    }))
}

/// Not enough trust is no refusal for good.
fn stop(error: impl Fault) -> Stop {
    match error.kind() {
        FaultKind::InsufficientTrust => Stop::TooFar { rule: error.rule(), message: error.to_string() },
        _ => error.into(),
    }
}

fn trust_level(text: Option<&str>) -> Result<TrustLevel, Stop> {
    let Some(text) = text else { return Ok(TrustLevel::ONE_THIRD) };
    let fraction = text.split_once('/').and_then(|(numerator, denominator)| {
        TrustLevel::new(numerator.trim().parse().ok()?, denominator.trim().parse().ok()?).ok()
    });
    fraction.ok_or_else(|| {
        let message = format!("--trust-level: expected a fraction from 1/3 to 1/1, found {text}");
        Stop::refused("trust-level-unknown", message)
    })
}

fn parse_now(text: &str) -> Result<light_client::Timestamp, Stop> {
    moment(text).ok_or_else(|| {
        let message = format!("--now: expected seconds since 1970, or a time like 2026-11-21T07:33:41Z, found {text}");
        Stop::malformed("now-malformed", message)
    })
}

fn hash_named(flag: &str, text: &str) -> Result<TreeHash, Stop> {
    match text.to_ascii_lowercase().as_str() {
        "sha256" => Ok(TreeHash::Sha256),
        "sm3" => Ok(TreeHash::Sm3),
        _ => Err(Stop::refused("hash-unknown", format!("{flag}: expected sha256 or sm3, found {text}"))),
    }
}

const fn name_of(hash: TreeHash) -> &'static str {
    match hash {
        TreeHash::Sha256 => "sha256",
        TreeHash::Sm3 => "sm3",
    }
}
