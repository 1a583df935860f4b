//! The verifier's one source, run over snark-verifier's Halo2 loader: the same proof, the same accumulator, constraint by
//! constraint; and a changed proof satisfies no circuit.
//!
//! The argument here is small (four values in a range of sixteen), so that MockProver takes seconds.

mod common;

use std::{mem, rc::Rc};

use ark_ec::AffineRepr;
use ark_ff::PrimeField;
use common::{layout, srs};
use halo2_base::{
    Context,
    QuantumCell::Constant,
    gates::{
        GateInstructions, RangeChip, RangeInstructions,
        circuit::{CircuitBuilderStage, builder::BaseCircuitBuilder},
    },
    halo2_proofs::{
        dev::MockProver,
        halo2curves::{
            CurveAffine,
            bn256::{Fq, Fr, G1Affine},
        },
    },
    utils::{biguint_to_fe, fe_to_biguint, modulus},
};
use halo2_ecc::{bn254::FpChip, ecc::BaseFieldEccChip};
use snark_verifier::loader::{
    LoadedScalar, ScalarLoader,
    halo2::{EcPoint, Halo2Loader, Scalar},
};
use talea_circuits::{
    Check, ProofError, Result,
    arithmetic::{Arithmetic, Native},
    columns::{Claims, ColumnId, Layout, ints::Witness},
    lookup::{self, Entry, Form, Lookups, Table, Values},
    opening::{self, Accumulator},
    transcript::{Source, Transcript, bytes::Bytes, poseidon, writer::Writer},
};
use talea_gpu::{Cpu, Ints};

type Chip<'c> = BaseFieldEccChip<'c, G1Affine>;

fn fr(x: &ark_bn254::Fr) -> Fr {
    Fr::from_raw(x.into_bigint().0)
}

fn g1(p: &ark_bn254::G1Affine) -> G1Affine {
    let (x, y) = p.xy().unwrap();
    G1Affine::from_xy(Fq::from_raw(x.into_bigint().0), Fq::from_raw(y.into_bigint().0)).unwrap()
}

/// Constraints instead of errors.
struct InCircuit<'c> {
    loader: Rc<Halo2Loader<G1Affine, Chip<'c>>>,
    range: &'c RangeChip<Fr>,
}

impl<'c> Arithmetic for InCircuit<'c> {
    type Scalar = Scalar<G1Affine, Chip<'c>>;
    type Point = EcPoint<G1Affine, Chip<'c>>;

