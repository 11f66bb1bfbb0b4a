// SPDX-License-Identifier: Apache-2.0
// Owns the table of bad input: what every function answers, what it says, and that it has written
// nothing. Must not know what the functions compute.
#include <cstdio>
#include <fstream>
#include <functional>
#include <limits>
#include <regex>
#include <set>
#include <sstream>
#include <thread>
#include <tuple>

#include "api/support.hpp"

namespace nwr_test {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr int32_t kUnknown[] = {-1, 99, 73731, INT32_MIN, INT32_MAX};

template <class Enum>
Enum as(int64_t value) {
  return static_cast<Enum>(value);
}

// Everything that a failing call could write to. Compared byte by byte.
struct Slate {
  float x[64], y[64], z[64], w[64];
  double times[16], numbers[16];
  nwr_coeffs coeffs[4];
  nwr_entry entry;
  nwr_param_info param;
  nwr_schedule_info info;
  nwr_import import;
  nwr_eval eval;
  nwr_context* context;
  nwr_schedule* schedule;
  nwr_sampler* sampler;
  void* memory;
  size_t size;
  int32_t found;
  unsigned char bytes[64];
};

int32_t zero_model(void*, const nwr_eval*, const nwr_tensor*, const nwr_tensor* out) {
  std::memset(out->data, 0, sizeof(float) * 12);
  return 0;
}

// A fresh set of valid arguments for each row; the row spoils one of them.
class World {
 public:
  World() : schedule(make_schedule("linear")) {
    std::memset(&slate, 0xA5, sizeof slate);
    for (size_t i = 0; i < 64; ++i) {
      slate.x[i] = static_cast<float>(i) / 8;
      slate.y[i] = slate.z[i] = slate.w[i] = 0.5f;
    }
    for (double& time : slate.times) time = 0.5;
    for (double& number : slate.numbers) number = 0.5;
    slate.entry.struct_size = sizeof slate.entry;
    slate.param.struct_size = sizeof slate.param;
    slate.info.struct_size = sizeof slate.info;
    slate.eval.struct_size = sizeof slate.eval;
    x = view(slate.x), y = view(slate.y), z = view(slate.z);
    t.data = slate.times;
    t.device = NWR_CPU;
    t.ndim = 1;
    t.dtype = NWR_F64;
    t.shape = extents;
    know[0] = {NWR_STATE, 0, &x}, know[1] = {NWR_VELOCITY, 0, &y};
    want[0] = {NWR_DATA, 0, &z};
    clean[0] = {NWR_DATA, 0, &x}, noisy[0] = {NWR_STATE, 0, &z};
    options.kind = NWR_SAMPLER_EULER;
    options.steps = 4;
    callbacks.model = zero_model;
    make();
    start();
    freeze();
  }

  // What must not change from here on.
  void freeze() {
    std::memcpy(&frozen_, &slate, sizeof slate);
    saved_ = save();
  }
  bool unchanged() const { return std::memcmp(&frozen_, &slate, sizeof slate) == 0; }
  bool sampler_unchanged() const { return saved_ == save(); }

  void use(const char* spec) { schedule = make_schedule(spec); }
  void make() { run = make_sampler(context, schedule, options); }
  void start() { NWR_EXPECT_OK(nwr_sampler_start(run.get(), &x, NWR_START_STATE)); }
  void step() { NWR_EXPECT_OK(nwr_sampler_step(run.get(), &x, &y, 1)); }
  nwr_status create() {
    freeze();
    return nwr_sampler_create(context.get(), schedule.get(), &options, &slate.sampler);
  }
  nwr_status create_schedule(const nwr_schedule_options& o) {
    return nwr_schedule_create(&o, &slate.schedule);
  }
  nwr_status fill_grid(const nwr_grid_options& o, size_t count = 5) {
    return nwr_grid_fill(schedule.get(), &o, slate.numbers, count);
  }
  nwr_status transform(size_t inputs = 2, size_t outputs = 1) {
    return nwr_transform_apply(context.get(), schedule.get(), &t, diffusion, know, inputs, want,
                               outputs);
  }
  nwr_status corrupt(size_t inputs = 1, size_t outputs = 1, nwr_quantity drawn = NWR_NOISE,
                     size_t rng_count = 1) {
    return nwr_transform_corrupt(context.get(), schedule.get(), &t, drawn, rngs, rng_count, clean,
                                 inputs, noisy, outputs);
  }
  nwr_status generate(const nwr_random_options* o, size_t rng_count, const nwr_tensor* out) {
    std::vector<nwr_rng> own(std::begin(rngs), std::end(rngs));
    return nwr_random_generate(context.get(), o, own.data(), rng_count, out);
  }
  nwr_status random_times(const nwr_density_options* o, size_t rng_count = 1) {
    return nwr_random_times(context.get(), schedule.get(), o, rngs, rng_count, &x);
  }
  nwr_status draw_times(const char* density) {
    auto o = sized<nwr_density_options>();
    o.name = density;
    return random_times(&o);
  }
  nwr_status weigh(const nwr_weight_options* o, std::vector<double> at = {0.25, 0.5}) {
    return nwr_schedule_weigh(schedule.get(), o, at.data(), at.size(), slate.numbers);
  }
  nwr_status weigh(const char* weight, std::vector<double> at) {
    auto o = sized<nwr_weight_options>();
    o.name = weight;
    return weigh(&o, std::move(at));
  }
  nwr_status coefficients(double time, double w2, std::vector<nwr_quantity> from, nwr_quantity to) {
    return nwr_transform_coeffs(schedule.get(), time, w2, from.data(), from.size(), to,
                                slate.numbers);
  }
  std::vector<unsigned char> save() const {
    size_t size = 0;
    if (!run || nwr_sampler_save(run.get(), nullptr, 0, &size) != NWR_OK) return {};
    std::vector<unsigned char> bytes(size);
    NWR_EXPECT_OK(nwr_sampler_save(run.get(), bytes.data(), size, &size));
    return bytes;
  }
  nwr_status load(const std::vector<unsigned char>& bytes) {
    return nwr_sampler_load(context.get(), schedule.get(), bytes.data(), bytes.size(),
                            &slate.sampler);
  }
  nwr_tensor view(float* data) const {
    nwr_tensor tensor{};
    tensor.data = data;
    tensor.device = NWR_CPU;
    tensor.ndim = 2;
    tensor.dtype = NWR_F32;
    tensor.shape = extents;
    return tensor;
  }

  Slate slate;
  Context context = make_context();
  Schedule schedule;
  Sampler run;
  int64_t extents[2] = {4, 3};
  nwr_tensor x, y, z, t{};
  const nwr_tensor* diffusion = nullptr;
  nwr_operand know[9] = {}, want[9] = {};    // of apply
  nwr_operand clean[9] = {}, noisy[9] = {};  // of corrupt
  nwr_sampler_options options = sized<nwr_sampler_options>();
  nwr_callbacks callbacks = sized<nwr_callbacks>();
  nwr_rng rngs[4] = {{1, 0, 0}, {1, 1, 0}, {1, 2, 0}, {1, 3, 0}};
  const double* factors = slate.times;
  // For rows that bend a tensor.
  nwr_tensor bent{};
  int64_t shape[17] = {}, strides[17] = {};

 private:
  Slate frozen_;
  std::vector<unsigned char> saved_;
};

struct Row {
  std::string what;  // begins with the function's name without nwr_
  nwr_status expected;
  std::vector<std::string> says;
  std::function<nwr_status(World&)> call;
};
using Rows = std::vector<Row>;

constexpr nwr_status kBad = NWR_ERROR_INVALID_ARGUMENT;
constexpr nwr_status kState = NWR_ERROR_INVALID_STATE;
constexpr nwr_status kAbsent = NWR_ERROR_NOT_FOUND;
constexpr nwr_status kNotYet = NWR_ERROR_UNSUPPORTED;

// ---- tensors: every way to spoil one, in every place that takes one -----------------------------

struct Slot {
  const char* function;
  const char* name;  // as messages have it
  bool written, is_time, fixed_shape, by_pointer, may_be_null;
  std::function<nwr_status(World&, const nwr_tensor*)> call;
};

std::vector<Slot> slots() {
  return {{"tensor_copy", "from", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) { return nwr_tensor_copy(w.context.get(), v, &w.y); }},
          {"tensor_copy", "to", true, false, true, true, false,
           [](World& w, const nwr_tensor* v) { return nwr_tensor_copy(w.context.get(), &w.y, v); }},
          {"random_fill", "out", true, false, false, true, false,
           [](World& w, const nwr_tensor* v) {
             return nwr_random_fill(w.context.get(), NWR_NORMAL, w.rngs, 1, v);
           }},
          {"random_generate", "out", true, false, false, true, false,
           [](World& w, const nwr_tensor* v) { return w.generate(nullptr, 1, v); }},
          {"random_times", "out", true, false, false, true, false,
           [](World& w, const nwr_tensor* v) {
             return nwr_random_times(w.context.get(), w.schedule.get(), nullptr, w.rngs, 1, v);
           }},
          {"transform_corrupt", "t", false, true, true, true, false,
           [](World& w, const nwr_tensor* v) {
             return nwr_transform_corrupt(w.context.get(), w.schedule.get(), v, NWR_NOISE, w.rngs,
                                          1, w.clean, 1, w.noisy, 1);
           }},
          {"transform_corrupt", "inputs[0].tensor", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             w.clean[0].tensor = v;
             return w.corrupt();
           }},
          {"transform_corrupt", "inputs[1].tensor", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             w.clean[0].tensor = &w.y;
             w.clean[1] = {NWR_ANGULAR, 0, v};
             return w.corrupt(2);
           }},
          {"transform_corrupt", "outputs[0].tensor", true, false, false, true, false,
           [](World& w, const nwr_tensor* v) {
             w.clean[0].tensor = &w.y;
             w.noisy[0].tensor = v;
             return w.corrupt();
           }},
          {"transform_corrupt", "outputs[1].tensor", true, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             w.clean[0].tensor = &w.y;
             w.noisy[1] = {NWR_NOISE, 0, v};
             return w.corrupt(1, 2);
           }},
          {"transform_apply", "t", false, true, true, true, false,
           [](World& w, const nwr_tensor* v) {
             return nwr_transform_apply(w.context.get(), w.schedule.get(), v, nullptr, w.know, 2,
                                        w.want, 1);
           }},
          {"transform_apply", "diffusion", false, true, true, true, true,
           [](World& w, const nwr_tensor* v) {
             w.diffusion = v;
             return w.transform();
           }},
          {"transform_apply", "inputs[0].tensor", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             w.know[0].tensor = v;
             return w.transform();
           }},
          {"transform_apply", "inputs[1].tensor", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             w.know[0].tensor = &w.y;
             w.know[1].tensor = v;
             return w.transform();
           }},
          {"transform_apply", "outputs[0].tensor", true, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             w.know[0].tensor = &w.y;
             w.want[0].tensor = v;
             return w.transform();
           }},
          {"transform_apply", "outputs[1].tensor", true, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             w.know[0].tensor = &w.y;
             w.want[1] = {NWR_NOISE, 0, v};
             return w.transform(2, 2);
           }},
          {"tensor_combine", "inputs[0]", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             const nwr_tensor* inputs[] = {v, &w.y};
             return nwr_tensor_combine(w.context.get(), w.factors, inputs, 2, &w.z);
           }},
          {"tensor_combine", "inputs[1]", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             const nwr_tensor* inputs[] = {&w.y, v};
             return nwr_tensor_combine(w.context.get(), w.factors, inputs, 2, &w.z);
           }},
          {"tensor_combine", "out", true, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             const nwr_tensor* inputs[] = {&w.y};
             return nwr_tensor_combine(w.context.get(), w.factors, inputs, 1, v);
           }},
          {"tensor_blend", "x", true, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             return nwr_tensor_blend(w.context.get(), v, &w.y, &w.z);
           }},
          {"tensor_blend", "other", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             return nwr_tensor_blend(w.context.get(), &w.x, v, &w.z);
           }},
          {"tensor_blend", "mask", false, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             return nwr_tensor_blend(w.context.get(), &w.x, &w.y, v);
           }},
          {"sampler_start", "x", true, false, false, true, false,
           [](World& w, const nwr_tensor* v) {
             return nwr_sampler_start(w.run.get(), v, NWR_START_STATE);
           }},
          {"sampler_step", "x", true, false, true, true, false,
           [](World& w, const nwr_tensor* v) { return nwr_sampler_step(w.run.get(), v, &w.y, 1); }},
          {"sampler_step", "outputs[0]", false, false, true, false, false,
           [](World& w, const nwr_tensor* v) { return nwr_sampler_step(w.run.get(), &w.y, v, 1); }},
          {"sampler_step", "outputs[1]", false, false, true, false, false,
           [](World& w, const nwr_tensor* v) {
             w.options.name = "euler(guidance=2)";
             w.make(), w.start(), w.freeze();
             const nwr_tensor outputs[] = {w.y, *v};
             return nwr_sampler_step(w.run.get(), &w.z, outputs, 2);
           }},
          {"sampler_denoised", "out", true, false, true, true, false,
           [](World& w, const nwr_tensor* v) {
             w.options.flags = NWR_SAMPLER_KEEP_DENOISED;
             w.make();
             nwr_tensor other = w.view(w.slate.w);
             NWR_EXPECT_OK(nwr_sampler_start(w.run.get(), &other, NWR_START_STATE));
             NWR_EXPECT_OK(nwr_sampler_step(w.run.get(), &other, &w.y, 1));
             w.freeze();
             return nwr_sampler_denoised(w.run.get(), v);
           }},
          {"sampler_run", "x", true, false, true, true, false, [](World& w, const nwr_tensor* v) {
             return nwr_sampler_run(w.run.get(), v, &w.callbacks);
           }}};
}

enum Where : unsigned { kReads = 1, kWrites = 2, kTimes = 4, kFixed = 8 };

struct Bend {
  const char* what;
  unsigned where;  // slots that it spoils
  nwr_status expected;
  std::vector<std::string> says;  // a leading '.' or ':' follows the slot's name
  std::function<void(World&, nwr_tensor&)> spoil;
};

