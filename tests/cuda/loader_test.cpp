// SPDX-License-Identifier: Apache-2.0
// Owns the proof that plugins are found, checked and refused in plain words. Must not know CUDA.
#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "device.hpp"

namespace nwr_test {
namespace {

// Sets or unsets an environment variable for a while.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    const char* const before = std::getenv(name);
    had_ = before != nullptr;
    if (had_) before_ = before;
    value ? setenv(name, value, 1) : unsetenv(name);
  }
  ~Environment() { had_ ? setenv(name_, before_.c_str(), 1) : unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::string before_;
  bool had_;
};

nwr_context_options options_of(const char* plugin, int32_t device_id = 0) {
  auto options = sized<nwr_context_options>();
  options.device = NWR_CUDA;
  options.device_id = device_id;
  options.plugin = plugin;
  options.threads = 1;
  return options;
}

// The status and message of a context that cannot be made.
std::string refusal(const char* plugin, int32_t device_id = 0,
                    nwr_status status = NWR_ERROR_BACKEND) {
  const nwr_context_options options = options_of(plugin, device_id);
  nwr_context* context = nullptr;
  EXPECT_EQ(status, nwr_context_create(&options, &context));
  EXPECT_EQ(nullptr, context);
  return nwr_last_error();
}

void expect_says(const std::string& message, std::vector<std::string> parts) {
  for (const std::string& part : parts) {
    EXPECT_NE(std::string::npos, message.find(part)) << part << " is not in: " << message;
  }
}

TEST(Loader, NamesAFileThatCannotBeOpened) {
  expect_says(refusal("/nowhere/plugin.so"),
              {"options.plugin is /nowhere/plugin.so", "cannot be opened"});
  const Environment variable("NWR_CUDA_PLUGIN", "/nowhere/else.so");
  expect_says(refusal(nullptr), {"NWR_CUDA_PLUGIN is /nowhere/else.so", "cannot be opened"});
}

// Of a copy of the library, which has no neighbours.
TEST(Loader, TellsWhereItLooked) {
  const Environment variable("NWR_CUDA_PLUGIN", nullptr);
  Dl_info info;
  ASSERT_NE(0, dladdr(reinterpret_cast<void*>(&nwr_version), &info));
  char folder[] = "/tmp/noisewright-loader-XXXXXX";
  ASSERT_NE(nullptr, mkdtemp(folder));
  const std::filesystem::path file = std::filesystem::path(folder) / "libnoisewright.so.0";
  std::filesystem::copy_file(info.dli_fname, file);
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(nullptr, library) << dlerror();
  const auto create =
      reinterpret_cast<decltype(&nwr_context_create)>(dlsym(library, "nwr_context_create"));
  const auto error = reinterpret_cast<decltype(&nwr_last_error)>(dlsym(library, "nwr_last_error"));
  ASSERT_TRUE(create && error);
  const auto options = options_of(nullptr);
  nwr_context* context = nullptr;
  EXPECT_EQ(NWR_ERROR_BACKEND, create(&options, &context));
  expect_says(error(), {"options.device is cuda, but no plugin was found", "options.plugin",
                        "$NWR_CUDA_PLUGIN", std::string(folder) + "/libnoisewright-cuda.so.0"});
  std::filesystem::remove_all(folder);
}

TEST(Loader, RefusesWhatIsNoPlugin) {
  expect_says(refusal(fake("empty").c_str()),
              {"fake_empty", "is no plugin of noisewright", "nwr_backend_query"});
}

TEST(Loader, TellsBothVersions) {
  const std::string own = std::to_string(NWR_VERSION_MAJOR) + "." +
                          std::to_string(NWR_VERSION_MINOR) + "." +
                          std::to_string(NWR_VERSION_PATCH);
  expect_says(refusal(fake("old").c_str()),
              {"fake_old", "is of version 99.2.3", "this is noisewright " + own});
  expect_says(refusal(fake("build").c_str()),
              {"fake_build", "another build of noisewright " + own});
}

TEST(Loader, TellsWhyThereIsNoDevice) {
  expect_says(refusal(fake("none").c_str()),
              {"options.device is cuda, but there is no device: the driver is on holiday"});
}

TEST(Loader, TellsHowManyDevicesThereAre) {
  expect_says(refusal(fake("cpu").c_str(), 2), {"options.device_id is 2", "cuda has 2 devices"});
  expect_says(refusal(fake("cpu").c_str(), -1), {"options.device_id is -1"});
  expect_says(refusal(fake("broken").c_str(), 1), {"options.device_id is 1", "1 device, 0"});
}

TEST(Loader, CudasOwnPluginLoadsWithoutADriverAndSaysSo) {
#if defined(NWR_PLUGIN_FILE)
  const nwr_context_options options = options_of(NWR_PLUGIN_FILE);
  nwr_context* context = nullptr;
  if (nwr_context_create(&options, &context) == NWR_OK) {
    nwr_context_destroy(context);
    GTEST_SKIP() << "there is a GPU here";
  }
  EXPECT_EQ(nullptr, context);
  expect_says(nwr_last_error(), {"options.device is cuda, but there is no device: ", "NVIDIA"});
#else
  GTEST_SKIP() << "the plugin is not built here";
#endif
}

TEST(Loader, FindsThePluginOfTheEnvironment) {
  const std::string file = fake("cpu");
  const Environment variable("NWR_CUDA_PLUGIN", file.c_str());
  const nwr_context_options options = options_of(nullptr);
  nwr_context* context = nullptr;
  NWR_EXPECT_OK(nwr_context_create(&options, &context));
  nwr_context_destroy(context);
  auto entry = sized<nwr_entry>();
  bool available = false;
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_DEVICE); ++i) {
    NWR_EXPECT_OK(nwr_catalog_entry(NWR_DOMAIN_DEVICE, i, &entry));
    if (entry.value == NWR_CUDA) available = (entry.flags & NWR_ENTRY_AVAILABLE) != 0;
  }
  EXPECT_TRUE(available);
}

TEST(Loader, OpensFromSeveralThreadsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (const char* name : {"cpu", "none", "cpu"}) {
        const std::string file = fake(name);
        const nwr_context_options options = options_of(file.c_str());
        nwr_context* context = nullptr;
        nwr_context_create(&options, &context);
        nwr_context_destroy(context);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(Loader, PassesOnWhatADeviceReports) {
  const Context context = make_device("broken");
  void* memory = &memory;
  EXPECT_EQ(NWR_ERROR_OUT_OF_MEMORY, nwr_memory_alloc(context.get(), 64, &memory));
  EXPECT_STREQ("out of memory: 64 bytes on cuda device 0", nwr_last_error());
  EXPECT_EQ(&memory, memory);
  EXPECT_EQ(NWR_ERROR_DEVICE, nwr_context_synchronize(context.get()));
  expect_says(nwr_last_error(), {"the fault may be of earlier work"});
  // A step that fails leaves the sampler where it is.
  float x[4] = {};
  const int64_t shape[] = {1, 4};
  const nwr_tensor view = {x, NWR_CUDA, 0, 2, NWR_F32, shape, nullptr, 0};
  const nwr_rng rng = {1, 0, 0};
  EXPECT_EQ(NWR_ERROR_DEVICE, nwr_random_fill(context.get(), NWR_NORMAL, &rng, 1, &view));
  EXPECT_STREQ("cuda: the launch failed", nwr_last_error());
}

}  // namespace
}  // namespace nwr_test
