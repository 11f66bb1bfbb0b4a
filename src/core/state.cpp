// SPDX-License-Identifier: Apache-2.0
#include "core/state.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <string_view>

namespace noisewright {
namespace {

constexpr std::string_view kMagic = "NWRSTATE";
constexpr uint32_t kFormat = 1;
// With a generator other than philox, which who knows format 1 alone would overlook.
constexpr uint32_t kFormatOfGenerators = 2;

// CRC-32 (IEEE 802.3), bit by bit: saving is no hot path.
uint32_t crc32(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void u32(uint32_t value) { put(value, 4); }
  void u64(uint64_t value) { put(value, 8); }
  void f64(double value) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    u64(bits);
  }
  void text(std::string_view value) { out_ += value; }
  // Calls f to write the payload of a field.
  template <class F>
  void field(const char* tag, F&& f) {
    out_.append(tag, 4);
    const size_t at = out_.size();
    u64(0);
    f();
    std::string length;
    Writer(length).u64(out_.size() - at - 8);
    out_.replace(at, 8, length);
  }

 private:
  void put(uint64_t value, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(value >> (8 * i) & 0xFF);
  }
  std::string& out_;
};

[[noreturn]] void corrupt(const char* what) { fail(NWR_ERROR_CORRUPT, "buffer: ", what); }

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  size_t size() const { return bytes_.size(); }
  uint32_t u32() { return static_cast<uint32_t>(take(4)); }
  uint64_t u64() { return take(8); }
  double f64() {
    const uint64_t bits = take(8);
    double value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }
  std::string_view text(uint64_t length) {
    if (length > bytes_.size()) corrupt("it is cut short");
    const std::string_view part = bytes_.substr(0, length);
    bytes_.remove_prefix(length);
    return part;
  }
  std::string_view rest() { return text(bytes_.size()); }

 private:
  uint64_t take(size_t count) {
    const std::string_view part = text(count);
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i) {
      value |= uint64_t{static_cast<unsigned char>(part[i])} << (8 * i);
    }
    return value;
  }
  std::string_view bytes_;
};

void write_rngs(Writer& w, const std::vector<Rng>& rngs) {
  for (const Rng& rng : rngs) w.u64(rng.seed), w.u64(rng.stream), w.u64(rng.offset);
}

std::vector<Rng> read_rngs(Reader r) {
  std::vector<Rng> rngs;
  while (!r.empty()) {
    Rng rng;
    rng.seed = r.u64(), rng.stream = r.u64(), rng.offset = r.u64();
    rngs.push_back(rng);
  }
  return rngs;
}

// The number of a slot in saved bytes. When samplers had five, two others followed them.
uint32_t saved_slot(int slot) {
  constexpr int kOnceMost = 5;
  if (slot < kOnceMost) return static_cast<uint32_t>(slot);
  return static_cast<uint32_t>(slot >= kMaxSlots ? slot - kMaxSlots + kOnceMost : slot + 2);
}

bool close(double a, double b) {
  return std::fabs(a - b) <= 1e-6 * std::max({std::fabs(a), std::fabs(b), 1e-6});
}

}  // namespace

