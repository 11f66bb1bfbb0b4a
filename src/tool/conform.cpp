// SPDX-License-Identifier: Apache-2.0
// noisewright conform: asks another program for its steps and runs, and answers as a model whose
// exact results are known. docs/conform.md has the protocol, line by line, and what is checked.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <csignal>

#include "analytic.hpp"
#include "commands.hpp"
#include "peer.hpp"
#include "table.hpp"
#include "terminal.hpp"

namespace tool {
namespace {

using Numbers = std::vector<double>;

struct Claim {
  std::string name;
  double order;  // Infinite: exact in any number of steps, of a model of jumps.
  bool random;
  std::vector<std::string> grids;  // Its own.
};

// The program does not offer what was asked, which is no mistake.
struct Skipped : std::runtime_error {
  using std::runtime_error::runtime_error;
};
// It offers it, and could not do it; it is still there.
struct Refused : PeerError {
  using PeerError::PeerError;
};

// What the program says of itself.
struct Claims {
  std::string name = "unnamed";
  bool single = false;
  std::vector<Claim> samplers;
  std::vector<std::string> spacings, predictions, paths;
  bool has(const std::vector<std::string>& list, const char* what) const {
    return std::find(list.begin(), list.end(), what) != list.end();
  }
};

std::string written(const Numbers& numbers) {
  std::string s;
  for (const double v : numbers) s += " " + shortest(v);
  return s;
}

Numbers numbers_of(const std::vector<std::string>& words, std::size_t from) {
  Numbers all;
  for (std::size_t i = from; i < words.size(); ++i) {
    double v = 0;
    const char* end = words[i].data() + words[i].size();
    const char* begin = words[i].data() + (words[i][0] == '+' ? 1 : 0);
    const auto [stop, error] = std::from_chars(begin, end, v);
    if (error == std::errc::invalid_argument || stop != end) {
      throw PeerError("'" + words[i] + "' is no number");
    }
    all.push_back(v);
  }
  return all;
}

// In what follows data are those of the mixture in the first places, those of the Gaussian in one
// place for its mean, and without its mean where coefficients are followed.
constexpr std::size_t kPoints = 24, kMean = kPoints, kStart = kPoints + 1, kFirstDraw = kPoints + 2;

double expected_data(const Level& at, double x, std::size_t place) {
  if (place < kPoints) return Mixture::data(at, x);
  const double slope = Gaussian::slope(at);
  if (place > kMean) return slope * x;
  return Gaussian::kMean + slope * (x - at.alpha * Gaussian::kMean);
}

// Data of a model of jumps, which has been taught where the probability flow leads: with the noise
// that goes with them in x, they are there at that level.
double jump_data(const Level& at, const Level& to, double x, std::size_t place) {
  double there = 0;
  if (place < kPoints) {
    there = Mixture::transport(at, to, x);
  } else {
    const double mean = place == kMean ? Gaussian::kMean : 0;
    there = to.alpha * mean +
            std::sqrt(Gaussian::variance(to) / Gaussian::variance(at)) * (x - at.alpha * mean);
  }
  return (at.sigma * there - to.sigma * x) / (at.sigma * to.alpha - to.sigma * at.alpha);
}

constexpr const char* kForms[] = {"noise", "data", "angular", "flow"};

double answer(const std::string& form, const Level& at, double x, double data) {
  if (form == "data") return data;
  const double noise = (x - at.alpha * data) / at.sigma;
  if (form == "noise") return noise;
  return form == "flow" ? noise - data : at.alpha * noise - at.sigma * data;
}

// A path's level at log(alpha/sigma).
Level on_path(const std::string& path, double lambda) {
  const double ratio = std::exp(-lambda);
  if (path == "ve") return {1, ratio};
  const double alpha = path == "flow" ? 1 / (1 + ratio) : 1 / std::sqrt(1 + ratio * ratio);
  return {alpha, ratio == 0 ? 0 : alpha * ratio};
}

const std::string kOk = "ok", kWrong = "WRONG";

constexpr double kFrom = -1.5, kTo = 1.5;
// What tables of 1000 indices begin with, at most, is no noise that is seen.
constexpr double kClean = 0.05;

std::string short_text(double v) { return rounded(v, 3); }

// Even in log(alpha/sigma); short first steps let a method show an order above that of its first.
std::vector<Level> levels_of(const std::string& path, std::size_t steps, int ramp, bool clean) {
  std::vector<double> lambdas;
  const double h = (kTo - kFrom) / static_cast<double>(steps);
  for (std::size_t i = 0; i <= steps; ++i) lambdas.push_back(kFrom + h * static_cast<double>(i));
  for (int k = 1; k <= ramp; ++k) {
    lambdas.insert(lambdas.begin() + 1, kFrom + std::ldexp(h, -k));
  }
  std::vector<Level> levels;
  levels.reserve(lambdas.size() + 1);
  for (const double lambda : lambdas) levels.push_back(on_path(path, lambda));
  if (clean) levels.push_back(on_path(path, INFINITY));
  return levels;
}

struct Run {
  Numbers start, end;
  std::size_t evaluations = 0, draws = 0;
};

// Where all data are.
constexpr double kPointMass = 0.7;

struct OwnRun : Run {
  std::vector<Level> levels;                      // As the program tells them.
  std::vector<std::pair<Level, Numbers>> states;  // At each evaluation, and at the end.
};

class Kit {
 public:
  Kit(Peer* peer, Table* report) : peer_(*peer), report_(*report) {}

