// SPDX-License-Identifier: Apache-2.0
// Owns saved samplers below their checksum: damage that the checksum does not show must be refused
// or do no harm. Must not know the C API.
#include "core/state.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

namespace noisewright {
namespace {

uint32_t crc32(const std::string& bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}
std::string little(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
  return out;
}
uint64_t from_little(const std::string& bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// Without the checksum's field.
Fields split(const std::string& saved) {
  Fields fields;
  for (size_t at = 12; at < saved.size();) {
    const uint64_t length = from_little(saved.substr(at + 4, 8));
    fields.emplace_back(saved.substr(at, 4), saved.substr(at + 12, length));
    at += 12 + length;
  }
  EXPECT_EQ("crc ", fields.back().first);
  fields.pop_back();
  return fields;
}
std::string join(const Fields& fields, uint32_t format = 1) {
  std::string out = "NWRSTATE" + little(format, 4);
  for (const auto& [tag, payload] : fields) out += tag + little(payload.size(), 8) + payload;
  return out + "crc " + little(4, 8) + little(crc32(out), 4);
}

class State : public testing::Test {
 protected:
  State() {
    nwr_schedule_options options{};
    options.name = "vp";
    const Ref<Schedule> vp = make_schedule(options);
    schedule = Ref<const Schedule>::share(vp.get());
    SamplerSetup setup;
    setup.spec = "dpmpp-2m";
    setup.keep_denoised = true;
    setup.times = {1, 0.75, 0.5, 0.25, 0};
    setup.rngs = {{1, 2, 3}};
    sampler = std::make_unique<Sampler>(context, schedule, setup, nullptr);
    x.shape.ndim = 2, x.shape.extent[0] = 2, x.shape.extent[1] = 3;
    x.view.data = numbers, x.view.dtype = Dtype::f64;
    x.view.stride[0] = 3, x.view.stride[1] = 1;
    output = x;
    output.view.data = answers;
    sampler->start(x, NWR_START_PRIOR);
    sampler->step(x, &output);
    sampler->step(x, &output);
    saved = SavedState::write(*sampler);
  }
  std::unique_ptr<Sampler> load(const std::string& bytes) const {
    // Exactly as long as stated, so that a sanitizer sees a byte read beyond.
    const std::vector<char> copy(bytes.begin(), bytes.end());
    return SavedState::read(context, schedule, copy.data(), copy.size());
  }
  nwr_status status_of(const std::string& bytes) const {
    try {
      load(bytes);
      return NWR_OK;
    } catch (const Error& error) {
      EXPECT_FALSE(error.message.empty());
      return error.status;
    }
  }
  // The saved bytes with one field changed.
  std::string with(const std::string& tag, const std::string& payload) const {
    Fields fields = split(saved);
    int changed = 0;
    for (auto& field : fields) {
      if (field.first == tag) field.second = payload, ++changed;
    }
    EXPECT_EQ(1, changed) << tag;
    return join(fields);
  }

  Ref<const Context> context = Ref<const Context>::adopt(new Context(cpu_backend(), [] {
    QueueOptions options;
    options.device = NWR_CPU;
    options.threads = 1;
    return options;
  }()));
  Ref<const Schedule> schedule;
  std::unique_ptr<Sampler> sampler;
  double numbers[6] = {}, answers[6] = {1, -1, 2, 0.5, 0.25, 3};
  Array x, output;
  std::string saved;
};

TEST_F(State, IsWhatItsHeaderSays) {
  EXPECT_EQ(saved, join(split(saved)));
  std::map<std::string, std::string> fields;
  for (const auto& [tag, payload] : split(saved)) fields[tag] += payload;
  EXPECT_EQ("vp(beta_min=0.1,beta_max=20,sigma_min=0,time=to-noise)", fields["schd"]);
  EXPECT_EQ(0u, fields["smpl"].find("dpmpp-2m"));
  EXPECT_EQ("velocity", fields["pred"]);
  EXPECT_EQ("t", fields["clck"]);
  EXPECT_EQ("f64", fields["dtyp"]);
  EXPECT_EQ(little(2, 8) + little(3, 8), fields["shap"]);
  EXPECT_EQ(little(2, 8) + little(1, 8), fields["eval"]);
  EXPECT_EQ(little(1, 8) + little(2, 8) + little(3, 8), fields["rng0"]);
  EXPECT_EQ(little(1, 8) + little(2, 8) + little(3 + 6, 8), fields["rngs"]);
  EXPECT_EQ(4 + 6 * sizeof(double), fields["slot"].size());
}

TEST_F(State, HoldsNothingThatWasNeverWritten) {
  sampler->start(x, NWR_START_PRIOR);
  const std::string fresh = SavedState::write(*sampler);
  for (const auto& [tag, payload] : split(fresh)) EXPECT_NE("slot", tag);
  EXPECT_EQ(fresh, SavedState::write(*load(fresh)));
}

TEST_F(State, WritesItselfAgain) {
  const auto loaded = load(saved);
  EXPECT_EQ(saved, SavedState::write(*loaded));
  double copy[6];
  std::memcpy(copy, numbers, sizeof copy);
  Array y = x;
  y.view.data = copy;
  for (int i = 0; i < 2; ++i) {
    sampler->step(x, &output);
    loaded->step(y, &output);
  }
  EXPECT_EQ(0, std::memcmp(copy, numbers, sizeof copy));
  EXPECT_TRUE(loaded->done());
}

TEST_F(State, EveryFieldIsNeeded) {
  const Fields fields = split(saved);
  for (size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].first == "eval") continue;  // without it the sampler has not been started
    Fields rest = fields;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_EQ(NWR_ERROR_CORRUPT, status_of(join(rest))) << fields[i].first;
  }
}

TEST_F(State, FieldsStandOnceAndUnknownOnesAreSkipped) {
  Fields fields = split(saved);
  fields.push_back(fields[0]);
  EXPECT_EQ(NWR_ERROR_CORRUPT, status_of(join(fields)));
  fields.back() = {"new!", "from a later version"};
  EXPECT_EQ(NWR_OK, status_of(join(fields)));
}

TEST_F(State, TwoArraysForOneSlotAreRefused) {
  Fields fields = split(saved);
  fields.push_back(fields.back());
  EXPECT_EQ("slot", fields.back().first);
  EXPECT_EQ(NWR_ERROR_CORRUPT, status_of(join(fields)));
}

TEST_F(State, OtherFormatsAreRefused) {
  for (const uint32_t format : {0u, 3u, 0xFFFFFFFFu}) {
    EXPECT_EQ(NWR_ERROR_CORRUPT, status_of(join(split(saved), format)));
  }
}

// Format 2 has a generator by name.
TEST_F(State, AGeneratorIsReadAndChecked) {
  Fields fields = split(saved);
  EXPECT_EQ(NWR_ERROR_CORRUPT, status_of(join(fields, 2)));
  fields.emplace_back("genr", "brownian");
  EXPECT_EQ(NWR_OK, status_of(join(fields, 2)));
  fields.back().second = "torch-cuda(multiprocessors=132)";
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, status_of(join(fields, 2)));  // its offset is 3
  fields.back().second = "curand-philox";
  EXPECT_EQ(NWR_ERROR_UNSUPPORTED, status_of(join(fields, 2)));
  fields.back().second = "dice";
  EXPECT_EQ(NWR_ERROR_NOT_FOUND, status_of(join(fields, 2)));
}

