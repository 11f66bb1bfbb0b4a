// SPDX-License-Identifier: Apache-2.0
// Owns cuRAND's host API, for those who ask for its generators by name. cuRAND is opened when it is
// first asked for, so that the plugin does not need it. Must not know why numbers are wanted.
#include <curand.h>
#include <dlfcn.h>

#include "cuda/queue.cuh"

namespace noisewright::cuda {
namespace {

struct Library {
  decltype(&curandCreateGenerator) create;
  decltype(&curandDestroyGenerator) destroy;
  decltype(&curandSetStream) set_stream;
  decltype(&curandSetPseudoRandomGeneratorSeed) set_seed;
  decltype(&curandSetGeneratorOffset) set_offset;
  decltype(&curandSetQuasiRandomGeneratorDimensions) set_dimensions;
  decltype(&curandGenerateNormal) normal;
  decltype(&curandGenerateNormalDouble) normal_double;
  decltype(&curandGenerateUniform) uniform;
  decltype(&curandGenerateUniformDouble) uniform_double;
  bool whole;
};

template <class Function>
bool find(void* file, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(file, name));
  return *function != nullptr;
}

Library open_library() {
  Library l = {};
  void* file = nullptr;
  for (const char* name : {"libcurand.so.10", "libcurand.so"}) {
    if (file == nullptr) file = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  }
  l.whole = file != nullptr && find(file, "curandCreateGenerator", &l.create) &&
            find(file, "curandDestroyGenerator", &l.destroy) &&
            find(file, "curandSetStream", &l.set_stream) &&
            find(file, "curandSetPseudoRandomGeneratorSeed", &l.set_seed) &&
            find(file, "curandSetGeneratorOffset", &l.set_offset) &&
            find(file, "curandSetQuasiRandomGeneratorDimensions", &l.set_dimensions) &&
            find(file, "curandGenerateNormal", &l.normal) &&
            find(file, "curandGenerateNormalDouble", &l.normal_double) &&
            find(file, "curandGenerateUniform", &l.uniform) &&
            find(file, "curandGenerateUniformDouble", &l.uniform_double);
  return l;
}

curandRngType type_of(const ForeignPlan& plan) {
  switch (plan.family) {
    case Foreign::curand_xorwow: return CURAND_RNG_PSEUDO_XORWOW;
    case Foreign::curand_philox: return CURAND_RNG_PSEUDO_PHILOX4_32_10;
    default: break;
  }
  return plan.dtype == Dtype::f64 ? CURAND_RNG_QUASI_SCRAMBLED_SOBOL64
                                  : CURAND_RNG_QUASI_SCRAMBLED_SOBOL32;
}

curandStatus_t generate(const Library& l, curandGenerator_t generator, const ForeignPlan& plan,
                        void* data, size_t count) {
  const bool normal = plan.what == Distribution::normal;
  if (plan.dtype == Dtype::f64) {
    auto* const numbers = static_cast<double*>(data);
    return normal ? l.normal_double(generator, numbers, count, 0, 1)
                  : l.uniform_double(generator, numbers, count);
  }
  auto* const numbers = static_cast<float*>(data);
  return normal ? l.normal(generator, numbers, count, 0, 1) : l.uniform(generator, numbers, count);
}

curandStatus_t run(const Library& l, Queue* queue, const ForeignPlan& plan, void* data,
                   size_t count) {
  curandGenerator_t generator = nullptr;
  curandStatus_t status = l.create(&generator, type_of(plan));
  if (status != CURAND_STATUS_SUCCESS) return status;
  status = l.set_stream(generator, queue->stream);
  if (status == CURAND_STATUS_SUCCESS) {
    status = plan.family == Foreign::curand_sobol ? l.set_dimensions(generator, plan.dimensions)
                                                  : l.set_seed(generator, plan.seed);
  }
  if (status == CURAND_STATUS_SUCCESS) status = l.set_offset(generator, plan.offset);
  if (status == CURAND_STATUS_SUCCESS) status = generate(l, generator, plan, data, count);
  const curandStatus_t closed = l.destroy(generator);
  return status != CURAND_STATUS_SUCCESS ? status : closed;
}

}  // namespace

int32_t foreign(Queue* queue, const ForeignPlan& plan) {
  static const Library library = open_library();
  if (!library.whole) {
    report("cuRAND's library, libcurand.so.10, cannot be opened");
    return NWR_ERROR_UNSUPPORTED;
  }
  const DeviceScope scope(queue->options.device_id);
  // cuRAND makes pairs of normals, and whole points.
  const int64_t unit = plan.family == Foreign::curand_sobol ? plan.dimensions : 2;
  const int64_t whole = (plan.count + unit - 1) / unit * unit;
  const size_t bytes = static_cast<size_t>(whole) * size_of(plan.dtype);
  void* data = plan.data;
  if (whole != plan.count) {
    const int32_t status = queue_alloc(queue, bytes, &data);
    if (status != NWR_OK) return status;
  }
  const curandStatus_t status = run(library, queue, plan, data, static_cast<size_t>(whole));
  int32_t result = NWR_OK;
  if (status != CURAND_STATUS_SUCCESS) {
    report("cuRAND failed");
    result = NWR_ERROR_DEVICE;
  } else if (data != plan.data) {
    result = check(
        cudaMemcpyAsync(plan.data, data, static_cast<size_t>(plan.count) * size_of(plan.dtype),
                        cudaMemcpyDeviceToDevice, queue->stream),
        "a copy of cuRAND's numbers");
  }
  if (data != plan.data) queue_free(queue, data, bytes);
  const int32_t waited = synchronize(queue);
  return result != NWR_OK ? result : waited;
}

}  // namespace noisewright::cuda
