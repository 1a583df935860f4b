//! What an account has sent, on disk before it is on the chain.
//!
//! A transaction is signed once per nonce and fee and written here before it is sent. Whoever comes back after a crash finds the
//! signed bytes and sends the same again, which a chain takes once; a transaction is signed anew under another nonce only when
//! the chain shows that the old nonce went to something else, so that the old one can never happen.
//!
//! The file is the only memory: it is read for every question, so that nothing is known that is not on disk, and two clients of one
//! process may share it. Between processes the folder's lock stands.

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

/// A transaction as it was signed with some fees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Signed bytes (EIP-2718).
    pub bytes: Bytes,
    /// Would a node not have it? It is not sent again, but another node may have it all the same.
    pub refused: bool,
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
    /// All that was ever signed for it, the newest last; each of them is this transaction.
    pub forms: Vec<Form>,
    /// Where it ended, when it was in a block that is deep enough.
    pub done: Option<Done>,
}

impl Entry {
    /// Hashes of the signed transactions.
    pub fn hashes(&self) -> impl Iterator<Item = B256> + '_ {
        self.forms.iter().map(|form| keccak256(&form.bytes))
    }

    /// The form that is sent: the newest that was not refused.
    pub fn current(&self) -> Option<&Bytes> {
        let kept = self.forms.iter().rev().find(|form| !form.refused);
        kept.or(self.forms.last()).map(|form| &form.bytes)
    }

    /// Adds a form. One that was refused may be tried again.
    pub fn add(&mut self, bytes: Bytes) {
        self.forms.retain(|form| form.bytes != bytes);
        self.forms.push(Form { bytes, refused: false });
    }

    /// Marks the newest form: a node would not have it.
    pub fn refuse(&mut self) {
        if let Some(form) = self.forms.last_mut() {
            form.refused = true;
        }
    }
}

/// The file of all of them.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    transactions: Vec<Entry>,
}

/// Version of the file.
const VERSION: u32 = 2;

