// SPDX-License-Identifier: Apache-2.0
//! Owns views of arrays: borrowed slices with a shape, and element types.

use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr;

use noisewright_sys as sys;

use crate::open_enum::open_enum;
use crate::{Device, Error, Result};

open_enum! {
    /// Element types.
    Dtype, nwr_dtype, Dtype {
        /// IEEE half precision.
        F16 = NWR_F16,
        /// Single precision.
        F32 = NWR_F32,
        /// Double precision.
        F64 = NWR_F64,
        /// The upper half of a single.
        Bf16 = NWR_BF16,
        /// Integers, which can only be copied.
        I64 = NWR_I64,
    }
}

mod sealed {
    pub trait Sealed {}
}

/// The element types of tensors. Sealed: the library knows no others.
pub trait Element: sealed::Sealed + Copy + Default + Send + Sync + 'static {
    /// The library's name for it.
    const DTYPE: Dtype;
}

macro_rules! element {
    ($($kind:ident = $dtype:ident,)*) => {
        $(impl sealed::Sealed for $kind {}
        impl Element for $kind {
            const DTYPE: Dtype = Dtype::$dtype;
        })*
    };
}

element! { F16 = F16, Bf16 = Bf16, f32 = F32, f64 = F64, i64 = I64, }

/// An IEEE half-precision number, as its bits. Conversion from f32 rounds to nearest even.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct F16(u16);

/// The upper half of an f32, as its bits. Conversion from f32 rounds to nearest even.
#[repr(transparent)]
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Bf16(u16);

impl F16 {
    /// The number with these bits.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn to_bits(self) -> u16 {
        self.0
    }
}

impl Bf16 {
    /// The number with these bits.
    pub const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }

    /// Its bits.
    pub const fn to_bits(self) -> u16 {
        self.0
    }
}

/// The upper bits of a number after so many are rounded away, to nearest even.
fn round_off(value: u32, bits: u32) -> u32 {
    let half = 1u32 << (bits - 1);
    let odd = (value >> bits) & 1;
    value.wrapping_add(half - 1 + odd) >> bits
}

impl From<f32> for F16 {
    fn from(value: f32) -> Self {
        let bits = value.to_bits();
        let sign = ((bits >> 16) & 0x8000) as u16;
        let magnitude = bits & 0x7fff_ffff;
        let half = if magnitude > 0x7f80_0000 {
            0x7e00 | ((magnitude >> 13) & 0x3ff) // NaN stays NaN
        } else if magnitude >= 0x4780_0000 {
            0x7c00 // 65536 and above
        } else if magnitude >= 0x3880_0000 {
            round_off(magnitude - (112 << 23), 13)
        } else if magnitude >= 0x3300_0000 {
            // Subnormal: the significand with its hidden bit, in units of 2^-24.
            let significand = (magnitude & 0x007f_ffff) | 0x0080_0000;
            round_off(significand, 126 - (magnitude >> 23))
        } else {
            0
        };
        Self(sign | half as u16)
    }
}

impl From<F16> for f32 {
    fn from(value: F16) -> Self {
        let bits = u32::from(value.0);
        let (sign, exponent, fraction) = ((bits & 0x8000) << 16, (bits >> 10) & 31, bits & 0x3ff);
        match exponent {
            0 => {
                let magnitude = fraction as f32 * f32::from_bits(103 << 23); // 2^-24
                f32::from_bits(magnitude.to_bits() | sign)
            }
            31 => f32::from_bits(sign | 0x7f80_0000 | (fraction << 13)),
            _ => f32::from_bits(sign | ((exponent + 112) << 23) | (fraction << 13)),
        }
    }
}

impl From<f32> for Bf16 {
    fn from(value: f32) -> Self {
        let bits = value.to_bits();
        Self(if value.is_nan() {
            (bits >> 16) as u16 | 0x40
        } else {
            round_off(bits, 16) as u16
        })
    }
}

impl From<Bf16> for f32 {
    fn from(value: Bf16) -> Self {
        f32::from_bits(u32::from(value.0) << 16)
    }
}