std::string SavedState::write(const Sampler& s) {
  if (s.noise_) {
    fail(NWR_ERROR_UNSUPPORTED,
         "a sampler whose noise comes from a callback cannot be saved: the callback would be lost");
  }
  std::string out(kMagic);
  Writer w(out);
  const SamplerSetup& setup = s.setup_;
  const bool named = !is_philox(setup.generator);
  w.u32(named ? kFormatOfGenerators : kFormat);
  w.field("schd", [&] { w.text(s.schedule_->spec()); });
  w.field("smpl", [&] { w.text(setup.spec); });
  w.field("pred", [&] { w.text(name_of(NWR_DOMAIN_QUANTITY, setup.prediction)); });
  w.field("clck", [&] { w.text(name_of(NWR_DOMAIN_CLOCK, setup.clock)); });
  w.field("keep", [&] { w.u32(setup.keep_denoised); });
  w.field("time", [&] {
    w.u32(static_cast<uint32_t>(setup.rows));
    for (const double t : setup.times) w.f64(t);
  });
  // Two schedules of one spec may differ where a table or a callback makes them.
  w.field("path", [&] {
    for (const double t : setup.times) {
      const nwr_coeffs c = s.schedule_->at(t, {"t"});
      w.f64(c.alpha), w.f64(c.sigma);
    }
  });
  if (named) w.field("genr", [&] { w.text(setup.generator); });
  w.field("rng0", [&] { write_rngs(w, setup.rngs); });
  if (s.started_) {
    w.field("dtyp", [&] { w.text(name_of(NWR_DOMAIN_DTYPE, static_cast<int32_t>(s.dtype_))); });
    w.field("shap", [&] {
      for (int i = 0; i < s.shape_.ndim; ++i) w.u64(static_cast<uint64_t>(s.shape_.extent[i]));
    });
    w.field("eval", [&] { w.u64(s.evaluation_), w.u64(s.draw_); });
    if (s.control_) {
      w.field("ctrl", [&] {
        w.u64(s.evaluations_), w.u32(static_cast<uint32_t>(s.denoised_slot_ + 1));
        for (const double number : s.control_->save()) w.f64(number);
      });
    }
    w.field("rngs", [&] { write_rngs(w, s.rngs_); });
    s.context_->synchronize();
    for (int i = 0; i < kSlots; ++i) {
      if (!(s.written() >> i & 1)) continue;
      const Buffer& slot = s.memory_.slots[i];
      w.field("slot", [&] {
        w.u32(saved_slot(i));
        const size_t at = out.size();
        out.resize(at + slot.bytes());
        s.context_->transfer(&out[at], slot.data(), slot.bytes());
      });
    }
  }
  const uint32_t crc = crc32(out);
  w.field("crc ", [&] { w.u32(crc); });
  return out;
}

