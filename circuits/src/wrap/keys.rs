//! Keys of the wrap's circuit, per batch shape and layout.
//!
//! A verifying key follows from the batch's key (shape, columns, lookups, [τ]₂), the layout and this code; so its digest names it, and keys
//! kept on disk are used only if theirs is the digest of what they are wanted for.

use std::io::{self, Read, Write};

use ark_bn254::{Fr as ArkFr, G1Affine as ArkPoint};
use ark_ec::{AffineRepr, CurveGroup};
use halo2_base::{
    gates::{
        circuit::{BaseCircuitParams, CircuitBuilderStage, builder::BaseCircuitBuilder},
        flex_gate::MultiPhaseThreadBreakPoints,
    },
    halo2_proofs::{
        SerdeFormat,
        halo2curves::{
            bn256::{Fr, G1Affine},
            ff::Field as _,
        },
        plonk::{ProvingKey, keygen_pk, keygen_vk},
    },
};
use rand::{SeedableRng, rngs::StdRng};

use super::{
    Params, VerifyingKey,
    arithmetic::Cells,
    circuit::{Witness, lay},
    convert,
    fingerprint::fingerprint,
};
use crate::{
    arithmetic::Native,
    error::ProofError,
    relations::{
        Key,
        statement::{SlotStatement, Statement},
    },
    transcript::Source,
};

/// How the circuit's cells are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plan {
    /// Least time to prove.
    Fast,
    /// Least gas to verify: one column of advice.
    Cheap,
}

/// Rows that halo2 keeps for itself, and a few more.
const SPARE_ROWS: usize = 20;

impl Plan {
    /// By name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Fast, Self::Cheap].into_iter().find(|plan| plan.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Cheap => "cheap",
        }
    }

    /// log₂ of the rows for so many cells of advice.
    pub fn k(self, cells: usize) -> usize {
        let most = match self {
            Self::Fast => FAST_COLUMNS,
            Self::Cheap => 1,
        };
        (10..28).find(|k| cells <= most * ((1usize << k) - SPARE_ROWS)).unwrap_or(28)
    }
}

/// Columns of advice of [`Plan::Fast`], at most. Seven make a contract of 22,449 bytes, and each more about 1,300: nine would not fit
/// the 24,576 of EIP-170. More columns of fewer rows prove faster and verify for more gas.
const FAST_COLUMNS: usize = 8;

/// Sizes of a circuit.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Which arrangement.
    pub plan: Plan,
    /// What the cells are for.
    pub cells: Cells,
    /// Rows and columns.
    pub params: BaseCircuitParams,
}

/// A circuit before it has keys.
#[derive(Debug, Clone)]
pub struct Circuit {
    /// Its sizes.
    pub sizes: Sizes,
    /// What it is: [`fingerprint`].
    pub digest: [u8; 32],
    /// log₂ of the payout slots that its commitments are over.
    pub domain: usize,
    /// Adapter slots of its statements.
    pub slots: usize,
}

/// Why there is no circuit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoCircuit {
    /// A shape whose circuit nobody will prove.
    #[error("found {0} chunks, expected at most {MOST_CHUNKS}")]
    TooManyChunks(usize),
    /// On x86-64 halo2 is compiled for instructions that processors before 2015 do not have.
    #[error("found a processor without ADX and BMI2, expected one that has both")]
    Processor,
}

/// Most chunks of a batch that is wrapped: each takes some 58,000 cells, and what does not fit is refused before it is laid.
pub const MOST_CHUNKS: usize = 256;

impl Circuit {
    /// The circuit for batches of this key.
    ///
    /// # Errors
    /// A batch of too many chunks; a processor that cannot.
    pub fn new(key: &Key, plan: Plan) -> Result<Self, NoCircuit> {
        let chunks = key.layout.chunks();
        if chunks > MOST_CHUNKS {
            return Err(NoCircuit::TooManyChunks(chunks));
        }
        #[cfg(target_arch = "x86_64")]
        if !is_x86_feature_detected!("adx") || !is_x86_feature_detected!("bmi2") {
            return Err(NoCircuit::Processor);
        }
        Ok(Self::laid(key, plan))
    }

