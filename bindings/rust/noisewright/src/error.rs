// SPDX-License-Identifier: Apache-2.0
//! Owns what goes wrong: the library's statuses, and errors and panics of callbacks, which wait
//! here while the C frames between return.

use std::any::Any;
use std::cell::Cell;
use std::ffi::CStr;
use std::panic::{catch_unwind, resume_unwind, AssertUnwindSafe};
use std::sync::{Arc, OnceLock};
use std::{error, fmt};

use noisewright_sys as sys;

use crate::open_enum::open_enum;

open_enum! {
    /// What kind of error it is.
    Kind, nwr_status, Status {
        /// An argument is wrong whatever the state.
        InvalidArgument = NWR_ERROR_INVALID_ARGUMENT,
        /// The call is out of order for this object.
        InvalidState = NWR_ERROR_INVALID_STATE,
        /// No entry has that name.
        NotFound = NWR_ERROR_NOT_FOUND,
        /// Right, but not in this build, version or device.
        Unsupported = NWR_ERROR_UNSUPPORTED,
        /// Memory is short.
        OutOfMemory = NWR_ERROR_OUT_OF_MEMORY,
        /// A buffer is too small.
        BufferTooSmall = NWR_ERROR_BUFFER_TOO_SMALL,
        /// The device's plugin is absent or does not fit.
        Backend = NWR_ERROR_BACKEND,
        /// The device reported a failure, perhaps of earlier work.
        Device = NWR_ERROR_DEVICE,
        /// The inputs do not determine the output at this time.
        Singular = NWR_ERROR_SINGULAR,
        /// A schedule's or a noise source's closure failed: see [`Error::source`](error::Error::source).
        Callback = NWR_ERROR_CALLBACK,
        /// Saved bytes are damaged or from another version.
        Corrupt = NWR_ERROR_CORRUPT,
        /// A defect in the library. Please report it.
        Internal = NWR_ERROR_INTERNAL,
    }
}

/// What the closures of schedules and noise sources may fail with.
pub type BoxError = Box<dyn error::Error + Send + Sync>;

/// A result whose error is the library's.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the library: nothing has been written or changed.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    source: Option<Arc<dyn error::Error + Send + Sync>>,
}

impl Error {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind,
            message,
            source: None,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidArgument, message)
    }

    /// What kind of error it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// One line that names the argument and the value.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

/// Why [`Sampler::run`](crate::Sampler::run) stopped before its end.
#[derive(Clone, Debug)]
pub enum Stop<E> {
    /// The library refused.
    Library(Error),
    /// The model failed, with its own error.
    Model(E),
    /// The progress closure or a [`Canceller`](crate::Canceller) asked; `run` goes on from there.
    Cancelled,
}

impl<E> From<Error> for Stop<E> {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl<E: fmt::Display> fmt::Display for Stop<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(error) => error.fmt(f),
            Self::Model(error) => error.fmt(f),
            Self::Cancelled => f.write_str("the run was cancelled"),
        }
    }
}

impl<E: error::Error + 'static> error::Error for Stop<E> {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Library(error) => error.source(),
            Self::Model(error) => error.source(),
            Self::Cancelled => None,
        }
    }
}

/// What a callback left behind for the call that caused it.
enum Held {
    Error(BoxError),
    Panic(Box<dyn Any + Send>),
}

thread_local! {
    // Callbacks run on the thread that calls the library, before the call returns.
    static HELD: Cell<Option<Held>> = const { Cell::new(None) };
}

/// Runs a closure for C: 0, or -1 with the error or the panic kept for `check`.
pub(crate) fn call_for_c(call: impl FnOnce() -> std::result::Result<(), BoxError>) -> i32 {
    let held = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => return 0,
        Ok(Err(error)) => Held::Error(error),
        Err(panic) => Held::Panic(panic),
    };
    HELD.set(Some(held));
    -1
}

#[inline]
pub(crate) fn check(status: sys::nwr_status) -> Result<()> {
    check_news(status).map(drop)
}

/// The same for calls that can succeed in more than one way.
#[inline]
pub(crate) fn check_news(status: sys::nwr_status) -> Result<sys::nwr_status> {
    if status.0 < 0 {
        return Err(failure(status));
    }
    Ok(status)
}

/// Goes on with the panic of a callback, if that is why the call failed.
#[cold]
fn failure(status: sys::nwr_status) -> Error {
    let mut error = Error::new(status.0.into(), last_error());
    let held = HELD.take();
    if error.kind == Kind::Callback {
        match held {
            Some(Held::Panic(panic)) => resume_unwind(panic),
            Some(Held::Error(source)) => error.source = Some(source.into()),
            None => {}
        }
    }
    error
}

pub(crate) fn last_error() -> String {
    // SAFETY: never NULL, NUL-terminated, and valid until this thread's next call.
    let text = unsafe { CStr::from_ptr(sys::nwr_last_error()) };
    text.to_string_lossy().into_owned()
}

const VERSION: u32 =
    sys::NWR_VERSION_MAJOR * 1_000_000 + sys::NWR_VERSION_MINOR * 1_000 + sys::NWR_VERSION_PATCH;

/// Refuses a loaded library that does not fit these bindings. Every handle is made behind it.
pub(crate) fn check_library() -> Result<()> {
    static FITS: OnceLock<Result<()>> = OnceLock::new();
    FITS.get_or_init(|| {
        // SAFETY: no conditions.
        let (abi, version) = unsafe { (sys::nwr_abi(), sys::nwr_version()) };
        fits(abi, version)
    })
    .clone()
}

fn fits(abi: u32, version: u32) -> Result<()> {
    if abi == sys::NWR_ABI && version >= VERSION {
        return Ok(());
    }
    let show = |v: u32| format!("{}.{}.{}", v / 1_000_000, v / 1_000 % 1_000, v % 1_000);
    Err(Error::new(
        Kind::Unsupported,
        format!(
            "{} has ABI {abi} and version {}, but this crate needs ABI {} and version {} or later",
            loaded_file(),
            show(version),
            sys::NWR_ABI,
            show(VERSION)
        ),
    ))
}

/// The file that the loader chose, where the system tells.
fn loaded_file() -> String {
    std::fs::read_to_string("/proc/self/maps")
        .ok()
        .and_then(|maps| {
            maps.lines()
                .filter_map(|line| line.find('/').map(|at| &line[at..]))
                .find(|path| path.contains("/libnoisewright.so"))
                .map(str::to_owned)
        })
        .unwrap_or_else(|| "libnoisewright".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_does_not_fit_is_named_with_both_versions() {
        assert!(fits(sys::NWR_ABI, VERSION).is_ok());
        assert!(fits(sys::NWR_ABI, VERSION + 1_000).is_ok());
        let error = fits(sys::NWR_ABI + 1, 2_003_004).unwrap_err();
        assert_eq!(error.kind(), Kind::Unsupported);
        assert!(
            error.message().contains("has ABI 1 and version 2.3.4, but"),
            "{error}"
        );
        assert!(error.message().contains("libnoisewright.so"), "{error}");
        assert!(fits(sys::NWR_ABI, VERSION - 1).is_err());
    }
}
