//! `eth_call` and `eth_estimateGas`, on a state that nothing else touches.

use alloy_eips::eip2930::AccessList;
use alloy_primitives::{Address, Bytes, TxKind, U64, U256, hex};
use revm::context::TxEnv;
use revm::context::result::{ExecutionResult, HaltReason, InvalidTransaction};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::config::Fork;
use crate::executor;
use crate::rpc::error::RpcError;
use crate::rpc::params::Params;
use crate::rpc::{Request, shape};

/// Longest revert reason repeated in an error's message, bytes; the whole is in its data.
pub const MAX_REVERT_REASON_BYTES: usize = 1_024;

/// What a plain transfer costs.
const TRANSFER_GAS: u64 = 21_000;

/// Given to a call that sends value; needed beside the gas used, since it comes out of the limit.
const CALL_STIPEND: u64 = 2_300;

/// An estimate may be this much too high, in thousandths.
const ESTIMATE_TOLERANCE_PER_MILLE: u64 = 15;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Call {
    from: Option<Address>,
    to: Option<Address>,
    gas: Option<U64>,
    gas_price: Option<U256>,
    max_fee_per_gas: Option<U256>,
    max_priority_fee_per_gas: Option<U256>,
    value: Option<U256>,
    data: Option<Bytes>,
    input: Option<Bytes>,
    access_list: Option<AccessList>,
}

impl Call {
    fn env(&self, fork: Fork, chain_id: u64, gas_limit: u64) -> Result<TxEnv, RpcError> {
        let dynamic = self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some();
        if dynamic && self.gas_price.is_some() {
            return Err(RpcError::invalid_params("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified"));
        }
        let data = match (&self.data, &self.input) {
            (Some(data), Some(input)) if data != input => {
                return Err(RpcError::invalid_params(
                    "both \"data\" and \"input\" are set and not equal; please use \"input\" to pass transaction call data",
                ));
            }
            (data, input) => input.as_ref().or(data.as_ref()).cloned().unwrap_or_default(),
        };
        let price = |value: Option<U256>| {
            let value = value.unwrap_or_default();
            u128::try_from(value).map_err(|_| RpcError::invalid_params(format!("price too high: found {value}")))
        };
        let tip = price(self.max_priority_fee_per_gas)?;
        let kind = match (dynamic && fork >= Fork::London, &self.access_list) {
            (true, _) => 2,
            (false, Some(_)) => 1,
            (false, None) => 0,
        };
        Ok(TxEnv {
            tx_type: kind,
            caller: self.from.unwrap_or_default(),
            gas_limit,
            gas_price: if dynamic { price(self.max_fee_per_gas)?.max(tip) } else { price(self.gas_price)? },
            kind: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value.unwrap_or_default(),
            data,
            nonce: 0,
            chain_id: Some(chain_id),
            access_list: self.access_list.clone().unwrap_or_default(),
            gas_priority_fee: (kind == 2).then_some(tip),
            blob_hashes: Vec::new(),
            max_fee_per_blob_gas: 0,
            authorization_list: Vec::new(),
        })
    }
}

impl Request<'_> {
    pub(crate) fn eth_call(&self, params: &Params) -> Result<Value, RpcError> {
        let call: Call = params.required(0)?;
        self.no_overrides(params)?;
        let cap = self.chain.config().gas_limit;
        let gas = call.gas.map_or(cap, |gas| gas.to::<u64>().min(cap));
        match self.run(params, &call, gas)? {
            ExecutionResult::Success { output, .. } => Ok(json!(output.into_data())),
            ExecutionResult::Revert { output, .. } => Err(RpcError::reverted(revert_reason(&output), &output)),
            ExecutionResult::Halt { reason, .. } => Err(RpcError::server(halt_text(&reason))),
        }
    }

    pub(crate) fn estimate_gas(&self, params: &Params) -> Result<Value, RpcError> {
        let call: Call = params.required(0)?;
        self.no_overrides(params)?;
        let cap = self.chain.config().gas_limit;
        let mut high = call.gas.map_or(cap, |gas| gas.to::<u64>()).clamp(TRANSFER_GAS, cap.max(TRANSFER_GAS));
        let price = call.gas_price.or(call.max_fee_per_gas).unwrap_or_default();
        if !price.is_zero() {
            // What the account can pay for bounds the estimate.
            let state = self.state(params, 1)?.1;
            let balance = state.balance(call.from.unwrap_or_default());
            let left = balance.checked_sub(call.value.unwrap_or_default());
            let left = left.ok_or_else(|| RpcError::server("insufficient funds for transfer"))?;
            high = high.min((left / price).saturating_to());
        }
        let result = match self.run(params, &call, high) {
            Ok(result) => result,
            Err(_) if high < TRANSFER_GAS => return Err(allowance(high)),
            Err(error) => return Err(error),
        };
        let used = match &result {
            ExecutionResult::Success { gas, .. } => gas.total_gas_spent(),
            ExecutionResult::Revert { output, .. } => return Err(RpcError::reverted(revert_reason(output), output)),
            ExecutionResult::Halt { reason: HaltReason::OutOfGas(_), .. } => return Err(allowance(high)),
            ExecutionResult::Halt { reason, .. } => return Err(RpcError::server(halt_text(reason))),
        };
        let enough = |gas: u64| -> Result<bool, RpcError> {
            // Less than the data alone costs cannot even start, which is an answer here and no error.
            Ok(self.run(params, &call, gas).is_ok_and(|result| result.is_success()))
        };
        if used <= TRANSFER_GAS {
            // The search below rounds up, which a plain transfer must not.
            return Ok(shape::quantity(TRANSFER_GAS));
        }
        let mut low = used.saturating_sub(1);
        // Most calls need what they used, the stipend they gave away, and the 64th part a caller keeps back.
        let likely = (used.saturating_add(CALL_STIPEND)).saturating_mul(64) / 63;
        if likely < high {
            if enough(likely)? {
                high = likely;
            } else {
                low = likely;
            }
        }
        while low + 1 < high && (high - low).saturating_mul(1_000) > high.saturating_mul(ESTIMATE_TOLERANCE_PER_MILLE) {
            // Costs grow from the low end, so the middle is not sought too far up.
            let middle = (low + (high - low) / 2).min(low.saturating_mul(2)).max(low + 1);
            if enough(middle)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        Ok(shape::quantity(high))
    }

    fn no_overrides(&self, params: &Params) -> Result<(), RpcError> {
        for (at, name) in [(2, "state"), (3, "block")] {
            if params.optional::<serde_json::Map<String, Value>>(at)?.is_some_and(|overrides| !overrides.is_empty()) {
                return Err(RpcError::invalid_params(format!("{name} overrides are not supported")));
            }
        }
        Ok(())
    }

    fn run(&self, params: &Params, call: &Call, gas: u64) -> Result<ExecutionResult, RpcError> {
        let (number, state) = self.state(params, 1)?;
        let block = self.chain.block(number).ok_or_else(|| RpcError::server("header not found"))?;
        let config = self.chain.config();
        let env = call.env(config.fork, config.chain_id, gas)?;
        let db = self.chain.execution_db(state);
        executor::call(config, &block.header, db, env).map_err(|error| refused(error, call, gas))
    }
}

