// SPDX-License-Identifier: Apache-2.0
// Owns one element between memory and a register, of any dtype and at any address: what backends
// use that do not load vectors of their own. Must not know strides or what is computed.
#pragma once

#include "core/plan.hpp"
#include "math/half.hpp"

namespace noisewright {

// GPUs fault on an address that is not a multiple of the size.
template <class Bits>
NWR_HD NWR_INLINE bool is_aligned(const void* p) {
  return reinterpret_cast<uintptr_t>(p) % sizeof(Bits) == 0;
}

template <class Bits>
NWR_HD NWR_INLINE Bits load_bits(const unsigned char* p) {
  Bits bits = 0;
  if (is_aligned<Bits>(p)) {
#if defined(__CUDA_ARCH__)
    bits = *reinterpret_cast<const Bits*>(p);
#else
    std::memcpy(&bits, p, sizeof bits);
#endif
  } else {
    for (unsigned i = 0; i < sizeof bits; ++i) {
      bits = static_cast<Bits>(bits | static_cast<Bits>(p[i]) << (8 * i));
    }
  }
  return bits;
}

template <class Bits>
NWR_HD NWR_INLINE void store_bits(unsigned char* p, Bits bits) {
  if (is_aligned<Bits>(p)) {
#if defined(__CUDA_ARCH__)
    *reinterpret_cast<Bits*>(p) = bits;
#else
    std::memcpy(p, &bits, sizeof bits);
#endif
  } else {
    for (unsigned i = 0; i < sizeof bits; ++i) p[i] = static_cast<unsigned char>(bits >> (8 * i));
  }
}

// Exact; an f64 only as double.
template <class Real>
NWR_HD NWR_INLINE Real load_element(const unsigned char* p, Dtype dtype) {
  switch (dtype) {
    case Dtype::f16: return f16_to_f32(load_bits<uint16_t>(p));
    case Dtype::bf16: return bf16_to_f32(load_bits<uint16_t>(p));
    case Dtype::f32: return float_of(load_bits<uint32_t>(p));
    default: return static_cast<Real>(double_of(load_bits<uint64_t>(p)));
  }
}

// Rounded once, to nearest even; a NaN of 16 bits is one pattern.
NWR_HD NWR_INLINE void store_element(unsigned char* p, Dtype dtype, float x) {
  switch (dtype) {
    case Dtype::f16: store_bits(p, f32_to_f16(x)); break;
    case Dtype::bf16: store_bits(p, f32_to_bf16(x)); break;
    case Dtype::f32: store_bits(p, bits_of(x)); break;
    default: store_bits(p, bits_of(static_cast<double>(x))); break;
  }
}

NWR_HD NWR_INLINE void store_element(unsigned char* p, Dtype dtype, double x) {
  switch (dtype) {
    case Dtype::f16: store_bits(p, f64_to_f16(x)); break;
    case Dtype::bf16: store_bits(p, f64_to_bf16(x)); break;
    case Dtype::f32: store_bits(p, bits_of(static_cast<float>(x))); break;
    default: store_bits(p, bits_of(x)); break;
  }
}

}  // namespace noisewright
