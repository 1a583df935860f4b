//! Additions of pairs of points, sixteen at a time, with AVX-512's products of 52 bits (IFMA).
//!
//! **Numbers.** Five limbs of 52 bits in 64-bit lanes, in Montgomery form with R = 2^260 (Montgomery 1985, the product
//! scanned by operand). R is 84.6·p, so that a product of a·p and b·p comes out below (1 + a·b/84.6)·p and hardly anything
//! needs to be reduced. Bounds, in multiples of p:
//!
//! | | below | from |
//! |---|---|---|
//! | x, y in memory | 2.3 | [`reduced`] |
//! | Δx = x2 − x1 + 3p, Δy | 5.3 | |
//! | products of Δx, their inverses, and 1/(4Δx) from them | 1.07 | 1 + 5.3·1.07/84.6 |
//! | μ = Δy/(4Δx) | 1.07 | 1 + 5.3·1.07/84.6 |
//! | μ² − x1 − x2 + 5p | 6.1 | reduced: it is below 10.5 |
//! | 4·(x1 − x3 + 3p) | 21.2 | |
//! | μ·4·(x1 − x3) − y1 + 3p | 4.3 | reduced |
//!
//! **No change of form.** Memory has x·2^256 where products want X·2^260, so that a coordinate is read as a sixteenth of what it
//! is: X = x/16, Y = y/16. The chord's slope λ is the same, and with μ = λ/4 its formulas become X3 = μ² − X1 − X2 and
//! Y3 = 4·μ·(X1 − X3) − Y1. The factor 1/4 is put into the one inverse that all others come from.

// two vectors go through each step side by side: an index says so better than iterators would
#![allow(clippy::needless_range_loop)]

use std::arch::x86_64::*;

use ark_bn254::Fq;
use ark_ff::{BigInt, PrimeField, Zero, fields::serial_batch_inversion_and_mul};

use super::pairs::{Pair, Point};

/// Vectors that take each step together: one waits for its products while the other's are begun.
const BOTH: usize = 2;
/// Pairs of a step.
const STEP: usize = 8 * BOTH;
const BITS: u32 = 52;
const MASK: u64 = (1 << BITS) - 1;

/// Limbs of sixteen numbers.
type Numbers = [[__m512i; BOTH]; 5];

/// Memory between the passes forth and back.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Δx, and the product of all before it in its lane.
    steps: Vec<[Numbers; 2]>,
}

const fn limbs(v: [u64; 4]) -> [u64; 5] {
    [
        v[0] & MASK,
        (v[0] >> 52 | v[1] << 12) & MASK,
        (v[1] >> 40 | v[2] << 24) & MASK,
        (v[2] >> 28 | v[3] << 36) & MASK,
        v[3] >> 16,
    ]
}

const P: [u64; 5] = limbs(Fq::MODULUS.0);
/// −1/p mod 2^52: each step of Newton's iteration doubles the bits that are right.
const MINUS_INVERSE: u64 = {
    let (mut inverse, mut i) = (1u64, 0);
    while i < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(P[0].wrapping_mul(inverse)));
        i += 1;
    }
    inverse.wrapping_neg() & MASK
};
/// ⌊q·2^254/p⌋ for q from 0 to 7.
const QUOTIENTS: [u64; 8] = [0, 1, 2, 3, 5, 6, 7, 9];

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn all(v: u64) -> __m512i {
    _mm512_set1_epi64(v as i64)
}

/// Limbs below 2^52 of a number that is not negative.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn carried(mut v: Numbers) -> Numbers {
    for i in 0..4 {
        for k in 0..BOTH {
            v[i + 1][k] = _mm512_add_epi64(v[i + 1][k], _mm512_srai_epi64::<BITS>(v[i][k]));
            v[i][k] = _mm512_and_si512(v[i][k], all(MASK));
        }
    }
    v
}