    fn laid(key: &Key, plan: Plan) -> Self {
        let (mut builder, sizes) = builder(key, plan, CircuitBuilderStage::Keygen);
        let digest = fingerprint(key, &sizes, &mut builder);
        Self { sizes, digest, domain: key.shape.domain, slots: key.shape.adapters.len() }
    }

    /// log₂ of the rows: 2^k powers and Lagrange points are needed.
    pub fn k(&self) -> u32 {
        self.sizes.params.k as u32
    }
}

/// Random words, and points that are multiples of the generator: the circuit does not depend on them.
struct Anything {
    rng: StdRng,
    point: ark_bn254::G1Projective,
}

impl Anything {
    fn new() -> Self {
        Self { rng: StdRng::from_seed([0; 32]), point: ArkPoint::generator().into_group() }
    }

    fn next(&mut self) -> ArkFr {
        convert::ark_scalar(&Fr::random(&mut self.rng))
    }
}

impl Source<Native> for Anything {
    fn scalar(&mut self, _: &'static str) -> Result<ArkFr, ProofError> {
        Ok(self.next())
    }
    fn point(&mut self, _: &'static str) -> Result<ArkPoint, ProofError> {
        let step = self.next();
        self.point += ArkPoint::generator() * step;
        Ok(self.point.into_affine())
    }
    fn finish(self) -> Result<(), ProofError> {
        Ok(())
    }
}

/// The circuit with any witness.
fn builder(key: &Key, plan: Plan, stage: CircuitBuilderStage) -> (BaseCircuitBuilder<Fr>, Sizes) {
    let lay_with = |k: usize| {
        let mut words = Anything::new();
        let slot =
            |w: &mut Anything| SlotStatement { adapter: w.next(), policy: w.next(), base: w.next(), fees: w.next() };
        let statement = Statement {
            chain: words.next(),
            contract: words.next(),
            node: words.next(),
            nonce: words.next(),
            slots: key.shape.adapters.iter().map(|_| slot(&mut words)).collect(),
            node_slot: words.next(),
            receipts: [words.next(), words.next()],
            inputs: words.next(),
            requests: words.next(),
            deltas: words.next(),
            payouts: [words.next(), words.next()],
        };
        let mut builder = empty(stage, k);
        let alpha = words.next();
        let cells = lay(&mut builder, key, Witness { statement, proof: words, alpha }).expect("any words will do");
        (builder, cells)
    };
    // range checks cost a little less with more rows: the first number of rows that the circuit fits, from what it needs with many
    let mut k = plan.k(lay_with(20).1.total.advice);
    loop {
        let (mut builder, cells) = lay_with(k);
        if plan.k(cells.total.advice) <= k {
            let params = builder.calculate_params(Some(SPARE_ROWS));
            return (builder, Sizes { plan, cells, params });
        }
        k += 1;
    }
}

/// A builder of 2^k rows.
pub(super) fn empty(stage: CircuitBuilderStage, k: usize) -> BaseCircuitBuilder<Fr> {
    BaseCircuitBuilder::from_stage(stage).use_k(k).use_lookup_bits(k - 1).use_instance_columns(1)
}

/// The verifying key of a circuit alone, made anew: what a file claims to be can be compared with it.
pub fn verifying(key: &Key, plan: Plan, params: &Params) -> VerifyingKey {
    let (builder, _) = builder(key, plan, CircuitBuilderStage::Keygen);
    keygen_vk(params, &builder).expect("the circuit has this reference string's size")
}

/// A verifying key as bytes.
pub fn write_verifying(key: &VerifyingKey) -> Vec<u8> {
    key.to_bytes(SerdeFormat::RawBytes)
}

