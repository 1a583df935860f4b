//! The kernels compiled for the host (`cuda/host.cpp`), which tests run.

use std::ffi::{CString, c_char, c_void};

use crate::backend::{Backend, GpuError};

unsafe extern "C" {
    fn talea_host_alloc(bytes: usize) -> *mut c_void;
    fn talea_host_free(memory: *mut c_void, bytes: usize) -> bool;
    fn talea_host_launch(name: *const c_char, words: *const u64, count: usize) -> bool;
}

/// The host as a machine for kernels.
#[derive(Debug, Default, Clone, Copy)]
pub struct Host;

/// Memory of the host with guards on both sides.
#[derive(Debug)]
pub struct Memory {
    at: *mut c_void,
    bytes: usize,
}

// SAFETY: the memory is this struct's own, and is written through `&mut` or by a launch, whose caller has `&mut` of it.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: `at` came from `talea_host_alloc` for so many bytes, and is freed here alone.
        let intact = unsafe { talea_host_free(self.at, self.bytes) };
        assert!(intact || std::thread::panicking(), "{}", GpuError::Guard);
    }
}

impl Backend for Host {
    type Memory = Memory;

    fn alloc(&self, bytes: usize) -> Result<Memory, GpuError> {
        // SAFETY: takes any number.
        let at = unsafe { talea_host_alloc(bytes) };
        if at.is_null() { Err(GpuError::Memory { bytes }) } else { Ok(Memory { at, bytes }) }
    }

    fn address(&self, memory: &Memory) -> u64 {
        memory.at as u64
    }

    fn write(&self, to: &mut Memory, at: usize, bytes: &[u8]) -> Result<(), GpuError> {
        assert!(at + bytes.len() <= to.bytes, "bytes that fit");
        // SAFETY: the range is inside the allocation, and nothing of Rust's overlaps it.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to.at.cast::<u8>().add(at), bytes.len()) };
        Ok(())
    }

    fn read(&self, from: &Memory, at: usize, bytes: &mut [u8]) -> Result<(), GpuError> {
        assert!(at + bytes.len() <= from.bytes, "bytes that are there");
        // SAFETY: as in `write`; all memory is initialised when it is allocated.
        unsafe { std::ptr::copy_nonoverlapping(from.at.cast::<u8>().add(at), bytes.as_mut_ptr(), bytes.len()) };
        Ok(())
    }

    fn launch(&self, kernel: &'static str, words: &[u64]) -> Result<(), GpuError> {
        let name = CString::new(kernel).expect("a name without zeros");
        // SAFETY: the name ends in zero, the words are as many as is said, and see the module on addresses.
        let known = unsafe { talea_host_launch(name.as_ptr(), words.as_ptr(), words.len()) };
        if known { Ok(()) } else { Err(GpuError::Kernel(kernel)) }
    }
}
