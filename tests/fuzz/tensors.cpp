// SPDX-License-Identifier: Apache-2.0
// Views with hostile shapes, strides and offsets: refused, or computed on within their memory
// alone, as a plain loop does. A view that is well formed and leaves its memory is the caller's
// defect and is not passed. Input: two views, then what is done with them.
#include <cmath>
#include <memory>

#include "fuzz/fuzz.hpp"

using namespace fuzz;

namespace {

constexpr size_t kBytes = 4096;

struct View {
  nwr_tensor tensor;
  int64_t shape[40], strides[40];
  bool plain;  // its elements lie in its memory and can be gone through
};

size_t size_of(nwr_dtype dtype) {
  switch (dtype) {
    case NWR_F16:
    case NWR_BF16: return 2;
    case NWR_F32: return 4;
    case NWR_F64:
    case NWR_I64: return 8;
    default: return 0;
  }
}

int64_t hostile(Input& in) {
  static constexpr int64_t kSome[] = {
      0, 1, -1, 2, 3, -2, INT64_MAX, INT64_MIN, 1ll << 31, 1ll << 61, -5, INT64_MAX / 2 + 1};
  const uint8_t how = in.byte();
  if (how < 200) return how % 7;
  if (how < 240) return kSome[how % 12];
  return in.raw<int64_t>();
}

// Whether every element lies in the memory; false also for a view that is no view.
bool stays(const View& view, size_t bytes) {
  constexpr int64_t kMost = 1 << 20;
  const auto size = static_cast<int64_t>(size_of(view.tensor.dtype));
  if (size == 0 || view.tensor.ndim < 0 || view.tensor.ndim > 8) return false;
  if (view.tensor.byte_offset > bytes) return false;
  auto low = static_cast<int64_t>(view.tensor.byte_offset);
  int64_t high = low + size, step = 1;
  for (int i = view.tensor.ndim - 1; i >= 0; --i) {
    if (view.shape[i] <= 0 || view.shape[i] > kMost || step > kMost) return false;
    const int64_t stride = view.tensor.strides ? view.strides[i] : step;
    if (stride > kMost || stride < -kMost) return false;
    const int64_t reach = (view.shape[i] - 1) * stride * size;
    (reach < 0 ? low : high) += reach;
    step *= view.shape[i];
  }
  return low >= 0 && high <= static_cast<int64_t>(bytes);
}

// What a context of the CPU computes on: pinned and managed memory are the host's too.
bool on_host(nwr_device device) {
  return device == NWR_CPU || device == NWR_CUDA_HOST || device == NWR_CUDA_MANAGED;
}

// Whether the header says that it is refused: what is not, and does not stay, is not passed.
bool malformed(const View& view) {
  if (size_of(view.tensor.dtype) == 0 || view.tensor.ndim < 0 || !view.tensor.data) return true;
  if (view.tensor.ndim > 0 && !view.tensor.shape) return true;
  if (!on_host(view.tensor.device)) return true;
  for (int i = 0; i < view.tensor.ndim; ++i) {
    if (view.shape[i] <= 0) return true;
  }
  return false;
}

void read_view(Input& in, void* memory, View* view) {
  static constexpr nwr_dtype kTypes[] = {NWR_F32, NWR_F64, NWR_F16, NWR_BF16, NWR_I64};
  std::memset(&view->tensor, 0, sizeof view->tensor);
  const uint8_t flags = in.byte();
  nwr_tensor& t = view->tensor;
  t.data = flags == 255 ? nullptr : memory;
  t.device = flags % 32 == 31 ? static_cast<nwr_device>(in.byte()) : NWR_CPU;
  t.dtype = flags % 16 == 15 ? static_cast<nwr_dtype>(in.raw<int32_t>()) : kTypes[flags % 5];
  t.ndim = static_cast<int8_t>(in.byte());
  if (t.ndim > 34 || t.ndim < -3) t.ndim = t.ndim & 7;
  for (int i = 0; i < 40; ++i) view->shape[i] = view->strides[i] = 1;
  for (int i = 0; i < t.ndim; ++i) view->shape[i] = hostile(in);
  t.shape = flags == 254 ? nullptr : view->shape;
  if (flags & 64) {
    for (int i = 0; i < t.ndim; ++i) view->strides[i] = hostile(in);
    t.strides = view->strides;
  }
  if (flags & 128) t.byte_offset = flags & 1 ? in.byte() * size_of(t.dtype) : in.raw<uint64_t>();
  view->plain = t.data && t.shape && on_host(t.device) && stays(*view, kBytes);
}

// The bytes of element i, in row-major order.
size_t place(const View& view, size_t i) {
  int64_t at = 0, step = 1;
  for (int axis = view.tensor.ndim - 1; axis >= 0; --axis) {
    const auto extent = static_cast<size_t>(view.shape[axis]);
    const int64_t stride = view.tensor.strides ? view.strides[axis] : step;
    at += static_cast<int64_t>(i % extent) * stride;
    i /= extent;
    step *= view.shape[axis];
  }
  return static_cast<size_t>(static_cast<int64_t>(view.tensor.byte_offset) +
                             at * static_cast<int64_t>(size_of(view.tensor.dtype)));
}

bool same_shape(const View& a, const View& b) {
  return a.tensor.ndim == b.tensor.ndim &&
         std::memcmp(a.shape, b.shape, sizeof(int64_t) * static_cast<size_t>(a.tensor.ndim)) == 0;
}

size_t count_of(const View& view) {
  size_t count = 1;
  for (int i = 0; i < view.tensor.ndim; ++i) count *= static_cast<size_t>(view.shape[i]);
  return count;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  // In memory of their own, so that a sanitizer sees every byte beyond.
  const std::unique_ptr<uint8_t[]> a(new uint8_t[kBytes]), b(new uint8_t[kBytes]);
  for (size_t i = 0; i < kBytes; ++i) a[i] = static_cast<uint8_t>(i * 37 % 61), b[i] = 0x3C;
  const uint8_t what = in.byte();
  View from, to;
  read_view(in, a.get(), &from);
  read_view(in, what & 128 ? a.get() : b.get(), &to);
  if (what & 64) {  // as both must have one shape, more often than by chance
    to.tensor.ndim = from.tensor.ndim;
    std::memcpy(to.shape, from.shape, sizeof to.shape);
    to.plain = to.tensor.data && to.tensor.shape && on_host(to.tensor.device) && stays(to, kBytes);
  }
  for (const View* view : {&from, &to}) {
    if (!view->plain && !malformed(*view)) return 0;
  }
  nwr_context* const context = shared_context();
  const bool both = from.plain && to.plain;
  nwr_status status = NWR_OK;
  switch (what % 6) {
    case 0:
    case 1: {
      std::vector<uint8_t> before(a.get(), a.get() + kBytes);
      const bool apart = to.tensor.data != from.tensor.data;
      status = checked(nwr_tensor_copy(context, &from.tensor, &to.tensor));
      if (!both) FUZZ_CHECK(status != NWR_OK);
      if (status == NWR_OK && apart) {
        FUZZ_CHECK(same_shape(from, to));
        if (from.tensor.dtype == to.tensor.dtype) {
          for (size_t i = 0; i < count_of(from); ++i) {
            FUZZ_CHECK(std::memcmp(before.data() + place(from, i), b.get() + place(to, i),
                                   size_of(from.tensor.dtype)) == 0);
          }
        }
      }
      break;
    }
    case 2: {
      const nwr_tensor* inputs[] = {&from.tensor, &from.tensor};
      const double factors[] = {in.number(), 2};
      status = checked(nwr_tensor_combine(context, factors, inputs, 1 + what / 6 % 2, &to.tensor));
      if (!both) FUZZ_CHECK(status != NWR_OK);
      break;
    }
    case 3: {
      const nwr_rng rngs[4] = {{1, 2, in.raw<uint64_t>()}, {2, 2, 0}, {3, 2, 0}, {4, 2, 0}};
      status = checked(nwr_random_fill(context, what & 32 ? NWR_NORMAL : NWR_UNIFORM, rngs,
                                       1 + in.below(4), &to.tensor));
      if (!to.plain) FUZZ_CHECK(status != NWR_OK);
      break;
    }
    case 4: {
      const nwr_operand know[] = {{NWR_STATE, 0, &from.tensor}, {NWR_NOISE, 0, &from.tensor}};
      const nwr_operand want[] = {{NWR_DATA, 0, &to.tensor}};
      const double times[] = {0.5};
      const nwr_tensor t = dense(const_cast<double*>(times), NWR_F64, 0, nullptr);
      const nwr_tensor* const at = what & 32 ? &from.tensor : &t;
      status =
          checked(nwr_transform_apply(context, shared_schedule(0), at, nullptr, know, 2, want, 1));
      if (!both) FUZZ_CHECK(status != NWR_OK);
      break;
    }
    default: {
      auto options = sized<nwr_sampler_options>();
      options.name = "dpmpp-2m", options.steps = 3;
      nwr_sampler* sampler = nullptr;
      FUZZ_CHECK(nwr_sampler_create(context, shared_schedule(0), &options, &sampler) == NWR_OK);
      if (checked(nwr_sampler_start(sampler, &to.tensor, NWR_START_STATE)) == NWR_OK) {
        FUZZ_CHECK(to.plain);
        for (int i = 0; i < 4; ++i) {
          const nwr_status stepped =
              checked(nwr_sampler_step(sampler, &to.tensor, &from.tensor, 1));
          if (stepped == NWR_OK) FUZZ_CHECK(from.plain);
        }
      }
      nwr_sampler_destroy(sampler);
    }
  }
  return 0;
}
