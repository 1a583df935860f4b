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
    let parts = split(&convert::ark_scalar(k.value())).map(|x| biguint_to_fe(&x));
    halves_of(ctx, gate, k, parts)
}

/// The same with the prover's word for the parts.
fn halves_of(
    ctx: &mut Context<Fr>, gate: &GateChip<Fr>, k: AssignedValue<Fr>, parts: [Fr; 2],
) -> [AssignedValue<Fr>; 2] {
    let [low, high] = parts.map(|x| ctx.load_witness(x));
    let lambda = convert::scalar(&Config::LAMBDA);
    let whole = gate.mul_add(ctx, Existing(high), Constant(lambda), Existing(low));
    ctx.constrain_equal(&whole, &k);
    [low, high]
}

/// Parts of k below 2^128: the library's, which have signs and are below 1.5·10^38 in size, less both rows n of the lattice of parts of
/// zero, which add up to about −1.5·10^38 in either place. (The library divides with truncation: its parts are not the nearest.)
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
    let parts = cut(&fe_to_biguint(a.value()));
    low128_of(ctx, range, a, parts)
}

/// The lower 128 bits of an integer, and the others.
fn cut(n: &BigUint) -> [Fr; 2] {
    let at = BigUint::from(1u8) << 128;
    [n % &at, n / &at].map(|x| biguint_to_fe(&x))
}

