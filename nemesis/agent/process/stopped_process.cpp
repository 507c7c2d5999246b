#include "nemesis/agent/process/stopped_process.h"

#include <dirent.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <string>
#include <utility>

#include "harness/core/clock.h"
#include "nemesis/agent/core/proc_file.h"
#include "nemesis/agent/process/freezer.h"

namespace riven::agent {
namespace {

constexpr int64_t kPatienceNs = 2 * kNanosPerSecond;
constexpr int64_t kSpinNs = 2 * kNanosPerMilli;
constexpr int64_t kInKernelAfterNs = kNanosPerMilli / 2;
constexpr useconds_t kPauseUs = 100;

thread_local std::vector<pid_t> parked_threads;

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> tids;
  DIR* dir = opendir(("/proc/" + std::to_string(pid) + "/task").c_str());
  if (dir == nullptr) return tids;
  while (const dirent* entry = readdir(dir)) {
    const std::string_view name = entry->d_name;
    pid_t tid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), tid);
    if (error == std::errc() && end == name.data() + name.size()) tids.push_back(tid);
  }
  closedir(dir);
  return tids;
}

char state_of(pid_t pid, pid_t tid) {
  const std::string stat =
      read_proc_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/stat");
  const size_t close = stat.rfind(')');
  return close == std::string::npos || close + 2 >= stat.size() ? 'X' : stat[close + 2];
}

/// In a system call from which no signal wakes it. (One that sleeps on a page fault may have stopped anywhere
/// in its own code; /proc shows no number of a call for it.)
bool sleeps_in_kernel(pid_t pid, pid_t tid) {
  if (state_of(pid, tid) != 'D') return false;
  const std::string call =
      read_proc_file("/proc/" + std::to_string(pid) + "/task/" + std::to_string(tid) + "/syscall");
  return !call.empty() && call[0] >= '0' && call[0] <= '9';
}

long request(int what, pid_t tid, long data = 0) {
  return ptrace(static_cast<__ptrace_request>(what), tid, nullptr, reinterpret_cast<void*>(data));
}

bool is_event_stop(int status) { return status >> 16 == PTRACE_EVENT_STOP; }

}  // namespace

StoppedProcess::StoppedProcess(pid_t pid) : pid_(pid), since_ns_(monotonic_now_ns()) {}

StoppedProcess::StoppedProcess(StoppedProcess&& other) noexcept
    : pid_(other.pid_),
      since_ns_(other.since_ns_),
      pending_(std::exchange(other.pending_, {})),
      stopped_(std::exchange(other.stopped_, {})),
      parked_(std::exchange(other.parked_, {})),
      gone_(std::exchange(other.gone_, {})) {}

StoppedProcess::~StoppedProcess() {
  for (const pid_t tid : stopped_) request(PTRACE_DETACH, tid);
  parked_threads.insert(parked_threads.end(), pending_.begin(), pending_.end());
  parked_threads.insert(parked_threads.end(), parked_.begin(), parked_.end());
  release_parked_threads();
}

bool StoppedProcess::knows(pid_t tid) const {
  const auto in = [tid](const std::vector<pid_t>& list) {
    return std::find(list.begin(), list.end(), tid) != list.end();
  };
  return in(pending_) || in(stopped_) || in(parked_) || in(gone_);
}

Result<StoppedProcess> StoppedProcess::stop(pid_t pid, Which which) {
  release_parked_threads();
  if (is_held_in_freezer(pid))
    return Error{"process " + std::to_string(pid) + " is paused in a frozen control group"};
  StoppedProcess process(pid);
  const int64_t until_ns = process.since_ns_ + kPatienceNs;
  if (Status stopped = process.stop_threads(which, until_ns); !stopped) return stopped.error();
  while (process.stopped_.empty() && !process.parked_.empty() && monotonic_now_ns() < until_ns) {
    usleep(kPauseUs);
    process.pending_ = std::exchange(process.parked_, {});
    if (Status stopped = process.stop_threads(which, until_ns); !stopped) return stopped.error();
  }
  if (!process.stopped_.empty()) return process;
  return Error{"no thread of process " + std::to_string(pid) +
               (process.parked_.empty() ? " is left: it has ended"
                                        : " could be stopped within 2 s: all of it sleeps in the kernel")};
}

