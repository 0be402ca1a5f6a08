//! Runs transactions and calls in the EVM on top of a state.

use std::convert::Infallible;
use std::sync::{Arc, RwLock};

use alloy_consensus::transaction::Transaction as _;
use alloy_consensus::{
    Eip658Value, Header, Receipt, ReceiptEnvelope, ReceiptWithBloom, TxEnvelope, TxReceipt as _, TxType,
};
use alloy_primitives::{Address, B256, U256};
use revm::context::either::Either;
use revm::context::result::{EVMError, ExecutionResult, InvalidTransaction};
use revm::context::{BlockEnv, CfgEnv, Context, TxEnv};
use revm::context_interface::block::BlobExcessGasAndPrice;
use revm::context_interface::cfg::gas::calculate_initial_tx_gas_for_tx;
use revm::handler::MainnetContext;
use revm::primitives::AddressMap;
use revm::state::{Account, AccountInfo, Bytecode};
use revm::{Database, DatabaseCommit, ExecuteCommitEvm, ExecuteEvm, MainBuilder, MainContext, MainnetEvm};

use crate::config::{ChainConfig, Fork};
use crate::index::{Index, read};
use crate::state::State;

/// A state to execute on, with the hashes of the blocks below.
pub(crate) struct ExecutionDb {
    pub(crate) state: State,
    index: Arc<RwLock<Index>>,
}

impl ExecutionDb {
    pub(crate) fn new(state: State, index: Arc<RwLock<Index>>) -> Self {
        Self { state, index }
    }
}

impl Database for ExecutionDb {
    type Error = Infallible;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Infallible> {
        Ok(self.state.info(address))
    }

    fn code_by_hash(&mut self, _: B256) -> Result<Bytecode, Infallible> {
        // `basic` hands out the code with the account, so only the empty hash comes here.
        Ok(Bytecode::default())
    }

    fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Infallible> {
        Ok(self.state.slot(address, slot))
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Infallible> {
        // The instruction asks only for the 256 heights below the block that is being executed.
        Ok(read(&self.index).block(number).map_or(B256::ZERO, |block| block.hash))
    }
}

impl DatabaseCommit for ExecutionDb {
    fn commit(&mut self, changes: AddressMap<Account>) {
        for (address, account) in changes {
            self.state.apply(address, account);
        }
    }
}

type ChainEvm = MainnetEvm<MainnetContext<ExecutionDb>>;

/// What a transaction left behind.
pub(crate) struct Executed {
    pub(crate) receipt: ReceiptEnvelope,
    pub(crate) gas_used: u64,
    /// Of a creation, successful or not.
    pub(crate) contract: Option<Address>,
}

/// Executes the transactions of one block in order.
pub(crate) struct BlockExecutor {
    evm: ChainEvm,
    cumulative_gas: u64,
}

impl BlockExecutor {
    pub(crate) fn new(config: &ChainConfig, header: &Header, db: ExecutionDb) -> Self {
        Self { evm: evm(config, header, db, |_| {}), cumulative_gas: 0 }
    }

    pub(crate) fn cumulative_gas(&self) -> u64 {
        self.cumulative_gas
    }

    /// Runs one transaction and keeps its changes.
    ///
    /// # Errors
    /// When it does not belong into this block; the state is then as before.
    pub(crate) fn execute(
        &mut self,
        transaction: &TxEnvelope,
        sender: Address,
    ) -> Result<Executed, InvalidTransaction> {
        let outcome = self.evm.transact(transaction_env(transaction, sender)).map_err(invalid)?;
        self.evm.commit(outcome.state);
        let result = outcome.result;
        let gas_used = result.tx_gas_used();
        // Bounded by the block's gas limit, which the EVM checks per transaction and the caller per block.
        self.cumulative_gas = self.cumulative_gas.saturating_add(gas_used);
        let receipt = Receipt {
            status: Eip658Value::Eip658(result.is_success()),
            cumulative_gas_used: self.cumulative_gas,
            logs: if result.is_success() { result.into_logs() } else { Vec::new() },
        };
        let contract = transaction.is_create().then(|| sender.create(transaction.nonce()));
        Ok(Executed { receipt: envelope(transaction.tx_type(), receipt), gas_used, contract })
    }

