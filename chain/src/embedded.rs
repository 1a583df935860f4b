//! A chain in process: for the demonstration, for tests, and for the auditor's second opinion.

use std::{cell::RefCell, collections::HashMap};

use alloy::primitives::keccak256;
use talea_contracts::{
    Address, B256, Bytes,
    evm::{Done, Evm, Failed, GAS},
};

use crate::{Chain, Error, Head, Log, Receipt, Result, Sent, Transaction};

/// An EVM with a memory of what was sent. Gas costs nothing.
pub struct Embedded {
    id: u64,
    sender: Address,
    state: RefCell<State>,
}

struct State {
    evm: Evm,
    logs: Vec<Log>,
    sent: HashMap<B256, Sent>,
    done: HashMap<String, Receipt>,
}

impl Embedded {
    /// An empty chain, whose first block is after this time.
    pub fn new(id: u64, sender: Address, time: u64) -> Self {
        let mut evm = Evm::new(id);
        evm.set_time(time);
        let state = State { evm, logs: Vec::new(), sent: HashMap::new(), done: HashMap::new() };
        Self { id, sender, state: RefCell::new(state) }
    }
}

fn failed(what: &str, e: Failed) -> Error {
    match e {
        Failed::Reverted(data) => Error::Reverted { what: what.into(), data },
        other => Error::Refused { what: what.into(), why: other.to_string() },
    }
}

impl Chain for Embedded {
    fn id(&self) -> u64 {
        self.id
    }

    fn sender(&self) -> Result<Address> {
        Ok(self.sender)
    }

    fn head(&self) -> Result<Head> {
        let (number, time) = self.state.borrow().evm.head();
        Ok(Head { number, time })
    }

    fn call(&self, what: &str, to: Address, data: Bytes) -> Result<Bytes> {
        let done = self.state.borrow_mut().evm.query(self.sender, to, data.to_vec());
        done.map(|d| d.output).map_err(|e| failed(what, e))
    }

    fn execute(&self, transaction: &Transaction) -> Result<Receipt> {
        let Transaction { what, to, data } = transaction;
        let mut state = self.state.borrow_mut();
        if let Some(receipt) = state.done.get(what) {
            return Ok(receipt.clone());
        }
        let nonce = state.evm.nonce(self.sender);
        let done = match to {
            Some(to) => {
                state.evm.query(self.sender, *to, data.to_vec()).map_err(|e| failed(what, e))?;
                state.evm.call(self.sender, *to, data.to_vec(), GAS)
            }
            None => {
                state.evm.query_create(self.sender, data.to_vec()).map_err(|e| failed(what, e))?;
                state.evm.create(self.sender, data.to_vec())
            }
        };
        let Done { gas, created, logs, .. } = done.map_err(|e| failed(what, e))?;
        let block = state.evm.head().0;
        // nothing is signed here, so the name of a transaction is made of what tells it from others
        let hash = keccak256([self.sender.as_slice(), &nonce.to_be_bytes(), data].concat());
        let logs = logs.into_iter().map(|l| Log {
            address: l.address,
            topics: l.data.topics().to_vec(),
            data: l.data.data.clone(),
            block,
            transaction: hash,
        });
        state.logs.extend(logs);
        state.sent.insert(hash, Sent { from: self.sender, nonce, to: *to, input: data.clone() });
        let receipt = Receipt { hash, block, gas, created };
        state.done.insert(what.clone(), receipt.clone());
        Ok(receipt)
    }

    fn wait_after(&self, time: u64) -> Result<()> {
        self.state.borrow_mut().evm.set_time(time + 1);
        Ok(())
    }

    fn code(&self, at: Address) -> Result<Bytes> {
        Ok(self.state.borrow().evm.code(at))
    }

    fn logs(&self, of: &[Address], from: u64) -> Result<Vec<Log>> {
        Ok(self.state.borrow().logs.iter().filter(|l| l.block >= from && of.contains(&l.address)).cloned().collect())
    }

    fn sent(&self, hash: B256) -> Result<Sent> {
        let found = self.state.borrow().sent.get(&hash).cloned();
        found.ok_or_else(|| Error::Unreachable(format!("no transaction {hash}")))
    }
}
