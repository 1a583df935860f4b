//! From the world to integers: what a Talea proof is about, computed in the clear.
//!
//! | module | holds |
//! |---|---|
//! | [`datanet`] | contributions, copies, clusters, filler |
//! | [`model`] | the base model and its float forward pass |
//! | [`adapter`] | PEFT adapters, their quantisation and registration |
//! | [`trace`] | activations per request, float and integer |
//! | [`influence`] | the influence index, scores and weights |
//! | [`batch`] | requests in slots, payouts |
//! | [`network`] | network.json, requests, usage records |
//! | [`receipts`] | EIP-712 receipts and cumulative vouchers |
//! | [`artefact`] | the file format |
//! | [`bounds`] | every integer bound, in one table |
//!
//! Nothing here proves anything: it is the reference that every proof is tested against. docs/semantics.md is the
//! written form of what this crate computes.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod adapter;
pub mod batch;
pub mod datanet;
pub mod error;
pub mod influence;
pub mod model;
pub mod receipts;
pub mod trace;

pub use error::{Error, Result};
pub use talea_formats::{artefact, bounds, network};
