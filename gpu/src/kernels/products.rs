//! Exact products of integer matrices (`cuda/products.cu`).

use crate::{
    Ints,
    backend::{Backend, Buffer, Element, GpuError, Launch},
    kernels::Kernels,
};

impl Element for i128 {
    const BYTES: usize = 16;
}

impl<B: Backend> Kernels<B> {
    /// `a·bᵀ` of matrices with rows of `inner` integers, row by row.
    ///
    /// # Panics
    /// Where rows are not whole, where integers are of 64 bits without sign, or where all are of 64 bits: sums of such
    /// products could leave 128 bits.
    pub fn try_products(&self, a: &Ints, b: &Ints, inner: usize) -> Result<Vec<i128>, GpuError> {
        assert!(!matches!(a, Ints::U64(_)) && !matches!(b, Ints::U64(_)), "64 bits with sign at most");
        assert!(!matches!((a, b), (Ints::I64(_), Ints::I64(_))), "products of 95 bits");
        assert!(a.len().is_multiple_of(inner) && b.len().is_multiple_of(inner), "whole rows");
        let (rows, columns) = (a.len() / inner, b.len() / inner);
        let mut all = Vec::with_capacity(rows * columns);
        if all.capacity() == 0 {
            return Ok(all);
        }
        let (right, right_kind) = self.upload_ints(b, 0..b.len())?;
        for part in self.parts(rows, 8 * inner + 16 * columns, 1) {
            let (left, kind) = self.upload_ints(a, part.start * inner..part.end * inner)?;
            let mut out = Buffer::<_, i128>::new(self.backend(), part.len() * columns)?;
            let launch = Launch::new(self.backend(), "integer_products", out.len()).out(&mut out);
            let launch = launch.input(&left).number(kind).input(&right).number(right_kind);
            launch.number(columns).number(inner).run()?;
            let words = out.words(self.backend(), 0, out.len())?;
            all.extend(words.chunks_exact(2).map(|w| (u128::from(w[1]) << 64 | u128::from(w[0])).cast_signed()));
        }
        Ok(all)
    }
}