std::function<void(World&, nwr_tensor&)> reshape(std::vector<int64_t> shape,
                                                 std::vector<int64_t> strides = {}) {
  return [=](World& w, nwr_tensor& v) {
    std::copy(shape.begin(), shape.end(), w.shape);
    std::copy(strides.begin(), strides.end(), w.strides);
    v.ndim = static_cast<int32_t>(shape.size());
    v.shape = w.shape;
    v.strides = strides.empty() ? nullptr : w.strides;
  };
}
std::function<void(World&, nwr_tensor&)> set_dtype(int64_t dtype) {
  return [=](World&, nwr_tensor& v) { v.dtype = as<nwr_dtype>(dtype); };
}
std::function<void(World&, nwr_tensor&)> set_ndim(int32_t ndim) {
  return [=](World& w, nwr_tensor& v) {
    v.ndim = ndim;
    v.shape = w.shape;
  };
}

std::vector<Bend> bends() {
  constexpr unsigned kAny = kReads | kWrites | kTimes, kData = kReads | kWrites;
  constexpr int64_t kWide = int64_t{1} << 40, kFar = int64_t{1} << 61;
  std::vector<Bend> all = {
      {"data NULL", kAny, kBad, {".data is NULL"}, [](World&, nwr_tensor& v) { v.data = nullptr; }},
      {"on CUDA",
       kAny,
       kBad,
       {".device is cuda", "cpu"},
       [](World&, nwr_tensor& v) { v.device = NWR_CUDA; }},
      {"i64", kAny, kNotYet, {"i64"}, set_dtype(NWR_I64)},
      {"times in f16", kTimes, kNotYet, {".dtype is f16"}, set_dtype(NWR_F16)},
      {"times in bf16", kTimes, kNotYet, {".dtype is bf16"}, set_dtype(NWR_BF16)},
      {"ndim -1", kAny, kBad, {".ndim is -1"}, set_ndim(-1)},
      {"ndim 17", kAny, kBad, {".ndim is 17", "16"}, set_ndim(17)},
      {"ndim least", kAny, kBad, {".ndim is -2147483648"}, set_ndim(INT32_MIN)},
      {"ndim most", kAny, kBad, {".ndim is 2147483647"}, set_ndim(INT32_MAX)},
      {"shape NULL",
       kAny,
       kBad,
       {".shape is NULL"},
       [](World&, nwr_tensor& v) { v.shape = nullptr; }},
      {"zero extent", kAny, kBad, {": shape [4,0]"}, reshape({4, 0})},
      {"zero batch", kAny, kBad, {": shape [0,3]"}, reshape({0, 3})},
      {"negative extent", kAny, kBad, {": shape [-4,3]"}, reshape({-4, 3})},
      {"least extent", kAny, kBad, {": shape [-9223372036854775808]"}, reshape({INT64_MIN})},
      {"most extent",
       kAny,
       kBad,
       {": shape [9223372036854775807]", "memory"},
       reshape({INT64_MAX})},
      {"product overflows", kAny, kBad, {"memory"}, reshape({kWide, kWide})},
      {"product wraps to 0", kAny, kBad, {"memory"}, reshape({int64_t{1} << 32, int64_t{1} << 32})},
      {"stride overflows", kAny, kBad, {"memory"}, reshape({4, 3}, {kFar, 1})},
      {"strides add up",
       kAny,
       kBad,
       {"memory"},
       reshape({2, 2, 2, 2, 2}, {kFar / 8, kFar / 8, kFar / 8, kFar / 8, kFar / 8})},
      {"negative stride overflows", kAny, kBad, {"memory"}, reshape({4, 3}, {-kFar, 1})},
      {"least stride", kAny, kBad, {"memory"}, reshape({4, 3}, {INT64_MIN, 1})},
      {"byte_offset wraps",
       kAny,
       kBad,
       {".byte_offset is 18446744073709551600"},
       [](World&, nwr_tensor& v) { v.byte_offset = UINT64_MAX - 15; }},
      {"stride 0", kWrites, kBad, {": two of its elements"}, reshape({4, 3}, {3, 0})},
      {"batch stride 0", kWrites, kBad, {": two of its elements"}, reshape({4, 3}, {0, 1})},
      {"rows overlap", kWrites, kBad, {": two of its elements"}, reshape({4, 3}, {2, 1})},
      {"rows overlap backwards",
       kWrites,
       kBad,
       {": two of its elements"},
       reshape({4, 3}, {-2, 1})},
      {"shape [4,2]", kData | kFixed, kBad, {"[4,2]", "[4,3]"}, reshape({4, 2})},
      {"shape [3,4]", kData | kFixed, kBad, {"[3,4]", "[4,3]"}, reshape({3, 4})},
      {"shape [12]", kData | kFixed, kBad, {"[12]", "[4,3]"}, reshape({12})},
      {"shape [4,3,1]", kData | kFixed, kBad, {"[4,3,1]", "[4,3]"}, reshape({4, 3, 1})},
      {"shape [3] of times", kTimes, kBad, {": shape [3]", "4 samples"}, reshape({3})},
      {"shape [4,3] of times", kTimes, kBad, {": shape [4,3]", "4 samples"}, reshape({4, 3})},
      {"nan",
       kTimes,
       kBad,
       {"[2] is nan"},
       [](World&, nwr_tensor& v) { static_cast<double*>(v.data)[2] = kNan; }},
      {"inf", kTimes, kBad, {"[3] is inf"}, [](World&, nwr_tensor& v) {
         static_cast<double*>(v.data)[3] = kInf;
       }}};
  for (const int32_t value : {0, 4, 7, -1, INT32_MIN, INT32_MAX}) {
    all.push_back({"device unknown",
                   kAny,
                   kBad,
                   {".device is " + std::to_string(value)},
                   [=](World&, nwr_tensor& v) { v.device = as<nwr_device>(value); }});
  }
  for (const int32_t value : {0, 1, 2, 0x00012003, 0x00012000, 0x00022002, -1, INT32_MIN}) {
    all.push_back(
        {"dtype unknown", kAny, kBad, {".dtype is " + std::to_string(value)}, set_dtype(value)});
  }
  return all;
}

void add_tensors(Rows& rows) {
  for (const Slot& slot : slots()) {
    const std::string place = std::string(slot.function) + ", " + slot.name;
    if (slot.by_pointer && !slot.may_be_null) {
      rows.push_back({place + ": NULL", kBad, {std::string(slot.name) + " is NULL"}, [=](World& w) {
                        return slot.call(w, nullptr);
                      }});
    }
    for (const Bend& bend : bends()) {
      const unsigned kind = slot.is_time ? kTimes : slot.written ? kWrites : kReads;
      if ((bend.where & kind) == 0 || ((bend.where & kFixed) != 0 && !slot.fixed_shape)) continue;
      Row row{place + ": " + bend.what + " " + bend.says[0], bend.expected, {}, {}};
      for (const std::string& part : bend.says) {
        const bool joined = part[0] == '.' || part[0] == ':' || part.find("] is") == 2;
        row.says.push_back(joined ? slot.name + part : part);
      }
      row.says.push_back(slot.name);
      row.call = [=](World& w) {
        w.bent = slot.is_time ? w.t : w.x;
        if (slot.may_be_null) w.bent.data = w.slate.numbers;
        bend.spoil(w, w.bent);
        w.freeze();
        return slot.call(w, &w.bent);
      };
      rows.push_back(row);
    }
  }
}

void add_overlaps(Rows& rows) {
  const auto shifted = [](World& w) {
    w.bent = w.x;
    w.bent.byte_offset = 4;
    return &w.bent;
  };
  const auto narrow = [](World& w) {  // the same bytes, other numbers
    w.bent = w.x;
    w.bent.dtype = NWR_F16;
    return &w.bent;
  };
  const auto turned = [](World& w) {  // the same place, other strides
    w.bent = w.x;
    w.strides[0] = 1, w.strides[1] = 4;
    w.bent.strides = w.strides;
    return &w.bent;
  };
  using Twist = std::function<const nwr_tensor*(World&)>;
  const std::pair<const char*, Twist> twists[] = {
      {"shifted", shifted}, {"narrow", narrow}, {"turned", turned}};
  for (const auto& [name, twist] : twists) {
    const std::string how = std::string(" overlaps, ") + name;
    const Twist twisted = twist;
    rows.push_back({"tensor_copy: to" + how, kBad, {"to overlaps from"}, [=](World& w) {
                      return nwr_tensor_copy(w.context.get(), twisted(w), &w.x);
                    }});
    rows.push_back({"transform_apply: output and input" + how,
                    kBad,
                    {"outputs[0].tensor overlaps inputs[1].tensor"},
                    [=](World& w) {
                      w.know[0].tensor = &w.y;
                      w.know[1].tensor = twisted(w);
                      w.want[0].tensor = &w.x;
                      return w.transform();
                    }});
    rows.push_back({"transform_apply: outputs among themselves" + how,
                    kBad,
                    {"outputs[1].tensor overlaps outputs[0].tensor"},
                    [=](World& w) {
                      w.know[0].tensor = &w.y;
                      w.want[0].tensor = &w.x;
                      w.want[1] = {NWR_NOISE, 0, twisted(w)};
                      return w.transform(2, 2);
                    }});
    rows.push_back({"transform_corrupt: output and input" + how,
                    kBad,
                    {"outputs[0].tensor overlaps inputs[0].tensor"},
                    [=](World& w) {
                      w.clean[0].tensor = twisted(w);
                      w.noisy[0].tensor = &w.x;
                      return w.corrupt();
                    }});
    rows.push_back({"transform_corrupt: outputs among themselves" + how,
                    kBad,
                    {"outputs[1].tensor overlaps outputs[0].tensor"},
                    [=](World& w) {
                      w.clean[0].tensor = &w.y;
                      w.noisy[0].tensor = &w.x;
                      w.noisy[1] = {NWR_NOISE, 0, twisted(w)};
                      return w.corrupt(1, 2);
                    }});
    rows.push_back({"tensor_combine: out" + how, kBad, {"out overlaps inputs[1]"}, [=](World& w) {
                      const nwr_tensor* inputs[] = {&w.y, twisted(w)};
                      return nwr_tensor_combine(w.context.get(), w.factors, inputs, 2, &w.x);
                    }});
    rows.push_back({"tensor_blend: x" + how, kBad, {"x overlaps mask"}, [=](World& w) {
                      return nwr_tensor_blend(w.context.get(), &w.x, &w.y, twisted(w));
                    }});
    rows.push_back({"sampler_step: output" + how, kBad, {"x overlaps outputs[0]"}, [=](World& w) {
                      return nwr_sampler_step(w.run.get(), &w.x, twisted(w), 1);
                    }});
  }
  rows.push_back({"transform_apply: one view for two outputs",
                  kBad,
                  {"outputs[1].tensor overlaps outputs[0].tensor"},
                  [](World& w) {
                    w.want[1] = {NWR_NOISE, 0, w.want[0].tensor};
                    return w.transform(2, 2);
                  }});
  rows.push_back({"transform_apply: a stretched input inside an output",
                  kBad,
                  {"outputs[0].tensor overlaps inputs[0].tensor"},
                  [](World& w) {
                    w.bent = w.z;
                    w.bent.ndim = 0;
                    w.know[0].tensor = &w.bent;
                    return w.transform();
                  }});
}

// ---- names, settings and specs ------------------------------------------------------------------

struct Named {
  const char* function;
  const char *name, *key;  // a valid name and one of its settings
  double beyond;           // a value that the setting cannot have
  const char* known;       // part of the list of names
  std::function<nwr_status(World&, const char*, const nwr_param*, uint32_t)> create;
  std::function<nwr_status(World&, int32_t)> by_kind;
};

std::vector<Named> named() {
  return {
      {"schedule_create", "vp", "beta_min", -1, "linear, trigonometric, cosine, vp, ve, power, edm",
       [](World& w, const char* name, const nwr_param* params, uint32_t count) {
         auto o = sized<nwr_schedule_options>();
         o.name = name, o.params = params, o.param_count = count;
         return w.create_schedule(o);
       },
       [](World& w, int32_t kind) {
         auto o = sized<nwr_schedule_options>();
         o.kind = as<nwr_schedule_kind>(kind);
         return w.create_schedule(o);
       }},
      {"grid_fill", "karras", "rho", 0, "uniform, logsnr, karras, exponential, leading, trailing",
       [](World& w, const char* name, const nwr_param* params, uint32_t count) {
         auto o = sized<nwr_grid_options>();
         o.name = name, o.params = params, o.param_count = count;
         return w.fill_grid(o);
       },
       [](World& w, int32_t kind) {
         auto o = sized<nwr_grid_options>();
         o.kind = as<nwr_grid_kind>(kind);
         return w.fill_grid(o);
       }},
      {"schedule_weigh", "snr", "power", 9,
       "diffusion, snr, edm, velocity, likelihood, signal, eqm",
       [](World& w, const char* name, const nwr_param* params, uint32_t count) {
         auto o = sized<nwr_weight_options>();
         o.name = name, o.params = params, o.param_count = count;
         return w.weigh(&o);
       },
       [](World& w, int32_t kind) {
         auto o = sized<nwr_weight_options>();
         o.kind = as<nwr_weight_kind>(kind);
         return w.weigh(&o);
       }},
      {"random_times", "log-normal", "std", 0, "uniform, logit-normal, log-normal, log-uniform",
       [](World& w, const char* name, const nwr_param* params, uint32_t count) {
         auto o = sized<nwr_density_options>();
         o.name = name, o.params = params, o.param_count = count;
         return w.random_times(&o);
       },
       [](World& w, int32_t kind) {
         auto o = sized<nwr_density_options>();
         o.kind = as<nwr_density_kind>(kind);
         return w.random_times(&o);
       }},
      {"sampler_create", "ddim", "eta", -0.5, "euler, heun, ddim, ddpm, dpmpp-2m",
       [](World& w, const char* name, const nwr_param* params, uint32_t count) {
         w.options.name = name, w.options.params = params, w.options.param_count = count;
         return w.create();
       },
       [](World& w, int32_t kind) {
         w.options.kind = as<nwr_sampler_kind>(kind);
         return w.create();
       }}};
}

