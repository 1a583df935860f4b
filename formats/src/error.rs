//! What can go wrong with what we read: always said in one line, naming the file and the field.

use std::{fmt::Display, path::Path};

/// A refused input. Its `Display` is one line: file, field, found, expected.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {field}: found {found}, expected {expected}")]
pub struct InputError {
    /// The file as the caller named it.
    pub file: String,
    /// The field, tensor, line or offset inside it.
    pub field: String,
    /// What stands there.
    pub found: String,
    /// What would have been accepted.
    pub expected: String,
}

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input is at fault.
    #[error(transparent)]
    Input(#[from] Box<InputError>),
    /// The operating system refused a read or a write.
    #[error("{file}: {source}")]
    Io {
        /// The path involved.
        file: String,
        /// The system's word on it.
        source: std::io::Error,
    },
}

/// This crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refused input, from anything that prints. What is quoted may be hostile: the message stays one line of
    /// printable characters.
    pub fn input(file: impl Display, field: impl Display, found: impl Display, expected: impl Display) -> Self {
        let line = |x: &dyn Display| printable(&x.to_string());
        Self::Input(Box::new(InputError {
            file: line(&file),
            field: line(&field),
            found: line(&found),
            expected: line(&expected),
        }))
    }

    /// An I/O failure at `path`.
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { file: printable(&path.display().to_string()), source }
    }
}

/// Text fit for a terminal: control characters become spaces, and so do marks that reorder what follows them.
pub fn printable(text: &str) -> String {
    let bad = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if bad(c) { ' ' } else { c }).collect()
}

/// Reads a whole file, naming it on failure.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|e| Error::io(path, e))
}

/// Reads a whole UTF-8 file, naming it on failure.
pub fn read_text(path: &Path) -> Result<String> {
    String::from_utf8(read(path)?).map_err(|e| {
        Error::input(
            path.display(),
            format!("byte {}", e.utf8_error().valid_up_to()),
            "bytes that are not UTF-8",
            "UTF-8 text",
        )
    })
}

/// Parses JSON, naming file and line on failure.
pub fn parse_json<'a, T: serde::Deserialize<'a>>(path: &Path, text: &'a str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| {
        Error::input(
            path.display(),
            format!("line {} column {}", e.line(), e.column()),
            plain_json_error(&e),
            "valid JSON of this layout",
        )
    })
}

/// Parses JSON lines; blank lines are refused by the parser like any other malformed line.
pub fn parse_jsonl<T: serde::de::DeserializeOwned>(path: &Path, text: &str) -> Result<Vec<T>> {
    text.lines()
        .enumerate()
        .map(|(i, line)| {
            serde_json::from_str(line).map_err(|e| {
                Error::input(
                    path.display(),
                    format!("line {}", i + 1),
                    plain_json_error(&e),
                    "one valid JSON object of this layout",
                )
            })
        })
        .collect()
}

/// serde_json appends its own "at line … column …"; the caller has said where already.
fn plain_json_error(e: &serde_json::Error) -> String {
    let s = e.to_string();
    s.split(" at line ").next().unwrap_or(&s).to_string()
}
