// SPDX-License-Identifier: Apache-2.0
#include "api/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "core/catalog.hpp"

namespace noisewright {
namespace {

// Bytes that one array may span: well inside what a pointer can address.
constexpr int64_t kMostBytes = int64_t{1} << 62;

std::string show(const Shape& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.ndim; ++i) {
    append(text, i ? "," : "");
    append(text, shape.extent[i]);
  }
  return text + "]";
}

// Whether a number is a dtype, without a look at the catalogue.
bool is_dtype(int32_t value) { return size_of(static_cast<Dtype>(value)) != 0; }

void check_device(const nwr_tensor& tensor, const Name& name, const Context& context, Place place) {
  const int32_t at = tensor.device;
  if (at == NWR_CPU && context.on_host()) return;
  find_by_value(NWR_DOMAIN_DEVICE, at, name.with(".device"));
  const bool computes = context.on_host() ? at != NWR_CUDA : at != NWR_CPU;
  const bool reads = at == NWR_CPU || at == NWR_CUDA_HOST || (context.on_host() && at != NWR_CUDA);
  const bool fits = place == Place::device ? computes : place == Place::host ? reads : true;
  if (!fits || (at == NWR_CUDA && context.on_host())) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ".device is ", name_of(NWR_DOMAIN_DEVICE, at),
         ", but the context's is ", name_of(NWR_DOMAIN_DEVICE, context.device()));
  }
  if (at == NWR_CUDA && tensor.device_id != context.device_id()) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ".device_id is ", tensor.device_id,
         ", but the context's is ", context.device_id());
  }
}

// The bytes an array covers: [low, high) from its element [0, 0, ...].
struct Span {
  int64_t low, high;
};
Span span_of(const Array& array) {
  const auto size = static_cast<int64_t>(size_of(array.view.dtype));
  Span span{0, size};
  for (int i = 0; i < array.shape.ndim; ++i) {
    const int64_t reach = (array.shape.extent[i] - 1) * array.view.stride[i] * size;
    (reach < 0 ? span.low : span.high) += reach;
  }
  return span;
}

// Whether two index vectors of a shape lead to addresses that lie delta apart: sum of
// difference[i] * stride[i] == delta with |difference[i]| < extent[i]. Axes from the widest stride;
// what the inner axes can reach bounds the choice at each, to two where the array is an ordinary
// slice of a dense one.
bool can_reach(const int64_t* stride, const int64_t* extent, int axes, int64_t delta, int& budget) {
  if (axes == 0) return delta == 0;
  if (--budget < 0) return true;  // undecided counts as an overlap
  int64_t rest = 0;
  for (int i = 1; i < axes; ++i) rest += (extent[i] - 1) * stride[i];
  const int64_t limit = extent[0] - 1;
  const auto floor_div = [](int64_t a, int64_t b) { return a / b - (a % b != 0 && a < 0); };
  const int64_t first = std::max(-limit, -floor_div(rest - delta, stride[0]));
  const int64_t last = std::min(limit, floor_div(delta + rest, stride[0]));
  for (int64_t d = first; d <= last; ++d) {
    if (can_reach(stride + 1, extent + 1, axes - 1, delta - d * stride[0], budget)) return true;
  }
  return false;
}

// Axes of more than one element, widest stride first; strides in bytes and positive.
int sorted_axes(const Array& array, int64_t* stride, int64_t* extent) {
  int count = 0;
  const auto size = static_cast<int64_t>(size_of(array.view.dtype));
  for (int i = 0; i < array.shape.ndim; ++i) {
    if (array.shape.extent[i] == 1) continue;
    const int64_t step = std::abs(array.view.stride[i]) * size;
    int at = count++;
    for (; at > 0 && stride[at - 1] < step; --at) {
      stride[at] = stride[at - 1];
      extent[at] = extent[at - 1];
    }
    stride[at] = step;
    extent[at] = array.shape.extent[i];
  }
  return count;
}

bool overlaps_itself(const Array& array) {
  int64_t stride[kMaxDims], extent[kMaxDims];
  const int axes = sorted_axes(array, stride, extent);
  int64_t inner = static_cast<int64_t>(size_of(array.view.dtype));
  for (int i = axes - 1; i >= 0; --i) {
    if (stride[i] < inner) return true;
    inner += (extent[i] - 1) * stride[i];
  }
  return false;
}

bool same_view(const Array& a, const Array& b) {
  if (a.view.data != b.view.data || a.view.dtype != b.view.dtype) return false;
  for (int i = 0; i < a.shape.ndim; ++i) {
    if (a.shape.extent[i] > 1 && a.view.stride[i] != b.view.stride[i]) return false;
  }
  return true;
}

bool is_dense(const Array& array) {
  int64_t step = 1;
  for (int i = array.shape.ndim - 1; i >= 0; --i) {
    if (array.shape.extent[i] != 1 && array.view.stride[i] != step) return false;
    step *= array.shape.extent[i];
  }
  return true;
}

