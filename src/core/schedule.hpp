// SPDX-License-Identifier: Apache-2.0
// Owns what a schedule is: coefficients at a time, its ends, the time of a noise level, and what
// quantities mean on it. Must not know tensors, samplers or devices.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/catalog.hpp"
#include "core/error.hpp"
#include "core/float_scope.hpp"
#include "core/imports/import.hpp"
#include "core/ref.hpp"
#include "core/spec.hpp"
#include "math/coeffs.hpp"
#include "math/path.hpp"
#include "math/rows.hpp"
#include "noisewright.h"

namespace noisewright {

// log(alpha/sigma) where grids in noise levels begin if the schedule's own end is at -infinity,
// and the noise level where they stop if it is at +infinity (the ends of diffusers'
// lambda_min_clipped and of Karras et al. 2206.00364).
inline constexpr double kLambdaBegin = -5.1;
inline constexpr double kSigmaFloor = 0.002;

class Schedule : public RefCounted {
 public:
  struct Ends {
    double noise, data;  // sampling goes from the first to the second
    double low, high;    // times that may be asked for
  };
  // How far apart the times of a default grid lie.
  enum class Spacing { time, noise_level, index, flow };

  // Fails if t is not in [low, high]; argument names it in the message.
  nwr_coeffs at(double t, const Name& argument) const;
  // What rows read of them, all but the logarithms and diffusion2, at count times, which must lie
  // in [low, high].
  virtual void row_coeffs(const double* t, int count, nwr_coeffs* c) const;
  // Whether any thread may ask for them, nothing can fail, and no formula is an upstream's.
  virtual bool plain() const { return false; }
  // The time at which log(alpha/sigma) has the value.
  double time_at(double lambda, const Name& argument) const;

  // Calls release(user) when the schedule is gone. Not before it exists: a refused user stays with
  // the caller.
  void hold(nwr_release_fn release, void* user) {
    release_ = release;
    user_ = user;
  }

  // The configuration that it was made from, or null; kept before it is shared.
  void keep(std::unique_ptr<const Import> import) { import_ = std::move(import); }
  const Import* import() const { return import_.get(); }

  // Writes the factors by which inputs give output at t, and is true, where an upstream's own
  // formula, clamps included, was asked for in place of the algebra.
  virtual bool upstream_factors(double t, const int32_t* inputs, size_t count, int32_t output,
                                double* factors) const;
  // Whether there are such formulas.
  virtual bool has_upstream() const { return false; }
  // What a device needs to evaluate the schedule, but for the table.
  virtual PathPlan path() const;
  // The table that goes with it, for the forms that have one.
  virtual std::vector<double> table() const;
  // Another for every schedule ever made.
  uint64_t id() const { return id_; }
  // The row of a quantity where the coefficients are c; false where it has no finite one.
  bool row(const nwr_coeffs& c, int32_t quantity, double diffusion2, Row* out) const {
    return quantity_row(c, quantity, setting(diffusion2), out);
  }
  RowSetting setting(double diffusion2) const { return {diffusion2, direction(), sigma_data_}; }

  int32_t kind() const { return kind_; }
  const std::string& spec() const { return spec_; }
  const Ends& ends() const { return ends_; }
  // +1 where data lies at later times, else -1.
  double direction() const { return ends_.data > ends_.noise ? 1 : -1; }
  // The fraction of the way from data to noise; 1 at times beyond the noise end.
  double noise_fraction(double t) const {
    const bool unit = ends_.low == 0 && ends_.high == 1;
    return unit ? place_at(t).u : std::fmin((t - ends_.data) / (ends_.noise - ends_.data), 1);
  }
  // The standard deviation of the data that EDM's preconditioning assumes.
  double sigma_data() const { return sigma_data_; }

  virtual Spacing spacing() const { return Spacing::time; }
  // The number of indices of a discrete schedule; 0 for the others.
  virtual int64_t index_count() const { return 0; }
  virtual double sigma_floor() const { return kSigmaFloor; }
  // The table that grids made of indices choose from: its size, 0 for none, and the time of a place
  // in it, which may lie between two; index 0 is next to data.
  virtual int64_t table_size() const { return index_count(); }
  virtual double table_time(double index) const { return index; }
  // A noise level sigma/(alpha+sigma) of an even grid where this flow's own grid has it.
  virtual double shifted(double level) const { return level; }

 protected:
  Schedule(const Settings& settings, Ends ends);

