// SPDX-License-Identifier: Apache-2.0
// Owns the proof that our Philox is the published one, with words placed as documented.
// Must not know the backends.

#include "math/philox.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <ios>
#include <sstream>
#include <string>

namespace noisewright {
namespace {

TEST(Philox, GivesThePublishedBlocks) {
  std::ifstream file(NWR_TEST_DATA_DIR "/kat/philox4x32_10.txt");
  ASSERT_TRUE(file) << "cannot read the vectors";
  int vectors = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream in(line);
    in >> std::hex;
    std::string word;
    PhiloxBlock counter, expected;
    uint32_t key[2];
    in >> word;
    ASSERT_EQ(word, "counter");
    for (uint32_t& c : counter.word) in >> c;
    in >> word;
    ASSERT_EQ(word, "key");
    for (uint32_t& k : key) in >> k;
    in >> word;
    ASSERT_EQ(word, "gives");
    for (uint32_t& e : expected.word) in >> e;
    ASSERT_TRUE(in) << line;
    const PhiloxBlock block = philox4x32_10(counter, key[0], key[1]);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(block.word[i], expected.word[i]) << line << " word " << i;
    ++vectors;
  }
  EXPECT_EQ(vectors, 3);
}

TEST(Philox, PlacesBlockStreamAndSeedLowWordFirst) {
  const PhiloxBlock counter = {{0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}};
  const PhiloxBlock expected = philox4x32_10(counter, 0xa4093822u, 0x299f31d0u);
  const PhiloxBlock block =
      philox_block(0x299f31d0a4093822u, 0x0370734413198a2eu, 0x85a308d3243f6a88u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(block.word[i], expected.word[i]);
  EXPECT_EQ(block.word[0], 0xd16cfe09u);
}

}  // namespace
}  // namespace noisewright
