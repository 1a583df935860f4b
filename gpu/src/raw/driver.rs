//! A CUDA driver, loaded when it is looked for: devices, and on each one queue.

use std::{
    collections::HashMap,
    ffi::{CString, c_void},
    ptr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cudarc::driver::sys;

use crate::backend::{Backend, GpuError};

/// Threads of a block: `BLOCK` of the kernels.
const BLOCK: u64 = 128;

/// All that is called of the driver's library; it is asked for them before any is called, for a missing one would panic.
const SYMBOLS: [&str; 17] = [
    "cuInit",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetPCIBusId",
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease_v2",
    "cuCtxSetCurrent",
    "cuMemGetInfo_v2",
    "cuMemAlloc_v2",
    "cuMemFree_v2",
    "cuMemsetD8_v2",
    "cuMemcpyHtoD_v2",
    "cuMemcpyDtoH_v2",
    "cuModuleLoadData",
    "cuModuleGetFunction",
    "cuLaunchKernel",
];

/// Calls a function of the driver and names it where it fails.
macro_rules! call {
    ($function:ident($($argument:expr),*)) => {
        // SAFETY: `lacks` has seen the symbol; each caller says why the arguments are good.
        match unsafe { sys::$function($($argument),*) } {
            sys::CUresult::CUDA_SUCCESS => Ok(()),
            code => Err(GpuError::Driver { call: stringify!($function), error: format!("{code:?}") }),
        }
    };
}

/// Is there a driver's library?
pub(crate) fn is_present() -> bool {
    // SAFETY: loading the driver's library runs its initialisers, which is what every user of CUDA does.
    unsafe { sys::is_culib_present() }
}

/// What the library lacks of all that is needed, if anything. There must be a library.
pub(crate) fn lacks() -> Option<&'static str> {
    // SAFETY: as in `is_present`; the symbols are looked up and not called.
    let lacks = |name: &&str| unsafe { sys::culib().get::<*const c_void>(name.as_bytes()) }.is_err();
    SYMBOLS.into_iter().find(lacks)
}

/// How many devices the driver has. The library must be there and lack nothing.
pub(crate) fn devices() -> Result<usize, GpuError> {
    let mut count = 0;
    call!(cuInit(0))?;
    // `count` is ours
    call!(cuDeviceGetCount(&mut count))?;
    Ok(usize::try_from(count).unwrap_or(0))
}

/// A device whose context is ours until this goes.
#[derive(Debug)]
pub(crate) struct Open {
    device: sys::CUdevice,
    context: sys::CUcontext,
    name: String,
}

/// A device by its names.
#[derive(Debug)]
pub(crate) struct Named {
    device: sys::CUdevice,
    /// What it calls itself.
    pub name: String,
    /// Where it is plugged in: its name among all processes.
    pub place: String,
}

impl Named {
    /// Device `number` of those that there are.
    pub(crate) fn of(number: usize) -> Result<Self, GpuError> {
        let (mut device, mut name, mut place) = (0, [0; 128], [0; 32]);
        // all pointers are to variables of ours, and lengths are said
        call!(cuDeviceGet(&mut device, i32::try_from(number).unwrap_or(i32::MAX)))?;
        call!(cuDeviceGetName(name.as_mut_ptr(), 127, device))?;
        call!(cuDeviceGetPCIBusId(place.as_mut_ptr(), 31, device))?;
        let text = |letters: &[std::ffi::c_char]| -> String {
            letters.iter().take_while(|c| **c != 0).map(|c| char::from(c.cast_unsigned())).collect()
        };
        Ok(Self { device, name: text(&name), place: text(&place) })
    }

    /// Opens it.
    pub(crate) fn open(self) -> Result<Open, GpuError> {
        let mut context = ptr::null_mut();
        // the device is one that the driver named
        call!(cuDevicePrimaryCtxRetain(&mut context, self.device))?;
        Ok(Open { device: self.device, context, name: self.name })
    }
}

impl Open {
    fn current(&self) -> Result<(), GpuError> {
        // the context is retained as long as this lives
        call!(cuCtxSetCurrent(self.context))
    }

    /// Bytes of memory that are free, and all.
    pub(crate) fn memory(&self) -> Result<[usize; 2], GpuError> {
        self.current()?;
        let (mut free, mut total) = (0, 0);
        call!(cuMemGetInfo_v2(&mut free, &mut total))?;
        Ok([free, total])
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        // retained once by `open`; what it says is of no use any more
        let _ = call!(cuDevicePrimaryCtxRelease_v2(self.device));
    }
}

/// A device with the kernels on it.
#[derive(Debug)]
pub struct Driver {
    shared: Arc<Shared>,
    module: sys::CUmodule,
    functions: Mutex<HashMap<&'static str, sys::CUfunction>>,
}

/// What memory must know to go back to where it came from.
#[derive(Debug)]
struct Shared {
    open: Open,
    pool: Mutex<Pool>,
}

/// Memory that was given back, by size. All work is in one queue, so it may be used again at once: what uses it then waits
/// behind what used it before.
#[derive(Debug)]
struct Pool {
    free: HashMap<usize, Vec<u64>>,
    /// Bytes that the driver has given, in use or not, and as many as it is asked for before those not in use go back.
    held: usize,
    limit: usize,
}

// SAFETY: a context, a module and its functions may be used by any thread for which the context is current; every call
// below makes it so first.
unsafe impl Send for Driver {}
// SAFETY: as above.
unsafe impl Sync for Driver {}
// SAFETY: as above.
unsafe impl Send for Open {}
// SAFETY: as above.
unsafe impl Sync for Open {}

