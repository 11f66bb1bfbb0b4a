// SPDX-License-Identifier: Apache-2.0
// Owns the floating-point mode of the host: it changes no bit of ours, comes back as it was, and is
// there in callbacks. Must not know how the library does that.
#include <limits>

#include "api/support.hpp"

#if defined(__x86_64__)
#  include <immintrin.h>
#endif

namespace nwr_test {
namespace {

#if defined(__x86_64__) || defined(__aarch64__)
#  if defined(__x86_64__)
unsigned word() { return _mm_getcsr(); }
void set_word(unsigned to) { _mm_setcsr(to); }
constexpr unsigned kModeBits = 0xFFC0u, kDefault = 0x1F80u;
// Flush to zero; denormals are zero; both; rounding down, up, to zero; no exception masked, and
// that with everything else.
constexpr unsigned kOdd[] = {0x9F80u, 0x1FC0u, 0x9FC0u, 0x3F80u, 0x5F80u,
                             0x7F80u, 0x0000u, 0xE040u, 0x2000u};
constexpr unsigned kLeftBehind = 0x7FC0u, kFlushingUp = 0xDFC0u;
#  else
unsigned word() {
  uint64_t all;
  asm volatile("mrs %0, fpcr" : "=r"(all));
  return static_cast<unsigned>(all);
}
void set_word(unsigned to) { asm volatile("msr fpcr, %0" : : "r"(uint64_t{to})); }
constexpr unsigned kModeBits = ~0u, kDefault = 0;
// Flush to zero; one NaN for all; both; rounding down, up, to zero; everything.
constexpr unsigned kOdd[] = {1u << 24, 1u << 25, 3u << 24, 2u << 22, 1u << 22, 3u << 22, 15u << 22};
constexpr unsigned kLeftBehind = 7u << 22, kFlushingUp = 5u << 22;
#  endif
unsigned mode() { return word() & kModeBits; }

// Sets a mode for as long as it lives.
class Mode {
 public:
  explicit Mode(unsigned odd) : before_(word()) { set_word(odd); }
  ~Mode() { set_word(before_); }
  Mode(const Mode&) = delete;
  Mode& operator=(const Mode&) = delete;

