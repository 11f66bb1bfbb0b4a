// SPDX-License-Identifier: Apache-2.0
// noisewright noise: random numbers of a generator and their digest, to compare machines.
#include <algorithm>
#include <limits>
#include <vector>

#include "commands.hpp"
#include "files.hpp"
#include "nwr.hpp"
#include "table.hpp"

namespace tool {
namespace {

struct Type {
  const char* name;
  nwr_dtype value;
  std::size_t bytes;
};
constexpr Type kTypes[] = {
    {"f32", NWR_F32, 4}, {"f64", NWR_F64, 8}, {"f16", NWR_F16, 2}, {"bf16", NWR_BF16, 2}};

int noise(const Args& args) {
  constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
  const Format format = format_of(args);
  const std::string name = args.text("--generator", "philox");
  const std::string what = args.text("--distribution", "normal");
  const std::string wanted = args.text("--dtype", "f32");
  nwr_rng rng{args.whole("--seed", 0, 0, kAny), args.whole("--stream", 0, 0, kAny),
              args.whole("--offset", 0, 0, kAny)};
  const nwr_rng begin = rng;
  if (what != "normal" && what != "uniform") {
    throw UsageError("--distribution is normal or uniform, not '" + what + "'");
  }
  const Type* type = nullptr;
  for (const Type& t : kTypes) {
    if (wanted == t.name) type = &t;
  }
  if (type == nullptr) {
    throw UsageError("--dtype is f32, f64, f16 or bf16, not '" + wanted + "'");
  }
  std::vector<std::int64_t> shape;
  std::size_t count = 1;
  for (const std::string& part : split(args.text("--shape", "1x4x64x64"), 'x')) {
    const std::uint64_t n = parse_whole("--shape", part, 1, 1u << 30);
    shape.push_back(static_cast<std::int64_t>(n));
    count *= n;
    if (count > 1u << 30) throw UsageError("--shape has more than 2^30 elements");
  }

  const demo::Context context = demo::make_context(0);
  std::vector<unsigned char> bytes(count * type->bytes);
  nwr_tensor out{};
  out.data = bytes.data();
  out.device = NWR_CPU;
  out.ndim = static_cast<std::int32_t>(shape.size());
  out.dtype = type->value;
  out.shape = shape.data();
  nwr_random_options options{};
  options.struct_size = sizeof options;
  options.name = name.c_str();
  options.what = what == "normal" ? NWR_NORMAL : NWR_UNIFORM;
  // A path has a whole: from data to noise.
  options.from_level = 0;
  options.to_level = std::numeric_limits<double>::infinity();
  demo::check(nwr_random_generate(context.get(), &options, &rng, 1, &out));
  if (args.has("--raw")) {
    write_out({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return kFine;
  }

  const std::size_t shown = std::min<std::size_t>(count, 4);
  const auto shown_size = static_cast<std::int64_t>(shown);
  std::vector<double> first(shown);
  nwr_tensor few = out, wide{};
  few.ndim = wide.ndim = 1;
  few.shape = wide.shape = &shown_size;
  wide.data = first.data();
  wide.device = NWR_CPU;
  wide.dtype = NWR_F64;
  demo::check(nwr_tensor_copy(context.get(), &few, &wide));
  std::vector<std::string> numbers;
  numbers.reserve(shown);
  for (const double v : first) numbers.push_back(shortest(v));
  print(Record{{"generator", name},
               {"distribution", what},
               {"dtype", wanted},
               {"elements", static_cast<std::int64_t>(count)},
               {"seed", std::to_string(begin.seed)},
               {"stream", std::to_string(begin.stream)},
               {"offset", std::to_string(begin.offset)},
               {"next offset", std::to_string(rng.offset)},
               {"next stream", std::to_string(rng.stream)},
               {"first", numbers},
               {"sha256", demo::sha256(bytes.data(), bytes.size())}},
        format);
  return kFine;
}

}  // namespace

const Command kNoise{"noise",
                     "",
                     "Random numbers of a generator, and their SHA-256.",
                     0,
                     0,
                     {{"--seed", "S", "the seed (0)"},
                      {"--stream", "S", "as nwr_rng has it (0)"},
                      {"--offset", "N", "as nwr_rng has it (0)"},
                      {"--generator", "NAME", "as noisewright list generators names them (philox)"},
                      {"--distribution", "D", "normal or uniform (normal)"},
                      {"--dtype", "T", "f32, f64, f16 or bf16 (f32)"},
                      {"--shape", "AxBx...", "of the array (1x4x64x64)"},
                      {"--raw", "", "the bytes themselves, to standard output, little-endian"},
                      kFormat},
                     noise};

}  // namespace tool
