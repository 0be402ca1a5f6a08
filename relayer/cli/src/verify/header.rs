//! `verify header`, and what is trusted.

use super::{
    HeaderArgs,
    block::Block,
    input::{self, Input},
    value::{Fields, address, duration_seconds, hex_of, number_text, shown},
    verdict::{Stop, Verdict},
};
use light_client::{BlockHash, CodeHash, Height, Quorum, StateRoot, Timestamp};
use light_client_crypto::{Address, Keccak256};
use light_client_qbft::{ConsensusState, Error, Header, Kind, Parameters, Qbft, SetHash, TrustLevel, ValidatorSet};
use serde_json::{Value, json};
use std::path::Path;

const MALFORMED: &str = "trusted-malformed";

/// What the auditor trusts.
#[derive(Debug)]
pub(super) struct TrustedState {
    pub(super) height: Height,
    pub(super) time: Timestamp,
    pub(super) validators: ValidatorSet,
    /// The block's hash, when a block was given.
    pub(super) hash: Option<BlockHash>,
}

impl TrustedState {
    /// Reads the trusted file: a block, a header, or height, time and validators.
    pub(super) fn read(path: &Path, kind: Kind) -> Result<Self, Stop> {
        let input = input::read(path)?;
        if let Input::Json(value) = &input
            && let Some(object) = value.as_object()
            && object.contains_key("validators")
            && !object.contains_key("extraData")
        {
            return Self::from_values(value);
        }
        let block = Block::from_input(input)?;
        let header = block.decode(kind)?;
        Ok(Self {
            height: header.height,
            time: header.time,
            validators: header.extra.validators.clone(),
            hash: Some(header.hash(&Keccak256)),
        })
    }

    fn from_values(value: &Value) -> Result<Self, Stop> {
        let fields = Fields::new(value, MALFORMED)?;
        let list = fields.list(&["validators"])?;
        let validators: Result<Vec<Address>, Stop> = list
            .iter()
            .map(|item| {
                address(item).ok_or_else(|| fields.wrong(&["validators"], "addresses of 20 bytes", &shown(item)))
            })
            .collect();
        Ok(Self {
            height: Height::new(fields.u64(&["height", "number"])?),
            time: Timestamp::from_unix_seconds(fields.u64(&["time", "timestamp"])?),
            validators: ValidatorSet::new(validators?)?,
            hash: None,
        })
    }

    /// Whether the header lists these validators, in whatever order.
    pub(super) fn has_set_of(&self, header: &Header<'_>) -> bool {
        let listed = &header.extra.validators;
        listed.count() == self.validators.count() && listed.addresses().iter().all(|one| self.validators.contains(one))
    }

    /// The state as a client would store it, its set in the order of `order` when that is the same set.
    pub(super) fn consensus(&self, order: Option<&Header<'_>>) -> ConsensusState {
        let set_hash = order.map_or_else(|| self.validators.hash(), |header| header.extra.validators.hash());
        ConsensusState { storage_root: StateRoot::default(), time: self.time, set_hash }
    }

    pub(super) fn describe(&self) -> Value {
        json!({
            "height": self.height.number(), "time": self.time.unix_seconds(),
            "hash": self.hash.map(|hash| hash.to_string()), "validators": texts(self.validators.addresses()),
        })
    }
}

/// `qbft` or `ibft2`.
pub(super) fn consensus_kind(text: &str) -> Result<Kind, Stop> {
    match text.to_ascii_lowercase().as_str() {
        "qbft" => Ok(Kind::Qbft),
        "ibft2" | "ibft2.0" | "ibft-2" => Ok(Kind::Ibft2),
        _ => Err(Stop::refused(
            "consensus-unknown",
            format!("--consensus: expected qbft, ibft2 or tendermint, found {text}"),
        )),
    }
}

/// A header as the verdict shows it, signers as recovered.
pub(super) fn describe(header: &Header<'_>) -> Value {
    let signers: Vec<String> = Qbft::ETHEREUM
        .sealers(header)
        .into_iter()
        .map(|signer| signer.map_or_else(|error| format!("({error})"), |address| address.to_string()))
        .collect();
    let members = header.extra.validators.count() as u64;
    json!({
        "height": header.height.number(), "time": header.time.unix_seconds(), "hash": header.hash(&Keccak256).to_string(),
        "parent_hash": header.parent_hash.to_string(), "state_root": header.state_root.to_string(),
        "round": header.extra.round, "commit_digest": hex_of(header.commit_digest(&Keccak256)),
        "validators": texts(header.extra.validators.addresses()), "set_hash": header.extra.validators.hash().to_string(),
        "signers": signers, "quorum": Quorum::AT_LEAST_TWO_THIRDS.needed(members),
    })
}

