//! Divisions of polynomials whose coefficients are on the device (`cuda/polynomial.cu`).

use std::ops::Range;

use ark_bn254::Fr;
use ark_ff::Field;

use crate::{
    backend::{Backend, Buffer, GpuError, Launch},
    kernels::{Kernels, vectors::Vector},
    polynomial,
};

/// Coefficients that one thread goes through.
const PIECE: usize = 64;
/// Sums that the CPU goes through.
const LAST: usize = 1 << 10;

/// A vector and the values of another that a division leaves.
type Divided<M> = (Vector<M>, Vec<Fr>);

impl<B: Backend> Kernels<B> {
    /// Nothing where a vector is on the host or its quotient has no room on the device.
    pub(super) fn try_divide(
        &self, f: &Vector<B::Memory>, b: usize, alpha: &Fr,
    ) -> Result<Option<Divided<B::Memory>>, GpuError> {
        let Vector::There(f) = f else { return Ok(None) };
        let Some(mut q) = self.reserve(f.len - b)? else { return Ok(None) };
        let mut g = Buffer::<_, Fr>::new(&self.backend, b)?;
        let launch = Launch::new(&self.backend, "divide", b).out(&mut q.buffer).out(&mut g);
        launch.input(&f.buffer).number(f.len).field(alpha).run()?;
        Ok(Some((Vector::There(q), g.fields(&self.backend)?)))
    }

    /// As [`Self::try_divide`].
    pub(super) fn try_quotient(&self, p: &Vector<B::Memory>, x: &Fr) -> Result<Option<Vector<B::Memory>>, GpuError> {
        let Vector::There(p) = p else { return Ok(None) };
        let Some(mut q) = self.reserve(p.len - 1)? else { return Ok(None) };
        self.suffixes(&mut q.buffer, &p.buffer, 1..p.len, x)?;
        Ok(Some(Vector::There(q)))
    }

    /// [`polynomial::suffixes`] of a part: sums of pieces, what comes down to each, and then all of them.
    fn suffixes(
        &self, out: &mut Buffer<B::Memory, Fr>, from: &Buffer<B::Memory, Fr>, part: Range<usize>, x: &Fr,
    ) -> Result<(), GpuError> {
        let (b, count) = (&self.backend, part.len());
        if count <= LAST {
            return out.write_fields(b, 0, &polynomial::suffixes(&from.part(b, part)?, x));
        }
        let pieces = count.div_ceil(PIECE);
        let (mut sums, mut below) = (Buffer::new(b, pieces)?, Buffer::new(b, pieces)?);
        let launch = Launch::new(b, "piece_values", pieces).out(&mut sums).input_from(from, part.start);
        launch.number(count).number(PIECE).field(x).run()?;
        self.suffixes(&mut below, &sums, 0..pieces, &x.pow([PIECE as u64]))?;
        let launch = Launch::new(b, "suffixes", pieces).out(out).input_from(from, part.start).input(&below);
        launch.number(count).number(PIECE).field(x).run()
    }
}