  Claims meet() {
    Claims c;
    peer_.say("hello 1");
    for (int i = 0; i < 10000; ++i) {
      const std::vector<std::string> words = split(peer_.hear(), ' ');
      if (words[0] == "ready" && words.size() == 1) {
        if (c.samplers.empty() && c.spacings.empty()) throw PeerError("it offers nothing to check");
        if (!c.samplers.empty() && (c.predictions.empty() || c.paths.empty())) {
          throw PeerError("it has samplers, but no prediction or no path");
        }
        return c;
      }
      if (words[0] == "name" && words.size() > 1) {
        c.name = words[1];
      } else if (words[0] == "precision" && words.size() == 2) {
        c.single = words[1] == "f32";
      } else if (words[0] == "spacing" && words.size() == 2) {
        c.spacings.push_back(words[1]);
      } else if (words[0] == "prediction" && words.size() == 2) {
        require(words[1], {"noise", "data", "angular", "flow"});
        c.predictions.push_back(words[1]);
      } else if (words[0] == "path" && words.size() == 2) {
        require(words[1], {"vp", "ve", "flow"});
        c.paths.push_back(words[1]);
      } else if (words[0] == "sampler" && words.size() == 4) {
        require(words[3], {"ode", "sde"});
        c.samplers.push_back({words[1], numbers_of({words[2]}, 0).at(0), words[3] == "sde", {}});
      } else if (words[0] == "grid" && words.size() == 3) {
        const auto owner = std::find_if(c.samplers.begin(), c.samplers.end(),
                                        [&](const Claim& s) { return s.name == words[1]; });
        if (owner == c.samplers.end()) throw PeerError("'" + words[1] + "' is no sampler of it");
        owner->grids.push_back(words[2]);
      } else {
        throw PeerError("'" + words[0] + "' is no line of an introduction");
      }
    }
    throw PeerError("its introduction has no end");
  }

  Numbers timesteps(const std::string& spacing, std::size_t n, std::size_t table) {
    peer_.say("timesteps " + spacing + " " + std::to_string(n) + " " + std::to_string(table));
    return numbers_of(answered("timesteps"), 1);
  }

  // Run twice where it draws: once to see how often, then with a place for each draw.
  Run run(const std::string& sampler, const std::string& form, const std::string& path,
          const std::vector<Level>& levels, std::size_t most = SIZE_MAX) {
    const Run r = run_with(sampler, form, path, levels, 0, most);
    return r.draws == 0 ? r : run_with(sampler, form, path, levels, r.draws, most);
  }

  // A run on a grid of the program's own, which it tells first. All data are one point: what is not
  // noise is in place 0, and the noise in the others, since draws are unit vectors.
  OwnRun own_run(const std::string& sampler, const std::string& form, const std::string& grid,
                 std::size_t n, std::size_t table) {
    const OwnRun r = own_run_with(sampler, form, grid, n, table, 0);
    return r.draws == 0 ? r : own_run_with(sampler, form, grid, n, table, r.draws);
  }

