//! Looking for a CUDA device: a machine without one, or with one that cannot be used, goes on with the CPU and is told why.
//!
//! One binary runs on all machines: the driver's library is loaded when it is looked for. The kernels are in it if an nvcc
//! was found when it was built, by `NVCC` (empty: none is wanted), `PATH` or `CUDA_HOME`. One from PyPI, in two lines:
//!
//! ```text
//! python3 -m venv nv && nv/bin/pip install nvidia-{cuda-nvcc,cuda-crt,cuda-runtime,cuda-cccl,nvvm}==13.0.*
//! export NVCC=$(echo "$PWD"/nv/lib/python3*/site-packages/nvidia/cu13/bin/nvcc)
//! ```

use std::{ops::Range, sync::Arc};

use ark_bn254::{Fr, G1Affine, G1Projective};

use crate::{
    Cpu, Device, Ints,
    backend::GpuError,
    kernels::{Kernels, Tuning, arithmetic},
    raw::driver::{self, Driver},
};

/// The kernels that this build carries, machine code of some devices and code that drivers compile for newer ones; empty
/// where no nvcc was found when it was built.
pub const IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin"));

/// The CUDA device.
pub type Cuda = Kernels<Driver>;

/// Why there is no CUDA device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCuda {
    /// Built without nvcc.
    #[error("this build has no CUDA kernels: no nvcc was found by NVCC, PATH or CUDA_HOME when it was built")]
    NoKernels,
    /// No driver.
    #[error("there is no CUDA driver on this machine: its library, libcuda, is not found")]
    NoLibrary,
    /// A driver of another age.
    #[error("the CUDA driver does not fit this build: its library has no {0}")]
    OtherLibrary(&'static str),
    /// The driver does not start.
    #[error("the CUDA driver does not start: {0}")]
    NoDriver(GpuError),
    /// No device.
    #[error("the CUDA driver has no device")]
    NoDevice,
    /// The device is there and cannot be had.
    #[error("the CUDA device cannot be used: {0}")]
    Unusable(GpuError),
    /// The kernels do not load.
    #[error("the CUDA kernels do not load on {device}: {error}")]
    NotLoaded {
        /// The device's name.
        device: String,
        /// What the driver says.
        error: GpuError,
    },
    /// The kernels fail.
    #[error("the CUDA kernels do not run on {device}: {error}")]
    NotRun {
        /// The device's name.
        device: String,
        /// What the driver says.
        error: GpuError,
    },
    /// The device computes something else than the CPU.
    #[error("{device} gives a wrong answer to a known question and is not used")]
    WrongAnswer {
        /// The device's name.
        device: String,
    },
}

impl Cuda {
    /// The first CUDA device, once it has answered as the CPU does.
    pub fn probe(tuning: Tuning) -> Result<Self, NoCuda> {
        Self::probe_with(IMAGE, tuning)
    }

    /// The same with other kernels.
    pub fn probe_with(image: &[u8], mut tuning: Tuning) -> Result<Self, NoCuda> {
        if image.is_empty() {
            return Err(NoCuda::NoKernels);
        }
        if !driver::is_present() {
            return Err(NoCuda::NoLibrary);
        }
        if let Some(symbol) = driver::lacks() {
            return Err(NoCuda::OtherLibrary(symbol));
        }
        match driver::devices() {
            Err(GpuError::Driver { error, .. }) if error == "CUDA_ERROR_NO_DEVICE" => return Err(NoCuda::NoDevice),
            Err(error) => return Err(NoCuda::NoDriver(error)),
            Ok(0) => return Err(NoCuda::NoDevice),
            Ok(_) => (),
        }
        let (device, context) = Driver::open().map_err(NoCuda::Unusable)?;
        let driver = Driver::load(device.clone(), context, image)
            .map_err(|error| NoCuda::NotLoaded { device: device.clone(), error })?;
        let free = driver.free_memory().map_err(NoCuda::Unusable)?;
        // some is left to others, and to memory that comes in larger pieces than it was asked for
        tuning.budget = tuning.budget.min(free / 4 * 3);
        driver.limit_memory(tuning.budget);
        match arithmetic::known_answer(&driver) {
            Err(error) => Err(NoCuda::NotRun { device, error }),
            Ok(false) => Err(NoCuda::WrongAnswer { device }),
            Ok(true) => Ok(Self::new(driver, tuning)),
        }
    }

    /// What the device calls itself.
    pub fn name(&self) -> &str {
        self.backend().name()
    }
}

/// The best device of this machine.
#[derive(Debug)]
pub enum Best {
    /// A CUDA device.
    Cuda(Box<Cuda>),
    /// None, and why.
    Cpu(NoCuda),
}

impl Best {
    /// Looks for it.
    pub fn probe(tuning: Tuning) -> Self {
        Cuda::probe(tuning).map_or_else(Self::Cpu, |cuda| Self::Cuda(Box::new(cuda)))
    }

    /// One line: what it is, and if it is the CPU, why.
    pub fn line(&self) -> String {
        match self {
            Self::Cuda(cuda) => match cuda.trouble() {
                None => format!("device: {} (CUDA)", cuda.name()),
                Some(error) => format!("device: CPU, since {} failed: {error}", cuda.name()),
            },
            Self::Cpu(reason) => format!("device: CPU; {reason}"),
        }
    }
}

/// The same call of whichever device it is.
macro_rules! whichever {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) $(-> $out:ty)?;)*) => {
        impl Device for Best {
            $(fn $name(&self $(, $argument: $type)*) $(-> $out)? {
                match self {
                    Self::Cuda(cuda) => cuda.$name($($argument),*),
                    Self::Cpu(_) => Cpu.$name($($argument),*),
                }
            })*
            fn map<T: Send, R: Send>(&self, items: Vec<T>, work: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
                match self {
                    Self::Cuda(cuda) => cuda.map(items, work),
                    Self::Cpu(_) => Cpu.map(items, work),
                }
            }
        }
    };
}
whichever! {
    fn keep(&self, bases: &Arc<Vec<G1Affine>>);
    fn msm(&self, bases: &[G1Affine], scalars: &[Fr]) -> G1Projective;
    fn commit(&self, bases: &[G1Affine], ints: &Ints) -> G1Projective;
    fn eq(&self, point: &[Fr]) -> Vec<Fr>;
    fn matrix_vector(&self, matrix: &Ints, part: Range<usize>, w: &[Fr]) -> Vec<Fr>;
    fn vector_matrix(&self, w: &[Fr], matrix: &Ints, part: Range<usize>) -> Vec<Fr>;
    fn add_scaled(&self, to: &mut [Fr], factor: &Fr, ints: &Ints);
    fn fold(&self, values: &mut Vec<Fr>, r: &Fr);
    fn fold_ints(&self, ints: &Ints, r: &Fr) -> Vec<Fr>;
    fn half_sum(&self, eq: [&[Fr]; 2], values: &[Fr], parity: usize) -> Fr;
    fn half_sum_ints(&self, eq: [&[Fr]; 2], ints: &Ints, part: Range<usize>, parity: usize) -> Fr;
    fn product_round(&self, pairs: &[[&[Fr]; 2]]) -> [Fr; 2];
    fn fraction_layer(&self, p: &[Fr], q: &[Fr]) -> [Vec<Fr>; 2];
    fn fraction_round(&self, eq: [&[Fr]; 2], p: &[Fr], q: &[Fr]) -> [Fr; 2];
    fn fold_children(&self, values: &mut Vec<Fr>, r: &Fr);
}
