// SPDX-License-Identifier: Apache-2.0
// Owns the element loops of the CPU, compiled once per instruction set into a namespace of its
// name. Must not know shapes, threads or schedules, and must not call inline functions that other
// files share: the linker could keep this file's copy, with instructions that the machine lacks.

#include "backend/cpu_kernels.hpp"

#include <cstring>
#include <type_traits>

#include "math/change.hpp"
#include "math/element.hpp"
#include "math/half.hpp"
#include "math/mix.hpp"
#include "math/normal.hpp"
#include "math/reduce.hpp"

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__) && defined(__AVX512DQ__)
#  define NWR_HAS_AVX512 1
#else
#  define NWR_HAS_AVX512 0
#endif
#if defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#  define NWR_HAS_AVX2 1
#  if defined(__GNUC__) && !defined(__clang__)
// GCC 12 warns of its own header (bug 105593).
#    pragma GCC diagnostic push
#    pragma GCC diagnostic ignored "-Wuninitialized"
#    pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#    include <immintrin.h>
#    pragma GCC diagnostic pop
#  else
#    include <immintrin.h>
#  endif
#else
#  define NWR_HAS_AVX2 0
#endif

#define NWR_UNROLL _Pragma("GCC unroll 16")
#define NWR_INLINE_LAMBDA __attribute__((always_inline))

#define NWR_TEXT_OF(x) #x
#define NWR_TEXT(x) NWR_TEXT_OF(x)

namespace noisewright {
namespace NWR_ISA {

const Kernels& kernels();

namespace {

using Byte = unsigned char;

// 256 bits serve AVX-512 too: linear work is bound by memory, and wider streams were no faster.
constexpr int kVectorBytes = NWR_HAS_AVX2 ? 32 : 16;
constexpr int kFloats = kVectorBytes / 4;
constexpr int kDoubles = kVectorBytes / 8;
typedef float F32 __attribute__((vector_size(kVectorBytes)));
typedef int32_t I32 __attribute__((vector_size(kVectorBytes)));
typedef uint32_t U32 __attribute__((vector_size(kVectorBytes)));
typedef uint16_t U16 __attribute__((vector_size(kVectorBytes / 2)));
typedef double F64 __attribute__((vector_size(kVectorBytes)));
typedef int64_t I64 __attribute__((vector_size(kVectorBytes)));
typedef float HalfF32 __attribute__((vector_size(kVectorBytes / 2)));
typedef uint32_t HalfU32 __attribute__((vector_size(kVectorBytes / 2)));

// Elements are computed in groups of this many vectors, whose sums stay in registers.
constexpr int64_t kGroup = 8;
constexpr int64_t kGroupBytes = kGroup * kVectorBytes;

// Random numbers are made this many at a time.
constexpr int kWindow = 128;

template <class Vector>
NWR_INLINE Vector load_raw(const Byte* p) {
  Vector x;
  std::memcpy(&x, p, sizeof x);
  return x;
}

template <class Vector>
NWR_INLINE void store_raw(Byte* p, Vector x) {
  std::memcpy(p, &x, sizeof x);
}

// Where a store goes: into the caches, or past them, so that memory is not read before it is
// written.
enum class To { caches, memory };

// The address is a multiple of the vector's size if the store goes to memory.
template <To kTo, class Vector>
NWR_INLINE void store_to(Byte* p, Vector x) {
#if NWR_HAS_AVX2
  if constexpr (kTo == To::memory) {
    if constexpr (sizeof x == 32) {
      _mm256_stream_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(x));
    } else {
      _mm_stream_si128(reinterpret_cast<__m128i*>(p), reinterpret_cast<__m128i>(x));
    }
    return;
  }
#endif
  store_raw(p, x);
}

// Orders stores past the caches before what follows.
NWR_INLINE void finish_stores() {
#if NWR_HAS_AVX2
  _mm_sfence();
#endif
}

NWR_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// A bit for each lane of a mask.
template <class Integers>
NWR_INLINE uint32_t lanes_of(Integers mask) {
  constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(mask[0]));
#if NWR_HAS_AVX2
  if constexpr (kLanes == kFloats) {
    return static_cast<uint32_t>(_mm256_movemask_ps(reinterpret_cast<__m256>(mask)));
  } else {
    return static_cast<uint32_t>(_mm256_movemask_pd(reinterpret_cast<__m256d>(mask)));
  }
#else
  uint32_t lanes = 0;
  for (int k = 0; k < kLanes; ++k) lanes |= static_cast<uint32_t>(mask[k]) & 1u << k;
  return lanes;
#endif
}

// ---- random numbers ---------------------------------------------------------------------------

enum class Make { normals, words };

// One stream with what its blocks share: while the upper half of the block number stays, half of
// the first two rounds of Philox is constant.
struct Source {
  uint64_t seed;
  uint64_t stream;
#if NWR_HAS_AVX2
  uint32_t high;
  uint32_t key0[kPhiloxRounds];
  uint32_t key1[kPhiloxRounds];
  uint32_t z1;  // xor of round 1 into z
  uint32_t x2;  // xor of round 2 into x
  uint32_t z2;  // xor of round 2 into z
  uint32_t w2;  // w after round 2
#endif
};

NWR_INLINE void prepare(Source& s, uint32_t high) {
#if NWR_HAS_AVX2
  s.high = high;
  for (uint32_t r = 0; r < kPhiloxRounds; ++r) {
    s.key0[r] = static_cast<uint32_t>(s.seed) + r * kPhiloxWeyl0;
    s.key1[r] = static_cast<uint32_t>(s.seed >> 32) + r * kPhiloxWeyl1;
  }
  const uint32_t stream0 = static_cast<uint32_t>(s.stream);
  const uint32_t x1 = mul_high(kPhiloxMul1, stream0) ^ high ^ s.key0[0];
  s.z1 = static_cast<uint32_t>(s.stream >> 32) ^ s.key1[0];
  s.x2 = kPhiloxMul1 * stream0 ^ s.key0[1];
  s.z2 = mul_high(kPhiloxMul0, x1) ^ s.key1[1];
  s.w2 = kPhiloxMul0 * x1;
#else
  static_cast<void>(s);
  static_cast<void>(high);
#endif
}

template <Make kMake>
NWR_INLINE void make_block(const Source& s, uint64_t block, Byte* out) {
  if (kMake == Make::normals) {
    float z[4];
    normal_block(s.seed, s.stream, block, z);
    std::memcpy(out, z, sizeof z);
  } else {
    const PhiloxBlock p = philox_block(s.seed, s.stream, block);
    std::memcpy(out, p.word, sizeof p.word);
  }
}

#if NWR_HAS_AVX512

// Blocks that one vector register works on.
constexpr int kUnit = 8;

NWR_INLINE __m512i same(uint32_t x) { return _mm512_set1_epi32(static_cast<int>(x)); }

// box_muller of normal.hpp, 16 pairs of words at once.
NWR_INLINE void box_muller_vector(__m512i x, __m512i y, __m512* z0, __m512* z1) {
  const __m512i one = same(1u);
  const __m512 c = _mm512_cvtepi32_ps(_mm512_or_si512(x, one));
  const __mmask16 upper = _mm512_movepi32_mask(x);
  __m512 f = _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(c), same(0x7FFFFFu),
                                                           same(0x3F000000u), 0xEA));  // a & b | c
  f = _mm512_add_ps(f, _mm512_set1_ps(-1.0f));
  f = _mm512_mask_mul_ps(f, upper, c, _mm512_set1_ps(kTwoToMinus32));
  const __m512 k = _mm512_maskz_sub_ps(static_cast<__mmask16>(~upper), _mm512_set1_ps(31.0f),
                                       _mm512_getexp_ps(c));
  __m512 p = _mm512_set1_ps(kLog8);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kLog7));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kLog6));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kLog5));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kLog4));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kLog3));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kLog2));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kLog1));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(kLog0));
  const __m512 radius =
      _mm512_sqrt_ps(_mm512_fmadd_ps(f, p, _mm512_mul_ps(k, _mm512_set1_ps(kTwoLn2))));

  const __m512i odd = _mm512_ternarylogic_epi32(y, same(0x1FFFFFFFu), one, 0xEA);
  const __m512 a = _mm512_mul_ps(_mm512_cvtepi32_ps(odd), _mm512_set1_ps(kTwoToMinus30));
  const __m512 q = _mm512_mul_ps(a, a);
  __m512 sine = _mm512_fmadd_ps(_mm512_set1_ps(kSin3), q, _mm512_set1_ps(kSin2));
  sine = _mm512_fmadd_ps(sine, q, _mm512_set1_ps(kSin1));
  sine = _mm512_fmadd_ps(sine, q, _mm512_set1_ps(kSin0));
  __m512 cosine = _mm512_fmadd_ps(_mm512_set1_ps(kCos4), q, _mm512_set1_ps(kCos3));
  cosine = _mm512_fmadd_ps(cosine, q, _mm512_set1_ps(kCos2));
  cosine = _mm512_fmadd_ps(cosine, q, _mm512_set1_ps(kCos1));
  cosine = _mm512_fmadd_ps(cosine, q, _mm512_set1_ps(1.0f));
  const __m512 r_sine = _mm512_mul_ps(_mm512_mul_ps(radius, a), sine);
  const __m512 r_cosine = _mm512_mul_ps(radius, cosine);

  const __mmask16 swap = _mm512_test_epi32_mask(y, same(0x20000000u));
  const __m512 r0 = _mm512_mask_blend_ps(swap, r_cosine, r_sine);
  const __m512 r1 = _mm512_mask_blend_ps(swap, r_sine, r_cosine);
  const __m512i sign = same(0x80000000u);
  const __m512i twice = _mm512_add_epi32(y, y);
  *z0 = _mm512_castsi512_ps(  // a ^ b & c
      _mm512_ternarylogic_epi32(_mm512_castps_si512(r0), y, sign, 0x78));
  *z1 = _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_castps_si512(r1), twice, sign, 0x78));
}

