// SPDX-License-Identifier: Apache-2.0
// Owns the comparison of our Philox with cuRAND's, word for word, on a GPU. Status 77: no GPU.
#include <curand_kernel.h>

#include <cstdio>

#include "math/philox.hpp"

namespace {

using noisewright::philox_block;

struct Place {
  uint64_t seed, stream, offset;
};

__device__ unsigned long long differing;

__global__ void compare(Place place, int blocks) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= blocks) return;
  const uint64_t offset = place.offset + 4u * static_cast<uint64_t>(i);
  curandStatePhilox4_32_10_t state;
  curand_init(place.seed, place.stream, offset, &state);
  const uint4 theirs = curand4(&state);
  const noisewright::PhiloxBlock ours = philox_block(place.seed, place.stream, offset / 4);
  const bool same = theirs.x == ours.word[0] && theirs.y == ours.word[1] &&
                    theirs.z == ours.word[2] && theirs.w == ours.word[3];
  if (!same) atomicAdd(&differing, 1ull);
}

}  // namespace

int main() {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::printf("there is no CUDA device here\n");
    return 77;
  }
  const int blocks = 1 << 20;
  const Place places[] = {{0, 0, 0},
                          {42, 7, 1000},
                          {0x123456789ABCDEFull, 0xFEDCBA9876543210ull, 4ull << 32},
                          {~0ull, ~0ull, (4ull << 32) - 2097152}};
  for (const Place& place : places) compare<<<blocks / 256, 256>>>(place, blocks);
  unsigned long long found = 0;
  const cudaError_t error = cudaMemcpyFromSymbol(&found, differing, sizeof found);
  if (error != cudaSuccess) {
    std::printf("cuda: %s\n", cudaGetErrorString(error));
    return 1;
  }
  std::printf("%llu of %zu blocks differ from cuRAND's\n", found,
              sizeof places / sizeof *places * static_cast<size_t>(blocks));
  return found != 0;
}
