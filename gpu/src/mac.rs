//! Σ weight·integer with one reduction at the end.
//!
//! A weight has four limbs of 64 bits and a digit has 32, so a term has 96 bits per limb and 2^32 of them fit 128: sums are
//! formed limb by limb, and the modulus is taken once (delayed reduction). Integers with sign are read with a bias that makes
//! them non-negative and is taken off the sum; those of 64 bits are two digits.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, BigInt, Field, MontFp};

/// 2^256 mod r: what a number must be multiplied by to stand in Montgomery form.
pub(crate) const MONTGOMERY: Fr =
    MontFp!("6350874878119819312338956282401532410528162663560392320966563075034087161851");

/// An integer of at most 64 bits.
pub trait Small: Copy + Send + Sync {
    /// Has it more than 32 bits?
    const WIDE: bool;
    /// What makes it non-negative.
    const BIAS: u64;
    /// The integer and the bias.
    fn biased(self) -> u64;
}

macro_rules! small {
    ($($t:ty, $unsigned:ty, $signed:expr);*) => {$(
        impl Small for $t {
            const WIDE: bool = <$t>::BITS > 32;
            const BIAS: u64 = if $signed { 1 << (<$t>::BITS - 1) } else { 0 };
            fn biased(self) -> u64 {
                // flipping the sign bit adds the bias
                u64::from(self as $unsigned) ^ Self::BIAS
            }
        }
    )*};
}
small!(u8, u8, false; u16, u16, false; u32, u32, false; u64, u64, false; i8, u8, true; i16, u16, true; i32, u32, true; i64, u64, true);

/// A sum of weights times digits of 32 bits; at most 2^32 terms.
#[derive(Clone, Copy, Default)]
pub(crate) struct Digits([u128; 4]);

impl Digits {
    fn add(&mut self, weight: &Fr, digit: u64) {
        for (sum, limb) in self.0.iter_mut().zip(weight.0.0) {
            *sum += u128::from(limb) * u128::from(digit as u32);
        }
    }

    fn reduce(self) -> Fr {
        // weights stand in Montgomery form, so the sum does too: limbs are taken as they are
        let mut limbs = [0u64; 6];
        let mut carry = 0u128;
        for (i, limb) in limbs.iter_mut().enumerate() {
            // below 2^65 + 2^64: two halves of sums and a carry
            carry += self.0.get(i).map_or(0, |s| s & u128::from(u64::MAX))
                + i.checked_sub(1).and_then(|i| self.0.get(i)).map_or(0, |s| s >> 64);
            *limb = carry as u64;
            carry >>= 64;
        }
        let raw = |limbs: [u64; 2]| Fr::new_unchecked(BigInt([limbs[0], limbs[1], 0, 0]));
        let [a, b, c, d, e, f] = limbs;
        let step = Fr::from(1u128 << 64).square();
        (raw([e, f]) * step + raw([c, d])) * step + raw([a, b])
    }
}

/// A sum of weights times integers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum {
    low: Digits,
    high: Digits,
}

impl Sum {
    pub(crate) fn add<T: Small>(&mut self, weight: &Fr, value: T) {
        let value = value.biased();
        self.low.add(weight, value);
        if T::WIDE {
            self.high.add(weight, value >> 32);
        }
    }

    /// The sum; `weights` is that of all weights.
    pub(crate) fn finish<T: Small>(self, weights: Fr) -> Fr {
        let mut sum = self.low.reduce();
        if T::WIDE {
            sum += self.high.reduce() * Fr::from(1u64 << 32);
        }
        if T::BIAS != 0 {
            sum -= weights * Fr::from(T::BIAS);
        }
        sum
    }
}

/// Σ weights·values, over the shorter of both.
pub(crate) fn dot<T: Small>(weights: &[Fr], values: impl Iterator<Item = T>) -> Fr {
    let (mut sum, mut total) = (Sum::default(), Fr::ZERO);
    for (w, v) in weights.iter().zip(values) {
        sum.add(w, v);
        if T::BIAS != 0 {
            total += w;
        }
    }
    sum.finish::<T>(total)
}

/// Multiplies integers by one factor: a single multiplication each, their way into Montgomery form included.
#[derive(Clone, Copy)]
pub(crate) struct Factor {
    scaled: Fr,
    bias: Fr,
}

impl Factor {
    pub(crate) fn new<T: Small>(factor: Fr) -> Self {
        Self { scaled: factor * MONTGOMERY, bias: factor * Fr::from(T::BIAS) }
    }

    pub(crate) fn times<T: Small>(&self, value: T) -> Fr {
        let product = Fr::new_unchecked(BigInt([value.biased(), 0, 0, 0])) * self.scaled;
        if T::BIAS != 0 { product - self.bias } else { product }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weights(n: u64) -> Vec<Fr> {
        (1..=n).map(|i| -Fr::from(i * i) / Fr::from(i + 7)).collect()
    }

    fn check<T: Small + Into<i128>>(values: &[T]) {
        let field = |v: T| {
            let v: i128 = v.into();
            if v < 0 { -Fr::from(v.unsigned_abs()) } else { Fr::from(v.unsigned_abs()) }
        };
        let w = weights(values.len() as u64);
        let plain: Fr = w.iter().zip(values).map(|(w, v)| *w * field(*v)).sum();
        assert_eq!(dot(&w, values.iter().copied()), plain);
        let f = Factor::new::<T>(w[0]);
        values.iter().for_each(|v| assert_eq!(f.times(*v), w[0] * field(*v)));
    }

    #[test]
    fn delayed_reduction_is_exact_at_the_edges() {
        check(&[0u8, 1, 255]);
        check(&[0u16, 1, u16::MAX]);
        check(&[u32::MAX; 1000]);
        check(&[0, u64::MAX, u64::MAX, 1, 1 << 32, (1 << 32) - 1]);
        check(&[i8::MIN, -1, 0, 1, i8::MAX]);
        check(&[i16::MIN, -1, 0, 1, i16::MAX]);
        check(&[i32::MIN, -1, 0, 1, i32::MAX]);
        check(&[i64::MIN, i64::MIN, -1, 0, 1, i64::MAX]);
        // the largest weight, in Montgomery form, with the largest digit
        let most = Fr::new_unchecked({
            let mut m = <Fr as ark_ff::PrimeField>::MODULUS;
            m.0[0] -= 1;
            m
        });
        let sum = dot(&vec![most; 1 << 12], std::iter::repeat_n(u64::MAX, 1 << 12));
        assert_eq!(sum, most * Fr::from(u64::MAX) * Fr::from(1u64 << 12));
        assert_eq!(MONTGOMERY, Fr::from(2u64).pow([256]));
    }
}