/// A verifying key of this circuit from bytes.
///
/// # Errors
/// Bytes that are none.
pub fn read_verifying(bytes: &[u8], circuit: &Circuit) -> io::Result<VerifyingKey> {
    let bad = |what: &str| io::Error::new(io::ErrorKind::InvalidData, format!("a verifying key of {what}"));
    // version, then k: halo2 makes a domain of it before it looks at anything else
    let k: [u8; 4] = bytes.get(1..5).and_then(|b| b.try_into().ok()).ok_or_else(|| bad("no length"))?;
    if u32::from_le_bytes(k) != circuit.k() {
        return Err(bad("another number of rows"));
    }
    let key =
        VerifyingKey::from_bytes::<BaseCircuitBuilder<Fr>>(bytes, SerdeFormat::RawBytes, circuit.sizes.params.clone())?;
    if key.fixed_commitments().len() != key.cs().num_fixed_columns() || write_verifying(&key) != bytes {
        return Err(bad("another length"));
    }
    Ok(key)
}

/// Everything that proofs of one circuit need.
pub struct Keys {
    /// The circuit.
    pub circuit: Circuit,
    /// halo2's key, with the verifying one.
    pub proving: ProvingKey<G1Affine>,
    breaks: MultiPhaseThreadBreakPoints,
}

impl Keys {
    /// Makes them.
    pub fn new(key: &Key, plan: Plan, params: &Params) -> Self {
        let (mut builder, sizes) = builder(key, plan, CircuitBuilderStage::Keygen);
        let digest = fingerprint(key, &sizes, &mut builder);
        let verifying = keygen_vk(params, &builder).expect("the circuit has this reference string's size");
        let proving = keygen_pk(params, verifying, &builder).expect("the key is this circuit's");
        let breaks = builder.break_points();
        let circuit = Circuit { sizes, digest, domain: key.shape.domain, slots: key.shape.adapters.len() };
        Self { circuit, proving, breaks }
    }

    /// Writes them: where columns break, then halo2's key, uncompressed.
    ///
    /// # Errors
    /// The writer's.
    pub fn write(&self, w: &mut impl Write) -> io::Result<()> {
        let mut number = |n: usize| w.write_all(&(n as u64).to_le_bytes());
        number(self.breaks.len())?;
        for phase in &self.breaks {
            number(phase.len())?;
            phase.iter().try_for_each(|at| number(*at))?;
        }
        self.proving.write(w, SerdeFormat::RawBytesUnchecked)
    }

    /// Reads what [`Keys::write`] wrote for this circuit; whoever calls has made sure of that.
    ///
    /// # Errors
    /// The reader's, and lengths that no circuit has.
    pub fn read(r: &mut impl Read, circuit: Circuit) -> io::Result<Self> {
        let mut next = |most: u64| {
            let mut bytes = [0; 8];
            r.read_exact(&mut bytes)?;
            let n = u64::from_le_bytes(bytes);
            let bad = || io::Error::new(io::ErrorKind::InvalidData, "columns that break where no circuit's do");
            if n > most { Err(bad()) } else { Ok(n as usize) }
        };
        let mut breaks: MultiPhaseThreadBreakPoints = Vec::new();
        for _ in 0..next(3)? {
            let n = next(1 << 10)?;
            breaks.push((0..n).map(|_| next(1 << 28)).collect::<io::Result<_>>()?);
        }
        let format = SerdeFormat::RawBytesUnchecked;
        let proving = ProvingKey::read::<_, BaseCircuitBuilder<Fr>>(r, format, circuit.sizes.params.clone())?;
        Ok(Self { circuit, proving, breaks })
    }

    /// The verifying key.
    pub fn verifying(&self) -> &VerifyingKey {
        self.proving.get_vk()
    }

    /// A builder for a witness.
    pub(super) fn builder(&self) -> BaseCircuitBuilder<Fr> {
        let params = &self.circuit.sizes.params;
        empty(CircuitBuilderStage::Prover, params.k).use_params(params.clone()).use_break_points(self.breaks.clone())
    }
}
