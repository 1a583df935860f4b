//! Talea's contracts as Rust sees them.
//!
//! | module | holds |
//! |---|---|
//! | [`abi`] | types, functions, events and errors of the hand-written contracts |
//! | [`compiled`] | their code, and that of generated verifiers, embedded; `talea contracts build` makes it |
//! | [`convert`] | artefacts as the contracts take them |
//! | [`evm`] | an EVM in process to deploy and call them |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod abi;
pub mod compiled;
pub mod convert;
pub mod evm;

pub use alloy_primitives::{Address, B256, Bytes, U256, address, aliases::U112, keccak256};
pub use alloy_sol_types::{SolCall, SolConstructor, SolError, SolEvent, SolEventInterface, SolInterface, SolValue};

/// What a contract said when it refused, in words: a custom error by its name, with its values.
pub fn reason(data: &[u8]) -> String {
    if let Ok(known) = abi::Settlement::SettlementErrors::abi_decode(data) {
        return format!("{known:?}");
    }
    if let Ok(known) = abi::AttributionRegistry::AttributionRegistryErrors::abi_decode(data) {
        return format!("{known:?}");
    }
    if let Ok(known) = abi::BatchVerifier::BatchVerifierErrors::abi_decode(data) {
        return format!("{known:?}");
    }
    if let Ok(known) = abi::TestToken::TestTokenErrors::abi_decode(data) {
        return format!("{known:?}");
    }
    alloy_sol_types::decode_revert_reason(data).unwrap_or_else(|| format!("0x{}", alloy_primitives::hex::encode(data)))
}
