//! Points in the circuit: read with canonical coordinates, and summed with factors.
//!
//! A factor k of any size is split as k = k_1 + λ·k_2 with both parts below 2^129, λ the eigenvalue of the curve's endomorphism
//! φ(x, y) = (βx, y) = λ·(x, y) (Gallant, Lambert and Vanstone, CRYPTO 2001), so that all factors are as short as the weights and share their
//! doublings. The circuit only shows k_1 + λ·k_2 = k in F, which is the group's order: any such parts will do.

use ark_bn254::g1::Config;
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::PrimeField as _;
use halo2_base::{
    AssignedValue, Context,
    QuantumCell::{Constant, Existing},
    gates::{GateChip, GateInstructions, RangeInstructions, flex_gate::threads::SinglePhaseCoreManager},
    halo2_proofs::halo2curves::bn256::{Fq, Fr, G1Affine},
    utils::{biguint_to_fe, fe_to_biguint, modulus},
};
use halo2_ecc::{
    bigint::ProperCrtUint,
    ecc::{EcPoint, EccChip, pippenger::multi_exp_par},
    fields::{FieldChip, fp::FpChip},
};
use num_bigint::{BigInt, BigUint, Sign};

use super::convert;

/// Bits of a limb of a coordinate.
pub const LIMB_BITS: usize = 88;
/// Limbs of a coordinate.
pub const LIMBS: usize = 3;
/// Bits of every factor: a weight, a sum of two, or a part of a larger one.
const FACTOR_BITS: usize = 129;

/// Coordinates modulo the curve's prime.
pub type Field<'r> = FpChip<'r, Fr, Fq>;
/// A point.
pub type Point = EcPoint<Fr, ProperCrtUint<Fr>>;

/// A witness point: on the curve, so not infinity, and with coordinates below the prime.
pub fn read(ctx: &mut Context<Fr>, field: &Field<'_>, p: G1Affine) -> Point {
    let point = EccChip::new(field).load_private::<G1Affine>(ctx, (p.x, p.y));
    for c in [point.x(), point.y()] {
        field.enforce_less_than_p(ctx, c.clone());
    }
    point
}

/// The part of a sum whose factors are below 2^129, and the one whose factors have any size.
#[derive(Default)]
pub struct Terms {
    /// Factors below 2^129.
    pub short: Vec<(AssignedValue<Fr>, Point)>,
    /// Others.
    pub long: Vec<(AssignedValue<Fr>, Point)>,
}

/// Σ factor·point. Factors said to be short are proven to be.
pub fn sum(pool: &mut SinglePhaseCoreManager<Fr>, field: &Field<'_>, terms: Terms) -> Point {
    let (mut factors, mut points) = (Vec::new(), Vec::new());
    for (factor, point) in terms.short {
        factors.push(vec![factor]);
        points.push(point);
    }
    for (factor, point) in terms.long {
        let ctx = pool.main();
        let [low, high] = halves(ctx, field.gate(), factor);
        let moved = endomorphism(ctx, field, &point);
        factors.extend([vec![low], vec![high]]);
        points.extend([point, moved]);
    }
    multi_exp_par::<Fr, Field<'_>, G1Affine>(field, pool, &points, factors, FACTOR_BITS, 4)
}

/// φ(P) = (βx, y).
fn endomorphism(ctx: &mut Context<Fr>, field: &Field<'_>, p: &Point) -> Point {
    let beta = Config::ENDO_COEFFS.first().map(convert::coordinate).unwrap_or_default();
    let beta = field.load_constant(ctx, beta);
    EcPoint::new(field.mul(ctx, p.x().clone(), beta), p.y().clone())
}

/// k_1 and k_2.
fn halves(ctx: &mut Context<Fr>, gate: &GateChip<Fr>, k: AssignedValue<Fr>) -> [AssignedValue<Fr>; 2] {
    let [low, high] = split(&convert::ark_scalar(k.value())).map(|x| ctx.load_witness(biguint_to_fe(&x)));
    let lambda = convert::scalar(&Config::LAMBDA);
    let whole = gate.mul_add(ctx, Existing(high), Constant(lambda), Existing(low));
    ctx.constrain_equal(&whole, &k);
    [low, high]
}

/// Parts of k in [0, 2^129): the library's, of which each is at most half of |n_1| + |n_2| from zero, less both rows n of the lattice of
/// parts of zero, whose sum is at least that far below it.
fn split(k: &ark_bn254::Fr) -> [BigUint; 2] {
    let ((low_sign, low), (high_sign, high)) = Config::scalar_decomposition(*k);
    let [n11, n12, n21, n22] = Config::SCALAR_DECOMP_COEFFS.map(|(sign, n)| signed(sign, n.into()));
    let low = signed(low_sign, low.into_bigint().into()) - n11 - n21;
    let high = signed(high_sign, high.into_bigint().into()) - n12 - n22;
    [low, high].map(|part| part.to_biguint().unwrap_or_default())
}

fn signed(positive: bool, n: BigUint) -> BigInt {
    BigInt::from_biguint(if positive { Sign::Plus } else { Sign::Minus }, n)
}

/// The lower 128 bits of a's canonical form: (high, low) as a number is below the modulus.
pub fn low128(
    ctx: &mut Context<Fr>, range: &impl RangeInstructions<Fr, Gate = GateChip<Fr>>, a: AssignedValue<Fr>,
) -> AssignedValue<Fr> {
    let (gate, cut) = (range.gate(), BigUint::from(1u8) << 128);
    let parts = |n: &BigUint| [n % &cut, n / &cut].map(|x| biguint_to_fe::<Fr>(&x));
    let [low, high] = parts(&fe_to_biguint(a.value())).map(|x| ctx.load_witness(x));
    range.range_check(ctx, low, 128);
    range.range_check(ctx, high, 126);
    let whole = gate.mul_add(ctx, high, Constant(biguint_to_fe(&cut)), low);
    ctx.constrain_equal(&whole, &a);
    let [r_low, r_high] = parts(&modulus::<Fr>());
    let below = range.is_less_than(ctx, high, Constant(r_high), 126);
    let level = gate.is_equal(ctx, high, Constant(r_high));
    let low_below = range.is_less_than(ctx, low, Constant(r_low), 128);
    let canonical = gate.or_and(ctx, below, level, low_below);
    gate.assert_is_const(ctx, &canonical, &Fr::one());
    low
}

/// The group's generator.
pub fn generator(ctx: &mut Context<Fr>, field: &Field<'_>) -> Point {
    EccChip::new(field).assign_constant_point(ctx, G1Affine::generator())
}
