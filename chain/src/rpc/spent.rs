//! Who spent a nonce, as the chain's blocks show it.
//!
//! That an account's count is beyond a nonce, and no receipt is found, is no proof that the nonce went to something else: a node may
//! know a count long before a receipt, and of many nodes behind one URL each knows something else. To sign again on that ground
//! alone could make a deposit twice. The transaction itself in a block is proof.

use alloy::{
    eips::{BlockId, BlockNumberOrTag},
    primitives::{B256, U64},
    providers::Provider as _,
    transports::RpcError,
};
use serde::Deserialize;
use talea_contracts::Address;

use super::Rpc;
use crate::{Chain as _, Error, Result, journal::Entry};

/// What the chain's blocks show of a nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spent {
    /// In no block that is deep enough.
    NotYet,
    /// This transaction has it, in this block.
    Ours(u64),
    /// Another transaction has it.
    Another,
    /// It is spent, and this node does not show where.
    Unknown,
}

/// What is needed of a block. Chains have transactions of kinds that nobody else knows, so that no more of them is read.
#[derive(Debug, Deserialize)]
struct Block {
    transactions: Vec<Within>,
}

#[derive(Debug, Deserialize)]
struct Within {
    hash: B256,
    from: Option<Address>,
    nonce: Option<U64>,
}

impl Rpc {
    /// Looks for the block in which the account's count passed this nonce, and in it for the transaction that did it.
    pub(super) fn spent(&self, entry: &Entry) -> Result<Spent> {
        let deep = (self.head()?.number + 1).saturating_sub(self.patience.depth);
        match self.count_at(entry.from, deep)? {
            Some(count) if count > entry.nonce => {}
            Some(_) => return Ok(Spent::NotYet),
            None => return Ok(Spent::Unknown),
        }
        // it is spent in `high`, and not in `low` or nobody knows: nodes without old states say no more, and what is found is looked at
        let (mut low, mut high) = (0, deep);
        while high > low + 1 {
            let middle = low + (high - low) / 2;
            match self.count_at(entry.from, middle)? {
                Some(count) if count > entry.nonce => high = middle,
                _ => low = middle,
            }
        }
        let block: Option<Block> = self.ask(async {
            let block = (BlockNumberOrTag::Number(high), true);
            self.provider.raw_request("eth_getBlockByNumber".into(), block).await
        })?;
        let own = |w: &&Within| w.from == Some(entry.from) && w.nonce == Some(U64::from(entry.nonce));
        Ok(match block.iter().flat_map(|b| &b.transactions).find(own) {
            Some(within) if entry.hashes().any(|hash| hash == within.hash) => Spent::Ours(high),
            Some(_) => Spent::Another,
            None => Spent::Unknown,
        })
    }

    /// The account's count at a block's end; none where the node says that it does not know.
    fn count_at(&self, of: Address, block: u64) -> Result<Option<u64>> {
        let block = BlockId::Number(BlockNumberOrTag::Number(block));
        let found = self.within(async { self.provider.get_transaction_count(of).block_id(block).await })?;
        match found {
            Ok(count) => Ok(Some(count)),
            Err(RpcError::ErrorResp(_)) => Ok(None),
            Err(e) => Err(Error::Unreachable(self.no_answer(&e))),
        }
    }
}
