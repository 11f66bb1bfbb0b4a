// SPDX-License-Identifier: Apache-2.0
// Configurations of other libraries as a host hands them over: what is followed, what is named, and
// what hostile text does.
#include <tuple>

#include "support.hpp"

namespace nwr_test {
namespace {

nwr_status import(const std::string& text, nwr_schedule** out, std::vector<nwr_param> params = {},
                  uint32_t steps = 0, const char* schedule = nullptr) {
  auto options = sized<nwr_import_options>();
  options.params = params.data();
  options.param_count = static_cast<uint32_t>(params.size());
  options.steps = steps;
  options.schedule = schedule;
  return nwr_schedule_import(text.c_str(), &options, out);
}

Schedule imported(const std::string& text, std::vector<nwr_param> params = {}, uint32_t steps = 0,
                  const char* schedule = nullptr) {
  nwr_schedule* out = nullptr;
  NWR_EXPECT_OK(import(text, &out, std::move(params), steps, schedule)) << text;
  return Schedule(out);
}

std::string of_class(const std::string& name) {
  return "{\"_class_name\": \"" + name + "Scheduler\"}";
}

nwr_import info_of(const Schedule& schedule) {
  auto info = sized<nwr_import>();
  NWR_EXPECT_OK(nwr_schedule_get_import(schedule.get(), &info));
  return info;
}

std::vector<std::string> warnings_of(const Schedule& schedule) {
  const nwr_import info = info_of(schedule);
  return {info.warnings, info.warnings + info.warning_count};
}

// The three calls of a host. Runs to clean data of the known model.
void run(const Schedule& schedule) {
  const nwr_import info = info_of(schedule);
  auto grid = sized<nwr_grid_options>();
  grid.name = info.grid;
  std::vector<double> times(info.steps + 1);
  NWR_ASSERT_OK(nwr_grid_fill(schedule.get(), &grid, times.data(), times.size())) << info.grid;
  auto options = sized<nwr_sampler_options>();
  options.name = info.sampler;
  options.prediction = info.prediction == NWR_PRECONDITIONED ? NWR_DATA : info.prediction;
  options.clock = info.clock;
  options.times = times.data();
  options.time_count = static_cast<uint32_t>(times.size());
  const nwr_rng rng{1, 2, 0};
  options.rngs = &rng;
  options.rng_count = 1;
  const Context context = make_context();
  const Sampler sampler = make_sampler(context, schedule, options);
  ASSERT_TRUE(sampler) << info.sampler;
  Tensor x(NWR_F64, {2, 8});
  NWR_ASSERT_OK(nwr_sampler_start(sampler.get(), x, info.start));
  finish(sampler.get(), schedule, options.prediction, &x);
  for (const double value : x.values()) EXPECT_LT(std::fabs(value), 10) << info.sampler;
}

TEST(Import, IsThreeCallsFromAFileToARun) {
  const Schedule schedule = imported(
      R"({"_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.30.0",
          "beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012,
          "use_karras_sigmas": true, "lambda_min_clipped": -Infinity, "variance_type": null})",
      {}, 20);
  const nwr_import info = info_of(schedule);
  EXPECT_STREQ("DPMSolverMultistepScheduler", info.source);
  EXPECT_STREQ("k.karras", info.grid);
  EXPECT_STREQ("dpmpp-2m(lower_order_final=no,solver=midpoint)", info.sampler);
  EXPECT_EQ(NWR_NOISE, info.prediction);
  EXPECT_EQ(NWR_CLOCK_INDEX, info.clock);
  EXPECT_EQ(NWR_START_UNIT, info.start);
  EXPECT_EQ(20u, info.steps);
  EXPECT_EQ(0u, info.warning_count) << warnings_of(schedule)[0];
  run(schedule);
}

TEST(Import, EveryKeyIsFollowedOrNamed) {
  const auto warnings = warnings_of(imported(
      R"({"_class_name": "EulerDiscreteScheduler", "interpolation_type": "log_linear",
          "sigma_max": 2.0, "invented": [1, {"a": "\u00e9"}], "steps_offset": 1})"));
  ASSERT_EQ(2u, warnings.size());
  EXPECT_EQ(0u, warnings[0].find("interpolation_type=\"log_linear\": "));
  EXPECT_EQ("\"invented\"=[1,{\"a\":\"\\u00e9\"}]: EulerDiscreteScheduler is not known to read it",
            warnings[1]);
  // What a class does whatever its configuration is named too.
  EXPECT_EQ(1u, warnings_of(imported(of_class("IPNDM"))).size());
}

