//! Looking for a CUDA device: a machine without one, or with one that cannot be used, goes on with the CPU and is told why.
//!
//! One binary runs on all machines: the driver's library is loaded when it is looked for. The kernels are in it if an nvcc
//! was found when it was built, by `NVCC` (empty: none is wanted), `PATH` or `CUDA_HOME`. One from PyPI, in two lines:
//!
//! ```text
//! python3 -m venv nv && nv/bin/pip install nvidia-{cuda-nvcc,cuda-crt,cuda-runtime,cuda-cccl,nvvm}==13.0.*
//! export NVCC=$(echo "$PWD"/nv/lib/python3*/site-packages/nvidia/cu13/bin/nvcc)
//! ```

use std::{cmp::Reverse, str::FromStr, sync::Arc};

use ark_bn254::{Fr, G1Affine, G1Projective};
use rayon::prelude::*;

use crate::{
    Multiples,
    backend::GpuError,
    kernels::{Kernels, Tuning, arithmetic},
    raw::driver::{self, Driver, Named},
};

/// The kernels that this build carries, machine code of some devices and code that drivers compile for newer ones; empty
/// where no nvcc was found when it was built.
pub const IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/kernels.fatbin"));

/// Bytes of memory with which a device is sooner done than the CPU: with less, work comes in too many parts.
pub const LEAST: usize = 256 << 20;

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
    /// Not so many devices.
    #[error("there is no CUDA device {number}: the driver has {count}, numbered from 0")]
    NoSuchDevice {
        /// The one that was asked for.
        number: usize,
        /// How many there are.
        count: usize,
    },
    /// The device is there and cannot be had.
    #[error("the CUDA device cannot be used: {0}")]
    Unusable(GpuError),
    /// Others use nearly all of its memory.
    #[error("{device} has room for {room} bytes: {LEAST} are the least to work with")]
    NoRoom {
        /// The device's name.
        device: String,
        /// Bytes that may be used.
        room: usize,
    },
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

/// Which device is wanted: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice {
    /// A CUDA device if there is one that works, else the CPU.
    #[default]
    Best,
    /// A CUDA device: the one of this number, or any.
    Cuda(Option<usize>),
    /// The CPU.
    Cpu,
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("found {text}, expected auto, cpu, cuda or cuda:N");
        match text {
            "auto" => Ok(Self::Best),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(None)),
            _ => text.strip_prefix("cuda:").and_then(|n| n.parse().ok()).map(|n| Self::Cuda(Some(n))).ok_or_else(bad),
        }
    }
}

/// A device as the driver describes it.
#[derive(Debug)]
pub struct Listed {
    /// From 0 on.
    pub number: usize,
    /// What it calls itself.
    pub name: String,
    /// Its place on the bus, which is its name among all processes.
    pub place: String,
    /// Bytes that are free, and all; or why it cannot be opened.
    pub memory: Result<[usize; 2], GpuError>,
}

impl Listed {
    /// Does a process of ours work on it?
    pub fn is_taken(&self) -> bool {
        Turn::of(&self.place).is_none()
    }
}

/// The driver's devices.
///
/// # Errors
/// Why there is none.
pub fn list() -> Result<Vec<Listed>, NoCuda> {
    if !driver::is_present() {
        return Err(NoCuda::NoLibrary);
    }
    if let Some(symbol) = driver::lacks() {
        return Err(NoCuda::OtherLibrary(symbol));
    }
    let count = match driver::devices() {
        Err(GpuError::Driver { error, .. }) if error == "CUDA_ERROR_NO_DEVICE" => return Err(NoCuda::NoDevice),
        Err(error) => return Err(NoCuda::NoDriver(error)),
        Ok(0) => return Err(NoCuda::NoDevice),
        Ok(count) => count,
    };
    let listed = |number| {
        let named = Named::of(number).map_err(NoCuda::NoDriver)?;
        let (name, place) = (named.name.clone(), named.place.clone());
        let memory = named.open().and_then(|open| open.memory());
        Ok(Listed { number, name, place, memory })
    };
    // a context takes tenths of a second
    (0..count).into_par_iter().map(listed).collect()
}

/// A device is one process's at a time, as far as processes ask: who has its name has it. A name without a file goes with its
/// process, and nobody can put anything else in its place; at worst somebody takes it, and the device counts as taken.
#[derive(Debug)]
struct Turn {
    #[cfg(target_os = "linux")]
    _name: Option<std::os::unix::net::UnixListener>,
}

