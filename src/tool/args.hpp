// SPDX-License-Identifier: Apache-2.0
// Owns the command line: what a command takes, in which words it is helped, and the reading of
// numbers. Must not know any command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace tool {

// What the program ends with.
enum Exit : int {
  kFine = 0,
  kFailed = 1,  // It could not be done; standard error says why.
  kUsage = 2,   // The command line is wrong; nothing was done.
  kNo = 3,      // It was done, and the answer is no: a defect was found, a key was not followed.
  kInterrupted = 130
};

struct UsageError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Option {
  const char *name, *value, *help;  // Without a value: a flag.
};

class Args;

struct Command {
  const char *name, *words, *summary;
  std::size_t least, most;  // How many words.
  std::vector<Option> options;
  int (*run)(const Args&);
};

class Args {
 public:
  // Throws UsageError. rest: where a program's own command line begins, nothing is read any more.
  Args(const Command& command, int argc, char** argv);

  const std::vector<std::string>& words() const { return words_; }
  std::string word(std::size_t i, const std::string& otherwise) const;
  bool has(const std::string& name) const { return options_.count(name) > 0; }
  std::string text(const std::string& name, const std::string& otherwise) const;
  // Every value of an option that may be given more than once.
  std::vector<std::string> all(const std::string& name) const;
  double number(const std::string& name, double otherwise, double min, double max) const;
  std::uint64_t whole(const std::string& name, std::uint64_t otherwise, std::uint64_t min,
                      std::uint64_t max) const;

 private:
  std::vector<std::string> words_;
  std::map<std::string, std::vector<std::string>> options_;
};

double parse_number(const std::string& what, const std::string& text, double min, double max);
std::uint64_t parse_whole(const std::string& what, const std::string& text, std::uint64_t min,
                          std::uint64_t max);
std::vector<std::string> split(const std::string& text, char separator);
std::string help_of(const Command& command);

}  // namespace tool
