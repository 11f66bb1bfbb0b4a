// SPDX-License-Identifier: Apache-2.0
// noisewright-notebook: nami's notebook on the transforms of a two-sided interpolant. Checks three
// of them against closed forms and draws their fields.
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>

#include "field.hpp"
#include "figures.hpp"
#include "files.hpp"

namespace notebook {
namespace {

constexpr float kTime = 0.35f;
constexpr std::size_t kPoints = 1024;

Points normals(const Setting& setting) {
  Points x(kPoints, 2);
  const nwr_tensor tensor = x.tensor();
  const nwr_rng rng{0, 0, 0};
  demo::check(nwr_random_fill(setting.context.get(), NWR_NORMAL, &rng, 1, &tensor));
  return x;
}

void print_errors(const Setting& setting) {
  Points x = normals(setting);
  const Errors worst = errors_of(setting, kTime, x, fields_at(setting, kTime, x));
  const nwr_coeffs c = setting.at(kTime);
  std::printf("%s at t = %g: gamma %.6f, gamma gamma' %.6f\n", kSchedule, kTime, c.gamma,
              c.gamma_dgamma);
  std::printf("largest errors at %zu points, float32\n", kPoints);
  std::printf("  %-40s %.3e\n", "score from eta", worst.score);
  std::printf("  %-40s %.3e\n", "drift from path velocity and score", worst.drift);
  std::printf("  %-40s %.3e\n", "mirror velocity from score", worst.mirror);
}

void draw(const Setting& setting, const std::string& folder) {
  std::filesystem::create_directories(folder);
  std::printf("sha256\n");
  const demo::File files[] = {demo::write_file(folder, "fields.svg", fields_svg(setting, kTime)),
                              demo::write_file(folder, "gamma.svg", gamma_svg(setting, kTime)),
                              demo::write_file(folder, "mirror.svg", mirror_svg(setting))};
  for (const demo::File& f : files) std::printf("  %-11s %s\n", f.name.c_str(), f.sha256.c_str());
}

}  // namespace
}  // namespace notebook

int main(int argc, char** argv) {
  const bool out = argc == 3 && std::strcmp(argv[1], "--out") == 0;
  if (argc != 1 && !out) {
    std::fprintf(stderr, "usage: noisewright-notebook [--out DIR]\n");
    return 2;
  }
  try {
    const notebook::Setting setting = notebook::make_setting();
    notebook::print_errors(setting);
    notebook::draw(setting, out ? argv[2] : ".");
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "noisewright-notebook: %s\n", e.what());
    return 1;
  }
}
