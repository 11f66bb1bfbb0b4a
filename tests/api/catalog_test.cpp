// SPDX-License-Identifier: Apache-2.0
// Owns the agreement of the catalogue with the header, and of spec strings with what they make.
// Must not know what the entries compute.

#include <cctype>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "api/support.hpp"

namespace nwr_test {
namespace {

std::string header_text() {
  std::ifstream file(NWR_TEST_DATA_DIR "/../include/noisewright.h");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// Constants of an enum as the header's text has them, but for the one that fixes the size.
std::map<std::string, int64_t> constants_of(const std::string& type) {
  const std::string text = header_text();
  std::smatch body;
  std::map<std::string, int64_t> found;
  if (!std::regex_search(text, body,
                         std::regex("typedef enum " + type + " NWR_INT32 \\{([^}]*)\\}"))) {
    return found;
  }
  const std::string lines = body[1];
  const std::regex constant("(NWR_[A-Z0-9_]+) = (0x[0-9A-Fa-f]+|-?[0-9]+|INT32_MIN)");
  for (std::sregex_iterator it(lines.begin(), lines.end(), constant), end; it != end; ++it) {
    if ((*it)[2] == "INT32_MIN") continue;
    found[(*it)[1]] = std::stoll((*it)[2], nullptr, 0);
  }
  return found;
}

struct Domain {
  nwr_domain domain;
  const char *type, *prefix;
};
constexpr Domain kDomains[] = {{NWR_DOMAIN_STATUS, "nwr_status", "NWR_"},
                               {NWR_DOMAIN_DTYPE, "nwr_dtype", "NWR_"},
                               {NWR_DOMAIN_DEVICE, "nwr_device", "NWR_"},
                               {NWR_DOMAIN_QUANTITY, "nwr_quantity", "NWR_"},
                               {NWR_DOMAIN_SCHEDULE, "nwr_schedule_kind", "NWR_SCHEDULE_"},
                               {NWR_DOMAIN_GRID, "nwr_grid_kind", "NWR_GRID_"},
                               {NWR_DOMAIN_SAMPLER, "nwr_sampler_kind", "NWR_SAMPLER_"},
                               {NWR_DOMAIN_CLOCK, "nwr_clock", "NWR_CLOCK_"},
                               {NWR_DOMAIN_DISTRIBUTION, "nwr_distribution", "NWR_"},
                               {NWR_DOMAIN_START, "nwr_start", "NWR_START_"},
                               {NWR_DOMAIN_WEIGHT, "nwr_weight_kind", "NWR_WEIGHT_"},
                               {NWR_DOMAIN_DENSITY, "nwr_density_kind", "NWR_DENSITY_"},
                               {NWR_DOMAIN_STRENGTH, "nwr_strength", "NWR_STRENGTH_"},
                               // Names alone.
                               {NWR_DOMAIN_GENERATOR, nullptr, nullptr}};

// Values from 1000 on are entries without constants; most reproduce other libraries.
bool is_preset(const Domain& d, const nwr_entry& entry) {
  const std::set<int32_t> with_presets = {NWR_DOMAIN_SCHEDULE, NWR_DOMAIN_GRID,
                                          NWR_DOMAIN_SAMPLER,  NWR_DOMAIN_WEIGHT,
                                          NWR_DOMAIN_DENSITY,  NWR_DOMAIN_GENERATOR};
  return with_presets.count(d.domain) > 0 && entry.value >= 1000;
}

// NWR_SAMPLER_DPMPP_2M is "dpmpp-2m".
std::string name_of(std::string constant, const std::string& prefix) {
  constant = constant.substr(prefix.size());
  if (constant.rfind("ERROR_", 0) == 0) constant = constant.substr(6);
  for (char& c : constant) {
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return constant;
}

nwr_entry entry_of(nwr_domain domain, size_t index) {
  auto entry = sized<nwr_entry>();
  NWR_EXPECT_OK(nwr_catalog_entry(domain, index, &entry));
  return entry;
}
nwr_param_info param_of(nwr_domain domain, size_t index, size_t param) {
  auto info = sized<nwr_param_info>();
  NWR_EXPECT_OK(nwr_catalog_param(domain, index, param, &info));
  return info;
}

TEST(Catalog, ListsEveryConstantOfTheHeaderOnceAndNothingElse) {
  for (const Domain& d : kDomains) {
    if (!d.type) continue;
    SCOPED_TRACE(d.type);
    std::map<std::string, int64_t> expected;
    for (const auto& [constant, value] : constants_of(d.type)) {
      expected[name_of(constant, d.prefix)] = value;
    }
    std::map<std::string, int64_t> listed;
    for (size_t i = 0; i < nwr_catalog_size(d.domain); ++i) {
      const nwr_entry entry = entry_of(d.domain, i);
      if (is_preset(d, entry)) continue;
      EXPECT_TRUE(listed.emplace(entry.name, entry.value).second) << entry.name << " twice";
    }
    EXPECT_GE(listed.size(), 2u);
    EXPECT_EQ(expected, listed);
  }
}

TEST(Catalog, HasEveryDomainOfTheHeader) {
  const auto domains = constants_of("nwr_domain");
  EXPECT_EQ(std::size(kDomains), domains.size());
  for (const auto& [name, value] : domains) {
    EXPECT_LT(0u, nwr_catalog_size(static_cast<nwr_domain>(value))) << name;
  }
}

TEST(Catalog, EntriesAreFoundByNameAndSayWhatTheyAre) {
  for (const Domain& d : kDomains) {
    for (size_t i = 0; i < nwr_catalog_size(d.domain); ++i) {
      const nwr_entry entry = entry_of(d.domain, i);
      SCOPED_TRACE(entry.name);
      int32_t value = -77;
      NWR_EXPECT_OK(nwr_catalog_find(d.domain, entry.name, &value));
      EXPECT_EQ(entry.value, value);
      const char* own = "[a-z][a-z0-9]*(-[a-z0-9]+)*";
      const char* theirs = "[a-z][a-z0-9]*(-[0-9.]+)?[.][a-z][a-z0-9]*([-_][a-z0-9]+)*";
      const bool preset = is_preset(d, entry) && std::strchr(entry.name, '.');
      EXPECT_TRUE(std::regex_match(entry.name, std::regex(preset ? theirs : own)));
      EXPECT_GT(std::strlen(entry.summary), 3u);
      bool usable = true;
      if ((d.domain == NWR_DOMAIN_DEVICE && entry.value == NWR_CUDA) ||
          std::strncmp(entry.name, "curand-", 7) == 0) {
        auto options = sized<nwr_context_options>();
        options.device = NWR_CUDA;
        nwr_context* context = nullptr;
        usable = nwr_context_create(&options, &context) == NWR_OK;
        nwr_context_destroy(context);
      }
      EXPECT_EQ(usable ? NWR_ENTRY_AVAILABLE : 0, entry.flags & NWR_ENTRY_AVAILABLE);
      EXPECT_EQ(0,
                entry.flags & ~(NWR_ENTRY_AVAILABLE | NWR_ENTRY_STOCHASTIC | NWR_ENTRY_ADAPTIVE));
      EXPECT_EQ(d.domain == NWR_DOMAIN_SAMPLER, entry.order > 0);
      EXPECT_EQ(d.domain == NWR_DOMAIN_SAMPLER, entry.evals_per_step > 0);
    }
  }
}

TEST(Catalog, KnowsTheNamesThatOthersUse) {
  struct {
    nwr_domain domain;
    const char* name;
    int32_t value;
  } const aliases[] = {{NWR_DOMAIN_SCHEDULE, "rectified-flow", NWR_SCHEDULE_LINEAR},
                       {NWR_DOMAIN_SCHEDULE, "flow-matching", NWR_SCHEDULE_LINEAR},
                       {NWR_DOMAIN_SCHEDULE, "karras", NWR_SCHEDULE_EDM},
                       {NWR_DOMAIN_SAMPLER, "dpm++2m", NWR_SAMPLER_DPMPP_2M},
                       {NWR_DOMAIN_SAMPLER, "dpmsolver++", NWR_SAMPLER_DPMPP_2M},
                       {NWR_DOMAIN_SAMPLER, "ancestral", NWR_SAMPLER_DDPM},
                       {NWR_DOMAIN_SAMPLER, "em", NWR_SAMPLER_EULER_MARUYAMA},
                       {NWR_DOMAIN_SAMPLER, "azula.ddpm", NWR_SAMPLER_DDPM},
                       {NWR_DOMAIN_SAMPLER, "azula.ddim", 1000},
                       {NWR_DOMAIN_SAMPLER, "azula.euler", NWR_SAMPLER_DDIM},
                       {NWR_DOMAIN_SAMPLER, "azula.heun", 1001},
                       {NWR_DOMAIN_SAMPLER, "azula.reab", 1002},
                       {NWR_DOMAIN_SAMPLER, "azula.xeab", NWR_SAMPLER_XEAB},
                       {NWR_DOMAIN_SAMPLER, "diffusionlab.ddm", NWR_SAMPLER_DDIM},
                       {NWR_DOMAIN_SAMPLER, "gensbi.edm", NWR_SAMPLER_EDM},
                       {NWR_DOMAIN_SAMPLER, "nami.dpmpp", NWR_SAMPLER_DPMPP_2M},
                       {NWR_DOMAIN_QUANTITY, "epsilon", NWR_NOISE},
                       {NWR_DOMAIN_QUANTITY, "v_prediction", NWR_ANGULAR},
                       {NWR_DOMAIN_QUANTITY, "sample", NWR_DATA},
                       {NWR_DOMAIN_QUANTITY, "flow", NWR_VELOCITY},
                       {NWR_DOMAIN_DTYPE, "float16", NWR_F16},
                       {NWR_DOMAIN_DTYPE, "bfloat16", NWR_BF16},
                       {NWR_DOMAIN_DISTRIBUTION, "gaussian", NWR_NORMAL}};
  for (const auto& alias : aliases) {
    int32_t value = -77;
    NWR_EXPECT_OK(nwr_catalog_find(alias.domain, alias.name, &value));
    EXPECT_EQ(alias.value, value) << alias.name;
  }
  // An alias works wherever a name does.
  const Schedule schedule = make_schedule("rectified-flow");
  auto info = sized<nwr_schedule_info>();
  NWR_ASSERT_OK(nwr_schedule_get_info(schedule.get(), &info));
  EXPECT_STREQ("linear(alpha_min=0,sigma_min=0,time=to-data)", info.spec);
}

TEST(Catalog, SamplersNeedAsManyEvaluationsAndRngsAsTheySay) {
  const Context context = make_context();
  const Schedule schedule = make_schedule("linear");
  const nwr_rng rng{};
  const double times[] = {0.1, 0.2, 0.3, 0.4, 0.5};
  constexpr int32_t comfy_sa_solver_pece = 1018;
  for (size_t i = 0; i < nwr_catalog_size(NWR_DOMAIN_SAMPLER); ++i) {
    const nwr_entry entry = entry_of(NWR_DOMAIN_SAMPLER, i);
    SCOPED_TRACE(entry.name);
    auto options = sized<nwr_sampler_options>();
    options.kind = static_cast<nwr_sampler_kind>(entry.value);
    options.times = times, options.time_count = 5;
    options.rngs = &rng, options.rng_count = 1;
    const Sampler sampler = make_sampler(context, schedule, options);
    Tensor x(NWR_F32, {2});
    NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, NWR_START_STATE));
    auto eval = sized<nwr_eval>();
    NWR_ASSERT_OK(nwr_sampler_next(sampler.get(), &eval));
    // What differs at the start or at the end: Heun's first step twice, lower orders at the end, no
    // corrector before the first step.
    const std::map<int32_t, uint32_t> others = {{NWR_SAMPLER_PNDM, 5},
                                                {NWR_SAMPLER_DPM_FAST, 9},
                                                {NWR_SAMPLER_HEUNPP2, 9},
                                                {comfy_sa_solver_pece, 7}};
    const auto other = others.find(entry.value);
    const bool adapts = (entry.flags & NWR_ENTRY_ADAPTIVE) != 0;
    EXPECT_EQ(adapts                  ? 0
              : other == others.end() ? 4 * entry.evals_per_step
                                      : other->second,
              eval.count);
    // Some draw only where a setting asks for it.
    options.rngs = nullptr, options.rng_count = 0;
    nwr_sampler* bare = nullptr;
    const nwr_status status = nwr_sampler_create(context.get(), schedule.get(), &options, &bare);
    nwr_sampler_destroy(bare);
    const std::set<int32_t> draw = {NWR_SAMPLER_DDPM,
                                    NWR_SAMPLER_EULER_MARUYAMA,
                                    NWR_SAMPLER_STOCHASTIC_HEUN,
                                    NWR_SAMPLER_ITO,
                                    NWR_SAMPLER_PC,
                                    NWR_SAMPLER_EULER_ANCESTRAL,
                                    NWR_SAMPLER_DPMPP_2M_SDE,
                                    NWR_SAMPLER_DPMPP_3M_SDE,
                                    NWR_SAMPLER_SA_SOLVER,
                                    NWR_SAMPLER_DPM_2_ANCESTRAL,
                                    NWR_SAMPLER_DPMPP_2S_ANCESTRAL,
                                    NWR_SAMPLER_DPMPP_SDE,
                                    NWR_SAMPLER_SEEDS_2,
                                    NWR_SAMPLER_SEEDS_3,
                                    NWR_SAMPLER_ER_SDE,
                                    NWR_SAMPLER_LCM,
                                    NWR_SAMPLER_TCD,
                                    NWR_SAMPLER_CONSISTENCY,
                                    1006,
                                    1007,
                                    1010,
                                    1015,
                                    1016,
                                    1017,
                                    comfy_sa_solver_pece,
                                    1019,
                                    1020,
                                    1043};
    const std::set<int32_t> may_draw = {NWR_SAMPLER_DDIM,
                                        NWR_SAMPLER_EDM,
                                        NWR_SAMPLER_DPM_SOLVER,
                                        NWR_SAMPLER_RES_MULTISTEP,
                                        NWR_SAMPLER_GRADIENT_ESTIMATION,
                                        NWR_SAMPLER_DPM_2,
                                        NWR_SAMPLER_DPMPP_2S,
                                        NWR_SAMPLER_DPMPP_3S,
                                        NWR_SAMPLER_DPM_SINGLESTEP,
                                        NWR_SAMPLER_DPM_FAST,
                                        NWR_SAMPLER_RES_2S,
                                        NWR_SAMPLER_RESTART,
                                        NWR_SAMPLER_DPM_ADAPTIVE,
                                        1000,
                                        1003,
                                        1004,
                                        1011,
                                        1012,
                                        1021,
                                        1040,
                                        1042};
    EXPECT_EQ(draw.count(entry.value) ? NWR_ERROR_INVALID_ARGUMENT : NWR_OK, status);
    EXPECT_EQ(draw.count(entry.value) + may_draw.count(entry.value) > 0,
              (entry.flags & NWR_ENTRY_STOCHASTIC) != 0);
  }
}

// ---- settings -----------------------------------------------------------------------------------

std::vector<std::string> split(const char* list) {
  std::vector<std::string> parts;
  std::stringstream text(list ? list : "");
  for (std::string part; std::getline(text, part, ',');) parts.push_back(part);
  return parts;
}

// Makes whatever the domain's entries stand for; where one needs more than settings, that too.
class Maker {
 public:
  nwr_status make(nwr_domain domain, const std::string& spec, const nwr_param* params = nullptr,
                  uint32_t count = 0) {
    const double table[] = {0.5, 0.25};
    if (domain == NWR_DOMAIN_SCHEDULE) {
      auto o = sized<nwr_schedule_options>();
      o.name = spec.c_str(), o.params = params, o.param_count = count;
      if (spec.find("table") != std::string::npos) o.table = table, o.table_count = 2;
      if (spec.find("custom") != std::string::npos) {
        o.coeffs = [](void*, double t, nwr_coeffs* out) -> int32_t {
          out->alpha = t, out->sigma = 1 - t;
          return 0;
        };
      }
      nwr_schedule* schedule = nullptr;
      const nwr_status status = nwr_schedule_create(&o, &schedule);
      made.reset(schedule);
      return status;
    }
    if (domain == NWR_DOMAIN_GRID) {
      auto o = sized<nwr_grid_options>();
      o.name = spec.c_str(), o.params = params, o.param_count = count;
      times.assign(6, -9);
      return nwr_grid_fill(discrete.get(), &o, times.data(), times.size());
    }
    auto o = sized<nwr_sampler_options>();
    const nwr_rng rng{};
    o.name = spec.c_str(), o.params = params, o.param_count = count;
    o.rngs = &rng, o.rng_count = 1;
    // Short of clean data, where a plain last step may be singular.
    const double inside[] = {900, 600, 300, 0};
    o.times = inside, o.time_count = 4;
    nwr_sampler* sampler = nullptr;
    const nwr_status status = nwr_sampler_create(context.get(), discrete.get(), &o, &sampler);
    nwr_sampler_destroy(sampler);
    return status;
  }
  Context context = make_context();
  Schedule discrete = make_schedule("ddpm"), made;
  std::vector<double> times;
};

TEST(Settings, HaveDefaultsInRangeAndChoicesThatCount) {
  int seen = 0;
  for (const Domain& d : kDomains) {
    for (size_t i = 0; i < nwr_catalog_size(d.domain); ++i) {
      const nwr_entry entry = entry_of(d.domain, i);
      std::set<std::string> names;
      for (size_t p = 0; p < entry.param_count; ++p) {
        const nwr_param_info info = param_of(d.domain, i, p);
        SCOPED_TRACE(std::string(entry.name) + "." + info.name);
        EXPECT_TRUE(names.insert(info.name).second);
        EXPECT_GT(std::strlen(info.summary), 3u);
        EXPECT_LT(info.min, info.max);
        EXPECT_LE(info.min, info.default_value);
        EXPECT_GE(info.max, info.default_value);
        EXPECT_EQ(0u, info.reserved);
        if (info.choices) {
          EXPECT_EQ(0, info.min);
          EXPECT_EQ(info.max + 1, static_cast<double>(split(info.choices).size()));
        }
        ++seen;
      }
    }
  }
  EXPECT_GE(seen, 25);
}

TEST(Settings, AreTakenByNameNumberAndParameter) {
  Maker maker;
  for (const nwr_domain domain : {NWR_DOMAIN_SCHEDULE, NWR_DOMAIN_GRID, NWR_DOMAIN_SAMPLER}) {
    for (size_t i = 0; i < nwr_catalog_size(domain); ++i) {
      const nwr_entry entry = entry_of(domain, i);
      const std::string name = entry.name;
      NWR_EXPECT_OK(maker.make(domain, name)) << name;
      NWR_EXPECT_OK(maker.make(domain, name + "()")) << name;
      NWR_EXPECT_OK(maker.make(domain, "  " + name + " ( ) ")) << name;
      for (size_t p = 0; p < entry.param_count; ++p) {
        const nwr_param_info info = param_of(domain, i, p);
        SCOPED_TRACE(name + "." + info.name);
        const nwr_param as_default = {info.name, info.default_value};
        NWR_EXPECT_OK(maker.make(domain, name, &as_default, 1));
        // Its last index keeps more data than other formulas leave at the one before; SVD begins at
        // more noise than this schedule has.
        if (name == "comfy.sd-zero-snr" && std::string(info.name) == "beta") continue;
        if (name == "ays" && domain == NWR_DOMAIN_GRID) continue;
        double index = 0;
        for (const std::string& choice : split(info.choices)) {
          NWR_EXPECT_OK(maker.make(domain, name + "(" + info.name + "=" + choice + ")"));
          NWR_EXPECT_OK(maker.make(domain, name + "( " + info.name + " = " + choice + " )"));
          const nwr_param as_number = {info.name, index++};
          NWR_EXPECT_OK(maker.make(domain, name, &as_number, 1));
        }
      }
    }
  }
}

TEST(Settings, DoWhatTheySay) {
  // A choice by name and by number make the same schedule, and not the default one.
  Maker maker;
  NWR_ASSERT_OK(maker.make(NWR_DOMAIN_SCHEDULE, "ddpm(beta=scaled_linear)"));
  const nwr_coeffs by_name = coeffs_at(maker.made, 500);
  const nwr_param one = {"beta", 1};
  NWR_ASSERT_OK(maker.make(NWR_DOMAIN_SCHEDULE, "ddpm", &one, 1));
  const nwr_coeffs by_number = coeffs_at(maker.made, 500);
  EXPECT_EQ(0, std::memcmp(&by_name, &by_number, sizeof by_name));
  EXPECT_NE(coeffs_at(maker.discrete, 500).alpha, by_name.alpha);
  // A spec and parameters together.
  const nwr_param count = {"count", 7};
  NWR_ASSERT_OK(maker.make(NWR_DOMAIN_SCHEDULE, "ddpm(beta_end=0.25)", &count, 1));
  auto info = sized<nwr_schedule_info>();
  NWR_ASSERT_OK(nwr_schedule_get_info(maker.made.get(), &info));
  EXPECT_STREQ("ddpm(beta=linear,beta_start=1e-04,beta_end=0.25,count=7)", info.spec);
  EXPECT_EQ(6, info.t_noise);
  EXPECT_EQ(-1, info.t_data);
}

void check_spec(const std::string& spec) {
  SCOPED_TRACE(spec);
  Maker first, second;
  NWR_ASSERT_OK(first.make(NWR_DOMAIN_SCHEDULE, spec));
  auto info = sized<nwr_schedule_info>(), again = info;
  NWR_ASSERT_OK(nwr_schedule_get_info(first.made.get(), &info));
  NWR_ASSERT_OK(second.make(NWR_DOMAIN_SCHEDULE, info.spec));
  NWR_ASSERT_OK(nwr_schedule_get_info(second.made.get(), &again));
  EXPECT_STREQ(info.spec, again.spec);
  EXPECT_EQ(info.kind, again.kind);
  EXPECT_EQ(info.t_noise, again.t_noise);
  EXPECT_EQ(info.t_data, again.t_data);
  for (int i = 0; i <= 64; ++i) {
    const double t = i == 64 ? info.t_data : info.t_noise + (info.t_data - info.t_noise) * i / 64;
    const nwr_coeffs a = coeffs_at(first.made, t), b = coeffs_at(second.made, t);
    EXPECT_EQ(0, std::memcmp(&a, &b, sizeof a)) << t;
  }
}

const char* const kSpecs[] = {"linear",
                              "cosine",
                              "cosine(s=0.1234567890123456789)",
                              "vp",
                              "vp(beta_min=1e-7,beta_max=33.333333333333336)",
                              "ve",
                              "ve(sigma_min=0.30000000000000004,sigma_max=1e3)",
                              "edm",
                              "edm(sigma_max=1.7976931)",
                              "ddpm",
                              "ddpm(beta=squaredcos_cap_v2,count=77)",
                              "ddpm(beta=2,count=12)",
                              "ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012)",
                              "table",
                              "table(betas=yes)",
                              "custom",
                              "linear(alpha_min=0.01,sigma_min=0.3,time=to-noise,latent=sigmoid)",
                              "trigonometric(alpha_min=0.1,latent=brownian,latent_scale=0.7)",
                              "power(power=0.5,t_max=100,sigma_data=0.5)",
                              "edm-rho(rho=3)",
                              "decay(gamma=0.999)",
                              "polar",
                              "polar-swap",
                              "polynomial(n=2.5,latent=bsquared)",
                              "mirror(latent=sinesquared)",
                              "azula.vp(alpha_min=0.01)",
                              "azula.cosine",
                              "azula.rectified",
                              "azula.ve",
                              "azula-0.1.ve",
                              "diffusionlab.flow_matching",
                              "gensbi.sm_vp(e_s=0.01)",
                              "gensbi.sm_ve",
                              "gensbi.fm_vp",
                              "gensbi.edm_ve",
                              "torchebm.linear(compat=yes)",
                              "torchebm.cosine(compat=base)",
                              "torchebm.vp(sigma_min=0.05,sigma_max=5)",
                              "albergo.trig",
                              "albergo.encoding-decoding",
                              "nami.seed(latent=brownian)",
                              "ddpm(beta=laplace,snr_shift=0.5,zero_snr=yes,between=sigma)",
                              "sd15",
                              "sd-zero-snr(terminal=1e-7)",
                              "comfy.sd-zero-snr",
                              "cogvideox",
                              "cogvideox-5b",
                              "iddpm",
                              "kandinsky",
                              "shap-e",
                              "flow(shift=2.5,mu=0.3,power=1.5,count=77)",
                              "sd3",
                              "flux",
                              "auraflow",
                              "wan",
                              "lumina2",
                              "hunyuan-video",
                              "minimax-h3",
                              "comfy.flux",
                              "edm-levels(sigma_min=0.1,rho=3,count=9)",
                              "comfy.edm",
                              "svd",
                              "diffusers.edm",
                              "diffusers.cm",
                              "diffusers.cosine-dpm",
                              "wuerstchen(scaler=2,shift=3)",
                              "k.v"};

TEST(Specs, RecreateTheirScheduleToTheBit) {
  std::set<std::string> covered;
  for (const char* spec : kSpecs) {
    check_spec(spec);
    covered.insert(std::string(spec).substr(0, std::string(spec).find('(')));
  }
  EXPECT_EQ(nwr_catalog_size(NWR_DOMAIN_SCHEDULE), covered.size());
}

TEST(Version, IsThatOfTheHeader) {
  EXPECT_EQ(NWR_VERSION_MAJOR * 1000000u + NWR_VERSION_MINOR * 1000u + NWR_VERSION_PATCH,
            nwr_version());
  EXPECT_EQ(static_cast<uint32_t>(NWR_ABI), nwr_abi());
}

}  // namespace
}  // namespace nwr_test
