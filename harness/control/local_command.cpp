#include "harness/control/local_command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "harness/control/tcp_connect.h"

namespace riven {
namespace {

using Clock = std::chrono::steady_clock;

struct Pipe {
  int read_end = -1;
  int write_end = -1;
  ~Pipe() {
    close_read();
    close_write();
  }
  bool open() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return false;
    read_end = ends[0];
    write_end = ends[1];
    return true;
  }
  void close_read() { close_end(read_end); }
  void close_write() { close_end(write_end); }

 private:
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

class SpawnSettings {
 public:
  SpawnSettings(const Pipe& in, const Pipe& out, const Pipe& err) {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_adddup2(&actions_, in.read_end, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, out.write_end, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions_, err.write_end, STDERR_FILENO);
    posix_spawnattr_init(&attributes_);
    // A group of its own: Ctrl-C on the terminal is for us to handle, not for a `docker rm` that cleans up.
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes_, &none);
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGINT);
    posix_spawnattr_setsigdefault(&attributes_, &defaults);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  int spawn(const std::vector<std::string>& argv, pid_t& child) {
    std::vector<char*> words;
    for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    return posix_spawnp(&child, words[0], &actions_, &attributes_, words.data(), environ);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

// Writing to a program that has ended must not end us.
class NoBrokenPipe {
 public:
  NoBrokenPipe() {
    sigset_t pipe_signal;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before_);
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
  }
  ~NoBrokenPipe() {
    if (!was_pending_) {
      sigset_t pipe_signal;
      sigemptyset(&pipe_signal);
      sigaddset(&pipe_signal, SIGPIPE);
      const timespec at_once{};
      while (sigtimedwait(&pipe_signal, nullptr, &at_once) == -1 && errno == EINTR) {
      }
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoBrokenPipe(const NoBrokenPipe&) = delete;
  NoBrokenPipe& operator=(const NoBrokenPipe&) = delete;

 private:
  sigset_t before_;
  bool was_pending_;
};

// Moves bytes until both outputs ended; false at the deadline.
bool exchange(Pipe& in, Pipe& out, Pipe& err, const std::string& input, CommandOutput& output,
              Deadline deadline) {
  const NoBrokenPipe guard;
  size_t sent = 0;
  if (input.empty()) in.close_write();
  while (out.read_end >= 0 || err.read_end >= 0) {
    pollfd waiting[] = {{out.read_end, POLLIN, 0}, {err.read_end, POLLIN, 0}, {in.write_end, POLLOUT, 0}};
    const int ready = poll(waiting, 3, milliseconds_until(deadline));
    if (ready == 0 && Clock::now() >= deadline) return false;
    if (ready <= 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (waiting[i].revents == 0) continue;
      char chunk[16 * 1024];
      const ssize_t count = read(waiting[i].fd, chunk, sizeof chunk);
      if (count > 0) {
        (i == 0 ? output.out : output.err).append(chunk, static_cast<size_t>(count));
      } else if (count == 0 || errno != EINTR) {
        (i == 0 ? out : err).close_read();
      }
    }
    if (waiting[2].revents != 0) {
      const ssize_t count = write(in.write_end, input.data() + sent, input.size() - sent);
      if (count > 0) sent += static_cast<size_t>(count);
      if (sent == input.size() || (count < 0 && errno != EINTR && errno != EAGAIN)) in.close_write();
    }
  }
  return true;
}

// Waits for the child; false at the deadline.
bool reap(pid_t child, int& status, Deadline deadline) {
  auto pause = std::chrono::microseconds(200);
  for (;;) {
    const pid_t done = waitpid(child, &status, WNOHANG);
    if (done == child) return true;
    if (done < 0 && errno != EINTR) return false;
    if (Clock::now() >= deadline) return false;
    usleep(static_cast<useconds_t>(pause.count()));
    if (pause < std::chrono::milliseconds(10)) pause *= 2;
  }
}

}  // namespace

Result<CommandOutput> run_local(const std::vector<std::string>& argv, const std::string& stdin_data,
                                Milliseconds deadline) {
  RIVEN_CHECK(!argv.empty(), "a local command without a program");
  const Deadline until = Clock::now() + deadline;
  Pipe in;
  Pipe out;
  Pipe err;
  if (!in.open() || !out.open() || !err.open()) {
    return Error{"no pipe for " + argv[0] + ": " + std::generic_category().message(errno)};
  }
  fcntl(in.write_end, F_SETFL, O_NONBLOCK);
  pid_t child = 0;
  if (const int error = SpawnSettings(in, out, err).spawn(argv, child); error != 0) {
    return Error{"cannot run " + argv[0] + ": " + std::generic_category().message(error)};
  }
  in.close_read();
  out.close_write();
  err.close_write();
  CommandOutput output;
  int status = 0;
  if (!exchange(in, out, err, stdin_data, output, until) || !reap(child, status, until)) {
    ::kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    return Error{argv[0] + (argv.size() > 1 ? " " + argv[1] : "") + " did not end within " +
                 std::to_string(deadline.count()) + " ms"};
  }
  if (WIFSIGNALED(status)) {
    const char* name = sigabbrev_np(WTERMSIG(status));
    output.signal = name == nullptr ? std::to_string(WTERMSIG(status)) : name;
  } else {
    output.exit_status = WEXITSTATUS(status);
  }
  return output;
}

}  // namespace riven