 private:
  const unsigned before_;
};

using Bytes = std::vector<unsigned char>;
template <class T>
void add(Bytes& all, const T* values, size_t count) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(values);
  all.insert(all.end(), bytes, bytes + count * sizeof *values);
}
void add(Bytes& all, const Tensor& tensor) {
  add(all, tensor.bytes().data(), tensor.bytes().size());
}
void add(Bytes& all, const char* text) { add(all, text, std::strlen(text) + 1); }

nwr_sampler_options options_for(const char* name) {
  static const nwr_rng rng = {7, 3, 5};
  auto options = sized<nwr_sampler_options>();
  options.name = name, options.steps = 4, options.prediction = NWR_DATA;
  options.rngs = &rng, options.rng_count = 1;
  return options;
}

// Numbers of which many operations make or read denormals, and none is exact.
std::vector<double> awkward(double scale) {
  std::vector<double> out = numbers(64, 3);
  for (size_t i = 0; i < out.size(); ++i) out[i] *= i % 3 ? scale : 1.1;
  return out;
}

// The mode around every call of the library; numbers of the test itself are made in the default
// one.
unsigned around = kDefault;
template <class F>
auto in_mode(F&& call) {
  const Mode scope(around);
  auto result = call();
  EXPECT_EQ(around & kModeBits, mode());
  return result;
}
#  define IN_MODE(call) in_mode([&] { return call; })

// What each part of the library gives, as bytes. Makes everything anew.
Bytes coefficients() {
  Bytes all;
  for (const char* spec :
       {"cosine", "vp", "ve", "edm", "linear(latent=root,latent_scale=0.3)", "sdxl", "sd3", "flux",
        "ddpm(beta=squaredcos_cap_v2)", "torchebm.vp", "edm-rho", "polar"}) {
    auto how = sized<nwr_schedule_options>();
    how.name = spec;
    nwr_schedule* made = nullptr;
    if (IN_MODE(nwr_schedule_create(&how, &made)) != NWR_OK) {
      add(all, nwr_last_error());
      continue;
    }
    const Schedule schedule(made);
    auto info = sized<nwr_schedule_info>();
    IN_MODE(nwr_schedule_get_info(made, &info));
    add(all, info.spec);
    double times[12];
    for (const char* grid : {"uniform", "logsnr", "karras(rho=3)", "beta", "exponential"}) {
      auto options = sized<nwr_grid_options>();
      options.name = grid;
      if (IN_MODE(nwr_grid_fill(made, &options, times, 12)) == NWR_OK) {
        add(all, times, 12);
      } else {
        add(all, nwr_last_error());
      }
    }
    IN_MODE(nwr_grid_fill(made, nullptr, times, 12));
    nwr_coeffs c[12] = {};
    IN_MODE(nwr_schedule_eval(made, times, 12, c));
    add(all, c, 12);
    double lambdas[12], back[12] = {};
    for (int i = 0; i < 12; ++i) lambdas[i] = -3 + i / 3.0;
    IN_MODE(nwr_schedule_invert(made, lambdas, 12, back));
    add(all, back, 12);
    auto weight = sized<nwr_weight_options>();
    weight.name = "snr(power=0.7,plus=1e-310)";
    IN_MODE(nwr_schedule_weigh(made, &weight, times + 1, 9, back));
    add(all, back, 9);
    const nwr_quantity know[] = {NWR_STATE, NWR_NOISE};
    for (const nwr_quantity want : {NWR_DATA, NWR_VELOCITY, NWR_SCORE, NWR_DRIFT}) {
      double factors[2] = {};
      IN_MODE(nwr_transform_coeffs(made, times[5], 0.3, know, 2, want, factors));
      add(all, factors, 2);
    }
  }
  uint32_t first = 0;
  IN_MODE(nwr_grid_skip(NWR_STRENGTH_FLOOR, 10, 0.3, &first));
  add(all, &first, 1);
  return all;
}

Bytes passes() {
  Bytes all;
  const Context context = make_context(2);
  const Schedule schedule = make_schedule("vp");
  for (const nwr_dtype dtype : {NWR_F32, NWR_F64, NWR_F16, NWR_BF16}) {
    const double tiny = dtype == NWR_F64 ? 3e-308 : dtype == NWR_F16 ? 7e-5 : 1.4e-38;
    // Large enough for the pool's threads, too.
    Tensor x = Tensor(dtype, {8, 20011}).fill(awkward(tiny)), y = x, z = x;
    y.fill(awkward(tiny / 3));
    Tensor t(NWR_F64, {8}), wide(NWR_F64, {8, 20011}), narrow(NWR_F32, {8, 20011});
    const nwr_rng rngs[8] = {{1, 0, 0}, {2, 1, 0}, {3, 0, 2}, {4, 0, 0},
                             {5, 0, 0}, {6, 0, 0}, {7, 0, 0}, {8, 0, 0}};
    auto density = sized<nwr_density_options>();
    density.name = "logit-normal(mean=0.1)";
    IN_MODE(nwr_random_times(context.get(), schedule.get(), &density, rngs, 8, t));
    add(all, t);
    const nwr_operand know[] = {{NWR_STATE, 0, x}, {NWR_DATA, 0, y}};
    const nwr_operand want[] = {{NWR_NOISE, 0, z}, {NWR_VELOCITY, 0, narrow}};
    IN_MODE(nwr_transform_apply(context.get(), schedule.get(), t, nullptr, know, 2, want, 2));
    add(all, z), add(all, narrow);
    const nwr_operand data[] = {{NWR_DATA, 0, x}}, state[] = {{NWR_STATE, 0, z}};
    IN_MODE(nwr_transform_corrupt(context.get(), schedule.get(), t, NWR_NOISE, rngs, 8, data, 1,
                                  state, 1));
    add(all, z);
    const nwr_tensor* both[] = {x, y};
    const double factors[] = {0.7, 1.0 / 3};
    IN_MODE(nwr_tensor_combine(context.get(), factors, both, 2, z));
    add(all, z);
    IN_MODE(nwr_tensor_copy(context.get(), x, wide));
    IN_MODE(nwr_tensor_copy(context.get(), wide, narrow));
    add(all, wide), add(all, narrow);
    for (const char* name : {"philox", "torch-cpu", "torch-cuda", "brownian"}) {
      auto options = sized<nwr_random_options>();
      options.name = name, options.to_level = 1.3;
      nwr_rng own[8];
      std::copy(rngs, rngs + 8, own);
      IN_MODE(nwr_random_generate(context.get(), &options, own, 8, z));
      add(all, z), add(all, own, 8);
    }
  }
  return all;
}

Bytes runs() {
  Bytes all;
  const Context context = make_context(1);
  for (const char* spec : {"vp", "edm", "flux", "sdxl"}) {
    const Schedule schedule = make_schedule(spec);
    for (const char* name :
         {"euler", "dpmpp-2m", "unipc(order=3)", "sa-solver", "deis", "lms", "er-sde", "seeds-3",
          "edm(s_churn=20)", "dpmpp-2m(guidance=1.3,guidance_rescale=0.4)",
          "ddim(eta=0.4,threshold=0.9)", "dormand-prince"}) {
      const auto options = options_for(name);
      nwr_sampler* made = nullptr;
      if (IN_MODE(nwr_sampler_create(context.get(), schedule.get(), &options, &made)) != NWR_OK) {
        add(all, nwr_last_error());
        continue;
      }
      const Sampler run(made);
      Tensor x(NWR_F32, {2, 32});
      IN_MODE(nwr_sampler_start(made, x, NWR_START_PRIOR));
      Tensor y = Tensor(NWR_F32, {2, 32}).fill(awkward(1.2e-38));
      const nwr_tensor outputs[] = {y.view(), Tensor(y).view()};
      auto eval = sized<nwr_eval>();
      while (IN_MODE(nwr_sampler_next(made, &eval)) == NWR_OK) {
        add(all, &eval.t, 3);
        const nwr_tensor given[] = {outputs[0], outputs[0], outputs[0], outputs[0]};
        if (IN_MODE(nwr_sampler_step(made, x, given, eval.output_count)) != NWR_OK) break;
      }
      add(all, x);
      size_t size = 0;
      IN_MODE(nwr_sampler_save(made, nullptr, 0, &size));
      Bytes saved(size);
      IN_MODE(nwr_sampler_save(made, saved.data(), size, &size));
      nwr_sampler* loaded = nullptr;
      IN_MODE(nwr_sampler_load(context.get(), schedule.get(), saved.data(), size, &loaded));
      nwr_sampler_destroy(loaded);
      all.insert(all.end(), saved.begin(), saved.end());
    }
  }
  return all;
}

Bytes imports() {
  Bytes all;
  for (const char* text :
       {"DPM++ 2M Karras", "euler simple",
        R"({"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
            "beta_schedule": "scaled_linear", "num_train_timesteps": 1000})",
        R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.1})",
        R"({"_class_name": "EulerDiscreteScheduler", "beta_start": 4.9e-324, "beta_end": 0.1})"}) {
    nwr_schedule* made = nullptr;
    if (IN_MODE(nwr_schedule_import(text, nullptr, &made)) != NWR_OK) {
      add(all, nwr_last_error());
      continue;
    }
    const Schedule schedule(made);
    auto info = sized<nwr_schedule_info>();
    auto read = sized<nwr_import>();
    IN_MODE(nwr_schedule_get_info(made, &info));
    IN_MODE(nwr_schedule_get_import(made, &read));
    add(all, info.spec), add(all, read.grid), add(all, read.sampler);
    for (uint32_t i = 0; i < read.warning_count; ++i) add(all, read.warnings[i]);
    std::vector<double> times(read.steps + 1);
    auto grid = sized<nwr_grid_options>();
    grid.name = read.grid;
    IN_MODE(nwr_grid_fill(made, &grid, times.data(), times.size()));
    add(all, times.data(), times.size());
  }
  return all;
}

