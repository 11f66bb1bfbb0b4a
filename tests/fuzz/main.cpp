// SPDX-License-Identifier: Apache-2.0
// Owns the replay of a target without a fuzzer: every file of the folders named, and for each a
// number of changed copies, always the same ones. main FOLDER... [--changed=COUNT]
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "fuzz/fuzz.hpp"

namespace {

using Bytes = std::vector<uint8_t>;

void run(const Bytes& bytes) {
  // Exactly as long as stated, so that a sanitizer sees a byte read beyond.
  const Bytes copy(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

Bytes change(Bytes bytes, const std::vector<Bytes>& all, std::mt19937& random) {
  for (auto n = 1 + random() % 4; n > 0; --n) {
    const size_t at = bytes.empty() ? 0 : random() % bytes.size();
    switch (random() % 6) {
      case 0: bytes.resize(at); break;
      case 1:
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     static_cast<uint8_t>(random()));
        break;
      case 2:
        if (!bytes.empty()) bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      case 3: {
        const Bytes& other = all[random() % all.size()];
        if (other.empty()) break;
        const size_t from = random() % other.size();
        const size_t count = std::min<size_t>(other.size() - from, 1 + random() % 32);
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(at),
                     other.begin() + static_cast<std::ptrdiff_t>(from),
                     other.begin() + static_cast<std::ptrdiff_t>(from + count));
        break;
      }
      default:
        if (!bytes.empty())
          bytes[at] =
              static_cast<uint8_t>(random() % 3 ? bytes[at] ^ 1u << random() % 8 : random());
    }
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  int changed = 50;
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--changed=", 0) == 0) {
      changed = std::atoi(argument.c_str() + 10);
    } else if (std::filesystem::is_directory(argument)) {
      for (const auto& entry : std::filesystem::directory_iterator(argument))
        files.push_back(entry.path());
    } else {
      files.emplace_back(argument);
    }
  }
  std::sort(files.begin(), files.end());
  std::vector<Bytes> all;
  for (const auto& path : files) {
    std::ifstream file(path, std::ios::binary);
    all.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  std::mt19937 random(1);
  for (size_t i = 0; i < all.size(); ++i) {
    run(all[i]);
    for (int n = 0; n < changed; ++n) run(change(all[i], all, random));
  }
  run({});
  std::printf("%zu files, each as it is and changed %d times\n", all.size(), changed);
  return all.empty() ? 1 : 0;
}