// Copies within one memory.
void move_array(const Context& context, const Array& from, const Array& to) {
  if (from.view.dtype == to.view.dtype) {
    const CopyPlan plan = {to.shape, from.view, to.view};
    from.beside ? context.copy_on_host(plan) : context.copy(plan);
    return;
  }
  const double factors[] = {1, 0};
  MixPlan plan;
  plan.shape = to.shape;
  plan.input[plan.input_count++] = from.view;
  plan.output[plan.output_count++] = to.view;
  plan.factors = factors;
  from.beside ? context.mix_on_host(plan) : context.mix(plan);
}

}  // namespace

Array take_tensor(const nwr_tensor* tensor, const Name& name, const Context& context, Use use,
                  Place place) {
  if (!tensor) fail(NWR_ERROR_INVALID_ARGUMENT, name, " is NULL");
  if (!tensor->data) fail(NWR_ERROR_INVALID_ARGUMENT, name, ".data is NULL");
  check_device(*tensor, name, context, place);
  if (!is_dtype(tensor->dtype)) {
    find_by_value(NWR_DOMAIN_DTYPE, tensor->dtype, name.with(".dtype"));
  }
  if (tensor->ndim < 0 || tensor->ndim > kMaxDims) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ".ndim is ", tensor->ndim, ", outside 0 to ", kMaxDims);
  }
  if (tensor->ndim > 0 && !tensor->shape) fail(NWR_ERROR_INVALID_ARGUMENT, name, ".shape is NULL");
  if (tensor->byte_offset > static_cast<uint64_t>(kMostBytes)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ".byte_offset is ", tensor->byte_offset,
         ", more bytes than memory can have");
  }
  Array array;
  array.beside = tensor->device == NWR_CPU && !context.on_host();
  array.shape.ndim = tensor->ndim;
  array.view.data = static_cast<char*>(tensor->data) + tensor->byte_offset;
  array.view.dtype = static_cast<Dtype>(tensor->dtype);
  const auto size = static_cast<int64_t>(size_of(array.view.dtype));
  int64_t elements = 1, reach = size;
  const auto too_large = [&] {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ": shape ", show(array.shape),
         " with its strides spans ", "more bytes than memory can have");
  };
  std::copy(tensor->shape, tensor->shape + tensor->ndim, array.shape.extent);
  for (int i = tensor->ndim - 1; i >= 0; --i) {
    const int64_t extent = array.shape.extent[i];
    if (extent <= 0) {
      fail(NWR_ERROR_INVALID_ARGUMENT, name, ": shape ", show(array.shape), " has no elements");
    }
    const int64_t stride = tensor->strides ? tensor->strides[i] : elements;
    array.view.stride[i] = stride;
    if (elements > kMostBytes / size / extent) too_large();
    elements *= extent;
    int64_t step = 0;
    if (stride == INT64_MIN || __builtin_mul_overflow(std::abs(stride), size, &step) ||
        __builtin_mul_overflow(step, extent - 1, &step) ||
        __builtin_add_overflow(reach, step, &reach) || reach > kMostBytes) {
      too_large();
    }
  }
  if (use == Use::write && tensor->strides && overlaps_itself(array)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ": two of its elements lie in one place");
  }
  return array;
}

Array take_numbers(const nwr_tensor* tensor, const Name& name, const Context& context, Use use,
                   Place place) {
  Array array = take_tensor(tensor, name, context, use, place);
  if (array.view.dtype == Dtype::i64) {
    fail(NWR_ERROR_UNSUPPORTED, name,
         ".dtype is i64, but this call computes with f16, bf16, f32 or f64");
  }
  return array;
}

void match_shape(const Shape& shape, const Name& shape_name, Array& b, const Name& b_name,
                 bool scalar_too) {
  if (b.shape.ndim == 0 && scalar_too) {
    b.shape = shape;
    std::fill(b.view.stride, b.view.stride + shape.ndim, 0);
    return;
  }
  if (!(b.shape == shape)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, b_name, ": shape ", show(b.shape), " does not fit ",
         show(shape), ", the shape of ", shape_name);
  }
}

bool overlapping(const Array& a, const Array& b) {
  const auto address = [](const Array& x) { return reinterpret_cast<intptr_t>(x.view.data); };
  const Span s = span_of(a), t = span_of(b);
  if (address(a) + s.high <= address(b) + t.low || address(b) + t.high <= address(a) + s.low) {
    return false;
  }
  // Interleaved slices of one array cover each other's span without sharing an element.
  int64_t stride[kMaxDims], extent[kMaxDims], other_stride[kMaxDims], other_extent[kMaxDims];
  const int axes = sorted_axes(a, stride, extent);
  const int other_axes = sorted_axes(b, other_stride, other_extent);
  const bool comparable = a.view.dtype == b.view.dtype && axes == other_axes &&
                          std::equal(stride, stride + axes, other_stride) &&
                          std::equal(extent, extent + axes, other_extent) &&
                          (axes == 0 || stride[axes - 1] > 0);
  if (!comparable) return true;
  const auto size = static_cast<int64_t>(size_of(a.view.dtype));
  const int64_t delta = address(b) + t.low - (address(a) + s.low);
  for (int64_t shift = -(size - 1); shift < size; ++shift) {
    int budget = 10000;
    if (can_reach(stride, extent, axes, delta + shift, budget)) return true;
  }
  return false;
}

