// SPDX-License-Identifier: Apache-2.0
// noisewright check-config: what a configuration of another library becomes, and what of it is not
// followed.
#include <fstream>
#include <iostream>
#include <sstream>

#include "commands.hpp"
#include "nwr.hpp"
#include "table.hpp"

namespace tool {
namespace {

std::string read_all(const std::string& file) {
  std::ostringstream text;
  if (file == "-") {
    text << std::cin.rdbuf();
    return text.str();
  }
  std::ifstream in(file, std::ios::binary);
  // A folder opens, and then cannot be read.
  if (!in || !(text << in.rdbuf())) throw std::runtime_error("cannot read '" + file + "'");
  return text.str();
}

std::string name_in(nwr_domain domain, std::int32_t value) {
  for (std::size_t i = 0; i < nwr_catalog_size(domain); ++i) {
    nwr_entry e{};
    e.struct_size = sizeof e;
    demo::check(nwr_catalog_entry(domain, i, &e));
    if (e.value == value) return e.name;
  }
  return std::to_string(value);
}

int check_config(const Args& args) {
  const Format format = format_of(args);
  std::vector<std::string> names;
  std::vector<nwr_param> params;
  const std::vector<std::string> given = args.all("--param");
  names.reserve(given.size());
  for (const std::string& p : given) {
    const std::size_t equals = p.find('=');
    if (equals == std::string::npos) throw UsageError("--param wants KEY=NUMBER, not '" + p + "'");
    names.push_back(p.substr(0, equals));
    params.push_back({names.back().c_str(), parse_number("--param " + names.back(),
                                                         p.substr(equals + 1), -1e300, 1e300)});
  }
  nwr_import_options how{};
  how.struct_size = sizeof how;
  how.steps = static_cast<std::uint32_t>(args.whole("--steps", 50, 1, 1000000));
  how.params = params.data();
  how.param_count = static_cast<std::uint32_t>(params.size());
  const std::string model = args.text("--schedule", "");
  if (!model.empty()) how.schedule = model.c_str();
  if (args.words().empty() == !args.has("--name")) {
    throw UsageError("say a file, - for standard input, or --name");
  }
  const std::string text = args.has("--name") ? args.text("--name", "") : read_all(args.words()[0]);
  nwr_schedule* made = nullptr;
  demo::check(nwr_schedule_import(text.c_str(), &how, &made));
  const demo::Schedule schedule(made);
  nwr_import import{};
  import.struct_size = sizeof import;
  demo::check(nwr_schedule_get_import(schedule.get(), &import));
  nwr_schedule_info info{};
  info.struct_size = sizeof info;
  demo::check(nwr_schedule_get_info(schedule.get(), &info));
  // What has no times or no sampler here is found now, and not by the host.
  const std::vector<double> times =
      demo::make_grid(schedule.get(), import.grid, import.steps, 0, 0);
  const demo::Context context = demo::make_context(1);
  demo::SamplerSetup setup;
  setup.spec = import.sampler;
  setup.prediction = import.prediction;
  setup.times = times;
  setup.rngs = {nwr_rng{}};
  demo::make_sampler(context.get(), schedule.get(), setup);

  std::vector<std::string> warnings;
  for (std::uint32_t i = 0; i < import.warning_count; ++i)
    warnings.emplace_back(import.warnings[i]);
  print(Record{{"source", std::string(import.source)},
               {"schedule", std::string(info.spec)},
               {"grid", std::string(import.grid)},
               {"sampler", std::string(import.sampler)},
               {"prediction", name_in(NWR_DOMAIN_QUANTITY, import.prediction)},
               {"clock", name_in(NWR_DOMAIN_CLOCK, import.clock)},
               {"clock scale", import.clock_scale},
               {"start", name_in(NWR_DOMAIN_START, import.start)},
               {"steps", std::int64_t{import.steps}},
               {"first time", times.front()},
               {"last time", times.back()},
               {"followed entirely", warnings.empty()},
               {"not followed", warnings}},
        format);
  return warnings.empty() ? kFine : kNo;
}

}  // namespace

const Command kCheckConfig{
    "check-config",
    "[FILE | -]",
    "What a scheduler_config.json becomes; status 3 if a key is not followed.",
    0,
    1,
    {{"--name", "TEXT", "a program's name in place of a file: \"DPM++ 2M Karras\""},
     {"--steps", "N", "steps of the run (50)"},
     {"--param", "KEY=NUMBER",
      "what the class takes when it is called, such as eta; again for more"},
     {"--schedule", "S", "the model's, for names (sd15)"},
     kFormat},
    check_config};

}  // namespace tool
