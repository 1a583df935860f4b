//! The key that pays for transactions. It is read from a keystore or the environment, and shown nowhere.

use std::path::{Path, PathBuf};

use alloy::signers::local::PrivateKeySigner;
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
                // opened here first, so that a missing file is said to be missing
                text(file)?;
                PrivateKeySigner::decrypt_keystore(file, password)
                    .map_err(|e| Error::input(file.display(), "keystore", e, "one that this password opens"))
            }
        }
    }
}

fn variable(name: &str, expected: &str) -> Result<String, Error> {
    std::env::var(name).map_err(|_| Error::input("environment", name, "nothing", expected))
}

fn text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|e| Error::io(path, e))
}