TEST_F(State, FieldsAreCheckedBelowTheChecksum) {
  constexpr nwr_status kCorrupt = NWR_ERROR_CORRUPT;
  const std::string times = little(1, 4) + std::string(40, '\0');
  EXPECT_EQ(kCorrupt, status_of(with("keep", "")));
  EXPECT_EQ(kCorrupt, status_of(with("time", "")));
  EXPECT_EQ(kCorrupt, status_of(with("time", little(0, 4))));
  EXPECT_EQ(kCorrupt, status_of(with("time", little(3, 4) + std::string(40, '\0'))));
  EXPECT_EQ(kCorrupt, status_of(with("time", little(0xFFFFFFFF, 4) + std::string(40, '\0'))));
  EXPECT_EQ(kCorrupt, status_of(with("time", times + "x")));
  EXPECT_EQ(kCorrupt, status_of(with("path", "")));
  EXPECT_EQ(kCorrupt, status_of(with("rng0", "x")));
  EXPECT_EQ(kCorrupt, status_of(with("rngs", "")));
  EXPECT_EQ(kCorrupt, status_of(with("rngs", std::string(48, '\0'))));
  EXPECT_EQ(kCorrupt, status_of(with("eval", "")));
  EXPECT_EQ(kCorrupt, status_of(with("eval", little(5, 8) + little(0, 8))));
  EXPECT_EQ(kCorrupt, status_of(with("eval", little(~0ull, 8) + little(0, 8))));
  EXPECT_EQ(kCorrupt, status_of(with("dtyp", "i64")));
  EXPECT_EQ(kCorrupt, status_of(with("dtyp", "f32")));  // the kept arrays do not fit
  EXPECT_EQ(kCorrupt, status_of(with("shap", little(2, 8))));
  EXPECT_EQ(kCorrupt, status_of(with("shap", little(0, 8) + little(3, 8))));
  EXPECT_EQ(kCorrupt, status_of(with("shap", little(~0ull, 8) + little(3, 8))));
  EXPECT_EQ(kCorrupt, status_of(with("shap", little(1ull << 40, 8) + little(1ull << 40, 8))));
  EXPECT_EQ(kCorrupt, status_of(with("shap", std::string(17 * 8, '\1'))));
  EXPECT_EQ(kCorrupt, status_of(with("slot", "")));
  EXPECT_EQ(kCorrupt, status_of(with("slot", little(99, 4) + std::string(48, '\0'))));
  EXPECT_EQ(kCorrupt, status_of(with("slot", little(1, 4) + std::string(48, '\0'))));
  EXPECT_EQ(kCorrupt, status_of(with("slot", little(0, 4) + std::string(47, '\0'))));
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, status_of(with("schd", "linear")));
  for (const char* tag : {"smpl", "pred", "clck", "dtyp"}) {
    EXPECT_GT(0, status_of(with(tag, "no-such-thing"))) << tag;
    EXPECT_GT(0, status_of(with(tag, ""))) << tag;
    EXPECT_GT(0, status_of(with(tag, std::string(3, '\0')))) << tag;
  }
  EXPECT_GT(0, status_of(with("pred", "latent")));
  EXPECT_GT(0, status_of(with("clck", "index")));
  EXPECT_GT(0, status_of(with("smpl", "dpmpp-2m(solver=other)")));
}