// Blocks low to low + 8*kUnroll - 1, none of which may pass 2^32. Each 64-bit lane carries one
// block; its upper half holds what a product left there, which the next product ignores. The blocks
// are dealt to the lanes such that two unpacks bring the numbers into their natural order.
template <Make kMake, int kUnroll>
NWR_INLINE void make_vectors(const Source& s, uint32_t low, Byte* out) {
  const __m512i mul0 = same(kPhiloxMul0), mul1 = same(kPhiloxMul1);
  const __m512i lane = _mm512_setr_epi32(0, 0, 4, 0, 1, 0, 5, 0, 2, 0, 6, 0, 3, 0, 7, 0);
  __m512i x[kUnroll], y[kUnroll], z[kUnroll], w[kUnroll];
  NWR_UNROLL
  for (int u = 0; u < kUnroll; ++u) {
    const __m512i block = _mm512_add_epi32(same(low + 8u * static_cast<uint32_t>(u)), lane);
    const __m512i product0 = _mm512_mul_epu32(mul0, block);
    const __m512i z1 = _mm512_xor_si512(_mm512_srli_epi64(product0, 32), same(s.z1));
    const __m512i product1 = _mm512_mul_epu32(mul1, z1);
    x[u] = _mm512_xor_si512(_mm512_srli_epi64(product1, 32), same(s.x2));
    y[u] = product1;
    z[u] = _mm512_xor_si512(product0, same(s.z2));
    w[u] = same(s.w2);
  }
  NWR_UNROLL
  for (int r = 2; r < kPhiloxRounds; ++r) {
    const __m512i key0 = same(s.key0[r]), key1 = same(s.key1[r]);
    NWR_UNROLL
    for (int u = 0; u < kUnroll; ++u) {
      const __m512i product0 = _mm512_mul_epu32(mul0, x[u]);
      const __m512i product1 = _mm512_mul_epu32(mul1, z[u]);
      x[u] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(product1, 32), y[u], key0, 0x96);
      y[u] = product1;
      z[u] = _mm512_ternarylogic_epi64(_mm512_srli_epi64(product0, 32), w[u], key1, 0x96);
      w[u] = product0;
    }
  }
  NWR_UNROLL
  for (int u = 0; u < kUnroll; ++u) {
    const __m512i first = _mm512_mask_shuffle_epi32(x[u], 0xAAAA, z[u], _MM_PERM_CCAA);
    const __m512i second = _mm512_mask_shuffle_epi32(y[u], 0xAAAA, w[u], _MM_PERM_CCAA);
    __m512 a = _mm512_castsi512_ps(first), b = _mm512_castsi512_ps(second);
    if (kMake == Make::normals) box_muller_vector(first, second, &a, &b);
    store_raw(out + 128 * u, _mm512_unpacklo_ps(a, b));
    store_raw(out + 128 * u + 64, _mm512_unpackhi_ps(a, b));
  }
}

#elif NWR_HAS_AVX2

// Blocks that one vector register works on.
constexpr int kUnit = 4;

NWR_INLINE __m256i same(uint32_t x) { return _mm256_set1_epi32(static_cast<int>(x)); }

// box_muller of normal.hpp, 8 pairs of words at once.
NWR_INLINE void box_muller_vector(__m256i x, __m256i y, __m256* z0, __m256* z1) {
  const __m256i one = same(1u);
  const __m256 c = _mm256_cvtepi32_ps(_mm256_or_si256(x, one));
  const __m256i b = _mm256_castps_si256(c);
  __m256 f =
      _mm256_castsi256_ps(_mm256_or_si256(_mm256_and_si256(b, same(0x7FFFFFu)), same(0x3F000000u)));
  f = _mm256_add_ps(f, _mm256_set1_ps(-1.0f));
  f = _mm256_blendv_ps(f, _mm256_mul_ps(c, _mm256_set1_ps(kTwoToMinus32)), c);
  const __m256i exponent = _mm256_max_epi32(  // below 0 just where c is, and there it has to be 0
      _mm256_sub_epi32(same(158u), _mm256_srli_epi32(b, 23)), _mm256_setzero_si256());
  const __m256 k = _mm256_cvtepi32_ps(exponent);
  __m256 p = _mm256_set1_ps(kLog8);
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(kLog7));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(kLog6));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(kLog5));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(kLog4));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(kLog3));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(kLog2));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(kLog1));
  p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(kLog0));
  const __m256 radius =
      _mm256_sqrt_ps(_mm256_fmadd_ps(f, p, _mm256_mul_ps(k, _mm256_set1_ps(kTwoLn2))));

  const __m256i odd = _mm256_or_si256(_mm256_and_si256(y, same(0x1FFFFFFFu)), one);
  const __m256 a = _mm256_mul_ps(_mm256_cvtepi32_ps(odd), _mm256_set1_ps(kTwoToMinus30));
  const __m256 q = _mm256_mul_ps(a, a);
  __m256 sine = _mm256_fmadd_ps(_mm256_set1_ps(kSin3), q, _mm256_set1_ps(kSin2));
  sine = _mm256_fmadd_ps(sine, q, _mm256_set1_ps(kSin1));
  sine = _mm256_fmadd_ps(sine, q, _mm256_set1_ps(kSin0));
  __m256 cosine = _mm256_fmadd_ps(_mm256_set1_ps(kCos4), q, _mm256_set1_ps(kCos3));
  cosine = _mm256_fmadd_ps(cosine, q, _mm256_set1_ps(kCos2));
  cosine = _mm256_fmadd_ps(cosine, q, _mm256_set1_ps(kCos1));
  cosine = _mm256_fmadd_ps(cosine, q, _mm256_set1_ps(1.0f));
  const __m256 r_sine = _mm256_mul_ps(_mm256_mul_ps(radius, a), sine);
  const __m256 r_cosine = _mm256_mul_ps(radius, cosine);

  const __m256i twice = _mm256_add_epi32(y, y);
  const __m256 swap = _mm256_castsi256_ps(_mm256_add_epi32(twice, twice));  // bit 29 as the sign
  const __m256 r0 = _mm256_blendv_ps(r_cosine, r_sine, swap);
  const __m256 r1 = _mm256_blendv_ps(r_sine, r_cosine, swap);
  const __m256 sign = _mm256_castsi256_ps(same(0x80000000u));
  *z0 = _mm256_xor_ps(r0, _mm256_and_ps(_mm256_castsi256_ps(y), sign));
  *z1 = _mm256_xor_ps(r1, _mm256_and_ps(_mm256_castsi256_ps(twice), sign));
}

// Blocks low to low + 4*kUnroll - 1, none of which may pass 2^32. Each 64-bit lane carries one
// block; its upper half holds what a product left there, which the next product ignores. The blocks
// are dealt to the lanes such that two unpacks bring the numbers into their natural order.
template <Make kMake, int kUnroll>
NWR_INLINE void make_vectors(const Source& s, uint32_t low, Byte* out) {
  const __m256i mul0 = same(kPhiloxMul0), mul1 = same(kPhiloxMul1);
  const __m256i lane = _mm256_setr_epi32(0, 0, 2, 0, 1, 0, 3, 0);
  __m256i x[kUnroll], y[kUnroll], z[kUnroll], w[kUnroll];
  NWR_UNROLL
  for (int u = 0; u < kUnroll; ++u) {
    const __m256i block = _mm256_add_epi32(same(low + 4u * static_cast<uint32_t>(u)), lane);
    const __m256i product0 = _mm256_mul_epu32(mul0, block);
    const __m256i z1 = _mm256_xor_si256(_mm256_srli_epi64(product0, 32), same(s.z1));
    const __m256i product1 = _mm256_mul_epu32(mul1, z1);
    x[u] = _mm256_xor_si256(_mm256_srli_epi64(product1, 32), same(s.x2));
    y[u] = product1;
    z[u] = _mm256_xor_si256(product0, same(s.z2));
    w[u] = same(s.w2);
  }
  NWR_UNROLL
  for (int r = 2; r < kPhiloxRounds; ++r) {
    const __m256i key0 = same(s.key0[r]), key1 = same(s.key1[r]);
    NWR_UNROLL
    for (int u = 0; u < kUnroll; ++u) {
      const __m256i product0 = _mm256_mul_epu32(mul0, x[u]);
      const __m256i product1 = _mm256_mul_epu32(mul1, z[u]);
      x[u] = _mm256_xor_si256(_mm256_srli_epi64(product1, 32), _mm256_xor_si256(y[u], key0));
      y[u] = product1;
      z[u] = _mm256_xor_si256(_mm256_srli_epi64(product0, 32), _mm256_xor_si256(w[u], key1));
      w[u] = product0;
    }
  }
  NWR_UNROLL
  for (int u = 0; u < kUnroll; ++u) {
    const __m256i first = _mm256_blend_epi32(x[u], _mm256_slli_epi64(z[u], 32), 0xAA);
    const __m256i second = _mm256_blend_epi32(y[u], _mm256_slli_epi64(w[u], 32), 0xAA);
    __m256 a = _mm256_castsi256_ps(first), b = _mm256_castsi256_ps(second);
    if (kMake == Make::normals) box_muller_vector(first, second, &a, &b);
    store_raw(out + 64 * u, _mm256_unpacklo_ps(a, b));
    store_raw(out + 64 * u + 32, _mm256_unpackhi_ps(a, b));
  }
}

