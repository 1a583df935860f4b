//! Who spent a nonce, as the chain's blocks show it.
//!
//! That an account's count is beyond a nonce, and no receipt is found, is no proof that the nonce went to something else: a node may
//! know a count long before a receipt, and of many nodes behind one URL each knows something else. To sign again on that ground
//! alone could make a deposit twice. The transaction itself in a block is proof, and only with this account's own signature: a node that
//! keeps what it was sent to itself cannot invent another transaction of the account. What a node may still do is to show as done
//! what the account did sign for this nonce elsewhere.

use std::time::Instant;

use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::{BlockId, BlockNumberOrTag, Encodable2718 as _},
    primitives::{B256, U64, keccak256},
    providers::Provider as _,
    transports::RpcError,
};
use serde::Deserialize;
use serde_json::Value;
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

/// What is needed of a block. Chains have transactions of kinds that nobody else knows, so that only those that are said to be the
/// account's are read in full.
#[derive(Debug, Deserialize)]
struct Block {
    transactions: Vec<Value>,
}

/// What a node says of a transaction.
#[derive(Debug, Deserialize)]
struct Claimed {
    hash: B256,
    from: Option<Address>,
    nonce: Option<U64>,
}

/// What a block's transactions show of an entry's nonce.
fn shown(transactions: &[Value], entry: &Entry, block: u64) -> Spent {
    let own = transactions.iter().filter_map(|t| Some((Claimed::deserialize(t).ok()?, t)));
    let own = own.filter(|(c, _)| c.from == Some(entry.from) && c.nonce == Some(U64::from(entry.nonce)));
    let mut shown = Spent::Unknown;
    for (claimed, transaction) in own {
        if entry.hashes().any(|hash| hash == claimed.hash) {
            return Spent::Ours(block);
        }
        if signed(transaction, entry) == Some(claimed.hash) {
            shown = Spent::Another;
        }
    }
    shown
}

/// The hash of a transaction that the entry's account signed for this chain and this nonce, computed from its bytes; none of any other,
/// and of what cannot be read.
fn signed(transaction: &Value, entry: &Entry) -> Option<B256> {
    let found = TxEnvelope::deserialize(transaction).ok()?;
    let here = found.chain_id().is_none_or(|id| id == entry.chain) && found.nonce() == entry.nonce;
    let signature = found.signature();
    let own = signature.recover_address_from_prehash(&found.signature_hash()).is_ok_and(|from| from == entry.from);
    // every signature can be turned around, as chains do not take it: what the account signed has another hash then
    let turned = signature.normalize_s().is_some();
    (here && own && !turned).then(|| keccak256(found.encoded_2718()))
}

