//! Commitments to an adapter, and the proof of a batch, as files.

use wincode::{SchemaRead, SchemaWrite};

use crate::artefact::Artefact;

/// A module's input tensor and widths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct ModuleSizes {
    /// Number of its input tensor.
    pub input: u32,
    /// Width of its input.
    pub d_in: u32,
    /// Width of its output.
    pub d_out: u32,
}

/// Sizes of an adapter, which decide where its columns lie.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct AdapterSizes {
    /// Number of input tensors.
    pub inputs: u32,
    /// Modules in coordinate order.
    pub modules: Vec<ModuleSizes>,
    /// log₂ of the coordinates that each module has room for.
    pub rank: u32,
    /// log₂ of the clusters that the index has room for.
    pub clusters: u32,
}

/// Commitments to a registered adapter: public.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Commitment {
    /// BLAKE3 of the adapter artefact.
    pub adapter: [u8; 32],
    /// BLAKE3 of the index artefact.
    pub index: [u8; 32],
    /// [τ]₂ of the reference string.
    pub tau: [u8; 128],
    /// Sizes.
    pub sizes: AdapterSizes,
    /// The chunks' commitments: canonical coordinates, little-endian.
    pub points: Vec<[u8; 64]>,
}

impl Artefact for Commitment {
    const KIND: &'static str = "commit";
    const VERSION: u32 = 1;
}

/// The salts of an adapter's chunks: secret of those who prove with it.
#[derive(Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Salts {
    /// BLAKE3 of the adapter artefact.
    pub adapter: [u8; 32],
    /// One per chunk, canonical and little-endian.
    pub salts: Vec<[u8; 32]>,
}

impl Artefact for Salts {
    const KIND: &'static str = "salts";
    const VERSION: u32 = 1;
}

/// What a statement says of an adapter slot.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct ProvenSlot {
    /// Name in the network.
    pub name: String,
    /// Digest of the adapter's commitments, as a canonical scalar, little-endian.
    pub adapter: [u8; 32],
    /// Digest of its policy, the same.
    pub policy: [u8; 32],
    /// First payout slot.
    pub base: u64,
    /// F_a.
    pub fees: u128,
}

/// Sizes of a proven batch.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct ProvenSizes {
    /// Per adapter slot.
    pub adapters: Vec<AdapterSizes>,
    /// log₂ of q slots.
    pub requests: u32,
    /// log₂ of tokens.
    pub tokens: u32,
    /// log₂ of clusters.
    pub clusters: u32,
    /// log₂ of the registry's payout slots.
    pub domain: u32,
    /// Are outputs proven?
    pub deltas: bool,
}

/// The attester's word for C_X, C_req and the receipts.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct SignedAttestation {
    /// Who signed.
    pub attester: [u8; 20],
    /// r ‖ s ‖ v.
    pub signature: [u8; 65],
}

/// What an attester signs (EIP-712), next to chain and contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The node.
    pub node: [u8; 20],
    /// The batch's number at that node.
    pub nonce: u64,
    /// C_X as 32 big-endian bytes.
    pub inputs: [u8; 32],
    /// C_req as 32 big-endian bytes.
    pub requests: [u8; 32],
    /// BLAKE3 of the receipts.
    pub receipts: [u8; 32],
}

/// What is said of a batch.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct BatchStatement {
    /// Sizes.
    pub sizes: ProvenSizes,
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The settlement contract.
    pub contract: [u8; 20],
    /// The node.
    pub node: [u8; 20],
    /// The batch's number at that node.
    pub nonce: u64,
    /// Adapter slots.
    pub slots: Vec<ProvenSlot>,
    /// The node's payout slot.
    pub node_slot: u64,
    /// BLAKE3 of the receipts, zeros without any.
    pub receipts: [u8; 32],
    /// C_X, a canonical scalar, little-endian.
    pub inputs: [u8; 32],
    /// C_req.
    pub requests: [u8; 32],
    /// C_D.
    pub deltas: [u8; 32],
    /// C_pay: canonical coordinates, little-endian.
    pub payouts: [u8; 64],
}

/// What a proof's commitment to payouts hides: secret until it is published on a chain.
#[derive(Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct Payouts {
    /// The node.
    pub node: [u8; 20],
    /// The batch's number at that node.
    pub nonce: u64,
    /// C_pay: canonical coordinates, little-endian.
    pub payouts: [u8; 64],
    /// log₂ of the registry's payout slots.
    pub domain: u32,
    /// Slots in ascending order, and what each earned.
    pub amounts: Vec<(u32, u128)>,
    /// ρ_b, a canonical scalar, little-endian.
    pub rho: [u8; 32],
}

impl Artefact for Payouts {
    const KIND: &'static str = "payouts";
    const VERSION: u32 = 1;
}

/// A batch's statement, proof and attestation.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct BatchProof {
    /// The statement.
    pub statement: BatchStatement,
    /// The inner proof: not zero knowledge.
    pub proof: Vec<u8>,
    /// The attester's signature, if there is one.
    pub attestation: Option<SignedAttestation>,
}

impl Artefact for BatchProof {
    const KIND: &'static str = "proof";
    const VERSION: u32 = 1;
}

/// The wrap of a batch's proof: zero knowledge, and what a contract verifies.
#[derive(Debug, Clone, PartialEq, Eq, SchemaWrite, SchemaRead)]
pub struct WrappedProof {
    /// The statement.
    pub statement: BatchStatement,
    /// Name of the circuit's layout.
    pub layout: String,
    /// Digest of the circuit, which names its keys.
    pub circuit: [u8; 32],
    /// The argument's accumulator in limbs of 88 bits: canonical scalars, little-endian.
    pub accumulator: Vec<[u8; 32]>,
    /// The digest of the statement's words, a canonical scalar, little-endian: the contract takes it from the prover.
    pub digest: [u8; 32],
    /// The circuit's proof.
    pub proof: Vec<u8>,
    /// The attester's signature, if there is one.
    pub attestation: Option<SignedAttestation>,
}

impl Artefact for WrappedProof {
    const KIND: &'static str = "wrapped";
    const VERSION: u32 = 1;
}
