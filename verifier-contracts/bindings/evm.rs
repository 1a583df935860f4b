//! An EVM in process: accounts with no balance, free gas, the limits of mainnet.

use std::collections::HashMap;

use alloy_primitives::{Address, Bytes, TxKind};
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
};

/// A chain of one machine.
pub struct Evm {
    chain: u64,
    db: CacheDB<EmptyDB>,
    nonces: HashMap<Address, u64>,
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
}

/// Gas that a transaction gets where none is said: below the cap of EIP-7825.
pub const GAS: u64 = 16_000_000;

impl Evm {
    /// An empty chain.
    pub fn new(chain: u64) -> Self {
        Self { chain, db: CacheDB::new(EmptyDB::default()), nonces: HashMap::new() }
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

    fn send(&mut self, from: Address, kind: TxKind, data: Bytes, gas: u64) -> Result<Done, Failed> {
        let nonce = self.nonces.entry(from).or_default();
        let tx = TxEnv::builder()
            .caller(from)
            .kind(kind)
            .data(data)
            .gas_limit(gas)
            .nonce(*nonce)
            .chain_id(Some(self.chain))
            .build()
            .map_err(|e| Failed::Invalid(format!("{e:?}")))?;
        let chain = self.chain;
        let mut evm = Context::mainnet()
            .with_db(&mut self.db)
            .modify_cfg_chained(|cfg| {
                cfg.chain_id = chain;
                cfg.set_spec_and_mainnet_gas_params(SpecId::CANCUN);
            })
            .build_mainnet();
        let result = evm.transact_commit(tx).map_err(|e| Failed::Invalid(format!("{e:?}")))?;
        *nonce += 1;
        let (gas, created) = (result.tx_gas_used(), result.created_address());
        match result {
            ExecutionResult::Success { output, .. } => Ok(Done { gas, output: output.into_data(), created }),
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
