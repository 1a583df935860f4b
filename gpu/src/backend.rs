//! What the kernels of `cuda/` need of a machine: memory, copies and launches.
//!
//! The driver of a GPU is one such machine; the same kernels compiled for the host are another, for tests.

use std::{
    marker::PhantomData,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use ark_bn254::Fr;
use ark_ff::{BigInt, PrimeField};
use rayon::prelude::*;

use crate::kernels::arithmetic::Words;

/// Elements that are not worth a thread.
const TASK: usize = 1 << 12;

/// Why a device could not do its work. No proof is lost by it: the CPU does the same work instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GpuError {
    /// No memory.
    #[error("no memory for {bytes} bytes")]
    Memory {
        /// As many were asked for.
        bytes: usize,
    },
    /// The driver said no.
    #[error("{call} says {error}")]
    Driver {
        /// The driver's function.
        call: &'static str,
        /// What it returned.
        error: String,
    },
    /// No kernel of that name, or of other arguments: the kernels are not those of this source.
    #[error("no kernel {0} with these arguments")]
    Kernel(&'static str),
    /// A word from the device that is not below its field's modulus.
    #[error("the device gave what is no element of a field")]
    NoElement,
    /// A kernel wrote where it must not (seen by the host's guards alone).
    #[error("a kernel wrote past its memory")]
    Guard,
}

/// Memory and launches.
pub trait Backend: Send + Sync {
    /// Memory, given back when dropped.
    type Memory: Send + Sync + 'static;
    /// New memory; what is in it is undefined.
    fn alloc(&self, bytes: usize) -> Result<Self::Memory, GpuError>;
    /// Where it is, for kernels.
    fn address(&self, memory: &Self::Memory) -> u64;
    /// Copies to it from byte `at` on.
    fn write(&self, to: &mut Self::Memory, at: usize, bytes: &[u8]) -> Result<(), GpuError>;
    /// Copies from its byte `at` on.
    fn read(&self, from: &Self::Memory, at: usize, bytes: &mut [u8]) -> Result<(), GpuError>;
    /// Runs a kernel to its end, or queues it before everything that is asked for later. The first word is the number of
    /// threads, which is not zero.
    fn launch(&self, kernel: &'static str, words: &[u64]) -> Result<(), GpuError>;
}

/// A machine, how many bytes went to it and came from it, and how often it was launched.
#[derive(Debug)]
pub struct Counted<B> {
    inner: B,
    copied: [AtomicU64; 2],
    launches: AtomicU64,
}

impl<B> Counted<B> {
    pub(crate) fn new(inner: B) -> Self {
        Self { inner, copied: Default::default(), launches: AtomicU64::new(0) }
    }

    /// The machine.
    pub(crate) fn inner(&self) -> &B {
        &self.inner
    }

    /// Bytes written to it and read from it.
    pub(crate) fn copied(&self) -> [u64; 2] {
        self.copied.each_ref().map(|n| n.load(Relaxed))
    }

    /// Kernels run on it.
    pub(crate) fn launches(&self) -> u64 {
        self.launches.load(Relaxed)
    }
}

impl<B: Backend> Backend for Counted<B> {
    type Memory = B::Memory;
    fn alloc(&self, bytes: usize) -> Result<Self::Memory, GpuError> {
        self.inner.alloc(bytes)
    }
    fn address(&self, memory: &Self::Memory) -> u64 {
        self.inner.address(memory)
    }
    fn write(&self, to: &mut Self::Memory, at: usize, bytes: &[u8]) -> Result<(), GpuError> {
        self.copied[0].fetch_add(bytes.len() as u64, Relaxed);
        self.inner.write(to, at, bytes)
    }
    fn read(&self, from: &Self::Memory, at: usize, bytes: &mut [u8]) -> Result<(), GpuError> {
        self.copied[1].fetch_add(bytes.len() as u64, Relaxed);
        self.inner.read(from, at, bytes)
    }
    fn launch(&self, kernel: &'static str, words: &[u64]) -> Result<(), GpuError> {
        self.launches.fetch_add(1, Relaxed);
        self.inner.launch(kernel, words)
    }
}

/// What buffers hold.
pub trait Element {
    /// Bytes of one.
    const BYTES: usize;
}

/// An affine point: x and y in Montgomery form, (0, 0) for infinity.
#[derive(Debug)]
pub struct Affine;
/// A point in XYZZ coordinates.
#[derive(Debug)]
pub struct Xyzz;
/// Integers of whatever width.
#[derive(Debug)]
pub struct Bytes;

impl Element for Fr {
    const BYTES: usize = 32;
}
impl Element for Affine {
    const BYTES: usize = 64;
}
impl Element for Xyzz {
    const BYTES: usize = 128;
}
impl Element for u32 {
    const BYTES: usize = 4;
}
impl Element for Bytes {
    const BYTES: usize = 1;
}

/// Memory of a number of elements.
#[derive(Debug)]
pub struct Buffer<M, T> {
    memory: M,
    len: usize,
    element: PhantomData<fn() -> T>,
}

impl<M, T: Element> Buffer<M, T> {
    /// New memory.
    pub fn new<B: Backend<Memory = M>>(backend: &B, len: usize) -> Result<Self, GpuError> {
        // drivers refuse to allocate nothing
        let memory = backend.alloc((len * T::BYTES).max(8))?;
        Ok(Self { memory, len, element: PhantomData })
    }

    /// New memory with these bytes, which are whole elements.
    pub fn from_bytes<B: Backend<Memory = M>>(backend: &B, bytes: &[u8]) -> Result<Self, GpuError> {
        let mut new = Self::new(backend, bytes.len() / T::BYTES)?;
        if !bytes.is_empty() {
            backend.write(&mut new.memory, 0, bytes)?;
        }
        Ok(new)
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// No elements?
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where its element `at` is.
    pub(crate) fn address<B: Backend<Memory = M>>(&self, backend: &B, at: usize) -> u64 {
        assert!(at <= self.len, "a part of a buffer");
        backend.address(&self.memory) + (at * T::BYTES) as u64
    }

    /// Elements `from .. from + words.len()·8 / T::BYTES`, as words.
    pub fn words<B: Backend<Memory = M>>(&self, backend: &B, from: usize, count: usize) -> Result<Vec<u64>, GpuError> {
        assert!(from + count <= self.len, "a part of a buffer");
        let mut words = vec![0u64; (count * T::BYTES).div_ceil(8)];
        if count > 0 {
            let bytes = bytemuck::cast_slice_mut(&mut words);
            backend.read(&self.memory, from * T::BYTES, &mut bytes[..count * T::BYTES])?;
        }
        Ok(words)
    }
}

impl<M> Buffer<M, Fr> {
    /// New memory with these elements.
    pub fn from_fields<B: Backend<Memory = M>>(backend: &B, values: &[Fr]) -> Result<Self, GpuError> {
        Self::from_bytes(backend, bytemuck::cast_slice(&limbs(values)))
    }

    /// Writes elements from `at` on.
    pub fn write_fields<B: Backend<Memory = M>>(&mut self, b: &B, at: usize, values: &[Fr]) -> Result<(), GpuError> {
        assert!(at + values.len() <= self.len, "a part of a buffer");
        b.write(&mut self.memory, 32 * at, bytemuck::cast_slice(&limbs(values)))
    }

    /// All elements.
    pub fn fields<B: Backend<Memory = M>>(&self, backend: &B) -> Result<Vec<Fr>, GpuError> {
        self.part(backend, 0..self.len)
    }

    /// Some of them.
    pub fn part<B: Backend<Memory = M>>(&self, backend: &B, part: Range<usize>) -> Result<Vec<Fr>, GpuError> {
        let words = self.words(backend, part.start, part.len())?;
        words.par_chunks_exact(4).with_min_len(TASK).map(element).collect()
    }
}

/// Elements as a device has them.
pub(crate) fn limbs(values: &[Fr]) -> Vec<u64> {
    let mut words = vec![0u64; 4 * values.len()];
    let all = words.par_chunks_exact_mut(4).zip(values).with_min_len(TASK);
    all.for_each(|(to, v)| to.copy_from_slice(&v.0.0));
    words
}

/// Four words in Montgomery form.
///
/// # Errors
/// If they are no element's: arithmetic on the host relies on that, to the point of running for ever.
pub(crate) fn element<F: PrimeField<BigInt = BigInt<4>> + Words>(words: &[u64]) -> Result<F, GpuError> {
    let words = <[u64; 4]>::try_from(words).map_err(|_| GpuError::NoElement)?;
    if BigInt(words) < F::MODULUS { Ok(F::of(words)) } else { Err(GpuError::NoElement) }
}

/// Arguments of a kernel, in the order of its struct in `cuda/`.
///
/// Nothing checks them against the kernel but their number: each wrapper in `kernels/` stands for the lengths it passes.
#[derive(Debug)]
pub(crate) struct Launch<'b, B> {
    backend: &'b B,
    kernel: &'static str,
    words: Vec<u64>,
}

impl<'b, B: Backend> Launch<'b, B> {
    pub(crate) fn new(backend: &'b B, kernel: &'static str, threads: usize) -> Self {
        Self { backend, kernel, words: vec![threads as u64] }
    }

    /// Memory that the kernel writes.
    pub(crate) fn out<T: Element>(self, to: &mut Buffer<B::Memory, T>) -> Self {
        self.input(to)
    }

    /// The same from an element on.
    pub(crate) fn out_from<T: Element>(self, to: &mut Buffer<B::Memory, T>, at: usize) -> Self {
        self.input_from(to, at)
    }

    /// Memory that the kernel reads.
    pub(crate) fn input<T: Element>(self, from: &Buffer<B::Memory, T>) -> Self {
        self.input_from(from, 0)
    }

    /// The same from an element on.
    pub(crate) fn input_from<T: Element>(self, from: &Buffer<B::Memory, T>, at: usize) -> Self {
        let address = from.address(self.backend, at);
        self.address(address)
    }

    /// An address in memory that outlives the launch.
    pub(crate) fn address(mut self, address: u64) -> Self {
        self.words.push(address);
        self
    }

    pub(crate) fn number(mut self, n: usize) -> Self {
        self.words.push(n as u64);
        self
    }

    pub(crate) fn field(mut self, f: &Fr) -> Self {
        self.words.extend(f.0.0);
        self
    }

    /// An empty launch is none.
    pub(crate) fn run(self) -> Result<(), GpuError> {
        if self.words[0] == 0 { Ok(()) } else { self.backend.launch(self.kernel, &self.words) }
    }
}
