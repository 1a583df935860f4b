//! The key that pays for transactions. It is read from a keystore or the environment, and shown nowhere.

use std::path::{Path, PathBuf};

use alloy::{primitives::Bytes, signers::local::PrivateKeySigner};
use serde::Deserialize;
use talea_formats::Error;

/// The variable with a key in hexadecimal digits.
pub const KEY: &str = "TALEA_KEY";

/// The variable with a keystore's password.
pub const PASSWORD: &str = "TALEA_PASSWORD";

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// The variable [`KEY`].
    Environment,
    /// A keystore (Web3 Secret Storage, version 3), its password in the variable [`PASSWORD`] or in a file.
    Keystore {
        /// The keystore.
        file: PathBuf,
        /// A file with the password; one newline at its end does not count.
        password: Option<PathBuf>,
    },
}

impl Place {
    /// Reads the key.
    ///
    /// # Errors
    /// What is missing or wrong; never the key or the password.
    pub fn read(&self) -> Result<PrivateKeySigner, Error> {
        match self {
            Self::Environment => {
                let text = variable(KEY, "a key of 64 hexadecimal digits, or --keystore FILE")?;
                let bad = || Error::input("environment", KEY, "something else", "a key of 64 hexadecimal digits");
                text.trim().parse().map_err(|_| bad())
            }
            Self::Keystore { file, password } => {
                let password = match password {
                    Some(path) => text(path)?,
                    None => variable(PASSWORD, "the keystore's password, or --password-file FILE")?,
                };
                let password = password.strip_suffix('\n').unwrap_or(&password);
                check(file, &text(file)?)?;
                // what the library says may quote the file, which may be no keystore but a key
                let closed = |_| Error::input(file.display(), "keystore", "no key", "one that this password opens");
                PrivateKeySigner::decrypt_keystore(file, password).map_err(closed)
            }
        }
    }
}

/// What must hold of a keystore before it is opened.
#[derive(Deserialize)]
struct Keystore {
    version: u8,
    crypto: Crypto,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: Cipher,
    ciphertext: Bytes,
    kdfparams: Derivation,
}

#[derive(Deserialize)]
struct Cipher {
    iv: Bytes,
}

#[derive(Deserialize)]
struct Derivation {
    dklen: u8,
    /// These three are scrypt's.
    n: Option<u32>,
    p: Option<u32>,
    r: Option<u32>,
    /// This one is PBKDF2's.
    c: Option<u32>,
}

/// Memory that scrypt may take for a keystore: four times what geth's have.
const MEMORY: u64 = 1 << 30;

/// Rounds of PBKDF2 for a keystore: forty times what geth's have.
const ROUNDS: u32 = 10_000_000;

/// Checks what the library that opens it takes for granted: it panics where a length is wrong, and takes as much memory and time as a
/// file asks for. Nothing of the file is quoted.
fn check(file: &Path, text: &str) -> Result<(), Error> {
    let bad = |field: &str, expected: &str| Error::input(file.display(), field, "something else", expected);
    let found: Keystore = serde_json::from_str(text)
        .map_err(|e| bad(&format!("line {}", e.line()), "a keystore (Web3 Secret Storage, version 3)"))?;
    let Keystore { version, crypto } = found;
    let Derivation { dklen, n, p, r, c } = crypto.kdfparams;
    if version != 3 {
        return Err(bad("version", "3"));
    }
    if crypto.cipher != "aes-128-ctr" || crypto.cipherparams.iv.len() != 16 || crypto.ciphertext.len() != 32 {
        return Err(bad("cipher", "aes-128-ctr, a vector of 16 bytes, a text of 32"));
    }
    if dklen < 32 {
        return Err(bad("dklen", "at least 32"));
    }
    if let Some(n) = n {
        let (r, p) = (u64::from(r.unwrap_or(1)), u64::from(p.unwrap_or(1)));
        let memory = 128 * (u64::from(n) + p).saturating_mul(r);
        if !n.is_power_of_two() || n < 2 || memory > MEMORY || p > 16 {
            return Err(bad("scrypt", "n a power of two, 128·(n + p)·r at most 2^30, p at most 16"));
        }
    }
    if c.is_some_and(|c| !(1..=ROUNDS).contains(&c)) {
        return Err(bad("pbkdf2", "c from 1 to 10^7"));
    }
    Ok(())
}

fn variable(name: &str, expected: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| Error::input("environment", name, "nothing", expected))
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|e| Error::io(path, e))
}
