//! Influence: from a request's activations to weights over clusters (docs/semantics.md §6–7).
//!
//! | module | holds |
//! |---|---|
//! | [`index`] | H, at registration |
//! | this one | V, S, κ, R, w, W of a request (DESIGN.md §3.5) |

pub mod index;

use crate::bounds::R_BITS;

/// Scores and weights of one request over the rows of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Influence {
    /// S\[k\], signed, |S| < 2^75.
    pub scores: Vec<i128>,
    /// Bit length of the largest positive score.
    pub kappa: u32,
    /// R\[k\] < 2^20.
    pub ranks: Vec<u32>,
    /// w\[k\] = R^p.
    pub weights: Vec<u128>,
    /// W = Σw, zero when every score is at most zero.
    pub total: u128,
}

/// `S[k] = Σ_f V[f]·H[k,f]`.
pub fn scores(v: &[i64], h: &[i16]) -> Vec<i128> {
    h.chunks_exact(v.len())
        .map(|row| {
            // 44 + 15 bits a term: sixteen of them fit i64, so i128 is needed only across blocks.
            v.chunks(16)
                .zip(row.chunks(16))
                .map(|(v, h)| i128::from(v.iter().zip(h).map(|(v, h)| v * i64::from(*h)).sum::<i64>()))
                .sum()
        })
        .collect()
}

/// κ, R, w and W of a request's scores, with p from the policy.
pub fn weigh(scores: Vec<i128>, power: u8) -> Influence {
    let largest = scores.iter().copied().max().unwrap_or(0).max(0);
    let kappa = 128 - largest.unsigned_abs().leading_zeros();
    let ranks: Vec<u32> = scores
        .iter()
        // S⁺ < 2^κ makes the quotient < 2^20; S < 2^75 leaves room for the shift.
        .map(|s| u32::try_from(((*s).max(0) << R_BITS) >> kappa).expect("S⁺ < 2^κ"))
        .collect();
    let weights: Vec<u128> = ranks.iter().map(|r| u128::from(*r).pow(u32::from(power))).collect();
    Influence { total: weights.iter().sum(), scores, kappa, ranks, weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_rank_uses_all_twenty_bits() {
        for s in [1i128, 2, 3, 1 << 19, (1 << 20) - 1, 1 << 20, (1 << 75) - 1, 1 << 74] {
            let i = weigh(vec![s, -s, 0, s / 2], 4);
            assert!((1 << 19..1 << 20).contains(&i.ranks[0]), "{s}");
            assert_eq!(i.ranks[1..3], [0, 0]);
            assert!(i.total >= 1 << 76 && i.total < 1 << 82);
        }
    }

    #[test]
    fn without_a_positive_score_nobody_is_credited() {
        let i = weigh(vec![0, -5], 2);
        assert_eq!((i.kappa, i.total, i.ranks), (0, 0, vec![0, 0]));
    }

    /// A worked example of docs/semantics.md §7.
    #[test]
    fn worked_example() {
        let s = scores(&[3, -2], &[100, 50, -100, 0, 90, 60]);
        assert_eq!(s, [200, -300, 150]);
        let i = weigh(s, 2);
        assert_eq!((i.kappa, i.ranks.as_slice()), (8, &[819_200, 0, 614_400][..]));
        assert_eq!(i.total, 819_200u128.pow(2) + 614_400u128.pow(2));
    }

    #[test]
    fn scores_add_up_at_the_edge_of_their_bound() {
        let (v, h) = (vec![(1i64 << 44) - 1; 1 << 16], vec![i16::MAX; 1 << 16]);
        assert_eq!(scores(&v, &h), [(((1i128 << 44) - 1) * 32767) << 16]);
        assert!(scores(&v, &h)[0] < 1 << 75);
    }
}
