//! Sums of buckets, strip by strip.

use std::{
    ops::Range,
    sync::{Mutex, PoisonError, atomic::Ordering::Relaxed},
};

use ark_bn254::{G1Affine, G1Projective};
use ark_ec::CurveGroup;
use rayon::prelude::*;

use super::{order::Order, pairs::Adder};

/// Most entries of a strip: enough that a round's inversion costs little, few enough that all of it stays in the cache.
const STRIP: usize = 1 << 14;
/// Fewest, where there are too few for all threads.
const LEAST: usize = 1 << 11;
/// Points whose memory is asked for while others are read: they lie all over the place.
const AHEAD: usize = 24;

/// Buckets and their sums, ascending. A bucket that lies in two strips comes twice.
pub(super) type Sums = Vec<(u32, G1Affine)>;

/// Each order's buckets, in as many pieces as it had strips. A strip goes over the end of an order into the next one: orders
/// can be short and many.
pub(super) fn of_buckets(points: &[G1Affine], orders: &[Order]) -> Vec<Vec<Sums>> {
    let total: usize = orders.iter().map(|o| o.entries.len()).sum();
    let size = total.div_ceil(2 * rayon::current_num_threads()).clamp(LEAST, STRIP);
    let mut strips: Vec<Vec<Piece<'_>>> = vec![];
    let mut room = 0;
    for (order, of) in orders.iter().enumerate() {
        let mut start = 0;
        while start < of.entries.len() {
            if room == 0 {
                strips.push(vec![]);
                room = size;
            }
            let end = of.entries.len().min(start + room);
            strips.last_mut().expect("pushed").push(Piece { order, of, range: start..end });
            room -= end - start;
            start = end;
        }
    }
    // each strip is a task, so that no thread is left with a long one at the end; their memory goes from one to the next
    let spare = Mutex::new(Vec::<Adder>::new());
    let spare = || spare.lock().unwrap_or_else(PoisonError::into_inner);
    let sum = |strip: &Vec<Piece<'_>>| {
        let mut adder = spare().pop().unwrap_or_default();
        let sums = of_strip(&mut adder, points, strip);
        spare().push(adder);
        sums
    };
    let sums: Vec<Vec<(usize, Sums)>> = strips.par_iter().with_max_len(1).map(sum).collect();
    let mut out = vec![vec![]; orders.len()];
    sums.into_iter().flatten().for_each(|(order, sums)| out[order].push(sums));
    out
}

/// Some neighbouring entries of an order.
struct Piece<'o> {
    order: usize,
    of: &'o Order,
    range: Range<usize>,
}

impl Piece<'_> {
    /// Its buckets and how many of their entries it has.
    fn buckets(&self) -> impl Iterator<Item = (u32, u32)> {
        let first = self.of.ends.partition_point(|(_, end)| *end as usize <= self.range.start);
        let mut start = self.range.start;
        self.of.ends[first..].iter().map_while(move |(bucket, end)| {
            let end = (*end as usize).min(self.range.end);
            let length = end - std::mem::replace(&mut start, end);
            (length > 0).then_some((*bucket, length as u32))
        })
    }
}

#[cfg(target_arch = "x86_64")]
use crate::raw::lanes::prefetch as ask_for;
#[cfg(not(target_arch = "x86_64"))]
fn ask_for(_point: &G1Affine) {}

fn of_strip(adder: &mut Adder, points: &[G1Affine], strip: &[Piece<'_>]) -> Vec<(usize, Sums)> {
    let words: Vec<u32> = strip.iter().flat_map(|p| &p.of.entries[p.range.clone()]).map(|e| e.load(Relaxed)).collect();
    let buckets: Vec<(u32, u32)> = strip.iter().flat_map(Piece::buckets).collect();
    let source = |word: &u32| (&points[(word >> 1) as usize], word & 1 == 1);
    let prefetched = words.iter().enumerate().map(|(i, word)| {
        words.get(i + AHEAD).inspect(|soon| ask_for(source(soon).0));
        source(word)
    });
    let lengths: Vec<u32> = buckets.iter().map(|b| b.1).collect();
    let sums = adder.sums(prefetched, lengths).unwrap_or_else(|| {
        // a point at infinity, or two neighbours with one x: as rare as they are, they are added one by one
        let mut rest = words.as_slice();
        let sum = |(_, length): &(u32, u32)| {
            let (these, others) = rest.split_at(*length as usize);
            rest = others;
            these
                .iter()
                .map(source)
                .fold(G1Projective::default(), |sum, (p, minus)| if minus { sum - p } else { sum + p })
        };
        G1Projective::normalize_batch(&buckets.iter().map(sum).collect::<Vec<_>>())
    });
    let mut all = buckets.into_iter().map(|b| b.0).zip(sums);
    strip.iter().map(|piece| (piece.order, all.by_ref().take(piece.buckets().count()).collect())).collect()
}
