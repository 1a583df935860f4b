//! Sums of multiples of points (`cuda/msm.cu`), many columns in one array of buckets.

use std::ops::Range;

use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ff::AdditiveGroup;

use crate::{
    Ints,
    backend::{Affine, Backend, Buffer, GpuError, Launch, Xyzz},
    kernels::{
        Kernels, arithmetic,
        vectors::{Resident, There, read},
    },
};

/// `PIECE` and `SCAN` of the kernels, and points that one thread adds up at the end.
const PIECE: usize = 32;
const SCAN: usize = 32;
const FAN: usize = 16;
/// Places of points and of digits travel in 31 and 32 bits.
const MOST: usize = 1 << 26;
/// The widest windows.
const WIDEST: usize = 17;

/// `FIELD` of the kernels: a kind after those of integers.
const FIELD: usize = 7;

/// What points are multiplied by.
pub(super) enum Scalars<'a, M> {
    /// Field elements.
    Fields(&'a [Fr]),
    /// So many of those on the device.
    There(&'a Resident<M>, usize),
    /// Small integers.
    Ints(&'a Ints),
}

impl<M> Scalars<'_, M> {
    fn len(&self) -> usize {
        match self {
            Self::Fields(v) => v.len(),
            Self::There(_, n) => *n,
            Self::Ints(v) => v.len(),
        }
    }

    /// Bits of windows together: the highest digit must not carry. The largest size of a signed type is a power of two,
    /// which its own number of bits holds as a digit.
    fn bits(&self) -> usize {
        match self {
            Self::Fields(_) | Self::There(..) => 255,
            Self::Ints(Ints::U8(_)) => 9,
            Self::Ints(Ints::U16(_)) => 17,
            Self::Ints(Ints::U32(_)) => 33,
            Self::Ints(Ints::U64(_)) => 65,
            Self::Ints(Ints::I16(_)) => 16,
            Self::Ints(Ints::I32(_)) => 32,
            Self::Ints(Ints::I64(_)) => 64,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Fields(_) | Self::There(..) => 32,
            Self::Ints(_) => self.bits() / 8,
        }
    }
}

/// A column, and the place of the base of its first scalar.
pub(super) struct Column<'a, M> {
    /// Among the bases.
    pub at: usize,
    /// Its values.
    pub scalars: Scalars<'a, M>,
}

/// A part of a column that is done at once.
struct Part {
    column: usize,
    scalars: Range<usize>,
    window: usize,
    windows: usize,
}

impl Part {
    fn buckets(&self) -> usize {
        1 << (self.window - 1)
    }

    fn digits(&self) -> usize {
        self.windows * self.scalars.len()
    }

    fn bytes(&self, scalar: usize) -> usize {
        // scalars, digits, their pieces; counters and two rounds of sums of every bucket
        let point = scalar + self.windows * (4 + 2 * 128 / PIECE);
        self.scalars.len() * point + self.windows * self.buckets() * BUCKET
    }
}

/// Bytes of a base.
const POINT: usize = 64;
/// Bytes of a bucket: four counters and two sums.
const BUCKET: usize = 16 + 2 * 128;

