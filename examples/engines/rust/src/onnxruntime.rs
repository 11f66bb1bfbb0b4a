// SPDX-License-Identifier: Apache-2.0
//! As much of ONNX Runtime's C interface as one network takes.

use std::ffi::{c_char, c_int, c_void, CStr, CString};
use std::mem::size_of_val;
use std::ptr::null_mut;

/// A version that has all that is used here; later libraries know it too.
const VERSION: u32 = 17;

/// Objects of the library's: never looked into.
type Object = *mut c_void;
type Release = unsafe extern "C" fn(Object);

/// Its table of functions. Later versions add to the end only, so their places are fixed.
#[repr(C)]
struct Api {
    _to_2: [usize; 2],
    get_error_message: unsafe extern "C" fn(Object) -> *const c_char,
    create_env: unsafe extern "C" fn(c_int, *const c_char, *mut Object) -> Object,
    _to_7: [usize; 3],
    create_session: unsafe extern "C" fn(Object, *const c_char, Object, *mut Object) -> Object,
    _to_9: usize,
    run: unsafe extern "C" fn(
        session: Object,
        options: Object,
        input_names: *const *const c_char,
        inputs: *const Object,
        input_count: usize,
        output_names: *const *const c_char,
        output_count: usize,
        outputs: *mut Object,
    ) -> Object,
    create_session_options: unsafe extern "C" fn(*mut Object) -> Object,
    _to_49: [usize; 38],
    create_tensor_with_data: unsafe extern "C" fn(
        memory: Object,
        data: *mut c_void,
        size: usize,
        shape: *const i64,
        rank: usize,
        kind: c_int,
        out: *mut Object,
    ) -> Object,
    _to_69: [usize; 19],
    create_cpu_memory_info: unsafe extern "C" fn(c_int, c_int, *mut Object) -> Object,
    _to_92: [usize; 22],
    release_env: Release,
    release_status: Release,
    release_memory_info: Release,
    release_session: Release,
    release_value: Release,
    _to_100: [usize; 3],
    release_session_options: Release,
}

#[repr(C)]
struct ApiBase {
    get_api: unsafe extern "C" fn(u32) -> *const Api,
    get_version: unsafe extern "C" fn() -> *const c_char,
}

#[link(name = "onnxruntime")]
extern "C" {
    fn OrtGetApiBase() -> *const ApiBase;
}

pub fn version() -> String {
    // SAFETY: the library answers with a table and a C string, which stay.
    unsafe { CStr::from_ptr(((*OrtGetApiBase()).get_version)()) }
        .to_string_lossy()
        .into_owned()
}

/// Numbers that a tensor may hold.
pub trait Number {
    const KIND: c_int;
}
impl Number for f32 {
    const KIND: c_int = 1;
}
impl Number for i64 {
    const KIND: c_int = 7;
}

/// An object and what releases it.
struct Owned(Object, Release);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: made by the library, released once.
        unsafe { (self.1)(self.0) }
    }
}

pub struct Session {
    api: &'static Api,
    session: Owned,
    memory: Owned,
    _env: Owned,
}

impl Session {
    pub fn load(model: &str) -> Result<Self, String> {
        let model = CString::new(model).map_err(|e| e.to_string())?;
        // SAFETY: a table of the version asked for, or null.
        let api = unsafe { ((*OrtGetApiBase()).get_api)(VERSION).as_ref() }
            .ok_or("the library is older than version 1.17")?;
        // SAFETY: the arguments are what onnxruntime_c_api.h asks for; 2 is the level of warnings,
        // 1 and 0 an arena and default memory.
        unsafe {
            let env = api.make(api.release_env, |out| {
                (api.create_env)(2, c"fashion".as_ptr(), out)
            })?;
            let options = api.make(api.release_session_options, |out| {
                (api.create_session_options)(out)
            })?;
            let session = api.make(api.release_session, |out| {
                (api.create_session)(env.0, model.as_ptr(), options.0, out)
            })?;
            let memory = api.make(api.release_memory_info, |out| {
                (api.create_cpu_memory_info)(1, 0, out)
            })?;
            Ok(Self {
                api,
                session,
                memory,
                _env: env,
            })
        }
    }

    /// Writes the velocities v of the pictures x at the times t with the labels, where v lies.
    pub fn velocities(
        &self,
        shape: &[i64; 3],
        x: &[f32],
        t: &[f32],
        label: &[i64],
        v: &mut [f32],
    ) -> Result<(), String> {
        let names = [c"x".as_ptr(), c"t".as_ptr(), c"label".as_ptr()];
        let inputs = [
            self.view(x.as_ptr(), x, shape)?,
            self.view(t.as_ptr(), t, &shape[..1])?,
            self.view(label.as_ptr(), label, &shape[..1])?,
        ];
        let output = self.view(v.as_mut_ptr(), v, shape)?;
        let inputs = inputs.each_ref().map(|i| i.0);
        let mut outputs = [output.0];
        // SAFETY: values of this library, whose memory is borrowed for the call; only v is written.
        self.api.check(unsafe {
            (self.api.run)(
                self.session.0,
                null_mut(),
                names.as_ptr(),
                inputs.as_ptr(),
                inputs.len(),
                [c"v".as_ptr()].as_ptr(),
                1,
                outputs.as_mut_ptr(),
            )
        })
    }

    /// A tensor that lies at data, which has the slice's numbers.
    fn view<T: Number>(&self, data: *const T, of: &[T], shape: &[i64]) -> Result<Owned, String> {
        let count: i64 = shape.iter().product();
        if usize::try_from(count) != Ok(of.len()) {
            return Err(format!("{} numbers are no tensor {shape:?}", of.len()));
        }
        // SAFETY: as many numbers as the shape has.
        unsafe {
            self.api.make(self.api.release_value, |out| {
                (self.api.create_tensor_with_data)(
                    self.memory.0,
                    data.cast_mut().cast(),
                    size_of_val(of),
                    shape.as_ptr(),
                    shape.len(),
                    T::KIND,
                    out,
                )
            })
        }
    }
}

impl Api {
    /// What went wrong, if anything: an object that is the caller's to release.
    fn check(&self, status: Object) -> Result<(), String> {
        if status.is_null() {
            return Ok(());
        }
        let status = Owned(status, self.release_status);
        // SAFETY: a status has a C string for as long as it lives.
        let text = unsafe { CStr::from_ptr((self.get_error_message)(status.0)) };
        Err(format!("onnxruntime: {}", text.to_string_lossy()))
    }

    fn make(
        &self,
        release: Release,
        create: impl FnOnce(*mut Object) -> Object,
    ) -> Result<Owned, String> {
        let mut object = null_mut();
        self.check(create(&mut object))?;
        Ok(Owned(object, release))
    }
}
