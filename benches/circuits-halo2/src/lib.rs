//! The adapter relation as a halo2 circuit: PLONK with look-ups, KZG over BN254.
//!
//! | symbol | meaning |
//! |---|---|
//! | n, ρ, i, j | row, coordinate, feature, output; N rows |
//! | V | 2^16·U + rem − 2^15 |
//! | γ | challenge, drawn after the columns of X, A, B, D and the limbs of U and rem are committed to |
//!
//! ```text
//! Σ_n γ^{N−1−n}·V[n,ρ] = Σ_i (Σ_n γ^{N−1−n}·X[n,i])·A[ρ,i]        for every ρ
//! Σ_n γ^{N−1−n}·D[n,j] = Σ_ρ (Σ_n γ^{N−1−n}·U[n,ρ])·B[j,ρ]        for every j
//! U + 2^27 in 28 bits, rem in 16
//! ```
//!
//! The statement is the commitments to X, to A and B, and to D, with which a proof begins. Soundness and sizes are in README.md.
#![forbid(unsafe_code)]

pub mod circuit;
pub mod columns;
pub mod plan;

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bench_relation::{
    peer::{Peer, Statement, Task},
    witness::Witness,
};
use circuit::Adapter;
use columns::First;
use halo2_base::halo2_proofs::{
    halo2curves::bn256::{Bn256, G1Affine},
    plonk::{ProvingKey, create_proof, keygen_pk, keygen_vk, verify_proof},
    poly::kzg::{
        commitment::{KZGCommitmentScheme, ParamsKZG},
        multiopen::{ProverSHPLONK, VerifierSHPLONK},
        strategy::SingleStrategy,
    },
    transcript::{Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer},
};
use plan::Plan;
use rand::{
    RngCore, SeedableRng,
    rngs::{OsRng, StdRng},
};

/// Bytes of a point.
const POINT: usize = 32;

/// Keys of one circuit.
pub struct Halo2 {
    /// Its sizes.
    pub plan: Plan,
    params: ParamsKZG<Bn256>,
    key: ProvingKey<G1Affine>,
    reference_string_s: f64,
}

impl Halo2 {
    /// With this layout.
    ///
    /// # Errors
    /// The library's.
    pub fn with_plan(plan: Plan) -> Result<Self> {
        let start = Instant::now();
        // INSECURE: everybody knows this seed. A reference string of a ceremony costs a prover nothing else.
        let params = ParamsKZG::setup(plan.k, StdRng::seed_from_u64(1));
        let reference_string_s = start.elapsed().as_secs_f64();
        let circuit = Adapter { plan, first: None };
        let key = keygen_vk(&params, &circuit).and_then(|vk| keygen_pk(&params, vk, &circuit)).context("keys")?;
        Ok(Self { plan, params, key, reference_string_s })
    }

    /// A proof blinded by this randomness, which a prover uses once and keeps secret.
    ///
    /// # Errors
    /// The library's.
    pub fn prove_with(&self, witness: &Witness, rng: impl RngCore) -> Result<Vec<u8>> {
        let first = First::new(&self.plan, witness);
        let circuit = Adapter { plan: self.plan, first: Some(&first) };
        let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(Vec::new());
        create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            &self.params,
            &self.key,
            &[circuit],
            &[&[]],
            rng,
            &mut transcript,
        )?;
        Ok(transcript.finalize())
    }
}

impl Peer for Halo2 {
    const NAME: &'static str = "halo2";
    const VERSION: &'static str = "halo2-axiom 0.5.3 of halo2-base 0.5.5";
    /// Of BN254; the challenges' errors are below 2^−225.
    const SECURITY_BITS: u32 = 100;

    fn setup(task: Task) -> Result<Self> {
        Self::with_plan(Plan::new(task).context("no layout within 2^22 rows")?)
    }

    fn prove(&self, witness: &Witness) -> Result<Vec<u8>> {
        self.prove_with(witness, OsRng)
    }

    fn statement(&self, proof: &[u8]) -> Result<Statement> {
        let parts = [("X", self.plan.x_lanes), ("A and B", self.plan.chains), ("D", self.plan.d_lanes)];
        let mut rest = proof;
        let take = |(name, points): (&'static str, usize)| {
            let (head, tail) = rest.split_at_checked(points * POINT).context("a proof begins with its statement")?;
            rest = tail;
            Ok((name, head.to_vec()))
        };
        parts.into_iter().map(take).collect()
    }

    fn verify(&self, statement: &Statement, proof: &[u8]) -> Result<()> {
        ensure!(self.statement(proof)? == *statement, "another statement");
        let mut rest = proof;
        let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(&mut rest);
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            &self.params,
            self.key.get_vk(),
            SingleStrategy::new(&self.params),
            &[&[]],
            &mut transcript,
        )?;
        ensure!(rest.is_empty(), "bytes after the proof");
        Ok(())
    }

    fn universal_setup_s(&self) -> f64 {
        self.reference_string_s
    }

    fn notes(&self) -> String {
        let p = &self.plan;
        let streams = p.x_lanes + p.d_lanes + p.limb_lanes;
        format!(
            "2^{} rows; {} columns of X, D and limbs, {} of A and B; table of 2^{}; zero knowledge; security is BN254's; statement: \
             commitments to X, to A and B, to D, of this proof alone; reference string INSECURE, its making not in setup_s",
            p.k, streams, p.chains, p.table
        )
    }
}
