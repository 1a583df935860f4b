//! A chain behind a URL, through alloy.

use std::{
    cell::RefCell,
    future::Future,
    path::Path,
    time::{Duration, Instant},
};

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::{BlockId, BlockNumberOrTag, Decodable2718 as _, Encodable2718 as _},
    network::{EthereumWallet, NetworkTransactionBuilder as _, TransactionBuilder as _, TransactionResponse as _},
    primitives::{TxKind, keccak256},
    providers::{Provider as _, RootProvider},
    rpc::{
        json_rpc::ErrorPayload,
        types::{Filter, TransactionReceipt, TransactionRequest},
    },
    signers::local::PrivateKeySigner,
    transports::{RpcError, TransportError},
};
use talea_contracts::{Address, B256, Bytes};

use crate::{
    Chain, Error, Head, Log, Receipt, Result, Sent, Transaction,
    journal::{Done, Entry, Journal},
};

/// How patient a sender is.
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
}

impl Default for Patience {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self { depth: 1, resend: s(20), raise: s(60), end: s(600), poll: Duration::from_millis(300) }
    }
}

/// A node of a chain, and the account that sends through it.
pub struct Rpc {
    runtime: tokio::runtime::Runtime,
    provider: RootProvider,
    id: u64,
    /// Of the node: it may hold an access key, so that no message shows it.
    url: String,
    account: Option<Account>,
    patience: Patience,
}

struct Account {
    address: Address,
    wallet: EthereumWallet,
    journal: RefCell<Journal>,
}

/// Blocks that one question for logs covers: what public nodes allow.
const SPAN: u64 = 1_000;

/// Fees of a replacement are so many percent of the old ones: nodes ask for 110 at least.
const RAISE: u128 = 125;