std::string replace(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

void add_names(Rows& rows) {
  // N stands for a valid name, K for one of its settings.
  const std::pair<const char*, const char*> malformed[] = {
      {"", "does not begin with a name"},
      {"  ", "does not begin with a name"},
      {"(", "does not begin with a name"},
      {"()", "does not begin with a name"},
      {"(K=1)", "does not begin with a name"},
      {"N N", "does not begin with a name"},
      {"N)", "does not begin with a name"},
      {"N=1", "does not begin with a name"},
      {"N,N", "does not begin with a name"},
      {"N\n", "does not begin with a name"},
      {"\xff\xfe", "does not begin with a name"},
      {"N(", "does not end with ')'"},
      {"N(K=1", "does not end with ')'"},
      {"N(K=1)x", "does not end with ')'"},
      {"N(K=1),", "does not end with ')'"},
      {"N(K)", "is not key=value"},
      {"N(,)", "is not key=value"},
      {"N(=)", "is not key=value"},
      {"N(=1)", "is not key=value"},
      {"N(K=)", "is not key=value"},
      {"N(K=1,)", "is not key=value"},
      {"N(,K=1)", "is not key=value"},
      {"N(K==1)", "is not key=value"},
      {"N(K=1=2)", "is not key=value"},
      {"N(K=1,5)", "'5'"},
      {"N(K=(1))", "is not key=value"},
      {"N(K=1))", "is not key=value"},
      {"N(K='1')", "is not key=value"},
      {"N(K =1 2)", "is not key=value"},
      {"N(K\n=1)", "is not key=value"}};
  const char* const not_numbers[] = {"x",  "1x",    "0x1",   "--1", "+1",
                                     "1e", "1.5.2", "1e999", "one", "."};
  for (const Named& n : named()) {
    const std::string function = n.function;
    const auto fill_in = [&](std::string text) {
      return replace(replace(text, "N", n.name), "K", n.key);
    };
    const auto add = [&](const std::string& what, nwr_status status, std::vector<std::string> says,
                         const std::string& spec, std::vector<nwr_param> params = {}) {
      rows.push_back({function + ": " + what, status, std::move(says), [=](World& w) {
                        return n.create(w, spec.c_str(), params.empty() ? nullptr : params.data(),
                                        static_cast<uint32_t>(params.size()));
                      }});
    };
    for (const auto& [spec, why] : malformed) {
      add("spec '" + fill_in(spec) + "'", kBad, {"options.name", why}, fill_in(spec));
    }
    for (const char* number : not_numbers) {
      add(std::string("setting is ") + number, kBad,
          {n.name, n.key, std::string("'") + number + "'", "not a number"},
          fill_in("N(K=") + number + ")");
    }
    for (const char* number : {"nan", "-nan", "inf", "-inf"}) {
      add(std::string("setting is ") + number, kBad, {n.name, n.key, number, "outside"},
          fill_in("N(K=") + number + ")");
    }
    for (const double value : {n.beyond, kNan, kInf, -kInf}) {
      const std::string text = std::isnan(value) ? "nan" : std::isinf(value) ? "inf" : "outside";
      add("parameter is " + std::to_string(value), kBad, {n.name, n.key, text, "outside"}, n.name,
          {{n.key, value}});
    }
    for (const char* name : {"no-such", "NN", "n"}) {
      add(std::string("unknown name ") + name, kAbsent,
          {"options.name", std::string("'") + name + "'", n.known}, name);
    }
    add("unknown setting", kAbsent, {n.name, "'colour'", n.key}, fill_in("N(colour=1)"));
    add("unknown parameter", kAbsent, {n.name, "'colour'", n.key}, n.name, {{"colour", 1}});
    add("empty parameter", kAbsent, {n.name, "''", n.key}, n.name, {{"", 1}});
    add("parameter without a name", kBad, {"params[1].name is NULL"}, n.name,
        {{n.key, 1}, {nullptr, 1}});
    add("setting twice", kBad, {n.key, "twice"}, fill_in("N(K=1,K=1)"));
    add("parameter twice", kBad, {n.key, "twice"}, n.name, {{n.key, 1}, {n.key, 1}});
    add("setting and parameter", kBad, {n.key, "twice"}, fill_in("N(K=1)"), {{n.key, 1}});
    rows.push_back(
        {function + ": params NULL", kBad, {"params is NULL", "param_count is 2"}, [=](World& w) {
           return n.create(w, n.name, nullptr, 2);
         }});
    for (const int32_t kind : kUnknown) {
      rows.push_back({function + ": kind " + std::to_string(kind),
                      kBad,
                      {"options.kind is " + std::to_string(kind)},
                      [=](World& w) { return n.by_kind(w, kind); }});
    }
  }
  const auto sampler = [&](const char* spec, nwr_status status, std::vector<std::string> says) {
    rows.push_back({std::string("sampler_create: spec '") + spec + "'", status, std::move(says),
                    [=](World& w) {
                      w.options.name = spec;
                      return w.create();
                    }});
  };
  sampler("ddpm(variance=medium)", kBad, {"variance", "'medium'", "small,large"});
  sampler("ddpm(variance=0.5)", kBad, {"variance is 0.5"});
  sampler("ddpm(variance=3)", kBad, {"variance is 3"});
  sampler("euler(unit_input=maybe)", kBad, {"unit_input", "'maybe'", "no,yes"});
  sampler("euler(guidance=1e7)", kBad, {"guidance is 1e+07"});
  sampler("euler(last_step=mean)", kBad, {"last_step", "'mean'", "data,plain"});
  sampler("heun(space=lambda)", kBad, {"space", "'lambda'", "t,sigma"});
  sampler("edm(solver=rk4)", kBad, {"solver", "'rk4'", "euler,heun"});
  sampler("edm(s_churn=-1)", kBad, {"s_churn is -1", "outside 0 to"});
  sampler("edm(s_noise=0)", kBad, {"s_noise is 0", "outside 1e-06 to"});
  sampler("euler-maruyama(diffusion=brownian)", kBad, {"'brownian'", "none,reverse,constant"});
  sampler("euler-maruyama(norm=-1)", kBad, {"norm is -1"});
  sampler("euler-maruyama(last_step=data)", kBad, {"'data'", "auto,plain,mean,euler,tweedie"});
  sampler("stochastic-heun(noise=never)", kBad, {"noise", "'never'", "after,before,ahead"});
  sampler("ito(temperature=0)", kBad, {"temperature is 0"});
  sampler("pc(corrections=1.5)", kBad, {"corrections is 1.5"});
  sampler("pc(delta=2)", kBad, {"delta is 2", "outside 0 to 1"});
  sampler("zab(order=0)", kBad, {"order is 0", "outside 1 to 6"});
  sampler("zab(order=7)", kBad, {"order is 7", "outside 1 to 6"});
  sampler("zab(order=2.5)", kBad, {"order is 2.5"});
  sampler("dpmpp-2m(order=3)", kBad, {"order is 3", "outside 1 to 2"});
}

// ---- the rest, by function ----------------------------------------------------------------------

void add_catalog(Rows& rows) {
  for (const int32_t d : {-1, 14, 99, INT32_MIN, INT32_MAX}) {
    const std::string number = std::to_string(d);
    rows.push_back({"catalog_entry: domain " + number, kAbsent, {"domain", number}, [=](World& w) {
                      return nwr_catalog_entry(as<nwr_domain>(d), 0, &w.slate.entry);
                    }});
    rows.push_back({"catalog_param: domain " + number, kAbsent, {"domain", number}, [=](World& w) {
                      return nwr_catalog_param(as<nwr_domain>(d), 0, 0, &w.slate.param);
                    }});
    rows.push_back({"catalog_find: domain " + number, kAbsent, {"domain", number}, [=](World& w) {
                      return nwr_catalog_find(as<nwr_domain>(d), "euler", &w.slate.found);
                    }});
  }
  for (const size_t index : {nwr_catalog_size(NWR_DOMAIN_SAMPLER), SIZE_MAX}) {
    const std::string number = std::to_string(index);
    rows.push_back(
        {"catalog_entry: index " + number,
         kAbsent,
         {"index is " + number, "sampler"},
         [=](World& w) { return nwr_catalog_entry(NWR_DOMAIN_SAMPLER, index, &w.slate.entry); }});
    rows.push_back({"catalog_param: index " + number,
                    kAbsent,
                    {"index is " + number, "sampler"},
                    [=](World& w) {
                      return nwr_catalog_param(NWR_DOMAIN_SAMPLER, index, 0, &w.slate.param);
                    }});
  }
  for (const size_t param : {size_t{1000}, SIZE_MAX}) {
    rows.push_back({"catalog_param: param " + std::to_string(param),
                    kAbsent,
                    {"param is " + std::to_string(param), "euler"},
                    [=](World& w) {
                      return nwr_catalog_param(NWR_DOMAIN_SAMPLER, 0, param, &w.slate.param);
                    }});
  }
  rows.push_back({"catalog_param: no settings", kAbsent, {"param is 0", "ok", "0"}, [](World& w) {
                    return nwr_catalog_param(NWR_DOMAIN_STATUS, 0, 0, &w.slate.param);
                  }});
  rows.push_back({"catalog_entry: out NULL", kBad, {"out is NULL"}, [](World&) {
                    return nwr_catalog_entry(NWR_DOMAIN_SAMPLER, 0, nullptr);
                  }});
  rows.push_back({"catalog_param: out NULL", kBad, {"out is NULL"}, [](World&) {
                    return nwr_catalog_param(NWR_DOMAIN_SAMPLER, 0, 0, nullptr);
                  }});
  rows.push_back({"catalog_find: out NULL", kBad, {"out is NULL"}, [](World&) {
                    return nwr_catalog_find(NWR_DOMAIN_SAMPLER, "euler", nullptr);
                  }});
  rows.push_back({"catalog_find: name NULL", kBad, {"name is NULL"}, [](World& w) {
                    return nwr_catalog_find(NWR_DOMAIN_SAMPLER, nullptr, &w.slate.found);
                  }});
  for (const char* name : {"", "eulers", "Euler", "euler ", "euler(guidance=1)", "dpm++2m,"}) {
    rows.push_back(
        {std::string("catalog_find: name '") + name + "'",
         kAbsent,
         {"name", std::string("'") + name + "'", "euler, heun, ddim, ddpm, dpmpp-2m"},
         [=](World& w) { return nwr_catalog_find(NWR_DOMAIN_SAMPLER, name, &w.slate.found); }});
  }
}

// Every struct_size below 8, a tail that this version does not know, and flags.
void add_structs(Rows& rows) {
  const auto too_small = [&](const std::string& function, const std::string& name, auto&& call) {
    for (uint32_t size = 0; size < 8; ++size) {
      rows.push_back({function + ": struct_size " + std::to_string(size),
                      kBad,
                      {name + ".struct_size is " + std::to_string(size)},
                      [=](World& w) { return call(w, size); }});
    }
  };
  too_small("context_create", "options", [](World& w, uint32_t size) {
    auto o = sized<nwr_context_options>();
    o.struct_size = size;
    return nwr_context_create(&o, &w.slate.context);
  });
  too_small("schedule_create", "options", [](World& w, uint32_t size) {
    auto o = sized<nwr_schedule_options>();
    o.struct_size = size;
    return w.create_schedule(o);
  });
  too_small("grid_fill", "options", [](World& w, uint32_t size) {
    auto o = sized<nwr_grid_options>();
    o.struct_size = size;
    return w.fill_grid(o);
  });
  too_small("schedule_weigh", "options", [](World& w, uint32_t size) {
    auto o = sized<nwr_weight_options>();
    o.struct_size = size;
    return w.weigh(&o);
  });
  too_small("random_times", "options", [](World& w, uint32_t size) {
    auto o = sized<nwr_density_options>();
    o.struct_size = size;
    return w.random_times(&o);
  });
  too_small("sampler_create", "options", [](World& w, uint32_t size) {
    w.options.struct_size = size;
    return w.create();
  });
  too_small("sampler_run", "callbacks", [](World& w, uint32_t size) {
    w.callbacks.struct_size = size;
    return nwr_sampler_run(w.run.get(), &w.x, &w.callbacks);
  });
  too_small("catalog_entry", "out", [](World& w, uint32_t size) {
    w.slate.entry.struct_size = size;
    w.freeze();
    return nwr_catalog_entry(NWR_DOMAIN_SAMPLER, 0, &w.slate.entry);
  });
  too_small("catalog_param", "out", [](World& w, uint32_t size) {
    w.slate.param.struct_size = size;
    w.freeze();
    return nwr_catalog_param(NWR_DOMAIN_SAMPLER, 0, 0, &w.slate.param);
  });
  too_small("schedule_get_info", "out", [](World& w, uint32_t size) {
    w.slate.info.struct_size = size;
    w.freeze();
    return nwr_schedule_get_info(w.schedule.get(), &w.slate.info);
  });
  too_small("sampler_next", "out", [](World& w, uint32_t size) {
    w.slate.eval.struct_size = size;
    w.freeze();
    return nwr_sampler_next(w.run.get(), &w.slate.eval);
  });
  for (const uint32_t flags : {1u, 0x80000000u}) {
    const std::string says = "flags is " + std::to_string(flags);
    rows.push_back({"context_create: " + says, kNotYet, {"options." + says}, [=](World& w) {
                      auto o = sized<nwr_context_options>();
                      o.flags = flags;
                      return nwr_context_create(&o, &w.slate.context);
                    }});
    rows.push_back({"schedule_create: " + says, kNotYet, {"options." + says}, [=](World& w) {
                      auto o = sized<nwr_schedule_options>();
                      o.flags = flags;
                      return w.create_schedule(o);
                    }});
    rows.push_back({"grid_fill: " + says, kNotYet, {"options." + says}, [=](World& w) {
                      auto o = sized<nwr_grid_options>();
                      o.flags = flags;
                      return w.fill_grid(o);
                    }});
    rows.push_back({"schedule_weigh: " + says, kNotYet, {"options." + says}, [=](World& w) {
                      auto o = sized<nwr_weight_options>();
                      o.flags = flags;
                      return w.weigh(&o);
                    }});
    rows.push_back({"random_times: " + says, kNotYet, {"options." + says}, [=](World& w) {
                      auto o = sized<nwr_density_options>();
                      o.flags = flags;
                      return w.random_times(&o);
                    }});
    rows.push_back({"sampler_run: " + says, kNotYet, {"callbacks." + says}, [=](World& w) {
                      w.callbacks.flags = flags;
                      return nwr_sampler_run(w.run.get(), &w.x, &w.callbacks);
                    }});
  }
  for (const uint32_t flags : {2u, 3u, 0x80000001u}) {
    const std::string says = "flags is " + std::to_string(flags);
    rows.push_back({"sampler_create: " + says, kNotYet, {"options." + says}, [=](World& w) {
                      w.options.flags = flags;
                      return w.create();
                    }});
  }
}

void add_context(Rows& rows) {
  const auto add = [&](const char* what, nwr_status status, std::vector<std::string> says,
                       void (*spoil)(nwr_context_options&)) {
    rows.push_back({std::string("context_create: ") + what, status, std::move(says), [=](World& w) {
                      auto o = sized<nwr_context_options>();
                      spoil(o);
                      return nwr_context_create(&o, &w.slate.context);
                    }});
  };
  rows.push_back({"context_create: out NULL", kBad, {"out is NULL"}, [](World&) {
                    return nwr_context_create(nullptr, nullptr);
                  }});
  add("device cuda", NWR_ERROR_BACKEND, {"options.plugin is /nowhere.so", "cannot be opened"},
      [](nwr_context_options& o) {
        o.device = NWR_CUDA;
        o.plugin = "/nowhere.so";
      });
  add("device cuda-host", kBad, {"options.device is cuda-host"},
      [](nwr_context_options& o) { o.device = NWR_CUDA_HOST; });
  add("device_id 1", kBad, {"options.device_id is 1"},
      [](nwr_context_options& o) { o.device_id = 1; });
  add("device_id -1", kBad, {"options.device_id is -1"},
      [](nwr_context_options& o) { o.device_id = -1; });
  add("too many threads", kBad, {"options.threads is 4294967295"},
      [](nwr_context_options& o) { o.threads = UINT32_MAX; });
  add("alloc alone", kBad, {"options.free is NULL"}, [](nwr_context_options& o) {
    o.alloc = [](void*, size_t, size_t, nwr_device, void*) -> void* { return nullptr; };
  });
  add("free alone", kBad, {"options.alloc is NULL"},
      [](nwr_context_options& o) { o.free = [](void*, void*, size_t, nwr_device, void*) {}; });
  add("reserved 1", kBad, {"options.reserved is 1"},
      [](nwr_context_options& o) { o.reserved = 1; });
  for (const int32_t value : kUnknown) {
    rows.push_back({"context_create: device " + std::to_string(value),
                    kBad,
                    {"options.device is " + std::to_string(value)},
                    [=](World& w) {
                      auto o = sized<nwr_context_options>();
                      o.device = as<nwr_device>(value);
                      return nwr_context_create(&o, &w.slate.context);
                    }});
  }
  rows.push_back({"context_synchronize: NULL", kBad, {"context is NULL"}, [](World&) {
                    return nwr_context_synchronize(nullptr);
                  }});
  rows.push_back({"memory_alloc: context NULL", kBad, {"context is NULL"}, [](World& w) {
                    return nwr_memory_alloc(nullptr, 8, &w.slate.memory);
                  }});
  rows.push_back({"memory_alloc: out NULL", kBad, {"out is NULL"}, [](World& w) {
                    return nwr_memory_alloc(w.context.get(), 8, nullptr);
                  }});
  rows.push_back({"memory_alloc: 0 bytes", kBad, {"bytes is 0"}, [](World& w) {
                    return nwr_memory_alloc(w.context.get(), 0, &w.slate.memory);
                  }});
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  for (const size_t bytes : {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX - 63}) {
    rows.push_back(
        {"memory_alloc: " + std::to_string(bytes) + " bytes",
         NWR_ERROR_OUT_OF_MEMORY,
         {"out of memory"},
         [=](World& w) { return nwr_memory_alloc(w.context.get(), bytes, &w.slate.memory); }});
  }
#endif
  rows.push_back({"tensor_copy: context NULL", kBad, {"context is NULL"}, [](World& w) {
                    return nwr_tensor_copy(nullptr, &w.x, &w.y);
                  }});
}

void add_random(Rows& rows) {
  rows.push_back({"random_fill: context NULL", kBad, {"context is NULL"}, [](World& w) {
                    return nwr_random_fill(nullptr, NWR_NORMAL, w.rngs, 1, &w.x);
                  }});
  rows.push_back({"random_fill: rngs NULL", kBad, {"rngs is NULL"}, [](World& w) {
                    return nwr_random_fill(w.context.get(), NWR_NORMAL, nullptr, 1, &w.x);
                  }});
  for (const size_t count : {size_t{0}, size_t{2}, size_t{3}, size_t{5}, size_t{12}, SIZE_MAX}) {
    rows.push_back({"random_fill: rng_count " + std::to_string(count),
                    kBad,
                    {"rng_count is " + std::to_string(count), "4"},
                    [=](World& w) {
                      return nwr_random_fill(w.context.get(), NWR_NORMAL, w.rngs, count, &w.x);
                    }});
    rows.push_back({"random_generate: rng_count " + std::to_string(count),
                    kBad,
                    {"rng_count is " + std::to_string(count), "4"},
                    [=](World& w) { return w.generate(nullptr, count, &w.x); }});
  }
  for (const int32_t what : kUnknown) {
    rows.push_back({"random_fill: what " + std::to_string(what),
                    kBad,
                    {"what is " + std::to_string(what)},
                    [=](World& w) {
                      return nwr_random_fill(w.context.get(), as<nwr_distribution>(what), w.rngs, 1,
                                             &w.x);
                    }});
  }

  const auto times = [&](const std::string& what, std::vector<std::string> says,
                         std::function<nwr_status(World&)> call) {
    rows.push_back({"random_times: " + what, kBad, std::move(says), std::move(call)});
  };
  times("context NULL", {"context is NULL"}, [](World& w) {
    return nwr_random_times(nullptr, w.schedule.get(), nullptr, w.rngs, 1, &w.x);
  });
  times("schedule NULL", {"schedule is NULL"}, [](World& w) {
    return nwr_random_times(w.context.get(), nullptr, nullptr, w.rngs, 1, &w.x);
  });
  times("rngs NULL", {"rngs is NULL"}, [](World& w) {
    return nwr_random_times(w.context.get(), w.schedule.get(), nullptr, nullptr, 1, &w.x);
  });
  for (const size_t count : {size_t{0}, size_t{2}, size_t{3}, size_t{5}, size_t{12}, SIZE_MAX}) {
    times("rng_count " + std::to_string(count), {"rng_count is " + std::to_string(count), "4"},
          [=](World& w) { return w.random_times(nullptr, count); });
  }
  const auto density = [&](const char* schedule, const char* spec, std::vector<std::string> says) {
    times(std::string(spec) + " on " + schedule, std::move(says), [=](World& w) {
      w.use(schedule);
      return w.draw_times(spec);
    });
  };
  density("linear", "uniform(begin=-0.5,end=1)", {"begin is -0.5", "0 to 1", "linear"});
  density("linear", "uniform(end=1.5)", {"end is 1.5", "0 to 1", "linear"});
  density("linear", "uniform(begin=0.5)", {"end is 0", "begin, 0.5"});
  density("linear", "uniform(begin=0.5,end=0.5)", {"end is 0.5", "begin, 0.5"});
  density("vp", "uniform(begin=1,end=0.5)", {"end is 0.5", "begin, 1"});
  density("ddpm", "uniform(begin=-2,end=5)", {"begin is -2", "-1 to 999"});
  rows.push_back({"random_times: log-normal on mirror",
                  kNotYet,
                  {"log-normal", "mirror", "levels"},
                  [=](World& w) {
                    w.use("mirror");
                    return w.draw_times("log-normal");
                  }});
  density("linear", "log-uniform", {"sigma_min is 0", "above 0"});
  density("linear", "log-uniform(sigma_min=0.1)", {"sigma_max inf", "finite"});
  density("edm", "log-uniform", {"sigma_min is 0", "sigma_max 80"});
  density("ve", "log-uniform(sigma_min=2,sigma_max=1)", {"sigma_min is 2", "sigma_max 1", "order"});
  density("ve", "log-uniform(sigma_min=60)", {"sigma_min is 60", "sigma_max 50", "order"});
  density("mirror", "log-uniform", {"sigma_min is 0", "sigma_max 0"});
  times("times that bf16 has not", {"out.dtype is bf16", "0.3001 to 0.3002"}, [](World& w) {
    w.x.dtype = NWR_BF16;
    return w.draw_times("uniform(begin=0.3001,end=0.3002)");
  });
}

// Just outside, infinite, not a number: each is refused by the name of the setting.
void add_settings(Rows& rows) {
  using Call = nwr_status (*)(World&, const char*, nwr_param);
  const std::tuple<const char*, nwr_domain, Call> domains[] = {
      {"schedule_create", NWR_DOMAIN_SCHEDULE,
       [](World& w, const char* name, nwr_param param) {
         auto o = sized<nwr_schedule_options>();
         o.name = name, o.params = &param, o.param_count = 1;
         return w.create_schedule(o);
       }},
      {"schedule_weigh", NWR_DOMAIN_WEIGHT,
       [](World& w, const char* name, nwr_param param) {
         auto o = sized<nwr_weight_options>();
         o.name = name, o.params = &param, o.param_count = 1;
         return w.weigh(&o);
       }},
      {"random_generate", NWR_DOMAIN_GENERATOR,
       [](World& w, const char* name, nwr_param param) {
         auto o = sized<nwr_random_options>();
         o.name = name, o.params = &param, o.param_count = 1;
         return w.generate(&o, 1, &w.x);
       }},
      {"random_times", NWR_DOMAIN_DENSITY, [](World& w, const char* name, nwr_param param) {
         auto o = sized<nwr_density_options>();
         o.name = name, o.params = &param, o.param_count = 1;
         return w.random_times(&o);
       }}};
  for (const auto& [function, domain, call] : domains) {
    for (size_t i = 0; i < nwr_catalog_size(domain); ++i) {
      auto entry = sized<nwr_entry>();
      NWR_EXPECT_OK(nwr_catalog_entry(domain, i, &entry));
      for (size_t k = 0; k < entry.param_count; ++k) {
        auto param = sized<nwr_param_info>();
        NWR_EXPECT_OK(nwr_catalog_param(domain, i, k, &param));
        std::vector<std::pair<const char*, double>> values = {
            {"below", std::nextafter(param.min, -kInf)},
            {"above", std::nextafter(param.max, kInf)},
            {"nan", kNan},
            {"inf", kInf},
            {"-inf", -kInf}};
        if (param.choices) values.push_back({"0.5", 0.5});
        for (const auto& [what, value] : values) {
          const std::string place = std::string(entry.name) + ": " + param.name;
          std::string shown = " is ";
          if (std::strcmp(what, "below") != 0 && std::strcmp(what, "above") != 0) shown += what;
          const Call make = call;
          const nwr_param given = {param.name, value};
          rows.push_back({std::string(function) + ": " + place + " " + what,
                          kBad,
                          {place + shown, "outside"},
                          [=](World& w) { return make(w, entry.name, given); }});
        }
      }
    }
  }
}

// Coefficients of a custom schedule that are wrong in the way that user points to.
enum class Fault { fails_at_end, fails_inside, alpha_nan, sigma_negative, gamma_inf, slope_inf };
int32_t faulty(void* user, double t, nwr_coeffs* out) {
  out->alpha = t, out->sigma = 1 - t;
  switch (*static_cast<const Fault*>(user)) {
    case Fault::fails_at_end: return t == 1 ? -7 : 0;
    case Fault::fails_inside: return t == 0.5 ? -8 : 0;
    case Fault::alpha_nan: out->alpha = kNan; break;
    case Fault::sigma_negative: out->sigma = -0.25; break;
    case Fault::gamma_inf: out->gamma = kInf; break;
    case Fault::slope_inf: out->gamma_dgamma = kInf; break;
  }
  return 0;
}
const Fault kFaults[] = {Fault::fails_at_end,   Fault::fails_inside, Fault::alpha_nan,
                         Fault::sigma_negative, Fault::gamma_inf,    Fault::slope_inf};

void add_schedules(Rows& rows) {
  rows.push_back({"schedule_create: out NULL", kBad, {"out is NULL"}, [](World&) {
                    return nwr_schedule_create(nullptr, nullptr);
                  }});
  const auto spec = [&](const char* text, nwr_status status, std::vector<std::string> says) {
    rows.push_back(
        {std::string("schedule_create: ") + text, status, std::move(says), [=](World& w) {
           auto o = sized<nwr_schedule_options>();
           o.name = text;
           return w.create_schedule(o);
         }});
  };
  spec("vp(beta_min=5,beta_max=4)", kBad, {"vp", "beta_max is 4", "beta_min, 5"});
  spec("vp(beta_min=0,beta_max=0)", kBad, {"beta_max is 0"});
  spec("nami.vp(beta_min=5,beta_max=4)", kBad, {"vp", "beta_max is 4", "beta_min, 5"});
  spec("gensbi.sm_vp(beta_min=5,beta_max=4)", kBad, {"sm_vp", "beta_max is 4", "beta_min, 5"});
  spec("gensbi.fm_vp(beta_min=5,beta_max=4)", kBad, {"fm_vp", "beta_max is 4", "beta_min, 5"});
  spec("torchebm.vp(sigma_min=5,sigma_max=4)", kBad, {"sigma_max is 4", "sigma_min, 5"});
  spec("gensbi.sm_ve(sigma_min=2,sigma_max=2)", kBad, {"sm_ve", "sigma_max is 2", "sigma_min, 2"});
  spec("azula.ve(sigma_min=2,sigma_max=1)", kBad, {"azula.ve", "sigma_max is 1", "sigma_min, 2"});
  spec("azula-0.1.ve(sigma_min=2,sigma_max=1)", kBad, {"sigma_max is 1", "sigma_min, 2"});
  spec("edm-rho(sigma_min=2,sigma_max=2)", kBad, {"edm-rho", "sigma_max is 2", "sigma_min, 2"});
  spec("albergo.trig(latent_scale=1.5)", kBad, {"albergo.trig", "latent_scale is 1.5", "above 1"});
  spec("linear(time=backwards)", kBad, {"time", "'backwards'", "to-noise,to-data"});
  spec("linear(latent=brown)", kBad, {"latent", "'brown'", "none,brownian,bsquared"});
  spec("torchebm.vp(compat=maybe)", kBad, {"compat", "'maybe'", "no,yes,base"});
  spec("edm(latent=brownian)", kAbsent, {"edm", "'latent'", "sigma_max, sigma_data"});
  spec("ve(sigma_min=2,sigma_max=2)", kBad, {"ve", "sigma_max is 2", "sigma_min, 2"});
  spec("ve(sigma_min=0)", kBad, {"sigma_min is 0"});
  spec("edm(sigma_max=0)", kBad, {"sigma_max is 0"});
  spec("edm(sigma_max=1e13)", kBad, {"sigma_max is 1e+13"});
  spec("cosine(s=2)", kBad, {"s is 2"});
  spec("ddpm(count=10.5)", kBad, {"count is 10.5"});
  spec("ddpm(count=1)", kBad, {"count is 1"});
  spec("ddpm(count=1e9)", kBad, {"count is 1e+09"});
  spec("ddpm(beta_end=1)", kBad, {"beta_end is 1"});
  spec("ddpm(beta=square)", kBad, {"beta", "'square'", "linear,scaled_linear,squaredcos_cap_v2"});
  spec("linear(s=1)", kAbsent, {"linear", "'s'", "alpha_min, sigma_min, time"});
  spec("table", kBad, {"options.table is NULL"});
  spec("custom", kBad, {"options.coeffs is NULL"});

  const auto add = [&](const std::string& what, nwr_status status, std::vector<std::string> says,
                       std::function<void(World&, nwr_schedule_options&)> spoil) {
    rows.push_back({"schedule_create: " + what, status, std::move(says), [=](World& w) {
                      auto o = sized<nwr_schedule_options>();
                      spoil(w, o);
                      w.freeze();
                      return w.create_schedule(o);
                    }});
  };
  const auto table = [&](const char* what, const char* name, std::vector<double> values,
                         std::vector<std::string> says) {
    says.push_back("options.table");
    add(std::string(name) + " of " + what, kBad, says, [=](World&, nwr_schedule_options& o) {
      o.name = name, o.table = values.data(), o.table_count = values.size();
    });
  };
  table("one value", "table", {0.5}, {"table_count is 1"});
  table("no value", "table", {0.9, 0.5, 0.5}, {"[2] is 0.5"});
  table("rising values", "table", {0.5, 0.9}, {"[1] is 0.9"});
  table("a one", "table", {1, 0.5}, {"[0] is 1"});
  table("a zero inside", "table", {0.5, 0, 0}, {"[1] is 0"});
  table("a negative", "table", {0.5, -0.1}, {"[1] is -0.1"});
  table("nan", "table", {0.5, kNan}, {"[1] is nan"});
  table("inf", "table", {kInf, 0.5}, {"[0] is inf"});
  table("a zero beta", "table(betas=yes)", {0.1, 0, 0.1}, {"[1] is 0"});
  table("a beta of 1 inside", "table(betas=yes)", {0.1, 1, 0.1}, {"[1] is 1"});
  table("a beta above 1", "table(betas=yes)", {0.1, 1.5}, {"[1] is 1.5"});
  table("a nan beta", "table(betas=yes)", {kNan, 0.5}, {"[0] is nan"});
  add("table of 0 values", kBad, {"options.table_count is 0"},
      [](World& w, nwr_schedule_options& o) { o.name = "table", o.table = w.slate.times; });
  add("table of too many values", kBad, {"options.table_count is 18446744073709551615"},
      [](World& w, nwr_schedule_options& o) {
        o.name = "table", o.table = w.slate.times, o.table_count = SIZE_MAX;
      });
  add("table for linear", kBad, {"options.table", "linear"},
      [](World& w, nwr_schedule_options& o) { o.table = w.slate.times, o.table_count = 4; });
  add("coeffs for linear", kBad, {"options.coeffs", "linear"},
      [](World&, nwr_schedule_options& o) { o.coeffs = faulty; });
  add("t_noise for linear", kBad, {"options.t_noise", "linear"},
      [](World&, nwr_schedule_options& o) { o.t_noise = 1; });
  add("t_data for linear", kBad, {"t_data", "linear"},
      [](World&, nwr_schedule_options& o) { o.t_data = kNan; });
  const auto custom = [&](const char* what, nwr_status status, Fault fault, double noise,
                          double data, std::vector<std::string> says) {
    add(std::string("custom, ") + what, status, std::move(says),
        [=](World&, nwr_schedule_options& o) {
          o.name = "custom", o.coeffs = faulty, o.t_noise = noise, o.t_data = data;
          o.user = const_cast<Fault*>(&kFaults[static_cast<int>(fault)]);
        });
  };
  constexpr nwr_status kCall = NWR_ERROR_CALLBACK;
  custom("one time", kBad, Fault::fails_inside, 1, 1, {"options.t_noise is 1", "t_data is 1"});
  custom("t_noise nan", kBad, Fault::fails_inside, kNan, 1, {"options.t_noise is nan"});
  custom("t_data inf", kBad, Fault::fails_inside, 0, kInf, {"options.t_data is inf"});
  custom("fails at an end", kCall, Fault::fails_at_end, 0, 1,
         {"options.coeffs returned -7", "t = 1"});
  custom("alpha nan", kCall, Fault::alpha_nan, 0, 0, {"options.coeffs gave alpha = nan", "t = 0"});
  custom("sigma negative", kCall, Fault::sigma_negative, 0, 0, {"sigma = -0.25"});
  custom("gamma inf", kCall, Fault::gamma_inf, 0, 0, {"gamma = inf"});
  custom("gamma_dgamma inf", kCall, Fault::slope_inf, 0, 0, {"gamma_dgamma = inf"});

  rows.push_back({"schedule_eval: coeffs fail",
                  kCall,
                  {"options.coeffs returned -8", "t = 0.5"},
                  [](World& w) {
                    auto o = sized<nwr_schedule_options>();
                    o.name = "custom", o.coeffs = faulty;
                    o.user = const_cast<Fault*>(&kFaults[1]);
                    nwr_schedule* schedule = nullptr;
                    NWR_EXPECT_OK(nwr_schedule_create(&o, &schedule));
                    const Schedule owner(schedule);
                    const double times[] = {0.25, 0.5};
                    return nwr_schedule_eval(schedule, times, 2, w.slate.coeffs);
                  }});
  rows.push_back({"schedule_get_info: schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
                    return nwr_schedule_get_info(nullptr, &w.slate.info);
                  }});
  rows.push_back({"schedule_get_info: out NULL", kBad, {"out is NULL"}, [](World& w) {
                    return nwr_schedule_get_info(w.schedule.get(), nullptr);
                  }});
  rows.push_back({"schedule_eval: schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
                    return nwr_schedule_eval(nullptr, w.slate.times, 1, w.slate.coeffs);
                  }});
  rows.push_back({"schedule_eval: times NULL", kBad, {"times is NULL"}, [](World& w) {
                    return nwr_schedule_eval(w.schedule.get(), nullptr, 1, w.slate.coeffs);
                  }});
  rows.push_back({"schedule_eval: out NULL", kBad, {"out is NULL"}, [](World& w) {
                    return nwr_schedule_eval(w.schedule.get(), w.slate.times, 1, nullptr);
                  }});
  rows.push_back({"schedule_eval: count 0", kBad, {"count is 0"}, [](World& w) {
                    return nwr_schedule_eval(w.schedule.get(), w.slate.times, 0, w.slate.coeffs);
                  }});
  const auto weigh = [&](const std::string& what, nwr_status status, std::vector<std::string> says,
                         std::function<nwr_status(World&)> call) {
    rows.push_back({"schedule_weigh: " + what, status, std::move(says), std::move(call)});
  };
  weigh("schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
    return nwr_schedule_weigh(nullptr, nullptr, w.slate.times, 1, w.slate.numbers);
  });
  weigh("times NULL", kBad, {"times is NULL"}, [](World& w) {
    return nwr_schedule_weigh(w.schedule.get(), nullptr, nullptr, 1, w.slate.numbers);
  });
  weigh("out NULL", kBad, {"out is NULL"}, [](World& w) {
    return nwr_schedule_weigh(w.schedule.get(), nullptr, w.slate.times, 1, nullptr);
  });
  weigh("count 0", kBad, {"count is 0"}, [](World& w) {
    return nwr_schedule_weigh(w.schedule.get(), nullptr, w.slate.times, 0, w.slate.numbers);
  });
  for (const auto& [t, says] : {std::pair{-0.5, "times[1] is -0.5"},
                                {1.5, "times[1] is 1.5"},
                                {kNan, "times[1] is nan"},
                                {kInf, "times[1] is inf"}}) {
    const double time = t;
    weigh(says, kBad, {says, "linear"}, [=](World& w) { return w.weigh("edm", {0.5, time}); });
  }
  const std::tuple<const char*, double, const char*> infinite[] = {
      {"diffusion", 0, "alpha is 0"},  {"diffusion(form=sbdm)", 0, "alpha is 0"},
      {"snr", 1, "sigma 0"},           {"snr(power=-1)", 0, "alpha is 0"},
      {"edm", 1, "sigma 0"},           {"velocity", 0, "alpha is 0"},
      {"likelihood", 0, "alpha is 0"}, {"likelihood", 1, "sigma 0"}};
  for (const auto& [spec_of, t, says] : infinite) {
    const char* name = spec_of;
    const double time = t;
    const std::string at = std::string("times[1] = ") + (time == 0 ? "0" : "1");
    weigh(std::string(name) + " at " + at, NWR_ERROR_SINGULAR,
          {std::string(name).substr(0, 4), at, says}, [=](World& w) {
            return w.weigh(name, {0.5, time});
          });
  }
  weigh("diffusion(form=sideways)", kBad, {"form", "'sideways'", "none,reverse,constant"},
        [](World& w) { return w.weigh("diffusion(form=sideways)", {0.5}); });
  rows.push_back({"schedule_invert: schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
                    return nwr_schedule_invert(nullptr, w.slate.times, 1, w.slate.numbers);
                  }});
  rows.push_back({"schedule_invert: lambdas NULL", kBad, {"lambdas is NULL"}, [](World& w) {
                    return nwr_schedule_invert(w.schedule.get(), nullptr, 1, w.slate.numbers);
                  }});
  rows.push_back({"schedule_invert: out NULL", kBad, {"out is NULL"}, [](World& w) {
                    return nwr_schedule_invert(w.schedule.get(), w.slate.times, 1, nullptr);
                  }});
  rows.push_back({"schedule_invert: count 0", kBad, {"count is 0"}, [](World& w) {
                    return nwr_schedule_invert(w.schedule.get(), w.slate.times, 0, w.slate.numbers);
                  }});
  const double beyond[] = {kNan, kInf, -kInf, -0.5, 1.5, 1e300};
  for (const double t : beyond) {
    const std::string number = std::isnan(t)   ? "nan"
                               : std::isinf(t) ? (t > 0 ? "inf" : "-inf")
                               : t > 1e9       ? "1e+300"
                               : t < 0         ? "-0.5"
                                               : "1.5";
    rows.push_back(
        {"schedule_eval: time " + number, kBad, {"times[1] is " + number, "linear"}, [=](World& w) {
           const double times[] = {0.5, t, 0.5};
           return nwr_schedule_eval(w.schedule.get(), times, 3, w.slate.coeffs);
         }});
  }
  // ve has no infinite log-SNR at either end.
  for (const double lambda : {kNan, 100.0, -100.0, kInf, -kInf}) {
    rows.push_back({"schedule_invert: lambda " + std::to_string(lambda),
                    kBad,
                    {"lambdas[1] is ", "ve("},
                    [=](World& w) {
                      w.use("ve");
                      const double lambdas[] = {0, lambda};
                      return nwr_schedule_invert(w.schedule.get(), lambdas, 2, w.slate.numbers);
                    }});
  }
}