// Any bytes at all: refused with a message, or a sampler that can be used.
TEST_F(State, RandomDamageWithAGoodChecksumIsHarmless) {
  std::mt19937 random(5);
  const Fields fields = split(saved);
  int survived = 0;
  for (int i = 0; i < 4000; ++i) {
    Fields bent = fields;
    for (auto n = 1 + random() % 3; n > 0; --n) {
      std::string& payload = bent[random() % bent.size()].second;
      switch (random() % 4) {
        case 0: payload.resize(random() % (payload.size() + 9)); break;
        case 1: payload += static_cast<char>(random()); break;
        default:
          if (!payload.empty()) payload[random() % payload.size()] = static_cast<char>(random());
      }
    }
    std::unique_ptr<Sampler> loaded;
    try {
      loaded = load(join(bent));
    } catch (const Error& error) {
      EXPECT_LT(error.status, 0);
      continue;
    }
    ++survived;
    EXPECT_LE(loaded->evaluation(), loaded->table().size());
    if (loaded->started() && loaded->shape().count() == 6 && loaded->dtype() == Dtype::f64) {
      Array y = x;
      y.shape = loaded->shape();
      while (!loaded->done()) loaded->step(y, &output);
    }
    EXPECT_FALSE(SavedState::write(*loaded).empty());
  }
  EXPECT_GT(survived, 100);
  EXPECT_LT(survived, 3900);
}

}  // namespace
}  // namespace noisewright
