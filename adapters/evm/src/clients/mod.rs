//! The kinds of client contract: how each is made, which code it has, and how what it stores is read.
//!
//! One kind more is a file here and a line in [`KINDS`]. All of them have the functions and the event of states in common
//! ([`StatePreimage`]); their parameters tell them apart.

mod qbft;
mod tendermint;

use crate::{
    Artefact, Deployed, EvmAccount, EvmChain,
    abi::bindings::qbft_light_client::{ConsensusStateHashCall, ParametersCall},
    account,
    reader::view::View,
    rpc::RpcError,
};
use adapter::{AdapterError, Difference, TrustedState};
use alloy_primitives::{Address, B256};
use ethers_core::abi::AbiEncode as _;
use light_client::{ClientType, CodeHash, Codec, ErasedError, Height, Timestamp};

/// Every kind.
const KINDS: [&dyn ClientContract; 2] = [&qbft::QbftContract, &tendermint::TendermintContract];

/// One kind of client contract.
pub(crate) trait ClientContract: Sync {
    /// The kinds of client that it is for.
    fn client_types(&self) -> &'static [&'static str];

    /// How it is compiled.
    fn artefact(&self) -> &'static Artefact;

    /// What its constructor takes to make a client that trusts this state.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the state does not decode.
    fn arguments(&self, trusted: &TrustedState) -> Result<Vec<u8>, AdapterError>;

    /// What `parameters()` returns of such a client.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the state does not decode.
    fn parameters(&self, trusted: &TrustedState) -> Result<Vec<u8>, AdapterError>;

    /// What such a client stores at the state's height.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the state does not decode.
    fn state_hash(&self, trusted: &TrustedState) -> Result<[u8; 32], AdapterError>;

    /// The contracts that such a client at `address` consists of: itself, and those that its constructor makes.
    ///
    /// # Errors
    /// [`AdapterError::Verification`] when the state does not decode.
    fn code(&self, address: Address, trusted: &TrustedState) -> Result<Vec<ContractCode>, AdapterError>;

    /// Understands what `parameters()` returned; `None` when it is of another kind.
    ///
    /// # Errors
    /// [`RpcError::Shape`] when it is of this kind and out of its ranges.
    fn open(&self, parameters: &[u8]) -> Result<Option<Box<dyn OpenClient>>, RpcError>;
}

/// A client's contract whose parameters are known: turns what it stores into the light client's own types.
pub(crate) trait OpenClient: Send + Sync {
    /// The height of this number, of the chain that the client follows.
    fn height(&self, number: u64) -> Height;

    /// A consensus state.
    fn consensus(&self, state: &StatePreimage) -> ConsensusClaim;

    /// The encoded client state. `stored`: numbers of heights and what is stored there, ascending.
    ///
    /// # Errors
    /// When they are no states of a client.
    fn client(&self, stored: &[(u64, [u8; 32])], is_frozen: bool) -> Result<Vec<u8>, ErasedError>;

    /// The parameters, for people.
    fn describe(&self) -> String;
}

/// What the event `ConsensusState` tells of a state: the parts of the preimage of what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatePreimage {
    pub(crate) root: [u8; 32],
    /// In the unit of the client's kind.
    pub(crate) time: u64,
    pub(crate) set_hash: [u8; 32],
}

/// A consensus state as the light client has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConsensusClaim {
    pub(crate) encoded: Vec<u8>,
    /// What the contract stores of it.
    pub(crate) hash: [u8; 32],
    pub(crate) time: Timestamp,
}

/// A contract, and the code that its account must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractCode {
    /// What it is, for people.
    pub what: &'static str,
    /// Where it lies.
    pub address: Address,
    /// The keccak-256 of its runtime code.
    pub hash: CodeHash,
}

/// The contracts that a client of this kind at `address` consists of, with the parameters of this state. Their code
/// commits to those parameters that have a fixed width; [`EvmChain::client_difference`] looks at the others too.
///
/// # Errors
/// [`AdapterError::Config`] for a kind without a contract; [`AdapterError::Verification`] when the state does not decode.
pub fn client_code(
    client_type: &ClientType,
    address: Address,
    trusted: &TrustedState,
) -> Result<Vec<ContractCode>, AdapterError> {
    of_type(client_type)?.code(address, trusted)
}

impl EvmAccount {
    /// Deploys a client of this kind that trusts this state of another chain.
    ///
    /// # Errors
    /// As [`EvmAccount::send`] and [`client_code`].
    pub async fn deploy_client(
        &self,
        client_type: &ClientType,
        trusted: &TrustedState,
    ) -> Result<Deployed, AdapterError> {
        let kind = of_type(client_type)?;
        self.create(kind.artefact(), &kind.arguments(trusted)?).await
    }
}

