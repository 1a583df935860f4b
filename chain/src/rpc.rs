//! A chain behind a URL, through alloy.

mod fees;
mod follow;
mod spent;
mod words;

use std::{
    cell::Cell,
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use alloy::{
    consensus::Transaction as _,
    eips::{BlockId, BlockNumberOrTag, Encodable2718 as _},
    network::{EthereumWallet, NetworkTransactionBuilder as _, TransactionBuilder as _, TransactionResponse as _},
    primitives::{TxKind, keccak256},
    providers::{Provider as _, RootProvider},
    rpc::types::{Filter, Header, TransactionRequest},
    signers::local::PrivateKeySigner,
    transports::{RpcError, TransportError, http::reqwest::Url},
};
use talea_contracts::{Address, B256, Bytes};

use self::{fees::Fees, follow::End, words::Hidden};
use crate::{
    Chain, Error, Head, Log, Receipt, Result, Sent, Transaction,
    journal::{Done, Entry, Journal},
};

/// How patient a sender is, and how much that may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Blocks from the one with the transaction to the newest, both counted, before it is done.
    pub depth: u64,
    /// After so long it is sent again, in case it was forgotten.
    pub resend: Duration,
    /// After so long it is sent with a higher fee.
    pub raise: Duration,
    /// After so long the command ends; the next one goes on.
    pub end: Duration,
    /// Between two questions.
    pub poll: Duration,
    /// For one answer.
    pub answer: Duration,
    /// Wei per gas that are offered at most, all told.
    pub most: u128,
}

impl Default for Patience {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            depth: 1,
            resend: s(20),
            raise: s(60),
            end: s(600),
            poll: Duration::from_millis(300),
            answer: s(60),
            most: 500_000_000_000,
        }
    }
}

/// A node of a chain, and the account that sends through it.
pub struct Rpc {
    runtime: tokio::runtime::Runtime,
    provider: RootProvider,
    id: u64,
    hidden: Hidden,
    account: Option<Account>,
    patience: Patience,
    /// The block that questions are about, if not the newest.
    pinned: Cell<Option<u64>>,
}

struct Account {
    address: Address,
    wallet: EthereumWallet,
    journal: Journal,
}

/// Blocks that one question for logs covers: what public nodes allow.
const SPAN: usize = 1_000;

/// Blocks that a chain can have since the first one that is asked for: no chain has so many, and a node that names a far block would
/// have questions for ever.
const BLOCKS: u64 = 1_000_000_000;

/// Gas that one transaction may have at most since EIP-7825.
const GAS: u64 = 1 << 24;

/// A transaction whose nonce went to another is signed anew so often.
const ATTEMPTS: usize = 5;