#else

constexpr int kUnit = 1;

#endif

constexpr int kUnroll = 4;

// A stream has 2^64 elements, after which it starts again.
constexpr uint64_t kLastBlock = UINT64_MAX / 4;

// Writes 16 bytes for each of count blocks, rounded up to a multiple of kUnit.
template <Make kMake>
__attribute__((noinline)) void make(Source& s, uint64_t block, int64_t count, Byte* out) {
  while (count > 0) {
    const int step = count >= kUnit * kUnroll ? kUnit * kUnroll : kUnit;
#if NWR_HAS_AVX2
    const uint32_t low = static_cast<uint32_t>(block);
    if (low <= UINT32_MAX - static_cast<uint32_t>(step - 1)) {
      if (s.high != block >> 32) prepare(s, static_cast<uint32_t>(block >> 32));
      if (step == kUnit) {
        make_vectors<kMake, 1>(s, low, out);
      } else {
        make_vectors<kMake, kUnroll>(s, low, out);
      }
    } else
#endif
    {
      for (int b = 0; b < step; ++b) {
        make_block<kMake>(s, (block + static_cast<uint64_t>(b)) & kLastBlock, out + 16 * b);
      }
    }
    block = (block + static_cast<uint64_t>(step)) & kLastBlock;
    out += 16 * step;
    count -= step;
  }
}

// Numbers of a stream around a position, made as a run proceeds.
struct Window {
  Source source;
  int64_t end = 0;  // elements of the run that have been made
  const Byte* next = nullptr;
  // Beyond the numbers that are made: zeros for the rest of one vector, which is converted whole.
  alignas(64) Byte bytes[kWindow * 4 + kVectorBytes];

  Window(uint64_t seed, uint64_t stream, uint64_t position) {
    source.seed = seed;
    source.stream = stream;
    prepare(source, static_cast<uint32_t>(position >> 34));
  }

  // Makes what follows element done of the run, of which left remain, and sets next and end.
  template <Make kMake>
  NWR_INLINE void refill(uint64_t position, int64_t done, int64_t left) {
    const int64_t phase = static_cast<int64_t>(position & 3u);
    const int64_t blocks = smaller(kWindow, left + phase + 3) / 4;
    make<kMake>(source, position >> 2, blocks, bytes);
    std::memset(bytes + 16 * blocks, 0, kVectorBytes);
    next = bytes + 4 * phase;
    end = done + 4 * blocks - phase;
  }
};

// ---- elements ---------------------------------------------------------------------------------

NWR_INLINE U32 load_wide(const Byte* p) {
#if NWR_HAS_AVX2
  return reinterpret_cast<U32>(_mm256_cvtepu16_epi32(load_raw<__m128i>(p)));
#else
  return __builtin_convertvector(load_raw<U16>(p), U32);
#endif
}

// Numbers below 2^16 as 16 bits each.
template <To kTo>
NWR_INLINE void store_narrow(Byte* p, U32 x) {
#if NWR_HAS_AVX2
  const __m256i pairs = reinterpret_cast<__m256i>(x);
  store_to<kTo>(
      p, _mm_packus_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1)));
#else
  store_raw(p, __builtin_convertvector(x, U16));
#endif
}

template <To kTo>
NWR_INLINE void store_narrow(Byte* p, U32 x, U32 y) {
#if NWR_HAS_AVX2
  const __m256i mixed =
      _mm256_packus_epi32(reinterpret_cast<__m256i>(x), reinterpret_cast<__m256i>(y));
  store_to<kTo>(p, _mm256_permute4x64_epi64(mixed, 0xD8));
#else
  store_narrow<kTo>(p, x);
  store_narrow<kTo>(p + kVectorBytes / 2, y);
#endif
}

// One vector of elements from memory. kDtype is the dtype in memory.
template <class Vector, Dtype kDtype>
struct Load;

template <>
struct Load<F32, Dtype::f32> {
  static constexpr int kBytes = kVectorBytes;
  static NWR_INLINE F32 at(const Byte* p) { return load_raw<F32>(p); }
};

template <>
struct Load<F32, Dtype::bf16> {
  static constexpr int kBytes = kVectorBytes / 2;
  static NWR_INLINE F32 at(const Byte* p) { return reinterpret_cast<F32>(load_wide(p) << 16); }
};

template <>
struct Load<F32, Dtype::f16> {
  static constexpr int kBytes = kVectorBytes / 2;
  static NWR_INLINE F32 at(const Byte* p) {
#if NWR_HAS_AVX2
    return _mm256_cvtph_ps(load_raw<__m128i>(p));
#else
    F32 x = {};
    for (int i = 0; i < kFloats; ++i) x[i] = f16_to_f32(load_raw<uint16_t>(p + 2 * i));
    return x;
#endif
  }
};

template <>
struct Load<F64, Dtype::f64> {
  static constexpr int kBytes = kVectorBytes;
  static NWR_INLINE F64 at(const Byte* p) { return load_raw<F64>(p); }
};

template <>
struct Load<F64, Dtype::f32> {
  static constexpr int kBytes = kVectorBytes / 2;
  static NWR_INLINE F64 at(const Byte* p) {
    return __builtin_convertvector(load_raw<HalfF32>(p), F64);
  }
};

template <>
struct Load<F64, Dtype::f16> {
  static constexpr int kBytes = kVectorBytes / 4;
  static NWR_INLINE F64 at(const Byte* p) {
    F64 x = {};
    for (int i = 0; i < kDoubles; ++i) x[i] = f16_to_f32(load_raw<uint16_t>(p + 2 * i));
    return x;
  }
};

template <>
struct Load<F64, Dtype::bf16> {
  static constexpr int kBytes = kVectorBytes / 4;
  static NWR_INLINE F64 at(const Byte* p) {
    F64 x = {};
    for (int i = 0; i < kDoubles; ++i) x[i] = bf16_to_f32(load_raw<uint16_t>(p + 2 * i));
    return x;
  }
};

// Vectors of elements to memory, rounded to nearest even.
template <class Vector, Dtype kDtype>
struct Store;

template <class Vector, Dtype kDtype, To kTo, int kVectors>
NWR_INLINE void store_vectors(Byte* p, const Vector (&x)[kVectors]) {
  using S = Store<Vector, kDtype>;
  if constexpr (kDtype == Dtype::bf16 && sizeof(Vector{}[0]) == 4 && kVectors % 2 == 0) {
    NWR_UNROLL
    for (int v = 0; v < kVectors; v += 2) {
      S::template two<kTo>(p + v * S::kBytes, x[v], x[v + 1]);
    }
  } else {
    NWR_UNROLL
    for (int v = 0; v < kVectors; ++v) S::template at<kTo>(p + v * S::kBytes, x[v]);
  }
}

template <>
struct Store<F32, Dtype::f32> {
  static constexpr int kBytes = kVectorBytes;
  template <To kTo>
  static NWR_INLINE void at(Byte* p, F32 x) {
    store_to<kTo>(p, x);
  }
};

template <>
struct Store<F32, Dtype::bf16> {
  static constexpr int kBytes = kVectorBytes / 2;
  static NWR_INLINE U32 rounded(F32 x) {  // f32_to_bf16 of half.hpp
    const U32 u = reinterpret_cast<U32>(x);
    const U32 nan = reinterpret_cast<U32>(x != x);
    return ((beyond_half(u) >> 16) & ~nan) | (nan & kNanBf16);
  }
  // The upper half is what is stored of a number.
  static NWR_INLINE U32 beyond_half(U32 u) { return u + (((u >> 16) & 1u) + 0x7FFFu); }
  template <To kTo>
  static NWR_INLINE void at(Byte* p, F32 x) {
    store_narrow<kTo>(p, rounded(x));
  }
  template <To kTo>
  static NWR_INLINE void two(Byte* p, F32 x, F32 y) {
    store_narrow<kTo>(p, rounded(x), rounded(y));
  }
};