impl Journal {
    /// A journal in this file, which may not be there yet.
    ///
    /// # Errors
    /// A file that is not one of ours.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let journal = Self { path: path.into() };
        journal.read()?;
        Ok(journal)
    }

    /// The transaction of this name, if there is one; it must be the same transaction of the same account.
    ///
    /// # Errors
    /// Another transaction of this name, or another account's; a file that is not one of ours.
    pub fn find(
        &self, (chain, from): (u64, Address), what: &str, to: Option<Address>, data: &[u8],
    ) -> Result<Option<Entry>, Error> {
        let Some(entry) = self.read()?.into_iter().find(|e| e.chain == chain && e.what == what) else {
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

    /// All transactions of an account, in the order of their nonces.
    ///
    /// # Errors
    /// A file that is not one of ours.
    pub fn of(&self, chain: u64, from: Address) -> Result<Vec<Entry>, Error> {
        let mut all = self.read()?;
        all.retain(|e| e.chain == chain && e.from == from);
        all.sort_by_key(|e| e.nonce);
        Ok(all)
    }

    /// Puts a transaction in the place of the one of its name.
    ///
    /// # Errors
    /// The file cannot be written, or is not one of ours.
    pub fn put(&self, entry: Entry) -> Result<(), Error> {
        let mut all = self.read()?;
        match all.iter_mut().find(|e| e.chain == entry.chain && e.what == entry.what) {
            Some(old) => *old = entry,
            None => all.push(entry),
        }
        self.write(all)
    }

    /// Forgets a transaction that can no longer happen.
    ///
    /// # Errors
    /// The file cannot be written, or is not one of ours.
    pub fn forget(&self, chain: u64, what: &str) -> Result<(), Error> {
        let mut all = self.read()?;
        all.retain(|e| e.chain != chain || e.what != what);
        self.write(all)
    }

    fn read(&self) -> Result<Vec<Entry>, Error> {
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(Error::io(&self.path, e)),
        };
        let bad = |e: serde_json::Error| {
            Error::input(self.path.display(), format!("line {}", e.line()), e, "a journal of transactions")
        };
        // the version first: another one's transactions look otherwise
        let version: Version = serde_json::from_slice(&bytes).map_err(bad)?;
        if version.version != VERSION {
            return Err(Error::input(self.path.display(), "version", version.version, VERSION));
        }
        let file: File = serde_json::from_slice(&bytes).map_err(bad)?;
        Ok(file.transactions)
    }

    fn write(&self, transactions: Vec<Entry>) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(&File { version: VERSION, transactions }).expect("strings and numbers");
        write_file(&self.path, text.as_bytes())
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(what: &str, nonce: u64) -> Entry {
        let data = keccak256(what);
        let (from, forms) = (Address::repeat_byte(1), vec![form(1, false)]);
        Entry { what: what.into(), chain: 7, from, to: None, data, nonce, forms, done: None }
    }

    fn form(byte: u8, refused: bool) -> Form {
        Form { bytes: Bytes::from(vec![byte]), refused }
    }

    #[test]
    fn what_is_written_is_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("transactions.json");
        let journal = Journal::open(&path).unwrap();
        journal.put(entry("one", 0)).unwrap();
        journal.put(entry("two", 1)).unwrap();
        journal.put(Entry { nonce: 5, ..entry("one", 0) }).unwrap();
        let again = Journal::open(&path).unwrap();
        let own = (7, Address::repeat_byte(1));
        assert_eq!(again.find(own, "one", None, b"one").unwrap().unwrap().nonce, 5);
        assert!(again.find((8, own.1), "one", None, b"one").unwrap().is_none(), "of another chain");
        let nonces: Vec<u64> = again.of(7, own.1).unwrap().iter().map(|e| e.nonce).collect();
        assert_eq!(nonces, [1, 5]);
        let error = again.find((7, Address::ZERO), "one", None, b"one").unwrap_err().to_string();
        assert!(error.contains("which sent it"), "{error}");
        // one name, two things
        let error = again.find(own, "one", None, b"two").unwrap_err().to_string();
        assert!(error.contains("another transaction of this name"), "{error}");
        again.forget(7, "one").unwrap();
        assert!(Journal::open(&path).unwrap().find(own, "one", None, b"one").unwrap().is_none());
    }

    #[test]
    fn two_that_are_open_at_once_lose_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("transactions.json");
        let (one, two) = (Journal::open(&path).unwrap(), Journal::open(&path).unwrap());
        one.put(entry("one", 0)).unwrap();
        two.put(entry("two", 1)).unwrap();
        one.put(entry("three", 2)).unwrap();
        assert_eq!(two.of(7, Address::repeat_byte(1)).unwrap().len(), 3);
    }

    #[test]
    fn what_could_not_be_written_is_not_known() {
        let dir = tempfile::tempdir().unwrap();
        let (path, aside) = (dir.path().join("transactions.json"), dir.path().join("aside"));
        let journal = Journal::open(&path).unwrap();
        journal.put(entry("one", 0)).unwrap();
        // a folder in the file's place takes no file
        std::fs::rename(&path, &aside).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(journal.put(entry("two", 1)).is_err());
        std::fs::remove_dir(&path).unwrap();
        std::fs::rename(&aside, &path).unwrap();
        let own = (7, Address::repeat_byte(1));
        assert!(journal.find(own, "two", None, b"two").unwrap().is_none());
        assert!(journal.find(own, "one", None, b"one").unwrap().is_some());
    }

    #[test]
    fn a_refused_form_is_kept_and_not_sent() {
        let mut entry = entry("one", 0);
        assert_eq!(entry.current(), Some(&form(1, false).bytes));
        entry.add(vec![2].into());
        entry.refuse();
        assert_eq!((&entry.forms[1], entry.current()), (&form(2, true), Some(&form(1, false).bytes)));
        assert_eq!(entry.hashes().collect::<Vec<_>>(), [keccak256([1]), keccak256([2])]);
        entry.add(vec![3].into());
        // the same again, because a node may have changed its mind
        entry.add(vec![2].into());
        assert_eq!(entry.forms, [form(1, false), form(3, false), form(2, false)]);
    }

    #[test]
    fn damaged_files_are_refused_in_one_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("transactions.json");
        let older = r#"{"version":1,"transactions":[{"what":"one","signed":[]}]}"#;
        for (text, why) in [("{", "a journal of transactions"), (older, "version: found 1, expected 2")] {
            std::fs::write(&path, text).unwrap();
            let error = Journal::open(&path).unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains('\n'), "{error}");
        }
    }
}