void check_modes(Bytes (*part)()) {
  const Bytes expected = part();
  ASSERT_GT(expected.size(), 1000u);
  for (const unsigned odd : kOdd) {
    around = odd;
    const Bytes found = part();
    around = kDefault;
    EXPECT_TRUE(expected == found) << std::hex << odd;
  }
}

TEST(FloatMode, ChangesNoCoefficient) { check_modes(coefficients); }
TEST(FloatMode, ChangesNoElement) { check_modes(passes); }
TEST(FloatMode, ChangesNoRun) { check_modes(runs); }
TEST(FloatMode, ChangesNoImport) { check_modes(imports); }

// Each callback notes the mode that it finds and leaves another one behind.
struct Host {
  std::vector<unsigned> seen;
  int note() {
    seen.push_back(mode());
    set_word(kLeftBehind);
    return 0;
  }
};

TEST(FloatMode, IsTheHostsInItsCallbacks) {
  for (const unsigned odd : {kDefault, kOdd[2], kOdd[3]}) {
    Host host;
    Bytes bits[2];
    for (const bool hostile : {false, true}) {
      const Mode scope(hostile ? odd : kDefault);
      auto where = sized<nwr_context_options>();
      where.threads = 1, where.user = &host;
      where.alloc = [](void* user, size_t bytes, size_t align, nwr_device, void*) {
        static_cast<Host*>(user)->note();
        return std::aligned_alloc(align, (bytes + align - 1) / align * align);
      };
      where.free = [](void* user, void* memory, size_t, nwr_device, void*) {
        static_cast<Host*>(user)->note();
        std::free(memory);
      };
      auto how = sized<nwr_schedule_options>();
      how.name = "custom", how.user = &host;
      how.coeffs = [](void* user, double t, nwr_coeffs* out) -> int32_t {
        static_cast<Host*>(user)->note();
        out->alpha = t, out->sigma = 1 - t;
        return 0;
      };
      how.release = [](void* user) { static_cast<Host*>(user)->note(); };
      nwr_context* context = nullptr;
      nwr_schedule* schedule = nullptr;
      nwr_sampler* sampler = nullptr;
      const auto back = [&](int call) {
        EXPECT_EQ(hostile ? odd : kDefault, mode()) << "after call " << call;
      };
      EXPECT_EQ(NWR_OK, nwr_context_create(&where, &context)), back(0);
      EXPECT_EQ(NWR_OK, nwr_schedule_create(&how, &schedule)), back(1);
      auto options = options_for("dpmpp-2m-sde");
      options.rngs = nullptr, options.rng_count = 0, options.user = &host;
      options.noise = [](void* user, uint64_t, const nwr_tensor* out) -> int32_t {
        std::fill_n(static_cast<float*>(out->data), 64, 0.3f);
        return static_cast<Host*>(user)->note();
      };
      options.release = how.release;
      EXPECT_EQ(NWR_OK, nwr_sampler_create(context, schedule, &options, &sampler)), back(2);
      Tensor x = Tensor(NWR_F32, {2, 32}).fill(awkward(1.3e-38));
      EXPECT_EQ(NWR_OK, nwr_sampler_start(sampler, x, NWR_START_DATA)), back(3);
      auto calls = sized<nwr_callbacks>();
      calls.user = &host;
      calls.model = [](void* user, const nwr_eval*, const nwr_tensor* now,
                       const nwr_tensor* out) -> int32_t {
        static_cast<Host*>(user)->note();
        std::memcpy(out->data, now->data, 64 * sizeof(float));
        // A callback may call the library itself.
        const double t = 0.5;
        nwr_coeffs c;
        const unsigned before = mode();
        const Schedule linear = make_schedule("linear");
        if (nwr_schedule_eval(linear.get(), &t, 1, &c) != NWR_OK) return -1;
        return mode() == before ? 0 : -2;
      };
      calls.progress = [](void* user, const nwr_eval*, const nwr_tensor*) -> int32_t {
        return static_cast<Host*>(user)->note();
      };
      EXPECT_EQ(NWR_OK, nwr_sampler_run(sampler, x, &calls)) << nwr_last_error();
      back(4);
      void* memory = nullptr;
      EXPECT_EQ(NWR_OK, nwr_memory_alloc(context, 64, &memory)), back(5);
      nwr_memory_free(context, memory), back(6);
      nwr_sampler_destroy(sampler), back(7);
      nwr_schedule_destroy(schedule), back(8);
      nwr_context_destroy(context), back(9);
      add(bits[hostile], x);
      EXPECT_GT(host.seen.size(), 20u);
      for (const unsigned seen : host.seen) EXPECT_EQ(hostile ? odd : kDefault, seen);
      host.seen.clear();
    }
    EXPECT_TRUE(bits[0] == bits[1]);
  }
}

