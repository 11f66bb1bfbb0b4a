// SPDX-License-Identifier: Apache-2.0
// Two pipes and poll: a program that does not answer is ended, never waited for. Lines are written
// while answers are read, so that long ones cannot block both sides.
#include "peer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "progress.hpp"

namespace tool {
namespace {

constexpr std::size_t kLongest = std::size_t{1} << 26;

}  // namespace

Peer::Peer(const std::vector<std::string>& command, double seconds) : seconds_(seconds) {
  int in[2], out[2], started[2];
  if (pipe2(in, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  if (pipe2(out, O_CLOEXEC) != 0 || pipe2(started, O_CLOEXEC) != 0) {
    throw std::runtime_error("cannot make a pipe");
  }
  std::vector<char*> arguments;
  arguments.reserve(command.size() + 1);
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  child_ = fork();
  if (child_ < 0) throw std::runtime_error("cannot start a process");
  if (child_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    static_cast<void>(signal(SIGPIPE, SIG_DFL));
    execvp(arguments[0], arguments.data());
    // Nothing else can be said from here: the number of the error is.
    const int error = errno;
    const ssize_t written = write(started[1], &error, sizeof error);
    _exit(written == static_cast<ssize_t>(sizeof error) ? 127 : 126);
  }
  close(in[0]);
  close(out[1]);
  close(started[1]);
  to_ = in[1];
  from_ = out[0];
  int error = 0;
  ssize_t size = 0;
  do {
    size = read(started[0], &error, sizeof error);
  } while (size < 0 && errno == EINTR);
  close(started[0]);
  if (size == static_cast<ssize_t>(sizeof error)) {
    stop();
    throw std::runtime_error("cannot start '" + command[0] + "': " + std::strerror(error));
  }
  fcntl(to_, F_SETFL, fcntl(to_, F_GETFL) | O_NONBLOCK);
}

Peer::~Peer() { stop(); }

void Peer::stop() {
  if (to_ >= 0) close(to_);
  if (from_ >= 0) close(from_);
  to_ = from_ = -1;
  if (child_ <= 0) return;
  // It has been told to end, by its input's end if by nothing else.
  for (int i = 0; i < 100; ++i) {
    if (waitpid(child_, nullptr, WNOHANG) != 0) {
      child_ = -1;
      return;
    }
    usleep(10000);
  }
  kill(child_, SIGKILL);
  waitpid(child_, nullptr, 0);
  child_ = -1;
}

void Peer::say(const std::string& line) {
  const std::string bytes = line + "\n";
  const demo::Stopwatch clock;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t size = write(to_, &bytes[sent], bytes.size() - sent);
    if (size > 0) {
      sent += static_cast<std::size_t>(size);
      continue;
    }
    if (errno != EAGAIN && errno != EINTR) throw PeerError("the program has ended");
    if (demo::interrupted()) throw PeerError("interrupted");
    if (clock.seconds() > seconds_) throw PeerError("the program does not read what it is told");
    pollfd wait{to_, POLLOUT, 0};
    poll(&wait, 1, 100);
  }
}

std::string Peer::hear() {
  const demo::Stopwatch clock;
  std::size_t searched = 0;
  while (true) {
    const std::size_t end = read_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      return line;
    }
    searched = read_.size();
    if (read_.size() > kLongest) throw PeerError("the program says a line without end");
    if (demo::interrupted()) throw PeerError("interrupted");
    if (clock.seconds() > seconds_) throw PeerError("the program does not answer");
    pollfd wait{from_, POLLIN, 0};
    if (poll(&wait, 1, 100) <= 0) continue;
    char chunk[65536];
    const ssize_t size = read(from_, chunk, sizeof chunk);
    if (size == 0) throw PeerError("the program has ended");
    if (size > 0) read_.append(chunk, static_cast<std::size_t>(size));
  }
}

}  // namespace tool
