//! What an account has sent, on disk before it is on the chain.
//!
//! A transaction is signed once per nonce and fee and written here before it is sent. Whoever comes back after a crash finds the
//! signed bytes and sends the same again, which a chain takes once; a transaction is signed anew under another nonce only when
//! the chain shows that the old nonce went to something else, so that the old one can never happen.

use std::path::{Path, PathBuf};

use alloy::primitives::{Address, B256, Bytes, keccak256};
use serde::{Deserialize, Serialize};
use talea_formats::{Error, artefact::write_file};

/// Where a transaction ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Its hash.
    pub hash: B256,
    /// The block's number.
    pub block: u64,
    /// The block's hash: where the chain has another, this is no longer so.
    pub block_hash: B256,
    /// Gas that it used.
    pub gas: u64,
    /// The contract that it made.
    pub created: Option<Address>,
}

/// A transaction of this account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What it is for.
    pub what: String,
    /// EIP-155 chain id.
    pub chain: u64,
    /// Who sends.
    pub from: Address,
    /// Where to, and keccak-256 of the data: the same name for something else is a mistake.
    pub to: Option<Address>,
    /// keccak-256 of its data.
    pub data: B256,
    /// The account's nonce.
    pub nonce: u64,
    /// Signed bytes (EIP-2718) with growing fees; each of them is this transaction.
    pub signed: Vec<Bytes>,
    /// Where it ended, when it was in a block that is deep enough.
    pub done: Option<Done>,
}

impl Entry {
    /// Hashes of the signed transactions.
    pub fn hashes(&self) -> impl Iterator<Item = B256> + '_ {
        self.signed.iter().map(keccak256)
    }
}

/// All of them, and their file.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    entries: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    transactions: Vec<Entry>,
}

/// Version of the file.
const VERSION: u32 = 1;

impl Journal {
    /// Opens the file, or begins one.
    ///
    /// # Errors
    /// A file that is not one of ours.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let path = path.to_path_buf();
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Self { path, entries: Vec::new() }),
            Err(e) => return Err(Error::io(&path, e)),
        };
        let file: File = serde_json::from_slice(&bytes)
            .map_err(|e| Error::input(path.display(), format!("line {}", e.line()), e, "a journal of transactions"))?;
        if file.version != VERSION {
            return Err(Error::input(path.display(), "version", file.version, VERSION));
        }
        Ok(Self { path, entries: file.transactions })
    }

    /// The transaction of this name, if there is one; it must be the same transaction of the same account.
    ///
    /// # Errors
    /// Another transaction of this name, or another account's.
    pub fn find(
        &self, (chain, from): (u64, Address), what: &str, to: Option<Address>, data: &[u8],
    ) -> Result<Option<&Entry>, Error> {
        let Some(entry) = self.entries.iter().find(|e| e.chain == chain && e.what == what) else {
            return Ok(None);
        };
        if entry.from != from {
            let expected = format!("{}, which sent it", entry.from);
            return Err(Error::input(self.path.display(), what, format!("the account {from}"), expected));
        }
        if entry.to != to || entry.data != keccak256(data) {
            let expected = "the same as now: each transaction has a name of its own";
            return Err(Error::input(self.path.display(), what, "another transaction of this name", expected));
        }
        Ok(Some(entry))
    }

    /// Transactions whose end is not known.
    pub fn unfinished(&self, chain: u64, from: Address) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |e| e.chain == chain && e.from == from && e.done.is_none())
    }

    /// Puts a transaction in the place of the one of its name.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn put(&mut self, entry: Entry) -> Result<(), Error> {
        match self.entries.iter_mut().find(|e| e.chain == entry.chain && e.what == entry.what) {
            Some(old) => *old = entry,
            None => self.entries.push(entry),
        }
        self.write()
    }

    /// Forgets a transaction that can no longer happen.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forget(&mut self, chain: u64, what: &str) -> Result<(), Error> {
        self.entries.retain(|e| e.chain != chain || e.what != what);
        self.write()
    }

    fn write(&self) -> Result<(), Error> {
        let file = File { version: VERSION, transactions: self.entries.clone() };
        let text = serde_json::to_string_pretty(&file).expect("strings and numbers");
        write_file(&self.path, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(what: &str, nonce: u64) -> Entry {
        let data = keccak256(what);
        let (from, signed) = (Address::repeat_byte(1), vec![Bytes::from(vec![1, 2])]);
        Entry { what: what.into(), chain: 7, from, to: None, data, nonce, signed, done: None }
    }

    #[test]
    fn what_is_written_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("transactions.json");
        let mut journal = Journal::open(&path).unwrap();
        journal.put(entry("one", 0)).unwrap();
        journal.put(entry("two", 1)).unwrap();
        journal.put(Entry { nonce: 5, ..entry("one", 0) }).unwrap();
        let mut again = Journal::open(&path).unwrap();
        let own = (7, Address::repeat_byte(1));
        assert_eq!(again.find(own, "one", None, b"one").unwrap().unwrap().nonce, 5);
        assert!(again.find((8, own.1), "one", None, b"one").unwrap().is_none(), "of another chain");
        assert_eq!(again.unfinished(7, Address::repeat_byte(1)).count(), 2);
        let error = again.find((7, Address::ZERO), "one", None, b"one").unwrap_err().to_string();
        assert!(error.contains("which sent it"), "{error}");
        // one name, two things
        let error = again.find(own, "one", None, b"two").unwrap_err().to_string();
        assert!(error.contains("another transaction of this name"), "{error}");
        again.forget(7, "one").unwrap();
        assert!(Journal::open(&path).unwrap().find(own, "one", None, b"one").unwrap().is_none());
    }

    #[test]
    fn damaged_files_are_refused_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("transactions.json");
        for (text, why) in [("{", "a journal of transactions"), (r#"{"version":2,"transactions":[]}"#, "version")] {
            std::fs::write(&path, text).unwrap();
            let error = Journal::open(&path).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains('\n'), "{error}");
        }
    }
}