impl fmt::Debug for F16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f32::from(*self).fmt(f)
    }
}

impl fmt::Debug for Bf16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f32::from(*self).fmt(f)
    }
}

/// The most axes that a tensor has.
pub const MAX_RANK: usize = 16;

/// An array that the library may read. Axis 0 is the batch; rank 0 stands for every sample.
///
/// A view owns its shape and borrows its elements:
///
/// ```
/// use noisewright::TensorRef;
///
/// let image = [0f32; 6];
/// let whole = TensorRef::new(&image, &[2, 3])?;
/// let column = TensorRef::strided(&image, 1, &[2, 1], &[3, 3])?;
/// assert_eq!(whole.as_slice::<f32>()?.as_ptr(), image.as_ptr());
/// assert_eq!(column.shape(), [2, 1]);
/// # Ok::<(), noisewright::Error>(())
/// ```
///
/// It cannot outlive them:
///
/// ```compile_fail
/// let view = {
///     let image = vec![0f32; 6];
///     noisewright::TensorRef::new(&image, &[2, 3]).unwrap()
/// };
/// view.shape();
/// ```
// Not Clone: a copy taken through TensorMut's Deref would outlive the exclusive borrow.
pub struct TensorRef<'a> {
    // As C has it, but for the places of shape and strides, which move with the view.
    raw: sys::nwr_tensor,
    dense: bool,
    shape: [usize; MAX_RANK],
    strides: [isize; MAX_RANK],
    _elements: PhantomData<&'a [u8]>,
}

// SAFETY: as &[T] of plain numbers; device views promise as much.
unsafe impl Send for TensorRef<'_> {}
// SAFETY: as above.
unsafe impl Sync for TensorRef<'_> {}

/// An array that the library may write. Whatever takes a `&TensorRef` takes a `&TensorMut`.
///
/// ```
/// use noisewright::{Context, TensorMut, TensorRef, F16};
///
/// let mut halves = [F16::default(); 3];
/// Context::new()?.copy(
///     &TensorRef::new(&[1.0f32, 2.0, 3.0], &[3])?,
///     &mut TensorMut::new(&mut halves, &[3])?,
/// )?;
/// assert_eq!(f32::from(halves[2]), 3.0);
/// # Ok::<(), noisewright::Error>(())
/// ```
pub struct TensorMut<'a>(TensorRef<'a>, PhantomData<&'a mut [u8]>);

/// An array for C, where an empty one is NULL.
pub(crate) fn pointer<T>(values: &[T]) -> *const T {
    if values.is_empty() {
        return ptr::null();
    }
    values.as_ptr()
}

/// Elements of a shape, or none if no address could hold them.
fn element_count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1usize, |count, &extent| count.checked_mul(extent))
}

/// Whether every element of the strided view lies in a slice of this length.
fn lies_within(length: usize, offset: usize, shape: &[usize], strides: &[isize]) -> Option<bool> {
    if shape.contains(&0) {
        return Some(true);
    }
    let (mut low, mut high) = (isize::try_from(offset).ok()?, isize::try_from(offset).ok()?);
    for (&extent, &stride) in shape.iter().zip(strides) {
        let reach = isize::try_from(extent - 1).ok()?.checked_mul(stride)?;
        let end = if reach < 0 { &mut low } else { &mut high };
        *end = end.checked_add(reach)?;
    }
    Some(low >= 0 && high < isize::try_from(length).ok()?)
}

fn check_dense(length: usize, shape: &[usize]) -> Result<()> {
    if element_count(shape) == Some(length) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "shape {shape:?} does not fit a slice of {length} elements"
    )))
}

fn check_strided(length: usize, offset: usize, shape: &[usize], strides: &[isize]) -> Result<()> {
    if strides.len() == shape.len() && lies_within(length, offset, shape, strides) == Some(true) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "shape {shape:?} with strides {strides:?} from {offset} on does not fit a slice of \
         {length} elements"
    )))
}

