//! Points in the order of the buckets that they fall into.

use std::{
    ops::Range,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use rayon::prelude::*;

use super::digits::{Cut, Digits};

/// Points below which a part is not worth a thread.
const LEAST: usize = 1 << 14;

/// Places of points, bucket by bucket.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// A point's place, twice, plus one where it is subtracted.
    pub entries: Vec<u32>,
    /// Buckets that are not empty, ascending, and where their entries end.
    pub ends: Vec<(u32, u32)>,
}

impl Order {
    /// By the size of digits of one window; zeros fall into none.
    pub fn of_digits(digits: &impl Digits, cut: Cut, window: u32) -> Self {
        let bucket = |i: usize| {
            let digit = digits.digit(i, window);
            // at most 2^16
            (digit != 0).then_some((digit.unsigned_abs() as u32, u32::from(digit < 0)))
        };
        Self::sorted(digits.len(), cut.half() as usize + 1, bucket)
    }

    /// By keys.
    pub fn of_keys(keys: &[u32]) -> Self {
        Self::sorted(keys.len(), keys.iter().max().map_or(0, |k| *k as usize + 1), |i| Some((keys[i], 0)))
    }

    /// Counting sort; `of` gives bucket and sign of those that fall into one. Every thread counts and places a part; who comes
    /// from an earlier part stands earlier, so that the order is the same for any number of parts.
    fn sorted(n: usize, buckets: usize, of: impl Fn(usize) -> Option<(u32, u32)> + Sync) -> Self {
        assert!(n < 1 << 31, "places and signs share 32 bits");
        let size = n.div_ceil(rayon::current_num_threads()).max(LEAST);
        let parts = (0..n).into_par_iter().step_by(size).map(|start| start..(start + size).min(n));
        let count = |part: Range<usize>| {
            let mut counts = vec![0u32; buckets];
            part.clone().filter_map(&of).for_each(|(bucket, _)| counts[bucket as usize] += 1);
            (part, counts)
        };
        let mut parts: Vec<(Range<usize>, Vec<u32>)> = parts.map(count).collect();
        let (mut ends, mut end) = (vec![], 0);
        for bucket in 0..buckets {
            let start = end;
            for (_, next) in &mut parts {
                end += std::mem::replace(&mut next[bucket], end);
            }
            if end > start {
                ends.push((bucket as u32, end));
            }
        }
        // all places are different, but the compiler cannot see it; stores to atomics cost what stores cost
        let entries: Vec<AtomicU32> = std::iter::repeat_with(AtomicU32::default).take(end as usize).collect();
        parts.into_par_iter().for_each(|(part, mut next)| {
            for i in part {
                if let Some((bucket, sign)) = of(i) {
                    let next = &mut next[bucket as usize];
                    entries[*next as usize].store((i as u32) << 1 | sign, Relaxed);
                    *next += 1;
                }
            }
        });
        Self { entries: entries.into_iter().map(AtomicU32::into_inner).collect(), ends }
    }
}