/// a·b/2^260 mod p, not reduced; limbs of both below 2^52.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn times(a: &Numbers, b: &Numbers) -> Numbers {
    let zero = _mm512_setzero_si512();
    let mut t = [[zero; BOTH]; 5];
    for a in a {
        let mut m = [zero; BOTH];
        for k in 0..BOTH {
            for j in 0..5 {
                t[j][k] = _mm512_madd52lo_epu64(t[j][k], a[k], b[j][k]);
            }
        }
        for k in 0..BOTH {
            m[k] = _mm512_madd52lo_epu64(zero, t[0][k], all(MINUS_INVERSE));
        }
        for k in 0..BOTH {
            for j in 0..5 {
                t[j][k] = _mm512_madd52lo_epu64(t[j][k], m[k], all(P[j]));
            }
            // 52 bits are zero now; at most 20 terms below 2^52 meet in a limb
            t[1][k] = _mm512_add_epi64(t[1][k], _mm512_srli_epi64::<BITS>(t[0][k]));
        }
        t = [t[1], t[2], t[3], t[4], [zero; BOTH]];
        for k in 0..BOTH {
            for j in 0..5 {
                t[j][k] = _mm512_madd52hi_epu64(t[j][k], a[k], b[j][k]);
                t[j][k] = _mm512_madd52hi_epu64(t[j][k], m[k], all(P[j]));
            }
        }
    }
    carried(t)
}

/// a − b + multiple·p, limbs with sign.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn minus(a: &Numbers, b: &Numbers, multiple: u64) -> Numbers {
    let mut v = *a;
    for i in 0..5 {
        for k in 0..BOTH {
            v[i][k] = _mm512_sub_epi64(_mm512_add_epi64(v[i][k], all(multiple * P[i])), b[i][k]);
        }
    }
    v
}

/// Below 2.3·p, from limbs with sign of a number from 0.3·p to 10.5·p.
///
/// q = ⌊v/2^254⌋ is read off the highest limbs; carries from below, which have a sign, could change it by a 2^46th part, so it may be
/// one off where v is that near to a border: one too large leaves a quarter of p still, one too small no more than 2.3·p.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn reduced(mut v: Numbers) -> Numbers {
    for k in 0..BOTH {
        let high = _mm512_add_epi64(v[4][k], _mm512_srai_epi64::<BITS>(v[3][k]));
        let q = _mm512_srai_epi64::<46>(high);
        for i in 0..5 {
            let mut table = [0; 8];
            for (entry, quotient) in table.iter_mut().zip(QUOTIENTS) {
                *entry = quotient * P[i];
            }
            v[i][k] = _mm512_sub_epi64(v[i][k], _mm512_permutexvar_epi64(q, bytemuck::cast(table)));
        }
    }
    carried(v)
}

/// x (`half` 0) or y (1) of a step's first points, or of their neighbours (`second` 1). Lanes hold rows 0, 1, 4, 5, 2, 3, 6 and 7
/// of a vector's eight, which is where [`write`] puts them back.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn read(points: &[Point], pairs: &[Pair; STEP], second: usize, half: usize) -> Numbers {
    let mut v = [[_mm512_setzero_si512(); BOTH]; 5];
    for k in 0..BOTH {
        let mut rows = [_mm512_setzero_si512(); 4];
        for (j, row) in rows.iter_mut().enumerate() {
            let low = four(&points[pairs[8 * k + j].from as usize + second], half);
            let high = four(&points[pairs[8 * k + j + 4].from as usize + second], half);
            *row = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
        }
        let even = [_mm512_unpacklo_epi64(rows[0], rows[1]), _mm512_unpacklo_epi64(rows[2], rows[3])];
        let odd = [_mm512_unpackhi_epi64(rows[0], rows[1]), _mm512_unpackhi_epi64(rows[2], rows[3])];
        let [w0, w2] = [_mm512_shuffle_i64x2::<0x88>(even[0], even[1]), _mm512_shuffle_i64x2::<0xdd>(even[0], even[1])];
        let [w1, w3] = [_mm512_shuffle_i64x2::<0x88>(odd[0], odd[1]), _mm512_shuffle_i64x2::<0xdd>(odd[0], odd[1])];
        let mask = all(MASK);
        v[0][k] = _mm512_and_si512(w0, mask);
        v[1][k] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<52>(w0), _mm512_slli_epi64::<12>(w1)), mask);
        v[2][k] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<40>(w1), _mm512_slli_epi64::<24>(w2)), mask);
        v[3][k] = _mm512_and_si512(_mm512_or_si512(_mm512_srli_epi64::<28>(w2), _mm512_slli_epi64::<36>(w3)), mask);
        v[4][k] = _mm512_srli_epi64::<16>(w3);
    }
    v
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn four(point: &Point, half: usize) -> __m256i {
    let [a, b, c, d, e, f, g, h] = point.0;
    bytemuck::cast(if half == 0 { [a, b, c, d] } else { [e, f, g, h] })
}

