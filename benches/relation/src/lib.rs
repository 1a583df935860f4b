//! The adapter relation that the peers of this folder prove, in plain integers.
//!
//! ```text
//! Uacc = X·Aᵀ        U = (Uacc + 2^15) >> 16        D = U·Bᵀ        (docs/semantics.md §5, bounds of §9)
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`witness`] | seeded matrices, and what follows from them |
//! | [`number`] | integers, and the fractions that a liar may put in a field |
//! | [`limbs`] | how a range check cuts a value for a table |
//! | [`lies`] | what every peer must refuse, and which of its checks must do it |
//! | [`peer`] | what a peer is, and how lies are told to it |
//! | [`command`], [`report`] | one command line and one report for all of them |
//!
//! It depends on none of the product's crates: a second reading of the semantics, so that a peer that agrees with it agrees with
//! the document and not with our code.
#![forbid(unsafe_code)]

pub mod command;
pub mod lies;
pub mod limbs;
pub mod number;
pub mod peer;
pub mod report;
pub mod witness;
