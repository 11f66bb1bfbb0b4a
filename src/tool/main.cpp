// SPDX-License-Identifier: Apache-2.0
// The program noisewright: finds the command, and turns what it throws into a line and a status.
#include <exception>
#include <new>
#include <stdexcept>
#include <string>

#include "commands.hpp"
#include "nwr.hpp"
#include "progress.hpp"
#include "table.hpp"

namespace tool {
namespace {

const Command* const kCommands[] = {&kList,        &kSchedule, &kGrid,    &kPlan, &kNoise,
                                    &kCheckConfig, &kConverge, &kConform, &kBench};

std::string version() {
  const unsigned v = nwr_version();
  return std::to_string(v / 1000000) + "." + std::to_string(v / 1000 % 1000) + "." +
         std::to_string(v % 1000);
}

std::string help() {
  std::string text = "Usage: noisewright COMMAND ... ; noisewright COMMAND --help\n\n";
  for (const Command* c : kCommands) {
    std::string left = std::string("  ") + c->name + " " + c->words;
    left.resize(left.size() < 38 ? 38 : left.size() + 1, ' ');
    text += left + c->summary + "\n";
  }
  return text +
         "\nStatus: 0 fine, 1 could not be done, 2 wrong command line, 3 the answer is no "
         "(conform,\n"
         "check-config), 130 interrupted. Names are spec strings: \"ddim(eta=0.5)\".\n";
}

int run(int argc, char** argv) {
  const std::string name = argc > 1 ? argv[1] : "";
  if (name.empty()) throw UsageError("say a command; noisewright --help lists them");
  if (name == "--help" || name == "-h" || name == "help") {
    write_out(help());
    return kFine;
  }
  if (name == "--version") {
    write_out("noisewright " + version() + "\n");
    return kFine;
  }
  for (const Command* c : kCommands) {
    if (name != c->name) continue;
    if (argc > 2 && (std::string(argv[2]) == "--help" || std::string(argv[2]) == "-h")) {
      write_out(help_of(*c));
      return kFine;
    }
    return c->run(Args(*c, argc - 2, argv + 2));
  }
  throw UsageError("there is no command '" + name + "'; noisewright --help lists them");
}

}  // namespace
}  // namespace tool

int main(int argc, char** argv) {
  demo::catch_interrupts();
  int status = tool::kFailed;
  std::string why;
  try {
    status = tool::run(argc, argv);
  } catch (const tool::UsageError& e) {
    why = e.what();
    status = tool::kUsage;
  } catch (const std::bad_alloc&) {
    why = "out of memory";
  } catch (const std::exception& e) {
    why = e.what();
  }
  if (!why.empty()) tool::tell(why);
  return demo::interrupted() ? static_cast<int>(tool::kInterrupted) : status;
}
