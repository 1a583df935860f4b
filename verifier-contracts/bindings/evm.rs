//! An EVM in process: accounts with no balance, free gas, the limits of mainnet; every transaction is a block.

use std::collections::HashMap;

use alloy_primitives::{Address, Bytes, Log, TxKind, U256};
use revm::{
    Context, DatabaseRef as _, ExecuteCommitEvm, ExecuteEvm as _, MainBuilder, MainContext,
    context::{TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::{AccountInfo, Bytecode},
};

/// A chain of one machine.
pub struct Evm {
    chain: u64,
    db: CacheDB<EmptyDB>,
    nonces: HashMap<Address, u64>,
    block: u64,
    time: u64,
}

/// Why a transaction did nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The contract said no, with these bytes.
    #[error("reverted with {0}")]
    Reverted(Bytes),
    /// Out of gas, or worse.
    #[error("halted: {0}")]
    Halted(String),
    /// The transaction is none.
    #[error("not a transaction: {0}")]
    Invalid(String),
}

/// What a transaction did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Gas it used: base fee of a transaction, calldata, execution.
    pub gas: u64,
    /// What it returned.
    pub output: Bytes,
    /// The contract that it made.
    pub created: Option<Address>,
    /// What contracts logged.
    pub logs: Vec<Log>,
}

/// Gas that a transaction gets where none is said: below the cap of EIP-7825.
pub const GAS: u64 = 16_000_000;

impl Evm {
    /// An empty chain.
    pub fn new(chain: u64) -> Self {
        Self { chain, db: CacheDB::new(EmptyDB::default()), nonces: HashMap::new(), block: 0, time: 0 }
    }

    /// Deploys code with its constructor's arguments.
    ///
    /// # Errors
    /// Why not; code of more than 24,576 bytes halts.
    pub fn deploy(&mut self, from: Address, code: &[u8], arguments: &[u8]) -> Result<(Address, u64), Failed> {
        let done = self.send(from, TxKind::Create, [code, arguments].concat().into(), GAS)?;
        let at = done.created.ok_or_else(|| Failed::Invalid("no contract was made".into()))?;
        Ok((at, done.gas))
    }

    /// Calls a contract in a transaction.
    ///
    /// # Errors
    /// Why it did nothing.
    pub fn call(&mut self, from: Address, to: Address, data: Vec<u8>, gas: u64) -> Result<Done, Failed> {
        self.send(from, TxKind::Call(to), data.into(), gas)
    }

    /// The last block's number and time, in seconds.
    pub fn head(&self) -> (u64, u64) {
        (self.block, self.time)
    }

    /// Lets the next block be at this time, if it is later than the last one's.
    pub fn set_time(&mut self, time: u64) {
        self.time = self.time.max(time);
    }

    /// Transactions that an account has sent.
    pub fn nonce(&self, of: Address) -> u64 {
        self.nonces.get(&of).copied().unwrap_or_default()
    }

    /// The code at an address; empty where there is none.
    pub fn code(&self, at: Address) -> Bytes {
        // reading an empty database cannot fail
        let Ok(account) = self.db.basic_ref(at);
        account.and_then(|a| a.code).map(|c| c.original_bytes()).unwrap_or_default()
    }

    /// Puts code at an address, as it is on another chain.
    pub fn set_code(&mut self, at: Address, code: Bytes) {
        let code = Bytecode::new_raw(code);
        self.db.insert_account_info(
            at,
            AccountInfo { code_hash: code.hash_slow(), code: Some(code), ..Default::default() },
        );
    }

    /// What a call would do, at the time of the next block; nothing changes.
    ///
    /// # Errors
    /// Why it would do nothing.
    pub fn query(&mut self, from: Address, to: Address, data: Vec<u8>) -> Result<Done, Failed> {
        self.run(from, TxKind::Call(to), data.into(), GAS, false)
    }

    /// What a creation would do; nothing changes.
    ///
    /// # Errors
    /// Why it would do nothing.
    pub fn query_create(&mut self, from: Address, code: Vec<u8>) -> Result<Done, Failed> {
        self.run(from, TxKind::Create, code.into(), GAS, false)
    }

    /// Sends a transaction that makes a contract.
    ///
    /// # Errors
    /// Why it did nothing.
    pub fn create(&mut self, from: Address, code: Vec<u8>) -> Result<Done, Failed> {
        self.send(from, TxKind::Create, code.into(), GAS)
    }

    fn send(&mut self, from: Address, kind: TxKind, data: Bytes, gas: u64) -> Result<Done, Failed> {
        self.run(from, kind, data, gas, true)
    }

    fn run(&mut self, from: Address, kind: TxKind, data: Bytes, gas: u64, keep: bool) -> Result<Done, Failed> {
        let tx = TxEnv::builder()
            .caller(from)
            .kind(kind)
            .data(data)
            .gas_limit(gas)
            .nonce(self.nonce(from))
            .chain_id(Some(self.chain))
            .build()
            .map_err(|e| Failed::Invalid(format!("{e:?}")))?;
        let (chain, number, time) = (self.chain, self.block + 1, self.time + 1);
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = chain;
                cfg.set_spec_and_mainnet_gas_params(SpecId::CANCUN);
            })
            .modify_block_chained(|block| {
                block.number = U256::from(number);
                block.timestamp = U256::from(time);
            })
            .build_mainnet();
        let invalid = |e| Failed::Invalid(format!("{e:?}"));
        let result = if keep {
            let result = evm.transact_commit(tx).map_err(invalid)?;
            *self.nonces.entry(from).or_default() += 1;
            (self.block, self.time) = (number, time);
            result
        } else {
            evm.transact(tx).map_err(invalid)?.result
        };
        let (gas, created) = (result.tx_gas_used(), result.created_address());
        match result {
            ExecutionResult::Success { output, logs, .. } => {
                Ok(Done { gas, output: output.into_data(), created, logs })
            }
            ExecutionResult::Revert { output, .. } => Err(Failed::Reverted(output)),
            ExecutionResult::Halt { reason, .. } => Err(Failed::Halted(format!("{reason:?}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_beyond_the_limit_of_mainnet_is_refused() {
        // returns that many zero bytes as its code: PUSH3 n, PUSH0, RETURN
        let code = |n: usize| [&[0x62][..], &(n as u32).to_be_bytes()[1..], &[0x5f, 0xf3]].concat();
        let mut evm = Evm::new(1);
        assert!(evm.deploy(Address::ZERO, &code(24_576), &[]).is_ok());
        assert!(matches!(evm.deploy(Address::ZERO, &code(24_577), &[]), Err(Failed::Halted(_))));
    }
}
