// SPDX-License-Identifier: Apache-2.0
// Owns a program that is spoken to by lines on its standard input and output. Must not know what is
// said.
#pragma once

#include <sys/types.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace tool {

// The program ended, was silent for too long, or said what does not fit.
struct PeerError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Peer {
 public:
  // Starts it; its standard error stays ours. Throws std::runtime_error.
  Peer(const std::vector<std::string>& command, double seconds);
  ~Peer();
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  void say(const std::string& line);
  // Without its end. Throws PeerError.
  std::string hear();

 private:
  void stop();

  pid_t child_ = -1;
  int to_ = -1, from_ = -1;
  double seconds_;
  std::string read_;
};

}  // namespace tool
