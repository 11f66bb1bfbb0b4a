// SPDX-License-Identifier: Apache-2.0
// noisewright list: the catalogue.
#include <iterator>

#include "commands.hpp"
#include "nwr.hpp"
#include "table.hpp"

namespace tool {
namespace {

struct Domain {
  const char* name;
  nwr_domain value;
};
constexpr Domain kDomains[] = {{"schedules", NWR_DOMAIN_SCHEDULE},
                               {"grids", NWR_DOMAIN_GRID},
                               {"samplers", NWR_DOMAIN_SAMPLER},
                               {"weights", NWR_DOMAIN_WEIGHT},
                               {"densities", NWR_DOMAIN_DENSITY},
                               {"generators", NWR_DOMAIN_GENERATOR},
                               {"quantities", NWR_DOMAIN_QUANTITY},
                               {"clocks", NWR_DOMAIN_CLOCK},
                               {"starts", NWR_DOMAIN_START},
                               {"strengths", NWR_DOMAIN_STRENGTH},
                               {"distributions", NWR_DOMAIN_DISTRIBUTION},
                               {"dtypes", NWR_DOMAIN_DTYPE},
                               {"devices", NWR_DOMAIN_DEVICE},
                               {"statuses", NWR_DOMAIN_STATUS}};

nwr_entry entry_of(nwr_domain domain, std::size_t i) {
  nwr_entry e{};
  e.struct_size = sizeof e;
  demo::check(nwr_catalog_entry(domain, i, &e));
  return e;
}

nwr_param_info param_of(nwr_domain domain, std::size_t i, std::size_t p) {
  nwr_param_info info{};
  info.struct_size = sizeof info;
  demo::check(nwr_catalog_param(domain, i, p, &info));
  return info;
}

std::string default_of(const nwr_param_info& p) {
  if (p.choices != nullptr) {
    const auto words = split(p.choices, ',');
    const auto at = static_cast<std::size_t>(p.default_value);
    if (p.default_value >= 0 && at < words.size()) return words[at];
  }
  return shortest(p.default_value);
}

void list_entries(const std::vector<Domain>& domains, Format format) {
  Table table{{"kind", "name", "order", "evaluations", "random", "parameters", "summary"}, {}};
  for (const Domain& d : domains) {
    for (std::size_t i = 0; i < nwr_catalog_size(d.value); ++i) {
      const nwr_entry e = entry_of(d.value, i);
      std::string parameters;
      for (std::size_t p = 0; p < e.param_count; ++p) {
        const nwr_param_info info = param_of(d.value, i, p);
        parameters += (p == 0 ? "" : ",") + std::string(info.name) + "=" + default_of(info);
      }
      // A line to read has its settings elsewhere: noisewright list samplers ddim.
      if (format == Format::kTable && parameters.size() > 40) {
        parameters = std::to_string(e.param_count) + " settings";
      }
      table.rows.push_back({std::string(d.name), std::string(e.name), std::int64_t{e.order},
                            std::int64_t{e.evals_per_step}, (e.flags & NWR_ENTRY_STOCHASTIC) != 0,
                            parameters, std::string(e.summary)});
    }
  }
  print(table, format);
}

void list_parameters(const Domain& d, const std::string& name, Format format) {
  std::int32_t value = 0;
  demo::check(nwr_catalog_find(d.value, name.c_str(), &value));
  Table table{{"parameter", "default", "least", "most", "words", "summary"}, {}};
  for (std::size_t i = 0; i < nwr_catalog_size(d.value); ++i) {
    const nwr_entry e = entry_of(d.value, i);
    if (e.value != value) continue;
    if (format == Format::kTable) write_out(std::string(e.name) + ": " + e.summary + "\n\n");
    for (std::size_t p = 0; p < e.param_count; ++p) {
      const nwr_param_info info = param_of(d.value, i, p);
      table.rows.push_back({std::string(info.name), default_of(info), info.min, info.max,
                            std::string(info.choices != nullptr ? info.choices : ""),
                            std::string(info.summary)});
    }
    break;
  }
  print(table, format);
}

int list(const Args& args) {
  const Format format = format_of(args);
  if (args.words().empty()) {
    list_entries({std::begin(kDomains), std::begin(kDomains) + 6}, format);
    return kFine;
  }
  for (const Domain& d : kDomains) {
    if (args.words()[0] != d.name) continue;
    if (args.words().size() == 1) {
      list_entries({d}, format);
    } else {
      list_parameters(d, args.words()[1], format);
    }
    return kFine;
  }
  std::string names;
  for (const Domain& d : kDomains) names += (names.empty() ? "" : ", ") + std::string(d.name);
  throw UsageError("there is no kind '" + args.words()[0] + "'; there are " + names);
}

}  // namespace

const Command kList{"list",
                    "[KIND [NAME]]",
                    "Names of a kind, or one name's settings and defaults.",
                    0,
                    2,
                    {kFormat},
                    list};

}  // namespace tool
