//! Sums of buckets, strip by strip.

use std::{
    ops::Range,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use ark_bn254::{G1Affine, G1Projective};
use ark_ec::CurveGroup;
use rayon::prelude::*;

use super::{order::Order, pairs::Adder};

/// Entries of a strip: enough that a round's inversion costs little, few enough that all of it stays in the cache.
const STRIP: usize = 1 << 14;

/// Points whose memory is asked for while others are read: they lie all over the place.
const AHEAD: usize = 24;

/// Each order's buckets with their sums, ascending, in as many pieces as there were strips. A bucket that lies in two strips comes twice.
pub(super) fn of_buckets(points: &[G1Affine], orders: &[Order]) -> Vec<Vec<Vec<(u32, G1Affine)>>> {
    let strips = |order: &Order| order.entries.len().div_ceil(STRIP);
    let all: Vec<(usize, usize)> =
        orders.iter().enumerate().flat_map(|(o, order)| (0..strips(order)).map(move |s| (o, s))).collect();
    let of = |adder: &mut Adder, (o, s): &(usize, usize)| {
        let order = &orders[*o];
        let range = s * STRIP..((s + 1) * STRIP).min(order.entries.len());
        (*o, strip(adder, points, order, range))
    };
    let sums: Vec<_> = all.par_iter().map_init(Adder::default, of).collect();
    let mut out = vec![vec![]; orders.len()];
    sums.into_iter().for_each(|(o, sums)| out[o].push(sums));
    out
}

#[cfg(target_arch = "x86_64")]
use crate::raw::lanes::prefetch as ask_for;
#[cfg(not(target_arch = "x86_64"))]
fn ask_for(_point: &G1Affine) {}

fn strip(adder: &mut Adder, points: &[G1Affine], order: &Order, range: Range<usize>) -> Vec<(u32, G1Affine)> {
    let first = order.ends.partition_point(|(_, end)| *end as usize <= range.start);
    let mut buckets = vec![];
    let mut start = range.start;
    for (bucket, end) in &order.ends[first..] {
        let end = (*end as usize).min(range.end);
        buckets.push((*bucket, (end - start) as u32));
        start = end;
        if end == range.end {
            break;
        }
    }
    let entries = &order.entries[range];
    let source = |e: &AtomicU32| {
        let e = e.load(Relaxed);
        (&points[(e >> 1) as usize], e & 1 == 1)
    };
    let lengths: Vec<u32> = buckets.iter().map(|b| b.1).collect();
    let soon = entries.iter().skip(AHEAD).map(Some).chain(std::iter::repeat(None));
    let prefetched = entries.iter().zip(soon).map(|(entry, soon)| {
        soon.inspect(|e| ask_for(source(e).0));
        source(entry)
    });
    if let Some(sums) = adder.sums(prefetched, lengths) {
        return buckets.iter().zip(sums).map(|(b, sum)| (b.0, sum)).collect();
    }
    // a point at infinity, or two neighbours with one x: as rare as they are, they are added one by one
    let mut sums = vec![];
    let mut rest = entries;
    for (_, length) in &buckets {
        let (these, others) = rest.split_at(*length as usize);
        sums.push(
            these
                .iter()
                .map(source)
                .fold(G1Projective::default(), |sum, (p, minus)| if minus { sum - p } else { sum + p }),
        );
        rest = others;
    }
    buckets.iter().map(|b| b.0).zip(G1Projective::normalize_batch(&sums)).collect()
}