/// The parameters of a client that does nothing but verify headers.
fn parameters(kind: Kind, trust_level: TrustLevel, period: u64, drift: u64) -> Parameters {
    Parameters {
        kind,
        trust_level,
        router: Address::default(),
        router_code_hash: CodeHash::default(),
        trusting_period_seconds: period,
        clock_drift_seconds: drift,
    }
}

pub(super) fn verify(args: &HeaderArgs, verdict: &mut Verdict) -> Result<(), Stop> {
    let kind = consensus_kind(&args.consensus)?;
    let named_level = args.trust_level.as_deref().unwrap_or("strict");
    let trust_level = match named_level {
        "strict" => TrustLevel::Strict,
        "one-third" => TrustLevel::OneThird,
        other => {
            return Err(Stop::refused(
                "trust-level-unknown",
                format!("--trust-level: expected strict or one-third, found {other}"),
            ));
        }
    };
    let period = duration("--trusting-period", args.trusting_period.as_deref())?;
    let drift = duration("--clock-drift", args.clock_drift.as_deref())?;
    let now = args.now.as_deref().map(seconds).transpose()?;
    verdict.note("consensus", args.consensus.as_str());
    verdict.note("trust_level", named_level);

    let trusted = TrustedState::read(&args.trusted, kind)?;
    verdict.note("trusted", trusted.describe());
    let block = Block::read(&args.header)?;
    let header = block.decode(kind)?;
    verdict.note("header", describe(&header));
    let now = now.unwrap_or(header.time);
    verdict.note("now", now.unix_seconds());
    verdict.note("trusting_period", period.map_or(Value::Null, Value::from));
    verdict.note("clock_drift", drift.map_or(Value::Null, Value::from));

    let is_same_set = trusted.has_set_of(&header);
    if header.height < trusted.height || (header.height == trusted.height && !may_be_same(&trusted, &header)) {
        return Err(Error::NotNewer { latest: trusted.height, found: header.height }.into());
    }
    if header.height == trusted.height && trusted.hash.is_some() {
        verdict.note("result", "the trusted block itself");
        return Ok(());
    }
    if let Some(expiry) = period.and_then(|period| trusted.time.unix_seconds().checked_add(period))
        && now.unix_seconds() >= expiry
    {
        return Err(Error::TrustExpired { expiry, now: now.unix_seconds() }.into());
    }
    let parameters = parameters(kind, trust_level, period.unwrap_or(u64::MAX), drift.unwrap_or(u64::MAX));
    let consensus = trusted.consensus(is_same_set.then_some(&header));
    let given = if is_same_set { &[][..] } else { trusted.validators.addresses() };
    verdict.note("set", if is_same_set { "unchanged" } else { "changed" });
    if !is_same_set {
        let rule = match trust_level {
            TrustLevel::Strict => Quorum::AT_LEAST_TWO_THIRDS,
            TrustLevel::OneThird => Quorum::MORE_THAN_ONE_THIRD,
        };
        let sealed = Qbft::ETHEREUM
            .sealers(&header)
            .iter()
            .filter(|signer| signer.as_ref().is_ok_and(|signer| trusted.validators.contains(signer)))
            .count();
        verdict.note("trusted_seals", sealed);
        verdict.note("trusted_seals_needed", rule.needed(trusted.validators.count() as u64));
    }
    Qbft::ETHEREUM.verify_header(&parameters, &consensus, given, &header, now)?;
    debug_assert_eq!(consensus.set_hash == SetHash::of(header.extra.validators.addresses()), is_same_set);
    Ok(())
}

/// Whether a header at the trusted height can be what is trusted: the same block where one is known; otherwise of the
/// same time and set, and then it still has to be certified.
fn may_be_same(trusted: &TrustedState, header: &Header<'_>) -> bool {
    match trusted.hash {
        Some(hash) => hash == header.hash(&Keccak256),
        None => trusted.time == header.time && trusted.has_set_of(header),
    }
}

/// A duration in seconds, when one is given.
pub(super) fn duration(flag: &str, text: Option<&str>) -> Result<Option<u64>, Stop> {
    let parse = |text| {
        duration_seconds(text).ok_or_else(|| {
            Stop::malformed("duration-malformed", format!("{flag}: expected a duration like 14d or 15s, found {text}"))
        })
    };
    text.map(parse).transpose()
}

fn seconds(text: &str) -> Result<Timestamp, Stop> {
    number_text(text)
        .map(Timestamp::from_unix_seconds)
        .ok_or_else(|| Stop::malformed("now-malformed", format!("--now: expected seconds since 1970, found {text}")))
}

fn texts(addresses: &[Address]) -> Vec<String> {
    addresses.iter().map(ToString::to_string).collect()
}