  void report(const std::string& check, const std::string& of, bool fine, const std::string& found,
              const std::string& wanted) {
    report_.rows.push_back({check, of, fine ? kOk : kWrong, found, wanted});
    wrong_ += fine ? 0 : 1;
  }
  std::size_t wrong() const { return wrong_; }

 private:
  Run run_with(const std::string& sampler, const std::string& form, const std::string& path,
               const std::vector<Level>& levels, std::size_t draws, std::size_t most) {
    Run r;
    const Level& begin = levels.front();
    const double width = std::hypot(begin.alpha, begin.sigma);
    for (std::size_t i = 0; i < kPoints; ++i) {
      r.start.push_back(width * (-2 + 4 * static_cast<double>(i) / (kPoints - 1)));
    }
    r.start.push_back(begin.alpha * Gaussian::kMean);
    r.start.push_back(std::sqrt(Gaussian::variance(begin)));
    r.start.resize(kFirstDraw + draws);
    r.start.resize(std::min(r.start.size(), most));
    Numbers flat;
    for (const Level& l : levels) flat.insert(flat.end(), {l.alpha, l.sigma});
    peer_.say("run " + sampler + " " + form + " " + path);
    peer_.say("levels" + written(flat));
    drive(&r, kFirstDraw, levels.size(), [&](const Level& at, const Level* to, const Numbers& x) {
      Numbers output;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double data = to ? jump_data(at, *to, x[i], i) : expected_data(at, x[i], i);
        output.push_back(answer(form, at, x[i], data));
      }
      return output;
    });
    return r;
  }

  OwnRun own_run_with(const std::string& sampler, const std::string& form, const std::string& grid,
                      std::size_t n, std::size_t table, std::size_t draws) {
    OwnRun r;
    peer_.say("own " + sampler + " " + form + " " + grid + " " + std::to_string(n) + " " +
              std::to_string(table));
    const Numbers flat = numbers_of(answered("levels"), 1);
    if (flat.size() < 4 || flat.size() % 2 != 0) throw PeerError("levels has no pairs of numbers");
    for (std::size_t i = 0; i < flat.size(); i += 2) r.levels.push_back({flat[i], flat[i + 1]});
    const Level& begin = r.levels.front();
    r.start = {begin.alpha * kPointMass, begin.sigma};
    r.start.resize(2 + draws);
    drive(&r, 2, r.levels.size(), [&](const Level& at, const Level*, const Numbers& x) {
      r.states.emplace_back(at, x);
      Numbers output;
      for (std::size_t i = 0; i < x.size(); ++i) {
        output.push_back(answer(form, at, x[i], i == 0 ? kPointMass : 0));
      }
      return output;
    });
    r.states.emplace_back(r.levels.back(), r.end);
    return r;
  }

  // The words of an answer that begins with a word.
  std::vector<std::string> answered(const std::string& word) {
    std::vector<std::string> words = split(peer_.hear(), ' ');
    refuse(words);
    if (words[0] != word) throw PeerError("'" + words[0] + "' is no answer that has " + word);
    return words;
  }

  static void refuse(const std::vector<std::string>& words) {
    if (words[0] == "error") throw Refused(joined(words));
    if (words[0] == "skip") throw Skipped(joined(words));
  }