    fn constant(&self, c: ark_bn254::Fr) -> Self::Scalar {
        self.loader.load_const(&fr(&c))
    }
    fn add(&self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar {
        a.clone() + b
    }
    fn sub(&self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar {
        a.clone() - b
    }
    fn mul(&self, a: &Self::Scalar, b: &Self::Scalar) -> Self::Scalar {
        a.clone() * b
    }
    fn inverse(&self, _: Check, a: &Self::Scalar) -> Result<Self::Scalar> {
        Ok(LoadedScalar::invert(a).expect("the loader's inverse is a constraint"))
    }
    fn assert_eq(&self, _: Check, a: &Self::Scalar, b: &Self::Scalar) -> Result<()> {
        // lazy constants first: the loader borrows its context while it compares
        drop(a.assigned());
        drop(b.assigned());
        self.loader.assert_eq("", a, b);
        Ok(())
    }
    fn low128(&self, a: &Self::Scalar) -> Self::Scalar {
        let whole = *a.assigned();
        let low = split(self.loader.ctx_mut().main(), self.range, whole);
        self.loader.scalar_from_assigned(low)
    }
    fn permute(&self, mut state: [Self::Scalar; poseidon::WIDTH]) -> [Self::Scalar; poseidon::WIDTH] {
        let p = poseidon::parameters();
        for (r, constants) in p.round.iter().enumerate() {
            let full = !(4..60).contains(&r);
            for (i, (s, c)) in state.iter_mut().zip(constants).enumerate() {
                *s = self.add(s, &self.constant(*c));
                if full || i == 0 {
                    let square = self.mul(s, s);
                    *s = self.mul(s, &self.mul(&square, &square));
                }
            }
            state = p.matrix.map(|row| {
                let terms: Vec<(Fr, &Self::Scalar)> = row.iter().map(fr).zip(&state).collect();
                self.loader.sum_with_coeff(&terms)
            });
        }
        state
    }
    fn words(&self, p: &Self::Point) -> [Self::Scalar; 2] {
        // points were assigned with coordinates below the modulus
        let point = p.assigned().clone();
        [point.x(), point.y()].map(|c| self.loader.scalar_from_assigned(*c.native()))
    }
}

/// The lower 128 bits, canonically: (high, low) as a number is below the modulus.
fn split(
    ctx: &mut Context<Fr>, range: &RangeChip<Fr>, a: halo2_base::AssignedValue<Fr>,
) -> halo2_base::AssignedValue<Fr> {
    let (gate, cut) = (range.gate(), num_bigint::BigUint::from(1u8) << 128);
    let halves = |n: &num_bigint::BigUint| [n % &cut, n / &cut].map(|x| biguint_to_fe::<Fr>(&x));
    let [low, high] = halves(&fe_to_biguint(a.value())).map(|x| ctx.load_witness(x));
    range.range_check(ctx, low, 128);
    range.range_check(ctx, high, 126);
    let whole = gate.mul_add(ctx, high, Constant(biguint_to_fe(&cut)), low);
    ctx.constrain_equal(&whole, &a);
    let [r_low, r_high] = halves(&modulus::<Fr>());
    let below = range.is_less_than(ctx, high, Constant(r_high), 126);
    let level = gate.is_equal(ctx, high, Constant(r_high));
    let low_below = range.is_less_than(ctx, low, Constant(r_low), 128);
    let canonical = gate.or_and(ctx, below, level, low_below);
    gate.assert_is_const(ctx, &canonical, &Fr::one());
    low
}

/// Reads a proof's words as witnesses.
struct Assigned<'b, 'c> {
    inner: Bytes<'b>,
    loader: Rc<Halo2Loader<G1Affine, Chip<'c>>>,
}

impl<'c> Source<InCircuit<'c>> for Assigned<'_, 'c> {
    fn scalar(&mut self, field: &'static str) -> Result<Scalar<G1Affine, Chip<'c>>, ProofError> {
        Ok(self.loader.assign_scalar(fr(&self.inner.scalar(field)?)))
    }
    fn point(&mut self, field: &'static str) -> Result<EcPoint<G1Affine, Chip<'c>>, ProofError> {
        Ok(self.loader.assign_ec_point(g1(&self.inner.point(field)?)))
    }
    fn finish(self) -> Result<(), ProofError> {
        self.inner.finish()
    }
}

const KEY: [u8; 32] = [6; 32];

/// Four values in 0 … 15.
struct Small {
    layout: Layout,
    lookups: Lookups,
    columns: Vec<Ints>,
}

impl Small {
    fn new() -> Self {
        let (layout, [v, m]) = layout(5, [("v", 2), ("multiplicities", 4)]);
        let entry = Entry { vars: 2, forms: vec![Form::column(v)], table: 0 };
        let table = Table { vars: 4, values: Values::Range, multiplicities: m };
        let lookups = Lookups::new(&layout, vec![entry], vec![table]).unwrap();
        let mut columns = vec![Ints::U8(vec![3, 0, 15, 3]), Ints::U32(vec![])];
        columns[1] = lookup::prover::multiplicities(&lookups, |id: ColumnId| &columns[id.index()]).unwrap().remove(0);
        Self { layout, lookups, columns }
    }

    fn prove(&self) -> Vec<u8> {
        let powers = &srs().0[..33];
        let witness = Witness::new(&self.layout, self.columns.clone(), &[2; 32]);
        let mut tx = Writer::new(&KEY, &[]);
        witness.commit(&Cpu, &self.layout, powers).iter().for_each(|c| tx.point(c));
        let mut claims = Claims::new();
        claims.append(lookup::prover::prove(&mut tx, &Cpu, &self.lookups, |id| &self.columns[id.index()]));
        opening::prover::prove(&mut tx, &Cpu, powers, &self.layout, &witness, claims);
        tx.finish()
    }

    /// The one source.
    fn reduce<A: Arithmetic, R: Source<A>>(&self, mut tx: Transcript<'_, A, R>) -> Result<Accumulator<A>> {
        let chunks = vec![tx.point("chunk")?];
        let claims = lookup::verify(&mut tx, &self.lookups)?;
        let accumulator = opening::verify(&mut tx, &self.layout, chunks, claims)?;
        tx.finish()?;
        Ok(accumulator)
    }

    /// The circuit of a proof, with the accumulator's factors as its instance.
    fn circuit(&self, proof: &[u8]) -> BaseCircuitBuilder<Fr> {
        let mut builder = BaseCircuitBuilder::<Fr>::from_stage(CircuitBuilderStage::Mock)
            .use_k(16)
            .use_lookup_bits(15)
            .use_instance_columns(1);
        let range = builder.range_chip();
        let field = FpChip::<Fr>::new(&range, 88, 3);
        let loader = Halo2Loader::new(Chip::new(&field), mem::take(builder.pool(0)));
        let arithmetic = InCircuit { loader: loader.clone(), range: &range };
        let source = Assigned { inner: Bytes::new(proof), loader: loader.clone() };
        let accumulator = self.reduce(Transcript::new(&arithmetic, source, &KEY, &[])).unwrap();
        let factors: Vec<_> = factors(accumulator).into_iter().map(|s| s.into_assigned()).collect();
        *builder.pool(0) = loader.take_ctx();
        builder.assigned_instances[0].extend(factors);
        builder.calculate_params(Some(20));
        builder
    }
}

/// All factors of an accumulator, left then right.
fn factors<A: Arithmetic>(a: Accumulator<A>) -> Vec<A::Scalar> {
    let of = |s: opening::Sum<A>| -> Vec<A::Scalar> {
        s.short.into_iter().chain(s.long).map(|term| term.0).chain([s.generator]).collect()
    };
    of(a.left).into_iter().chain(of(a.right)).collect()
}

fn satisfied(builder: &BaseCircuitBuilder<Fr>, instance: &[Fr]) -> bool {
    MockProver::run(16, builder, vec![instance.to_vec()]).unwrap().verify().is_ok()
}

#[test]
fn the_circuit_computes_what_the_verifier_does() {
    let small = Small::new();
    let proof = small.prove();
    let reduce = |proof: &[u8]| small.reduce(Transcript::new(&Native, Bytes::new(proof), &KEY, &[]));
    reduce(&proof).unwrap().check(&srs().1).unwrap();
    let instance: Vec<Fr> = factors(reduce(&proof).unwrap()).iter().map(fr).collect();
    let builder = small.circuit(&proof);
    println!("{} advice cells for {} bytes", builder.statistics().gate.total_advice_per_phase[0], proof.len());
    assert!(satisfied(&builder, &instance));
    for i in 0..instance.len() {
        let mut other = instance.clone();
        other[i] += Fr::one();
        assert!(i % 5 != 0 || !satisfied(&builder, &other), "factor {i}");
    }
    // a changed word in the lookups (after the chunk's point): the native verifier names the check, the circuit fails
    let mut bad = proof.clone();
    bad[64 + 32 * 9] ^= 1;
    assert!(reduce(&bad).is_err());
    assert!(!satisfied(&small.circuit(&bad), &instance));
}
