//! Division of polynomials by X^b − α and X − x, coefficients from the lowest up, on all threads.

use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;

use crate::zeros;

/// Coefficients that are not worth a thread.
const BLOCK: usize = 1 << 12;

/// Quotient and remainder of f by X^b − α: Horner's rule on rows of b coefficients, in blocks of rows as in [`quotient`].
pub fn divide(f: &[Fr], b: usize, alpha: &Fr) -> (Vec<Fr>, Vec<Fr>) {
    let down = |g: &mut [Fr], row: &[Fr]| {
        g.iter_mut().for_each(|g| *g *= alpha);
        g.iter_mut().zip(row).for_each(|(g, f)| *g += f);
    };
    let rows = f.len().div_ceil(b).div_ceil(4 * rayon::current_num_threads()).max(BLOCK.div_ceil(b));
    let value = |block: &[Fr]| {
        let mut g = vec![Fr::ZERO; b];
        block.chunks(b).rev().for_each(|row| down(&mut g, row));
        g
    };
    let step = alpha.pow([rows as u64]);
    let mut carries: Vec<Vec<Fr>> = f.par_chunks(rows * b).map(value).collect();
    // what comes down to each block: the next one's value, and what came down to that
    let mut carry = vec![Fr::ZERO; b];
    for value in carries.iter_mut().rev() {
        let mut all = carry.clone();
        all.iter_mut().zip(&*value).for_each(|(c, v)| *c = *c * step + v);
        *value = std::mem::replace(&mut carry, all);
    }
    let mut q = zeros(f.len() - b);
    // row i of q is what comes down to row i of f
    q.par_chunks_mut(rows * b).zip(f.par_chunks(rows * b)).zip(carries).for_each(|((q, f), mut g)| {
        for (i, row) in f.chunks(b).enumerate().rev() {
            let to = q.get_mut(i * b..).unwrap_or_default();
            let n = to.len().min(b);
            to[..n].copy_from_slice(&g[..n]);
            down(&mut g, row);
        }
    });
    (q, carry)
}

/// The quotient of p by X − x; the remainder, p(x), is dropped.
pub fn quotient(p: &[Fr], x: &Fr) -> Vec<Fr> {
    suffixes(p.get(1..).unwrap_or_default(), x)
}

/// Σ_{j ≥ i} p_j·x^{j − i} for every i. Horner's rule in blocks: each block's own value first, then what comes down to it from the
/// blocks above, then its own sums.
pub fn suffixes(p: &[Fr], x: &Fr) -> Vec<Fr> {
    let size = p.len().div_ceil(4 * rayon::current_num_threads()).max(BLOCK);
    let values: Vec<Fr> = p.par_chunks(size).skip(1).map(|block| horner(block, Fr::ZERO, x, |_, _| {})).collect();
    let step = x.pow([size as u64]);
    let mut carries = vec![Fr::ZERO; values.len() + 1];
    for (i, value) in values.iter().enumerate().rev() {
        carries[i] = carries[i + 1] * step + value;
    }
    let mut q = zeros(p.len());
    q.par_chunks_mut(size).zip(p.par_chunks(size)).zip(carries).for_each(|((q, p), carry)| {
        horner(p, carry, x, |i, value| q[i] = value);
    });
    q
}

/// Σ p_i·x^i + carry·x^len from the highest coefficient down, telling each place's value.
fn horner(p: &[Fr], carry: Fr, x: &Fr, mut tell: impl FnMut(usize, Fr)) -> Fr {
    p.iter().enumerate().rev().fold(carry, |sum, (i, p)| {
        let sum = sum * x + p;
        tell(i, sum);
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (X^b − α)·q + g is f, whatever is left for the last row and the last block.
    #[test]
    fn divisions_in_blocks() {
        let alpha = -Fr::from(7u64);
        for (b, rows) in [(1, 1), (1, 9), (4, 4), (64, 64), (64, 1000), (512, 512)] {
            for more in [0, 1, b / 2] {
                let n = b * rows + more;
                let f: Vec<Fr> = (0..n as u64).map(|i| Fr::from(i * i + 3)).collect();
                let (q, g) = divide(&f, b, &alpha);
                assert_eq!((q.len(), g.len()), (n - b, b));
                let coefficient = |i: usize| q.get(i).copied().unwrap_or_default();
                for (i, f) in f.iter().enumerate() {
                    let low = if i < b { g[i] } else { coefficient(i - b) };
                    assert_eq!(low - alpha * coefficient(i), *f, "{b} {n} {i}");
                }
            }
        }
    }

    /// (X − x)·quotient + p(x) is p, for lengths below, at and above what goes into one block.
    #[test]
    fn quotients_in_blocks() {
        let x = -Fr::from(5u64);
        for n in [0, 1, 2, BLOCK, BLOCK + 1, BLOCK + 2, 3 * BLOCK + 7, 40 * BLOCK] {
            let p: Vec<Fr> = (0..n as u64).map(|i| Fr::from(i * i + 3)).collect();
            let q = quotient(&p, &x);
            assert_eq!(q.len(), n.saturating_sub(1));
            let coefficient = |i: usize| q.get(i).copied().unwrap_or_default();
            for (i, p) in p.iter().enumerate().skip(1) {
                assert_eq!(coefficient(i - 1) - x * coefficient(i), *p);
            }
        }
    }
}