  // From the start to the end, as the model and as the source of noise; draw d is 1 in a place of
  // its own.
  template <class Model>
  void drive(Run* r, std::size_t first_draw, std::size_t levels, const Model& model) {
    peer_.say("x" + written(r->start));
    const std::size_t count = r->start.size(), most = 100 * levels;
    while (true) {
      const std::vector<std::string> words = split(peer_.hear(), ' ');
      refuse(words);
      const bool jumps = words[0] == "jump";
      if (jumps || words[0] == "eval") {
        if (++r->evaluations > most) throw PeerError("its evaluations have no end");
        Numbers numbers = numbers_of(words, 1);
        const std::size_t before = jumps ? 4 : 2;
        if (numbers.size() != count + before) {
          throw PeerError(words[0] + " has " + std::to_string(numbers.size()) + " numbers for " +
                          std::to_string(count + before));
        }
        const Level at{numbers[0], numbers[1]};
        if (!(at.alpha >= 0 && at.sigma > 0)) throw PeerError("eval where alpha < 0 or sigma <= 0");
        const Level to{jumps ? numbers[2] : 1, jumps ? numbers[3] : 0};
        if (!(to.sigma >= 0 && to.sigma * at.alpha < at.sigma * to.alpha)) {
          throw PeerError("jump to a level with no less noise");
        }
        numbers.erase(numbers.begin(), numbers.begin() + static_cast<std::ptrdiff_t>(before));
        peer_.say("output" + written(model(at, jumps ? &to : nullptr, numbers)));
      } else if (words[0] == "normal") {
        Numbers output(count);
        const std::size_t place = first_draw + r->draws++;
        if (place < count) output[place] = 1;
        // A Brownian tree draws some twenty times for each of its places.
        if (r->draws > 10 * most) throw PeerError("its draws have no end");
        peer_.say("normal" + written(output));
      } else if (words[0] == "done") {
        r->end = numbers_of(words, 1);
        if (r->end.size() != count) throw PeerError("done has another number of numbers");
        return;
      } else {
        throw PeerError("'" + words[0] + "' is no line of a run");
      }
    }
  }

  static std::string joined(const std::vector<std::string>& words) {
    std::string s;
    for (const std::string& w : words) s += (s.empty() ? "" : " ") + w;
    return s;
  }
  static void require(const std::string& word, const std::vector<std::string>& known) {
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      throw PeerError("'" + word + "' is not known here");
    }
  }

  Peer& peer_;
  Table& report_;
  std::size_t wrong_ = 0;
};

// ---- step counts
// ---------------------------------------------------------------------------------

// Where step i of n should be, counted from the noisy end; steps_offset may move leading by one.
double place_of(const std::string& spacing, std::size_t n, std::size_t i, std::size_t table) {
  const auto count = static_cast<double>(n), total = static_cast<double>(table);
  const double left = count - static_cast<double>(i);
  if (spacing == "trailing") return std::round(total * left / count) - 1;
  if (spacing == "leading") return (left - 1) * std::floor(total / count);
  return n == 1 ? total - 1 : std::round((total - 1) * (left - 1) / (count - 1));
}

// A few of what is wrong, and how much there is.
std::string some(const std::vector<std::string>& wrong) {
  std::string found = std::to_string(wrong.size()) + " wrong: n =";
  for (std::size_t i = 0; i < std::min<std::size_t>(wrong.size(), 3); ++i) {
    found += (i == 0 ? " " : ", ") + wrong[i];
  }
  return found + (wrong.size() > 3 ? ", ..." : "");
}

void check_steps(Kit* kit, const std::string& spacing, std::size_t table, Bar* bar) {
  std::vector<std::string> wrong[3];
  // One name may be meant by several classes: trailing@ddim.
  const std::string name = spacing.substr(0, spacing.find('@'));
  const bool known = name == "trailing" || name == "leading" || name == "linspace";
  for (std::size_t n = 1; n <= table; ++n) {
    const std::string where = std::to_string(n) + " (";
    Numbers times;
    try {
      times = kit->timesteps(spacing, n, table);
    } catch (const Refused& e) {
      wrong[0].push_back(where + e.what() + ")");
      continue;
    }
    if (times.size() != n) {
      wrong[0].push_back(where + std::to_string(times.size()) + " steps)");
    }
    bool inside = true, falling = true, placed = true;
    for (std::size_t i = 0; i < times.size(); ++i) {
      inside = inside && times[i] >= 0 && times[i] <= static_cast<double>(table) - 1;
      falling = falling && (i == 0 || times[i] < times[i - 1]);
      if (known && i < n) {
        const double off = times[i] - place_of(name, n, i, table);
        // Rounding may go either way but at the noisy end, where the model has to see pure noise.
        placed = placed && off <= 1 && off >= (i == 0 || name == "leading" ? 0 : -1);
      }
    }
    if (!inside || !falling) {
      wrong[1].push_back(where + (inside ? "not falling" : "outside the table") + ")");
    } else if (!placed) {
      wrong[2].push_back(where + "from " + shortest(times.empty() ? NAN : times[0]) + ")");
    }
    bar->show(n);
  }
  const char* const checks[] = {"step count", "indices", "places"};
  const char* const wants[] = {"n steps for n", "falling, 0 to T-1", "the spacing's own"};
  for (std::size_t k = 0; k < (known ? 3u : 2u); ++k) {
    kit->report(checks[k], spacing, wrong[k].empty(),
                wrong[k].empty() ? "n = 1 to " + std::to_string(table) : some(wrong[k]), wants[k]);
  }
}