impl<'a> TensorRef<'a> {
    /// A dense view, last axis fastest.
    pub fn new<T: Element>(data: &'a [T], shape: &[usize]) -> Result<Self> {
        check_dense(data.len(), shape)?;
        // SAFETY: the shape covers exactly the slice.
        unsafe { Self::from_raw_parts(data.as_ptr(), shape, None, (Device::Cpu, 0)) }
    }

    /// A view with strides in elements, whose element \[0, 0, ...\] is `data[offset]`.
    pub fn strided<T: Element>(
        data: &'a [T],
        offset: usize,
        shape: &[usize],
        strides: &[isize],
    ) -> Result<Self> {
        check_strided(data.len(), offset, shape, strides)?;
        let first = data.as_ptr().wrapping_add(offset); // outside only where there are no elements
                                                        // SAFETY: every element lies in the slice.
        unsafe { Self::from_raw_parts(first, shape, Some(strides), (Device::Cpu, 0)) }
    }

    /// One number, which stands for every element.
    pub fn scalar<T: Element>(value: &'a T) -> Self {
        Self::view(ptr::from_ref(value).cast(), T::DTYPE, (Device::Cpu, 0))
    }

    /// A view of memory anywhere, such as of a device.
    ///
    /// # Safety
    /// For `'a`, and on a device until the stream of the context has passed every call that was
    /// given the view ([`Context::synchronize`](crate::Context::synchronize) waits for that), the
    /// elements lie at `data`, with `strides` or densely, in memory of that device, and nobody
    /// writes them.
    pub unsafe fn from_raw_parts<T: Element>(
        data: *const T,
        shape: &[usize],
        strides: Option<&[isize]>,
        device: (Device, i32),
    ) -> Result<Self> {
        if shape.len() > MAX_RANK || strides.is_some_and(|s| s.len() != shape.len()) {
            return Err(Error::invalid(format!(
                "{} axes with {} strides, but a tensor has at most {MAX_RANK} of each, as many of \
                 the one as of the other",
                shape.len(),
                strides.map_or(shape.len(), <[_]>::len)
            )));
        }
        let mut view = Self::view(data.cast(), T::DTYPE, device);
        view.raw.ndim = shape.len() as i32;
        view.shape[..shape.len()].copy_from_slice(shape);
        if let Some(strides) = strides {
            view.dense = false;
            view.strides[..strides.len()].copy_from_slice(strides);
        }
        Ok(view)
    }

    fn view(data: *const c_void, dtype: Dtype, (device, device_id): (Device, i32)) -> Self {
        Self {
            raw: sys::nwr_tensor {
                data: data.cast_mut(),
                device: device.raw(),
                device_id,
                ndim: 0,
                dtype: dtype.raw(),
                shape: ptr::null(),
                strides: ptr::null(),
                byte_offset: 0,
            },
            dense: true,
            shape: [0; MAX_RANK],
            strides: [0; MAX_RANK],
            _elements: PhantomData,
        }
    }

    fn rank(&self) -> usize {
        self.raw.ndim as usize
    }

    /// The library's view, as callbacks get it.
    ///
    /// # Safety
    /// `raw` and what it points at are valid for `'a`.
    pub(crate) unsafe fn from_c(raw: &sys::nwr_tensor) -> Self {
        // SAFETY: byte_offset is within the array.
        let data = unsafe { raw.data.cast::<u8>().add(raw.byte_offset as usize) };
        let device = (raw.device.0.into(), raw.device_id);
        let mut view = Self::view(data.cast(), raw.dtype.0.into(), device);
        view.raw.ndim = raw.ndim;
        let rank = view.rank();
        if rank == 0 {
            return view;
        }
        // SAFETY: shape, and strides where there are any, have ndim numbers of 64 bits, and the
        // library's arrays have no more axes than MAX_RANK.
        unsafe {
            ptr::copy_nonoverlapping(raw.shape.cast(), view.shape.as_mut_ptr(), rank);
            if !raw.strides.is_null() {
                ptr::copy_nonoverlapping(raw.strides.cast(), view.strides.as_mut_ptr(), rank);
                view.dense = view.is_dense();
            }
        }
        view
    }