impl<B: Backend> Kernels<B> {
    /// Σ scalars·bases of every column.
    pub(super) fn try_msm(
        &self, bases: &[G1Affine], columns: &[Column<'_, B::Memory>],
    ) -> Result<Vec<G1Projective>, GpuError> {
        let mut all = vec![G1Projective::ZERO; columns.len()];
        let point = if read(&self.kept).iter().any(|k| k.place(bases).is_some()) { 0 } else { POINT };
        let mut parts = columns.iter().enumerate().flat_map(|(i, c)| self.parts_of(i, c)).peekable();
        while parts.peek().is_some() {
            let (mut batch, mut bytes, mut lowest, mut highest) = (Vec::new(), 0, usize::MAX, 0);
            while let Some(part) = parts.peek() {
                let column = &columns[part.column];
                bytes += part.bytes(column.scalars.bytes());
                // all bases from the first to the last are brought, unless they are there
                lowest = lowest.min(column.at + part.scalars.start);
                highest = highest.max(column.at + part.scalars.end);
                let digits: usize = batch.iter().chain([part]).map(Part::digits).sum();
                if !batch.is_empty() && (bytes + point * (highest - lowest) > self.budget() || digits > MOST << 5) {
                    break;
                }
                batch.extend(parts.next());
            }
            for (part, sum) in batch.iter().zip(self.batch(bases, columns, &batch)?) {
                all[part.column] += sum;
            }
        }
        Ok(all)
    }

    /// The parts of a column: windows that cost least, and as many scalars as the budget has room for.
    fn parts_of(&self, column: usize, c: &Column<'_, B::Memory>) -> impl Iterator<Item = Part> + use<B> {
        let (n, bits, budget) = (c.scalars.len(), c.scalars.bits(), self.budget());
        let windows = move |window: usize| bits.div_ceil(window);
        // a bucket costs a few additions, and half the budget at most is theirs
        let cost = |window: &usize| windows(*window) * (n + (6 << (window - 1)));
        let fits = |window: &usize| *window == 2 || (windows(*window) << (window - 1)) * BUCKET <= budget / 2;
        let window = (2..=WIDEST).filter(fits).min_by_key(cost).expect("two bits always fit");
        let part = move |scalars| Part { column, scalars, window, windows: windows(window) };
        let [none, one] = [0, 1].map(|n| part(0..n).bytes(c.scalars.bytes()));
        let most = (budget.saturating_sub(none) / (POINT + one - none)).clamp(1, MOST);
        (0..n).step_by(most).map(move |from| part(from..n.min(from + most)))
    }

    /// Some scalars for a kernel, and their kind.
    fn scalars<'a>(
        &self, all: &Scalars<'a, B::Memory>, part: Range<usize>,
    ) -> Result<(There<'a, B::Memory>, usize), GpuError> {
        Ok(match all {
            // on one thread: callers hold locks
            Scalars::Fields(v) => {
                (self.upload_words(&v[part].iter().flat_map(|v| v.0.0).collect::<Vec<u64>>())?, FIELD)
            }
            Scalars::There(v, _) => (self.resident(v, part), FIELD),
            Scalars::Ints(v) => (self.ints(v, part)?, v.kind()),
        })
    }

