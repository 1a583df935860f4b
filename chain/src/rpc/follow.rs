//! From a signed transaction to its end.

use std::time::Instant;

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::{BlockNumberOrTag, Decodable2718 as _},
    providers::Provider as _,
    rpc::types::TransactionReceipt,
    transports::RpcError,
};

use super::{Account, Rpc, fees::Fees, spent::Spent, words::Answer};
use crate::{
    Chain as _, Error, Result,
    journal::{Done, Entry},
};

/// A transaction is signed with so many fees at most, of which the last is about six times the first, unless the chain itself asks for
/// more. A node that says that it wants more gets so many from each command, up to the bound.
const FORMS: usize = 9;

/// How a transaction ended.
pub(super) enum End {
    Done(Done),
    /// The node will not have it.
    Refused(String),
    /// In a block, and refused there by the contract, whatever the simulation said.
    Reverted,
    /// Its nonce went to another transaction.
    Displaced,
}

/// What is known of a transaction that is followed.
struct Watch {
    start: Instant,
    /// When it was sent last, and what the node said.
    sent: Instant,
    answer: Answer,
    /// Why its fees were not raised, when they should have been.
    dear: Option<String>,
    /// When the chain was asked last who has its nonce, and what it showed.
    looked: Option<(Instant, Spent)>,
    /// Forms that this command found.
    found: usize,
}

impl Rpc {
    /// Where a transaction ended, if the chain still has that block.
    pub(super) fn stands(&self, entry: &Entry) -> Result<Option<Done>> {
        match &entry.done {
            Some(done) if self.has(done.block, done.block_hash)? => Ok(Some(done.clone())),
            _ => Ok(None),
        }
    }

    /// Sees a signed transaction to its end: in a block that is deep enough, or never to happen.
    pub(super) fn follow(&self, mut entry: Entry) -> Result<End> {
        if let Some(done) = self.stands(&entry)? {
            return Ok(End::Done(done));
        }
        entry.done = None;
        self.send_earlier(&entry)?;
        let answer = match self.send(&entry)? {
            // a nonce that is spent is refused in words that we may not know
            Answer::Refused(why) if self.receipt(&entry)?.is_none() && !self.passed(&entry)? => {
                return Ok(End::Refused(why));
            }
            answer => answer,
        };
        let now = Instant::now();
        let mut watch = Watch { start: now, sent: now, answer, dear: None, looked: None, found: entry.forms.len() };
        loop {
            let why = if let Some(receipt) = self.receipt(&entry)? {
                watch.looked = None;
                if let Some(end) = self.ended(&mut entry, &receipt)? {
                    return Ok(end);
                }
                format!("its block is not {} deep", self.patience.depth)
            } else if self.passed(&entry)? {
                match self.look(&entry, &mut watch)? {
                    Some(why) => why,
                    None => return Ok(End::Displaced),
                }
            } else {
                watch.looked = None;
                self.press(&mut entry, &mut watch)?;
                let said = match &watch.answer {
                    Answer::Taken => String::new(),
                    Answer::Underpriced => ", and the node wants higher fees".into(),
                    Answer::Refused(why) => format!(", and the node says: {why}"),
                };
                let dear = watch.dear.as_ref().map_or_else(String::new, |why| format!("; {why}"));
                format!("nonce {} is in no block{said}{dear}", entry.nonce)
            };
            if watch.start.elapsed() > self.patience.end {
                return Err(Error::Waiting { what: entry.what, why });
            }
            self.pause();
        }
    }