    fn is_dense(&self) -> bool {
        let mut step = 1;
        (0..self.rank()).rev().all(|axis| {
            let fits = self.shape[axis] == 1 || self.strides[axis] == step;
            step *= self.shape[axis] as isize;
            fits
        })
    }

    #[inline]
    pub(crate) fn raw(&self) -> sys::nwr_tensor {
        let mut raw = self.raw;
        raw.shape = self.shape.as_ptr().cast();
        if !self.dense {
            raw.strides = self.strides.as_ptr().cast();
        }
        raw
    }

    /// Extents, batch first.
    pub fn shape(&self) -> &[usize] {
        &self.shape[..self.rank()]
    }

    /// The element type.
    pub fn dtype(&self) -> Dtype {
        self.raw.dtype.0.into()
    }

    /// Where the elements lie.
    pub fn device(&self) -> (Device, i32) {
        (self.raw.device.0.into(), self.raw.device_id)
    }

    /// The address of element \[0, 0, ...\], on its device.
    pub fn as_ptr(&self) -> *const c_void {
        self.raw.data
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape().iter().product()
    }

    /// Whether there are no elements; the library refuses such tensors.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn require_slice<T: Element>(&self) -> Result<()> {
        if self.dtype() == T::DTYPE && self.dense && self.device().0 == Device::Cpu {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the tensor is {}{} on {}, which is no slice of {}",
            if self.dense { "" } else { "strided " },
            self.dtype(),
            self.device().0,
            T::DTYPE
        )))
    }

    /// The elements of a dense tensor in ordinary memory.
    pub fn as_slice<T: Element>(&self) -> Result<&[T]> {
        self.require_slice::<T>()?;
        // SAFETY: the view has len elements of this type, dense and in memory of this process.
        Ok(unsafe { std::slice::from_raw_parts(self.raw.data.cast(), self.len()) })
    }
}

impl<'a> TensorMut<'a> {
    /// A dense view, last axis fastest.
    pub fn new<T: Element>(data: &'a mut [T], shape: &[usize]) -> Result<Self> {
        check_dense(data.len(), shape)?;
        // SAFETY: the shape covers exactly the slice, which is borrowed exclusively.
        unsafe { Self::from_raw_parts(data.as_mut_ptr(), shape, None, (Device::Cpu, 0)) }
    }

    /// A view with strides in elements, whose element \[0, 0, ...\] is `data[offset]`. The library
    /// refuses to write where two elements lie in one place.
    pub fn strided<T: Element>(
        data: &'a mut [T],
        offset: usize,
        shape: &[usize],
        strides: &[isize],
    ) -> Result<Self> {
        check_strided(data.len(), offset, shape, strides)?;
        let first = data.as_mut_ptr().wrapping_add(offset);
        // SAFETY: every element lies in the slice, which is borrowed exclusively.
        unsafe { Self::from_raw_parts(first, shape, Some(strides), (Device::Cpu, 0)) }
    }

    /// A view of memory anywhere, such as of a device.
    ///
    /// # Safety
    /// As for [`TensorRef::from_raw_parts`], and nobody else reads or writes the elements.
    pub unsafe fn from_raw_parts<T: Element>(
        data: *mut T,
        shape: &[usize],
        strides: Option<&[isize]>,
        device: (Device, i32),
    ) -> Result<Self> {
        // SAFETY: the caller's promise.
        let view = unsafe { TensorRef::from_raw_parts(data, shape, strides, device) }?;
        Ok(Self(view, PhantomData))
    }

    /// # Safety
    /// As for [`TensorRef::from_c`], and the elements are exclusively the view's.
    pub(crate) unsafe fn from_c(raw: &sys::nwr_tensor) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { TensorRef::from_c(raw) }, PhantomData)
    }

    /// The elements of a dense tensor in ordinary memory.
    pub fn as_mut_slice<T: Element>(&mut self) -> Result<&mut [T]> {
        self.require_slice::<T>()?;
        // SAFETY: as in as_slice; the view is exclusive and was made from memory to write.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.raw.data.cast(), self.len()) })
    }
}

