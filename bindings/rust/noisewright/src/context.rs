// SPDX-License-Identifier: Apache-2.0
//! Owns where work runs: device, stream, threads, memory.

use std::ffi::{c_void, CString};
use std::mem::size_of;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::Path;
use std::ptr::{self, NonNull};

use noisewright_sys as sys;

use crate::error::{check, check_library};
use crate::open_enum::open_enum;
use crate::{Error, Result, TensorMut, TensorRef};

open_enum! {
    /// Memory spaces, numbered as DLPack numbers them.
    Device, nwr_device, Device {
        /// Ordinary memory.
        Cpu = NWR_CPU,
        /// Memory of a CUDA device.
        Cuda = NWR_CUDA,
        /// Page-locked host memory.
        CudaHost = NWR_CUDA_HOST,
        /// Memory that host and device share.
        CudaManaged = NWR_CUDA_MANAGED,
    }
}

/// Where work runs. Immutable and shared freely: schedules and samplers keep what they use alive.
#[derive(Debug)]
pub struct Context(NonNull<sys::nwr_context>);

// SAFETY: the library takes contexts by pointer to const alone, which any thread may use at once.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Context {
    /// The CPU, with a thread a core.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Chooses threads, device or allocator.
    pub fn builder() -> ContextBuilder {
        ContextBuilder::default()
    }

    pub(crate) fn raw(&self) -> *const sys::nwr_context {
        self.0.as_ptr()
    }

    /// Waits for all work queued through this context and reports its errors. On the CPU there is
    /// none. Memory of device views may be reused after it.
    pub fn synchronize(&self) -> Result<()> {
        // SAFETY: the handle is alive.
        check(unsafe { sys::nwr_context_synchronize(self.raw()) })
    }

    /// Memory on the context's device, aligned to 64 bytes, for callers that have no other source.
    pub fn alloc(&self, bytes: usize) -> Result<Memory<'_>> {
        let mut out = ptr::null_mut();
        // SAFETY: out is valid.
        check(unsafe { sys::nwr_memory_alloc(self.raw(), bytes, &mut out) })?;
        Ok(Memory {
            context: self,
            address: out,
        })
    }

    /// Copies between devices, dtypes and strides. Shapes must match; values are rounded to nearest
    /// even where the dtypes differ.
    pub fn copy(&self, from: &TensorRef<'_>, to: &mut TensorMut<'_>) -> Result<()> {
        // SAFETY: both views are valid for the call, and to is exclusive.
        check(unsafe { sys::nwr_tensor_copy(self.raw(), &from.raw(), &to.raw()) })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: this is the only release of the handle.
        unsafe { sys::nwr_context_destroy(self.0.as_ptr()) }
    }
}

/// Memory of [`Context::alloc`].
#[derive(Debug)]
pub struct Memory<'a> {
    context: &'a Context,
    address: *mut c_void,
}

impl Memory<'_> {
    /// Its address on the device, for [`TensorMut::from_raw_parts`].
    pub fn as_ptr(&self) -> *mut c_void {
        self.address
    }
}

impl Drop for Memory<'_> {
    fn drop(&mut self) {
        // SAFETY: the memory is the context's and is released once.
        unsafe { sys::nwr_memory_free(self.context.raw(), self.address) }
    }
}

/// A source of the memory that contexts work in.
///
/// # Safety
/// `alloc` returns memory of the device, of that size and alignment, or NULL, and `free` takes it
/// back. Both are called from any thread.
pub unsafe trait Allocator: Sync + 'static {
    /// Returns memory to be used on `stream`, which is NULL on the CPU.
    fn alloc(&self, bytes: usize, align: usize, device: Device, stream: *mut c_void)
        -> *mut c_void;

    /// Takes back what `alloc` returned, with the size that was asked for.
    ///
    /// # Safety
    /// `memory` is from `alloc` of the same allocator and is no longer used.
    unsafe fn free(&self, memory: *mut c_void, bytes: usize, device: Device, stream: *mut c_void);
}

/// The options of a [`Context`].
#[derive(Debug, Default)]
#[must_use]
pub struct ContextBuilder {
    threads: u32,
    device: Option<(Device, i32)>,
    stream: Address,
    plugin: Option<CString>,
    allocator: Hooks,
}

