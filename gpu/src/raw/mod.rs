//! The only unsafe code of this repository: calls of a CUDA driver, of the kernels compiled for the host, and of code for
//! instructions that not every processor has.
//!
//! What the compiler cannot check is said at each call. One thing holds for all kernels: addresses in a kernel's arguments come from
//! memory of the same backend that outlives the launch, and their lengths are what the kernel's comment in `cuda/` asks for.
//! The wrappers in `kernels/` are the only callers and see to it; the host's guards and one test suite on all devices look
//! whether they do.
#![allow(unsafe_code)]

pub(crate) mod driver;
#[cfg(feature = "host-kernels")]
pub(crate) mod host;
#[cfg(target_arch = "x86_64")]
pub(crate) mod lanes;