void add_grids(Rows& rows) {
  rows.push_back({"grid_fill: schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
                    return nwr_grid_fill(nullptr, nullptr, w.slate.numbers, 5);
                  }});
  rows.push_back({"grid_fill: times NULL", kBad, {"times is NULL"}, [](World& w) {
                    return nwr_grid_fill(w.schedule.get(), nullptr, nullptr, 5);
                  }});
  for (const size_t count : {size_t{0}, size_t{1}, size_t{10000001}, SIZE_MAX}) {
    rows.push_back({"grid_fill: count " + std::to_string(count),
                    kBad,
                    {"count is " + std::to_string(count)},
                    [=](World& w) { return w.fill_grid(sized<nwr_grid_options>(), count); }});
  }
  const auto add = [&](const char* what, nwr_status status, std::vector<std::string> says,
                       const char* schedule, const char* name, double begin, double end,
                       size_t count = 5) {
    rows.push_back({std::string("grid_fill: ") + what, status, std::move(says), [=](World& w) {
                      w.use(schedule);
                      auto o = sized<nwr_grid_options>();
                      o.name = name, o.t_begin = begin, o.t_end = end;
                      return w.fill_grid(o, count);
                    }});
  };
  add("begin nan", kBad, {"options.t_begin is nan"}, "linear", nullptr, kNan, 1);
  add("end nan", kBad, {"options.t_end is nan"}, "linear", nullptr, 0, kNan);
  add("end inf", kBad, {"options.t_end is inf"}, "linear", nullptr, 0, kInf);
  add("begin before", kBad, {"options.t_begin is -0.1"}, "linear", nullptr, -0.1, 1);
  add("end beyond", kBad, {"options.t_end is 1.5"}, "linear", nullptr, 0, 1.5);
  add("backwards", kBad, {"options.t_begin is 1", "t_end is 0.5", "linear"}, "linear", nullptr, 1,
      0.5);
  add("backwards on vp", kBad, {"t_begin is 0.5", "t_end is 1", "vp"}, "vp", nullptr, 0.5, 1);
  add("one time", kBad, {"t_begin is 0.5", "t_end is 0.5"}, "linear", nullptr, 0.5, 0.5);
  for (const char* name : {"leading", "trailing", "linspace"}) {
    add((std::string(name) + " of no indices").c_str(), kNotYet, {"linear", "not discrete"},
        "linear", name, 0, 0);
    add((std::string(name) + " with ends").c_str(), kNotYet, {"t_begin is 9", "t_end is 1"},
        "ddpm(count=10)", name, 9, 1);
    add((std::string(name) + " too many").c_str(), kBad, {"count is 12", "10"}, "ddpm(count=10)",
        name, 0, 0, 12);
  }
  add("offset too large", kBad, {"offset is 4", "at most 3"}, "ddpm(count=10)", "leading(offset=4)",
      0, 0, 4);
  add("offset of a half", kBad, {"offset is 0.5"}, "ddpm(count=10)", "leading(offset=0.5)", 0, 0,
      4);
  add("levels reversed", kBad, {"sigma_max is 1", "sigma_min, 2"}, "edm",
      "karras(sigma_min=2,sigma_max=1)", 0, 0);
  add("level beyond", kBad, {"log(alpha/sigma) of the grid is -13.8", "vp"}, "vp",
      "karras(sigma_max=1e6)", 0, 0);
  add("last beyond begin", kBad, {"time-quadratic: last is 0.9", "t_begin, 0.5"}, "vp",
      "time-quadratic(last=0.9)", 0.5, 0);
  add("log-SNRs reversed", kBad, {"lambda_min", "lambda_max"}, "linear",
      "logsnr(lambda_min=3,lambda_max=2)", 0, 0);
}

