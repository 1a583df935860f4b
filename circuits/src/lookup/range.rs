//! Numbers of any width as limbs that one range table bounds.
//!
//! A number v of B ≤ 128 bits is committed as n = ⌈B/w⌉ limbs, v = Σ 2^{w·i}·v_i, w the table's bits. Every limb is looked up in
//! 0 … 2^w − 1; a last limb of b < w bits is also looked up as 2^{w−b}·v_i, which no number of more than b bits survives:
//! 2^{w−b}·v_i < 2^w as integers, because v_i < 2^w and 2^{2w} is below the field's characteristic. So 0 ≤ v < 2^B.

use ark_bn254::Fr;
use ark_ff::Field;

use super::{Entry, Form};
use crate::{
    arithmetic::Arithmetic,
    columns::{ColumnId, Columns, MAX_VARS},
};

/// The largest range table: 2^16.
pub const LARGEST: usize = 16;

/// Numbers as sums of columns of one size, each with a factor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(pub Vec<(Fr, ColumnId)>);

impl Number {
    /// A column itself.
    pub fn column(id: ColumnId) -> Self {
        Self(vec![(Fr::from(1u64), id)])
    }

    /// Two columns of at most 40 bits and more: low + 2^40·high.
    pub fn pair([low, high]: [ColumnId; 2]) -> Self {
        Self(vec![(Fr::from(1u64), low), (Fr::from(1u64 << 40), high)])
    }
}

/// The columns of a number's limbs, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limbs {
    /// One per limb.
    pub columns: Vec<ColumnId>,
    vars: usize,
    bits: usize,
    width: usize,
}

impl Limbs {
    /// Adds the columns of 2^vars numbers of `bits` bits, at most 128, for a range table of `width` bits.
    ///
    /// # Panics
    /// Where `width` is not 1 to [`LARGEST`], or `bits` are more: such limbs would bound nothing.
    pub fn new(columns: &mut Columns, name: &'static str, vars: usize, bits: usize, width: usize) -> Self {
        assert!((1..=LARGEST).contains(&width) && bits <= 128, "limbs of {width} bits for a number of {bits}");
        let columns = (0..bits.div_ceil(width)).map(|_| columns.push(name, vars)).collect();
        Self { columns, vars, bits, width }
    }

    /// The lookups, in the range table with this number.
    pub fn entries(&self, table: usize) -> Vec<Entry> {
        let entry = |form| Entry { vars: self.vars, forms: vec![form], table };
        let mut all: Vec<Entry> = self.columns.iter().map(|id| entry(Form::column(*id))).collect();
        let top = self.bits % self.width;
        if let (Some(last), 1..) = (self.columns.last(), top) {
            all.push(entry(Form::scaled(*last, 1 << (self.width - top))));
        }
        all
    }

    /// B.
    pub fn bits(&self) -> usize {
        self.bits
    }

    /// The number as a sum of its limbs.
    pub fn number(&self) -> Number {
        let factors = std::iter::successors(Some(Fr::from(1u64)), |f| Some(*f * self.base()));
        Number(factors.zip(self.columns.iter().copied()).collect())
    }

    /// The number that these limbs make.
    pub fn value<A: Arithmetic>(&self, a: &A, limbs: &[A::Scalar]) -> A::Scalar {
        a.horner(limbs, &a.constant(self.base()))
    }

    /// 2^w.
    fn base(&self) -> Fr {
        Fr::from(2u64).pow([self.width as u64])
    }
}

/// The bits of the table for which these numbers (variables and bits of each) cost least, in columns, lookups and table: a
/// small batch must not pay for 2^16 places.
pub fn width(numbers: &[(usize, usize)]) -> usize {
    let cost = |w: &usize| {
        let of = |(vars, bits): &(usize, usize)| {
            (2 * bits.div_ceil(*w) + usize::from(bits % w > 0)).saturating_mul(1 << (*vars).min(MAX_VARS))
        };
        numbers.iter().fold(2 << w, |sum: usize, n| sum.saturating_add(of(n)))
    };
    (1..=LARGEST).min_by_key(cost).unwrap_or(LARGEST)
}

#[cfg(feature = "prove")]
mod split {
    use talea_gpu::Ints;

    use super::Limbs;

    impl Limbs {
        /// The limbs of numbers, in columns of 8 or 16 bits. Bits beyond the number's are dropped.
        pub fn split(&self, numbers: &[u128]) -> Vec<Ints> {
            let limb = |i: usize| {
                let bits = self.width.min(self.bits - i * self.width);
                let of = |v: &u128| (v >> (i * self.width)) as u16 & (((1u32 << bits) - 1) as u16);
                match bits {
                    ..=8 => Ints::U8(numbers.iter().map(|v| of(v) as u8).collect()),
                    _ => Ints::U16(numbers.iter().map(of).collect()),
                }
            };
            (0..self.columns.len()).map(limb).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_follow_the_work() {
        assert_eq!(width(&[(2, 24), (2, 16)]), 4, "four numbers");
        assert_eq!(width(&[(10, 24), (10, 16)]), 8);
        assert_eq!(width(&[(16, 24), (16, 16)]), 16);
    }
}
