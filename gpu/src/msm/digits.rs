//! Scalars as digits with sign.
//!
//! With windows of c bits and h = 2^(c−1), v = Σ_w d_w·2^(c·w) where every digit but the highest lies in [−h, h − 1]. Adding
//! B = Σ_{w < W−1} h·2^(c·w) once turns them into plain bits: d_w = ⌊(v + B)/2^(c·w)⌋ mod 2^c − h, and the highest is what
//! stands above. It is at most h in size where |v| ≤ 2^(c·W − 1), because B < 2^(c·(W−1)).

use ark_bn254::Fr;
use ark_ff::PrimeField;
use rayon::prelude::*;

/// How scalars are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    /// Bits of a window, c.
    pub width: u32,
    /// Windows, W.
    pub windows: u32,
}

impl Cut {
    /// For |scalars| ≤ 2^bits.
    pub fn new(bits: u32, width: u32) -> Self {
        Self { width, windows: (bits + 1).div_ceil(width) }
    }

    /// h, also the number of buckets: sizes 1 to h.
    pub fn half(&self) -> i64 {
        1 << (self.width - 1)
    }

    fn lowest_bit(&self, window: u32) -> u32 {
        self.width * window
    }

    /// Places of the bits of B.
    fn bias_bits(&self) -> impl Iterator<Item = u32> {
        (0..self.windows - 1).map(|w| self.lowest_bit(w) + self.width - 1)
    }
}

/// Scalars that can be cut.
pub(super) trait Scalars {
    /// The least b with |scalar| ≤ 2^b for all.
    fn bits(&self) -> u32;

    /// Their digits.
    fn digits(self, cut: Cut) -> impl Digits;
}

/// Scalars, cut.
pub(super) trait Digits: Sync {
    fn len(&self) -> usize;

    /// Digit `window` of scalar `i`, from −h to h.
    fn digit(&self, i: usize, window: u32) -> i64;
}

/// A digit from the bits of v + B from its place upwards. They fit 64 bits in the highest window, where all are taken.
#[inline]
fn digit(above: i64, cut: &Cut, window: u32) -> i64 {
    if window + 1 == cut.windows { above } else { (above & (2 * cut.half() - 1)) - cut.half() }
}

struct CutInts<'a, T> {
    ints: &'a [T],
    cut: Cut,
    bias: i128,
}

impl<T: Copy + Sync> Scalars for &[T]
where
    i128: From<T>,
{
    fn bits(&self) -> u32 {
        let most = self.par_iter().map(|v| i128::from(*v).unsigned_abs()).max().unwrap_or(0);
        most.max(1).next_power_of_two().ilog2()
    }

    fn digits(self, cut: Cut) -> impl Digits {
        CutInts { ints: self, cut, bias: cut.bias_bits().map(|bit| 1 << bit).sum() }
    }
}

impl<T: Copy + Sync> Digits for CutInts<'_, T>
where
    i128: From<T>,
{
    fn len(&self) -> usize {
        self.ints.len()
    }

    #[inline]
    fn digit(&self, i: usize, window: u32) -> i64 {
        let above = (i128::from(self.ints[i]) + self.bias) >> self.cut.lowest_bit(window);
        digit(above as i64, &self.cut, window)
    }
}

/// Field elements as plain integers, lowest limb first.
#[derive(Debug)]
pub(super) struct Elements(pub Vec<[u64; 4]>);

struct CutElements {
    /// With B.
    limbs: Vec<[u64; 4]>,
    cut: Cut,
}

impl Scalars for Elements {
    fn bits(&self) -> u32 {
        Fr::MODULUS_BIT_SIZE
    }

    fn digits(mut self, cut: Cut) -> impl Digits {
        let mut bias = [0; 4];
        cut.bias_bits().for_each(|bit| bias[bit as usize / 64] |= 1 << (bit % 64));
        self.0.par_iter_mut().for_each(|limbs| {
            // below 2^254 + 2^255: B's highest bit is below the last window, in which scalars end
            let mut carry = false;
            limbs.iter_mut().zip(bias).for_each(|(v, b)| (*v, carry) = v.carrying_add(b, carry));
        });
        CutElements { limbs: self.0, cut }
    }
}