TEST(Import, SaysWhereItDiffersFromTheClass) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"_class_name": "IPNDMScheduler", "trained_betas": [0.25]})",
       "trained_betas=[0.25]: the class's own sines are taken"},
      {R"({"_class_name": "UniPCMultistepScheduler", "solver_p": {"_class_name": "DDIMScheduler"}})",
       "the predictor is UniPC's own"},
      {R"({"_class_name": "EDMEulerScheduler", "prediction_type": "v_prediction"})",
       "prediction_type=\"v_prediction\": hand the sampler minus the output"},
      {R"({"_class_name": "PNDMScheduler", "prediction_type": "v_prediction"})",
       "the three Runge-Kutta steps are of the noise"},
      {R"({"_class_name": "DPMSolverMultistepScheduler", "variance_type": "learned_range"})",
       "variance_type=\"learned_range\": hand the sampler the mean half"}};
  for (const auto& [text, says] : cases) {
    std::string all;
    for (const std::string& warning : warnings_of(imported(text))) all += warning + '\n';
    EXPECT_NE(std::string::npos, all.find(says)) << text << '\n' << all;
  }
}

TEST(Import, RefusesWhatIsKnownAndNotHere) {
  const std::tuple<const char*, nwr_status, const char*> cases[] = {
      {R"({"_class_name": "HeliosScheduler", "stages": 3})", NWR_ERROR_UNSUPPORTED, "stages=1"},
      {R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true,
           "base_image_seq_len": 256, "max_image_seq_len": 256})",
       NWR_ERROR_INVALID_ARGUMENT, "max_image_seq_len=256 is not above base_image_seq_len=256"},
      {"euler_cfg_pp", NWR_ERROR_UNSUPPORTED, "'euler_cfg_pp' has its guidance inside the step"}};
  for (const auto& [text, status, says] : cases) {
    nwr_schedule* made = nullptr;
    EXPECT_EQ(status, import(text, &made)) << text;
    EXPECT_EQ(nullptr, made);
    EXPECT_NE(nullptr, std::strstr(nwr_last_error(), says)) << nwr_last_error();
  }
}

TEST(Import, NamesFollowTheModelsSchedule) {
  const nwr_import edm = info_of(imported("DPM++ 2M Karras", {}, 0, "edm"));
  EXPECT_EQ(NWR_PRECONDITIONED, edm.prediction);
  EXPECT_EQ(NWR_CLOCK_EDM, edm.clock);
  const nwr_import flux = info_of(imported("euler simple", {}, 0, "flux"));
  EXPECT_EQ(NWR_VELOCITY, flux.prediction);
  EXPECT_EQ(1000, flux.clock_scale);
}

TEST(Import, ClippingAndThresholdsAreFollowed) {
  const Schedule schedule = imported(
      R"({"_class_name": "DDIMScheduler", "clip_sample": true, "thresholding": true,
          "sample_max_value": 2.0, "invented": [1, {"a": "\u00e9"}], "steps_offset": 1,
          "timestep_spacing": "linspace"})");
  const auto warnings = warnings_of(schedule);
  ASSERT_EQ(2u, warnings.size());
  EXPECT_EQ(0u, warnings[0].find("timestep_spacing=\"linspace\": "));
  EXPECT_EQ("\"invented\"=[1,{\"a\":\"\\u00e9\"}]: DDIMScheduler is not known to read it",
            warnings[1]);
  EXPECT_STREQ("ddim(eta=0,threshold=0.995,threshold_max=2,limited_noise=model)",
               info_of(schedule).sampler);
  // Defaults of the class are followed too.
  EXPECT_STREQ("ddim(eta=0,clip=1,limited_noise=model)",
               info_of(imported(R"({"_class_name": "DDIMScheduler"})")).sampler);
}

