#include "nemesis/agent/process/fd_limit_fault.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <optional>

#include "harness/core/json_fields.h"
#include "nemesis/agent/core/self_test.h"
#include "nemesis/agent/process/process_fault.h"
#include "nemesis/agent/process/process_table.h"

namespace riven::agent {
namespace {

constexpr size_t kMostDescriptors = 65'536;  // a lowest free one beyond is taken for this

/// What the stand-in is asked for and what it answers. Plain memory: it passes a pipe.
struct Look {
  pid_t pid = 0;
  int64_t set_soft = -1;  // negative: nothing is set; kToLowest: to the lowest free one
  int64_t spare = 0;      // beyond the lowest free one
  int64_t soft = -1;      // before anything was set
  int64_t lowest_free = -1;
  int64_t soft_after = -1;
  int error = 0;
};
constexpr int kMostLooks = 20;
constexpr int64_t kToLowest = INT64_MAX;

/// The lowest descriptor that /proc/PID/fd does not list. Only what a process may call that was forked from
/// one with threads: no memory is allocated.
int64_t lowest_free_descriptor(const char* directory) {
  static std::array<bool, kMostDescriptors> used;
  used.fill(false);
  const int fd = ::open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  alignas(8) static char buffer[32'768];
  while (true) {
    const long got = ::syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (got <= 0) break;
    for (long at = 0; at < got;) {
      // struct linux_dirent64: inode (8), offset (8), length (2), type (1), name.
      uint16_t length = 0;
      std::memcpy(&length, buffer + at + 16, sizeof length);
      const char* name = buffer + at + 19;
      size_t number = 0;
      bool is_number = *name >= '0' && *name <= '9';
      for (; *name >= '0' && *name <= '9' && number < kMostDescriptors; ++name) {
        number = number * 10 + static_cast<size_t>(*name - '0');
      }
      if (is_number && number < kMostDescriptors) used[number] = true;
      at += length;
    }
  }
  ::close(fd);
  for (size_t i = 0; i < kMostDescriptors; ++i) {
    if (!used[i]) return static_cast<int64_t>(i);
  }
  return kMostDescriptors;
}

/// As the stand-in, already of the target's user.
void look(Look& asked, const char* directory) {
  rlimit limit{};
  if (::prlimit(asked.pid, RLIMIT_NOFILE, nullptr, &limit) != 0) {
    asked.error = errno;
    return;
  }
  asked.soft = static_cast<int64_t>(limit.rlim_cur);
  asked.lowest_free = lowest_free_descriptor(directory);
  if (asked.lowest_free < 0) asked.error = errno;
  if (asked.error != 0 || asked.set_soft < 0) return;
  const int64_t wanted = asked.set_soft == kToLowest ? asked.lowest_free + asked.spare : asked.set_soft;
  limit.rlim_cur = std::min(static_cast<rlim_t>(wanted), limit.rlim_max);
  if (::prlimit(asked.pid, RLIMIT_NOFILE, &limit, nullptr) != 0) asked.error = errno;
  rlimit after{};
  if (::prlimit(asked.pid, RLIMIT_NOFILE, nullptr, &after) == 0)
    asked.soft_after = static_cast<int64_t>(after.rlim_cur);
}

/// Carries it out in a process of the target's user: the kernel lets nobody else without CAP_SYS_RESOURCE.
/// False: there is no such process any more, or it cannot be reached.
bool carry_out(Look& asked) {
  char directory[40], owner[40];
  std::snprintf(directory, sizeof directory, "/proc/%d/fd", asked.pid);
  std::snprintf(owner, sizeof owner, "/proc/%d", asked.pid);
  struct stat facts {};
  int line[2];
  if (::stat(owner, &facts) != 0 || ::pipe2(line, O_CLOEXEC) != 0) return false;
  const pid_t child = ::fork();
  if (child == 0) {
    const bool same = facts.st_uid == ::geteuid() && facts.st_gid == ::getegid();
    if (!same &&
        (::setgroups(0, nullptr) != 0 || ::setresgid(facts.st_gid, facts.st_gid, facts.st_gid) != 0 ||
         ::setresuid(facts.st_uid, facts.st_uid, facts.st_uid) != 0)) {
      asked.error = errno;
    } else {
      look(asked, directory);
    }
    _exit(::write(line[1], &asked, sizeof asked) == sizeof asked ? 0 : 1);
  }
  ::close(line[1]);
  const bool answered = child > 0 && ::read(line[0], &asked, sizeof asked) == sizeof asked;
  ::close(line[0]);
  while (child > 0 && ::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return answered && asked.error == 0;
}

std::optional<Look> look_at(pid_t pid) {
  Look asked;
  asked.pid = pid;
  return carry_out(asked) ? std::optional<Look>(asked) : std::nullopt;
}

bool set_soft(pid_t pid, int64_t soft) {
  Look asked;
  asked.pid = pid;
  asked.set_soft = soft;
  return carry_out(asked);
}

struct Known {
  ProcessId id;
  int64_t before = 0;
};

class Exhausted final : public Fault {
 public:
  Exhausted(std::vector<std::string> names, std::vector<Known> known, int64_t spare)
      : names_(std::move(names)), known_(std::move(known)), spare_(spare) {}

  Json undo_record() const override {
    Json processes = Json::array();
    for (const Known& each : known_)
      processes.push_back({{"pid", each.id.pid}, {"start", each.id.start_ticks}, {"before", each.before}});
    return {{"processes", names_}, {"known", processes}};
  }

  Result<Json> apply() override {
    // A child that was being forked during one look has its parent's old limit, and is found by the next.
    bool found = true;
    for (int round = 0; found && round < kMostLooks; ++round) {
      found = false;
      for (const ProcessInfo& process : process_trees(names_)) {
        if (ours_.count(process.id.pid) > 0) continue;
        Look asked;
        asked.pid = process.id.pid;
        asked.set_soft = kToLowest;
        asked.spare = spare_;
        if (!carry_out(asked)) {
          if (!is_alive(process.id)) continue;
          return Error{"the limit of process " + std::to_string(process.id.pid) +
                       " cannot be set: " + std::strerror(asked.error)};
        }
        found = true;
        ours_[process.id.pid] = asked.soft_after;
      }
    }
    if (ours_.empty()) return Error{"none of the processes runs"};
    return observe();
  }

  Json observe() override {
    int64_t limited = 0, full = 0;
    for (const auto& [pid, soft] : ours_) {
      const std::optional<Look> now = look_at(pid);
      if (!now || now->soft != soft) continue;
      ++limited;
      if (now->lowest_free >= now->soft) ++full;
    }
    return {{"limited", limited}, {"full", full}};
  }

 private:
  std::vector<std::string> names_;
  std::vector<Known> known_;
  int64_t spare_;
  std::map<pid_t, int64_t> ours_;
};

Result<std::unique_ptr<Fault>> make(const Context&, const std::string&, const Json& params) {
  const std::vector<std::string> names = texts_of(params, "processes");
  const int64_t spare = integer_of(params, "spare");
  if (names.empty()) return Error{"no names of processes were given"};
  if (spare < 0 || spare > 1'000'000) return Error{"spare must be 0 to 1,000,000"};
  std::vector<Known> known;
  for (const ProcessInfo& process : process_trees(names)) {
    const std::optional<Look> now = look_at(process.id.pid);
    if (now) known.push_back({process.id, now->soft});
  }
  if (known.empty())
    return Error{"no process called " + names.front() + " runs, or none lets its limit be set"};
  return std::unique_ptr<Fault>(std::make_unique<Exhausted>(names, std::move(known), spare));
}

/// A child made meanwhile has its parent's limit, which no earlier record names: whoever has less than what
/// the trees had gets that back.
Result<Json> undo(const Context&, const Json& record) {
  std::map<ProcessId, int64_t> before;
  int64_t least = INT64_MAX;
  for (const Json& item : array_of(record, "known")) {
    const ProcessId id{static_cast<pid_t>(integer_of(item, "pid")),
                       static_cast<uint64_t>(integer_of(item, "start"))};
    before[id] = integer_of(item, "before");
    least = std::min(least, before[id]);
  }
  bool all = true;
  for (const ProcessInfo& process : process_trees(texts_of(record, "processes"))) {
    const auto known = before.find(process.id);
    const int64_t wanted = known == before.end() ? least : known->second;
    const std::optional<Look> now = look_at(process.id.pid);
    if (!now || wanted == INT64_MAX) continue;
    const bool wrong = known == before.end() ? now->soft < wanted : now->soft != wanted;
    if (wrong && !set_soft(process.id.pid, wanted) && is_alive(process.id)) all = false;
  }
  if (!all) return Error{"some processes' limits could not be put back"};
  return Json();
}

Status probe(const Context& context) {
  if (Status can = can_signal_processes(context); !can) return can;
  const Dummy dummy;
  return self_test(
      fd_limit_kind(), context, {{"processes", Json::array({dummy.name()})}},
      [](const Json& seen) {
        return integer_of(seen, "full") == 1
                   ? ok_status()
                   : Status(Error{"a process whose limit was set could open more all the same"});
      },
      [] { return ok_status(); });
}

}  // namespace

FaultKind fd_limit_kind() { return {"fd-limit", make, undo, nullptr, probe, nullptr, {"descriptors"}}; }

}  // namespace riven::agent