Status StoppedProcess::stop_threads(Which which, int64_t until_ns) {
  for (bool found = true; found;) {
    found = false;
    for (const pid_t tid : threads_of(pid_)) {
      if (knows(tid)) continue;
      if (Status seized = seize(tid); !seized) return seized;
      found = true;
      if (which == Which::all) continue;
      if (Status stopped = await(until_ns); !stopped) return stopped;
      if (!stopped_.empty()) return ok_status();
    }
    // A thread that was not yet stopped may have made another after the list was read.
    if (Status stopped = await(until_ns); !stopped) return stopped;
  }
  return ok_status();
}

Status StoppedProcess::seize(pid_t tid) {
  // Still held from an earlier stop, on its way out of the kernel.
  if (std::erase(parked_threads, tid) > 0) {
    pending_.push_back(tid);
    return ok_status();
  }
  if (request(PTRACE_SEIZE, tid, PTRACE_O_TRACESYSGOOD) != 0) {
    const int why = errno;
    const char state = state_of(pid_, tid);
    if (why == ESRCH || state == 'X' || state == 'Z') {
      gone_.push_back(tid);
      return ok_status();
    }
    return Error{"process " + std::to_string(pid_) + " cannot be traced: " + std::strerror(why) +
                 " (CAP_SYS_PTRACE is missing, or a debugger has it)"};
  }
  request(PTRACE_INTERRUPT, tid);
  pending_.push_back(tid);
  return ok_status();
}

/// Whether the thread is stopped for good, or gone. A signal on its way to it is delivered first.
bool StoppedProcess::take_stop(pid_t tid, int status) {
  if (!WIFSTOPPED(status)) {
    gone_.push_back(tid);
    return true;
  }
  if (is_event_stop(status)) {
    stopped_.push_back(tid);
    return true;
  }
  request(PTRACE_INTERRUPT, tid);
  request(PTRACE_CONT, tid, WSTOPSIG(status));
  return false;
}

Status StoppedProcess::await(int64_t until_ns) {
  const int64_t began_ns = monotonic_now_ns();
  while (!pending_.empty()) {
    const size_t before = pending_.size();
    std::erase_if(pending_, [&](pid_t tid) {
      int status = 0;
      const pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
      if (got == tid) return take_stop(tid, status);
      if (got == 0) return false;
      gone_.push_back(tid);
      return true;
    });
    if (pending_.size() != before) continue;
    const int64_t now_ns = monotonic_now_ns();
    if (now_ns > until_ns)
      return Error{"a thread of process " + std::to_string(pid_) + " did not stop within 2 s"};
    if (now_ns - began_ns > kInKernelAfterNs) {
      const auto asleep = std::stable_partition(pending_.begin(), pending_.end(),
                                                [&](pid_t tid) { return !sleeps_in_kernel(pid_, tid); });
      parked_.insert(parked_.end(), asleep, pending_.end());
      pending_.erase(asleep, pending_.end());
    }
    // The threads need a processor to stop on.
    if (now_ns - began_ns < kSpinNs) {
      sched_yield();
    } else {
      usleep(kPauseUs);
    }
  }
  return ok_status();
}

bool release_parked_threads() {
  std::erase_if(parked_threads, [](pid_t tid) {
    int status = 0;
    const pid_t got = waitpid(tid, &status, __WALL | WNOHANG);
    if (got == 0) return false;
    if (got == tid && WIFSTOPPED(status))
      request(PTRACE_DETACH, tid, is_event_stop(status) ? 0 : WSTOPSIG(status));
    return true;
  });
  return parked_threads.empty();
}

}  // namespace riven::agent