template <>
struct Store<F32, Dtype::f16> {
  static constexpr int kBytes = kVectorBytes / 2;
  template <To kTo>
  static NWR_INLINE void at(Byte* p, F32 x) {
#if NWR_HAS_AVX2
    // A NaN is replaced before the instruction can carry its sign and payload over.
    const U32 nan = reinterpret_cast<U32>(x != x);
    const U32 u = (reinterpret_cast<U32>(x) & ~nan) | (nan & 0x7FC00000u);
    store_to<kTo>(p, _mm256_cvtps_ph(reinterpret_cast<F32>(u), _MM_FROUND_TO_NEAREST_INT));
#else
    for (int i = 0; i < kFloats; ++i) store_raw(p + 2 * i, f32_to_f16(x[i]));
#endif
  }
};

template <>
struct Store<F64, Dtype::f64> {
  static constexpr int kBytes = kVectorBytes;
  template <To kTo>
  static NWR_INLINE void at(Byte* p, F64 x) {
    store_to<kTo>(p, x);
  }
};

template <>
struct Store<F64, Dtype::f32> {
  static constexpr int kBytes = kVectorBytes / 2;
  template <To kTo>
  static NWR_INLINE void at(Byte* p, F64 x) {
    store_raw(p, __builtin_convertvector(x, HalfF32));
  }
};

template <>
struct Store<F64, Dtype::f16> {
  static constexpr int kBytes = kVectorBytes / 4;
  template <To kTo>
  static NWR_INLINE void at(Byte* p, F64 x) {
    for (int i = 0; i < kDoubles; ++i) store_raw(p + 2 * i, f64_to_f16(x[i]));
  }
};

template <>
struct Store<F64, Dtype::bf16> {
  static constexpr int kBytes = kVectorBytes / 4;
  template <To kTo>
  static NWR_INLINE void at(Byte* p, F64 x) {
    for (int i = 0; i < kDoubles; ++i) store_raw(p + 2 * i, f64_to_bf16(x[i]));
  }
};

// What all operands are where they have one dtype: bf16 lies two to a word, whose halves become
// vectors of their own. That is another order of elements, and much less work than to unfold them.
template <class Vector, Dtype kDtype>
inline constexpr bool kByHalves = kDtype == Dtype::bf16 && sizeof(Vector{}[0]) == 4;

template <class Vector, Dtype kDtype, int kVectors>
NWR_INLINE void load_alike(const Byte* p, Vector (&x)[kVectors]) {
  using L = Load<Vector, kDtype>;
  if constexpr (kByHalves<Vector, kDtype>) {
    static_assert(kVectors % 2 == 0);
    NWR_UNROLL
    for (int v = 0; v < kVectors; v += 2) {
      const U32 words = load_raw<U32>(p + v * L::kBytes);
      x[v] = reinterpret_cast<F32>(words << 16);
      x[v + 1] = reinterpret_cast<F32>(words & 0xFFFF0000u);
    }
  } else {
    NWR_UNROLL
    for (int v = 0; v < kVectors; ++v) x[v] = L::at(p + v * L::kBytes);
  }
}

template <class Vector, Dtype kDtype, To kTo, int kVectors>
NWR_INLINE void store_alike(Byte* p, const Vector (&x)[kVectors]) {
  if constexpr (kByHalves<Vector, kDtype>) {
    using S = Store<F32, Dtype::bf16>;
    I32 nan = x[0] != x[0];
    NWR_UNROLL
    for (int v = 1; v < kVectors; ++v) nan |= x[v] != x[v];
    const bool some = lanes_of(nan) != 0;
    NWR_UNROLL
    for (int v = 0; v < kVectors; v += 2) {
      U32 low = S::beyond_half(reinterpret_cast<U32>(x[v])) >> 16;
      U32 high = S::beyond_half(reinterpret_cast<U32>(x[v + 1]));
      if (__builtin_expect(some, 0)) {
        low = S::rounded(x[v]);
        high = S::rounded(x[v + 1]) << 16;
      }
      store_to<kTo>(p + v * S::kBytes, low | (high & 0xFFFF0000u));
    }
  } else {
    store_vectors<Vector, kDtype, kTo, kVectors>(p, x);
  }
}

// A dtype that is known when a loop is compiled; or, for Any, only when it runs.
template <Dtype kDtype>
struct Tag {
  static constexpr Dtype dtype = kDtype;
};
struct Any {};

// Calls f with the Tag of dtype, which must be Known unless that is Any.
template <class Vector, Dtype kKnown, class F>
NWR_INLINE void with_dtype(Tag<kKnown> known, Dtype, const F& f) {
  f(known);
}

template <class Vector, class F>
NWR_INLINE void with_dtype(Any, Dtype dtype, const F& f) {
  if (dtype == Dtype::f32) {
    f(Tag<Dtype::f32>());
  } else if (dtype == Dtype::bf16) {
    f(Tag<Dtype::bf16>());
  } else if constexpr (sizeof(Vector{}[0]) == 4) {
    f(Tag<Dtype::f16>());
  } else if (dtype == Dtype::f64) {
    f(Tag<Dtype::f64>());
  } else {
    f(Tag<Dtype::f16>());
  }
}

NWR_INLINE F32 factor_of(const MixTerm& term, F32) { return term.narrow - F32{}; }
NWR_INLINE F64 factor_of(const MixTerm& term, F64) { return term.wide - F64{}; }

// Hides how an address came about, so that the compiler addresses a group's vectors from it by
// constants and not by one register each, most of which it would have to spill.
template <class Pointer>
NWR_INLINE Pointer opaque(Pointer p) {
  __asm__("" : "+r"(p));
  return p;
}

template <class Known, class Vector, Dtype kDtype, int kVectors>
NWR_INLINE void load_as(Tag<kDtype>, const Byte* p, Vector (&x)[kVectors]) {
  using L = Load<Vector, kDtype>;
  if constexpr (std::is_same<Known, Any>::value) {
    NWR_UNROLL
    for (int v = 0; v < kVectors; ++v) x[v] = L::at(p + v * L::kBytes);
  } else {
    load_alike<Vector, kDtype>(p, x);
  }
}

// The sum of the terms [term, end) over one group of kVectors vectors. The operands lie side by
// side from the addresses in at.
template <class Vector, int kVectors, class Known>
NWR_INLINE void sum_terms(Known known, const MixTerm* term, const MixTerm* end,
                          const Byte* const* at, int64_t group, Vector (&sum)[kVectors]) {
  if (term == end) {
    NWR_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[v] = Vector{};
    return;
  }
  with_dtype<Vector>(known, term->dtype, [&](auto tag) NWR_INLINE_LAMBDA {
    using L = Load<Vector, decltype(tag)::dtype>;
    const Byte* const p = opaque(at[term->operand] + group * (L::kBytes * kVectors));
    const Vector factor = factor_of(*term, Vector{});
    Vector x[kVectors];
    load_as<Known>(tag, p, x);
    NWR_UNROLL
    for (int v = 0; v < kVectors; ++v) sum[v] = mix_first(factor, x[v]);
  });
  while (++term != end) {
    with_dtype<Vector>(known, term->dtype, [&](auto tag) NWR_INLINE_LAMBDA {
      using L = Load<Vector, decltype(tag)::dtype>;
      const Byte* const p = opaque(at[term->operand] + group * (L::kBytes * kVectors));
      const Vector factor = factor_of(*term, Vector{});
      Vector x[kVectors];
      load_as<Known>(tag, p, x);
      NWR_UNROLL
      for (int v = 0; v < kVectors; ++v) sum[v] = mix_next(sum[v], factor, x[v]);
    });
  }
}

template <class Vector, To kTo, int kVectors, class Known>
NWR_INLINE void store_group(Known known, Dtype dtype, Byte* to, int64_t group,
                            const Vector (&sum)[kVectors]) {
  with_dtype<Vector>(known, dtype, [&](auto tag) NWR_INLINE_LAMBDA {
    constexpr Dtype kDtype = decltype(tag)::dtype;
    Byte* const p = opaque(to + group * (Store<Vector, kDtype>::kBytes * kVectors));
    if constexpr (std::is_same<Known, Any>::value) {
      store_vectors<Vector, kDtype, kTo>(p, sum);
    } else {
      store_alike<Vector, kDtype, kTo>(p, sum);
    }
  });
}