void add_imports(Rows& rows) {
  const auto skip = [&](const char* what, std::vector<std::string> says, nwr_strength rule,
                        double strength) {
    rows.push_back({std::string("grid_skip: ") + what, kBad, std::move(says), [=](World& w) {
                      return nwr_grid_skip(rule, 20, strength,
                                           reinterpret_cast<uint32_t*>(&w.slate.found));
                    }});
  };
  skip("rule 7", {"rule is 7"}, as<nwr_strength>(7), 0.5);
  skip("strength below 0", {"strength is -0.5"}, NWR_STRENGTH_FLOOR, -0.5);
  skip("strength above 1", {"strength is 1.5"}, NWR_STRENGTH_CEIL, 1.5);
  skip("strength NaN", {"strength is nan"}, NWR_STRENGTH_CEIL, std::nan(""));
  rows.push_back({"grid_skip: out NULL", kBad, {"out is NULL"}, [](World&) {
                    return nwr_grid_skip(NWR_STRENGTH_FLOOR, 20, 0.5, nullptr);
                  }});
  rows.push_back({"schedule_import: text NULL", kBad, {"text is NULL"}, [](World& w) {
                    return nwr_schedule_import(nullptr, nullptr, &w.slate.schedule);
                  }});
  rows.push_back({"schedule_import: out NULL", kBad, {"out is NULL"}, [](World&) {
                    return nwr_schedule_import("euler", nullptr, nullptr);
                  }});
  const auto import = [&](const char* what, nwr_status status, std::vector<std::string> says,
                          const nwr_import_options& o) {
    rows.push_back(
        {std::string("schedule_import: ") + what, status, std::move(says), [=](World& w) {
           return nwr_schedule_import(R"({"_class_name": "DDIMScheduler"})", &o, &w.slate.schedule);
         }});
  };
  auto o = sized<nwr_import_options>();
  o.struct_size = 4;
  import("struct_size 4", kBad, {"options.struct_size is 4"}, o);
  o = sized<nwr_import_options>();
  o.flags = 1;
  import("flags 1", kNotYet, {"options.flags is 1"}, o);
  o.flags = 0, o.steps = 2000000;
  import("steps", kBad, {"options.steps is 2000000"}, o);
  o.steps = 0, o.param_count = 1;
  import("params NULL", kBad, {"options.params is NULL"}, o);
  static const nwr_param kBadParams[] = {
      {nullptr, 0}, {"eta", std::nan("")}, {"mu", 1}, {"eta", -2}};
  o.params = &kBadParams[0];
  import("params[0].name NULL", kBad, {"options.params[0].name is NULL"}, o);
  o.params = &kBadParams[1];
  import("params[0] NaN", kBad, {"options.params[0]", "eta is nan"}, o);
  o.params = &kBadParams[2];
  import("params[0] unknown", kAbsent, {"options.params[0]", "'mu'", "it takes eta"}, o);
  o.params = &kBadParams[3];
  import("eta -2", kBad, {"eta is -2"}, o);
  rows.push_back({"schedule_get_import: schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
                    return nwr_schedule_get_import(nullptr, &w.slate.import);
                  }});
  rows.push_back({"schedule_get_import: out NULL", kBad, {"out is NULL"}, [](World& w) {
                    return nwr_schedule_get_import(w.schedule.get(), nullptr);
                  }});
  rows.push_back({"schedule_get_import: not imported",
                  NWR_ERROR_INVALID_STATE,
                  {"linear", "was not imported"},
                  [](World& w) {
                    w.slate.import.struct_size = sizeof w.slate.import;
                    w.freeze();
                    return nwr_schedule_get_import(w.schedule.get(), &w.slate.import);
                  }});
}

