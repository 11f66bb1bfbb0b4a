/* SPDX-License-Identifier: Apache-2.0
 * What the recipe for TensorRT calls, declared as TensorRT 10 and 11 declare it, so that the recipe
 * compiles where TensorRT is not installed. TENSORRT_INCLUDE names the true headers. */
#ifndef NV_INFER_STAND_IN
#define NV_INFER_STAND_IN

#include <cuda_runtime_api.h>
#include <stdint.h>

namespace nvinfer1 {

class Dims64 {
 public:
  static constexpr int32_t MAX_DIMS{8};
  int32_t nbDims;
  int64_t d[MAX_DIMS];
};
using Dims = Dims64;

class IExecutionContext {
 public:
  bool setInputShape(char const* tensorName, Dims const& dims) noexcept;
  bool setTensorAddress(char const* tensorName, void* data) noexcept;
  bool enqueueV3(cudaStream_t stream) noexcept;
};

}  // namespace nvinfer1

#endif