// ---- a program's own grids
// ------------------------------------------------------------------------

// How far a state of one point of data is from its path: data in the first place, noise in the
// rest. A sampler in sigma/alpha, or an exponential one, is exact there if it goes where the model
// is asked next.
double off_path(const Level& at, const Numbers& x) {
  double sum = 0;
  for (std::size_t i = 1; i < x.size(); ++i) sum += x[i] * x[i];
  const double off =
      std::max(std::abs(x[0] - at.alpha * kPointMass), std::abs(std::sqrt(sum) - at.sigma));
  return std::isfinite(off) ? off / std::hypot(at.alpha, at.sigma) : INFINITY;
}

// The noise levels of rectified flow before they are shifted are even, from 1 to 1/T or to 1/n.
bool shift_placed(const std::vector<Level>& levels, double shift, double table) {
  std::vector<double> s;
  for (std::size_t i = 0; i + 1 < levels.size(); ++i) {
    const double sigma = levels[i].sigma / (levels[i].alpha + levels[i].sigma);
    s.push_back(sigma / (shift - (shift - 1) * sigma));
  }
  const auto n = static_cast<double>(s.size());
  bool even = std::abs(s.front() - 1) < 1.5 / table;
  for (std::size_t i = 0; i < s.size(); ++i) {
    const double at = s.front() + (s.back() - s.front()) * static_cast<double>(i) / (n - 1);
    even = even && std::abs(s[i] - at) < 0.5 / table;
  }
  return even && std::min(std::abs(s.back() - 1 / table), std::abs(s.back() - 1 / n)) < 1.5 / table;
}

// The prediction in which a sampler runs on a grid of its own. Of data first, which tell the step
// from pure noise, too.
std::string form_on(Kit* kit, const Claims& claims, const Claim& sampler, const std::string& grid,
                    std::size_t table) {
  for (const char* form : {"data", "noise", "angular", "flow"}) {
    if (!claims.has(claims.predictions, form)) continue;
    try {
      kit->own_run(sampler.name, form, grid, 5, table);
      return form;
    } catch (const Skipped&) {
      continue;
    } catch (const Refused&) {
      return form;  // The checks tell what is wrong.
    }
  }
  throw Skipped(grid);
}

void check_own_grid(Kit* kit, const Claim& sampler, const std::string& form,
                    const std::string& grid, std::size_t table) {
  const std::string of = sampler.name + " on its " + grid;
  std::vector<std::string> levels, end, path, shift;
  std::string counts;
  for (const std::size_t n : {5, 10, 30}) {
    if (n > table) continue;
    counts += (counts.empty() ? "n = " : ", ") + std::to_string(n);
    const std::string where = std::to_string(n) + " (";
    OwnRun r;
    try {
      r = kit->own_run(sampler.name, form, grid, n, table);
    } catch (const Refused& e) {
      levels.push_back(where + e.what() + ")");
      continue;
    }
    bool falling = true;
    for (std::size_t i = 0; i + 1 < r.levels.size(); ++i) {
      // One level, told by an index and by the scheduler, differs by its rounding.
      falling = falling && r.levels[i + 1].sigma * r.levels[i].alpha <
                               (1 - 1e-4) * r.levels[i].sigma * r.levels[i + 1].alpha;
    }
    if (r.levels.size() != n + 1) {
      levels.push_back(where + std::to_string(r.levels.size()) + " levels)");
    } else if (!falling) {
      levels.push_back(where + "not falling)");
    }
    const double left = r.levels.back().sigma / r.levels.back().alpha;
    if (!(left < kClean)) end.push_back(where + "noise of " + short_text(left) + " is left)");
    double most = 0;
    for (const auto& [at, x] : r.states) most = std::max(most, off_path(at, x));
    if (!(most < 1e-3)) path.push_back(where + "off by " + short_text(most) + ")");
    if (grid.rfind("flow-shift=", 0) == 0) {
      const double k = numbers_of({grid.substr(11)}, 0).at(0);
      if (!shift_placed(r.levels, k, static_cast<double>(table))) {
        shift.push_back(where + "to " + short_text(r.levels[r.levels.size() - 2].sigma) + ")");
      }
    }
  }
  const auto say = [&](const char* check, const std::vector<std::string>& wrong,
                       const char* wanted) {
    kit->report(check, of, wrong.empty(), wrong.empty() ? counts : some(wrong), wanted);
  };
  say("grid levels", levels, "n + 1, falling");
  say("grid end", end, "clean data");
  say("grid path", path, "asked where the state is");
  if (grid.rfind("flow-shift=", 0) == 0) say("grid shift", shift, "shifted once, from 1 to 1/T");
}