TEST(Import, TakesWhatTheClassTakesWhenItIsCalled) {
  const Schedule ddim =
      imported(R"({"_class_name": "DDIMScheduler", "clip_sample": false})", {{"eta", 0.5}});
  EXPECT_STREQ("ddim(eta=0.5)", info_of(ddim).sampler);
  const char* flux =
      R"({"_class_name": "FlowMatchEulerDiscreteScheduler", "use_dynamic_shifting": true})";
  EXPECT_STREQ("flow(mu=0.63)", info_of(imported(flux, {{"tokens", 1024}, {"even", 1}})).grid);
  EXPECT_EQ(1u, info_of(imported(flux)).warning_count);
  nwr_schedule* out = nullptr;
  EXPECT_EQ(NWR_ERROR_NOT_FOUND, import(flux, &out, {{"eta", 1}}));
  EXPECT_NE(nullptr, std::strstr(nwr_last_error(),
                                 "'eta' (it takes even, mu, s_churn, "
                                 "s_noise, s_tmax, s_tmin, tokens)"))
      << nwr_last_error();
}

// Noise after the model has been asked, by the class's own count of steps.
TEST(Import, ChurnIsAnArgumentOfTheCall) {
  const std::vector<nwr_param> given = {{"s_churn", 3}, {"s_tmin", 0.05}, {"s_noise", 1.003}};
  const auto sampler = [&](const char* name, std::vector<nwr_param> params) {
    const Schedule schedule = imported(of_class(name), std::move(params), 8);
    return std::string(info_of(schedule).sampler);
  };
  EXPECT_EQ("diffusers.euler(s_churn=3,s_min=0.05,s_noise=1.003)", sampler("EulerDiscrete", given));
  EXPECT_EQ("euler(space=sigma)", sampler("EulerDiscrete", {{"s_churn", 0}}));
  EXPECT_EQ("diffusers.euler(read=noisier,s_churn=3,s_min=0.05,s_max=9,s_noise=1,unit_input=yes)",
            sampler("EDMEuler", {{"s_churn", 3}, {"s_tmin", 0.05}, {"s_tmax", 9}}));
  EXPECT_EQ("diffusers.heun(space=flow,s_churn=1.6,s_min=0.05,s_noise=1.003)",
            sampler("FlowMatchHeunDiscrete", given));
  // The class takes them and makes no use of them.
  EXPECT_EQ("euler", sampler("FlowMatchEulerDiscrete", given));
}

TEST(Import, ModelsOfAnAngleAndOthersWithoutBetas) {
  const Schedule scm = imported(R"({"_class_name": "SCMScheduler", "sigma_data": 0.5})", {}, 2);
  EXPECT_STREQ("lcm", info_of(scm).sampler);
  EXPECT_NEAR(std::acos(0.0), info_of(scm).clock_scale, 1e-15);
  auto grid = sized<nwr_grid_options>();
  grid.name = info_of(scm).grid;
  double times[3];
  NWR_ASSERT_OK(nwr_grid_fill(scm.get(), &grid, times, 3));
  EXPECT_NEAR(1.3, times[1] * info_of(scm).clock_scale, 1e-15);
  run(scm);
  EXPECT_STREQ("uniform", info_of(imported(R"({"_class_name": "SCMScheduler"})", {}, 4)).grid);
  nwr_schedule* out = nullptr;
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT,
            import(R"({"_class_name": "SCMScheduler"})", &out, {{"intermediate_timesteps", 2}}, 2));
  EXPECT_NE(nullptr, std::strstr(nwr_last_error(), "intermediate_timesteps is 2, not between"))
      << nwr_last_error();
  struct One {
    const char *name, *schedule, *grid, *sampler;
  };
  for (const One& one :
       {One{"IPNDM", "k.v", "sine-squared", "ipndm"},
        One{"DDPMWuerstchen", "wuerstchen(s=0.008,scaler=1,shift=1)", "uniform",
            "ddpm(last_step=mean)"},
        One{"MiniMaxH3", "linear(alpha_min=0,sigma_min=0,time=to-data)", "flow(shift=12)", "euler"},
        One{"CogVideoXDPM",
            "ddpm(beta=scaled_linear,beta_start=0.00085,beta_end=0.012,count=1000,snr_shift=3)",
            "leading(offset=0)", "dpmpp-2m-sde(lower_order_final=last)"}}) {
    const Schedule schedule = imported(of_class(one.name), {}, 5);
    EXPECT_STREQ(one.grid, info_of(schedule).grid);
    EXPECT_STREQ(one.sampler, info_of(schedule).sampler);
    auto info = sized<nwr_schedule_info>();
    NWR_EXPECT_OK(nwr_schedule_get_info(schedule.get(), &info));
    EXPECT_STREQ(one.schedule, info.spec);
    run(schedule);
  }
}

