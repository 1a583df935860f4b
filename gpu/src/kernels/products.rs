//! Exact products of integer matrices (`cuda/products.cu`).

use crate::{
    Right,
    backend::{Backend, Buffer, Element, GpuError, Launch},
    kernels::Kernels,
};

impl Element for i64 {
    const BYTES: usize = 8;
}

impl<B: Backend> Kernels<B> {
    pub(super) fn try_products(&self, a: &[i32], b: &[i16], inner: usize, right: Right) -> Result<Vec<i64>, GpuError> {
        let (rows, columns) = (a.len() / inner, b.len() / inner);
        let mut all = Vec::with_capacity(rows * columns);
        if all.capacity() == 0 {
            return Ok(all);
        }
        let (across, along) = match right {
            Right::Rows => (inner, 1),
            Right::Columns => (1, columns),
        };
        let there = self.upload_bytes(bytemuck::cast_slice(b))?;
        for part in self.parts(rows, 4 * inner + 8 * columns, 1) {
            let left = self.upload_bytes(bytemuck::cast_slice(&a[part.start * inner..part.end * inner]))?;
            let mut out = Buffer::<_, i64>::new(&self.backend, part.len() * columns)?;
            let launch = Launch::new(&self.backend, "integer_products", out.len()).out(&mut out);
            let launch = launch.there(&left).there(&there).number(columns).number(inner);
            launch.number(across).number(along).run()?;
            all.extend(out.words(&self.backend, 0, out.len())?.into_iter().map(u64::cast_signed));
        }
        Ok(all)
    }
}
