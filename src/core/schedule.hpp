// SPDX-License-Identifier: Apache-2.0
// Owns what a schedule is: coefficients at a time, its ends, and the time of a noise level.
// Must not know tensors, samplers or devices.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include "core/catalog.hpp"
#include "core/error.hpp"
#include "core/ref.hpp"
#include "core/spec.hpp"
#include "math/coeffs.hpp"
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
  enum class Spacing { time, noise_level, index };

  // Fails if t is not in [low, high]; argument names it in the message.
  nwr_coeffs at(double t, const Name& argument) const;
  // The time at which log(alpha/sigma) has the value.
  double time_at(double lambda, const Name& argument) const;

  // Calls release(user) when the schedule is gone. Not before it exists: a refused user stays with
  // the caller.
  void hold(nwr_release_fn release, void* user) {
    release_ = release;
    user_ = user;
  }

  int32_t kind() const { return kind_; }
  const std::string& spec() const { return spec_; }
  const Ends& ends() const { return ends_; }
  // +1 where data lies at later times, else -1.
  double direction() const { return ends_.data > ends_.noise ? 1 : -1; }

  virtual Spacing spacing() const { return Spacing::time; }
  // The number of indices of a discrete schedule; 0 for the others.
  virtual int64_t index_count() const { return 0; }
  virtual double sigma_floor() const { return kSigmaFloor; }

 protected:
  Schedule(int32_t kind, std::string spec, Ends ends)
      : kind_(kind), spec_(std::move(spec)), ends_(ends) {}

  ~Schedule() override {
    if (release_) release_(user_);
  }

  virtual nwr_coeffs coeffs(double t) const = 0;
  // Only asked for values between those at the two ends. The default searches by bisection.
  virtual double solve(double lambda) const;

 private:
  int32_t kind_;
  std::string spec_;
  Ends ends_;
  nwr_release_fn release_ = nullptr;
  void* user_ = nullptr;
};

nwr_coeffs to_coeffs(const path::Point<double>& point);

// A schedule whose coefficients are a closed form of math/coeffs.hpp.
template <class Path>
class ClosedForm : public Schedule {
 public:
  ClosedForm(int32_t kind, const Settings& settings, Ends ends, Path path,
             Spacing spacing = Spacing::time)
      : Schedule(kind, settings.spec(), ends), path_(path), spacing_(spacing) {}
  Spacing spacing() const override { return spacing_; }

 protected:
  nwr_coeffs coeffs(double t) const override { return to_coeffs(path_.template at<double>(t)); }
  double solve(double lambda) const override { return path_.time_at(lambda); }

 private:
  Path path_;
  Spacing spacing_;
};

// One entry of the catalogue. make takes over what it needs of the options; name and params have
// been resolved into settings.
struct ScheduleKind : Entry {
  Schedule* (*make)(const Settings& settings, const nwr_schedule_options& options);
};

Ref<Schedule> make_schedule(const nwr_schedule_options& options);

}  // namespace noisewright
