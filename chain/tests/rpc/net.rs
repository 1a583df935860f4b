//! An anvil, an account with money there, and a folder for its journal.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use alloy::{
    consensus::{SignableTransaction as _, TxEip1559},
    eips::Encodable2718 as _,
    network::TxSignerSync as _,
    primitives::{Address, B256, Bytes, TxKind, keccak256},
    signers::local::PrivateKeySigner,
};
use serde_json::{Value, json};
use talea_chain::{
    Chain as _, Receipt, Result, Transaction,
    journal::{Entry, Journal},
    rpc::{Patience, Rpc},
};

use crate::anvil::{Anvil, hex};

pub const GWEI: u128 = 1_000_000_000;

/// Where transactions go: nobody's address, with no code.
const TO: Address = Address::repeat_byte(0xee);

pub struct Net {
    pub anvil: Anvil,
    pub key: PrivateKeySigner,
    dir: tempfile::TempDir,
}

/// Patience for a test: nothing is raised for its age alone.
pub fn quick() -> Patience {
    let ms = Duration::from_millis;
    let (raise, end, answer) = (ms(60_000), ms(15_000), ms(5_000));
    Patience { depth: 1, resend: ms(300), raise, end, poll: ms(20), answer, most: 500 * GWEI }
}

/// One that gives up soon.
pub fn short() -> Patience {
    Patience { end: Duration::from_millis(600), ..quick() }
}

/// Something to send; its data are its name.
pub fn transaction(what: &str) -> Transaction {
    Transaction { what: what.into(), to: Some(TO), data: Bytes::from(what.as_bytes().to_vec()) }
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !so() {
        assert!(start.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Net {
    pub fn start(chain: u64, more: &[&str]) -> Option<Self> {
        let anvil = Anvil::start_with(chain, more)?;
        let net = Self { anvil, key: PrivateKeySigner::random(), dir: tempfile::tempdir().unwrap() };
        net.fund(&net.key);
        Some(net)
    }

    /// One that makes blocks when it is told to.
    pub fn still(chain: u64) -> Option<Self> {
        Self::start(chain, &["--no-mining"])
    }

    pub fn fund(&self, key: &PrivateKeySigner) {
        let million = format!("0x{:x}", 1_000_000_000_000_000 * GWEI);
        self.ask("anvil_setBalance", json!([key.address(), million]));
    }

    pub fn ask(&self, method: &str, params: Value) -> Value {
        self.anvil.call(method, params).unwrap_or_else(|e| panic!("{method}: {e}"))
    }

    pub fn journal(&self) -> PathBuf {
        self.dir.path().join("transactions.json")
    }

    /// The account's client, as a new command has it.
    pub fn client(&self, patience: Patience) -> Rpc {
        self.client_at(&self.anvil.url(), patience)
    }

    pub fn client_at(&self, url: &str, patience: Patience) -> Rpc {
        Rpc::open(url).unwrap().with_account(self.key.clone(), &self.journal(), patience).unwrap()
    }

    /// A command of its own that executes one transaction.
    pub fn execute(&self, what: &str, patience: Patience) -> Result<Receipt> {
        self.client(patience).execute(&transaction(what))
    }

    /// The journal's entry.
    pub fn entry(&self, what: &str) -> Option<Entry> {
        let Transaction { to, data, .. } = transaction(what);
        let chain = self.ask("eth_chainId", json!([]));
        let chain = u64::from_str_radix(&chain.as_str().unwrap()[2..], 16).unwrap();
        Journal::open(&self.journal()).unwrap().find((chain, self.key.address()), what, to, &data).unwrap()
    }

    /// Makes so many blocks.
    pub fn mine(&self, blocks: u64) {
        self.ask("anvil_mine", json!([format!("0x{blocks:x}")]));
    }

    /// Takes the newest blocks back; others with these transactions in the first of them come in their place.
    pub fn reorganise(&self, depth: u64, with: &[Bytes]) {
        let with: Vec<Value> = with.iter().map(|raw| json!([raw, 0])).collect();
        self.ask("anvil_reorg", json!([depth, with]));
    }

    /// The next block's base fee, in gwei.
    pub fn base_fee(&self, gwei: u128) {
        self.ask("anvil_setNextBlockBaseFeePerGas", json!([format!("0x{:x}", gwei * GWEI)]));
    }

    /// Hashes of what waits in the node's pool and can be in the next block.
    pub fn pool(&self) -> Vec<B256> {
        let pool = self.ask("txpool_content", json!([]));
        let all = pool["pending"].as_object().unwrap().values().flat_map(|of| of.as_object().unwrap().values());
        all.map(|t| t["hash"].as_str().unwrap().parse().unwrap()).collect()
    }

    /// The pool's one transaction, when it is there.
    pub fn pooled(&self) -> B256 {
        until("one transaction in the pool", || self.pool().len() == 1);
        self.pool()[0]
    }

    pub fn drop_from_pool(&self, hash: B256) {
        self.ask("anvil_dropTransaction", json!([hash]));
        assert!(!self.pool().contains(&hash));
    }

    /// Nonces under which this happened, in all of the chain's blocks.
    pub fn happened(&self, what: &str) -> Vec<u64> {
        let head = self.ask("eth_blockNumber", json!([]));
        let head = u64::from_str_radix(&head.as_str().unwrap()[2..], 16).unwrap();
        let data = format!("0x{}", hex(what.as_bytes()));
        let blocks = (0..=head).map(|n| self.ask("eth_getBlockByNumber", json!([format!("0x{n:x}"), true])));
        let transactions = blocks.flat_map(|b| b["transactions"].as_array().unwrap().clone());
        let own = transactions.filter(|t| t["input"] == *data);
        own.map(|t| u64::from_str_radix(&t["nonce"].as_str().unwrap()[2..], 16).unwrap()).collect()
    }

    /// Bytes of another client that has the same key.
    pub fn foreign(&self, what: &str, nonce: u64, max_fee: u128) -> Bytes {
        let Transaction { to, data, .. } = transaction(what);
        let id = self.ask("eth_chainId", json!([]));
        let mut other = TxEip1559 {
            chain_id: u64::from_str_radix(&id.as_str().unwrap()[2..], 16).unwrap(),
            nonce,
            gas_limit: 50_000,
            max_fee_per_gas: max_fee,
            max_priority_fee_per_gas: max_fee.min(2 * GWEI),
            to: to.map_or(TxKind::Create, TxKind::Call),
            input: data,
            ..Default::default()
        };
        let signature = self.key.sign_transaction_sync(&mut other).unwrap();
        other.into_signed(signature).encoded_2718().into()
    }

    /// Sends such.
    pub fn send(&self, raw: &Bytes) -> B256 {
        self.ask("eth_sendRawTransaction", json!([raw]));
        keccak256(raw)
    }

    /// Is this receipt's block the chain's, with the transaction in it?
    pub fn holds(&self, receipt: &Receipt) -> bool {
        let block = self.ask("eth_getBlockByNumber", json!([format!("0x{:x}", receipt.block), false]));
        block["transactions"].as_array().is_some_and(|all| all.contains(&json!(receipt.hash)))
    }
}
