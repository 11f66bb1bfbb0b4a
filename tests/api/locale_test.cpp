// SPDX-License-Identifier: Apache-2.0
// Owns the proof that no number of ours follows the host's locale: all that is read and printed, in
// the "C" locale and again in one with a decimal comma. Must not know what the texts say.
#include <stdlib.h>

#include <clocale>
#include <cstdio>

#include "api/support.hpp"

namespace nwr_test {
namespace {

// Numbers of the C library have a decimal comma while one lives: a locale of the system's, or one
// made for this test.
class Comma {
 public:
  Comma() {
    const char* const before = std::setlocale(LC_ALL, nullptr);
    if (before) before_ = before;
    is_set_ = set();
  }
  ~Comma() { std::setlocale(LC_ALL, before_.c_str()); }
  Comma(const Comma&) = delete;
  Comma& operator=(const Comma&) = delete;
  bool is_set() const { return is_set_; }

 private:
  static bool choose(const char* name) {
    return std::setlocale(LC_ALL, name) && *std::localeconv()->decimal_point == ',';
  }
  static bool set() {
    for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "de_DE", "fr_FR"}) {
      if (choose(name)) return true;
    }
    std::string folder = testing::TempDir() + "nwr_locale_XXXXXX";
    if (!mkdtemp(folder.data())) return false;
    const std::string make = "localedef -i de_DE -f ISO-8859-1 '" + folder + "/de_DE' 2>/dev/null";
    const bool made = std::system(make.c_str()) == 0;
    setenv("LOCPATH", folder.c_str(), 1);
    const bool chosen = made && choose("de_DE");
    unsetenv("LOCPATH");
    const std::string remove = "rm -r '" + folder + "'";
    return std::system(remove.c_str()) == 0 && chosen;
  }

  std::string before_ = "C";
  bool is_set_ = false;
};

// Texts as they are; numbers by their bits, so that no locale of the test's own matters.
class Record {
 public:
  void text(const char* value) { all_ += value ? std::string(value) + '\n' : "NULL\n"; }
  void bits(double value) {
    unsigned char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    for (const unsigned char b : bytes) {
      all_ += "0123456789abcdef"[b >> 4];
      all_ += "0123456789abcdef"[b & 15];
    }
    all_ += '\n';
  }
  const std::string& all() const { return all_; }

 private:
  std::string all_;
};

void record_info(const Schedule& schedule, Record* record) {
  auto info = sized<nwr_schedule_info>();
  NWR_ASSERT_OK(nwr_schedule_get_info(schedule.get(), &info));
  record->text(info.spec);
  for (int i = 0; i <= 8; ++i) {
    const nwr_coeffs c =
        coeffs_at(schedule, info.t_noise + (info.t_data - info.t_noise) * (i / 8.0));
    record->bits(c.alpha);
    record->bits(c.sigma);
  }
}

void record_grid(const Schedule& schedule, const char* spec, Record* record) {
  auto options = sized<nwr_grid_options>();
  options.name = spec;
  double times[4];
  NWR_ASSERT_OK(nwr_grid_fill(schedule.get(), &options, times, 4)) << spec;
  for (const double t : times) record->bits(t);
}

std::string catalogue() {
  Record record;
  for (int domain = 0; domain <= NWR_DOMAIN_GENERATOR; ++domain) {
    const auto of = static_cast<nwr_domain>(domain);
    auto entry = sized<nwr_entry>();
    for (size_t i = 0; nwr_catalog_entry(of, i, &entry) == NWR_OK; ++i) {
      record.text(entry.name);
      record.text(entry.summary);
      auto param = sized<nwr_param_info>();
      for (size_t k = 0; nwr_catalog_param(of, i, k, &param) == NWR_OK; ++k) {
        for (const char* text : {param.name, param.summary, param.choices}) record.text(text);
        for (const double x : {param.default_value, param.min, param.max}) record.bits(x);
      }
    }
    record.text(nwr_last_error());
  }
  return record.all();
}

