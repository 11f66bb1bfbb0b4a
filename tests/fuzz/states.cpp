// SPDX-License-Identifier: Apache-2.0
// Saved samplers from strangers, below the checksum, which is set right: refused, or a sampler that
// runs to its end and saves itself again to bytes that load again. Input: a schedule, then the file
// without its checksum.
#include "fuzz/fuzz.hpp"

using namespace fuzz;

namespace {

void add_checksum(std::vector<uint8_t>& bytes) {
  uint32_t crc = ~0u;
  for (const uint8_t b : bytes) {
    crc ^= b;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  crc = ~crc;
  const uint8_t tail[] = {'c', 'r', 'c', ' ', 4, 0, 0, 0, 0, 0, 0, 0};
  bytes.insert(bytes.end(), tail, tail + sizeof tail);
  for (int i = 0; i < 4; ++i) bytes.push_back(static_cast<uint8_t>(crc >> (8 * i)));
}

std::vector<uint8_t> save(const nwr_sampler* sampler) {
  size_t size = 0;
  FUZZ_CHECK(checked(nwr_sampler_save(sampler, nullptr, 0, &size)) == NWR_OK);
  std::vector<uint8_t> bytes(size);
  FUZZ_CHECK(nwr_sampler_save(sampler, bytes.data(), size, &size) == NWR_OK);
  return bytes;
}

// Some shapes that the input may have been saved with; most are refused.
void run(nwr_sampler* sampler) {
  static constexpr int64_t kShapes[][2] = {{2, 3}, {1, 1}, {3, 2}, {6, 1}, {4, 4}};
  auto eval = sized<nwr_eval>();
  std::vector<double> x(16, 0.5), y(16, 0.25);
  for (int i = 0; i < 64 && nwr_sampler_next(sampler, &eval) == NWR_OK; ++i) {
    bool moved = false;
    for (const auto& shape : kShapes) {
      for (const nwr_dtype dtype : {NWR_F32, NWR_F64, NWR_F16}) {
        const nwr_tensor state = dense(x.data(), dtype, 2, shape);
        const nwr_tensor output = dense(y.data(), dtype, 2, shape);
        const nwr_tensor outputs[4] = {output, output, output, output};
        const nwr_status status = nwr_sampler_step(sampler, &state, outputs, eval.output_count);
        moved = moved || checked(status) == NWR_OK;
        if (moved) break;
      }
      if (moved) break;
    }
    if (!moved) break;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, size);
  nwr_schedule* const schedule = shared_schedule(in.byte());
  std::vector<uint8_t> bytes = in.rest();
  add_checksum(bytes);
  // Exactly as long as stated, so that a sanitizer sees a byte read beyond.
  bytes.shrink_to_fit();
  nwr_sampler* loaded = nullptr;
  if (checked(nwr_sampler_load(shared_context(), schedule, bytes.data(), bytes.size(), &loaded)) !=
      NWR_OK) {
    FUZZ_CHECK(!loaded);
    return 0;
  }
  const std::vector<uint8_t> once = save(loaded);
  nwr_sampler* again = nullptr;
  FUZZ_CHECK(checked(nwr_sampler_load(shared_context(), schedule, once.data(), once.size(),
                                      &again)) == NWR_OK);
  FUZZ_CHECK(save(again) == once);
  nwr_sampler_destroy(again);
  run(loaded);
  nwr_sampler_destroy(loaded);
  return 0;
}