#[derive(Debug, Default)]
struct Hooks {
    alloc: sys::nwr_alloc_fn,
    free: sys::nwr_free_fn,
    user: Address,
}

#[derive(Debug)]
struct Address(*mut c_void);

impl Default for Address {
    fn default() -> Self {
        Self(ptr::null_mut())
    }
}

impl ContextBuilder {
    /// CPU threads; 0 is one a core. Never changes a result.
    pub fn threads(mut self, threads: u32) -> Self {
        self.threads = threads;
        self
    }

    /// The device to work on.
    pub fn device(mut self, device: Device, id: i32) -> Self {
        self.device = Some((device, id));
        self
    }

    /// The `cudaStream_t` to work on; NULL makes one, 1 and 2 are CUDA's legacy and per-thread.
    ///
    /// # Safety
    /// The stream is of the device and outlives the context and everything made with it.
    pub unsafe fn stream(mut self, stream: *mut c_void) -> Self {
        self.stream = Address(stream);
        self
    }

    /// File of the device's plugin.
    pub fn plugin(mut self, file: impl AsRef<Path>) -> Result<Self> {
        let bytes = file.as_ref().as_os_str().as_encoded_bytes();
        let file = CString::new(bytes)
            .map_err(|_| Error::invalid("the plugin's path holds a NUL character"))?;
        self.plugin = Some(file);
        Ok(self)
    }

    /// Where to take memory from. It is never given back to the caller, hence `'static`.
    pub fn allocator<A: Allocator>(mut self, allocator: &'static A) -> Self {
        self.allocator = Hooks {
            alloc: Some(alloc_for_c::<A>),
            free: Some(free_for_c::<A>),
            user: Address(ptr::from_ref(allocator).cast_mut().cast()),
        };
        self
    }

    /// Makes the context. [`Kind::Backend`](crate::Kind::Backend) if the device has no plugin here.
    pub fn build(self) -> Result<Context> {
        check_library()?;
        let (device, device_id) = self.device.unwrap_or((Device::Unknown(0), 0));
        let options = sys::nwr_context_options {
            struct_size: size_of::<sys::nwr_context_options>() as u32,
            device: device.raw(),
            device_id,
            stream: self.stream.0,
            threads: self.threads,
            plugin: self
                .plugin
                .as_ref()
                .map_or(ptr::null(), |file| file.as_ptr()),
            alloc: self.allocator.alloc,
            free: self.allocator.free,
            user: self.allocator.user.0,
            ..Default::default()
        };
        let mut out = ptr::null_mut();
        // SAFETY: options is valid for the call; what is kept lives for ever.
        check(unsafe { sys::nwr_context_create(&options, &mut out) })?;
        NonNull::new(out).map(Context).ok_or_else(no_handle)
    }
}

pub(crate) fn no_handle() -> Error {
    Error::new(crate::Kind::Internal, "the library made no handle")
}

unsafe extern "C" fn alloc_for_c<A: Allocator>(
    user: *mut c_void,
    bytes: usize,
    align: usize,
    device: sys::nwr_device,
    stream: *mut c_void,
) -> *mut c_void {
    // SAFETY: user is the &'static A that the builder was given.
    let allocator = unsafe { &*user.cast::<A>() };
    let call = AssertUnwindSafe(|| allocator.alloc(bytes, align, device.0.into(), stream));
    catch_unwind(call).unwrap_or(ptr::null_mut())
}

unsafe extern "C" fn free_for_c<A: Allocator>(
    user: *mut c_void,
    memory: *mut c_void,
    bytes: usize,
    device: sys::nwr_device,
    stream: *mut c_void,
) {
    // SAFETY: user is the &'static A that the builder was given.
    let allocator = unsafe { &*user.cast::<A>() };
    // SAFETY: the library gives back what alloc returned.
    let call = AssertUnwindSafe(|| unsafe {
        allocator.free(memory, bytes, device.0.into(), stream);
    });
    // A panic has nowhere to go: the memory is lost, the program is not.
    let _ = catch_unwind(call);
}