/// Puts points where their pairs say; numbers are below 2^256.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn write(points: &mut [Point], pairs: &[Pair; STEP], coordinates: [&Numbers; 2]) {
    for k in 0..BOTH {
        // limbs of 64 bits by twos: [x or y][limbs 0 and 1, or 2 and 3][lanes of even place, or odd]
        let mut twos = [[[_mm512_setzero_si512(); 2]; 2]; 2];
        for (v, twos) in coordinates.iter().zip(&mut twos) {
            let w0 = _mm512_or_si512(v[0][k], _mm512_slli_epi64::<52>(v[1][k]));
            let w1 = _mm512_or_si512(_mm512_srli_epi64::<12>(v[1][k]), _mm512_slli_epi64::<40>(v[2][k]));
            let w2 = _mm512_or_si512(_mm512_srli_epi64::<24>(v[2][k]), _mm512_slli_epi64::<28>(v[3][k]));
            let w3 = _mm512_or_si512(_mm512_srli_epi64::<36>(v[3][k]), _mm512_slli_epi64::<16>(v[4][k]));
            twos[0] = [_mm512_unpacklo_epi64(w0, w1), _mm512_unpackhi_epi64(w0, w1)];
            twos[1] = [_mm512_unpacklo_epi64(w2, w3), _mm512_unpackhi_epi64(w2, w3)];
        }
        for odd in 0..2 {
            let [x, y] = [[twos[0][0][odd], twos[0][1][odd]], [twos[1][0][odd], twos[1][1][odd]]];
            // quarters of lanes 0 and 2 of both, then of 1 and 3
            let [x02, y02] = [_mm512_shuffle_i64x2::<0x88>(x[0], x[1]), _mm512_shuffle_i64x2::<0x88>(y[0], y[1])];
            let [x13, y13] = [_mm512_shuffle_i64x2::<0xdd>(x[0], x[1]), _mm512_shuffle_i64x2::<0xdd>(y[0], y[1])];
            let rows = [
                (odd, _mm512_shuffle_i64x2::<0x88>(x02, y02)),
                (odd + 2, _mm512_shuffle_i64x2::<0xdd>(x02, y02)),
                (odd + 4, _mm512_shuffle_i64x2::<0x88>(x13, y13)),
                (odd + 6, _mm512_shuffle_i64x2::<0xdd>(x13, y13)),
            ];
            for (row, point) in rows {
                points[pairs[8 * k + row].to as usize] = Point(bytemuck::cast(point));
            }
        }
    }
}

/// One number in every lane.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn everywhere(v: [u64; 5]) -> Numbers {
    let mut numbers = [[_mm512_setzero_si512(); BOTH]; 5];
    for (to, v) in numbers.iter_mut().zip(v) {
        *to = [all(v); BOTH];
    }
    numbers
}

/// 1/(4·v) in Montgomery form, lane by lane; None where one is 0.
fn quarter_inverses(v: Numbers) -> Option<Numbers> {
    let lanes: [[[u64; 8]; BOTH]; 5] = bytemuck::cast(v);
    let mut numbers = vec![];
    for lane in 0..STEP {
        let [a, b, c, d, e] = lanes.map(|limb| limb[lane / 8][lane % 8]);
        let mut number = BigInt([a | b << 52, b >> 12 | c << 40, c >> 24 | d << 28, d >> 36 | e << 16]);
        while number >= Fq::MODULUS {
            ark_ff::BigInteger::sub_with_borrow(&mut number, &Fq::MODULUS);
        }
        numbers.push(Fq::new_unchecked(number));
    }
    if numbers.iter().any(Zero::is_zero) {
        return None;
    }
    // ark-ff takes v·2^260 for 16·v, and gives 2^256/(16·v) where 2^260/(4·v) is wanted
    // one inversion, and no other task begun while this one waits
    serial_batch_inversion_and_mul(&mut numbers, &Fq::from(64));
    let mut lanes = [[[0; 8]; BOTH]; 5];
    for (lane, number) in numbers.iter().enumerate() {
        limbs(number.0.0).iter().zip(&mut lanes).for_each(|(limb, to)| to[lane / 8][lane % 8] = *limb);
    }
    Some(bytemuck::cast(lanes))
}