  ~Schedule() override {
    if (release_) call_host(release_, user_);
  }

  virtual nwr_coeffs coeffs(double t) const = 0;
  // The third leg, added to what coeffs gives; where t runs from 0 to 1.
  virtual void add_latent(double t, nwr_coeffs& c) const;
  bool has_latent() const { return latent_ != path::Latent::none; }
  path::Place place_at(double t) const { return noisewright::place_at(t, direction()); }
  // Only asked for values between those at the two ends. The default searches by bisection.
  virtual double solve(double lambda) const;

 private:
  uint64_t id_;
  int32_t kind_;
  std::string spec_;
  Ends ends_;
  path::Latent latent_;
  double latent_scale_;
  double sigma_data_;
  nwr_release_fn release_ = nullptr;
  void* user_ = nullptr;
  std::unique_ptr<const Import> import_;
};

// A schedule whose coefficients are a closed form of math/coeffs.hpp.
template <class Path>
class ClosedForm : public Schedule {
 public:
  ClosedForm(const Settings& settings, Ends ends, Path path, Spacing spacing = Spacing::time)
      : Schedule(settings, ends), path_(path), spacing_(spacing) {}
  Spacing spacing() const override { return spacing_; }
  bool plain() const override { return !has_upstream(); }
  // Flattened, so that the logarithms are not even computed.
  __attribute__((flatten)) void row_coeffs(const double* t, int count,
                                           nwr_coeffs* c) const override {
    for (int i = 0; i < count; ++i) {
      const path::Place place = place_at(t[i]);
      c[i] = to_coeffs(path_.template at<double>(place.u, place.v), direction());
      c[i].log_alpha = c[i].dlog_alpha = c[i].lambda = c[i].diffusion2 = 0;
    }
    for (int i = 0; i < count && has_latent(); ++i) add_latent(t[i], c[i]);
  }
  PathPlan path() const override {
    PathPlan plan = Schedule::path();
    plan.form = FormOf<Path>::value;
    std::memcpy(plan.setting, &path_, sizeof path_);
    plan.table_count = 0;
    return plan;
  }

 protected:
  nwr_coeffs coeffs(double t) const override {
    const path::Place place = place_at(t);
    return to_coeffs(path_.template at<double>(place.u, place.v), direction());
  }
  double solve(double lambda) const override {
    const path::Place place = path_.place_of(lambda);
    return direction() > 0 ? place.v : place.u;
  }

 private:
  Path path_;
  Spacing spacing_;
};

template <class Path>
Schedule* closed_form(const Settings& settings, Schedule::Ends ends, Path path,
                      Schedule::Spacing spacing = Schedule::Spacing::time) {
  return new ClosedForm<Path>(settings, ends, path, spacing);
}

// The ends of a time that runs between 0 and 1.
inline constexpr Schedule::Ends kToNoise{1, 0, 0, 1};
inline constexpr Schedule::Ends kToData{0, 1, 0, 1};

// Settings that every schedule has, after its own; those of the third leg where t runs from 0 to 1.
constexpr Param latent_param(double by_default) {
  return choice("latent", "gamma, the third leg of a two-sided interpolant",
                "none,brownian,bsquared,sinesquared,sigmoid", by_default);
}
inline constexpr Param kLatentScale = {"latent_scale", "factor of gamma^2", 1, 1e-12, 1e12};
inline constexpr Param kSigmaData = {
    "sigma_data", "standard deviation of the data in EDM's preconditioning", 1, 1e-12, 1e12};
inline constexpr Param kUnitTimeParams[] = {latent_param(0), kLatentScale, kSigmaData};
inline constexpr Param kOwnTimeParams[] = {kSigmaData};

// One entry of the catalogue. make takes over what it needs of the options; name and params have
// been resolved into settings.
struct ScheduleKind : Entry {
  Schedule* (*make)(const Settings& settings, const nwr_schedule_options& options);
};

constexpr ScheduleKind schedule_kind(int32_t value, const char* name, const char* aliases,
                                     const char* summary, Params params,
                                     Schedule* (*make)(const Settings& settings,
                                                       const nwr_schedule_options& options),
                                     Params shared = kUnitTimeParams) {
  return {{value, name, aliases, summary, 0, 0, 0, params, shared}, make};
}
Presets schedule_presets();

Ref<Schedule> make_schedule(const nwr_schedule_options& options);

}  // namespace noisewright
