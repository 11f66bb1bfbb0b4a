// SPDX-License-Identifier: Apache-2.0
// noisewright-demo: plays the two acts and says what came out.
// Text or JSON on standard output, everything else on standard error.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iomanip>
#include <new>
#include <sstream>
#include <utility>

#include "acts.hpp"
#include "nwr.hpp"
#include "options.hpp"
#include "progress.hpp"

namespace demo {

namespace {

enum ExitStatus { kFine = 0, kFailed = 1, kUsage = 2, kInterrupted = 130 };

void print_catalogue() {
  constexpr std::pair<nwr_domain, const char*> kDomains[] = {{NWR_DOMAIN_SCHEDULE, "schedules"},
                                                             {NWR_DOMAIN_GRID, "grids of times"},
                                                             {NWR_DOMAIN_SAMPLER, "samplers"}};
  for (const auto& [domain, title] : kDomains) {
    std::printf("%s\n", title);
    for (std::size_t i = 0; i < nwr_catalog_size(domain); ++i) {
      nwr_entry e{};
      e.struct_size = sizeof e;
      check(nwr_catalog_entry(domain, i, &e));
      std::printf("  %-14s %s\n", e.name, e.summary);
      for (std::size_t k = 0; k < e.param_count; ++k) {
        nwr_param_info p{};
        p.struct_size = sizeof p;
        check(nwr_catalog_param(domain, i, k, &p));
        std::printf("    %-20s %s (%g)\n", p.name, p.summary, p.default_value);
      }
    }
  }
}

// Finds a wrong sampler before any work is done.
void try_sampler(const Options& o) {
  const Context context = make_context(1);
  const Schedule schedule = make_schedule("linear");
  SamplerSetup setup;
  setup.spec = o.sampler;
  setup.guidance = o.guidance;
  setup.times = make_grid(schedule.get(), "uniform", o.steps, 0, 0);
  setup.rngs = {{o.seed, 0, 0}};
  try {
    make_sampler(context.get(), schedule.get(), setup);
  } catch (const NwrError& e) {
    throw UsageError("--sampler " + o.sampler + ": " + e.what());
  }
}

void make_folder(const Options& o) {
  std::error_code error;
  std::filesystem::create_directories(o.out, error);
  if (!std::filesystem::is_directory(o.out)) {
    throw UsageError("--out " + o.out + " is not a folder and cannot be made one");
  }
}

void print_files(const Report& r) {
  std::printf("\nsha256\n  %-16s %s\n", "noise", r.noise_sha256.c_str());
  for (const File& f : r.files) std::printf("  %-16s %s\n", f.name.c_str(), f.sha256.c_str());
}

void print_text(const Report* word, const Report* clothes) {
  if (word) {
    std::printf("act 1: noise flows into a word (%.1f s)\n", word->seconds);
    if (!word->table.empty()) std::printf("\n%s", word->table.c_str());
    print_files(*word);
  }
  if (clothes) {
    std::printf(
        "%sact 2: a network draws clothes (%.1f s; the grid %.1f s; %zu evaluations of the "
        "network)\n",
        word ? "\n" : "", clothes->seconds, clothes->grid_seconds, clothes->network_evaluations);
    if (!clothes->tiles.empty()) {
      std::printf("\n  sampler     evaluations   error\n");
      for (const Tile& t : clothes->tiles) {
        std::printf("  %-12s %10zu   %.4f\n", t.sampler.c_str(), t.evaluations, t.error);
      }
      std::printf("  error: root mean square difference from a reference of the same noise\n");
    }
    print_files(*clothes);
  }
}

class Json {
 public:
  Json& open(const char* key, char bracket) { return name(key).put(std::string(1, bracket)); }
  Json& close(char bracket) {
    text_ += bracket;
    comma_ = true;
    return *this;
  }
  Json& string(const char* key, const std::string& s) {
    std::ostringstream quoted;
    quoted << '"';
    for (const char c : s) {
      if (c == '"' || c == '\\') {
        quoted << '\\' << c;
      } else if (static_cast<unsigned char>(c) < 32) {
        quoted << "\\u" << std::hex << std::setw(4) << std::setfill('0') << int{c};
      } else {
        quoted << c;
      }
    }
    quoted << '"';
    return value(key, quoted.str());
  }
  Json& number(const char* key, double v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.9g", v);
    return value(key, text);
  }
  Json& whole(const char* key, std::uint64_t v) { return value(key, std::to_string(v)); }
  Json& boolean(const char* key, bool v) { return value(key, v ? "true" : "false"); }
  const std::string& text() const { return text_; }