TEST(Import, UncorrectedStepsAreBits) {
  const auto sampler = [](const char* list) {
    return std::string(
        info_of(imported(R"({"_class_name": "UniPCMultistepScheduler", "disable_corrector": )" +
                         std::string(list) + "}"))
            .sampler);
  };
  EXPECT_NE(std::string::npos, sampler("[0, 3, 3]").find("corrector_skip=9,"));
  EXPECT_EQ(std::string::npos, sampler("[]").find("corrector_skip"));
  const auto warnings = warnings_of(
      imported(R"({"_class_name": "UniPCMultistepScheduler", "disable_corrector": [1, 60]})"));
  ASSERT_EQ(1u, warnings.size());
  EXPECT_EQ(0u, warnings[0].find("disable_corrector=[1,60]: steps from 0 to 52"));
}

TEST(Import, TrainedBetasAreATable) {
  const Schedule schedule = imported(
      R"({"_class_name": "EulerDiscreteScheduler", "num_train_timesteps": 3,
          "trained_betas": [0.1, 0.2, 0.3]})",
      {}, 2);
  const nwr_coeffs c = coeffs_at(schedule, 2);
  EXPECT_NEAR(0.9 * 0.8 * 0.7, c.alpha * c.alpha, 1e-15);
}

// Each bad text has a part of its message: the key and its value, or what is wrong.
TEST(Import, RefusesHostileTextByName) {
  const std::string euler = R"({"_class_name": "EulerDiscreteScheduler", )";
  std::string deep(100000, '[');
  struct Bad {
    std::string text;
    const char* says;
  };
  const Bad all[] = {
      {"", "text is empty"},
      {" \n", "text is empty"},
      {"{", "is no JSON"},
      {"[1, 2]", "is no JSON object"},
      {deep, "nested deeper"},
      {"{\"a\":" + deep, "nested deeper"},
      {euler + "\"beta_start\": \"\xff\xfe\"}", "is no JSON"},
      {euler + "\"beta_start\": \"small\"}", "beta_start=\"small\" is not a number"},
      {euler + "\"beta_start\": NaN}", "beta_start=\"NaN\" is not a number"},
      {euler + "\"beta_start\": -1}", "beta_start is -1"},
      {euler + "\"beta_end\": 1e999}", "is no JSON"},
      {euler + "\"beta_end\": Infinity}", "beta_end"},
      {euler + "\"beta_schedule\": 3}", "beta_schedule=3 is not text"},
      {euler + "\"beta_schedule\": \"cubic\"}", "beta_schedule=\"cubic\" is none of those"},
      {euler + "\"num_train_timesteps\": 1e9}", "num_train_timesteps=1000000000.0"},
      {euler + "\"num_train_timesteps\": 2.5}", "num_train_timesteps=2.5"},
      {euler + "\"use_karras_sigmas\": 1}", "use_karras_sigmas=1 is not true or false"},
      {euler + "\"trained_betas\": {\"a\": 1}}", "trained_betas={\"a\":1} is not a list"},
      {euler + "\"trained_betas\": [0.1, \"b\"]}", "is not a list of numbers"},
      {euler + "\"trained_betas\": [0.1, 2]}", "options.table[1]"},
      {R"({"_class_name": "RePaintScheduler"})", "RePaintScheduler cannot be imported"},
      {R"({"_class_name": "Made\u0000Up"})", "is no class that is known"},
      {R"({"beta_start": 0.1})", "_class_name is missing"},
      {"{\"_class_name\": \"" + std::string(2 << 20, 'a') + "\"}", "bytes, more than"},
      {"dpmpp_9m", "'dpmpp_9m' names no sampler"},
      {"DPM adaptive", "its steps are adaptive"},
      {"euler\x01", "byte 5"},
      {std::string(1000, 'a'), "too long for names"}};
  for (const Bad& bad : all) {
    nwr_schedule* out = nullptr;
    EXPECT_GT(0, import(bad.text, &out)) << bad.text.substr(0, 60);
    EXPECT_EQ(nullptr, out);
    EXPECT_NE(nullptr, std::strstr(nwr_last_error(), bad.says))
        << bad.text.substr(0, 60) << " -> " << nwr_last_error();
  }
}