// Computes and stores the outputs one after the other, over the given number of groups of kVectors
// vectors. All of an output's terms are summed in registers before any of it is stored, so an
// output may lie on its inputs, but not on those of a later one.
template <class Vector, int kVectors, To kTo, class Known>
NWR_INLINE void mix_groups(Known known, const MixLayout& layout, const MixRecipe& recipe,
                           const Byte* const* at, Byte* const* to, int64_t groups) {
  const int outputs = layout.output_count;
  for (int64_t group = 0; group < groups; ++group) {
    const MixTerm* term = recipe.term;
    for (int i = 0; i < outputs; ++i) {
      const int j = recipe.order[i];
      const MixTerm* const end = recipe.term + recipe.end[i];
      Vector sum[kVectors];
      sum_terms<Vector, kVectors>(known, term, end, at, group, sum);
      store_group<Vector, kTo, kVectors>(known, layout.output[j].dtype, to[j], group, sum);
      term = end;
    }
  }
}

// The same with a group of all outputs in registers before any of it is stored: what multistep
// methods need, whose next state and new history each lie on what the other reads.
constexpr int kJointOutputs = 3;

template <class Vector, int kOutputs, class Known>
NWR_INLINE void mix_joint(Known known, const MixLayout& layout, const MixRecipe& recipe,
                          const Byte* const* at, Byte* const* to, int64_t groups) {
  constexpr int kVectors = kGroup / 2;
  for (int64_t group = 0; group < 2 * groups; ++group) {
    Vector sum[kOutputs][kVectors];
    NWR_UNROLL
    for (int i = 0; i < kOutputs; ++i) {
      sum_terms<Vector, kVectors>(known, recipe.term + (i > 0 ? recipe.end[i - 1] : 0),
                                  recipe.term + recipe.end[i], at, group, sum[i]);
    }
    NWR_UNROLL
    for (int i = 0; i < kOutputs; ++i) {
      const int j = recipe.order[i];
      store_group<Vector, To::caches, kVectors>(known, layout.output[j].dtype, to[j], group,
                                                sum[i]);
    }
  }
}

// Chooses the loop for several outputs.
template <class Vector, To kTo, class Known>
NWR_INLINE void mix_outputs(Known known, const MixLayout& layout, const MixRecipe& recipe,
                            const Byte* const* at, Byte* const* to, int64_t groups) {
  if (!recipe.staged) {
    mix_groups<Vector, kGroup, kTo>(known, layout, recipe, at, to, groups);
  } else if (layout.output_count == 2) {
    mix_joint<Vector, 2>(known, layout, recipe, at, to, groups);
  } else {
    mix_joint<Vector, kJointOutputs>(known, layout, recipe, at, to, groups);
  }
}

// The same for the one output of kTerms terms, all of one dtype: what most steps of samplers are.
template <class Vector, int kTerms, Dtype kDtype, To kTo>
NWR_INLINE void mix_terms(const MixRecipe& recipe, const Byte* const* at, Byte* to,
                          int64_t groups) {
  using L = Load<Vector, kDtype>;
  constexpr int kVectors = 4;
  const Byte* from[kTerms];
  Vector factor[kTerms];
  NWR_UNROLL
  for (int t = 0; t < kTerms; ++t) {
    from[t] = at[recipe.term[t].operand];
    factor[t] = factor_of(recipe.term[t], Vector{});
  }
  for (int64_t i = 0; i < groups * (kGroup / kVectors); ++i) {
    const int64_t offset = i * (L::kBytes * kVectors);
    Vector sum[kVectors], x[kTerms][kVectors];
    NWR_UNROLL
    for (int t = 0; t < kTerms; ++t) load_alike<Vector, kDtype>(from[t] + offset, x[t]);
    NWR_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      sum[v] = mix_first(factor[0], x[0][v]);
      NWR_UNROLL
      for (int t = 1; t < kTerms; ++t) sum[v] = mix_next(sum[v], factor[t], x[t][v]);
    }
    store_alike<Vector, kDtype, kTo>(to + offset, sum);
  }
}

// Chooses the loop for groups where all operands have one dtype.
template <class Vector, To kTo, Dtype kDtype>
NWR_INLINE void mix_same(Tag<kDtype> known, const MixLayout& layout, const MixRecipe& recipe,
                         const Byte* const* at, Byte* const* to, int64_t groups) {
  const int terms = layout.output_count == 1 ? recipe.end[0] : 0;
  switch (terms) {
    case 1: return mix_terms<Vector, 1, kDtype, kTo>(recipe, at, to[0], groups);
    case 2: return mix_terms<Vector, 2, kDtype, kTo>(recipe, at, to[0], groups);
    case 3: return mix_terms<Vector, 3, kDtype, kTo>(recipe, at, to[0], groups);
    case 4: return mix_terms<Vector, 4, kDtype, kTo>(recipe, at, to[0], groups);
    default: return mix_outputs<Vector, kTo>(known, layout, recipe, at, to, groups);
  }
}

template <int kSize>
NWR_INLINE void move_elements(Byte* to, int64_t to_stride, const Byte* from, int64_t from_stride,
                              int64_t count) {
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(to, from, kSize);
    to += to_stride;
    from += from_stride;
  }
}

// Moves a few elements between views; at most one of the strides is other than the size.
NWR_INLINE void move(Byte* to, int64_t to_stride, const Byte* from, int64_t from_stride,
                     int32_t size, int64_t count) {
  if (to_stride == size && from_stride == size) {
    std::memcpy(to, from, static_cast<size_t>(count * size));
  } else if (size == 4) {
    move_elements<4>(to, to_stride, from, from_stride, count);
  } else if (size == 2) {
    move_elements<2>(to, to_stride, from, from_stride, count);
  } else {
    move_elements<8>(to, to_stride, from, from_stride, count);
  }
}

// Keeps a loop over a few operands as it is: vectorised for many, it would be slower for a few.
#define NWR_SHORT_LOOP __asm__ volatile("")

NWR_INLINE bool side_by_side(const Lane& lane) { return lane.stride == lane.size; }

// How the operands that a recipe uses lie in memory.
struct Order {
  bool direct;  // side by side, to be computed where they are
  bool same;    // of one dtype, which is that of the first output and, if wide, double
};

NWR_INLINE Order order_of(const MixLayout& layout, const MixRecipe& recipe) {
  const Dtype dtype = layout.output[0].dtype;
  // What makes arithmetic wide may be an input that this sample leaves out.
  Order order = {!recipe.staged || layout.output_count <= kJointOutputs,
                 (!recipe.noise || dtype == Dtype::f32) && (!layout.wide || dtype == Dtype::f64)};
  for (int i = 0; i < recipe.used_count; ++i) {
    NWR_SHORT_LOOP;
    const Lane& lane = layout.input[recipe.used[i]];
    order.direct = order.direct && side_by_side(lane);
    order.same = order.same && lane.dtype == dtype;
  }
  for (int j = 0; j < layout.output_count; ++j) {
    NWR_SHORT_LOOP;
    order.direct = order.direct && side_by_side(layout.output[j]);
    order.same = order.same && layout.output[j].dtype == dtype;
  }
  return order;
}

template <class Vector, To kTo>
NWR_INLINE void mix_direct(bool same, const MixLayout& layout, const MixRecipe& recipe,
                           const Byte* const* at, Byte* const* to, int64_t groups) {
  const Dtype dtype = layout.output[0].dtype;
  if (!same) {
    mix_outputs<Vector, To::caches>(Any(), layout, recipe, at, to, groups);
  } else if constexpr (sizeof(Vector{}[0]) == 8) {
    // One dtype in arithmetic of double is double.
    mix_same<Vector, kTo>(Tag<Dtype::f64>(), layout, recipe, at, to, groups);
  } else if (dtype == Dtype::f32) {
    mix_same<Vector, kTo>(Tag<Dtype::f32>(), layout, recipe, at, to, groups);
  } else if (dtype == Dtype::bf16) {
    mix_same<Vector, kTo>(Tag<Dtype::bf16>(), layout, recipe, at, to, groups);
  } else {
    mix_same<Vector, kTo>(Tag<Dtype::f16>(), layout, recipe, at, to, groups);
  }
}

// Finds after how many elements all outputs lie at multiples of a vector, if ever.
NWR_INLINE bool find_head(const MixLayout& layout, const MixRun& run, int64_t* head) {
  const auto beyond = [&](int j) {
    return reinterpret_cast<uintptr_t>(run.output[j]) +
           static_cast<uintptr_t>(*head) * static_cast<uintptr_t>(layout.output[j].size);
  };
  *head = static_cast<int64_t>(-beyond(0) % kVectorBytes) / layout.output[0].size;
  for (int j = 0; j < layout.output_count; ++j) {
    if (beyond(j) % kVectorBytes != 0) {
      *head = 0;
      return false;
    }
  }
  return true;
}

// Operands that do not lie side by side, and the ends of runs, pass through here, and so does what
// more outputs than fit the registers overwrite.
struct Stage {
  alignas(64) Byte input[kMaxInputs][kGroupBytes];
  alignas(64) Byte noise[kVectorBytes];
  alignas(64) Byte output[kMaxOutputs][kGroupBytes];
};

