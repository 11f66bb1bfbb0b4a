// SPDX-License-Identifier: Apache-2.0
// Owns the finding, opening and checking of plugins. Must not know what they compute.
#include <dlfcn.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/backend.hpp"
#include "core/error.hpp"
#include "core/float_scope.hpp"

#define NWR_TEXT_OF(x) #x
#define NWR_TEXT(x) NWR_TEXT_OF(x)

namespace noisewright {
namespace {

constexpr const char* kFile = "libnoisewright-cuda.so." NWR_TEXT(NWR_ABI);
constexpr const char* kVariable = "NWR_CUDA_PLUGIN";
constexpr const char* kSymbol = "nwr_backend_query";

struct Plugin {
  void* library;
  Backend table;
};

// Built under the lock, never torn down.
struct Registry {
  std::mutex mutex;
  std::vector<std::unique_ptr<Plugin>> plugins;
};
Registry& registry() {
  static Registry* const all = new Registry;
  return *all;
}

void report(const char* text) { set_last_error(text); }

std::string show_version(uint32_t version) {
  return concat(version / 1000000, ".", version / 1000 % 1000, ".", version % 1000);
}

// The folder of this library's own code, with a slash behind it; empty where it cannot be told.
std::string own_folder() {
  static const char here = 0;
  Dl_info info;
  if (dladdr(&here, &info) == 0 || info.dli_fname == nullptr) return {};
  const std::string path = info.dli_fname;
  const size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string{} : path.substr(0, slash + 1);
}

void* open_library(const char* file, std::string* why) {
  // Start-up code of others may change the floating-point mode.
  const HostScope scope;
  void* const library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* const error = dlerror();
    *why = error ? error : "unknown reason";
  }
  return library;
}

const Backend& check(void* library, const std::string& file) {
  for (const auto& plugin : registry().plugins) {
    if (plugin->library == library) return plugin->table;
  }
  const auto query = reinterpret_cast<BackendQuery>(dlsym(library, kSymbol));
  if (!query) {
    fail(NWR_ERROR_BACKEND, file, " is no plugin of noisewright: it has no symbol ", kSymbol);
  }
  static const Host host = {sizeof(Host), 0, report};
  auto plugin = std::make_unique<Plugin>();
  plugin->library = library;
  Backend& table = plugin->table;
  table = {};
  table.struct_size = sizeof table;
  const int32_t status = query(kBackendAbi, kVersion, &host, &table);
  if (table.version != kVersion || table.abi != kBackendAbi) {
    fail(NWR_ERROR_BACKEND, file, " is of version ", show_version(table.version),
         " and plugin interface ", table.abi, ", but this is noisewright ", show_version(kVersion),
         " with plugin interface ", kBackendAbi);
  }
  if (table.struct_size != sizeof table || table.plans != kPlans || status != 0) {
    fail(NWR_ERROR_BACKEND, file, " is of another build of noisewright ", show_version(kVersion));
  }
  registry().plugins.push_back(std::move(plugin));
  return table;
}

}  // namespace

const Backend& cuda_backend(const char* file) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  std::string why;
  const char* const named = file ? file : std::getenv(kVariable);
  if (named && *named) {
    void* const library = open_library(named, &why);
    if (!library) {
      fail(NWR_ERROR_BACKEND, file ? "options.plugin" : kVariable, " is ", named,
           ", which cannot be opened: ", why);
    }
    return check(library, named);
  }
  std::string places[] = {own_folder() + kFile, kFile};
  std::string tried;
  for (const std::string& place : places) {
    if (void* const library = open_library(place.c_str(), &why)) return check(library, place);
    append(tried, tried.empty() ? "" : "; ");
    append(tried, why);
  }
  fail(NWR_ERROR_BACKEND, "options.device is cuda, but no plugin was found: options.plugin and $",
       kVariable, " are not set, and where else it may be: ", tried);
}

bool cuda_available() {
  int32_t count = 0;
  const char* why = nullptr;
  try {
    return cuda_backend(nullptr).device_count(&count, &why) == 0 && count > 0;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace noisewright