    /// The state after the transactions so far.
    pub(crate) fn into_state(self) -> State {
        self.evm.ctx.journaled_state.database.state
    }
}

fn envelope(kind: TxType, receipt: Receipt) -> ReceiptEnvelope {
    let logs_bloom = receipt.bloom();
    let receipt = ReceiptWithBloom { receipt, logs_bloom };
    match kind {
        TxType::Legacy => ReceiptEnvelope::Legacy(receipt),
        TxType::Eip2930 => ReceiptEnvelope::Eip2930(receipt),
        TxType::Eip1559 => ReceiptEnvelope::Eip1559(receipt),
        TxType::Eip4844 => ReceiptEnvelope::Eip4844(receipt),
        TxType::Eip7702 => ReceiptEnvelope::Eip7702(receipt),
    }
}

/// Runs a call whose changes are thrown away. Neither nonce nor code of the caller matter.
///
/// # Errors
/// When the call cannot even start: not enough gas for its data, or not enough balance for its value.
pub(crate) fn call(
    config: &ChainConfig,
    header: &Header,
    db: ExecutionDb,
    call: TxEnv,
) -> Result<ExecutionResult, InvalidTransaction> {
    let free = call.gas_price == 0;
    let mut evm = evm(config, header, db, |cfg| {
        cfg.disable_nonce_check = true;
        cfg.disable_eip3607 = true;
        cfg.tx_chain_id_check = false;
    });
    if free {
        // A call that names no price pays none, whatever the base fee; as go-ethereum.
        evm.ctx.block.basefee = 0;
    }
    evm.transact(call).map(|outcome| outcome.result).map_err(invalid)
}

/// Gas a transaction costs before its first instruction, and the least gas limit its fork accepts.
pub(crate) fn intrinsic_gas(config: &ChainConfig, transaction: &TxEnvelope, sender: Address) -> u64 {
    let gas = calculate_initial_tx_gas_for_tx(transaction_env(transaction, sender), config.fork.spec(), None);
    gas.initial_total_gas().max(gas.floor_gas())
}

fn invalid(error: EVMError<Infallible, InvalidTransaction>) -> InvalidTransaction {
    match error {
        EVMError::Transaction(error) => error,
        other => InvalidTransaction::Str(other.to_string().into()),
    }
}

fn evm(config: &ChainConfig, header: &Header, db: ExecutionDb, adjust: impl FnOnce(&mut CfgEnv)) -> ChainEvm {
    let spec = config.fork.spec();
    Context::mainnet()
        .with_db(db)
        .modify_cfg_chained(|cfg| {
            cfg.set_spec_and_mainnet_gas_params(spec);
            cfg.chain_id = config.chain_id;
            adjust(cfg);
        })
        .with_block(block_env(config.fork, header))
        .build_mainnet()
}

fn block_env(fork: Fork, header: &Header) -> BlockEnv {
    BlockEnv {
        number: U256::from(header.number),
        beneficiary: header.beneficiary,
        timestamp: U256::from(header.timestamp),
        gas_limit: header.gas_limit,
        basefee: header.base_fee_per_gas.unwrap_or(0),
        difficulty: header.difficulty,
        prevrandao: (fork >= Fork::Shanghai).then_some(header.mix_hash),
        blob_excess_gas_and_price: (fork >= Fork::Cancun).then(|| BlobExcessGasAndPrice::new(0, 1)),
        ..BlockEnv::default()
    }
}

fn transaction_env(transaction: &TxEnvelope, sender: Address) -> TxEnv {
    TxEnv {
        tx_type: transaction.tx_type() as u8,
        caller: sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        access_list: transaction.access_list().cloned().unwrap_or_default(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        blob_hashes: Vec::new(),
        max_fee_per_blob_gas: 0,
        authorization_list: transaction
            .authorization_list()
            .unwrap_or_default()
            .iter()
            .cloned()
            .map(Either::Left)
            .collect(),
    }
}
