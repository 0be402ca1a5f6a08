//! `lab_*`: levers over the validators and over this node's honesty. Only where the configuration allows them.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, U64};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::chain::{Chain, Forgery};
use crate::consensus::{Consensus, MAX_VALIDATORS};
use crate::fault::{FaultRule, Faults, MAX_FAULT_RULES};
use crate::header::encode_header;
use crate::rpc::error::RpcError;
use crate::rpc::params::{BlockId, Params};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ForgeryRequest {
    state_root: Option<B256>,
    receipts_root: Option<B256>,
    parent_hash: Option<B256>,
    timestamp: Option<U64>,
    validators: Option<Vec<Address>>,
    round: Option<U64>,
    signers: Option<Vec<Address>>,
}

pub(crate) fn dispatch(chain: &Chain, faults: &Faults, method: &str, params: &Params) -> Result<Value, RpcError> {
    match method {
        "lab_status" => Ok(status(chain)),
        "lab_setOnline" => {
            chain.set_online(params.required(0)?, params.required(1)?)?;
            Ok(Value::Null)
        }
        "lab_propose" => {
            let voters = addresses(params, 2)?;
            chain.propose(params.required(0)?, params.required(1)?, voters.as_deref())?;
            Ok(Value::Null)
        }
        "lab_setPower" => {
            let voters = addresses(params, 2)?;
            chain.set_power(params.required(0)?, params.required(1)?, voters.as_deref())?;
            Ok(Value::Null)
        }
        "lab_discard" => {
            let voters = addresses(params, 1)?;
            chain.discard(params.required(0)?, voters.as_deref())?;
            Ok(Value::Null)
        }
        "lab_forge" => forge(chain, params),
        "lab_faults" => Ok(json!(faults.rules())),
        "lab_setFault" => {
            // One rule is added to those in force; without one, all of them end.
            let mut rules = faults.rules();
            match params.optional::<FaultRule>(0)? {
                None => rules.clear(),
                Some(_) if rules.len() >= MAX_FAULT_RULES => {
                    let text = format!("too many faults: expected at most {MAX_FAULT_RULES}");
                    return Err(RpcError::invalid_params(text));
                }
                Some(rule) => rules.push(rule),
            }
            faults.set(rules.clone());
            Ok(json!(rules))
        }
        other => Err(RpcError::method_not_found(other)),
    }
}

fn status(chain: &Chain) -> Value {
    // Under QBFT a ballot adds or drops; elsewhere it names a power.
    let qbft = chain.config().consensus == Consensus::Qbft;
    let ballot = |power: u64| if qbft { json!(power > 0) } else { json!(power) };
    let validators = chain.validators().into_iter().map(|status| {
        let ballots: BTreeMap<Address, Value> =
            status.ballots.into_iter().map(|(candidate, power)| (candidate, ballot(power))).collect();
        json!({
            "name": status.name,
            "address": status.address,
            "validator": status.validator,
            "power": status.power,
            "online": status.online,
            "ballots": ballots,
        })
    });
    Value::Array(validators.collect())
}

fn addresses(params: &Params, at: usize) -> Result<Option<Vec<Address>>, RpcError> {
    let addresses = params.optional::<Vec<Address>>(at)?;
    match addresses.as_ref().map(Vec::len) {
        Some(found) if found > MAX_VALIDATORS => Err(RpcError::invalid_params(format!(
            "invalid argument {at}: expected at most {MAX_VALIDATORS} addresses, found {found}"
        ))),
        _ => Ok(addresses),
    }
}

fn forge(chain: &Chain, params: &Params) -> Result<Value, RpcError> {
    let number = match params.block(0)? {
        BlockId::Latest | BlockId::Pending => chain.latest(),
        BlockId::Number(number) => number,
        BlockId::Hash(_) => return Err(RpcError::invalid_params("invalid argument 0: expected a block number or tag")),
    };
    let request: ForgeryRequest = params.required(1)?;
    let longest = [&request.validators, &request.signers].into_iter().flatten().map(Vec::len).max().unwrap_or(0);
    if longest > MAX_VALIDATORS {
        return Err(RpcError::invalid_params(format!(
            "invalid argument 1: expected at most {MAX_VALIDATORS} addresses, found {longest}"
        )));
    }
    let round = request.round.map(|round| u32::try_from(round.to::<u64>())).transpose();
    let forgery = Forgery {
        state_root: request.state_root,
        receipts_root: request.receipts_root,
        parent_hash: request.parent_hash,
        timestamp: request.timestamp.map(|time| time.to()),
        validators: request.validators,
        round: round.map_err(|_| RpcError::invalid_params("invalid argument 1: round: expected 32 bits"))?,
        signers: request.signers,
    };
    match chain.config().consensus {
        Consensus::Qbft => Ok(json!(encode_header(&chain.forge(number, &forgery)?))),
        Consensus::Tendermint(_) => Ok(chain.forge_light_block(number, &forgery)?),
    }
}