std::unique_ptr<Sampler> SavedState::read(Ref<const Context> context, Ref<const Schedule> schedule,
                                          const void* bytes, size_t size) {
  constexpr size_t kTail = 4 + 8 + 4;
  const std::string_view all(static_cast<const char*>(bytes), size);
  if (size < kMagic.size() + 4 + kTail || all.substr(0, kMagic.size()) != kMagic) {
    corrupt("it is no saved sampler");
  }
  Reader r(all.substr(kMagic.size()));
  const uint32_t format = r.u32();
  if (format != kFormat && format != kFormatOfGenerators) {
    fail(NWR_ERROR_CORRUPT, "buffer: it has format ", format, ", but this version reads ", kFormat,
         " and ", kFormatOfGenerators);
  }
  Reader tail(all.substr(size - kTail));
  if (tail.text(4) != "crc " || tail.u64() != 4 ||
      tail.u32() != crc32(all.substr(0, size - kTail))) {
    corrupt("its checksum does not match");
  }

  std::map<std::string_view, std::string_view> fields;
  std::string_view slots[kSlots];
  while (!r.empty()) {
    const std::string_view tag = r.text(4);
    const std::string_view payload = r.text(r.u64());
    if (tag != "slot") {
      if (!fields.emplace(tag, payload).second) corrupt("a field stands twice");
      continue;
    }
    Reader slot(payload);
    const uint32_t index = slot.u32();
    int place = 0;
    while (place < kSlots && saved_slot(place) != index) ++place;
    if (place == kSlots) corrupt("a kept array has no place");
    if (!slots[place].empty()) corrupt("a field stands twice");
    slots[place] = slot.rest();
  }
  const auto field = [&](const char* tag) {
    const auto found = fields.find(tag);
    if (found == fields.end()) corrupt("a field is missing");
    return found->second;
  };
  const auto named = [&](int32_t domain, const char* tag) {
    return find_by_name(domain, field(tag), "buffer").value;
  };

  if (field("schd") != schedule->spec()) {
    fail(NWR_ERROR_INVALID_ARGUMENT, "schedule is ", schedule->spec(),
         ", but the sampler was saved on ", field("schd"));
  }
  SamplerSetup setup;
  setup.spec = field("smpl");
  setup.prediction = static_cast<nwr_quantity>(named(NWR_DOMAIN_QUANTITY, "pred"));
  setup.clock = static_cast<nwr_clock>(named(NWR_DOMAIN_CLOCK, "clck"));
  setup.keep_denoised = Reader(field("keep")).u32() != 0;
  Reader times(field("time"));
  const uint32_t rows = times.u32();
  if (rows == 0 || rows > 1u << 20 || times.size() % (size_t{8} * rows) != 0) {
    corrupt("its times are not a table");
  }
  setup.rows = static_cast<int>(rows);
  while (!times.empty()) setup.times.push_back(times.f64());
  if (format == kFormatOfGenerators) {
    setup.generator = choose_generator(std::string(field("genr")).c_str(), nullptr, 0).spec();
  }
  setup.rngs = read_rngs(Reader(field("rng0")));
  Reader path(field("path"));
  for (const double t : setup.times) {
    const nwr_coeffs c = schedule->at(t, {"buffer: t"});
    const double alpha = path.f64(), sigma = path.f64();
    if (!close(alpha, c.alpha) || !close(sigma, c.sigma)) {
      fail(NWR_ERROR_INVALID_ARGUMENT, "schedule gives alpha = ", c.alpha, " and sigma = ", c.sigma,
           " at t = ", t, ", but the sampler was saved with ", alpha, " and ", sigma);
    }
  }
  auto sampler =
      std::make_unique<Sampler>(std::move(context), std::move(schedule), std::move(setup), nullptr);
  if (fields.count("eval") == 0) return sampler;

  Reader shape_field(field("shap"));
  Shape shape;
  uint64_t elements = 1;
  const auto dtype = static_cast<Dtype>(named(NWR_DOMAIN_DTYPE, "dtyp"));
  if (dtype == Dtype::i64) corrupt("its element type is no sampler's");
  while (!shape_field.empty()) {
    const uint64_t extent = shape_field.u64();
    const bool fits =
        shape.ndim < kMaxDims && extent > 0 && extent <= (uint64_t{1} << 48) / elements;
    if (!fits) corrupt("its shape is no shape");
    shape.extent[shape.ndim++] = static_cast<int64_t>(extent);
    elements *= extent;
  }
  Reader eval(field("eval"));
  sampler->evaluation_ = eval.u64();
  sampler->draw_ = eval.u64();
  if (sampler->control_) {
    Reader control(field("ctrl"));
    sampler->evaluations_ = control.u64();
    const uint32_t slot = control.u32();
    if (slot > kSlots) corrupt("a kept array has no place");
    sampler->denoised_slot_ = static_cast<int>(slot) - 1;
    std::vector<double> numbers;
    while (!control.empty()) numbers.push_back(control.f64());
    if (!sampler->control_->load(numbers)) corrupt("its steps are no steps");
    sampler->table_ = sampler->make_table(sampler->control_.get());
  } else {
    sampler->evaluations_ = sampler->evaluation_;
  }
  if (sampler->evaluation_ > sampler->table_.size()) corrupt("it stands beyond its end");
  if (!sampler->control_ && sampler->evaluation_ > 0) {
    sampler->denoised_slot_ = sampler->table_.line(sampler->evaluation_ - 1).denoised_slot;
  }
  for (int i = 0; i < kSlots; ++i) {
    const bool kept = sampler->written() >> i & 1;
    if (slots[i].size() != (kept ? elements * size_of(dtype) : 0)) {
      corrupt("a kept array has the wrong size");
    }
  }
  sampler->rngs_ = read_rngs(Reader(field("rngs")));
  if (sampler->rngs_.size() != sampler->setup_.rngs.size())
    corrupt("its generators differ in number");
  sampler->memory_ = sampler->prepare(shape, dtype);
  sampler->shape_ = shape;
  sampler->dtype_ = dtype;
  sampler->fitted_ = sampler->started_ = true;
  for (int i = 0; i < kSlots; ++i) {
    if (!slots[i].empty()) {
      sampler->context_->transfer(sampler->memory_.slots[i].data(), slots[i].data(),
                                  slots[i].size());
    }
  }
  return sampler;
}

}  // namespace noisewright