    /// Is this nonce spent, by whatever transaction?
    fn passed(&self, entry: &Entry) -> Result<bool> {
        Ok(self.count(BlockNumberOrTag::Latest)? > entry.nonce)
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

    /// The end of a transaction that is in a block, if the block is deep enough.
    fn ended(&self, entry: &mut Entry, receipt: &TransactionReceipt) -> Result<Option<End>> {
        let (Some(block), Some(block_hash)) = (receipt.block_number, receipt.block_hash) else { return Ok(None) };
        if self.head()?.number.saturating_add(1) < block.saturating_add(self.patience.depth) {
            return Ok(None);
        }
        if !receipt.status() {
            return Ok(Some(End::Reverted));
        }
        let created = entry.to.is_none().then_some(receipt.contract_address).flatten();
        let done = Done { hash: receipt.transaction_hash, block, block_hash, gas: receipt.gas_used, created };
        entry.done = Some(done.clone());
        self.account()?.journal.put(entry.clone())?;
        Ok(Some(End::Done(done)))
    }

    /// What it waits for when its nonce is spent and there is no receipt; none when another transaction has the nonce. To give up is for
    /// ever, so that a block must show it twice, with time for the chain to think again between.
    fn look(&self, entry: &Entry, watch: &mut Watch) -> Result<Option<String>> {
        let resend = self.patience.resend;
        if watch.looked.is_none_or(|(when, _)| when.elapsed() > resend) {
            let before = watch.looked.map(|(_, shown)| shown);
            let shown = self.spent(entry, watch.start)?;
            if (before, shown) == (Some(Spent::Another), Spent::Another) {
                return Ok(None);
            }
            watch.looked = (shown != Spent::NotYet).then(|| (Instant::now(), shown));
        }
        let nonce = entry.nonce;
        Ok(Some(match watch.looked {
            Some((_, Spent::Ours(block))) => format!("it is in block {block}, of which the node has no receipt yet"),
            Some((_, Spent::Another)) => format!("nonce {nonce} went to another transaction, but not yet for good"),
            Some((_, Spent::Unknown)) => format!(
                "nonce {nonce} is spent, and the node does not show a transaction of this account that did it: it may know the states of \
                 recent blocks only, so that another has to be asked"
            ),
            Some((_, Spent::NotYet)) | None => {
                format!("nonce {nonce} is spent in no block that is {} deep", self.patience.depth)
            }
        }))
    }

    /// Sends again, with higher fees where they are needed, what is in no block yet.
    fn press(&self, entry: &mut Entry, watch: &mut Watch) -> Result<()> {
        let low = watch.answer == Answer::Underpriced;
        // a node that had it may refuse it now: another may still have it
        let again = watch.sent.elapsed() > self.patience.resend;
        let most = if low { watch.found + FORMS } else { FORMS };
        let due = again || (low && watch.dear.is_none() && entry.forms.len() < most);
        if !due {
            return Ok(());
        }
        if again {
            self.send_earlier(entry)?;
        }
        let raise = low || watch.start.elapsed() > self.patience.raise;
        watch.answer = if raise { self.raise(entry, watch, most)? } else { self.send(entry)? };
        watch.sent = Instant::now();
        Ok(())
    }

    /// Sends the current form. What a chain says of a transaction that it has or had already is no matter.
    fn send(&self, entry: &Entry) -> Result<Answer> {
        let Some(signed) = entry.current() else { return Ok(Answer::Taken) };
        match self.within(async { self.provider.send_raw_transaction(signed).await.map(drop) })? {
            Ok(()) => Ok(Answer::Taken),
            Err(RpcError::ErrorResp(e)) => Ok(Answer::of(&e, &self.hidden)),
            Err(e) => Err(Error::Unreachable(self.no_answer(&e))),
        }
    }

    /// Sends what comes before a transaction and is in no block any more, because the chain took it back: no later nonce can happen
    /// without it.
    fn send_earlier(&self, entry: &Entry) -> Result<()> {
        let count = self.count(BlockNumberOrTag::Latest)?;
        if count < entry.nonce {
            let own = self.account()?.journal.of(self.id, entry.from)?;
            for earlier in own.iter().filter(|e| (count..entry.nonce).contains(&e.nonce)) {
                self.send(earlier)?;
            }
        }
        Ok(())
    }

    /// Signs the same with higher fees, under the same nonce, and sends it. A form that the node will not have is not sent again, but
    /// never forgotten: it may be in other hands all the same, and so may the one before it.
    fn raise(&self, entry: &mut Entry, watch: &mut Watch, most: usize) -> Result<Answer> {
        let last = entry.current().and_then(|bytes| TxEnvelope::decode_2718(&mut bytes.as_ref()).ok());
        let Some(last) = last else {
            let e =
                talea_formats::Error::input("journal", &entry.what, "bytes that are no transaction", "a signed one");
            return Err(e.into());
        };
        let asked = self.asked()?;
        let offered = Fees { all: last.max_fee_per_gas(), tip: last.max_priority_fee_per_gas().unwrap_or_default() };
        watch.dear = None;
        if entry.forms.len() >= most && asked.all <= offered.all {
            return self.send(entry);
        }
        let Some(fees) = offered.raised(asked, self.patience.most) else {
            watch.dear = Some(self.too_dear(asked));
            return self.send(entry);
        };
        self.sign(entry, last.input().clone(), fees, last.gas_limit())?;
        let answer = self.send(entry)?;
        if let Answer::Refused(_) = answer {
            entry.refuse();
            self.account()?.journal.put(entry.clone())?;
        }
        Ok(answer)
    }

    /// Sees to its end what an earlier command left under a nonce below this one, and what was done and the chain took back: their nonces
    /// come first, and everything that is needed is in their bytes.
    pub(super) fn finish_earlier(&self, account: &Account, below: u64) -> Result<()> {
        let count = self.count(BlockNumberOrTag::Latest)?;
        for other in account.journal.of(self.id, account.address)? {
            let was_done = other.done.is_some();
            if other.nonce >= below || (was_done && other.nonce < count) {
                continue;
            }
            let what = other.what.clone();
            match self.follow(other)? {
                End::Done(_) => {}
                End::Refused(why) => return Err(Error::Refused { what, why }),
                end @ (End::Displaced | End::Reverted) => {
                    account.journal.forget(self.id, &what)?;
                    // its own command may believe that it is over
                    let why = match end {
                        End::Reverted => "the contract refused it in its block: run its command again",
                        _ if was_done => "it was done, and the chain took it back: run its command again",
                        _ => continue,
                    };
                    return Err(Error::Refused { what, why: why.into() });
                }
            }
        }
        Ok(())
    }
}