void add_transforms(Rows& rows) {
  const auto add = [&](const std::string& what, nwr_status status, std::vector<std::string> says,
                       std::function<nwr_status(World&)> call) {
    rows.push_back({"transform_apply: " + what, status, std::move(says), std::move(call)});
  };
  add("context NULL", kBad, {"context is NULL"}, [](World& w) {
    return nwr_transform_apply(nullptr, w.schedule.get(), &w.t, nullptr, w.know, 2, w.want, 1);
  });
  add("schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
    return nwr_transform_apply(w.context.get(), nullptr, &w.t, nullptr, w.know, 2, w.want, 1);
  });
  add("inputs NULL", kBad, {"inputs is NULL"}, [](World& w) {
    return nwr_transform_apply(w.context.get(), w.schedule.get(), &w.t, nullptr, nullptr, 2, w.want,
                               1);
  });
  add("outputs NULL", kBad, {"outputs is NULL"}, [](World& w) {
    return nwr_transform_apply(w.context.get(), w.schedule.get(), &w.t, nullptr, w.know, 2, nullptr,
                               1);
  });
  for (const size_t count : {size_t{0}, size_t{9}, SIZE_MAX}) {
    add("input_count " + std::to_string(count), kBad, {"input_count is " + std::to_string(count)},
        [=](World& w) { return w.transform(count, 1); });
    add("output_count " + std::to_string(count), kBad, {"output_count is " + std::to_string(count)},
        [=](World& w) { return w.transform(2, count); });
  }
  for (const int32_t quantity : kUnknown) {
    const std::string number = std::to_string(quantity);
    add("input quantity " + number, kBad, {"inputs[1].quantity is " + number}, [=](World& w) {
      w.know[1].quantity = as<nwr_quantity>(quantity);
      return w.transform();
    });
    add("output quantity " + number, kBad, {"outputs[0].quantity is " + number}, [=](World& w) {
      w.want[0].quantity = as<nwr_quantity>(quantity);
      return w.transform();
    });
    rows.push_back(
        {"transform_coeffs: input " + number, kBad, {"inputs[1] is " + number}, [=](World& w) {
           return w.coefficients(0.5, 0, {NWR_STATE, as<nwr_quantity>(quantity)}, NWR_DATA);
         }});
    rows.push_back(
        {"transform_coeffs: output " + number, kBad, {"output is " + number}, [=](World& w) {
           return w.coefficients(0.5, 0, {NWR_STATE}, as<nwr_quantity>(quantity));
         }});
  }
  add("input reserved", kBad, {"inputs[0].reserved is 3"}, [](World& w) {
    w.know[0].reserved = 3;
    return w.transform();
  });
  add("output reserved", kBad, {"outputs[0].reserved is 4"}, [](World& w) {
    w.want[0].reserved = 4;
    return w.transform();
  });
  for (const double t : {-0.5, 1.5}) {
    const std::string number = t < 0 ? "-0.5" : "1.5";
    add("time " + number, kBad, {"t[3] is " + number, "linear"}, [=](World& w) {
      w.slate.times[3] = t;
      w.freeze();
      return w.transform();
    });
    add("scalar time " + number, kBad, {"t is " + number, "linear"}, [=](World& w) {
      w.slate.times[0] = t;
      w.t.ndim = 0;
      w.freeze();
      return w.transform();
    });
  }
  add("diffusion negative", kBad, {"diffusion[2] is -0.25"}, [](World& w) {
    const double values[] = {1, 1, -0.25, 1};
    nwr_tensor d = w.t;
    d.data = const_cast<double*>(values);
    w.diffusion = &d;
    return w.transform();
  });
  add("scalar diffusion negative", kBad, {"diffusion is -1"}, [](World& w) {
    double value = -1;
    nwr_tensor d = w.t;
    d.data = &value, d.ndim = 0;
    w.diffusion = &d;
    return w.transform();
  });
  add("not determined", NWR_ERROR_SINGULAR, {"data", "t[0] = 0.5", "alpha is 0.5"},
      [](World& w) { return w.transform(1, 1); });
  add("singular in the last sample", NWR_ERROR_SINGULAR, {"data", "t[3] = 0", "alpha is 0"},
      [](World& w) {
        w.slate.times[3] = 0;
        w.know[1].quantity = NWR_NOISE;
        w.freeze();
        return w.transform();
      });

  const auto corrupt = [&](const std::string& what, nwr_status status,
                           std::vector<std::string> says, std::function<nwr_status(World&)> call) {
    rows.push_back({"transform_corrupt: " + what, status, std::move(says), std::move(call)});
  };
  corrupt("context NULL", kBad, {"context is NULL"}, [](World& w) {
    return nwr_transform_corrupt(nullptr, w.schedule.get(), &w.t, NWR_NOISE, w.rngs, 1, w.clean, 1,
                                 w.noisy, 1);
  });
  corrupt("schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
    return nwr_transform_corrupt(w.context.get(), nullptr, &w.t, NWR_NOISE, w.rngs, 1, w.clean, 1,
                                 w.noisy, 1);
  });
  corrupt("rngs NULL", kBad, {"rngs is NULL"}, [](World& w) {
    return nwr_transform_corrupt(w.context.get(), w.schedule.get(), &w.t, NWR_NOISE, nullptr, 1,
                                 w.clean, 1, w.noisy, 1);
  });
  corrupt("inputs NULL", kBad, {"inputs is NULL"}, [](World& w) {
    return nwr_transform_corrupt(w.context.get(), w.schedule.get(), &w.t, NWR_NOISE, w.rngs, 1,
                                 nullptr, 1, w.noisy, 1);
  });
  corrupt("outputs NULL", kBad, {"outputs is NULL"}, [](World& w) {
    return nwr_transform_corrupt(w.context.get(), w.schedule.get(), &w.t, NWR_NOISE, w.rngs, 1,
                                 w.clean, 1, nullptr, 1);
  });
  for (const size_t count : {size_t{0}, size_t{8}, SIZE_MAX}) {
    const std::string says = "input_count is " + std::to_string(count);
    corrupt(says, kBad, {says, "1 to 7"}, [=](World& w) { return w.corrupt(count); });
  }
  for (const size_t count : {size_t{0}, size_t{9}, SIZE_MAX}) {
    const std::string says = "output_count is " + std::to_string(count);
    corrupt(says, kBad, {says, "1 to 8"}, [=](World& w) { return w.corrupt(1, count); });
  }
  for (const size_t count : {size_t{0}, size_t{2}, size_t{3}, size_t{5}, size_t{12}, SIZE_MAX}) {
    const std::string says = "rng_count is " + std::to_string(count);
    corrupt(says, kBad, {says, "4"}, [=](World& w) { return w.corrupt(1, 1, NWR_NOISE, count); });
  }
  for (const int32_t quantity : kUnknown) {
    const std::string number = std::to_string(quantity);
    corrupt("input quantity " + number, kBad, {"inputs[0].quantity is " + number}, [=](World& w) {
      w.clean[0].quantity = as<nwr_quantity>(quantity);
      return w.corrupt();
    });
    corrupt("output quantity " + number, kBad, {"outputs[0].quantity is " + number}, [=](World& w) {
      w.noisy[0].quantity = as<nwr_quantity>(quantity);
      return w.corrupt();
    });
    corrupt("drawn " + number, kBad, {"drawn is " + number, "NWR_NOISE", "NWR_LATENT"},
            [=](World& w) { return w.corrupt(1, 1, as<nwr_quantity>(quantity)); });
  }
  for (const nwr_quantity quantity : {NWR_STATE, NWR_DATA, NWR_SCORE, NWR_NEGATIVE_LATENT}) {
    const std::string says = "drawn is " + std::to_string(quantity);
    corrupt(says, kBad, {says}, [=](World& w) { return w.corrupt(1, 1, quantity); });
  }
  for (const nwr_quantity quantity : {NWR_NOISE, NWR_LATENT}) {
    const char* name = quantity == NWR_NOISE ? "noise" : "latent";
    corrupt(std::string("drawn and known: ") + name, kBad,
            {std::string("inputs[1].quantity is ") + name, "drawn"}, [=](World& w) {
              w.clean[1] = {quantity, 0, &w.y};
              return w.corrupt(2, 1, quantity);
            });
  }
  corrupt("input reserved", kBad, {"inputs[0].reserved is 3"}, [](World& w) {
    w.clean[0].reserved = 3;
    return w.corrupt();
  });
  corrupt("output reserved", kBad, {"outputs[0].reserved is 4"}, [](World& w) {
    w.noisy[0].reserved = 4;
    return w.corrupt();
  });
  for (const double t : {-0.5, 1.5}) {
    const std::string number = t < 0 ? "-0.5" : "1.5";
    corrupt("time " + number, kBad, {"t[3] is " + number, "linear"}, [=](World& w) {
      w.slate.times[3] = t;
      w.freeze();
      return w.corrupt();
    });
  }
  corrupt("data from noise and a state without it", NWR_ERROR_SINGULAR,
          {"data", "t[3] = 0", "alpha is 0"}, [](World& w) {
            w.slate.times[3] = 0;
            w.freeze();
            w.clean[0].quantity = NWR_STATE, w.noisy[0].quantity = NWR_DATA;
            return w.corrupt();
          });
  corrupt("a state whose noise is not known", NWR_ERROR_SINGULAR, {"state", "t[0] = 0.5"},
          [](World& w) {
            w.use("linear(latent=brownian)");
            return w.corrupt(1, 1, NWR_LATENT);
          });
  corrupt("a state whose latent is not known", NWR_ERROR_SINGULAR,
          {"state", "t[0] = 0.5", "gamma 0.5"}, [](World& w) {
            w.use("linear(latent=brownian)");
            return w.corrupt();
          });

  const auto coeffs = [&](const char* what, nwr_status status, std::vector<std::string> says,
                          std::function<nwr_status(World&)> call) {
    rows.push_back({std::string("transform_coeffs: ") + what, status, std::move(says), call});
  };
  const nwr_quantity pair[] = {NWR_STATE, NWR_VELOCITY};
  coeffs("schedule NULL", kBad, {"schedule is NULL"}, [=](World& w) {
    return nwr_transform_coeffs(nullptr, 0.5, 0, pair, 2, NWR_DATA, w.slate.numbers);
  });
  coeffs("inputs NULL", kBad, {"inputs is NULL"}, [](World& w) {
    return nwr_transform_coeffs(w.schedule.get(), 0.5, 0, nullptr, 2, NWR_DATA, w.slate.numbers);
  });
  coeffs("out NULL", kBad, {"out is NULL"}, [=](World& w) {
    return nwr_transform_coeffs(w.schedule.get(), 0.5, 0, pair, 2, NWR_DATA, nullptr);
  });
  for (const size_t count : {size_t{0}, size_t{9}, SIZE_MAX}) {
    const std::string says = "input_count is " + std::to_string(count);
    coeffs(says.c_str(), kBad, {says}, [=](World& w) {
      return nwr_transform_coeffs(w.schedule.get(), 0.5, 0, pair, count, NWR_DATA, w.slate.numbers);
    });
  }
  for (const auto& [t, says] :
       {std::pair{kNan, "t is nan"}, {kInf, "t is inf"}, {-1.0, "t is -1"}, {2.0, "t is 2"}}) {
    const double time = t;
    coeffs(says, kBad, {says}, [=](World& w) {
      return w.coefficients(time, 0, {NWR_STATE, NWR_VELOCITY}, NWR_DATA);
    });
  }
  for (const auto& [d, says] : {std::pair{kNan, "diffusion is nan"},
                                {kInf, "diffusion is inf"},
                                {-0.5, "diffusion is -0.5"}}) {
    const double w2 = d;
    coeffs(says, kBad, {says}, [=](World& w) {
      return w.coefficients(0.5, w2, {NWR_STATE, NWR_VELOCITY}, NWR_DATA);
    });
  }
  coeffs("not determined", NWR_ERROR_SINGULAR, {"noise", "t = 0.5", "sigma 0.5"},
         [](World& w) { return w.coefficients(0.5, 0, {NWR_STATE}, NWR_NOISE); });
  coeffs("score without noise", NWR_ERROR_SINGULAR, {"score", "t = 1", "sigma 0"}, [](World& w) {
    return w.coefficients(1, 0, {NWR_DATA, NWR_NOISE}, NWR_SCORE);
  });

  const auto combine = [&](const char* what, std::vector<std::string> says,
                           std::function<nwr_status(World&)> call) {
    rows.push_back({std::string("tensor_combine: ") + what, kBad, std::move(says), call});
  };
  combine("context NULL", {"context is NULL"}, [](World& w) {
    const nwr_tensor* inputs[] = {&w.x};
    return nwr_tensor_combine(nullptr, w.factors, inputs, 1, &w.y);
  });
  combine("factors NULL", {"factors is NULL"}, [](World& w) {
    const nwr_tensor* inputs[] = {&w.x};
    return nwr_tensor_combine(w.context.get(), nullptr, inputs, 1, &w.y);
  });
  combine("inputs NULL", {"inputs is NULL"}, [](World& w) {
    return nwr_tensor_combine(w.context.get(), w.factors, nullptr, 1, &w.y);
  });
  for (const size_t count : {size_t{0}, size_t{9}, SIZE_MAX}) {
    const std::string says = "input_count is " + std::to_string(count);
    combine(says.c_str(), {says}, [=](World& w) {
      const nwr_tensor* inputs[] = {&w.x};
      return nwr_tensor_combine(w.context.get(), w.factors, inputs, count, &w.y);
    });
  }
  rows.push_back({"tensor_blend: context NULL", kBad, {"context is NULL"}, [](World& w) {
                    return nwr_tensor_blend(nullptr, &w.x, &w.y, &w.z);
                  }});
  for (const double factor : {kNan, kInf, -kInf}) {
    const std::string says = std::isnan(factor) ? "factors[1] is nan"
                             : factor > 0       ? "factors[1] is inf"
                                                : "factors[1] is -inf";
    combine(says.c_str(), {says}, [=](World& w) {
      const nwr_tensor* inputs[] = {&w.x, &w.y};
      const double factors[] = {1, factor};
      return nwr_tensor_combine(w.context.get(), factors, inputs, 2, &w.z);
    });
  }
}