TEST(Import, EveryPrefixAndEveryWrongByteIsAnAnswer) {
  const std::string good =
      R"({"_class_name": "UniPCMultistepScheduler", "solver_order": 3, "disable_corrector": [0, 1],
          "flow_shift": 1.5, "use_flow_sigmas": true, "prediction_type": "flow_prediction"})";
  for (size_t i = 0; i <= good.size(); ++i) {
    for (const char wrong : {'\0', '"', '{', ']', '9', '\x80'}) {
      std::string text = good.substr(0, i);
      if (wrong) text += wrong + good.substr(std::min(i + 1, good.size()));
      nwr_schedule* out = nullptr;
      const nwr_status status = import(text, &out);
      EXPECT_EQ(status == NWR_OK, out != nullptr);
      EXPECT_NE(NWR_ERROR_INTERNAL, status) << text;
      nwr_schedule_destroy(out);
    }
  }
}

struct Named {
  const char *text, *sampler, *grid;
};

TEST(Import, NamesOfProgramsAreSamplersAndGrids) {
  const Named all[] = {
      {"DPM++ 2M Karras", "dpmpp-2m(space=sigma)", "k.karras"},
      {"DPM++ 2M SDE Heun Exponential", "dpmpp-2m-sde(solver=heun)", "k.exponential"},
      {"Euler a", "euler-ancestral(space=sigma,noise=variance)", "normal"},
      {"DPM++ 2S a Karras", "dpmpp-2s-ancestral(noise=variance)", "k.karras"},
      {"DPM2 a", "dpm-2-ancestral(space=sigma,noise=variance)", "normal"},
      {"dpmpp_2m sgm_uniform", "dpmpp-2m(space=sigma)", "sgm-uniform"},
      {"euler/ddim_uniform", "euler(space=sigma)", "ddim-uniform"},
      {"uni_pc_bh2", "diffusers.unipc(variant=bh2)", "normal"},
      {"sample_dpmpp_2m_sde", "dpmpp-2m-sde(solver=midpoint)", "normal"},
      {"sample_heun", "heun(space=sigma)", "normal"},
      {"dpm++2m", "dpmpp-2m(space=sigma)", "normal"},
      {"euler_a", "euler-ancestral(space=sigma,noise=variance)", "normal"},
      {"DDIM SGM Uniform", "ddim", "sgm-uniform"},
      {"lcm lcm", "lcm", "lcm"}};
  for (const Named& one : all) {
    const Schedule schedule = imported(one.text, {}, 12);
    EXPECT_STREQ(one.sampler, info_of(schedule).sampler) << one.text;
    EXPECT_STREQ(one.grid, info_of(schedule).grid) << one.text;
    EXPECT_EQ(1u, info_of(schedule).warning_count);
  }
  const Schedule flow = imported("euler_ancestral normal", {}, 12, "flow(shift=3)");
  EXPECT_STREQ("euler-ancestral(space=flow,noise=flow)", info_of(flow).sampler);
  EXPECT_STREQ("comfy.flow-normal", info_of(flow).grid);
  EXPECT_EQ(NWR_VELOCITY, info_of(flow).prediction);
  EXPECT_EQ(1000, info_of(flow).clock_scale);
  EXPECT_EQ(0u, info_of(flow).warning_count);
}

