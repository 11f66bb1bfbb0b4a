// SPDX-License-Identifier: Apache-2.0
// Writing files, with errors that name them.
#include "files.hpp"

#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "sha256.h"

namespace demo {

std::string sha256(const void* bytes, std::size_t size) {
  char hex[65];
  sha256_hex(bytes, size, hex);
  return hex;
}

File write_file(const std::string& folder, const std::string& name, const std::string& bytes) {
  const std::filesystem::path path = std::filesystem::path(folder) / name;
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  file.close();
  if (!file) throw std::runtime_error("cannot write '" + path.string() + "'");
  return {name, sha256(bytes.data(), bytes.size())};
}

}  // namespace demo