 private:
  Json& name(const char* key) {
    if (comma_) text_ += ",";
    comma_ = false;
    if (key) text_ += std::string("\"") + key + "\":";
    return *this;
  }
  Json& put(const std::string& s) {
    text_ += s;
    return *this;
  }
  Json& value(const char* key, const std::string& s) {
    name(key).put(s);
    comma_ = true;
    return *this;
  }

  std::string text_;
  bool comma_ = false;
};

void put_report(Json& j, const Report& r) {
  j.boolean("complete", r.complete).number("seconds", r.seconds);
  j.string("noise_sha256", r.noise_sha256).open("files", '[');
  for (const File& f : r.files) {
    j.open(nullptr, '{').string("name", f.name).string("sha256", f.sha256).close('}');
  }
  j.close(']');
}

std::string json(const Options& o, const Report* word, const Report* clothes) {
  Json j;
  j.open(nullptr, '{').string("sampler", o.sampler).whole("steps", o.steps);
  j.number("guidance", o.guidance).whole("seed", o.seed).whole("threads", o.threads);
  if (word) {
    j.open("act1", '{');
    put_report(j, *word);
    j.open("convergence", '[');
    for (const Curve& c : word->curves) {
      j.open(nullptr, '{').string("sampler", c.sampler).string("grid", c.grid);
      j.boolean("stochastic", c.stochastic);
      j.number("order", c.order);
      j.number("agreement", c.agreement).open("evaluations", '[');
      for (const std::size_t n : c.evaluations) j.whole(nullptr, n);
      j.close(']').open("errors", '[');
      for (const double e : c.errors) j.number(nullptr, e);
      j.close(']').close('}');
    }
    j.close(']').number("sampling_error", word->sampling_error).close('}');
  }
  if (clothes) {
    j.open("act2", '{');
    put_report(j, *clothes);
    j.number("grid_seconds", clothes->grid_seconds);
    j.whole("network_evaluations", clothes->network_evaluations).open("strip", '[');
    for (const Tile& t : clothes->tiles) {
      j.open(nullptr, '{').string("sampler", t.sampler).whole("evaluations", t.evaluations);
      j.number("error", t.error).close('}');
    }
    j.close(']').close('}');
  }
  return j.close('}').text();
}

ExitStatus play(const Options& o) {
  try_sampler(o);
  make_folder(o);
  catch_interrupts();
  Report word, clothes;
  const Report *first = nullptr, *second = nullptr;
  if (o.act != 2) {
    word = play_word(o);
    first = &word;
  }
  if (o.act != 1 && !interrupted()) {
    clothes = play_clothes(o);
    second = &clothes;
  }
  if (o.json) {
    std::printf("%s\n", json(o, first, second).c_str());
  } else {
    print_text(first, second);
  }
  if (interrupted()) std::fprintf(stderr, "noisewright-demo: interrupted; what is done is kept\n");
  return interrupted() ? kInterrupted : kFine;
}

}  // namespace
}  // namespace demo

int main(int argc, char** argv) {
  using namespace demo;
  try {
    const Options options = parse_options(argc, argv);
    if (options.help) {
      std::printf("%s", kHelp);
      return kFine;
    }
    if (options.list) {
      print_catalogue();
      return kFine;
    }
    return play(options);
  } catch (const UsageError& e) {
    std::fprintf(stderr, "noisewright-demo: %s\n", e.what());
    return kUsage;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "noisewright-demo: out of memory\n");
  } catch (const std::exception& e) {
    std::fprintf(stderr, "noisewright-demo: %s\n", e.what());
  }
  return kFailed;
}
