//! Talea on a chain.
//!
//! | module | holds |
//! |---|---|
//! | this one | what a chain is to the commands: [`Chain`] |
//! | [`deployment`] | contracts on a chain, and how they come there |
//! | [`embedded`] | one in process |
//! | [`rpc`] | one behind a URL |
//! | [`journal`] | transactions that are neither lost nor sent twice |
//! | [`key`] | the account that sends: a keystore or the environment |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod audit;
pub mod deployment;
pub mod embedded;
pub mod history;
pub mod journal;
pub mod key;
pub mod numbers;
pub mod rpc;

use talea_contracts::{Address, B256, Bytes, reason};

/// Why a chain did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A contract said no.
    #[error("{what}: reverted: {}", reason(.data))]
    Reverted {
        /// What was asked.
        what: String,
        /// What the contract said.
        data: Bytes,
    },
    /// The chain did not take the transaction, or could not end it.
    #[error("{what}: {why}")]
    Refused {
        /// What was asked.
        what: String,
        /// The chain's word on it.
        why: String,
    },
    /// No answer, or none that can be read.
    #[error("{0}")]
    Unreachable(String),
    /// Sent and not yet in a block: the same command goes on from there.
    #[error("{what}: {why}; run the same command again to go on")]
    Waiting {
        /// What was asked.
        what: String,
        /// What it waits for.
        why: String,
    },
    /// A file is at fault.
    #[error(transparent)]
    File(#[from] talea_formats::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The newest block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Its number.
    pub number: u64,
    /// Its time, in seconds since 1970.
    pub time: u64,
}

/// Something that is to happen once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// What it is for, in words that no other transaction of this account and folder has: a second one of this name is the first.
    pub what: String,
    /// The contract, or none to make one.
    pub to: Option<Address>,
    /// Calldata, or a contract's creation code with its arguments.
    pub data: Bytes,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The transaction's hash.
    pub hash: B256,
    /// The block that has it.
    pub block: u64,
    /// Gas that it used, all told.
    pub gas: u64,
    /// The contract that it made.
    pub created: Option<Address>,
}

/// A contract's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The contract.
    pub address: Address,
    /// Topics.
    pub topics: Vec<B256>,
    /// Data.
    pub data: Bytes,
    /// The block.
    pub block: u64,
    /// The transaction.
    pub transaction: B256,
}

/// A transaction as a chain keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Who sent it.
    pub from: Address,
    /// The sender's nonce.
    pub nonce: u64,
    /// The contract that it called; none where it made one.
    pub to: Option<Address>,
    /// Its calldata, or the creation code with its arguments.
    pub input: Bytes,
}

/// A chain, and an account that sends to it.
pub trait Chain {
    /// EIP-155 chain id.
    fn id(&self) -> u64;

    /// Who sends.
    ///
    /// # Errors
    /// There is no account: only questions can be asked.
    fn sender(&self) -> Result<Address>;

    /// The newest block.
    ///
    /// # Errors
    /// No answer.
    fn head(&self) -> Result<Head>;

    /// From now on calls, code and logs are those of this block, or of the newest again. A chain that changes only when it is told to
    /// needs none of it.
    fn pin(&self, _block: Option<u64>) {}

    /// What a call returns, without a transaction.
    ///
    /// # Errors
    /// The contract's refusal; no answer.
    fn call(&self, what: &str, to: Address, data: Bytes) -> Result<Bytes>;

    /// Makes something happen once, however often this is asked: simulated, sent, awaited, recorded.
    ///
    /// # Errors
    /// The contract's refusal before anything was sent; a chain that does not take it; no answer.
    fn execute(&self, transaction: &Transaction) -> Result<Receipt>;

    /// Returns when the chain's time is later than this.
    ///
    /// # Errors
    /// No answer; no such block in the time that a command may take.
    fn wait_after(&self, time: u64) -> Result<()>;

    /// The code at an address.
    ///
    /// # Errors
    /// No answer.
    fn code(&self, at: Address) -> Result<Bytes>;

    /// All logs of these contracts from a block on, in order.
    ///
    /// # Errors
    /// No answer.
    fn logs(&self, of: &[Address], from: u64) -> Result<Vec<Log>>;

    /// A transaction that a log names.
    ///
    /// # Errors
    /// No answer; no such transaction.
    fn sent(&self, hash: B256) -> Result<Sent>;
}