fn allowance(gas: u64) -> RpcError {
    RpcError::server(format!("gas required exceeds allowance ({gas})"))
}

fn refused(error: InvalidTransaction, call: &Call, gas: u64) -> RpcError {
    let text = match error {
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => format!(
            "insufficient funds for gas * price + value: address {} have {balance} want {fee}",
            call.from.unwrap_or_default()
        ),
        InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit }
        | InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor: initial_gas, gas_limit } => {
            format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}")
        }
        other => other.to_string(),
    };
    RpcError::server(format!("err: {text} (supplied gas {gas})"))
}

fn halt_text(reason: &HaltReason) -> String {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas".to_owned(),
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID".to_owned(),
        HaltReason::OpcodeNotFound => "invalid opcode: opcode not defined".to_owned(),
        HaltReason::InvalidJump => "invalid jump destination".to_owned(),
        HaltReason::CallNotAllowedInsideStatic | HaltReason::StateChangeDuringStaticCall => {
            "write protection".to_owned()
        }
        HaltReason::CreateContractSizeLimit => "max code size exceeded".to_owned(),
        HaltReason::CreateCollision => "contract address collision".to_owned(),
        other => format!("execution failed: {other:?}"),
    }
}

/// The text of `Error(string)` or the meaning of `Panic(uint256)`.
fn revert_reason(output: &Bytes) -> Option<String> {
    const ERROR: [u8; 4] = hex!("08c379a0");
    const PANIC: [u8; 4] = hex!("4e487b71");
    let (selector, arguments) = output.split_first_chunk::<4>()?;
    let word = |at: usize| {
        let end = at.checked_add(32)?;
        arguments.get(at..end).and_then(U256::try_from_be_slice)
    };
    match *selector {
        ERROR => {
            let offset = usize::try_from(word(0)?).ok()?;
            let length = usize::try_from(word(offset)?).ok()?;
            let start = offset.checked_add(32)?;
            let text = arguments.get(start..start.checked_add(length)?)?;
            let shown = text.get(..MAX_REVERT_REASON_BYTES).unwrap_or(text);
            Some(String::from_utf8_lossy(shown).into_owned())
        }
        PANIC => {
            let code = word(0)?;
            Some(match code.try_into().unwrap_or(u64::MAX) {
                0x01 => "assert(false)".to_owned(),
                0x11 => "arithmetic underflow or overflow".to_owned(),
                0x12 => "division or modulo by zero".to_owned(),
                0x21 => "enum overflow".to_owned(),
                0x22 => "invalid encoded storage byte array accessed".to_owned(),
                0x31 => "out-of-bounds array access; popping on an empty array".to_owned(),
                0x32 => "out-of-bounds access of an array or bytesN".to_owned(),
                0x41 => "out of memory".to_owned(),
                0x51 => "uninitialized function".to_owned(),
                _ => format!("unknown panic code: {code:#x}"),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revert_reasons_are_read_without_trusting_their_lengths() {
        let mut text = hex!("08c379a0").to_vec();
        text.extend(U256::from(32).to_be_bytes::<32>());
        text.extend(U256::from(4).to_be_bytes::<32>());
        text.extend(*b"nope");
        assert_eq!(revert_reason(&text.clone().into()), Some("nope".to_owned()));
        for length in 0..text.len() {
            assert_eq!(revert_reason(&text[..length].to_vec().into()), None, "{length} bytes");
        }
        let mut huge = text;
        huge[4..36].fill(0xff);
        assert_eq!(revert_reason(&huge.into()), None);
        let mut panic = hex!("4e487b71").to_vec();
        panic.extend(U256::from(0x11).to_be_bytes::<32>());
        assert_eq!(revert_reason(&panic.into()), Some("arithmetic underflow or overflow".to_owned()));
    }
}
