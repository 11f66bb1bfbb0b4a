// SPDX-License-Identifier: Apache-2.0
// Owns PyTorch's CUDA generator: rng.offset is PyTorch's own, in words, a multiple of 4. Its grid
// depends on the GPU, and so do the numbers of arrays that are larger than the grid.
#include "core/generator.hpp"
#include "math/torch_random.hpp"

namespace noisewright {
namespace {

class TorchCuda : public Generator {
 public:
  TorchCuda(int64_t multiprocessors, int64_t threads)
      : multiprocessors_(multiprocessors), threads_(threads) {}

  Dtype drawn_as(Dtype wanted) const override { return wanted; }

  void check(const Context&, const std::vector<Rng>& rngs, size_t) const override {
    for (size_t i = 0; i < rngs.size(); ++i) {
      const Name name{"rngs", static_cast<int64_t>(i)};
      if (rngs[i].offset % 4 != 0) {
        fail(NWR_ERROR_INVALID_ARGUMENT, name, ".offset is ", rngs[i].offset,
             ", but PyTorch's are multiples of 4");
      }
      if (rngs[i].stream != 0) {
        fail(NWR_ERROR_INVALID_ARGUMENT, name, ".stream is ", rngs[i].stream,
             ", but PyTorch has a seed and an offset alone");
      }
    }
  }

  void draw(const Context& context, const Draw& draw, std::vector<Rng>& rngs,
            const Array& out) override {
    const Dtype type = out.view.dtype;
    const bool alone = rngs.size() > 1;
    const int64_t count = alone ? out.shape.inner() : out.shape.count();
    const TorchGrid grid = torch_grid(count, multiprocessors_, threads_, type);
    memory_.fill(context, out, [&](void* data) {
      for (size_t i = 0; i < rngs.size(); ++i) {
        if (alone && !draw.stretches[draw.rows > 1 ? i : 0].draws) continue;
        const size_t first = i * static_cast<size_t>(count);
        for (int64_t k = 0; k < count; ++k) {
          int place;
          const PhiloxBlock words = torch_words(grid, rngs[i].seed, rngs[i].offset, k, &place);
          const double number = draw.what == Distribution::normal
                                    ? torch_cuda_normal(type, words, place)
                                    : torch_cuda_uniform(type, words, place);
          store_number(data, type, first + static_cast<size_t>(k), number);
        }
        rngs[i].offset += 4 * grid.calls(count);
      }
    });
  }

 private:
  int64_t multiprocessors_, threads_;
  HostArray memory_;
};

constexpr Param kParams[] = {
    {"multiprocessors", "of the GPU: 108 are an A100's, 132 an H100's", 108, 1, 65536, nullptr,
     true},
    {"threads_per_multiprocessor", "that the GPU holds at once: 1536 on most GeForce", 2048, 256,
     65536, nullptr, true}};

}  // namespace

extern const GeneratorKind kTorchCuda;
const GeneratorKind kTorchCuda = {
    {1002, "torch-cuda", "", "PyTorch's CUDA generator: Philox by its grid of threads",
     NWR_ENTRY_STOCHASTIC, 0, 0, kParams},
    [](const Settings& settings, const LevelRange&) -> std::unique_ptr<Generator> {
      return std::make_unique<TorchCuda>(
          static_cast<int64_t>(settings["multiprocessors"]),
          static_cast<int64_t>(settings["threads_per_multiprocessor"]));
    }};

}  // namespace noisewright
