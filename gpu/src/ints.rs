//! Columns of small integers.

use std::ops::Range;

use ark_bn254::Fr;

/// A column in the narrowest type that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ints {
    /// 8 bits.
    U8(Vec<u8>),
    /// 16 bits.
    U16(Vec<u16>),
    /// 32 bits.
    U32(Vec<u32>),
    /// 64 bits.
    U64(Vec<u64>),
    /// 16 bits with sign.
    I16(Vec<i16>),
    /// 32 bits with sign.
    I32(Vec<i32>),
    /// 64 bits with sign.
    I64(Vec<i64>),
}

/// Runs the same expression on whichever vector is inside.
macro_rules! each {
    ($ints:expr, $v:ident => $e:expr) => {
        match $ints {
            Ints::U8($v) => $e,
            Ints::U16($v) => $e,
            Ints::U32($v) => $e,
            Ints::U64($v) => $e,
            Ints::I16($v) => $e,
            Ints::I32($v) => $e,
            Ints::I64($v) => $e,
        }
    };
}
pub(crate) use each;

impl Ints {
    /// Number of values.
    pub fn len(&self) -> usize {
        each!(self, v => v.len())
    }

    /// No values?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all values.
    pub fn size(&self) -> usize {
        self.bytes(0..self.len()).len()
    }

    /// A value.
    pub fn get(&self, i: usize) -> i128 {
        each!(self, v => i128::from(v[i]))
    }

    /// A value as a field element.
    pub fn field(&self, i: usize) -> Fr {
        each!(self, v => Fr::from(v[i]))
    }

    /// Changes a value; used by tests that cheat. The value must fit the type.
    ///
    /// # Panics
    /// Where it does not.
    pub fn set(&mut self, i: usize, to: i128) {
        each!(self, v => v[i] = to.try_into().expect("a value of the column's type"))
    }

    /// Adds factor·value to every sum, from place `from` on.
    pub fn accumulate(&self, from: usize, factor: i128, sums: &mut [i128]) {
        each!(self, v => sums.iter_mut().zip(&v[from..]).for_each(|(sum, x)| *sum += factor * i128::from(*x)));
    }

    /// The type's number in `cuda/ints.cuh`.
    pub(crate) fn kind(&self) -> usize {
        match self {
            Self::U8(_) => 0,
            Self::U16(_) => 1,
            Self::U32(_) => 2,
            Self::U64(_) => 3,
            Self::I16(_) => 4,
            Self::I32(_) => 5,
            Self::I64(_) => 6,
        }
    }

    /// A part as it lies in memory.
    pub(crate) fn bytes(&self, part: Range<usize>) -> &[u8] {
        each!(self, v => bytemuck::cast_slice(&v[part]))
    }

    /// All values as field elements.
    pub fn fields(&self) -> Vec<Fr> {
        each!(self, v => v.iter().map(|x| Fr::from(*x)).collect())
    }
}