/// The same with the prover's word for both parts.
fn low128_of(
    ctx: &mut Context<Fr>, range: &impl RangeInstructions<Fr, Gate = GateChip<Fr>>, a: AssignedValue<Fr>,
    parts: [Fr; 2],
) -> AssignedValue<Fr> {
    let gate = range.gate();
    let [low, high] = parts.map(|x| ctx.load_witness(x));
    range.range_check(ctx, low, 128);
    range.range_check(ctx, high, 126);
    let whole = gate.mul_add(ctx, high, Constant(biguint_to_fe(&(BigUint::from(1u8) << 128))), low);
    ctx.constrain_equal(&whole, &a);
    let [r_low, r_high] = cut(&modulus::<Fr>());
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

#[cfg(test)]
mod tests {
    use ark_bn254::{Fr as ArkFr, G1Affine as ArkPoint};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::UniformRand;
    use halo2_base::{
        gates::{
            RangeChip,
            circuit::{CircuitBuilderStage, builder::BaseCircuitBuilder},
        },
        halo2_proofs::dev::MockProver,
    };
    use rand::{SeedableRng, rngs::StdRng};

    use super::*;
    use crate::wrap::satisfied::broken;

    const K: usize = 14;

    /// Lays something; says whether its constraints hold, as two readers see it.
    fn holds(lay: impl FnOnce(&mut SinglePhaseCoreManager<Fr>, &RangeChip<Fr>)) -> bool {
        let mut builder = BaseCircuitBuilder::from_stage(CircuitBuilderStage::Mock).use_k(K).use_lookup_bits(K - 1);
        let range = builder.range_chip();
        lay(builder.pool(0), &range);
        builder.calculate_params(Some(20));
        let own = broken(&mut builder) == [0; 4];
        let library = MockProver::run(K as u32, &builder, Vec::new()).unwrap().verify().is_ok();
        assert_eq!(own, library, "both readers of the constraints");
        own
    }

    fn numbers() -> Vec<ArkFr> {
        let mut rng = StdRng::from_seed([3; 32]);
        let minus = |n: u64| -ArkFr::from(n);
        let edges = [ArkFr::from(0u64), ArkFr::from(1u64), ArkFr::from(u128::MAX), minus(1), minus(2), Config::LAMBDA];
        edges.into_iter().chain((0..4).map(|_| ArkFr::rand(&mut rng))).collect()
    }

    #[test]
    fn the_lower_bits_are_those_of_the_canonical_form_alone() {
        let low = |a: ArkFr, parts: [Fr; 2]| {
            holds(|pool, range| {
                let a = pool.main().load_witness(convert::scalar(&a));
                low128_of(pool.main(), range, a, parts);
            })
        };
        for a in numbers() {
            let n: BigUint = a.into_bigint().into();
            let honest = cut(&n);
            assert!(low(a, honest), "{a}");
            // a + r has another lower half, and fits in 254 bits for some a
            let other: BigUint = &n + modulus::<Fr>();
            assert!(!low(a, cut(&other)), "{a} + r");
            assert!(!low(a, [honest[0] + Fr::one(), honest[1]]), "{a}: low + 1");
            // the same number with a low part of more than 128 bits
            let carried = biguint_to_fe::<Fr>(&(BigUint::from(1u8) << 128));
            assert!(!low(a, [honest[0] + carried, honest[1] - Fr::one()]), "{a}: a borrow");
        }
    }

    #[test]
    fn parts_of_a_factor_are_short_and_its_own() {
        let mut rng = StdRng::from_seed([4; 32]);
        for k in numbers().into_iter().chain((0..2000).map(|_| ArkFr::rand(&mut rng))) {
            let [low, high] = split(&k);
            assert!(low.bits().max(high.bits()) <= 128, "{k}: {} and {} bits", low.bits(), high.bits());
            assert_eq!(ArkFr::from(low) + Config::LAMBDA * ArkFr::from(high), k);
        }
        let parts = |k: ArkFr, parts: [Fr; 2]| {
            holds(|pool, range| {
                let k = pool.main().load_witness(convert::scalar(&k));
                halves_of(pool.main(), &range.gate, k, parts);
            })
        };
        let k = ArkFr::rand(&mut rng);
        let [low, high] = split(&k).map(|x| biguint_to_fe::<Fr>(&x));
        assert!(parts(k, [low, high]));
        assert!(!parts(k, [low + Fr::one(), high]) && !parts(k, [low, high + Fr::one()]) && !parts(k, [high, low]));
    }

    #[test]
    fn points_off_the_curve_and_infinity_are_none() {
        let reads = |p: G1Affine| {
            holds(|pool, range| {
                read(pool.main(), &Field::new(range, LIMB_BITS, LIMBS), p);
            })
        };
        let p = convert::point(&(ArkPoint::generator() * ArkFr::from(77u64)).into_affine());
        assert!(reads(p) && reads(G1Affine { x: p.x, y: -p.y }));
        // the library's own prover stops at them; a liar's witness, changed limb by limb, satisfies nothing
        for bad in [G1Affine { x: p.x, y: p.y + Fq::one() }, G1Affine { x: Fq::zero(), y: Fq::zero() }] {
            assert!(!std::panic::catch_unwind(|| reads(bad)).unwrap_or(false), "{bad:?}");
        }
        for limb in 0..2 * LIMBS {
            let mut builder = BaseCircuitBuilder::from_stage(CircuitBuilderStage::Mock).use_k(K).use_lookup_bits(K - 1);
            let range = builder.range_chip();
            let point = read(builder.main(0), &Field::new(&range, LIMB_BITS, LIMBS), p);
            let cells: Vec<AssignedValue<Fr>> =
                [point.x(), point.y()].iter().flat_map(|c| c.limbs().to_vec()).collect();
            assert_eq!(broken(&mut builder), [0; 4]);
            let value = *cells[limb].value() + Fr::one();
            builder.main(0).advice[cells[limb].cell.unwrap().offset] =
                halo2_base::halo2_proofs::plonk::Assigned::Trivial(value);
            assert_ne!(broken(&mut builder), [0; 4], "limb {limb}");
        }
    }

    /// x and x + p are one coordinate and two words: only the smaller may be read. A chip for a larger prime loads both.
    #[test]
    fn coordinates_are_below_the_prime() {
        use halo2_base::halo2_proofs::halo2curves::secp256k1::Fp;
        let below = |n: BigUint| {
            holds(|pool, range| {
                let loaded =
                    FpChip::<Fr, Fp>::new(range, LIMB_BITS, LIMBS).load_private(pool.main(), biguint_to_fe(&n));
                Field::new(range, LIMB_BITS, LIMBS).enforce_less_than_p(pool.main(), loaded);
            })
        };
        let p = modulus::<Fq>();
        assert!(below(BigUint::from(1u8)) && below(&p - 1u8));
        assert!(!below(p.clone()) && !below(&p + 1u8) && !below(&p + (BigUint::from(1u8) << 200)));
    }

    #[test]
    fn sums_of_points_are_those_of_the_group() {
        let mut rng = StdRng::from_seed([5; 32]);
        let k = 17;
        let mut builder = BaseCircuitBuilder::from_stage(CircuitBuilderStage::Mock).use_k(k).use_lookup_bits(k - 1);
        let range = builder.range_chip();
        let field = Field::new(&range, LIMB_BITS, LIMBS);
        let points: Vec<ArkPoint> =
            (0..4).map(|_| (ArkPoint::generator() * ArkFr::rand(&mut rng)).into_affine()).collect();
        // the largest of the short factors, and long ones with edges
        let short = [ArkFr::from(u128::MAX) + ArkFr::from(u128::MAX), ArkFr::from(0u64)];
        let long = [-ArkFr::from(1u64), ArkFr::rand(&mut rng)];
        let pool = builder.pool(0);
        let ctx = pool.main();
        let mut cells = points.iter().map(|p| read(ctx, &field, convert::point(p))).collect::<Vec<_>>().into_iter();
        let mut of = |ctx: &mut Context<Fr>, factors: [ArkFr; 2]| {
            factors.map(|k| (ctx.load_witness(convert::scalar(&k)), cells.next().unwrap())).to_vec()
        };
        let terms = Terms { short: of(ctx, short), long: of(ctx, long) };
        let out = sum(pool, &field, terms);
        let expected = short.iter().chain(&long).zip(&points).map(|(k, p)| *p * k).sum::<ark_bn254::G1Projective>();
        let expected = convert::point(&expected.into_affine());
        assert_eq!([out.x(), out.y()].map(|c| c.value()), [expected.x, expected.y].map(|c| fe_to_biguint(&c)));
        assert_eq!(broken(&mut builder), [0; 4]);
    }
}
