//! The adapter relation as a plonky2 circuit: Poseidon over Goldilocks, FRI.
//!
//! | symbol | meaning |
//! |---|---|
//! | n, ρ, i, j | row, coordinate, feature, output; N rows |
//! | U', V | U + 2^27, and 2^16·U' + rem: what the ranges make unique, 44 bits |
//! | α | challenge of the quadratic extension, a hash of everything below |
//!
//! ```text
//! α = H(H(X), H(A), H(B), H(D), H(V))
//! Σ_n αⁿ·(V[n,ρ] − 2^43 − 2^15) = Σ_i (Σ_n αⁿ·X[n,i])·A[ρ,i]                       for every ρ
//! Σ_j Σ_n α^{jN+n}·D[n,j]       = Σ_ρ (Σ_n αⁿ·(U'[n,ρ] − 2^27))·(Σ_j α^{jN}·B[j,ρ])
//! U' in 28 bits, rem in 16
//! ```
//!
//! Public: H(X), H(A), H(B), H(D). Soundness and sizes are in README.md.
#![forbid(unsafe_code)]

mod circuit;

use anyhow::{Result, ensure};
use bench_relation::{
    number::Number,
    peer::{Peer, Statement, Task},
    witness::Witness,
};
pub use circuit::{C, D, F, Ranges};
use circuit::{Cells, lay};
use plonky2::{
    field::types::{Field, Field64, PrimeField64},
    hash::poseidon::PoseidonHash,
    iop::witness::{PartialWitness, WitnessWrite},
    plonk::{circuit_data::CircuitData, config::Hasher, proof::ProofWithPublicInputs},
};

/// Names of the statement's digests, in the order of the public inputs.
const DIGESTS: [&str; 4] = ["X", "A", "B", "D"];
/// Field elements of a digest.
const WORDS: usize = 4;

/// A circuit and its keys.
pub struct Plonky2 {
    /// What the library made of the circuit.
    pub data: CircuitData<F, C, D>,
    cells: Cells,
    ranges: Ranges,
}

impl Plonky2 {
    /// With this kind of range check.
    ///
    /// # Errors
    /// None that is known; the library panics.
    pub fn with_ranges(task: Task, ranges: Ranges) -> Result<Self> {
        let (builder, cells) = lay(task, ranges);
        Ok(Self { data: builder.build::<C>(), cells, ranges })
    }

    /// Values for the circuit's inputs.
    ///
    /// # Errors
    /// None: every input is set once.
    pub fn inputs(&self, w: &Witness) -> Result<PartialWitness<F>> {
        let mut inputs = PartialWitness::new();
        for (targets, values) in [(&self.cells.x, &w.x), (&self.cells.a, &w.a), (&self.cells.b, &w.b)] {
            for (target, value) in targets.iter().zip(values) {
                inputs.set_target(*target, field((*value).into()))?;
            }
        }
        for (target, value) in self.cells.d.iter().zip(&w.d) {
            inputs.set_target(*target, field(*value))?;
        }
        let shifted = w.u.iter().map(|u| u.plus(Number::from(1 << 27)));
        for (value, parts) in shifted.zip(&self.cells.u) {
            parts.set(&mut inputs, value)?;
        }
        for (value, parts) in w.rem.iter().zip(&self.cells.rem) {
            parts.set(&mut inputs, (*value).into())?;
        }
        Ok(inputs)
    }

    fn read(&self, bytes: &[u8]) -> Result<ProofWithPublicInputs<F, C, D>> {
        let proof = ProofWithPublicInputs::from_bytes(bytes.to_vec(), &self.data.common)?;
        ensure!(proof.to_bytes() == bytes, "not the encoding of a proof");
        Ok(proof)
    }
}

impl Peer for Plonky2 {
    const NAME: &'static str = "plonky2";
    const VERSION: &'static str = "plonky2 1.1.0";
    /// 28 queries at rate 1/8 and 16 bits of work, as conjectured by the library's authors.
    const SECURITY_BITS: u32 = 100;

    fn setup(task: Task) -> Result<Self> {
        Self::with_ranges(task, Ranges::cheapest(task))
    }

    fn prove(&self, witness: &Witness) -> Result<Vec<u8>> {
        Ok(self.data.prove(self.inputs(witness)?)?.to_bytes())
    }

    fn statement(&self, proof: &[u8]) -> Result<Statement> {
        Ok(statement(&self.read(proof)?.public_inputs))
    }

    fn verify(&self, stated: &Statement, proof: &[u8]) -> Result<()> {
        let proof = self.read(proof)?;
        ensure!(statement(&proof.public_inputs) == *stated, "another statement");
        self.data.verify(proof)
    }

    fn expected(&self, w: &Witness) -> Option<Statement> {
        let integers = |values: &[i64]| values.iter().map(|v| field((*v).into())).collect::<Vec<F>>();
        let d: Vec<F> = w.d.iter().map(|d| field(*d)).collect();
        let digests = [integers(&w.x), integers(&w.a), integers(&w.b), d].map(|values| {
            let digest = PoseidonHash::hash_no_pad(&values);
            digest.elements
        });
        Some(statement(&digests.concat()))
    }

    fn notes(&self) -> String {
        format!(
            "2^{} rows of {} wires; ranges by {:?}; {}; security is conjectured; statement: Poseidon digests of X, A, B, D",
            self.data.common.degree_bits(),
            self.data.common.config.num_wires,
            self.ranges,
            if self.data.common.config.zero_knowledge { "zero knowledge" } else { "not zero knowledge" },
        )
    }
}

fn statement(words: &[F]) -> Statement {
    let bytes = |words: &[F]| words.iter().flat_map(|w| w.to_canonical_u64().to_le_bytes()).collect();
    DIGESTS.into_iter().zip(words.chunks(WORDS).map(bytes)).collect()
}

/// A number in the field.
fn field(number: Number) -> F {
    let (numerator, log) = number.parts();
    let residue = numerator.rem_euclid(F::ORDER.into());
    F::from_canonical_u64(u64::try_from(residue).expect("below the order")) * F::inverse_2exp(log as usize)
}