std::string specs() {
  Record record;
  for (const char* spec :
       {"cosine(s=0.25)", "vp(beta_min=1e-1,beta_max=33.333333333333336)",
        "ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012)",
        "ve(sigma_min=0.30000000000000004)", "flow(shift=2.5,mu=0.3,power=1.5,count=77)",
        "wuerstchen(scaler=2.5,shift=0.125)"}) {
    record_info(make_schedule(spec), &record);
  }
  const Schedule vp = make_schedule("vp");
  record_grid(vp, "karras(rho=6.5)", &record);
  record_grid(make_schedule("ddpm"), "beta(alpha=0.6,beta=0.55)", &record);
  // A comma is what separates two settings, in every locale.
  for (const char* spec : {"cosine(s=0,25)", "cosine(s=-0.5)", "cosine(s=0.5.5)"}) {
    auto options = sized<nwr_schedule_options>();
    options.name = spec;
    nwr_schedule* made = nullptr;
    EXPECT_NE(NWR_OK, nwr_schedule_create(&options, &made)) << spec;
    record.text(nwr_last_error());
  }
  const double t = 1.5;
  nwr_coeffs c;
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_schedule_eval(vp.get(), &t, 1, &c));
  record.text(nwr_last_error());
  return record.all();
}

std::string imports() {
  Record record;
  for (const char* text :
       {R"({"_class_name": "DPMSolverMultistepScheduler", "beta_schedule": "scaled_linear",
            "beta_start": 0.00085, "beta_end": 1.2e-2, "use_karras_sigmas": true,
            "lambda_min_clipped": -5.1})",
        R"({"_class_name": "DDIMScheduler", "thresholding": true, "sample_max_value": 2.5,
            "dynamic_thresholding_ratio": 0.9375, "invented": [1.5, {"a": -2.25e-3}]})",
        R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.25})",
        R"({"_class_name": "DDIMScheduler", "trained_betas": [0.1, 0.25, 0.5]})",
        R"({"_class_name": "EDMEulerScheduler", "sigma_min": 0.0021, "sigma_data": 0.5,
            "rho": 6.5})",
        "DPM++ 2M Karras"}) {
    auto options = sized<nwr_import_options>();
    options.schedule = "ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012)";
    nwr_schedule* made = nullptr;
    NWR_EXPECT_OK(nwr_schedule_import(text, &options, &made)) << text;
    const Schedule schedule(made);
    if (!schedule) continue;
    record_info(schedule, &record);
    auto info = sized<nwr_import>();
    NWR_EXPECT_OK(nwr_schedule_get_import(schedule.get(), &info));
    for (const char* said : {info.source, info.grid, info.sampler}) record.text(said);
    record.bits(info.clock_scale);
    for (uint32_t i = 0; i < info.warning_count; ++i) record.text(info.warnings[i]);
    record_grid(schedule, info.grid, &record);
  }
  for (const char* text : {R"({"_class_name": "DDIMScheduler", "beta_end": 1,25})",
                           R"({"_class_name": "DDIMScheduler", "beta_end": "0.012"})",
                           R"({"_class_name": "DDIMScheduler", "beta_end": -1.25})"}) {
    nwr_schedule* made = nullptr;
    EXPECT_NE(NWR_OK, nwr_schedule_import(text, nullptr, &made)) << text;
    record.text(nwr_last_error());
  }
  return record.all();
}

std::string plan() {
  const Context context = make_context();
  const Schedule schedule = make_schedule("vp(beta_min=0.125)");
  const nwr_rng rng = {1, 2, 0};
  auto options = sized<nwr_sampler_options>();
  options.name = "dpmpp-2m(guidance=3.5)";
  options.prediction = NWR_NOISE;
  options.steps = 4;
  options.rngs = &rng;
  options.rng_count = 1;
  const Sampler sampler = make_sampler(context, schedule, options);
  const char* text = nullptr;
  NWR_EXPECT_OK(nwr_sampler_plan_json(sampler.get(), &text));
  return text ? text : "";
}

void expect_same(std::string (*all)(), const std::string& has) {
  const std::string before = all();
  EXPECT_NE(std::string::npos, before.find(has)) << before;
  const Comma comma;
  if (!comma.is_set()) GTEST_SKIP() << "this system has no locale with a decimal comma";
  char number[16];
  std::snprintf(number, sizeof number, "%.1f", 0.5);
  ASSERT_STREQ("0,5", number);
  EXPECT_EQ(before, all());
}

TEST(Locale, IsNotThatOfTheCatalogue) { expect_same(catalogue, "beta_start\n"); }
TEST(Locale, IsNotThatOfSpecs) { expect_same(specs, "cosine(s=0.25,time=to-noise)"); }
TEST(Locale, IsNotThatOfConfigurations) {
  expect_same(imports, "beta_start=0.00085,beta_end=0.012");
}
TEST(Locale, IsNotThatOfPlans) { expect_same(plan, "\"schedule\":\"vp(beta_min=0.125"); }

}  // namespace
}  // namespace nwr_test
