//! This crate's errors: bad input and I/O as the formats say them, and what else can fail.

pub use talea_formats::error::{InputError, parse_json, parse_jsonl, printable, read, read_text};

use std::{fmt::Display, path::Path};

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Bad input, or a read or write that failed.
    #[error(transparent)]
    Format(#[from] talea_formats::Error),
    /// A receipt does not count.
    #[error("receipt {id}: {source}")]
    Receipt {
        /// The request's id.
        id: String,
        /// Why.
        source: crate::receipts::fold::ReceiptError,
    },
    /// The float tracer's tensor library failed; shapes are checked before it runs.
    #[error("tracer: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refused input: file, field, found, expected.
    pub fn input(file: impl Display, field: impl Display, found: impl Display, expected: impl Display) -> Self {
        talea_formats::Error::input(file, field, found, expected).into()
    }

    /// An I/O failure at `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        talea_formats::Error::io(path, source).into()
    }
}