// ---- runs
// ----------------------------------------------------------------------------------------

bool finite(const Numbers& numbers) {
  return std::all_of(numbers.begin(), numbers.end(), [](double v) { return std::isfinite(v); });
}

double largest_gap(const Numbers& a, const Numbers& b) {
  double most = 0;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const double gap = std::abs(a[i] - b[i]) / (1 + std::abs(b[i]));
    most = std::isnan(gap) ? INFINITY : std::max(most, gap);
  }
  return most;
}

double path_error(const Run& r, const std::vector<Level>& levels) {
  double sum = 0;
  for (std::size_t i = 0; i < kPoints; ++i) {
    const double off = r.end[i] - Mixture::transport(levels.front(), levels.back(), r.start[i]);
    sum += off * off;
  }
  return std::sqrt(sum / kPoints);
}

// The variance is the sum of squares of what start and draws weigh: nothing is sampled.
double variance_error(const Run& r, const std::vector<Level>& levels) {
  double sum = 0;
  for (std::size_t i = kStart; i < r.end.size(); ++i) sum += r.end[i] * r.end[i];
  return std::abs(sum / Gaussian::variance(levels.back()) - 1);
}

double end_error(const Claim& sampler, const Run& r, const std::vector<Level>& levels) {
  return sampler.random ? variance_error(r, levels) : path_error(r, levels);
}

// Samplers of a model of jumps have no order: whatever the steps, each is where it should be.
void check_exact(Kit* kit, const Claims& claims, const Claim& sampler, const std::string& form,
                 const std::string& path) {
  const std::string of = sampler.name + " on " + path;
  const double most = claims.single ? 2e-4 : 1e-9;
  const auto say = [&](const std::string& check, double off) {
    kit->report(check, of, off < most, "off by " + short_text(off), "below " + short_text(most));
  };
  double end = 0, mean = 0;
  std::size_t draws = 0;
  for (const std::size_t n : {1, 2, 4, 8}) {
    const std::vector<Level> levels = levels_of(path, n, 0, false);
    const Run r = kit->run(sampler.name, form, path, levels);
    draws += r.draws;
    const double off = std::abs(r.end[kMean] - levels.back().alpha * Gaussian::kMean);
    end = finite(r.end) ? std::max(end, end_error(sampler, r, levels)) : INFINITY;
    mean = std::isfinite(off) ? std::max(mean, off) : INFINITY;
  }
  if (sampler.random != (draws > 0)) {
    kit->report("noise", of, false, std::to_string(draws) + " draws",
                sampler.random ? "fresh noise" : "none");
  }
  say(sampler.random ? "variance" : "answer", end);
  say("mean", mean);
  const std::vector<Level> one{on_path(path, kFrom), on_path(path, INFINITY)};
  const Run r = kit->run(sampler.name, form, path, one);
  say("one step", finite(r.end) ? path_error(r, one) : INFINITY);
}

// Twice the draws are four times the numbers; a Brownian tree has so many at 48 or 96 steps.
constexpr std::size_t kManyDraws = 3000;

