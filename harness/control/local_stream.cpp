#include "harness/control/local_stream.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>

#include "harness/core/clock.h"

namespace riven {
namespace {

constexpr size_t kKeptErrorBytes = 65536;
constexpr int64_t kFarewellNs = 2 * kNanosPerSecond;

class LocalStream final : public ByteStream {
 public:
  LocalStream(int fd, int error_fd, pid_t pid, std::string name)
      : fd_(fd), error_fd_(error_fd), pid_(pid), name_(std::move(name)) {}

  ~LocalStream() override {
    close();
    const int64_t until = monotonic_now_ns() + kFarewellNs;
    while (!reap() && monotonic_now_ns() < until) usleep(1000);
    ::close(fd_);
    ::close(error_fd_);
  }

  Result<size_t, StreamError> read(char* buffer, size_t size, Milliseconds deadline) override {
    const int64_t until = monotonic_now_ns() + deadline.count() * kNanosPerMilli;
    while (true) {
      if (closed_) return broken("was closed");
      const ssize_t got = recv(fd_, buffer, size, MSG_DONTWAIT);
      if (got >= 0) return static_cast<size_t>(got);
      if (errno == ECONNRESET) return size_t{0};
      if (errno != EAGAIN && errno != EINTR) return broken(std::strerror(errno));
      if (!wait_for(POLLIN, until)) return StreamError{StreamError::Kind::timed_out, name_ + ": no answer"};
    }
  }

  Result<Unit, StreamError> write(std::string_view bytes, Milliseconds deadline) override {
    const int64_t until = monotonic_now_ns() + deadline.count() * kNanosPerMilli;
    while (!bytes.empty()) {
      if (closed_) return broken("was closed");
      const ssize_t put = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (put > 0) {
        bytes.remove_prefix(static_cast<size_t>(put));
      } else if (errno != EAGAIN && errno != EINTR) {
        return broken(std::strerror(errno));
      } else if (!wait_for(POLLOUT, until)) {
        return StreamError{StreamError::Kind::timed_out, name_ + ": does not read"};
      }
    }
    return Unit{};
  }

  void end_input() override { shutdown(fd_, SHUT_WR); }

  void close() override {
    closed_ = true;
    shutdown(fd_, SHUT_RDWR);
  }

  std::string error_output() const override {
    const std::lock_guard<std::mutex> lock(mutex_);
    char chunk[4096];
    ssize_t got = 0;
    while ((got = ::read(error_fd_, chunk, sizeof chunk)) > 0)
      errors_.append(chunk, static_cast<size_t>(got));
    if (errors_.size() > kKeptErrorBytes) errors_.erase(0, errors_.size() - kKeptErrorBytes);
    return errors_;
  }

  std::string end() const override {
    if (!reap()) return {};
    const std::lock_guard<std::mutex> lock(mutex_);
    if (WIFSIGNALED(status_)) {
      const char* signal = sigabbrev_np(WTERMSIG(status_));
      return std::string("signal ") + (signal != nullptr ? signal : std::to_string(WTERMSIG(status_)));
    }
    return "exit status " + std::to_string(WEXITSTATUS(status_));
  }

 private:
  StreamError broken(const std::string& why) const { return {StreamError::Kind::broken, name_ + ": " + why}; }

  bool wait_for(short what, int64_t until_ns) const {
    const int64_t left_ms = (until_ns - monotonic_now_ns() + kNanosPerMilli - 1) / kNanosPerMilli;
    if (left_ms <= 0) return false;
    pollfd waiting{fd_, what, 0};
    return poll(&waiting, 1, static_cast<int>(left_ms)) != 0;
  }

  bool reap() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!reaped_ && waitpid(pid_, &status_, WNOHANG) != 0) reaped_ = true;
    return reaped_;
  }

  const int fd_;
  const int error_fd_;
  const pid_t pid_;
  const std::string name_;
  std::atomic<bool> closed_ = false;
  mutable std::mutex mutex_;
  mutable std::string errors_;
  mutable bool reaped_ = false;
  mutable int status_ = 0;
};

}  // namespace

Result<std::unique_ptr<ByteStream>> start_local(const std::vector<std::string>& argv) {
  RIVEN_CHECK(!argv.empty(), "a program without a name was to be started");
  int sockets[2];
  int errors[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return Error{std::strerror(errno)};
  if (pipe2(errors, O_CLOEXEC | O_NONBLOCK) != 0) {
    const Error error{std::strerror(errno)};
    for (const int fd : sockets) close(fd);
    return error;
  }
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, sockets[1], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, sockets[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, errors[1], STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  pid_t pid = 0;
  const int code = posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  close(sockets[1]);
  close(errors[1]);
  if (code != 0) {
    close(sockets[0]);
    close(errors[0]);
    return Error{"cannot start " + argv[0] + ": " + std::strerror(code)};
  }
  return std::unique_ptr<ByteStream>(std::make_unique<LocalStream>(sockets[0], errors[0], pid, argv[0]));
}

}  // namespace riven