impl Turn {
    /// None where another process has it. Where no name can be had, everybody has it.
    #[cfg(target_os = "linux")]
    fn of(place: &str) -> Option<Self> {
        use std::os::{
            linux::net::SocketAddrExt as _,
            unix::net::{SocketAddr, UnixListener},
        };
        let name = SocketAddr::from_abstract_name(format!("talea-gpu-{place}"));
        match name.and_then(|name| UnixListener::bind_addr(&name)) {
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => None,
            bound => Some(Self { _name: bound.ok() }),
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn of(_place: &str) -> Option<Self> {
        Some(Self {})
    }
}

/// The CUDA device.
#[derive(Debug)]
pub struct Cuda {
    kernels: Kernels<Driver>,
    number: usize,
    _turn: Option<Turn>,
}

impl Cuda {
    /// A CUDA device, once it has answered as the CPU does: the one of this number, or of those that nobody works on the one with
    /// the most free memory.
    ///
    /// # Errors
    /// Why there is none.
    pub fn probe(number: Option<usize>, tuning: Tuning) -> Result<Self, NoCuda> {
        Self::probe_with(IMAGE, number, tuning)
    }

    /// The same with other kernels.
    ///
    /// # Errors
    /// Why there is none.
    pub fn probe_with(image: &[u8], number: Option<usize>, tuning: Tuning) -> Result<Self, NoCuda> {
        if image.is_empty() {
            return Err(NoCuda::NoKernels);
        }
        let mut all = list()?;
        if let Some(number) = number {
            if number >= all.len() {
                return Err(NoCuda::NoSuchDevice { number, count: all.len() });
            }
            all.retain(|device| device.number == number);
        }
        all.sort_by_key(|d| (d.memory.is_err(), Reverse(d.memory.as_ref().map_or(0, |m| m[0])), d.number));
        let mut reasons = Vec::new();
        // first those whose turn can be had, then those that others work on, too
        let mut others = Vec::new();
        for device in &all {
            match Turn::of(&device.place).map(|turn| Self::open(image, device, Some(turn), tuning)) {
                Some(Ok(cuda)) => return Ok(cuda),
                Some(Err(reason)) => reasons.push(reason),
                None => others.push(device),
            }
        }
        for device in others {
            // it may have been free again since: who only looks takes a name for a moment
            match Self::open(image, device, Turn::of(&device.place), tuning) {
                Ok(cuda) => return Ok(cuda),
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.swap_remove(0))
    }

    fn open(image: &[u8], listed: &Listed, turn: Option<Turn>, mut tuning: Tuning) -> Result<Self, NoCuda> {
        let device = listed.name.clone();
        let open = Named::of(listed.number).and_then(Named::open).map_err(NoCuda::Unusable)?;
        let [free, _] = open.memory().map_err(NoCuda::Unusable)?;
        let driver = Driver::load(open, image).map_err(|error| NoCuda::NotLoaded { device: device.clone(), error })?;
        // some is left to others, and to memory that comes in larger pieces than it was asked for
        let room = free / 4 * 3;
        if room < LEAST.min(tuning.budget) {
            return Err(NoCuda::NoRoom { device, room });
        }
        tuning.budget = tuning.budget.min(room);
        driver.limit_memory(tuning.budget);
        match arithmetic::known_answer(&driver) {
            Err(error) if error != GpuError::NoElement => Err(NoCuda::NotRun { device, error }),
            Err(_) | Ok(false) => Err(NoCuda::WrongAnswer { device }),
            Ok(true) => Ok(Self { kernels: Kernels::new(driver, tuning), number: listed.number, _turn: turn }),
        }
    }

    /// What the device calls itself.
    pub fn name(&self) -> &str {
        self.kernels.backend().name()
    }

    /// Its number among the driver's devices.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The device that the kernels make of it.
    pub fn kernels(&self) -> &Kernels<Driver> {
        &self.kernels
    }
}

/// What a machine proves with.
#[derive(Debug)]
pub enum Best {
    /// A CUDA device.
    Cuda(Box<Cuda>),
    /// The CPU: why, unless it was asked for.
    Cpu(Option<NoCuda>),
}

impl Multiples for Best {
    fn keep_points(&self, bases: &Arc<Vec<G1Affine>>) {
        if let Self::Cuda(cuda) = self {
            cuda.kernels().keep_points(bases);
        }
    }

    fn sum(&self, bases: &[G1Affine], scalars: &[Fr]) -> Option<G1Projective> {
        match self {
            Self::Cuda(cuda) => cuda.kernels().sum(bases, scalars),
            Self::Cpu(_) => None,
        }
    }
}

impl Best {
    /// Looks for it.
    ///
    /// # Errors
    /// Why there is no CUDA device, where one was asked for.
    pub fn probe(choice: Choice, tuning: Tuning) -> Result<Self, NoCuda> {
        let cuda = |number| Cuda::probe(number, tuning).map(|cuda| Self::Cuda(Box::new(cuda)));
        match choice {
            Choice::Cpu => Ok(Self::Cpu(None)),
            Choice::Cuda(number) => cuda(number),
            Choice::Best => Ok(cuda(None).unwrap_or_else(|reason| Self::Cpu(Some(reason)))),
        }
    }

    /// One line: what it is, and if it is the CPU, why.
    pub fn line(&self) -> String {
        match self {
            Self::Cuda(cuda) => match cuda.kernels.trouble() {
                None => format!("{} (CUDA)", cuda.name()),
                Some(error) => format!("CPU, since {} failed: {error}", cuda.name()),
            },
            Self::Cpu(Some(reason)) => format!("CPU; {reason}"),
            Self::Cpu(None) => "CPU".into(),
        }
    }
}
