//! How a range check cuts a value for a table of 2^T numbers.
//!
//! A limb of T bits is in range when the table has it. One of b < T bits is when the table has it and its multiple by
//! 2^(T−b): the limb alone could have T bits. (The product's argument does the same, docs/protocol/README.md §5.)

use crate::number::Number;

/// Bits of U + 2^27.
pub const U_BITS: u32 = 28;
/// Bits of rem.
pub const REM_BITS: u32 = 16;

/// One limb of a value: `bits` bits from bit `shift` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limb {
    /// Its lowest bit's place.
    pub shift: u32,
    /// How many.
    pub bits: u32,
}

impl Limb {
    /// log of the factor of the second look-up, if the limb needs one.
    pub fn companion(self, table: u32) -> Option<u32> {
        (self.bits < table).then(|| table - self.bits)
    }
}

/// Limbs for a value of so many bits, lowest first.
pub fn limbs(bits: u32, table: u32) -> Vec<Limb> {
    (0..bits).step_by(table as usize).map(|shift| Limb { shift, bits: table.min(bits - shift) }).collect()
}

/// How many look-ups a value takes.
pub fn lookups(bits: u32, table: u32) -> usize {
    limbs(bits, table).iter().map(|limb| 1 + usize::from(limb.bits < table)).sum()
}

/// The table of at most `most` bits with which U and rem together take the fewest look-ups.
pub fn best_table(most: u32) -> u32 {
    (2..=most.min(REM_BITS)).min_by_key(|t| (lookups(U_BITS, *t) + lookups(REM_BITS, *t), *t)).unwrap_or(2)
}

/// A value's limbs. Whatever does not fit is left in the highest, where a range check must find it.
pub fn split(value: Number, limbs: &[Limb]) -> Vec<Number> {
    let (last, low) = limbs.split_last().expect("a value has a limb");
    let mut rest = value;
    let mut out = Vec::with_capacity(limbs.len());
    for limb in low {
        let part = rest.integer().map_or(0, |n| n.rem_euclid(1 << limb.bits));
        out.push(Number::new(part, 0));
        rest = rest.plus(Number::new(-part, 0)).over(limb.bits);
    }
    debug_assert_eq!(last.shift, low.iter().map(|limb| limb.bits).sum::<u32>());
    out.push(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limbs_add_up_to_their_value() {
        for table in [2, 7, 8, 14, 16] {
            let cut = limbs(U_BITS, table);
            assert_eq!(cut.iter().map(|l| l.bits).sum::<u32>(), U_BITS);
            for value in [Number::from(0), Number::from((1 << 28) - 1), Number::from(-5), Number::from(7).over(16)] {
                let parts = split(value, &cut);
                let sum = parts.iter().zip(&cut).fold(Number::from(0), |s, (n, l)| s.plus(n.times(1 << l.shift)));
                assert_eq!(sum, value);
            }
        }
    }

    #[test]
    fn tables_that_divide_cost_least() {
        assert_eq!((best_table(9), best_table(14), best_table(20)), (8, 14, 16));
        assert_eq!([8, 14, 16].map(|t| lookups(U_BITS, t) + lookups(REM_BITS, t)), [7, 5, 4]);
    }
}