impl Digits for CutElements {
    fn len(&self) -> usize {
        self.limbs.len()
    }

    #[inline]
    fn digit(&self, i: usize, window: u32) -> i64 {
        let (limb, shift) = (self.cut.lowest_bit(window) as usize / 64, self.cut.lowest_bit(window) % 64);
        let next = self.limbs[i].get(limb + 1).copied().unwrap_or(0);
        let above = (u128::from(self.limbs[i][limb]) | u128::from(next) << 64) >> shift;
        digit(above as i64, &self.cut, window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits are in range and add up, at the ends of every type and for every width.
    #[test]
    fn digits_add_up() {
        let ends = |bits: u32| -> Vec<i128> {
            let most = 1i128 << bits;
            [0, 1, 2, 3, most / 2, most / 2 + 1, most / 3, most - 1, most]
                .into_iter()
                .filter(|v| *v <= most)
                .flat_map(|v| [v, -v])
                .collect()
        };
        for bits in [0, 1, 2, 7, 8, 15, 16, 31, 32, 62] {
            let values: Vec<i64> = ends(bits).iter().map(|v| *v as i64).collect();
            assert_eq!(values.as_slice().bits(), bits);
            for width in 2..=17 {
                let cut = Cut::new(bits, width);
                let all = values.as_slice().digits(cut);
                for (i, v) in values.iter().enumerate() {
                    let digits: Vec<i64> = (0..cut.windows).map(|w| all.digit(i, w)).collect();
                    assert!(digits.iter().all(|d| d.abs() <= cut.half()), "{v}: {digits:?}");
                    let sum: i128 = digits.iter().rev().fold(0, |sum, d| (sum << width) + i128::from(*d));
                    assert_eq!(sum, i128::from(*v), "{cut:?}");
                }
            }
        }
    }

    #[test]
    fn ends_of_64_bits() {
        for (bits, all) in
            [(63, [i64::MIN, i64::MAX, -1].map(i128::from)), (64, [u64::MAX, 0, 1 << 63].map(i128::from))]
        {
            let values: Vec<Wide> = all.iter().map(|v| Wide(*v)).collect();
            assert_eq!(values.as_slice().bits(), bits);
            for width in 2..=17 {
                let cut = Cut::new(bits, width);
                let digits = values.as_slice().digits(cut);
                for (i, v) in all.iter().enumerate() {
                    let sum: i128 = (0..cut.windows)
                        .map(|w| digits.digit(i, w))
                        .rev()
                        .fold(0, |sum, d| (sum << width) + i128::from(d));
                    assert_eq!(sum, *v, "{cut:?}");
                }
            }
        }
    }

    #[derive(Clone, Copy)]
    struct Wide(i128);

    impl From<Wide> for i128 {
        fn from(v: Wide) -> i128 {
            v.0
        }
    }

    #[test]
    fn digits_of_elements_add_up() {
        use ark_ff::{BigInt, Field};
        let mut last = Fr::MODULUS;
        last.0[0] -= 1;
        let all = vec![[0; 4], [1, 0, 0, 0], last.0, [u64::MAX, u64::MAX, u64::MAX, last.0[3] - 1], [0, 0, 0, 1 << 61]];
        for width in 2..=17 {
            let cut = Cut::new(Elements(vec![]).bits(), width);
            let elements = Elements(all.clone()).digits(cut);
            for (i, limbs) in all.iter().enumerate() {
                let digits: Vec<i64> = (0..cut.windows).map(|w| elements.digit(i, w)).collect();
                assert!(digits.iter().all(|d| d.abs() <= cut.half()), "{digits:?}");
                let base = Fr::from(2u64).pow([u64::from(width)]);
                let sum = digits.iter().rev().fold(Fr::from(0u64), |sum, d| sum * base + Fr::from(*d));
                assert_eq!(sum.into_bigint(), BigInt(*limbs));
            }
        }
    }
}