impl Drop for Shared {
    fn drop(&mut self) {
        // all memory has come back, and goes before the context does; a lost device has none to give
        if self.current().is_ok() {
            let _ = self.pool().release();
        }
    }
}

/// Memory of the device.
#[derive(Debug)]
pub struct Memory {
    at: u64,
    bytes: usize,
    shared: Arc<Shared>,
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.shared.pool().free.entry(class(self.bytes)).or_default().push(self.at);
    }
}

/// Sizes that share memory: an eighth more at most, whole lines of the cache.
fn class(bytes: usize) -> usize {
    bytes.next_multiple_of((bytes.next_power_of_two() / 16).max(256))
}

impl Shared {
    fn current(&self) -> Result<(), GpuError> {
        self.open.current()
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pool {
    /// Gives the driver all memory that nobody uses; tells of the first that it does not take, and goes on with the others.
    fn release(&mut self) -> Result<(), GpuError> {
        let mut all_back = Ok(());
        for (class, all) in self.free.drain() {
            self.held -= class * all.len();
            for at in all {
                // each address came from the driver, and left `free` by being taken here; what lay there may be secret
                let wiped = call!(cuMemsetD8_v2(at, 0, class));
                all_back = all_back.and(wiped).and(call!(cuMemFree_v2(at)));
            }
        }
        all_back
    }

    fn alloc(&mut self, class: usize) -> Result<u64, GpuError> {
        if let Some(at) = self.free.get_mut(&class).and_then(Vec::pop) {
            return Ok(at);
        }
        if self.held + class > self.limit {
            self.release()?;
        }
        let mut at = 0;
        // `at` is ours
        if call!(cuMemAlloc_v2(&mut at, class)).is_err() {
            self.release()?;
            call!(cuMemAlloc_v2(&mut at, class))?;
        }
        self.held += class;
        Ok(at)
    }
}

impl Driver {
    /// Loads the kernels: an image that ends in zeros or knows its length, as nvcc writes it.
    pub(crate) fn load(open: Open, image: &[u8]) -> Result<Self, GpuError> {
        let pool = Pool { free: HashMap::new(), held: 0, limit: usize::MAX };
        let shared = Arc::new(Shared { open, pool: Mutex::new(pool) });
        shared.current()?;
        let mut module = ptr::null_mut();
        // the driver copies the image; a fatbin's header has its length
        call!(cuModuleLoadData(&mut module, image.as_ptr().cast()))?;
        Ok(Self { shared, module, functions: Mutex::default() })
    }

    /// What the device calls itself.
    pub fn name(&self) -> &str {
        &self.shared.open.name
    }

    /// Bytes of memory that are free, and all.
    pub fn memory(&self) -> Result<[usize; 2], GpuError> {
        self.shared.open.memory()
    }

    /// Memory not in use goes back to the driver before it has given more than this.
    pub(crate) fn limit_memory(&self, bytes: usize) {
        self.shared.pool().limit = bytes;
    }

    fn function(&self, kernel: &'static str) -> Result<sys::CUfunction, GpuError> {
        let mut functions = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = functions.get(kernel) {
            return Ok(*known);
        }
        let name = CString::new(kernel).expect("a name without zeros");
        let mut function = ptr::null_mut();
        // the module is never unloaded, and the name ends in zero
        call!(cuModuleGetFunction(&mut function, self.module, name.as_ptr())).map_err(|_| GpuError::Kernel(kernel))?;
        functions.insert(kernel, function);
        Ok(function)
    }
}

impl Backend for Driver {
    type Memory = Memory;

    fn alloc(&self, bytes: usize) -> Result<Memory, GpuError> {
        let shared = self.shared.clone();
        shared.current()?;
        let at = shared.pool().alloc(class(bytes)).map_err(|_| GpuError::Memory { bytes })?;
        Ok(Memory { at, bytes, shared })
    }

    fn address(&self, memory: &Memory) -> u64 {
        memory.at
    }

    fn write(&self, to: &mut Memory, at: usize, bytes: &[u8]) -> Result<(), GpuError> {
        assert!(at + bytes.len() <= to.bytes, "bytes that fit");
        self.shared.current()?;
        // inside the allocation, and the driver has read all bytes when it returns
        call!(cuMemcpyHtoD_v2(to.at + at as u64, bytes.as_ptr().cast(), bytes.len()))
    }

    fn read(&self, from: &Memory, at: usize, bytes: &mut [u8]) -> Result<(), GpuError> {
        assert!(at + bytes.len() <= from.bytes, "bytes that are there");
        self.shared.current()?;
        // inside the allocation; waits for all launches before it, and for the bytes
        call!(cuMemcpyDtoH_v2(bytes.as_mut_ptr().cast(), from.at + at as u64, bytes.len()))
    }

    fn launch(&self, kernel: &'static str, words: &[u64]) -> Result<(), GpuError> {
        self.shared.current()?;
        let function = self.function(kernel)?;
        let blocks = u32::try_from(words[0].div_ceil(BLOCK)).map_err(|_| GpuError::Kernel(kernel))?;
        // a kernel has one argument, the struct whose words these are; the driver copies it before it returns
        let mut argument = words.as_ptr().cast_mut().cast::<c_void>();
        let (none, block) = (ptr::null_mut(), BLOCK as u32);
        call!(cuLaunchKernel(function, blocks, 1, 1, block, 1, 1, 0, ptr::null_mut(), &mut argument, none))
    }
}