    fn batch(
        &self, bases: &[G1Affine], columns: &[Column<'_, B::Memory>], parts: &[Part],
    ) -> Result<Vec<G1Projective>, GpuError> {
        let b = &self.backend;
        let places = |p: &Part| columns[p.column].at + p.scalars.start..columns[p.column].at + p.scalars.end;
        let lowest = parts.iter().map(|p| places(p).start).min().unwrap_or(0);
        let highest = parts.iter().map(|p| places(p).end).max().unwrap_or(0);
        let bases = &bases[lowest..highest];
        let kept = read(&self.kept);
        let there = kept.iter().find_map(|k| Some((&k.there, k.place(bases)?)));
        let uploaded = if there.is_none() { Some(arithmetic::upload_points(b, bases)?) } else { None };
        let (points, first) = there.or(uploaded.as_ref().map(|u| (u, 0))).expect("kept or uploaded");

        let mut keys = 0;
        let mut digits = Vec::new();
        for part in parts {
            let (scalars, kind) = self.scalars(&columns[part.column].scalars, part.scalars.clone())?;
            digits.push(Digits { scalars, kind, first: keys });
            keys += part.windows * part.buckets();
        }
        let mut counts = Buffer::<_, u32>::new(b, keys + 1)?;
        Launch::new(b, "clear", keys + 1).out(&mut counts).run()?;
        for (part, digits) in parts.iter().zip(&digits) {
            let launch = Launch::new(b, "count_digits", part.scalars.len()).out(&mut counts);
            digits.arguments(launch, part).run()?;
        }
        let starts = self.scan(&counts)?;
        let most = parts.iter().map(Part::digits).sum();
        let mut entries = Buffer::<_, u32>::new(b, most)?;
        for (part, digits) in parts.iter().zip(&digits) {
            let launch =
                Launch::new(b, "place_digits", part.scalars.len()).out(&mut entries).out(&mut counts).input(&starts);
            digits.arguments(launch, part).number(first + places(part).start - lowest).run()?;
        }
        let longest = parts.iter().map(|p| p.scalars.len()).max().unwrap_or(0);
        let buckets = self.add_buckets(starts, &entries, points, longest)?;
        parts.iter().zip(&digits).map(|(part, digits)| self.finish(part, digits.first, &buckets)).collect()
    }

    /// The sums of all values before each.
    fn scan(&self, values: &Buffer<B::Memory, u32>) -> Result<Buffer<B::Memory, u32>, GpuError> {
        let (b, n) = (&self.backend, values.len());
        let threads = n.div_ceil(SCAN);
        let mut sums = Buffer::<_, u32>::new(b, threads)?;
        let before = if threads > 1 {
            Launch::new(b, "scan_sums", threads).out(&mut sums).input(values).number(n).run()?;
            self.scan(&sums)?
        } else {
            Launch::new(b, "clear", threads).out(&mut sums).run()?;
            sums
        };
        let mut out = Buffer::new(b, n)?;
        Launch::new(b, "scan_apply", threads).out(&mut out).input(values).input(&before).number(n).run()?;
        Ok(out)
    }

    /// Sums of all buckets, none of more than `longest` points.
    fn add_buckets(
        &self, mut starts: Buffer<B::Memory, u32>, entries: &Buffer<B::Memory, u32>,
        points: &Buffer<B::Memory, Affine>, longest: usize,
    ) -> Result<Buckets<B::Memory>, GpuError> {
        let (b, buckets) = (&self.backend, starts.len() - 1);
        let (mut most, mut left) = (entries.len(), longest);
        let mut sums: Option<Buffer<_, Xyzz>> = None;
        while sums.is_none() || left > 1 {
            let mut counts = Buffer::<_, u32>::new(b, starts.len())?;
            Launch::new(b, "count_pieces", starts.len()).out(&mut counts).input(&starts).run()?;
            let pieces = self.scan(&counts)?;
            // a bucket that is not empty has one piece that may be short
            most = most.min(most / PIECE + buckets);
            let mut out = Buffer::new(b, most)?;
            let kernel = if sums.is_none() { "add_points" } else { "add_pieces" };
            let launch = Launch::new(b, kernel, most).out(&mut out).input(&pieces).input(&starts).number(buckets);
            match &sums {
                None => launch.input(entries).input(points).run()?,
                Some(sums) => launch.input(sums).run()?,
            }
            (sums, starts) = (Some(out), pieces);
            left = left.div_ceil(PIECE);
        }
        Ok(Buckets { starts, sums: sums.expect("a first round") })
    }

    /// A part's windows put together.
    fn finish(&self, part: &Part, first: usize, buckets: &Buckets<B::Memory>) -> Result<G1Projective, GpuError> {
        let b = &self.backend;
        // a run multiplies a point by its place, which costs as much as some tens of buckets
        let mut runs = (self.tuning.width / part.windows).clamp(1, part.buckets().div_ceil(32));
        let mut out = Buffer::<_, Xyzz>::new(b, part.windows * runs)?;
        let launch = Launch::new(b, "bucket_sums", out.len()).out(&mut out);
        let launch = launch.input(&buckets.starts).input(&buckets.sums);
        launch.number(part.buckets()).number(runs).number(first).run()?;
        while runs > 1 {
            let to = runs.div_ceil(FAN);
            let mut fewer = Buffer::new(b, part.windows * to)?;
            let launch = Launch::new(b, "point_sums", fewer.len()).out(&mut fewer).input(&out);
            launch.number(runs).number(to).run()?;
            (out, runs) = (fewer, to);
        }
        let words = out.words(b, 0, part.windows)?;
        let up = |sum: G1Projective| (0..part.window).fold(sum, |sum, _| sum.double());
        let mut windows = words.chunks_exact(16).rev();
        windows.try_fold(G1Projective::ZERO, |sum, window| Ok(up(sum) + arithmetic::point(window)?))
    }
}

/// Sums of buckets: that of bucket k, if it has any point, is at `starts[k]`.
struct Buckets<M> {
    starts: Buffer<M, u32>,
    sums: Buffer<M, Xyzz>,
}

/// Scalars on a device, and their first bucket.
struct Digits<'a, M> {
    scalars: There<'a, M>,
    kind: usize,
    first: usize,
}

impl<M> Digits<'_, M> {
    fn arguments<'b, B: Backend<Memory = M>>(&self, launch: Launch<'b, B>, part: &Part) -> Launch<'b, B> {
        launch.there(&self.scalars).number(self.kind).number(part.window).number(part.windows).number(self.first)
    }
}
