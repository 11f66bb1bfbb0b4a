// SPDX-License-Identifier: Apache-2.0
// Files that a program leaves behind, and the digests by which two runs are compared.
#pragma once

#include <cstddef>
#include <string>

namespace demo {

struct File {
  std::string name, sha256;
};

// Writes a file into a folder and returns its name and digest. Throws std::runtime_error.
File write_file(const std::string& folder, const std::string& name, const std::string& bytes);
std::string sha256(const void* bytes, std::size_t size);

}  // namespace demo