template <class Vector>
void mix_run(const MixLayout& layout, const MixRecipe& recipe, const MixRun& run, Window* window) {
  constexpr int64_t kLanes = kVectorBytes / static_cast<int>(sizeof(Vector{}[0]));
  const int outputs = layout.output_count;
  const Order order = order_of(layout, recipe);
  Stage stage;
  const Byte* at[kMaxInputs + 1];
  Byte* to[kMaxOutputs];
  int64_t head = 0;
  // Not with noise: its windows end anywhere, and making it takes longer than memory does.
  const bool past = layout.streaming && window == nullptr && order.direct && order.same &&
                    find_head(layout, run, &head);
  int64_t done = 0;
  while (done < run.count) {
    int64_t count = done < head ? smaller(head, run.count) - done : run.count - done;
    if (window != nullptr) {
      if (done == window->end) {
        window->refill<Make::normals>(run.position + static_cast<uint64_t>(done), done, count);
      }
      count = smaller(count, window->end - done);
      at[kNoiseOperand] = window->next;
    }

    if (order.direct && count >= (recipe.staged ? kGroup * kLanes : kLanes)) {
      for (int i = 0; i < recipe.used_count; ++i) {
        NWR_SHORT_LOOP;
        const int k = recipe.used[i];
        at[k] = run.input[k] + done * layout.input[k].size;
      }
      for (int j = 0; j < outputs; ++j) {
        NWR_SHORT_LOOP;
        to[j] = run.output[j] + done * layout.output[j].size;
      }
      if (count >= kGroup * kLanes) {
        const int64_t groups = count / (kGroup * kLanes);
        if (past) {
          mix_direct<Vector, To::memory>(true, layout, recipe, at, to, groups);
        } else {
          mix_direct<Vector, To::caches>(order.same, layout, recipe, at, to, groups);
        }
        count = groups * kGroup * kLanes;
      } else {
        const int64_t vectors = count / kLanes;
        mix_groups<Vector, 1, To::caches>(Any(), layout, recipe, at, to, vectors);
        count = vectors * kLanes;
      }
    } else {
      count = smaller(count, window != nullptr ? kLanes : kGroup * kLanes);
      const int64_t vectors = (count + kLanes - 1) / kLanes;
      for (int i = 0; i < recipe.used_count; ++i) {
        const int k = recipe.used[i];
        const Lane& lane = layout.input[k];
        // The lanes of the last vector that are not in use compute with zeros.
        std::memset(stage.input[k] + (vectors - 1) * kLanes * lane.size, 0,
                    static_cast<size_t>(kLanes * lane.size));
        move(stage.input[k], lane.size, run.input[k] + done * lane.stride, lane.stride, lane.size,
             count);
        at[k] = stage.input[k];
      }
      if (window != nullptr) {
        std::memset(stage.noise, 0, kVectorBytes);
        std::memcpy(stage.noise, window->next, static_cast<size_t>(4 * count));
        at[kNoiseOperand] = stage.noise;
      }
      for (int j = 0; j < outputs; ++j) to[j] = stage.output[j];
      if (vectors == kGroup) {
        mix_groups<Vector, kGroup, To::caches>(Any(), layout, recipe, at, to, 1);
      } else {
        mix_groups<Vector, 1, To::caches>(Any(), layout, recipe, at, to, vectors);
      }
      for (int j = 0; j < outputs; ++j) {
        const Lane& lane = layout.output[j];
        move(run.output[j] + done * lane.stride, lane.stride, stage.output[j], lane.size, lane.size,
             count);
      }
    }
    done += count;
    if (window != nullptr) window->next += 4 * count;
  }
  if (past) finish_stores();
}

void mix(const MixLayout& layout, const MixRecipe& recipe, const MixRun& run) {
  if (recipe.noise) {
    Window window(recipe.seed, recipe.stream, run.position);
    if (layout.wide) {
      mix_run<F64>(layout, recipe, run, &window);
    } else {
      mix_run<F32>(layout, recipe, run, &window);
    }
  } else if (layout.wide) {
    mix_run<F64>(layout, recipe, run, nullptr);
  } else {
    mix_run<F32>(layout, recipe, run, nullptr);
  }
}

// ---- short samples ---------------------------------------------------------------------------

// Elements that are computed together, whatever samples they belong to.
constexpr int64_t kPack = 32;

template <class Vector, class Integers>
NWR_INLINE Vector chosen(Integers mask, Vector yes, Vector no) {
  return reinterpret_cast<Vector>((mask & reinterpret_cast<Integers>(yes)) |
                                  (~mask & reinterpret_cast<Integers>(no)));
}

// Whole vectors, as below.
NWR_INLINE void draw(const Rng& rng, int64_t first, int64_t count, float* to) {
  const uint64_t position = rng.offset + static_cast<uint64_t>(first);
  Window window(rng.seed, rng.stream, position);
  window.refill<Make::normals>(position, 0, count);
  for (int64_t i = 0; i < count; i += kFloats) {
    store_raw(reinterpret_cast<Byte*>(to + i), load_raw<F32>(window.next + 4 * i));
  }
}

template <class Vector>
void mix_samples_run(const MixLayout& layout, const MixSamples& samples, int64_t begin,
                     int64_t end) {
  using Real = decltype(Vector{}[0] + 0);
  constexpr int64_t kLanes = kVectorBytes / static_cast<int>(sizeof(Real));
  constexpr int kVectors = kPack / kLanes;
  const int inputs = layout.input_count, outputs = layout.output_count;
  const int terms = samples.rngs != nullptr ? inputs + 1 : inputs;
  const bool own_noise = samples.rngs != nullptr && samples.own_rngs;
  const bool one_noise = samples.rngs != nullptr && !samples.own_rngs;
  // A factor for each element, and what is multiplied by it. What is a sample's own is written in
  // whole vectors, whose rest the next sample overwrites; what no element overwrites is not stored.
  alignas(64) Real factor[kMaxOutputs * (kMaxInputs + 1)][kPack + kLanes];
  alignas(64) float noise[kPack + kFloats] = {};
  alignas(64) Byte stage[kMaxInputs][kPack * 8];
  alignas(64) Byte result[kMaxOutputs][kPack * 8];
  // The rows of a pack, and where each term stands in one.
  const int row_size = outputs * (inputs + 1);
  Real rows[kPack * kMaxOutputs * (kMaxInputs + 1)];
  int column[kMaxOutputs * (kMaxInputs + 1)];
  for (int t = 0; t < outputs * terms; ++t) {
    column[t] = t / terms * (inputs + 1) + t % terms;
    std::memset(factor[t], 0, sizeof factor[t]);
  }
  int64_t sample = begin / samples.size, place = begin % samples.size;
  for (int64_t done = begin; done < end; done += kPack) {
    const int64_t count = smaller(kPack, end - done);
    const double* const given = samples.factors + sample * samples.factor_step;
    const int64_t row_count =
        samples.factor_step == 0 ? 1 : (place + count + samples.size - 1) / samples.size;
    for (int64_t i = 0; i < row_count * row_size; ++i) rows[i] = static_cast<Real>(given[i]);
    const Real* own = rows;
    for (int64_t e = 0; e < count;) {
      const int64_t some = smaller(samples.size - place, count - e);
      for (int64_t i = 0; i < some; i += kLanes) {
        for (int t = 0; t < outputs * terms; ++t) {
          store_raw(reinterpret_cast<Byte*>(factor[t] + e + i), own[column[t]] - Vector{});
        }
      }
      if (own_noise) draw(samples.rngs[sample], place, some, noise + e);
      e += some;
      place += some;
      if (place == samples.size) place = 0, ++sample, own += samples.factor_step;
    }
    if (one_noise) draw(*samples.rngs, done, count, noise);
    const Byte* at[kMaxInputs];
    for (int k = 0; k < inputs; ++k) {
      const int32_t size = layout.input[k].size;
      at[k] = samples.input[k] + done * size;
      if (count == kPack) continue;
      std::memcpy(stage[k], at[k], static_cast<size_t>(count * size));
      std::memset(stage[k] + count * size, 0, static_cast<size_t>((kPack - count) * size));
      at[k] = stage[k];
    }
    // All of them before any is stored: an output may lie on an input.
    for (int j = 0; j < outputs; ++j) {
      Vector sum[kVectors];
      decltype(Vector{} != Vector{}) used[kVectors];
      NWR_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        sum[v] = mix_nothing<Real>() - Vector{};
        used[v] = sum[v] != sum[v];
      }
      for (int k = 0; k < terms; ++k) {
        const auto* const f = reinterpret_cast<const Byte*>(factor[j * terms + k]);
        const Byte* const x = k == inputs ? reinterpret_cast<const Byte*>(noise) : at[k];
        with_dtype<Vector>(Any(), k == inputs ? Dtype::f32 : layout.input[k].dtype,
                           [&](auto from) NWR_INLINE_LAMBDA {
                             using L = Load<Vector, decltype(from)::dtype>;
                             NWR_UNROLL
                             for (int v = 0; v < kVectors; ++v) {
                               const auto by = load_raw<Vector>(f + v * kVectorBytes);
                               const auto uses = by != Vector{};
                               const Vector next = mix_next(sum[v], by, L::at(x + v * L::kBytes));
                               sum[v] = chosen(uses, next, sum[v]);
                               used[v] |= uses;
                             }
                           });
      }
      with_dtype<Vector>(Any(), layout.output[j].dtype, [&](auto to) NWR_INLINE_LAMBDA {
        using S = Store<Vector, decltype(to)::dtype>;
        NWR_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          S::template at<To::caches>(result[j] + v * S::kBytes, chosen(used[v], sum[v], Vector{}));
        }
      });
    }
    for (int j = 0; j < outputs; ++j) {
      const int32_t size = layout.output[j].size;
      std::memcpy(samples.output[j] + done * size, result[j], static_cast<size_t>(count * size));
    }
  }
}

