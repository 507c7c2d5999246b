#include "nemesis/agent/core/self_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "harness/core/clock.h"
#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

constexpr char kReceiver[] = "127.86.0.2";
constexpr int kQuietMs = 200;
constexpr int64_t kNameNs = kNanosPerSecond;

int bound_socket(const char* address, sockaddr_in& name) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  name = {};
  name.sin_family = AF_INET;
  ::inet_pton(AF_INET, address, &name.sin_addr);
  socklen_t size = sizeof name;
  if (fd >= 0 && ::bind(fd, reinterpret_cast<const sockaddr*>(&name), size) == 0 &&
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&name), &size) == 0)
    return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

/// A signal takes its time to arrive.
Status await_state(const Dummy& dummy, char wanted, const char* when) {
  for (const int64_t until = monotonic_now_ns() + kNanosPerSecond; dummy.state() != wanted;) {
    if (monotonic_now_ns() > until)
      return Error{std::string("a process that it was tried on was in state ") + dummy.state() + " " + when};
    ::usleep(200);
  }
  return ok_status();
}

}  // namespace

Dummy::Dummy() {
  static int made = 0;
  // The kernel keeps 15 characters.
  name_ = "rvd" + std::to_string(::getpid() % 10'000'000) + "-" + std::to_string(++made % 1000);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::prctl(PR_SET_NAME, name_.c_str());
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    std::signal(SIGTERM, SIG_DFL);
    while (true) ::pause();
  }
  for (const int64_t until = monotonic_now_ns() + kNameNs; pid_ > 0 && monotonic_now_ns() < until;) {
    if (read_proc_file("/proc/" + std::to_string(pid_) + "/comm") == name_ + "\n" && state() == 'S') break;
    ::usleep(200);
  }
}

Dummy::~Dummy() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

char Dummy::state() const {
  const std::string text = read_proc_file("/proc/" + std::to_string(pid_) + "/stat");
  const size_t close = text.rfind(')');
  if (close == std::string::npos || close + 2 >= text.size()) return '?';
  const char letter = text[close + 2];
  return letter == 'Z' || letter == 'X' ? '?' : letter;
}

Status self_test(const FaultKind& kind, const Context& context, const Json& params,
                 const std::function<Status(const Json& seen)>& takes_effect,
                 const std::function<Status()>& gone) {
  Result<std::unique_ptr<Fault>> fault = kind.make(context, "self-test", params);
  if (!fault) return fault.error();
  const Json record = (*fault)->undo_record();
  Status outcome = (*fault)->arm();
  if (outcome) {
    Result<Json> applied = (*fault)->apply();
    outcome = applied ? takes_effect((*fault)->observe()) : Status(applied.error());
  }
  (*fault)->retire();
  for (int time = 0; time < 2; ++time) {
    const Result<Json> undone = kind.undo(context, record);
    if (outcome && !undone) outcome = undone.error();
    if (outcome) outcome = gone();
  }
  return outcome;
}

Status self_test_on_dummy(const FaultKind& kind, const Context& context, Json params, char state) {
  const Dummy dummy;
  if (dummy.state() != 'S') return Error{"no process can be made to try it on"};
  params["processes"] = Json::array({dummy.name()});
  return self_test(
      kind, context, params, [&](const Json&) { return await_state(dummy, state, "while it was in force"); },
      [&] { return await_state(dummy, state == '?' ? '?' : 'S', "after it was undone"); });
}

Status self_test_on_dummy(const FaultKind& kind, const Context& context, Json params,
                          const std::function<Status(const Json& seen)>& takes_effect) {
  const Dummy dummy;
  if (dummy.state() != 'S') return Error{"no process can be made to try it on"};
  params["processes"] = Json::array({dummy.name()});
  return self_test(kind, context, params, takes_effect,
                   [&] { return await_state(dummy, 'S', "after it was undone"); });
}

int loopback_arrivals(const std::string& from, int count) {
  sockaddr_in sender{}, receiver{};
  const int out = bound_socket(from.c_str(), sender), in = bound_socket(kReceiver, receiver);
  int arrived = 0;
  for (int i = 0; in >= 0 && out >= 0 && i < count; ++i) {
    (void)::sendto(out, "x", 1, 0, reinterpret_cast<const sockaddr*>(&receiver), sizeof receiver);
  }
  pollfd waiting{in, POLLIN, 0};
  char byte = 0;
  while (in >= 0 && arrived < count && ::poll(&waiting, 1, kQuietMs) == 1) {
    if (::recv(in, &byte, 1, MSG_DONTWAIT) == 1) ++arrived;
  }
  for (const int fd : {in, out}) {
    if (fd >= 0) ::close(fd);
  }
  return arrived;
}

}  // namespace riven::agent
