// SPDX-License-Identifier: Apache-2.0
// Owns the border between the CPU backend and its element loops, which exist once per instruction
// set. Must not know shapes, threads or how work is cut.
#pragma once

#include <cstddef>
#include <cstdint>

#include "backend/backend.hpp"
#include "core/plan.hpp"

namespace noisewright {

// The number of the operand that stands for the unit normal, behind the inputs.
inline constexpr int kNoiseOperand = kMaxInputs;

// The most outputs that are stored past the caches.
inline constexpr int kStreamedOutputs = 2;

// A view along the innermost axis.
struct Lane {
  Dtype dtype;
  int32_t size;    // bytes of one element
  int64_t stride;  // bytes from one element to the next
};

// What holds for all of a plan.
struct MixLayout {
  int input_count;
  int output_count;
  bool wide;       // arithmetic in double
  bool streaming;  // few outputs, beyond the caches, none of them read: stored past the caches
  Lane input[kMaxInputs];
  Lane output[kMaxOutputs];
};

struct MixTerm {
  double wide;   // the factor, for arithmetic in double
  float narrow;  // the same rounded to float, for arithmetic in float
  int32_t operand;
  Dtype dtype;  // of the operand
};

// What holds for one sample: its factors without the zeros. Output order[i] is the sum of
// term[end[i-1]..end[i]), where end[-1] is 0.
struct MixRecipe {
  int used_count;  // inputs that some term reads
  int32_t used[kMaxInputs];
  bool noise;   // some term reads the noise
  bool staged;  // no order keeps an output from spoiling what a later one reads
  int32_t order[kMaxOutputs];
  int32_t end[kMaxOutputs];
  MixTerm term[kMaxOutputs * (kMaxInputs + 1)];
  uint64_t seed;
  uint64_t stream;
};

// Consecutive elements of one sample.
struct MixRun {
  int64_t count;
  uint64_t position;  // of the first element in the random stream
  const unsigned char* input[kMaxInputs];
  unsigned char* output[kMaxOutputs];
};

// Samples that lie side by side in all arrays and are too short to be runs of their own.
struct MixSamples {
  int64_t size;           // elements of a sample
  const double* factors;  // of the first sample, as a MixPlan has them
  int64_t factor_step;    // from one sample's to the next's, or 0
  const Rng* rngs;        // nullptr, one, or one for each sample
  bool own_rngs;
  const unsigned char* input[kMaxInputs];  // of the first sample
  unsigned char* output[kMaxOutputs];
};

struct FillRun {
  int64_t count;
  uint64_t seed;
  uint64_t stream;
  uint64_t position;  // of the first element in the random stream
  unsigned char* output;
};

struct ReduceTogether {
  Reduction what;
  int input_count;
  double rtol, atol;
  Lane input[kMaxReduced];
};

// What a pass over magnitudes learns, as bits, which order as the magnitudes do.
struct Search {
  uint64_t low, high;  // of the range that matters
  int shift;           // a magnitude of the range goes into the bin (bits - low) >> shift
  uint32_t* bins;
  uint64_t* found;  // the first magnitudes of the range, as many as there is room for
  uint64_t room;
  uint64_t below;    // how many are below the range
  uint64_t inside;   // and how many in it
  uint64_t above;    // the least beyond it
  uint64_t largest;  // of all; a NaN is larger than infinity
};

// Consecutive elements of one sample, with its numbers.
struct ChangeRun {
  Change what;
  bool wide;  // arithmetic in double
  Lane array, other, mask;
  double first, second;  // bound and divisor, or offset and slope
  int64_t count;
  unsigned char* at;
  const unsigned char* beside;  // of other
  const unsigned char* over;    // of mask
};

// The table of one instruction set. Functions expect the default floating-point environment.
struct Kernels {
  const char* name;
  double normal_ns;  // rough time of one normal, to judge what is worth a thread
  void (*mix)(const MixLayout& layout, const MixRecipe& recipe, const MixRun& run);
  // Elements [begin, end) of all samples together.
  void (*mix_samples)(const MixLayout& layout, const MixSamples& samples, int64_t begin,
                      int64_t end);
  void (*fill)(const Lane& lane, Distribution what, const FillRun& run);
  // Adds count elements, whose first is number first of its block, to the lanes of
  // math/reduce.hpp: their squares, or the largest magnitude.
  void (*reduce)(const Lane& lane, bool largest, int64_t first, int64_t count,
                 const unsigned char* at, double* lanes);
  // Likewise for a reduction of several arrays, to kReduceLanes of each of its numbers.
  void (*reduce_many)(const ReduceTogether& what, int64_t first, int64_t count,
                      const unsigned char* const* at, double* lanes);
  // Adds count elements to what a search has learnt; their bits are of float, or of double for f64.
  void (*search)(const Lane& lane, int64_t count, const unsigned char* at, Search* search);
  void (*change)(const ChangeRun& run);
};

// "baseline", "avx2" or "avx512"; nullptr where the machine or the build lacks it.
const Kernels* kernels_for(const char* isa);

// The best that the machine has, or what NWR_ISA in the environment names.
const Kernels& best_kernels();

// Three quarters of the last cache: what is written beyond that is gone before anybody reads it.
int64_t default_streaming_bytes();

// A queue that runs the given kernels; cpu_backend().open runs the best. Throws std::bad_alloc.
// Passes that touch so many bytes store past the caches.
Queue* open_cpu_queue(const QueueOptions& options, const Kernels& kernels,
                      int64_t streaming_bytes = default_streaming_bytes());

}  // namespace noisewright