/// A transaction is signed with so many fees at most: the last is about six times the first.
const FORMS: usize = 9;

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
        let parsed =
            url.parse().map_err(|e| talea_formats::Error::input("--rpc", "URL", e, "http://… or https://…"))?;
        let provider = RootProvider::new_http(parsed);
        let id = runtime.block_on(async { provider.get_chain_id().await }).map_err(|e| unreachable(url, &e))?;
        Ok(Self { runtime, provider, id, url: url.into(), account: None, patience: Patience::default() })
    }

    /// The same with an account, which remembers what it sends in a file.
    ///
    /// # Errors
    /// A journal that is none.
    pub fn with_account(mut self, key: PrivateKeySigner, journal: &Path, patience: Patience) -> Result<Self> {
        let (address, journal) = (key.address(), RefCell::new(Journal::open(journal)?));
        self.account = Some(Account { address, wallet: EthereumWallet::from(key), journal });
        self.patience = patience;
        Ok(self)
    }

    fn ask<T>(&self, question: impl Future<Output = Result<T, TransportError>>) -> Result<T> {
        self.runtime.block_on(question).map_err(|e| unreachable(&self.url, &e))
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
        let question = async { self.provider.call(request.clone()).await };
        self.runtime.block_on(question).map_err(|e| self.refusal(what, &e))
    }

    /// A contract's refusal, or the node's.
    fn refusal(&self, what: &str, e: &TransportError) -> Error {
        match e {
            RpcError::ErrorResp(payload) => match payload.as_revert_data() {
                Some(data) => Error::Reverted { what: what.into(), data },
                None => Error::Refused { what: what.into(), why: payload.message.to_string() },
            },
            _ => unreachable(&self.url, e),
        }
    }

    /// Receipts of any of a transaction's forms, in a block that the chain still has.
    fn receipt(&self, entry: &Entry) -> Result<Option<TransactionReceipt>> {
        for hash in entry.hashes() {
            let Some(receipt) = self.ask(async { self.provider.get_transaction_receipt(hash).await })? else {
                continue;
            };
            let (Some(number), Some(hash)) = (receipt.block_number, receipt.block_hash) else { continue };
            if self.has(number, hash)? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
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
                return Ok(latest);
            }
            if start.elapsed() > self.patience.end {
                let why = format!("{} transactions of this account that are not ours wait", pending - latest);
                return Err(Error::Waiting { what: what.into(), why });
            }
            self.pause();
        }
    }

    /// Signs with these fees and writes it down.
    fn sign(&self, entry: &mut Entry, data: Bytes, fees: (u128, u128), gas: u64) -> Result<()> {
        let account = self.account()?;
        let mut request = TransactionRequest::default()
            .with_from(account.address)
            .with_nonce(entry.nonce)
            .with_chain_id(self.id)
            .with_gas_limit(gas)
            .with_max_fee_per_gas(fees.0)
            .with_max_priority_fee_per_gas(fees.1)
            .with_input(data);
        request.to = Some(entry.to.map_or(TxKind::Create, TxKind::Call));
        let signed = self.runtime.block_on(request.build(&account.wallet));
        let signed = signed.map_err(|e| Error::Refused { what: entry.what.clone(), why: e.to_string() })?;
        entry.signed.push(signed.encoded_2718().into());
        Ok(account.journal.borrow_mut().put(entry.clone())?)
    }

    /// Sends the newest form. What a chain says of a transaction that it has or had already is no matter.
    fn send(&self, entry: &Entry) -> Result<Answer> {
        let Some(signed) = entry.signed.last() else { return Ok(Answer::Taken) };
        let sent = self.runtime.block_on(async { self.provider.send_raw_transaction(signed).await.map(drop) });
        match sent {
            Ok(()) => Ok(Answer::Taken),
            Err(RpcError::ErrorResp(e)) => Ok(Answer::of(&e)),
            Err(e) => Err(unreachable(&self.url, &e)),
        }
    }

    /// Sees a signed transaction to its end: in a block that is deep enough, or never to happen.
    fn follow(&self, mut entry: Entry) -> Result<End> {
        if let Some(done) = entry.done.take()
            && self.has(done.block, done.block_hash)?
        {
            return Ok(End::Done(done));
        }
        let (start, mut sent, mut displaced) = (Instant::now(), Instant::now(), None);
        let mut answer = match self.send(&entry)? {
            Answer::Refused(why) if self.receipt(&entry)?.is_none() => return Ok(End::Refused(why)),
            answer => answer,
        };
        loop {
            if let Some(receipt) = self.receipt(&entry)? {
                displaced = None;
                if let Some(end) = self.ended(&mut entry, &receipt)? {
                    return Ok(end);
                }
            } else if self.count(BlockNumberOrTag::Latest)? > entry.nonce {
                // a node may know the count long before the receipt
                let since = *displaced.get_or_insert_with(Instant::now);
                if since.elapsed() > self.patience.resend {
                    return Ok(End::Displaced);
                }
            } else {
                displaced = None;
                match answer {
                    Answer::Underpriced if entry.signed.len() < FORMS => answer = self.raise(&mut entry)?,
                    // a node that had it may refuse it now: another may still have it
                    _ if sent.elapsed() > self.patience.resend => {
                        let raise = start.elapsed() > self.patience.raise && entry.signed.len() < FORMS;
                        answer = if raise { self.raise(&mut entry)? } else { self.send(&entry)? };
                        sent = Instant::now();
                    }
                    _ => {}
                }
            }
            if start.elapsed() > self.patience.end {
                let why = format!("nonce {} is in no block that is {} deep", entry.nonce, self.patience.depth);
                return Err(Error::Waiting { what: entry.what, why });
            }
            self.pause();
        }
    }

    /// The end of a transaction that is in a block, if the block is deep enough.
    fn ended(&self, entry: &mut Entry, receipt: &TransactionReceipt) -> Result<Option<End>> {
        let (Some(block), Some(block_hash)) = (receipt.block_number, receipt.block_hash) else { return Ok(None) };
        if self.head()?.number + 1 < block + self.patience.depth {
            return Ok(None);
        }
        if !receipt.status() {
            return Ok(Some(End::Reverted));
        }
        let created = entry.to.is_none().then_some(receipt.contract_address).flatten();
        let done = Done { hash: receipt.transaction_hash, block, block_hash, gas: receipt.gas_used, created };
        entry.done = Some(done.clone());
        self.account()?.journal.borrow_mut().put(entry.clone())?;
        Ok(Some(End::Done(done)))
    }

    /// Signs the same with higher fees, under the same nonce, and sends it. A form that the node will not have is forgotten: the one
    /// before it may be in other hands.
    fn raise(&self, entry: &mut Entry) -> Result<Answer> {
        let last = entry.signed.last().and_then(|bytes| TxEnvelope::decode_2718(&mut bytes.as_ref()).ok());
        let Some(last) = last else {
            let e =
                talea_formats::Error::input("journal", &entry.what, "bytes that are no transaction", "a signed one");
            return Err(e.into());
        };
        let now = self.ask(async { self.provider.estimate_eip1559_fees().await })?;
        let more = |fee: u128, now: u128| {
            (fee.saturating_mul(RAISE) / 100).saturating_add(1).max(now.min(fee.saturating_mul(2)))
        };
        let fees = (
            more(last.max_fee_per_gas(), now.max_fee_per_gas),
            more(last.max_priority_fee_per_gas().unwrap_or_default(), now.max_priority_fee_per_gas),
        );
        self.sign(entry, last.input().clone(), fees, last.gas_limit())?;
        let answer = self.send(entry)?;
        if let Answer::Refused(_) = answer {
            entry.signed.pop();
            self.account()?.journal.borrow_mut().put(entry.clone())?;
        }
        Ok(answer)
    }

    /// Sees what an earlier command left to its end: its nonce comes first, and everything that is needed is in its bytes.
    fn finish_others(&self, account: &Account) -> Result<()> {
        loop {
            let other = account.journal.borrow().unfinished(self.id, account.address).next().cloned();
            let Some(other) = other else { return Ok(()) };
            let what = other.what.clone();
            match self.follow(other)? {
                End::Done(_) => {}
                End::Refused(why) => return Err(Error::Refused { what, why }),
                End::Displaced | End::Reverted => account.journal.borrow_mut().forget(self.id, &what)?,
            }
        }
    }

    /// Simulates, signs and writes down a transaction that is not in the journal.
    fn begin(&self, transaction: &Transaction) -> Result<Entry> {
        let Transaction { what, to, data } = transaction;
        let from = self.account()?.address;
        let mut request = TransactionRequest::default().with_from(from).with_input(data.clone());
        request.to = Some(to.map_or(TxKind::Create, TxKind::Call));
        self.simulate(what, &request)?;
        let gas = self.runtime.block_on(async { self.provider.estimate_gas(request).await });
        let gas = gas.map_err(|e| self.refusal(what, &e))?;
        let fees = self.ask(async { self.provider.estimate_eip1559_fees().await })?;
        let mut entry = Entry {
            what: what.clone(),
            chain: self.id,
            from,
            to: *to,
            data: keccak256(data),
            nonce: self.nonce(what)?,
            signed: Vec::new(),
            done: None,
        };
        self.sign(&mut entry, data.clone(), (fees.max_fee_per_gas, fees.max_priority_fee_per_gas), gas + gas / 5)?;
        Ok(entry)
    }
}

