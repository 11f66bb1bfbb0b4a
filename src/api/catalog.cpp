// SPDX-License-Identifier: Apache-2.0
// Owns the C side of the catalogue. Must not know the entries.
#include "core/catalog.hpp"

#include "api/guard.hpp"
#include "api/options.hpp"
#include "backend/backend.hpp"
#include "core/generator.hpp"

using namespace noisewright;

size_t nwr_catalog_size(nwr_domain domain) { return catalog_size(static_cast<int32_t>(domain)); }

nwr_status nwr_catalog_entry(nwr_domain domain, size_t index, nwr_entry* out) {
  return guard([&] {
    require(out, "out");
    check_struct_size(out, "out");
    const Entry& entry = catalog_entry(static_cast<int32_t>(domain), index);
    nwr_entry e{};
    e.value = entry.value;
    e.name = entry.name;
    e.summary = entry.summary;
    const bool plugin =
        (domain == NWR_DOMAIN_DEVICE && entry.value == NWR_CUDA) ||
        (domain == NWR_DOMAIN_GENERATOR && static_cast<const GeneratorKind&>(entry).plugin);
    e.flags = static_cast<nwr_entry_flags>(entry.flags |
                                           (!plugin || cuda_available() ? NWR_ENTRY_AVAILABLE : 0));
    e.param_count = static_cast<uint32_t>(entry.param_count());
    e.order = entry.order;
    e.evals_per_step = entry.evals_per_step;
    give(out, e);
    return NWR_OK;
  });
}

nwr_status nwr_catalog_param(nwr_domain domain, size_t index, size_t param, nwr_param_info* out) {
  return guard([&] {
    require(out, "out");
    check_struct_size(out, "out");
    const Entry& entry = catalog_entry(static_cast<int32_t>(domain), index);
    if (param >= entry.param_count()) {
      fail(NWR_ERROR_NOT_FOUND, "param is ", param, ", but ", entry.name, " has ",
           entry.param_count(), " settings");
    }
    const Param& p = entry.param(param);
    nwr_param_info info{};
    info.name = p.name;
    info.summary = p.summary;
    info.default_value = default_of(entry, param);
    info.min = p.min;
    info.max = p.max;
    info.choices = p.choices;
    give(out, info);
    return NWR_OK;
  });
}

nwr_status nwr_catalog_find(nwr_domain domain, const char* name, int32_t* out) {
  return guard([&] {
    require(name, "name");
    require(out, "out");
    *out = find_by_name(static_cast<int32_t>(domain), name, "name").value;
    return NWR_OK;
  });
}
