//! A chain behind a URL, played by anvil: transactions that happen once, whatever the chain and the node do.
//!
//! | module | what happens |
//! |---|---|
//! | [`blocks`] | blocks are taken back |
//! | [`fees`] | fees are too low |
//! | [`nonces`] | nonces go elsewhere, or seem to |
//! | [`nodes`] | nodes end, are silent, are several |
//!
//! How often something happened is counted in the chain's blocks, and nowhere else.

#[allow(dead_code, reason = "the tests of the binary use the rest")]
#[path = "../../../prover/tests/common/anvil.rs"]
mod anvil;
mod blocks;
mod fees;
mod net;
mod nodes;
mod nonces;
mod relay;