impl Rpc {
    /// A chain that is only asked.
    ///
    /// # Errors
    /// A URL that is none; no answer.
    pub fn open(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Error::Unreachable(e.to_string()))?;
        let parsed: Url =
            url.parse().map_err(|e| talea_formats::Error::input("--rpc", "URL", e, "http://… or https://…"))?;
        let (hidden, patience) = (Hidden::of(url, &parsed), Patience::default());
        let provider = RootProvider::new_http(parsed);
        let mut rpc = Self { runtime, provider, id: 0, hidden, account: None, patience, pinned: Cell::new(None) };
        rpc.id = rpc.ask(async { rpc.provider.get_chain_id().await })?;
        Ok(rpc)
    }

    /// The same with an account, which remembers what it sends in a file.
    ///
    /// # Errors
    /// A journal that is none.
    pub fn with_account(mut self, key: PrivateKeySigner, journal: &Path, patience: Patience) -> Result<Self> {
        let (address, journal) = (key.address(), Journal::open(journal)?);
        self.account = Some(Account { address, wallet: EthereumWallet::from(key), journal });
        self.patience = patience;
        Ok(self)
    }

    /// A node's answer or refusal, if there is one in time: a node that is silent must not hold a command for ever.
    fn within<T>(
        &self, question: impl Future<Output = Result<T, TransportError>>,
    ) -> Result<Result<T, TransportError>> {
        let limit = self.patience.answer;
        let answer = self.runtime.block_on(async { tokio::time::timeout(limit, question).await });
        answer.map_err(|_| Error::Unreachable(format!("the chain's node: no answer within {limit:?}")))
    }

    fn ask<T>(&self, question: impl Future<Output = Result<T, TransportError>>) -> Result<T> {
        self.within(question)?.map_err(|e| Error::Unreachable(self.no_answer(&e)))
    }

    fn no_answer(&self, e: &TransportError) -> String {
        format!("the chain's node: {}", self.hidden.error(e))
    }

    fn account(&self) -> Result<&Account> {
        let none = || talea_formats::Error::input("account", "key", "none", "a keystore or a key in the environment");
        Ok(self.account.as_ref().ok_or_else(none)?)
    }

    fn pause(&self) {
        std::thread::sleep(self.patience.poll);
    }

    /// Asks for the call's result; a refusal is the contract's.
    fn simulate(&self, what: &str, request: &TransactionRequest) -> Result<Bytes> {
        self.within(async { self.provider.call(request.clone()).await })?.map_err(|e| self.refusal(what, &e))
    }

    /// The block that questions are about.
    fn block(&self) -> BlockId {
        self.pinned.get().map_or_else(BlockId::latest, BlockId::number)
    }

    /// A contract's refusal, or the node's.
    fn refusal(&self, what: &str, e: &TransportError) -> Error {
        match e {
            RpcError::ErrorResp(payload) => match payload.as_revert_data() {
                Some(data) => Error::Reverted { what: what.into(), data },
                None => Error::Refused { what: what.into(), why: self.hidden.line(&payload.message) },
            },
            _ => Error::Unreachable(self.no_answer(e)),
        }
    }

    /// Is this the chain's block of this number?
    fn has(&self, number: u64, hash: B256) -> Result<bool> {
        let tag = BlockNumberOrTag::Number(number);
        let block = self.ask(async { self.provider.get_block_by_number(tag).await })?;
        Ok(block.is_some_and(|b| b.header.hash == hash))
    }

    fn count(&self, tag: BlockNumberOrTag) -> Result<u64> {
        let from = self.account()?.address;
        self.ask(async { self.provider.get_transaction_count(from).block_id(BlockId::Number(tag)).await })
    }

    /// The nonce to sign with: the chain's own count, when nothing of this account waits. A nonce beyond what waits would leave a
    /// gap if that is dropped, and one before it would push it out.
    fn nonce(&self, what: &str) -> Result<u64> {
        let start = Instant::now();
        loop {
            let (latest, pending) = (self.count(BlockNumberOrTag::Latest)?, self.count(BlockNumberOrTag::Pending)?);
            if pending <= latest {
                return self.unused(what, latest);
            }
            if start.elapsed() > self.patience.end {
                let why = format!("{} transactions of this account that are not ours wait", pending - latest);
                return Err(Error::Waiting { what: what.into(), why });
            }
            self.pause();
        }
    }

    /// Refuses a nonce that a transaction in the journal has: a node that forgets one of them would have two signed for one nonce, and
    /// whichever happened the other would be sent again.
    fn unused(&self, what: &str, nonce: u64) -> Result<u64> {
        let account = self.account()?;
        let most = account.journal.of(self.id, account.address)?.iter().map(|entry| entry.nonce).max();
        match most {
            Some(most) if nonce <= most => {
                let why = format!("the node counts {nonce} transactions of this account, whose nonce {most} is spent");
                Err(Error::Waiting { what: what.into(), why })
            }
            _ => Ok(nonce),
        }
    }

    /// Signs with these fees, if they are not too high, and writes it down.
    fn sign(&self, entry: &mut Entry, data: Bytes, fees: Fees, gas: u64) -> Result<()> {
        self.bounded(&entry.what, fees)?;
        let account = self.account()?;
        let mut request = TransactionRequest::default()
            .with_from(account.address)
            .with_nonce(entry.nonce)
            .with_chain_id(self.id)
            .with_gas_limit(gas)
            .with_max_fee_per_gas(fees.all)
            .with_max_priority_fee_per_gas(fees.tip)
            .with_input(data);
        request.to = Some(entry.to.map_or(TxKind::Create, TxKind::Call));
        let signed = self.runtime.block_on(request.build(&account.wallet));
        let signed = signed.map_err(|e| Error::Refused { what: entry.what.clone(), why: e.to_string() })?;
        entry.add(signed.encoded_2718().into());
        Ok(account.journal.put(entry.clone())?)
    }

    /// Simulates, signs and writes down a transaction that is not in the journal.
    fn begin(&self, transaction: &Transaction) -> Result<Entry> {
        let Transaction { what, to, data } = transaction;
        let from = self.account()?.address;
        let mut request = TransactionRequest::default().with_from(from).with_input(data.clone());
        request.to = Some(to.map_or(TxKind::Create, TxKind::Call));
        self.simulate(what, &request)?;
        let gas = self.within(async { self.provider.estimate_gas(request).await })?;
        let gas = self.gas(gas.map_err(|e| self.refusal(what, &e))?)?;
        // this may wait, and fees are of the moment
        let nonce = self.nonce(what)?;
        let fees = self.asked()?;
        let mut entry = Entry {
            what: what.clone(),
            chain: self.id,
            from,
            to: *to,
            data: keccak256(data),
            nonce,
            forms: Vec::new(),
            done: None,
        };
        self.sign(&mut entry, data.clone(), fees, gas)?;
        Ok(entry)
    }

    /// A fifth more gas than was estimated, as far as a block and the protocol let a transaction have it: one that asks for more is refused
    /// for ever, and nothing of this account could follow it.
    fn gas(&self, estimated: u64) -> Result<u64> {
        let block = self.newest()?.gas_limit;
        let most = if estimated <= GAS { block.min(GAS) } else { block };
        Ok(estimated.saturating_add(estimated / 5).min(most).max(estimated))
    }

    fn newest(&self) -> Result<Header> {
        let block = self.ask(async { self.provider.get_block_by_number(BlockNumberOrTag::Latest).await })?;
        Ok(block.ok_or_else(|| Error::Unreachable("the chain has no block".into()))?.header)
    }
}

