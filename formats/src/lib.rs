//! File formats of Talea: what an auditor shares with a prover, and nothing more.
//!
//! | module | holds |
//! |---|---|
//! | [`artefact`] | the container, and the one way to write a file |
//! | [`network`] | network.json, requests, usage records |
//! | [`datanet`], [`adapter`], [`index`], [`trace`], [`receipts`], [`batch`] | the artefacts |
//! | [`bounds`] | every integer bound, in one table |
//! | [`error`] | one line per refusal |
//!
//! Types, parsing, and checks that parts fit together; nothing here computes a verdict, a weight or an amount.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod adapter;
pub mod artefact;
pub mod batch;
pub mod bounds;
pub mod datanet;
pub mod error;
pub mod index;
pub mod network;
pub mod proof;
pub mod receipts;
pub mod trace;

pub use error::{Error, Result};
pub use wincode::SchemaRead;
