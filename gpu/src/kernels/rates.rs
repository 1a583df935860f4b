//! What a device can do at most: the ceilings that kernels are held against.

use std::time::Instant;

use ark_bn254::Fr;

use crate::{
    backend::{Backend, Buffer, GpuError, Launch},
    kernels::Kernels,
};

/// Measured, the best of a few tries.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Bytes a second that a copy within the device reads and writes.
    pub copy: f64,
    /// Products of field elements a second, of many threads.
    pub products: f64,
    /// Bytes a second to the device and from it.
    pub transfer: [f64; 2],
}

/// Tries.
const TRIES: usize = 5;
/// Products of one thread.
const CHAIN: usize = 1 << 8;

impl<B: Backend> Kernels<B> {
    /// Measures them on vectors of `n` values.
    ///
    /// # Errors
    /// The device's.
    pub fn rates(&self, n: usize) -> Result<Rates, GpuError> {
        let b = &self.backend;
        let values: Vec<Fr> = (0..n as u64).map(|i| Fr::from(i + 3)).collect();
        let mut from = Buffer::<_, Fr>::new(b, n)?;
        let mut to = Buffer::<_, Fr>::new(b, n)?;
        let up = best(|| from.write_fields(b, 0, &values))?;
        let down = best(|| from.fields(b).map(drop))?;
        let copy = best(|| {
            Launch::new(b, "copy", n).out(&mut to).input(&from).run()?;
            to.part(b, 0..1).map(drop)
        })?;
        let products = best(|| {
            Launch::new(b, "squarings", n).out(&mut to).number(CHAIN).run()?;
            to.part(b, 0..1).map(drop)
        })?;
        let [bytes, n] = [32 * n, n].map(|n| n as f64);
        Ok(Rates {
            copy: 2.0 * bytes / copy,
            products: n * CHAIN as f64 / products,
            transfer: [bytes / up, bytes / down],
        })
    }

    /// v^(2^count) of every value: what [`Self::rates`] times.
    ///
    /// # Errors
    /// The device's.
    pub fn squarings(&self, values: &[Fr], count: usize) -> Result<Vec<Fr>, GpuError> {
        let mut there = Buffer::from_fields(&self.backend, values)?;
        Launch::new(&self.backend, "squarings", values.len()).out(&mut there).number(count).run()?;
        there.fields(&self.backend)
    }
}

/// Seconds of the fastest try.
fn best(mut work: impl FnMut() -> Result<(), GpuError>) -> Result<f64, GpuError> {
    let mut least = f64::INFINITY;
    for _ in 0..TRIES {
        let start = Instant::now();
        work()?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    Ok(least)
}