void check_order(Kit* kit, const Claims& claims, const Claim& sampler, const std::string& form,
                 const std::string& path) {
  const std::string of = sampler.name + " on " + path;
  const double floor = claims.single ? 3e-6 : 1e-10;
  double before = 0, order = NAN, last = NAN, mean = 0;
  std::size_t draws = 0;
  // In single precision the shortest steps would be differences of rounded numbers.
  const int ramp = sampler.order < 2.5 ? 0 : claims.single ? 6 : 12;
  // Blocks of two and three steps divide these.
  for (std::size_t n = 12; n <= 192 && draws < kManyDraws; n *= 2) {
    const std::vector<Level> levels = levels_of(path, n, ramp, false);
    const Run r = kit->run(sampler.name, form, path, levels);
    draws = r.draws;
    if (!finite(r.end)) {
      kit->report("order", of, false, "not finite at " + std::to_string(n) + " steps", "numbers");
      return;
    }
    last = end_error(sampler, r, levels);
    mean = std::abs(r.end[kMean] - levels.back().alpha * Gaussian::kMean);
    if (before > floor && last > floor) order = std::log2(before / last);
    before = last;
  }
  if (sampler.random != (draws > 0)) {
    kit->report("noise", of, false, std::to_string(draws) + " draws",
                sampler.random ? "fresh noise" : "none");
  }
  const double most = sampler.random ? 0.05 : 0.02;
  kit->report(sampler.random ? "variance" : "answer", of, last < most, "off by " + short_text(last),
              "below " + short_text(most));
  // A mean that stays on its path in every step has no error to show.
  kit->report("mean", of, mean < most, "off by " + short_text(mean), "below " + short_text(most));
  if (std::isnan(order)) {
    kit->report("order", of, last <= floor, "no error left to measure", short_text(sampler.order));
  } else {
    // In single precision only coarse steps have errors above the rounding.
    kit->report("order", of, order > sampler.order - (claims.single ? 0.5 : 0.3), short_text(order),
                short_text(sampler.order));
  }
}

void check_forms(Kit* kit, const Claims& claims, const Claim& sampler,
                 const std::vector<std::string>& forms, const std::string& path) {
  const std::vector<Level> levels = levels_of(path, 10, 0, false);
  const double most = claims.single ? 2e-4 : 1e-9;
  const std::string of = sampler.name + " on " + path;
  const Run r = kit->run(sampler.name, forms[0], path, levels);
  const Run again = kit->run(sampler.name, forms[0], path, levels);
  kit->report("repeat", of, again.end == r.end && finite(r.end),
              again.end == r.end ? "the same" : "another result", "the same");
  const Run part = kit->run(sampler.name, forms[0], path, levels, kPoints / 2);
  const double apart = largest_gap(part.end, r.end);
  kit->report("elements", of, apart <= most, "apart by " + short_text(apart) + " in another batch",
              "below " + short_text(most));
  for (std::size_t i = 1; i < forms.size(); ++i) {
    const double gap = largest_gap(kit->run(sampler.name, forms[i], path, levels).end, r.end);
    kit->report("prediction", of + ": " + forms[i], gap <= most,
                "apart by " + short_text(gap) + " from " + forms[0], "below " + short_text(most));
  }
}

// A run with a step that has no end in log-SNR, which is of first order: a look, no measurement.
void check_end(Kit* kit, const char* check, const Claim& sampler, const std::string& form,
               const std::string& path, const std::vector<Level>& levels) {
  const Run r = kit->run(sampler.name, form, path, levels);
  const double off = finite(r.end) ? end_error(sampler, r, levels) : INFINITY;
  const double most = std::isinf(sampler.order) ? 1e-3 : 0.3;
  kit->report(check, sampler.name + " on " + path, off < most,
              std::isfinite(off) ? "off by " + short_text(off) : "not finite",
              "below " + short_text(most));
}

void check_clean_end(Kit* kit, const Claim& sampler, const std::string& form,
                     const std::string& path) {
  check_end(kit, "clean end", sampler, form, path, levels_of(path, 80, 0, true));
}

// From pure noise, where the data can be told from any prediction but the noise.
void check_pure_start(Kit* kit, const Claim& sampler, const std::string& form,
                      const std::string& path) {
  std::vector<Level> levels{{0, 1}};
  for (double lambda = -6; lambda < kTo + 0.05; lambda += 0.1)
    levels.push_back(on_path(path, lambda));
  check_end(kit, "pure start", sampler, form, path, levels);
}