void mix_samples(const MixLayout& layout, const MixSamples& samples, int64_t begin, int64_t end) {
  if (layout.wide) {
    mix_samples_run<F64>(layout, samples, begin, end);
  } else {
    mix_samples_run<F32>(layout, samples, begin, end);
  }
}

// ---- filling ----------------------------------------------------------------------------------

// Words to uniform numbers, uniform32 and uniform64 of normal.hpp.
NWR_INLINE F32 uniform_of(const Byte* words, F32) {
  const U32 w = load_raw<U32>(words) >> 9;
  const F32 x = __builtin_convertvector(reinterpret_cast<I32>(w), F32);
  return (x + 0.5f) * 1.1920928955078125e-07f;
}

NWR_INLINE F64 uniform_of(const Byte* words, F64) {
  const F64 x = __builtin_convertvector(load_raw<HalfU32>(words), F64);
  return (x + 0.5) * 2.3283064365386962890625e-10;
}

NWR_INLINE void store_uniform_f16(Byte* p, F32 x) {
#if NWR_HAS_AVX2
  store_raw(p, _mm256_cvtps_ph(x, _MM_FROUND_TO_ZERO));
#else
  for (int i = 0; i < kFloats; ++i) store_raw(p + 2 * i, uniform_to_f16(x[i]));
#endif
}

NWR_INLINE void store_uniform_bf16(Byte* p, F32 x) {
  store_narrow<To::caches>(p, reinterpret_cast<U32>(x) >> 16);
}

// Turns vectors of made numbers into elements, side by side.
void convert(const Byte* made, Distribution what, Dtype dtype, int64_t count, Byte* out) {
  if (dtype == Dtype::f64) {
    for (int64_t i = 0; i < count; i += kDoubles) {
      const Byte* const from = made + 4 * i;
      store_raw(out + 8 * i, what == Distribution::normal ? Load<F64, Dtype::f32>::at(from)
                                                          : uniform_of(from, F64{}));
    }
  } else if (what == Distribution::normal) {
    with_dtype<F32>(Any(), dtype, [&](auto tag) NWR_INLINE_LAMBDA {
      using S = Store<F32, decltype(tag)::dtype>;
      for (int64_t i = 0; i < count; i += kFloats) {
        S::template at<To::caches>(out + S::kBytes / kFloats * i, load_raw<F32>(made + 4 * i));
      }
    });
  } else {
    for (int64_t i = 0; i < count; i += kFloats) {
      const F32 x = uniform_of(made + 4 * i, F32{});
      if (dtype == Dtype::f32) {
        store_raw(out + 4 * i, x);
      } else if (dtype == Dtype::f16) {
        store_uniform_f16(out + 2 * i, x);
      } else {
        store_uniform_bf16(out + 2 * i, x);
      }
    }
  }
}

void fill(const Lane& lane, Distribution what, const FillRun& run) {
  const bool ready = what == Distribution::normal && lane.dtype == Dtype::f32 && lane.stride == 4;
  Window window(run.seed, run.stream, run.position);
  // The last vector of a conversion may be partial, or start beside a vector's place.
  alignas(64) Byte out[kWindow * 8 + kVectorBytes];
  int64_t done = 0;
  while (done < run.count) {
    const uint64_t position = run.position + static_cast<uint64_t>(done);
    const int64_t left = run.count - done;
    if (ready && position % 4 == 0 && left >= kUnit * 4) {
      const int64_t blocks = left / 4 / kUnit * kUnit;
      make<Make::normals>(window.source, position >> 2, blocks, run.output + 4 * done);
      done += 4 * blocks;
      continue;
    }
    if (what == Distribution::normal) {
      window.refill<Make::normals>(position, done, left);
    } else {
      window.refill<Make::words>(position, done, left);
    }
    const int64_t count = smaller(left, window.end - done);
    convert(window.next, what, lane.dtype, count, out);
    move(run.output + done * lane.stride, lane.stride, out, lane.size, lane.size, count);
    done += count;
  }
}

// ---- reducing ---------------------------------------------------------------------------------

NWR_INLINE F64 largest_of(F64 largest, F64 x) {  // largest_next of reduce.hpp
  const F64 magnitude = x < 0.0 ? -x : x;
  return ((magnitude > largest) | (magnitude != magnitude)) ? magnitude : largest;
}

// Adds whole rows of lanes, side by side.
template <bool kLargest, Dtype kDtype>
void reduce_lanes(const Byte* at, int64_t rows, double* lanes) {
  using L = Load<F64, kDtype>;
  constexpr int kVectors = kReduceLanes / kDoubles;
  F64 sum[kVectors];
  std::memcpy(sum, lanes, sizeof sum);
  for (int64_t r = 0; r < rows; ++r) {
    NWR_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const F64 x = L::at(at);
      at += L::kBytes;
      sum[v] = kLargest ? largest_of(sum[v], x) : square_next(sum[v], x);
    }
  }
  std::memcpy(lanes, sum, sizeof sum);
}

template <bool kLargest>
void reduce_rows(Dtype dtype, const Byte* at, int64_t rows, double* lanes) {
  with_dtype<F64>(Any(), dtype, [&](auto tag) NWR_INLINE_LAMBDA {
    reduce_lanes<kLargest, decltype(tag)::dtype>(at, rows, lanes);
  });
}

void reduce(const Lane& lane, bool largest, int64_t first, int64_t count, const Byte* at,
            double* lanes) {
  alignas(64) Byte stage[kReduceLanes * 8];
  alignas(64) double some[kReduceLanes];
  int64_t done = 0;
  while (done < count) {
    const int64_t place = (first + done) % kReduceLanes;
    const Byte* from = at + done * lane.stride;
    int64_t rows = place == 0 ? (count - done) / kReduceLanes : 0;
    int64_t taken = rows * kReduceLanes;
    if (rows == 0 || !side_by_side(lane)) {
      rows = 1;
      taken = smaller(kReduceLanes - place, count - done);
      move(stage + place * lane.size, lane.size, from, lane.stride, lane.size, taken);
      from = stage;
    }
    if (taken < kReduceLanes) {
      // The other lanes of the row compute with what stands there, and are put back.
      std::memset(stage, 0, static_cast<size_t>(place * lane.size));
      std::memset(stage + (place + taken) * lane.size, 0,
                  static_cast<size_t>((kReduceLanes - place - taken) * lane.size));
      std::memcpy(some, lanes, sizeof some);
    }
    if (largest) {
      reduce_rows<true>(lane.dtype, from, rows, taken < kReduceLanes ? some : lanes);
    } else {
      reduce_rows<false>(lane.dtype, from, rows, taken < kReduceLanes ? some : lanes);
    }
    if (taken < kReduceLanes) {
      std::memcpy(lanes + place, some + place, static_cast<size_t>(taken) * sizeof(double));
    }
    done += taken;
  }
}

// Elements of one row of lanes, as doubles.
NWR_INLINE void load_row(const Lane& lane, const Byte* at, int64_t count, double* out) {
  alignas(64) Byte stage[kReduceLanes * 8];
  if (!side_by_side(lane)) {
    move(stage, lane.size, at, lane.stride, lane.size, count);
    at = stage;
  }
  with_dtype<F64>(Any(), lane.dtype, [&](auto tag) NWR_INLINE_LAMBDA {
    using L = Load<F64, decltype(tag)::dtype>;
    int64_t i = 0;
    for (; i + kDoubles <= count; i += kDoubles) {
      const F64 x = L::at(at + i * lane.size);
      std::memcpy(out + i, &x, sizeof x);
    }
    for (; i < count; ++i) out[i] = load_element<double>(at + i * lane.size, tag.dtype);
  });
}

