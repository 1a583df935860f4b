//! Talea's contracts as Rust sees them.
//!
//! | module | holds |
//! |---|---|
//! | this one | types and functions of the hand-written contracts |
//! | [`compiled`] | their code, and that of generated verifiers, embedded; `talea contracts build` makes it |
//! | [`convert`] | artefacts as the contracts take them |
//! | [`evm`] | an EVM in process to deploy and call them |
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod compiled;
pub mod convert;
pub mod evm;

pub use alloy_primitives::{Address, B256, Bytes, U256};
pub use alloy_sol_types::{SolCall, SolConstructor, SolError, SolInterface};

/// The interface of `src/BatchVerifier.sol` and `src/StatementWords.sol`.
#[allow(missing_docs, reason = "the contracts' NatSpec says it")]
pub mod abi {
    use alloy_sol_types::sol;

    sol! {
        #[derive(Debug, PartialEq, Eq)]
        struct SlotStatement {
            uint256 adapter;
            uint256 policy;
            uint32 base;
            uint128 fees;
        }

        #[derive(Debug, PartialEq, Eq)]
        struct Statement {
            address node;
            uint64 nonce;
            SlotStatement[] slots;
            uint32 nodeSlot;
            bytes32 receipts;
            uint256 inputs;
            uint256 requests;
            uint256 deltas;
            uint256[2] payouts;
        }

        #[derive(Debug, PartialEq, Eq)]
        struct BatchProof {
            uint256[12] accumulator;
            uint256 digest;
            bytes proof;
        }

        #[derive(Debug, PartialEq, Eq)]
        contract BatchVerifier {
            error DelegateCall();
            error NoCode(address generated);
            error SlotCount(uint256 found, uint256 expected);
            error ProofLength(uint256 found, uint256 expected);
            error LimbOutOfRange(uint256 index, uint256 value);
            error DigestOutOfRange(uint256 value);
            error NotEnoughGas(uint256 found, uint256 needed);
            error ProofRejected();
            error WordOutOfRange(uint256 index, uint256 value);
            error PayoutsNotOnCurve();

            constructor(address generated_, uint256 slots_, uint256 proofLength_, uint256 gasCap_);
            function verify(Statement calldata s, BatchProof calldata p) external view returns (uint256 digest);
            function instances(Statement calldata s, BatchProof calldata p) public view returns (uint256[15] memory x);
        }
    }
}
