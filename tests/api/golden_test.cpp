// SPDX-License-Identifier: Apache-2.0
// Owns saved samplers of every format version there was: they load for ever and go on where they
// stood. Must not know how they are laid out.
//
// The files in tests/golden/states are never written again. A new format adds lines to kFiles;
// with NWR_WRITE_GOLDEN=1 the test writes the files that are missing.
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "api/support.hpp"

namespace nwr_test {
namespace {

struct File {
  int format;
  const char *name, *schedule, *sampler, *generator;
  nwr_dtype dtype;
  uint32_t steps_done;
};
constexpr File kFiles[] = {
    {1, "euler", "linear", "euler", nullptr, NWR_F32, 0},
    {1, "dpmpp-2m", "vp", "dpmpp-2m", nullptr, NWR_F32, 3},
    {1, "ddim", "ddpm(count=50)", "ddim(eta=0.5)", nullptr, NWR_F64, 2},
    {1, "unipc", "edm", "unipc(order=3)", nullptr, NWR_F16, 4},
    {1, "edm", "edm", "edm(s_churn=20)", nullptr, NWR_F32, 3},
    {1, "done", "flux", "heun", nullptr, NWR_BF16, 11},
    {2, "brownian", "vp", "dpmpp-sde", "brownian", NWR_F32, 3},
    {2, "torch-cpu", "sdxl", "euler-ancestral", "torch-cpu", NWR_F32, 2},
    {2, "torch-cuda", "sd3", "ddpm", "torch-cuda", NWR_F16, 2},
};

using Bytes = std::vector<unsigned char>;

std::string path_of(const File& file, const char* ending) {
  return std::string(NWR_TEST_DATA_DIR "/golden/states/") + file.name + ending;
}

Bytes read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

Bytes save(const Sampler& sampler) {
  size_t size = 0;
  NWR_EXPECT_OK(nwr_sampler_save(sampler.get(), nullptr, 0, &size));
  Bytes bytes(size);
  NWR_EXPECT_OK(nwr_sampler_save(sampler.get(), bytes.data(), size, &size));
  return bytes;
}

void go_on(const Sampler& sampler, const Schedule& schedule, Tensor* x, uint32_t most) {
  Tensor output = *x;
  auto eval = sized<nwr_eval>();
  for (uint32_t i = 0; i < most && nwr_sampler_next(sampler.get(), &eval) == NWR_OK; ++i) {
    evaluate(Gaussian{}, schedule, NWR_DATA, eval, *x, &output);
    NWR_ASSERT_OK(nwr_sampler_step(sampler.get(), *x, output, 1));
  }
}

// A state file, and beside it x as it was then and as it is in the end.
void write(const File& file) {
  const Context context = make_context();
  const Schedule schedule = make_schedule(file.schedule);
  const nwr_rng rng = {11, 0, 0};
  auto options = sized<nwr_sampler_options>();
  options.name = file.sampler, options.generator = file.generator, options.steps = 6;
  options.prediction = NWR_DATA, options.rngs = &rng, options.rng_count = 1;
  options.flags = NWR_SAMPLER_KEEP_DENOISED;
  const Sampler sampler = make_sampler(context, schedule, options);
  Tensor x(file.dtype, {2, 12});
  NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_PRIOR));
  go_on(sampler, schedule, &x, file.steps_done);
  const Bytes bytes = save(sampler);
  std::ofstream state(path_of(file, ".state"), std::ios::binary);
  state.write(reinterpret_cast<const char*>(bytes.data()),
              static_cast<std::streamsize>(bytes.size()));
  std::ofstream text(path_of(file, ".txt"));
  text.precision(17);
  for (const double value : x.values()) text << value << '\n';
  go_on(sampler, schedule, &x, 1000);
  for (const double value : x.values()) text << value << '\n';
}

TEST(Golden, StatesOfEveryFormatLoadAndGoOn) {
  for (const File& file : kFiles) {
    SCOPED_TRACE(file.name);
    Bytes bytes = read(path_of(file, ".state"));
    if (bytes.empty() && std::getenv("NWR_WRITE_GOLDEN")) {
      write(file);
      bytes = read(path_of(file, ".state"));
    }
    ASSERT_GT(bytes.size(), 12u);
    EXPECT_EQ(file.format, bytes[8]);
    std::ifstream text(path_of(file, ".txt"));
    const std::vector<double> numbers{std::istream_iterator<double>(text), {}};
    ASSERT_EQ(48u, numbers.size());
    const Context context = make_context();
    const Schedule schedule = make_schedule(file.schedule);
    nwr_sampler* loaded = nullptr;
    NWR_ASSERT_OK(
        nwr_sampler_load(context.get(), schedule.get(), bytes.data(), bytes.size(), &loaded));
    const Sampler sampler(loaded);
    EXPECT_EQ(bytes, save(sampler));  // while this version writes the same format
    Tensor x = Tensor(file.dtype, {2, 12}).fill({numbers.begin(), numbers.begin() + 24});
    go_on(sampler, schedule, &x, 1000);
    for (size_t i = 0; i < 24; ++i) {
      const double expected = numbers[24 + i];
      // Factors come from the C library, whose last digit may differ elsewhere.
      EXPECT_NEAR(expected, x.get(i),
                  4 * epsilon_of(file.dtype) * std::max(1.0, std::fabs(expected)));
    }
  }
}

// Whatever bytes are lost, changed or from the future, the file is refused and nothing is written.
TEST(Golden, StatesThatAreDamagedAreRefused) {
  const Context context = make_context();
  for (const File& file : kFiles) {
    SCOPED_TRACE(file.name);
    const Schedule schedule = make_schedule(file.schedule);
    const Bytes whole = read(path_of(file, ".state"));
    const auto refused = [&](const Bytes& bytes) {
      nwr_sampler* loaded = nullptr;
      const nwr_status status = nwr_sampler_load(
          context.get(), schedule.get(),
          bytes.empty() ? "" : static_cast<const void*>(bytes.data()), bytes.size(), &loaded);
      EXPECT_EQ(nullptr, loaded);
      return status == NWR_ERROR_CORRUPT;
    };
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_TRUE(refused(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))))
          << size;
    }
    for (size_t bit = 0; bit < 8 * whole.size(); ++bit) {
      Bytes bent = whole;
      bent[bit / 8] = static_cast<unsigned char>(bent[bit / 8] ^ 1u << bit % 8);
      EXPECT_TRUE(refused(bent)) << "bit " << bit;
    }
    Bytes longer = whole, later = whole;
    longer.push_back(0);
    EXPECT_TRUE(refused(longer));
    for (const int format : {0, 3, 4, 255}) {
      later[8] = static_cast<unsigned char>(format);
      EXPECT_TRUE(refused(later));
      EXPECT_NE(nullptr, std::strstr(nwr_last_error(), "format")) << nwr_last_error();
    }
  }
}

}  // namespace
}  // namespace nwr_test