void refuse_overlap(const Array& a, const Name& a_name, const Array& b, const Name& b_name) {
  if (!same_view(a, b) && overlapping(a, b)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, b_name, " overlaps ", a_name, " without being the same view");
  }
}

bool is_on_device(const nwr_tensor* tensor, const Context& context) {
  return tensor && !context.on_host() &&
         (tensor->device == NWR_CUDA || tensor->device == NWR_CUDA_MANAGED);
}

namespace {

Array take_times(const nwr_tensor* tensor, const char* name, const Context& context, Place place,
                 int64_t batch) {
  const Array array = take_tensor(tensor, {name}, context, Use::read, place);
  if (array.view.dtype != Dtype::f32 && array.view.dtype != Dtype::f64) {
    fail(NWR_ERROR_UNSUPPORTED, name, ".dtype is ",
         name_of(NWR_DOMAIN_DTYPE, static_cast<int32_t>(array.view.dtype)), ", not f32 or f64");
  }
  const int64_t count = array.shape.count();
  if (count != 1 && (count != batch || array.shape.inner() != 1)) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ": shape ", show(array.shape),
         " is neither one number nor one for each of ", batch, " samples");
  }
  return array;
}

}  // namespace

DeviceNumbers take_device_numbers(const nwr_tensor* tensor, const char* name,
                                  const Context& context, int64_t batch) {
  const Array array = take_times(tensor, name, context, Place::device, batch);
  if (reinterpret_cast<uintptr_t>(array.view.data) % size_of(array.view.dtype) != 0) {
    fail(NWR_ERROR_INVALID_ARGUMENT, name, ".data is not aligned to its elements");
  }
  return {array.view.data, array.view.dtype, array.shape.count() > 1 ? array.view.stride[0] : 0, 0};
}

std::vector<double> take_values(const nwr_tensor* tensor, const char* name, const Context& context,
                                int64_t batch) {
  const Array array = take_times(tensor, name, context, Place::host, batch);
  const int64_t count = array.shape.count();
  std::vector<double> values(static_cast<size_t>(count));
  const int64_t step = (array.shape.ndim > 0 ? array.view.stride[0] : 0) *
                       static_cast<int64_t>(size_of(array.view.dtype));
  const auto take = [&](auto value) {
    const char* at = static_cast<const char*>(array.view.data);
    for (double& wide : values) {
      std::memcpy(&value, at, sizeof value);
      wide = static_cast<double>(value);
      at += step;
    }
  };
  array.view.dtype == Dtype::f32 ? take(0.0f) : take(0.0);
  const auto finite = [](double value) { return std::isfinite(value); };
  const auto bad = std::find_if_not(values.begin(), values.end(), finite);
  if (bad != values.end()) {
    fail(NWR_ERROR_INVALID_ARGUMENT, Name{name, count > 1 ? bad - values.begin() : -1}, " is ",
         *bad);
  }
  return values;
}

void copy_array(const Context& context, Array from, const Name& from_name, const nwr_tensor* to,
                const Name& to_name) {
  const Array target = take_tensor(to, to_name, context, Use::write, Place::either);
  match_shape(target.shape, to_name, from, from_name, false);
  refuse_overlap(from, from_name, target, to_name);
  if (from.view.dtype != target.view.dtype &&
      (from.view.dtype == Dtype::i64 || target.view.dtype == Dtype::i64)) {
    fail(NWR_ERROR_UNSUPPORTED, to_name, ".dtype differs from that of ", from_name,
         ", and one is i64");
  }
  if (from.beside == target.beside) {
    move_array(context, from, target);
    return;
  }
  // Dense bytes cross; what they are made of or become is done on either side.
  const size_t bytes = static_cast<size_t>(target.shape.count()) * size_of(target.view.dtype);
  const Ref<const Context> owner = Ref<const Context>::share(&context);
  Buffer there;
  std::unique_ptr<unsigned char[]> here;
  const auto packed = [&](const Array& array) {
    if (array.view.dtype == target.view.dtype && is_dense(array)) return array;
    Array copy;
    if (array.beside) {
      here = std::make_unique<unsigned char[]>(bytes);
      copy = dense(target.shape, target.view.dtype, here.get());
    } else {
      there = Buffer(owner, bytes);
      copy = dense(target.shape, target.view.dtype, there.data());
    }
    copy.beside = array.beside;
    return copy;
  };
  const Array source = packed(from), end = packed(target);
  if (source.view.data != from.view.data) move_array(context, from, source);
  context.transfer(end.view.data, source.view.data, bytes);
  if (end.view.data != target.view.data) move_array(context, end, target);
}

nwr_tensor to_tensor(const Array& array, const Context& context) {
  nwr_tensor tensor{};
  tensor.data = array.view.data;
  tensor.device = static_cast<nwr_device>(context.device());
  tensor.device_id = context.device_id();
  tensor.ndim = array.shape.ndim;
  tensor.dtype = static_cast<nwr_dtype>(array.view.dtype);
  tensor.shape = array.shape.extent;
  return tensor;
}

}  // namespace noisewright