impl<'a> Deref for TensorMut<'a> {
    type Target = TensorRef<'a>;

    fn deref(&self) -> &TensorRef<'a> {
        &self.0
    }
}

impl fmt::Debug for TensorRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}{:?} at {:?} on {}",
            self.dtype(),
            self.shape(),
            self.raw.data,
            self.device().0
        )
    }
}

impl fmt::Debug for TensorMut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_goes_to_f32_and_back() {
        for bits in 0..=u16::MAX {
            let wide = f32::from(F16(bits));
            if wide.is_nan() {
                assert!(f32::from(F16::from(wide)).is_nan());
            } else {
                assert_eq!(F16::from(wide), F16(bits), "{bits:#x} is {wide}");
            }
            let wide = f32::from(Bf16(bits));
            if wide.is_nan() {
                assert!(f32::from(Bf16::from(wide)).is_nan());
            } else {
                assert_eq!(Bf16::from(wide), Bf16(bits));
            }
        }
    }

    #[test]
    fn what_lies_between_two_halves_goes_to_the_nearest_or_the_even() {
        for bits in 0..0x7bffu16 {
            let (low, high) = (f32::from(F16(bits)), f32::from(F16(bits + 1)));
            let middle = ((f64::from(low) + f64::from(high)) / 2.0) as f32;
            assert_eq!(F16::from(middle), F16(bits + (bits & 1)), "{middle}");
            assert_eq!(F16::from(f32::from_bits(middle.to_bits() - 1)), F16(bits));
            assert_eq!(
                F16::from(f32::from_bits(middle.to_bits() + 1)),
                F16(bits + 1)
            );
        }
        assert_eq!(F16::from(65519.0), F16(0x7bff));
        assert_eq!(F16::from(65520.0), F16(0x7c00));
        assert_eq!(F16::from(-1e30), F16(0xfc00));
        assert_eq!(Bf16::from(f32::MAX), Bf16(0x7f80));
        assert_eq!(Bf16::from(f32::from_bits(0x3f80_8000)), Bf16(0x3f80));
        assert_eq!(Bf16::from(f32::from_bits(0x3f81_8000)), Bf16(0x3f82));
    }

    #[test]
    fn views_stay_within_their_slices() {
        let data = [0f32; 12];
        assert!(TensorRef::new(&data, &[3, 4]).is_ok());
        assert!(TensorRef::new(&data, &[3, 5]).is_err());
        assert!(TensorRef::new(&data, &[usize::MAX, 2]).is_err());
        assert!(TensorRef::new(&data[..1], &[1; MAX_RANK + 1]).is_err());
        assert!(TensorRef::strided(&data, 0, &[3, 4], &[4, 1]).is_ok());
        assert!(TensorRef::strided(&data, 1, &[3, 4], &[4, 1]).is_err());
        assert!(TensorRef::strided(&data, 11, &[3, 4], &[-4, -1]).is_ok());
        assert!(TensorRef::strided(&data, 10, &[3, 4], &[-4, -1]).is_err());
        assert!(TensorRef::strided(&data, 0, &[2], &[isize::MIN]).is_err());
        assert!(TensorRef::strided(&data, 0, &[2], &[1, 1]).is_err());
        assert!(TensorRef::strided(&data, usize::MAX, &[2], &[1]).is_err());
    }

    #[test]
    fn a_slice_is_given_only_of_what_it_is() {
        let mut data = [0f32; 4];
        let mut view = TensorMut::new(&mut data, &[4]).unwrap();
        assert!(view.as_mut_slice::<f32>().is_ok());
        let error = view.as_slice::<f64>().unwrap_err();
        assert_eq!(
            error.message(),
            "the tensor is f32 on cpu, which is no slice of f64"
        );
        let every_second = TensorRef::strided(&data, 0, &[2], &[2]).unwrap();
        assert!(every_second.as_slice::<f32>().is_err());
    }
}