TEST(Import, EveryNameOfASamplerRuns) {
  for (const char* name : {"euler",
                           "euler_ancestral",
                           "ddim_trailing",
                           "heun",
                           "dpm_2",
                           "dpm_2_ancestral",
                           "lms",
                           "dpm_fast",
                           "dpmpp_2s_ancestral",
                           "dpmpp_2m",
                           "dpmpp_sde",
                           "dpmpp_2m_sde",
                           "dpmpp_2m_sde_heun",
                           "dpmpp_3m_sde",
                           "ddim",
                           "ddpm",
                           "plms",
                           "uni_pc",
                           "uni_pc_bh2",
                           "lcm",
                           "tcd",
                           "restart",
                           "heunpp2",
                           "ipndm",
                           "ipndm_v",
                           "deis",
                           "res_multistep",
                           "res_multistep_ancestral",
                           "res_2s",
                           "gradient_estimation",
                           "er_sde",
                           "seeds_2",
                           "seeds_3",
                           "sa_solver",
                           "sa_solver_pece"}) {
    for (const char* schedule : {"sd15", "flow(shift=3)"}) {
      SCOPED_TRACE(std::string(name) + " on " + schedule);
      run(imported(name, {}, 12, schedule));
    }
  }
}

TEST(Import, EveryClassRuns) {
  for (const char* name : {"DDIMScheduler",
                           "DDPMScheduler",
                           "PNDMScheduler",
                           "LCMScheduler",
                           "TCDScheduler",
                           "EulerDiscreteScheduler",
                           "EulerAncestralDiscreteScheduler",
                           "HeunDiscreteScheduler",
                           "LMSDiscreteScheduler",
                           "KDPM2DiscreteScheduler",
                           "KDPM2AncestralDiscreteScheduler",
                           "DPMSolverSDEScheduler",
                           "DPMSolverMultistepScheduler",
                           "DPMSolverSinglestepScheduler",
                           "DEISMultistepScheduler",
                           "UniPCMultistepScheduler",
                           "SASolverScheduler",
                           "EDMEulerScheduler",
                           "EDMDPMSolverMultistepScheduler",
                           "CosineDPMSolverMultistepScheduler",
                           "FlowMatchEulerDiscreteScheduler",
                           "FlowMatchHeunDiscreteScheduler",
                           "FlowMatchLCMScheduler",
                           "FlowMapEulerDiscreteScheduler",
                           "LTXEulerAncestralRFScheduler",
                           "CMStochasticIterativeScheduler",
                           "CogVideoXDDIMScheduler",
                           "UnCLIPScheduler"}) {
    SCOPED_TRACE(name);
    run(imported(std::string("{\"_class_name\": \"") + name + "\"}", {}, 10));
  }
}

TEST(Import, AsksForAScheduleThatWasImported) {
  const Schedule plain = make_schedule("linear");
  auto info = sized<nwr_import>();
  EXPECT_EQ(NWR_ERROR_INVALID_STATE, nwr_schedule_get_import(plain.get(), &info));
  nwr_schedule* out = nullptr;
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_schedule_import(nullptr, nullptr, &out));
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_schedule_import("euler", nullptr, nullptr));
}

TEST(Catalog, NamesOfPythonHaveUnderscores) {
  int32_t value = -1;
  NWR_EXPECT_OK(nwr_catalog_find(NWR_DOMAIN_SAMPLER, "dpmpp_2m_sde", &value));
  EXPECT_EQ(NWR_SAMPLER_DPMPP_2M_SDE, value);
}

TEST(Strength, LeavesStepsOutByEitherRule) {
  uint32_t first = 99;
  NWR_EXPECT_OK(nwr_grid_skip(NWR_STRENGTH_FLOOR, 50, 0.75, &first));
  EXPECT_EQ(13u, first);
  NWR_EXPECT_OK(nwr_grid_skip(NWR_STRENGTH_CEIL, 50, 0.75, &first));
  EXPECT_EQ(12u, first);
  NWR_EXPECT_OK(nwr_grid_skip(NWR_STRENGTH_FLOOR, 4, 0, &first));
  EXPECT_EQ(4u, first);
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_grid_skip(NWR_STRENGTH_CEIL, 4, 1.5, &first));
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT,
            nwr_grid_skip(static_cast<nwr_strength>(7), 4, 0.5, &first));
  EXPECT_EQ(NWR_ERROR_INVALID_ARGUMENT, nwr_grid_skip(NWR_STRENGTH_CEIL, 4, std::nan(""), &first));
  EXPECT_EQ(4u, first);
}

}  // namespace
}  // namespace nwr_test