int32_t no_noise(void*, uint64_t, const nwr_tensor*) { return -5; }

void add_samplers(Rows& rows) {
  rows.push_back({"sampler_create: context NULL", kBad, {"context is NULL"}, [](World& w) {
                    return nwr_sampler_create(nullptr, w.schedule.get(), &w.options,
                                              &w.slate.sampler);
                  }});
  rows.push_back({"sampler_create: schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
                    return nwr_sampler_create(w.context.get(), nullptr, &w.options,
                                              &w.slate.sampler);
                  }});
  rows.push_back({"sampler_create: out NULL", kBad, {"out is NULL"}, [](World& w) {
                    return nwr_sampler_create(w.context.get(), w.schedule.get(), &w.options,
                                              nullptr);
                  }});
  const auto add = [&](const std::string& what, nwr_status status, std::vector<std::string> says,
                       std::function<void(World&, nwr_sampler_options&)> spoil) {
    rows.push_back({"sampler_create: " + what, status, std::move(says), [=](World& w) {
                      spoil(w, w.options);
                      return w.create();
                    }});
  };
  static const std::vector<double> long_grid(1000002, 0.5);
  const auto times = [](std::vector<double> values) {
    return [=](World& w, nwr_sampler_options& o) {
      std::copy(values.begin(), values.end(), w.slate.times);
      o.steps = 0, o.times = w.slate.times, o.time_count = static_cast<uint32_t>(values.size());
    };
  };
  add("steps beside times", kBad, {"options.steps is 4"},
      [](World& w, nwr_sampler_options& o) { o.times = w.slate.times, o.time_count = 2; });
  add("steps above 1000000", kBad, {"options.steps is 1000001"},
      [](World&, nwr_sampler_options& o) { o.steps = 1000001; });
  add("steps most", kBad, {"options.steps is 4294967295"},
      [](World&, nwr_sampler_options& o) { o.steps = UINT32_MAX; });
  add("time_count 0", kBad, {"options.time_count is 0"}, times({}));
  add("time_count 1", kBad, {"options.time_count is 1"}, times({0.5}));
  add("time_count 1000002", kBad, {"options.time_count is 1000002"},
      [](World&, nwr_sampler_options& o) {
        o.steps = 0, o.times = long_grid.data(), o.time_count = 1000002;
      });
  add("time_count most", kBad, {"options.time_count is 4294967295"},
      [](World& w, nwr_sampler_options& o) {
        o.steps = 0, o.times = w.slate.times, o.time_count = UINT32_MAX;
      });
  add("time_count without times", kBad, {"options.times is NULL", "time_count is 4"},
      [](World&, nwr_sampler_options& o) { o.time_count = 4; });
  add("time_rows without times", kBad, {"options.times is NULL", "time_rows 2"},
      [](World&, nwr_sampler_options& o) { o.time_rows = 2; });
  add("time_rows most", kBad, {"options.time_rows is 4294967295"},
      [](World& w, nwr_sampler_options& o) {
        o.steps = 0, o.times = w.slate.times, o.time_count = 2, o.time_rows = UINT32_MAX;
      });
  add("times turn back without noise", kBad, {"options.rngs is NULL"}, times({0, 0.5, 0.25, 1}));
  add("times turn back to data", kBad, {"options.times[2] is 0.75", "0.5", "turn back to data"},
      times({1, 0.5, 0.75, 0}));
  add("times turn back to data after a wait", kBad, {"options.times[3] is 0.75", "turn back"},
      times({1, 0.5, 0.5, 0.75}));
  add("times turn back in row 1", kBad, {"options.times[5] is 0", "another row"},
      [=](World& w, nwr_sampler_options& o) {
        times({0, 0.5, 1, 0, 0.5, 0})(w, o);
        o.time_count = 3, o.time_rows = 2;
      });
  add("a time is nan", kBad, {"options.times[1] is nan"}, times({0, kNan, 1}));
  add("a time is inf", kBad, {"options.times[2] is inf"}, times({0, 0.5, kInf}));
  add("a time is before", kBad, {"options.times[0] is -0.5", "linear"}, times({-0.5, 0.5, 1}));
  add("a time is beyond", kBad, {"options.times[2] is 1.5", "linear"}, times({0, 0.5, 1.5}));
  for (const int32_t value : kUnknown) {
    const std::string number = std::to_string(value);
    add("prediction " + number, kBad, {"options.prediction is " + number},
        [=](World&, nwr_sampler_options& o) { o.prediction = as<nwr_quantity>(value); });
    add("clock " + number, kBad, {"options.clock is " + number},
        [=](World&, nwr_sampler_options& o) { o.clock = as<nwr_clock>(value); });
    rows.push_back({"sampler_start: start " + number, kBad, {"start is " + number}, [=](World& w) {
                      return nwr_sampler_start(w.run.get(), &w.x, as<nwr_start>(value));
                    }});
  }
  add("prediction latent", kBad, {"options.prediction is latent"},
      [](World&, nwr_sampler_options& o) { o.prediction = NWR_LATENT; });
  add("prediction drift", NWR_ERROR_SINGULAR, {"drift do not determine velocity"},
      [](World&, nwr_sampler_options& o) { o.prediction = NWR_DRIFT; });
  add("clock index on linear", kBad, {"options.clock is index", "linear"},
      [](World&, nwr_sampler_options& o) { o.clock = NWR_CLOCK_INDEX; });
  add("rngs NULL", kBad, {"options.rngs is NULL"},
      [](World&, nwr_sampler_options& o) { o.rng_count = 1; });
  add("rngs without a count", kBad, {"options.rngs", "options.rng_count is 0"},
      [](World& w, nwr_sampler_options& o) { o.rngs = w.rngs; });
  for (const char* spec : {"ddpm", "ddim(eta=0.5)"}) {
    add(std::string(spec) + " without rngs", kBad, {"options.rngs is NULL", "draws noise"},
        [=](World&, nwr_sampler_options& o) { o.name = spec; });
  }
  for (const nwr_quantity what : {NWR_NOISE, NWR_SCORE}) {
    add("prediction says nothing at t = 0: " + std::to_string(what), NWR_ERROR_SINGULAR,
        {"t = 0", "alpha is 0", what == NWR_NOISE ? "noise" : "score"},
        [=](World& w, nwr_sampler_options& o) {
          times({0, 0.5, 1})(w, o);
          o.prediction = what;
        });
  }

  const auto on_run = [&](const char* what, nwr_status status, std::vector<std::string> says,
                          std::function<nwr_status(World&)> call) {
    rows.push_back({what, status, std::move(says), std::move(call)});
  };
  on_run("sampler_start: sampler NULL", kBad, {"sampler is NULL"},
         [](World& w) { return nwr_sampler_start(nullptr, &w.x, NWR_START_STATE); });
  on_run("sampler_start: prior without rngs", kBad, {"options.rngs is NULL"},
         [](World& w) { return nwr_sampler_start(w.run.get(), &w.x, NWR_START_PRIOR); });
  on_run("sampler_start: data without rngs", kBad, {"options.rngs is NULL"},
         [](World& w) { return nwr_sampler_start(w.run.get(), &w.x, NWR_START_DATA); });
  on_run("sampler_start: noise fails", NWR_ERROR_CALLBACK, {"options.noise returned -5", "draw 0"},
         [](World& w) {
           w.options.noise = no_noise;
           w.make(), w.freeze();
           return nwr_sampler_start(w.run.get(), &w.x, NWR_START_PRIOR);
         });
  on_run("sampler_start: 3 rngs for 4 samples", kBad, {"batch of 4", "3 rngs"}, [](World& w) {
    w.options.rngs = w.rngs, w.options.rng_count = 3;
    w.make(), w.freeze();
    return nwr_sampler_start(w.run.get(), &w.x, NWR_START_PRIOR);
  });
  on_run("sampler_start: 2 rows for 4 samples", kBad, {"batch of 4", "2 rows"}, [](World& w) {
    const double grid[] = {0, 1, 0, 1};
    w.options.steps = 0, w.options.times = grid;
    w.options.time_count = 2, w.options.time_rows = 2;
    w.make(), w.freeze();
    return nwr_sampler_start(w.run.get(), &w.x, NWR_START_STATE);
  });
  on_run("sampler_next: sampler NULL", kBad, {"sampler is NULL"},
         [](World& w) { return nwr_sampler_next(nullptr, &w.slate.eval); });
  on_run("sampler_next: out NULL", kBad, {"out is NULL"},
         [](World& w) { return nwr_sampler_next(w.run.get(), nullptr); });
  on_run("sampler_next: before start", kState, {"not been started"}, [](World& w) {
    w.make(), w.freeze();
    return nwr_sampler_next(w.run.get(), &w.slate.eval);
  });
  on_run("sampler_step: sampler NULL", kBad, {"sampler is NULL"},
         [](World& w) { return nwr_sampler_step(nullptr, &w.x, &w.y, 1); });
  on_run("sampler_step: outputs NULL", kBad, {"outputs is NULL"},
         [](World& w) { return nwr_sampler_step(w.run.get(), &w.x, nullptr, 1); });
  on_run("sampler_step: before start", kState, {"not been started"}, [](World& w) {
    w.make(), w.freeze();
    return nwr_sampler_step(w.run.get(), &w.x, &w.y, 1);
  });
  on_run("sampler_step: after the end", kState, {"over"}, [](World& w) {
    for (int i = 0; i < 4; ++i) w.step();
    w.freeze();
    return nwr_sampler_step(w.run.get(), &w.x, &w.y, 1);
  });
  for (const size_t count : {size_t{0}, size_t{2}, SIZE_MAX}) {
    rows.push_back({"sampler_step: output_count " + std::to_string(count),
                    kBad,
                    {"output_count is " + std::to_string(count), "1"},
                    [=](World& w) { return nwr_sampler_step(w.run.get(), &w.x, &w.y, count); }});
  }
  on_run("sampler_step: one output for guidance", kBad, {"output_count is 1", "2"}, [](World& w) {
    w.options.name = "euler(guidance=2)";
    w.make(), w.start(), w.freeze();
    return nwr_sampler_step(w.run.get(), &w.x, &w.y, 1);
  });
  on_run("sampler_step: x in f64", kBad, {"x.dtype is f64", "f32"}, [](World& w) {
    w.bent = w.x;
    w.bent.dtype = NWR_F64;
    return nwr_sampler_step(w.run.get(), &w.bent, &w.y, 1);
  });
  on_run("sampler_run: x in f64", kBad, {"x.dtype is f64", "f32"}, [](World& w) {
    w.bent = w.x;
    w.bent.dtype = NWR_F64;
    return nwr_sampler_run(w.run.get(), &w.bent, &w.callbacks);
  });
  on_run("sampler_step: noise fails", NWR_ERROR_CALLBACK, {"options.noise returned -5", "draw 0"},
         [](World& w) {
           w.options.name = "ddpm", w.options.noise = no_noise;
           w.make(), w.start(), w.freeze();
           return nwr_sampler_step(w.run.get(), &w.x, &w.y, 1);
         });
  on_run("sampler_denoised: sampler NULL", kBad, {"sampler is NULL"},
         [](World& w) { return nwr_sampler_denoised(nullptr, &w.z); });
  on_run("sampler_denoised: without the flag", kState, {"NWR_SAMPLER_KEEP_DENOISED"}, [](World& w) {
    w.step(), w.freeze();
    return nwr_sampler_denoised(w.run.get(), &w.z);
  });
  on_run("sampler_denoised: before the first step", kState, {"no evaluation yet"}, [](World& w) {
    w.options.flags = NWR_SAMPLER_KEEP_DENOISED;
    w.make(), w.start(), w.freeze();
    return nwr_sampler_denoised(w.run.get(), &w.z);
  });
  on_run("sampler_denoised: before start", kState, {"no evaluation yet"}, [](World& w) {
    w.options.flags = NWR_SAMPLER_KEEP_DENOISED;
    w.make(), w.freeze();
    return nwr_sampler_denoised(w.run.get(), &w.z);
  });
  on_run("sampler_plan: sampler NULL", kBad, {"sampler is NULL"}, [](World&) {
    auto plan = sized<nwr_plan>();
    return nwr_sampler_plan(nullptr, 0, &plan);
  });
  on_run("sampler_plan: out NULL", kBad, {"out is NULL"},
         [](World& w) { return nwr_sampler_plan(w.run.get(), 0, nullptr); });
  on_run("sampler_plan: out without size", kBad, {"out.struct_size is 0"}, [](World& w) {
    nwr_plan plan{};
    return nwr_sampler_plan(w.run.get(), 0, &plan);
  });
  on_run("sampler_plan: index beyond the end", kBad, {"index is 1000000", "above"}, [](World& w) {
    auto plan = sized<nwr_plan>();
    return nwr_sampler_plan(w.run.get(), 1000000, &plan);
  });
  on_run("sampler_plan_json: sampler NULL", kBad, {"sampler is NULL"}, [](World&) {
    const char* text = nullptr;
    return nwr_sampler_plan_json(nullptr, &text);
  });
  on_run("sampler_plan_json: out NULL", kBad, {"out is NULL"},
         [](World& w) { return nwr_sampler_plan_json(w.run.get(), nullptr); });
  on_run("sampler_run: sampler NULL", kBad, {"sampler is NULL"},
         [](World& w) { return nwr_sampler_run(nullptr, &w.x, &w.callbacks); });
  on_run("sampler_run: callbacks NULL", kBad, {"callbacks is NULL"},
         [](World& w) { return nwr_sampler_run(w.run.get(), &w.x, nullptr); });
  on_run("sampler_run: model NULL", kBad, {"callbacks.model is NULL"}, [](World& w) {
    w.callbacks.model = nullptr;
    return nwr_sampler_run(w.run.get(), &w.x, &w.callbacks);
  });
  on_run("sampler_run: before start", kState, {"not been started"}, [](World& w) {
    w.make(), w.freeze();
    return nwr_sampler_run(w.run.get(), &w.x, &w.callbacks);
  });
  on_run("sampler_run: model fails", NWR_ERROR_CALLBACK, {"callbacks.model returned -9"},
         [](World& w) {
           w.callbacks.model = [](void*, const nwr_eval*, const nwr_tensor*, const nwr_tensor*) {
             return int32_t{-9};
           };
           return nwr_sampler_run(w.run.get(), &w.x, &w.callbacks);
         });
}