impl From<Done> for Receipt {
    fn from(Done { hash, block, gas, created, .. }: Done) -> Self {
        Self { hash, block, gas, created }
    }
}

impl Chain for Rpc {
    fn id(&self) -> u64 {
        self.id
    }

    fn sender(&self) -> Result<Address> {
        Ok(self.account()?.address)
    }

    fn head(&self) -> Result<Head> {
        let newest = self.newest()?;
        Ok(Head { number: newest.number, time: newest.timestamp })
    }

    fn pin(&self, block: Option<u64>) {
        self.pinned.set(block);
    }

    fn call(&self, what: &str, to: Address, data: Bytes) -> Result<Bytes> {
        let mut request = TransactionRequest::default().with_to(to).with_input(data);
        request.from = self.account.as_ref().map(|a| a.address);
        let asked = async { self.provider.call(request).block(self.block()).await };
        self.within(asked)?.map_err(|e| self.refusal(what, &e))
    }

    fn execute(&self, transaction: &Transaction) -> Result<Receipt> {
        let Transaction { what, to, data } = transaction;
        let account = self.account()?;
        for _ in 0..ATTEMPTS {
            let entry = match account.journal.find((self.id, account.address), what, *to, data)? {
                Some(entry) => {
                    if let Some(done) = self.stands(&entry)? {
                        return Ok(done.into());
                    }
                    self.finish_earlier(account, entry.nonce)?;
                    entry
                }
                None => {
                    self.finish_earlier(account, u64::MAX)?;
                    self.begin(transaction)?
                }
            };
            match self.follow(entry)? {
                End::Done(done) => return Ok(done.into()),
                // kept, for the node may have passed it on all the same
                End::Refused(why) => return Err(Error::Refused { what: what.clone(), why }),
                End::Displaced => account.journal.forget(self.id, what)?,
                End::Reverted => {
                    account.journal.forget(self.id, what)?;
                    // now the simulation says why
                    let mut request = TransactionRequest::default().with_from(account.address).with_input(data.clone());
                    request.to = Some(to.map_or(TxKind::Create, TxKind::Call));
                    self.simulate(what, &request)?;
                    return Err(Error::Refused {
                        what: what.clone(),
                        why: "refused in its block, though not now".into(),
                    });
                }
            }
        }
        let why = format!("its nonce went to other transactions {ATTEMPTS} times");
        Err(Error::Waiting { what: what.clone(), why })
    }

    fn wait_after(&self, time: u64) -> Result<()> {
        let start = Instant::now();
        loop {
            let newest = self.head()?.time;
            if newest > time {
                return Ok(());
            }
            if start.elapsed() > self.patience.end {
                let why = format!("the newest block is of {newest}, and one after {time} was waited for");
                return Err(Error::Waiting { what: "the chain's time".into(), why });
            }
            self.pause();
        }
    }

    fn code(&self, at: Address) -> Result<Bytes> {
        self.ask(async { self.provider.get_code_at(at).block_id(self.block()).await })
    }

    fn logs(&self, of: &[Address], from: u64) -> Result<Vec<Log>> {
        let head = self.pinned.get().map_or_else(|| self.head().map(|h| h.number), Ok)?;
        let mut all = Vec::new();
        if head.saturating_sub(from) > BLOCKS {
            let why = format!("the chain's node: its newest block is {head}, more than 10^9 after block {from}");
            return Err(Error::Unreachable(why));
        }
        for first in (from..=head).step_by(SPAN) {
            let last = first.saturating_add(SPAN as u64 - 1).min(head);
            let filter = Filter::new().address(of.to_vec()).from_block(first).to_block(last);
            for log in self.ask(async { self.provider.get_logs(&filter).await })? {
                let (Some(block), Some(transaction)) = (log.block_number, log.transaction_hash) else {
                    return Err(Error::Unreachable("the chain's node: a log of no block".into()));
                };
                all.push(Log {
                    address: log.address(),
                    topics: log.topics().to_vec(),
                    data: log.data().data.clone(),
                    block,
                    transaction,
                });
            }
        }
        Ok(all)
    }

    fn sent(&self, hash: B256) -> Result<Sent> {
        let found = self.ask(async { self.provider.get_transaction_by_hash(hash).await })?;
        let found = found.ok_or_else(|| Error::Unreachable(format!("the chain's node: no transaction {hash}")))?;
        Ok(Sent { from: found.from(), nonce: found.nonce(), to: found.to(), input: found.input().clone() })
    }
}