/// Adds each pair of `from` and puts the sum into `to`. False, and nothing written, where two points of a pair have one x.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn add(from: &[Point], to: &mut [Point], pairs: &mut Vec<Pair>, scratch: &mut Scratch) -> bool {
    let Some(last) = pairs.last().copied() else { return true };
    // a pair that is added again goes to the same place
    pairs.resize(pairs.len().next_multiple_of(STEP), last);
    let (pairs, _) = pairs.as_chunks::<STEP>();
    // 2^260 mod p
    let mut product = everywhere(limbs(Fq::from(16).0.0));
    scratch.steps.clear();
    for pairs in pairs {
        let [x1, x2] = [read(from, pairs, 0, 0), read(from, pairs, 1, 0)];
        let difference = carried(minus(&x2, &x1, 3));
        scratch.steps.push([difference, product]);
        product = times(&product, &difference);
    }
    let Some(mut inverse) = quarter_inverses(product) else { return false };
    for (pairs, [difference, before]) in pairs.iter().zip(&scratch.steps).rev() {
        let one = times(&inverse, before);
        inverse = times(&inverse, difference);
        let [y1, y2] = [read(from, pairs, 0, 1), read(from, pairs, 1, 1)];
        let slope = times(&carried(minus(&y2, &y1, 3)), &one);
        let [x1, x2] = [read(from, pairs, 0, 0), read(from, pairs, 1, 0)];
        let x = reduced(minus(&minus(&times(&slope, &slope), &x1, 5), &x2, 0));
        let mut fall = minus(&x1, &x, 3);
        for limb in &mut fall {
            for k in 0..BOTH {
                limb[k] = _mm512_slli_epi64::<2>(limb[k]);
            }
        }
        let y = reduced(minus(&times(&slope, &carried(fall)), &y1, 3));
        write(to, pairs, [&x, &y]);
    }
    true
}

#[cfg(test)]
mod tests {
    use ark_ff::{BigInteger, Field, UniformRand};
    use ark_std::rand::{SeedableRng, rngs::StdRng};

    use super::*;

    /// What the tables and bounds above are made of.
    #[test]
    fn constants() {
        assert_eq!(P[0].wrapping_mul(MINUS_INVERSE) & MASK, MASK);
        let quarter = Fq::from(4).inverse().expect("not 0");
        let rng = &mut StdRng::seed_from_u64(1);
        let values: Vec<Fq> = (0..STEP).map(|_| Fq::rand(rng)).collect();
        let mut lanes = [[[0; 8]; BOTH]; 5];
        for (lane, v) in values.iter().enumerate() {
            // v·2^260, where ark-ff keeps v·2^256
            let scaled = limbs((*v * Fq::from(16)).0.0);
            scaled.iter().zip(&mut lanes).for_each(|(limb, to)| to[lane / 8][lane % 8] = *limb);
        }
        let inverses: [[[u64; 8]; BOTH]; 5] = bytemuck::cast(quarter_inverses(bytemuck::cast(lanes)).expect("no zero"));
        for (lane, v) in values.iter().enumerate() {
            let expected = limbs((v.inverse().expect("not 0") * quarter * Fq::from(16)).0.0);
            assert_eq!(inverses.map(|limb| limb[lane / 8][lane % 8]), expected);
        }
        lanes.iter_mut().for_each(|limb| limb[1][3] = 0);
        assert!(quarter_inverses(bytemuck::cast(lanes)).is_none());
    }

    /// The quotients are right for both ends of each range, a sum that is read one too high included.
    #[test]
    fn quotients() {
        let p = Fq::MODULUS;
        let mut border = num(0);
        let step = num(1) << 254;
        for (q, quotient) in QUOTIENTS.iter().enumerate() {
            let mut multiple = num(0);
            (0..*quotient).for_each(|_| {
                multiple.add_with_carry(&wide(p));
            });
            let mut rest = border;
            assert!(!rest.sub_with_borrow(&multiple), "never below 0");
            // a quarter of p is left where a carry could have been missed
            assert!(q == 0 || rest << 2 >= wide(p), "{q}");
            rest.add_with_carry(&step);
            let (mut ten, mut most) = (num(0), num(0));
            (0..10).for_each(|_| {
                ten.add_with_carry(&rest);
            });
            (0..23).for_each(|_| {
                most.add_with_carry(&wide(p));
            });
            assert!(ten < most, "below 2.3·p");
            border.add_with_carry(&step);
        }
    }

    fn num(v: u64) -> BigInt<6> {
        BigInt::from(v)
    }

    fn wide(v: BigInt<4>) -> BigInt<6> {
        let [a, b, c, d] = v.0;
        BigInt([a, b, c, d, 0, 0])
    }
}