// Else the tests above would pass without looking.
TEST(FloatMode, WouldChangeNumbers) {
  const volatile double tiny = 3e-308, third = 1.0 / 3, small = 1e-20;
  volatile double kept[2], changed[2];
  const auto work = [&](volatile double* out) { out[0] = tiny * third, out[1] = third + small; };
  work(kept);
  {
    const Mode scope(kFlushingUp);
    work(changed);
  }
  EXPECT_NE(kept[0], changed[0]);
  EXPECT_NE(kept[1], changed[1]);
}
#endif

// ---- special numbers ----------------------------------------------------------------------------

// What is not finite goes through the algebra as IEEE 754 says, and stays in its own element.
TEST(Special, NumbersGoThroughElementByElement) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  const Context context = make_context(2);
  for (const nwr_dtype dtype : {NWR_F16, NWR_BF16, NWR_F32, NWR_F64}) {
    const double least = dtype == NWR_F64   ? 5e-324
                         : dtype == NWR_F16 ? std::ldexp(1.0, -24)
                         : dtype == NWR_F32 ? std::ldexp(1.0, -149)
                                            : std::ldexp(1.0, -133);
    const std::vector<double> specials = {0.0,   -0.0,   kInf,      -kInf, nan,
                                          least, -least, 2 * least, 1,     -2};
    for (const size_t width : {size_t{1}, size_t{997}}) {
      const size_t count = specials.size() * specials.size() * width;
      Tensor a(dtype, {static_cast<int64_t>(count)}), b = a, c = a;
      for (size_t i = 0; i < count; ++i) {
        a.set(i, 0), b.set(i, 0);
      }
      const auto put = [&](Tensor& tensor, size_t i, double value) {
        if (dtype == NWR_F16 || dtype == NWR_BF16) {
          const uint16_t top = dtype == NWR_F16 ? 0x7C00 : 0x7F80;
          uint16_t bits = std::isnan(value) ? static_cast<uint16_t>(top | 1) : top;
          if (std::isfinite(value)) bits = to_half(value, dtype);
          if (std::isinf(value) && value < 0) bits = static_cast<uint16_t>(bits | 0x8000);
          std::memcpy(const_cast<unsigned char*>(tensor.bytes().data()) + 2 * i, &bits, 2);
        } else {
          tensor.set(i, value);
        }
      };
      const auto get = [&](const Tensor& tensor, size_t i) {
        if (dtype != NWR_F16 && dtype != NWR_BF16) return tensor.get(i);
        uint16_t bits;
        std::memcpy(&bits, tensor.bytes().data() + 2 * i, 2);
        const uint16_t top = dtype == NWR_F16 ? 0x7C00 : 0x7F80;
        if ((bits & 0x7FFF) > top) return nan;
        if ((bits & 0x7FFF) == top) return bits & 0x8000 ? -kInf : kInf;
        return from_half(bits, dtype);
      };
      for (size_t i = 0; i < count; ++i) {
        put(a, i, specials[i / width % specials.size()]);
        put(b, i, specials[i / width / specials.size()]);
      }
      const nwr_tensor* inputs[] = {a, b};
      const double factors[] = {1, 1};
      NWR_ASSERT_OK(nwr_tensor_combine(context.get(), factors, inputs, 2, c));
      for (size_t i = 0; i < count; ++i) {
        const double x = specials[i / width % specials.size()];
        const double y = specials[i / width / specials.size()];
        const double found = get(c, i);
        // A denormal is less than half a unit of 1 and of -2.
        const double sum = std::fabs(x) >= 1 && std::fabs(y) < 1 && y != 0   ? x
                           : std::fabs(y) >= 1 && std::fabs(x) < 1 && x != 0 ? y
                                                                             : x + y;
        if (std::isnan(sum)) {
          EXPECT_TRUE(std::isnan(found)) << x << " + " << y;
        } else {
          EXPECT_EQ(sum, found) << x << " + " << y << " as " << std::hex << dtype;
          EXPECT_EQ(std::signbit(sum), std::signbit(found)) << x << " + " << y;
        }
      }
      // Another width: each goes through, or is rounded as the format says.
      Tensor wide(NWR_F64, {static_cast<int64_t>(count)});
      NWR_ASSERT_OK(nwr_tensor_copy(context.get(), a, wide));
      for (size_t i = 0; i < count; ++i) {
        const double x = specials[i / width % specials.size()];
        EXPECT_TRUE(std::isnan(x) ? std::isnan(wide.get(i)) : wide.get(i) == x) << x;
      }
    }
  }
}