impl EvmChain {
    /// In what the contract at `address` differs from a client of this kind with the parameters of this state, which has
    /// stored this very state at its height; `None` when it is such a client. As a node says.
    ///
    /// # Errors
    /// As [`client_code`]; [`AdapterError::Unavailable`] when no endpoint answers.
    pub async fn client_difference(
        &self,
        client_type: &ClientType,
        address: Address,
        trusted: &TrustedState,
    ) -> Result<Option<Difference>, AdapterError> {
        let kind = of_type(client_type)?;
        if let Some(difference) = self.code_difference(&kind.code(address, trusted)?).await? {
            return Ok(Some(difference));
        }
        // Not all of what a client is is in its code: names of any length and the first state are in its storage.
        let parameters = &kind.parameters(trusted)?;
        let state = &self
            .shared()
            .pool
            .attempt(|endpoint| async move {
                let view = View::latest(&endpoint).await?;
                let height = trusted.height.number();
                let calls = [ParametersCall.encode(), ConsensusStateHashCall { height }.encode()];
                let [found, stored] = view.calls(address, calls).await?;
                Ok((view.returned("parameters", found)?, view.read::<[u8; 32]>("consensus state hash", stored)?))
            })
            .await?;
        let (found, stored) = state;
        if found != parameters {
            let describe = |data: &[u8]| match open(data) {
                Ok(client) => client.describe(),
                Err(error) => error.to_string(),
            };
            let (expected, found) = (describe(parameters), describe(found));
            return Ok(Some(Difference { what: "client's parameters", expected, found }));
        }
        let expected = kind.state_hash(trusted)?;
        Ok((*stored != expected).then(|| Difference {
            what: "client's state",
            expected: format!("{} at height {}", B256::from(expected), trusted.height),
            found: B256::from(*stored).to_string(),
        }))
    }

    /// The first of these contracts whose code is another, as a node says.
    ///
    /// # Errors
    /// [`AdapterError::Unavailable`] when no endpoint answers.
    pub async fn code_difference(&self, contracts: &[ContractCode]) -> Result<Option<Difference>, AdapterError> {
        for ContractCode { what, address, hash } in contracts {
            let found = account::code_hash(self.shared(), *address).await?;
            if found.0 != *hash.as_bytes() {
                let expected = format!("code at {address} that hashes to {hash}, as of its published artefact");
                return Ok(Some(Difference { what, expected, found: found.to_string() }));
            }
        }
        Ok(None)
    }
}

/// Finds out of which kind a client is by what its `parameters()` returned.
///
/// # Errors
/// [`RpcError::Shape`] when it is of none that is known here.
pub(crate) fn open(parameters: &[u8]) -> Result<Box<dyn OpenClient>, RpcError> {
    for kind in KINDS {
        if let Some(client) = kind.open(parameters)? {
            return Ok(client);
        }
    }
    Err(RpcError::Shape {
        field: "parameters",
        expected: "those of a client of a kind that is known here",
        found: format!("{} bytes", parameters.len()),
    })
}

fn of_type(client_type: &ClientType) -> Result<&'static dyn ClientContract, AdapterError> {
    let named = |kind: &&dyn ClientContract| kind.client_types().contains(&client_type.as_str());
    KINDS.into_iter().find(named).ok_or_else(|| AdapterError::Config {
        key: "client type",
        expected: KINDS.iter().flat_map(|kind| kind.client_types()).copied().collect::<Vec<_>>().join(" or "),
        found: client_type.to_string(),
    })
}

/// A part of a trusted state in its own type.
fn decoded<T: Codec>(bytes: &[u8]) -> Result<T, AdapterError> {
    T::decode(bytes).map_err(|error| AdapterError::Verification {
        endpoint: "the trusted state".to_owned(),
        operation: "client",
        source: ErasedError::new(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ethers_core::abi::{EventExt as _, FunctionExt as _};

    /// They are read by the functions of one of them.
    #[test]
    fn all_kinds_have_what_is_read_in_common() {
        let functions = ["status", "parameters", "heightCount", "heightAt", "consensusStateHash"];
        let form = |kind: &dyn ClientContract| {
            let abi = kind.artefact().abi();
            let function = |name: &&str| {
                let function = abi.function(name).unwrap();
                // What parameters there are is what tells them apart.
                (function.selector(), (*name != "parameters").then(|| function.outputs.clone()))
            };
            let event = abi.event("ConsensusState").unwrap();
            let kinds: Vec<_> = event.inputs.iter().map(|input| (input.kind.clone(), input.indexed)).collect();
            let outputs: Vec<_> = functions
                .iter()
                .map(function)
                .map(|(selector, outputs)| {
                    (selector, outputs.map(|o| o.into_iter().map(|o| o.kind).collect::<Vec<_>>()))
                })
                .collect();
            (outputs, event.abi_signature(), kinds)
        };
        for kind in KINDS {
            assert_eq!(form(kind), form(KINDS[0]), "{}", kind.artefact().name());
        }
    }

    #[test]
    fn a_kind_without_a_contract_is_refused() {
        for name in ["qbft", "ibft2", "tendermint"] {
            assert!(of_type(&name.parse().unwrap()).is_ok(), "{name}");
        }
        let error = of_type(&"ethereum".parse().unwrap()).err().unwrap();
        assert!(matches!(error, AdapterError::Config { key: "client type", .. }), "{error}");
    }

    #[test]
    fn parameters_of_no_kind_are_refused() {
        for data in [vec![], vec![0; 31], vec![0; 32 * 7], vec![0xff; 192]] {
            assert!(open(&data).is_err(), "{}", data.len());
        }
    }
}