/// A chain's answer to a transaction.
enum Answer {
    /// It has it, or had it.
    Taken,
    /// Its fees are too low.
    Underpriced,
    /// It will not have it.
    Refused(String),
}

impl Answer {
    /// Nodes have words for this and no codes: those of geth, reth, nethermind and anvil.
    fn of(e: &ErrorPayload) -> Self {
        let said = e.message.to_lowercase();
        let any = |words: &[&str]| words.iter().any(|w| said.contains(w));
        if any(&["already known", "alreadyknown", "already imported", "nonce too low", "known transaction"]) {
            return Self::Taken;
        }
        if any(&["underpriced", "fee too low", "feetoolow", "less than block base fee", "max fee per gas less"]) {
            return Self::Underpriced;
        }
        Self::Refused(e.message.to_string())
    }
}

/// How a transaction ended.
enum End {
    Done(Done),
    /// The node will not have it.
    Refused(String),
    /// In a block, and refused there by the contract, whatever the simulation said.
    Reverted,
    /// Its nonce went to another transaction.
    Displaced,
}

fn unreachable(url: &str, e: &TransportError) -> Error {
    let said = e.to_string().replace(url, "URL").replace(url.trim_end_matches('/'), "URL");
    Error::Unreachable(format!("the chain's node: {said}"))
}

impl Chain for Rpc {
    fn id(&self) -> u64 {
        self.id
    }

    fn sender(&self) -> Result<Address> {
        Ok(self.account()?.address)
    }

    fn head(&self) -> Result<Head> {
        let block = self.ask(async { self.provider.get_block_by_number(BlockNumberOrTag::Latest).await })?;
        let block = block.ok_or_else(|| Error::Unreachable("the chain has no block".into()))?;
        Ok(Head { number: block.header.number, time: block.header.timestamp })
    }

    fn call(&self, what: &str, to: Address, data: Bytes) -> Result<Bytes> {
        let mut request = TransactionRequest::default().with_to(to).with_input(data);
        request.from = self.account.as_ref().map(|a| a.address);
        self.simulate(what, &request)
    }

    fn execute(&self, transaction: &Transaction) -> Result<Receipt> {
        let Transaction { what, to, data } = transaction;
        let account = self.account()?;
        for _ in 0..ATTEMPTS {
            let known = account.journal.borrow().find((self.id, account.address), what, *to, data)?.cloned();
            let entry = match known {
                Some(entry) => entry,
                None => {
                    self.finish_others(account)?;
                    self.begin(transaction)?
                }
            };
            match self.follow(entry)? {
                End::Done(Done { hash, block, gas, created, .. }) => return Ok(Receipt { hash, block, gas, created }),
                // kept, for the node may have passed it on all the same
                End::Refused(why) => return Err(Error::Refused { what: what.clone(), why }),
                End::Displaced => account.journal.borrow_mut().forget(self.id, what)?,
                End::Reverted => {
                    account.journal.borrow_mut().forget(self.id, what)?;
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
        while self.head()?.time <= time {
            self.pause();
        }
        Ok(())
    }

    fn code(&self, at: Address) -> Result<Bytes> {
        self.ask(async { self.provider.get_code_at(at).await })
    }

    fn logs(&self, of: &[Address], from: u64) -> Result<Vec<Log>> {
        let (mut all, head) = (Vec::new(), self.head()?.number);
        let mut first = from;
        while first <= head {
            let last = (first + SPAN - 1).min(head);
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
            first = last + 1;
        }
        Ok(all)
    }

    fn sent(&self, hash: B256) -> Result<Sent> {
        let found = self.ask(async { self.provider.get_transaction_by_hash(hash).await })?;
        let found = found.ok_or_else(|| Error::Unreachable(format!("the chain's node: no transaction {hash}")))?;
        Ok(Sent { from: found.from(), nonce: found.nonce(), to: found.to(), input: found.input().clone() })
    }
}