// A run that meets them ends, and what is finite elsewhere keeps its bits.
TEST(Special, NumbersInOneSampleLeaveTheOthersAlone) {
  const Context context = make_context(1);
  const Schedule schedule = make_schedule("vp");
  const nwr_rng rngs[3] = {{1, 0, 0}, {2, 0, 0}, {3, 0, 0}};
  for (const char* name : kSamplers) {
    Tensor expected(NWR_F32, {3, 7});
    for (const double bad : {0.0, std::nan(""), 1e300, 1e-300}) {
      auto options = sized<nwr_sampler_options>();
      options.name = name, options.steps = 6, options.prediction = NWR_DATA;
      options.rngs = rngs, options.rng_count = 3;
      const Sampler run = make_sampler(context, schedule, options);
      Tensor x(NWR_F32, {3, 7}), y(NWR_F32, {3, 7});
      NWR_ASSERT_OK(nwr_sampler_start(run.get(), x, NWR_START_PRIOR));
      auto eval = sized<nwr_eval>();
      int steps = 0;
      while (nwr_sampler_next(run.get(), &eval) == NWR_OK) {
        for (size_t i = 0; i < 21; ++i) y.set(i, i >= 7 && i < 14 && bad != 0 ? bad : 0.25);
        NWR_ASSERT_OK(nwr_sampler_step(run.get(), x, y, 1));
        ASSERT_LT(++steps, 100);
      }
      if (bad == 0.0) expected = x;
      for (size_t i = 0; i < 21; ++i) {
        if (i >= 7 && i < 14) continue;
        EXPECT_EQ(expected.get(i), x.get(i)) << name << ", " << bad;
      }
    }
  }
}

}  // namespace
}  // namespace nwr_test
