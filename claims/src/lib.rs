//! Payout vectors: what is committed for a batch, and how each payee's amount is shown to a contract.
//!
//! | module | holds |
//! |---|---|
//! | [`domain`] | N = 2^σ slots, slot s at ω^s |
//! | [`vector`] | amounts by slot with their salt, and as the contract's bytes |
//! | [`points`] | what an SRS gives for a slot: L_s(τ) and the slot's diagonal |
//! | [`cache`] | those points on disk |
//! | [`open`] | commitments, and openings of many slots at once |
//! | `sums` | many sums over the same points |
//! | [`challenge`] | the opening at ζ of a batch that gives its data |
//! | [`verify`] | what the contract checks, in the clear |
//!
//! | symbol | is |
//! |---|---|
//! | N, ω | slots of the domain, and 5^((r−1)/N) |
//! | P_s, ρ | amount of slot s, and the salt |
//! | L_s | the polynomial of degree N − 1 that is 1 at ω^s and 0 at the other powers of ω |
//! | f | Σ_s P_s·L_s + ρ·(X^N − 1), and C = \[f(τ)\]₁ its commitment |
//! | d_s | (L_s − 1)/(X − ω^s), the diagonal |
//! | π_s | (f − P_s)/(X − ω^s), the opening at slot s |
//!
//! With N = 2^16 and 300 amounts, in seconds of one core: points 60 cold (half where the SRS has the basis) and 0.02 from disk, all
//! openings 0.6 (`examples/slot_openings.rs`).
//!
//! docs/protocol/settlement.md says what a contract does with them.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod cache;
pub mod challenge;
pub mod domain;
pub mod open;
pub mod points;
mod sums;
pub mod vector;
pub mod verify;

pub use domain::Domain;
pub use open::Opening;
pub use points::SlotPoints;
pub use vector::PayoutVector;
