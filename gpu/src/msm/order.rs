//! Points in the order of the buckets that they fall into.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use bytemuck::zeroed_vec;
use rayon::prelude::*;

use super::digits::{Cut, Digits};

/// Points below which a part is not worth a thread.
const LEAST: usize = 1 << 14;

/// Places of points, bucket by bucket.
#[derive(Debug)]
pub(super) struct Order {
    /// A point's place, twice, plus one where it is subtracted. Threads write them to places of their own, which the compiler
    /// cannot see; with atomics it need not, and they cost what plain words do.
    pub entries: Vec<AtomicU32>,
    /// Buckets that are not empty, ascending, and where their entries end.
    pub ends: Vec<(u32, u32)>,
}

/// Falls into no bucket.
const NOWHERE: u32 = u32::MAX;

impl Order {
    /// By the size of digits of one window; zeros fall into none.
    pub fn of_digits(digits: &impl Digits, cut: Cut, window: u32) -> Self {
        let code = |i: usize| match digits.digit(i, window) {
            0 => NOWHERE,
            // at most 2^16
            digit => (digit.unsigned_abs() as u32) << 1 | u32::from(digit < 0),
        };
        Self::sorted(digits.len(), cut.half() as usize + 1, code)
    }

    /// By keys.
    pub fn of_keys(keys: &[u32]) -> Self {
        Self::sorted(keys.len(), keys.iter().max().map_or(0, |k| *k as usize + 1), |i| keys[i] << 1)
    }

    /// Counting sort by codes: a bucket twice, plus the sign. Every thread counts and places a part; who comes from an earlier part
    /// stands earlier, so that the order is the same for any number of parts.
    fn sorted(n: usize, buckets: usize, code: impl Fn(usize) -> u32 + Sync) -> Self {
        assert!(n < 1 << 31 && buckets < 1 << 31, "places and buckets share 32 bits with a sign");
        let size = n.div_ceil(rayon::current_num_threads()).max(LEAST);
        let starts = (0..n).into_par_iter().step_by(size);
        let count = |start: usize| {
            let codes: Vec<u32> = (start..(start + size).min(n)).map(&code).collect();
            let mut counts = vec![0u32; buckets];
            codes.iter().filter(|c| **c != NOWHERE).for_each(|c| counts[(c >> 1) as usize] += 1);
            (start as u32, codes, counts)
        };
        let mut parts: Vec<(u32, Vec<u32>, Vec<u32>)> = starts.map(count).collect();
        let (mut ends, mut end) = (vec![], 0);
        for bucket in 0..buckets {
            let start = end;
            for (_, _, next) in &mut parts {
                end += std::mem::replace(&mut next[bucket], end);
            }
            if end > start {
                ends.push((bucket as u32, end));
            }
        }
        let entries: Vec<AtomicU32> = zeroed_vec(end as usize);
        parts.into_par_iter().for_each(|(start, codes, mut next)| {
            for (i, code) in (start..).zip(codes).filter(|(_, c)| *c != NOWHERE) {
                let next = &mut next[(code >> 1) as usize];
                entries[*next as usize].store(i << 1 | code & 1, Relaxed);
                *next += 1;
            }
        });
        Self { entries, ends }
    }
}