// The predictions in which a sampler runs on a path: those that it does not skip in two steps.
std::vector<std::string> forms_for(Kit* kit, const Claims& claims, const Claim& sampler,
                                   const std::string& path) {
  std::vector<std::string> forms;
  for (const char* form : kForms) {
    if (!claims.has(claims.predictions, form)) continue;
    // That of velocity on the rectified flow, that of v where alpha^2 + sigma^2 = 1.
    if (std::string(form) == "flow" && path != "flow") continue;
    if (std::string(form) == "angular" && path != "vp") continue;
    try {
      kit->run(sampler.name, form, path, levels_of(path, 2, 0, false));
    } catch (const Skipped&) {
      continue;
    } catch (const Refused&) {
      // It is offered: the checks tell what is wrong.
    }
    forms.push_back(form);
  }
  return forms;
}

int conform(const Args& args) {
  const Format format = format_of(args);
  const std::size_t table = args.whole("--table", 1000, 5, 100000);
  const double seconds = args.number("--timeout", 20, 0.1, 86400);
  Table report{{"check", "of", "result", "found", "wanted"}, {}};
  // A program that ends early is a failed write, which is told.
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  Peer peer(args.words(), seconds);
  Kit kit(&peer, &report);
  std::string name = args.words()[0];
  // What one check cannot tell does not keep the others from it, unless the program is lost.
  bool lost = false;
  std::size_t skipped = 0;
  const auto attempt = [&](const std::string& check, const std::string& of, const auto& work) {
    if (lost) return;
    try {
      work();
    } catch (const Skipped&) {
      ++skipped;
    } catch (const PeerError& e) {
      lost = dynamic_cast<const Refused*>(&e) == nullptr;
      kit.report(check, of, false, e.what(), "an answer");
    }
  };
  Claims claims;
  attempt("introduction", name, [&] { claims = kit.meet(); });
  name = claims.name;
  for (const std::string& spacing : claims.spacings) {
    Bar bar("steps, " + spacing, table, "count");
    attempt("step count", spacing, [&] { check_steps(&kit, spacing, table, &bar); });
  }
  Bar bar("samplers", claims.samplers.size() * claims.paths.size(), "sampler");
  std::size_t done = 0;
  for (const Claim& sampler : claims.samplers) {
    for (const std::string& path : claims.paths) {
      const std::string of = sampler.name + " on " + path;
      std::vector<std::string> forms;
      attempt("run", of, [&] { forms = forms_for(&kit, claims, sampler, path); });
      if (forms.empty()) {
        ++skipped;
      } else {
        attempt("order", of, [&] {
          (std::isinf(sampler.order) ? check_exact : check_order)(&kit, claims, sampler, forms[0],
                                                                  path);
        });
        attempt("prediction", of, [&] { check_forms(&kit, claims, sampler, forms, path); });
        attempt("clean end", of, [&] { check_clean_end(&kit, sampler, forms[0], path); });
        if (path != "ve" && forms.back() != "noise") {
          attempt("pure start", of, [&] { check_pure_start(&kit, sampler, forms.back(), path); });
        }
      }
      bar.show(++done);
    }
    for (const std::string& grid : sampler.grids) {
      attempt("grid levels", sampler.name + " on its " + grid, [&] {
        const std::string form = form_on(&kit, claims, sampler, grid, table);
        check_own_grid(&kit, sampler, form, grid, table);
      });
    }
  }
  attempt("end", name, [&] { peer.say("bye"); });
  const std::size_t checks = report.rows.size();
  if (args.has("--wrong")) {
    const auto fine = [](const std::vector<Cell>& row) { return row[2] == Cell(kOk); };
    report.rows.erase(std::remove_if(report.rows.begin(), report.rows.end(), fine),
                      report.rows.end());
  }
  print(report, format);
  tell(name + ": " + std::to_string(checks) + " checks, " + std::to_string(kit.wrong()) + " wrong" +
       (skipped == 0 ? "" : ", " + std::to_string(skipped) + " not offered"));
  return kit.wrong() == 0 ? kFine : kNo;
}

}  // namespace

const Command kConform{
    "conform",
    "PROGRAM [ARGUMENT...]",
    "Checks another program's sampler, which speaks docs/conform.md.",
    1,
    256,
    {{"--table", "T", "indices of the table that steps and grids are asked for (1000)"},
     {"--wrong", "", "tell only what is wrong"},
     {"--timeout", "S", "seconds to wait for a line (20)"},
     kFormat},
    conform};

}  // namespace tool
