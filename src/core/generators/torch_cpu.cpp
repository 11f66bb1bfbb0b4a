// SPDX-License-Identifier: Apache-2.0
#include "core/generators/torch_cpu.hpp"

#include "core/generator.hpp"

namespace noisewright {
namespace {

// Fewer numbers are made one by one, more in blocks.
constexpr int64_t kBlock = 16;
constexpr uint64_t kPairWords = 4;

int digits_of(Dtype type) {
  switch (type) {
    case Dtype::f64: return 53;
    case Dtype::f16: return 11;
    case Dtype::bf16: return 8;
    default: return 24;
  }
}

}  // namespace

void TorchCpu::seek(uint64_t seed, uint64_t place) {
  if (!seeded_ || seed != seed_ || place < place_) {
    twister_ = Mt19937(static_cast<uint32_t>(seed));
    seeded_ = true;
    seed_ = seed;
    place_ = pair_ = 0;
  }
  twister_.skip(place - place_);
  place_ = place;
}

uint32_t TorchCpu::word() {
  ++place_;
  return twister_.next();
}

uint64_t TorchCpu::words() {
  const uint64_t high = word();
  return high << 32 | word();
}

double TorchCpu::uniform(Dtype type) {
  return torch_uniform(type == Dtype::f64 ? words() : word(), digits_of(type));
}

double TorchCpu::single_normal(Rng& rng) {
  const bool waits = rng.stream != 0;
  const uint64_t pair = waits ? rng.stream - 1 : rng.offset;
  double first = 0;
  if (!waits || !seeded_ || rng.seed != seed_ || pair_ != rng.stream) {
    seek(rng.seed, pair);
    const double u1 = uniform(Dtype::f64), u2 = uniform(Dtype::f64);
    torch_pair(u1, u2, &first, &second_);
    pair_ = pair + 1;
  }
  if (!waits) rng.offset += kPairWords;
  rng.stream = waits ? 0 : pair + 1;
  return waits ? second_ : first;
}

void TorchCpu::draw(Distribution what, Rng& rng, Dtype type, int64_t count, void* data) {
  // The twister goes through every word before the first one: half a minute, and not for ever.
  constexpr uint64_t kMostWords = uint64_t{1} << 36;
  if (rng.offset > kMostWords || rng.stream > kMostWords) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "torch-cpu: offset is ", rng.offset, " and stream ",
         rng.stream, ", but only ", kMostWords, " words can be gone through");
  }
  if (what == Distribution::normal && count < kBlock) {
    for (int64_t i = 0; i < count; ++i) {
      store_number(data, type, static_cast<size_t>(i), single_normal(rng));
    }
    return;
  }
  seek(rng.seed, rng.offset);
  if (what == Distribution::uniform) {
    for (int64_t i = 0; i < count; ++i) {
      store_number(data, type, static_cast<size_t>(i), uniform(type));
    }
  } else {
    double u[kBlock];
    const auto block = [&](int64_t first) {
      for (double& number : u) number = uniform(type);
      for (int64_t j = 0; j < kBlock / 2; ++j) {
        double z0, z1;
        torch_block_pair(type, u[j], u[j + kBlock / 2], &z0, &z1);
        store_number(data, type, static_cast<size_t>(first + j), z0);
        store_number(data, type, static_cast<size_t>(first + j + kBlock / 2), z1);
      }
    };
    const int64_t whole = count / kBlock * kBlock;
    for (int64_t first = 0; first < whole; first += kBlock) block(first);
    if (whole < count) {
      // The rest's uniforms are drawn for nothing: the last 16 numbers are drawn anew.
      for (int64_t i = whole; i < count; ++i) uniform(type);
      block(count - kBlock);
    }
  }
  rng.offset = place_;
}

namespace {

class TorchCpuGenerator : public Generator {
 public:
  Dtype drawn_as(Dtype wanted) const override { return wanted; }

  void draw(const Context& context, const Draw& draw, std::vector<Rng>& rngs,
            const Array& out) override {
    if (engines_.size() < rngs.size()) engines_.resize(rngs.size());
    const Dtype type = out.view.dtype;
    memory_.fill(context, out, [&](void* data) {
      if (rngs.size() == 1) {
        engines_[0].draw(draw.what, rngs[0], type, out.shape.count(), data);
        return;
      }
      const size_t bytes = static_cast<size_t>(out.shape.inner()) * size_of(type);
      for (size_t i = 0; i < rngs.size(); ++i) {
        if (!draw.stretches[draw.rows > 1 ? i : 0].draws) continue;
        engines_[i].draw(draw.what, rngs[i], type, out.shape.inner(),
                         static_cast<unsigned char*>(data) + i * bytes);
      }
    });
  }

 private:
  std::vector<TorchCpu> engines_;
  HostArray memory_;
};

}  // namespace

extern const GeneratorKind kTorchCpu;
const GeneratorKind kTorchCpu = {
    {1001, "torch-cpu", "mt19937", "PyTorch's CPU generator: randn and rand of the array's type",
     NWR_ENTRY_STOCHASTIC},
    [](const Settings&, const LevelRange&) -> std::unique_ptr<Generator> {
      return std::make_unique<TorchCpuGenerator>();
    }};

}  // namespace noisewright
