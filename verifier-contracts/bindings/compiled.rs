//! Compiled contracts, as committed in `artifacts/`.
//!
//! Whoever deploys needs no compiler: the code is embedded. Whoever doubts it runs `talea contracts build --check`, which compiles the
//! committed sources again.

use alloy_primitives::{B256, Bytes};
use serde::{Deserialize, Serialize};

/// A contract and what it was compiled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compiled {
    /// Name of the contract.
    pub contract: String,
    /// Its source file below `verifier-contracts/`.
    pub file: String,
    /// BLAKE3 of all sources that it was compiled from, in the order of their names.
    pub sources: String,
    /// The compiler's version.
    pub solc: String,
    /// Was the optimizer on?
    pub optimizer: bool,
    /// Bytes of the code on chain.
    pub size: usize,
    /// Where that code begins in the creation code.
    pub at: usize,
    /// What a constructor writes into it: begin and length, ascending.
    pub immutables: Vec<(usize, usize)>,
    /// Of a generated verifier: what its code does not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verifies: Option<Verifies>,
    /// Its functions, events and errors, as the compiler lists them.
    pub abi: serde_json::Value,
    /// The creation code, without constructor arguments.
    pub code: Bytes,
}

/// What a generated verifier's proofs are about. A settlement with other payout slots would pay what other slots have earned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verifies {
    /// Digest of the circuit.
    pub circuit: B256,
    /// log₂ of the payout slots.
    pub domain: u8,
    /// Adapter slots of a statement.
    pub slots: usize,
    /// Bytes of a proof.
    pub proof: usize,
}

impl Verifies {
    /// Reads the line of a generated source that says it.
    pub fn of_source(source: &str) -> Option<Self> {
        let line = source.lines().find_map(|line| line.strip_prefix("// Talea: circuit "))?;
        let (circuit, rest) = line.split_once(", payout slots 2^")?;
        let (domain, rest) = rest.split_once(", adapter slots ")?;
        let (slots, rest) = rest.split_once(", proof ")?;
        let proof = rest.strip_suffix(" bytes")?;
        let numbers = (domain.parse(), slots.parse(), proof.parse());
        let (Ok(domain), Ok(slots), Ok(proof)) = numbers else { return None };
        Some(Self { circuit: circuit.parse().ok()?, domain, slots, proof })
    }
}

impl Compiled {
    /// The code on chain, with zeros where a constructor writes.
    pub fn runtime(&self) -> &[u8] {
        self.code.get(self.at..self.at + self.size).unwrap_or_default()
    }

    /// Is this its code on a chain, whatever a constructor wrote into it?
    pub fn is(&self, deployed: &[u8]) -> bool {
        let mut plain = deployed.to_vec();
        for (begin, length) in &self.immutables {
            if let Some(place) = plain.get_mut(*begin..begin + length) {
                place.fill(0);
            }
        }
        plain == self.runtime()
    }
}

/// The largest code that a chain takes (EIP-170).
pub const MOST_CODE: usize = 24_576;

/// `src/BatchVerifier.sol`
pub fn batch_verifier() -> Compiled {
    embedded(include_str!("../artifacts/BatchVerifier.json"))
}

/// `src/AttributionRegistry.sol`
pub fn registry() -> Compiled {
    embedded(include_str!("../artifacts/AttributionRegistry.json"))
}

/// `src/Settlement.sol`
pub fn settlement() -> Compiled {
    embedded(include_str!("../artifacts/Settlement.json"))
}

/// `src/TestToken.sol`
pub fn test_token() -> Compiled {
    embedded(include_str!("../artifacts/TestToken.json"))
}

/// Generated verifiers: those of the demonstration.
pub fn generated() -> Vec<Compiled> {
    [include_str!("../artifacts/DemoFast.json"), include_str!("../artifacts/DemoCheap.json")]
        .into_iter()
        .map(embedded)
        .collect()
}

/// The generated verifier with this source, if its code is embedded.
pub fn of_source(source: &str) -> Option<Compiled> {
    let sources = digest(&[("", source)]);
    generated().into_iter().find(|c| c.sources == sources)
}

/// The digest of sources: the generated verifiers' names do not matter.
pub fn digest(sources: &[(&str, &str)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, text) in sources {
        for part in [name, text] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
    }
    hasher.finalize().to_hex().to_string()
}

fn embedded(json: &str) -> Compiled {
    serde_json::from_str(json).expect("artifacts are written by this code")
}