void reduce_many(const ReduceTogether& r, int64_t first, int64_t count, const Byte* const* at,
                 double* lanes) {
  alignas(64) double row[kMaxReduced][kReduceLanes];
  const int numbers = reduced_numbers(r.what, r.input_count);
  for (int64_t done = 0, taken; done < count; done += taken) {
    const int64_t place = (first + done) % kReduceLanes;
    taken = smaller(kReduceLanes - place, count - done);
    for (int k = 0; k < r.input_count; ++k) {
      load_row(r.input[k], at[k] + done * r.input[k].stride, taken, row[k]);
    }
    if (r.what == Reduction::gram && taken == kReduceLanes) {
      for (int v = 0; v < kReduceLanes; v += kDoubles) {
        F64 x[kMaxReduced], sum[kMaxNumbers];
        for (int k = 0; k < r.input_count; ++k) std::memcpy(&x[k], row[k] + v, sizeof x[k]);
        for (int n = 0; n < numbers; ++n) {
          std::memcpy(&sum[n], lanes + n * kReduceLanes + v, sizeof sum[n]);
        }
        gram_next(r.input_count, x, sum);
        for (int n = 0; n < numbers; ++n) {
          std::memcpy(lanes + n * kReduceLanes + v, &sum[n], sizeof sum[n]);
        }
      }
      continue;
    }
    for (int64_t i = 0; i < taken; ++i) {
      double x[kMaxReduced], sum[kMaxNumbers];
      for (int k = 0; k < r.input_count; ++k) x[k] = row[k][i];
      for (int n = 0; n < numbers; ++n) sum[n] = lanes[n * kReduceLanes + place + i];
      if (r.what == Reduction::gram) {
        gram_next(r.input_count, x, sum);
      } else {
        sum[0] = error_next(r.what, r.rtol, r.atol, x, sum[0]);
      }
      for (int n = 0; n < numbers; ++n) lanes[n * kReduceLanes + place + i] = sum[n];
    }
  }
}

// ---- searching --------------------------------------------------------------------------------

NWR_INLINE I32 bits_like(F32 x) { return reinterpret_cast<I32>(x); }
NWR_INLINE I64 bits_like(F64 x) { return reinterpret_cast<I64>(x); }

NWR_INLINE void take(Search* s, uint64_t bits) {
  ++s->bins[(bits - s->low) >> s->shift];
  if (s->inside < s->room) s->found[s->inside] = bits;
  ++s->inside;
}

// Whole vectors of elements side by side.
template <class Vector, Dtype kDtype>
void search_vectors(const Byte* at, int64_t vectors, Search* s) {
  using L = Load<Vector, kDtype>;
  using Integers = decltype(bits_like(Vector{}));
  using Integer = decltype(Integers{}[0] + 0);
  constexpr Integer kMost = static_cast<Integer>(~uint64_t{0} >> (65 - 8 * sizeof(Integer)));
  constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(Integer));
  const Integers low = static_cast<Integer>(s->low) - Integers{};
  const Integers high = static_cast<Integer>(s->high) - Integers{};
  const Integers most = kMost - Integers{};
  Integers below = {}, above = most, largest = {};
  for (int64_t i = 0; i < vectors; ++i) {
    const Integers x = bits_like(L::at(at + i * L::kBytes)) & most;
    const Integers less = x < low;
    const Integers more = x > high;
    below -= less;
    largest = x > largest ? x : largest;
    const Integers beyond = (x & more) | (most & ~more);
    above = beyond < above ? beyond : above;
    if (uint32_t inside = lanes_of(~(less | more))) {
      alignas(kVectorBytes) Integer element[kLanes];
      std::memcpy(element, &x, sizeof x);
      do {
        take(s, static_cast<uint64_t>(element[__builtin_ctz(inside)]));
        inside &= inside - 1;
      } while (inside != 0);
    }
  }
  for (int k = 0; k < kLanes; ++k) {
    s->below += static_cast<uint64_t>(below[k]);
    const uint64_t least = static_cast<uint64_t>(above[k]);
    if (above[k] != kMost && least < s->above) s->above = least;
    const uint64_t largest_here = static_cast<uint64_t>(largest[k]);
    if (largest_here > s->largest) s->largest = largest_here;
  }
}

template <class Vector, Dtype kDtype>
void search_dense(const Byte* at, int64_t count, Search* s) {
  using Real = decltype(Vector{}[0] + 0);
  constexpr int64_t kLanes = kVectorBytes / static_cast<int>(sizeof(Real));
  constexpr int64_t kSize = Load<Vector, kDtype>::kBytes / kLanes;
  constexpr int64_t kTogether = int64_t{1} << 30;  // counted in 31 bits
  int64_t done = 0;
  while (count - done >= kLanes) {
    const int64_t vectors = smaller(count - done, kTogether) / kLanes;
    search_vectors<Vector, kDtype>(at + done * kSize, vectors, s);
    done += vectors * kLanes;
  }
  for (; done < count; ++done) {
    const uint64_t x = magnitude_bits(load_element<Real>(at + done * kSize, kDtype));
    if (x > s->largest) s->largest = x;
    if (x < s->low) {
      ++s->below;
    } else if (x <= s->high) {
      take(s, x);
    } else if (x < s->above) {
      s->above = x;
    }
  }
}

void search(const Lane& lane, int64_t count, const Byte* at, Search* s) {
  alignas(64) Byte stage[kWindow * 8];
  const auto dense = [&](const Byte* from, int64_t some) {
    if (lane.dtype == Dtype::f64) {
      search_dense<F64, Dtype::f64>(from, some, s);
    } else {
      with_dtype<F32>(Any(), lane.dtype, [&](auto tag) NWR_INLINE_LAMBDA {
        search_dense<F32, decltype(tag)::dtype>(from, some, s);
      });
    }
  };
  if (side_by_side(lane)) return dense(at, count);
  for (int64_t done = 0; done < count; done += kWindow) {
    const int64_t some = smaller(kWindow, count - done);
    move(stage, lane.size, at + done * lane.stride, lane.stride, lane.size, some);
    dense(stage, some);
  }
}

// ---- changing ---------------------------------------------------------------------------------

// Whole vectors of elements side by side, to a bound; returns how many elements those are.
template <class Vector>
int64_t limit_vectors(const ChangeRun& run) {
  constexpr int64_t kElements = kVectorBytes / static_cast<int64_t>(sizeof(Vector{}[0]));
  if (arrays_of(run.what) > 1 || !side_by_side(run.array)) return 0;
  const int64_t whole = run.count / kElements * kElements;
  const Vector bound = static_cast<decltype(Vector{}[0] + 0)>(run.first) - Vector{};
  with_dtype<Vector>(Any(), run.array.dtype, [&](auto tag) NWR_INLINE_LAMBDA {
    for (int64_t i = 0; i < whole; i += kElements) {
      Byte* const p = run.at + i * run.array.size;
      Vector x[1] = {Load<Vector, decltype(tag)::dtype>::at(p)};
      x[0] = limited(x[0], bound);
      if (run.what == Change::scale) x[0] /= bound;
      store_vectors<Vector, decltype(tag)::dtype, To::caches>(p, x);
    }
  });
  return whole;
}

// Arrays of one dtype side by side; whether they were.
template <class Real, class Vector>
bool blend_dense(const ChangeRun& run) {
  const Dtype dtype = run.array.dtype;
  if (run.what != Change::blend || run.other.dtype != dtype || run.mask.dtype != dtype ||
      !side_by_side(run.array) || !side_by_side(run.other) || !side_by_side(run.mask)) {
    return false;
  }
  with_dtype<Vector>(Any(), dtype, [&](auto tag) NWR_INLINE_LAMBDA {
    constexpr Dtype kDtype = decltype(tag)::dtype;
    for (int64_t i = 0; i < run.count; ++i) {
      const int64_t at = i * static_cast<int64_t>(size_of(kDtype));
      store_element(run.at + at, kDtype,
                    blended(load_element<Real>(run.at + at, kDtype),
                            load_element<Real>(run.beside + at, kDtype),
                            load_element<Real>(run.over + at, kDtype)));
    }
  });
  return true;
}

template <class Real, class Vector>
void change_run(const ChangeRun& run) {
  if (blend_dense<Real, Vector>(run)) return;
  const Real first = static_cast<Real>(run.first), second = static_cast<Real>(run.second);
  for (int64_t i = limit_vectors<Vector>(run); i < run.count; ++i) {
    Byte* const p = run.at + i * run.array.stride;
    const Real x = load_element<Real>(p, run.array.dtype);
    const auto also = [i](const unsigned char* from, const Lane& lane) {
      return from == nullptr ? Real(0) : load_element<Real>(from + i * lane.stride, lane.dtype);
    };
    store_element(p, run.array.dtype,
                  change_element(run.what, x, also(run.beside, run.other), also(run.over, run.mask),
                                 first, second));
  }
}

void change(const ChangeRun& run) {
  run.wide ? change_run<double, F64>(run) : change_run<float, F32>(run);
}

}  // namespace

const Kernels& kernels() {
  static const Kernels table = {NWR_TEXT(NWR_ISA),
                                NWR_HAS_AVX512 ? 0.6
                                : NWR_HAS_AVX2 ? 1.0
                                               : 12.0,
                                mix,
                                mix_samples,
                                fill,
                                reduce,
                                reduce_many,
                                search,
                                change};
  return table;
}

}  // namespace NWR_ISA
}  // namespace noisewright