impl Rpc {
    /// Looks for the block in which the account's count passed this nonce, and in it for the transaction that did it. It takes many
    /// questions, which must not last longer than the command that began then.
    pub(super) fn spent(&self, entry: &Entry, start: Instant) -> Result<Spent> {
        let deep = self.head()?.number.saturating_add(1).saturating_sub(self.patience.depth);
        match self.count_at(entry.from, deep)? {
            Some(count) if count > entry.nonce => {}
            Some(_) => return Ok(Spent::NotYet),
            None => return Ok(Spent::Unknown),
        }
        // it is spent in `high`, and not in `low` or nobody knows: nodes without old states say no more, and what is found is looked at
        let (mut low, mut high) = (0, deep);
        while high > low + 1 {
            if start.elapsed() > self.patience.end {
                let why = format!("nonce {} is spent, and the node is too slow to show by what", entry.nonce);
                return Err(Error::Waiting { what: entry.what.clone(), why });
            }
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
        Ok(shown(block.as_ref().map_or(&[], |b| &b.transactions), entry, high))
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

#[cfg(test)]
mod tests {
    use alloy::{
        consensus::{SignableTransaction, TxEip1559, TxEip2930, TxLegacy},
        network::TxSignerSync as _,
        primitives::{Signature, TxKind, U256, uint},
        signers::local::PrivateKeySigner,
    };
    use serde_json::json;

    use super::*;
    use crate::journal::Form;

    const CHAIN: u64 = 7;
    const NONCE: u64 = 3;

    /// What has the account's transaction: its own forms are of a fee of 1.
    struct Case {
        key: PrivateKeySigner,
        entry: Entry,
    }

    fn plain(fee: u128) -> TxEip1559 {
        let to = TxKind::Call(Address::repeat_byte(0xee));
        TxEip1559 { chain_id: CHAIN, nonce: NONCE, gas_limit: 21_000, max_fee_per_gas: fee, to, ..Default::default() }
    }

    impl Case {
        fn new() -> Self {
            let key = PrivateKeySigner::random();
            let own = TxEnvelope::from(plain(1).into_signed(key.sign_transaction_sync(&mut plain(1)).unwrap()));
            let entry = Entry {
                what: "one".into(),
                chain: CHAIN,
                from: key.address(),
                to: None,
                data: B256::ZERO,
                nonce: NONCE,
                forms: vec![Form { bytes: own.encoded_2718().into(), refused: false }],
                done: None,
            };
            Self { key, entry }
        }

        /// As a node shows it in a block.
        fn within(&self, transaction: impl Into<TxEnvelope>) -> Value {
            let mut value = serde_json::to_value(transaction.into()).unwrap();
            value["from"] = json!(self.entry.from);
            value
        }

        fn signed<T: SignableTransaction<Signature>>(&self, key: &PrivateKeySigner, mut transaction: T) -> Value
        where
            TxEnvelope: From<alloy::consensus::Signed<T>>,
        {
            let signature = key.sign_transaction_sync(&mut transaction).unwrap();
            self.within(transaction.into_signed(signature))
        }

        fn shown(&self, transactions: &[Value]) -> Spent {
            shown(transactions, &self.entry, 5)
        }
    }

    #[test]
    fn what_the_account_signed_has_the_nonce() {
        let case = Case::new();
        let own = case.signed(&case.key, plain(1));
        let legacy = TxLegacy { chain_id: Some(CHAIN), nonce: NONCE, ..Default::default() };
        let others = [
            case.signed(&case.key, plain(2)),
            case.signed(&case.key, legacy.clone()),
            case.signed(&case.key, TxLegacy { chain_id: None, ..legacy }),
            case.signed(&case.key, TxEip2930 { chain_id: CHAIN, nonce: NONCE, ..Default::default() }),
        ];
        assert_eq!(case.shown(std::slice::from_ref(&own)), Spent::Ours(5));
        for other in others {
            assert_eq!(case.shown(std::slice::from_ref(&other)), Spent::Another, "{other}");
            assert_eq!(case.shown(&[json!("0x00"), other, own.clone()]), Spent::Ours(5));
        }
    }

    #[test]
    fn what_a_node_invents_has_no_nonce() {
        let case = Case::new();
        let other = case.signed(&case.key, plain(2));
        let with = |field: &str, value: Value| {
            let mut changed = other.clone();
            changed[field] = value;
            changed
        };
        let elsewhere = case.signed(&case.key, TxEip1559 { chain_id: 8, ..plain(2) });
        let mut renamed = elsewhere.clone();
        renamed["chainId"] = json!("0x7");
        let later = case.signed(&case.key, TxEip1559 { nonce: 4, ..plain(2) });
        let mut earlier = later.clone();
        earlier["nonce"] = json!("0x3");
        for (why, invented) in [
            ("no signature", json!({ "hash": B256::ZERO, "from": case.entry.from, "nonce": "0x3" })),
            ("another's signature", case.signed(&PrivateKeySigner::random(), plain(2))),
            ("another chain", elsewhere),
            ("another chain, renamed", renamed),
            ("another nonce", later),
            ("another nonce, renamed", earlier),
            ("another's hash", with("hash", json!(B256::ZERO))),
            ("changed", with("maxFeePerGas", json!("0x3"))),
            ("an unknown kind", with("type", json!("0x7e"))),
            ("no kind", with("type", Value::Null)),
            ("no number", with("r", json!("zero"))),
        ] {
            assert_eq!(case.shown(&[invented]), Spent::Unknown, "{why}");
        }
        assert_eq!(case.shown(&[with("hash", json!(B256::ZERO)), other]), Spent::Another);
    }

    /// Who has a signature can write it in another way that stands for the same key, and the same transaction has another hash then.
    #[test]
    fn an_own_signature_turned_around_is_not_another() {
        const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let case = Case::new();
        let signature = case.key.sign_transaction_sync(&mut plain(1)).unwrap();
        let turned = Signature::new(signature.r(), ORDER - signature.s(), !signature.v());
        let turned = TxEnvelope::from(plain(1).into_signed(turned));
        let signer = turned.signature().recover_address_from_prehash(&turned.signature_hash());
        assert_eq!(signer.unwrap(), case.key.address());
        let within = case.within(turned);
        assert!(!case.entry.hashes().any(|hash| json!(hash) == within["hash"]));
        assert_eq!(case.shown(&[within]), Spent::Unknown);
    }
}