void add_saved_states(Rows& rows) {
  const auto add = [&](const std::string& what, nwr_status status, std::vector<std::string> says,
                       std::function<nwr_status(World&)> call) {
    rows.push_back({what, status, std::move(says), std::move(call)});
  };
  add("sampler_save: sampler NULL", kBad, {"sampler is NULL"},
      [](World& w) { return nwr_sampler_save(nullptr, w.slate.bytes, 64, &w.slate.size); });
  add("sampler_save: size NULL", kBad, {"size is NULL"},
      [](World& w) { return nwr_sampler_save(w.run.get(), w.slate.bytes, 64, nullptr); });
  add("sampler_save: buffer NULL", kBad, {"buffer is NULL"},
      [](World& w) { return nwr_sampler_save(w.run.get(), nullptr, 64, &w.slate.size); });
  add("sampler_save: noise by callback", kNotYet, {"callback"}, [](World& w) {
    w.options.noise = no_noise;
    w.make(), w.start(), w.freeze();
    return nwr_sampler_save(w.run.get(), w.slate.bytes, 64, &w.slate.size);
  });
  for (const size_t capacity : {1, 63, 64}) {
    add("sampler_save: capacity " + std::to_string(capacity), NWR_ERROR_BUFFER_TOO_SMALL,
        {"capacity is " + std::to_string(capacity)}, [=](World& w) {
          size_t size = 0;  // the one output that such a failure does write
          const nwr_status status = nwr_sampler_save(w.run.get(), w.slate.bytes, capacity, &size);
          EXPECT_EQ(w.save().size(), size);
          return status;
        });
  }
  add("sampler_load: context NULL", kBad, {"context is NULL"}, [](World& w) {
    return nwr_sampler_load(nullptr, w.schedule.get(), w.slate.bytes, 64, &w.slate.sampler);
  });
  add("sampler_load: schedule NULL", kBad, {"schedule is NULL"}, [](World& w) {
    return nwr_sampler_load(w.context.get(), nullptr, w.slate.bytes, 64, &w.slate.sampler);
  });
  add("sampler_load: buffer NULL", kBad, {"buffer is NULL"}, [](World& w) {
    return nwr_sampler_load(w.context.get(), w.schedule.get(), nullptr, 64, &w.slate.sampler);
  });
  add("sampler_load: out NULL", kBad, {"out is NULL"}, [](World& w) {
    const auto bytes = w.save();
    return nwr_sampler_load(w.context.get(), w.schedule.get(), bytes.data(), bytes.size(), nullptr);
  });
  add("sampler_load: size 0", NWR_ERROR_CORRUPT, {"buffer"}, [](World& w) {
    return nwr_sampler_load(w.context.get(), w.schedule.get(), w.slate.bytes, 0, &w.slate.sampler);
  });
  add("sampler_load: not a saved sampler", NWR_ERROR_CORRUPT, {"buffer", "no saved sampler"},
      [](World& w) {
        return nwr_sampler_load(w.context.get(), w.schedule.get(), w.slate.bytes, 64,
                                &w.slate.sampler);
      });
  add("sampler_load: future format", NWR_ERROR_CORRUPT, {"buffer", "format 3", "reads 1"},
      [](World& w) {
        auto bytes = w.save();
        bytes[8] = 3;
        return w.load(bytes);
      });
  add("sampler_load: bytes behind the end", NWR_ERROR_CORRUPT, {"buffer"}, [](World& w) {
    auto bytes = w.save();
    bytes.resize(bytes.size() + 16);
    return w.load(bytes);
  });
  add("sampler_load: another schedule", kBad, {"schedule is vp", "linear"}, [](World& w) {
    const auto bytes = w.save();
    w.use("vp");
    return w.load(bytes);
  });
  add("sampler_load: another setting", kBad, {"schedule is vp", "beta_max=20", "beta_max=10"},
      [](World& w) {
        w.use("vp(beta_max=10)");
        w.make();
        const auto bytes = w.save();
        w.use("vp");
        w.freeze();
        return w.load(bytes);
      });
  add("sampler_load: another table", kBad, {"schedule gives alpha", "t = 1"}, [](World& w) {
    const double first[] = {0.9, 0.5}, second[] = {0.9, 0.4};
    auto o = sized<nwr_schedule_options>();
    o.name = "table", o.table_count = 2;
    for (const double* values : {first, second}) {
      o.table = values;
      nwr_schedule* schedule = nullptr;
      NWR_EXPECT_OK(nwr_schedule_create(&o, &schedule));
      w.schedule.reset(schedule);
      if (values == second) break;
      w.options.steps = 2;
      w.make(), w.start();
    }
    w.freeze();
    return w.load(w.save());
  });
}

TEST(Errors, BadInputIsRefusedWithAMessageAndWritesNothing) {
  Rows rows;
  add_tensors(rows);
  add_overlaps(rows);
  add_names(rows);
  add_catalog(rows);
  add_structs(rows);
  add_context(rows);
  add_random(rows);
  add_settings(rows);
  add_schedules(rows);
  add_grids(rows);
  add_imports(rows);
  add_transforms(rows);
  add_samplers(rows);
  add_saved_states(rows);
  RecordProperty("rows", static_cast<int>(rows.size()));

  std::set<std::string> seen, functions;
  for (const Row& row : rows) {
    SCOPED_TRACE(row.what);
    EXPECT_TRUE(seen.insert(row.what).second) << "two rows of this name";
    functions.insert(row.what.substr(0, row.what.find_first_of(":,")));
    World world;
    // A message of before must not pass for this call's.
    EXPECT_EQ(kBad, nwr_catalog_find(NWR_DOMAIN_STATUS, nullptr, nullptr));
    const nwr_status status = row.call(world);
    const std::string message = nwr_last_error();
    EXPECT_EQ(row.expected, status) << message;
    for (const std::string& part : row.says) {
      EXPECT_NE(std::string::npos, message.find(part)) << "'" << part << "' not in: " << message;
    }
    EXPECT_EQ(std::string::npos, message.find('\0'));
    EXPECT_TRUE(world.unchanged()) << "an output was written";
    EXPECT_TRUE(world.sampler_unchanged()) << "the sampler was changed";
  }

  // Every fallible function of the header has rows.
  std::ifstream file(NWR_TEST_DATA_DIR "/../include/noisewright.h");
  std::stringstream text;
  text << file.rdbuf();
  const std::string header = text.str();
  const std::regex declaration("NWR_API nwr_status nwr_([a-z_]+)\\(");
  std::set<std::string> declared;
  for (std::sregex_iterator it(header.begin(), header.end(), declaration), end; it != end; ++it) {
    declared.insert((*it)[1]);
  }
  EXPECT_GE(declared.size(), 24u);
  EXPECT_EQ(declared, functions);
}

// ---- what the table cannot say ------------------------------------------------------------------

TEST(Errors, SuccessDoesNotClearTheLastErrorAndMessagesArePerThread) {
  int32_t found = 0;
  EXPECT_EQ(kAbsent, nwr_catalog_find(NWR_DOMAIN_SAMPLER, "gone", &found));
  const std::string before = nwr_last_error();
  EXPECT_NE(std::string::npos, before.find("'gone'"));
  NWR_EXPECT_OK(nwr_catalog_find(NWR_DOMAIN_SAMPLER, "euler", &found));
  EXPECT_EQ(before, nwr_last_error());

  std::string fresh = "unset", other;
  std::thread thread([&] {
    int32_t out = 0;
    fresh = nwr_last_error();
    EXPECT_EQ(kAbsent, nwr_catalog_find(NWR_DOMAIN_GRID, "elsewhere", &out));
    other = nwr_last_error();
  });
  thread.join();
  EXPECT_EQ("", fresh);
  EXPECT_NE(std::string::npos, other.find("'elsewhere'"));
  EXPECT_EQ(before, nwr_last_error());
}

TEST(Errors, LongNamesAreCutNotOverrun) {
  const std::string name(100000, 'q');
  int32_t found = 0;
  EXPECT_EQ(kAbsent, nwr_catalog_find(NWR_DOMAIN_SAMPLER, name.c_str(), &found));
  const std::string message = nwr_last_error();
  EXPECT_GT(message.size(), 100u);
  EXPECT_LT(message.size(), 10000u);
}

TEST(Errors, UnknownEnumValuesAreOnlyNumbers) {
  for (const int32_t value : {-1, 14, 2000, INT32_MIN, INT32_MAX}) {
    EXPECT_EQ(0u, nwr_catalog_size(as<nwr_domain>(value)));
  }
}

TEST(Errors, FunctionsWithoutAStatusAcceptNull) {
  nwr_context_destroy(nullptr);
  nwr_schedule_destroy(nullptr);
  nwr_sampler_destroy(nullptr);
  nwr_sampler_cancel(nullptr);
  nwr_memory_free(nullptr, nullptr);
  const Context context = make_context();
  nwr_memory_free(context.get(), nullptr);
  int here = 5;
  nwr_memory_free(context.get(), &here);  // not lent: left alone
  void* memory = nullptr;
  NWR_ASSERT_OK(nwr_memory_alloc(context.get(), 100, &memory));
  EXPECT_EQ(0u, reinterpret_cast<uintptr_t>(memory) % 64);
  std::memset(memory, 1, 100);
  nwr_memory_free(nullptr, memory);
  nwr_memory_free(context.get(), memory);
  EXPECT_EQ(5, here);
}

TEST(Errors, DamagedStatesAreCorruptWhateverTheDamage) {
  World w;
  const nwr_rng rng{7, 0, 0};
  w.options.name = "dpmpp-2m";
  w.options.flags = NWR_SAMPLER_KEEP_DENOISED;
  w.options.rngs = &rng, w.options.rng_count = 1;
  w.make(), w.start(), w.step(), w.step(), w.freeze();
  const std::vector<unsigned char> whole = w.save();
  ASSERT_GT(whole.size(), 200u);
  for (size_t length = 0; length < whole.size(); ++length) {
    // A copy of exactly this length, so that a sanitizer sees any byte read beyond.
    const std::vector<unsigned char> part(whole.begin(),
                                          whole.begin() + static_cast<std::ptrdiff_t>(length));
    unsigned char none = 0;
    EXPECT_EQ(NWR_ERROR_CORRUPT,
              nwr_sampler_load(w.context.get(), w.schedule.get(), length ? part.data() : &none,
                               length, &w.slate.sampler))
        << "cut at " << length;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (const int flip : {0x01, 0x20, 0x80, 0xFF}) {
      std::vector<unsigned char> bent = whole;
      bent[at] = static_cast<unsigned char>(bent[at] ^ flip);
      const nwr_status status = w.load(bent);
      EXPECT_EQ(NWR_ERROR_CORRUPT, status) << "byte " << at << " of " << whole.size();
      if (status == NWR_OK) {
        nwr_sampler_destroy(w.slate.sampler);
        w.freeze();
      }
    }
  }
  EXPECT_TRUE(w.unchanged());
  NWR_ASSERT_OK(w.load(whole));  // the undamaged bytes do load
  nwr_sampler_destroy(w.slate.sampler);
}

}  // namespace
}  // namespace nwr_test
