#include "nemesis/agent/process/memory_fault.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <map>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/core/proc_file.h"
#include "nemesis/agent/process/memory_group.h"
#include "nemesis/agent/process/process_fault.h"
#include "nemesis/agent/process/process_table.h"

namespace riven::agent {
namespace {

constexpr int64_t kLeaveBytes = 32 << 20;
constexpr int kFirstToDie = 1000;
constexpr useconds_t kRoundUs = 5'000;
constexpr useconds_t kMomentUs =
    20'000;  // nodes that share a machine begin before any of them takes the processor

int score_of(pid_t pid) {
  const std::string text = read_proc_file("/proc/" + std::to_string(pid) + "/oom_score_adj");
  return text.empty() ? 0 : std::atoi(text.c_str());
}

bool set_score(pid_t pid, int score) {
  std::ofstream file("/proc/" + std::to_string(pid) + "/oom_score_adj");
  file << score << std::flush;
  return file.good();
}

/// The process that holds the memory, and the line whose end ends it.
class Hog {
 public:
  Hog() = default;
  Hog(const Hog&) = delete;
  Hog& operator=(const Hog&) = delete;
  ~Hog() { end(); }

  /// `group`: the folder of a control group that it joins first; empty: it stays in this process's.
  Status start(const std::vector<std::string>& arguments, const std::string& group) {
    int line[2], failure[2];
    if (::pipe2(line, O_CLOEXEC) != 0) return Error{std::string("no pipe: ") + std::strerror(errno)};
    if (::pipe2(failure, O_CLOEXEC) != 0) {
      const Error error{std::string("no pipe: ") + std::strerror(errno)};
      for (const int fd : line) ::close(fd);
      return error;
    }
    std::vector<std::string> words = {"riven-hog", "hog"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string door = group.empty() ? "" : group + "/cgroup.procs";
    pid_ = ::fork();
    if (pid_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int joined = door.empty() ? -1 : ::open(door.c_str(), O_WRONLY | O_CLOEXEC);
      int error = errno;
      ::dup2(line[0], STDIN_FILENO);
      if (door.empty() || (joined >= 0 && ::write(joined, "0", 1) == 1)) {
        ::execv("/proc/self/exe", argv.data());
        error = errno;
      } else if (joined >= 0) {
        error = errno;
      }
      (void)!::write(failure[1], &error, sizeof error);
      _exit(127);
    }
    const int fork_error = errno;
    ::close(line[0]);
    ::close(failure[1]);
    line_ = line[1];
    int error = 0;  // nothing is told: the program began
    if (pid_ < 0) {
      error = fork_error;
      ::close(line_);
    } else if (::read(failure[0], &error, sizeof error) == sizeof error) {
      end();
    }
    ::close(failure[0]);
    if (error == 0) return ok_status();
    return Error{std::string("no process can take memory") +
                 (group.empty() ? "" : " in the container's group") + ": " + std::strerror(error)};
  }
  /// Until then it takes nothing.
  bool begin() const { return pid_ > 0 && ::write(line_, "b", 1) == 1; }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    ::close(line_);
    pid_ = 0;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = 0;
  int line_ = -1;
};

class MemoryFault final : public Fault {
 public:
  /// `joined`: the hog has to join the group; else it is there already.
  MemoryFault(MemoryGroup group, bool joined, std::vector<ProcessId> victims, bool kills, int64_t leave_bytes)
      : group_(std::move(group)),
        joined_(joined),
        kills_(kills),
        leave_bytes_(leave_bytes),
        limit_bytes_(group_.limit_bytes()),
        before_(group_.oom_kills()) {
    for (const ProcessId& victim : victims) victims_.emplace_back(victim, score_of(victim.pid));
  }

  Json undo_record() const override {
    Json scores = Json::array();
    if (kills_) {
      for (const auto& [id, score] : victims_)
        scores.push_back({{"pid", id.pid}, {"start", id.start_ticks}, {"score", score}});
    }
    return {{"scores", scores}};
  }

  Status arm() override {
    std::vector<std::string> arguments = {group_.folder(), std::to_string(kills_ ? -1 : leave_bytes_)};
    if (kills_) {
      for (const auto& [id, score] : victims_) arguments.push_back(std::to_string(id.pid));
    }
    return hog_.start(arguments, joined_ ? group_.folder() : "");
  }

  Result<Json> apply() override {
    for (const auto& [id, score] : victims_) {
      if (kills_ && is_alive(id) && !set_score(id.pid, kFirstToDie) && is_alive(id))
        return Error{"the kernel's order of who dies first cannot be set"};
    }
    if (!hog_.begin()) return Error{"the process that takes memory ended before it began"};
    return Json{{"limit_bytes", limit_bytes_}, {"leave_bytes", leave_bytes_}};
  }

  Json observe() override {
    const std::string statm = read_proc_file("/proc/" + std::to_string(hog_.pid()) + "/statm");
    const size_t blank = statm.find(' ');
    const int64_t pages = blank == std::string::npos ? 0 : std::atoll(statm.c_str() + blank);
    return {{"limit_bytes", limit_bytes_},
            {"left_bytes", limit_bytes_ - group_.held_bytes()},
            {"leave_bytes", leave_bytes_},
            {"hog_bytes", pages * ::sysconf(_SC_PAGESIZE)},
            {"oom_kills", group_.oom_kills() - before_}};
  }

  void retire() override { hog_.end(); }

 private:
  MemoryGroup group_;
  bool joined_;
  std::vector<std::pair<ProcessId, int>> victims_;  // with their scores before
  bool kills_;
  int64_t leave_bytes_;
  int64_t limit_bytes_;
  int64_t before_;
  Hog hog_;
};

/// For an agent on the host it is the container's, never the agent's own.
std::optional<MemoryGroup> limited_group(const Context& context) {
  if (context.container.empty()) return MemoryGroup::own();
  MemoryGroup group(context.memory_group);
  return group.limit_bytes() > 0 ? std::optional<MemoryGroup>(std::move(group)) : std::nullopt;
}

Result<MemoryGroup> pressable_group(const Context& context) {
  if (!context.container.empty() && context.memory_group.empty())
    return Error{
        "the container's group of processes that share memory is not to be seen from the controller's "
        "machine"};
  const std::optional<MemoryGroup> group = limited_group(context);
  if (!group) {
    return Error{
        "this node's memory has no limit of its own, so the whole machine would be pressed (riven run or "
        "riven "
        "cluster up --faults memory makes nodes with one)"};
  }
  const int64_t wanted = group->limit_bytes() - group->held_bytes();
  if (group->held_bytes() < 0 || group->oom_kills() < 0)
    return Error{"the kernel does not tell what " + group->folder() + " holds"};
  if (wanted > available_bytes() / 4 * 3) {
    return Error{"the node's limit of " + std::to_string(group->limit_bytes() >> 20) +
                 " MiB is more than the machine could spare"};
  }
  return *group;
}

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string&, const Json& params) {
  const std::vector<std::string> names = texts_of(params, "processes");
  const std::string what = text_of(params, "what", "pressure");
  if (names.empty()) return Error{"no names of processes were given"};
  if (what != "pressure" && what != "oom")
    return Error{"what runs out is pressure or oom, not '" + what + "'"};
  Result<MemoryGroup> group = pressable_group(context);
  if (!group) return group.error();
  const int64_t leave = integer_of(params, "leave_bytes", kLeaveBytes);
  if (leave < 1 || leave >= group->limit_bytes())
    return Error{"what is left must be above 0 and below the limit"};
  std::vector<ProcessId> victims;
  for (const ProcessInfo& process : process_trees(names)) victims.push_back(process.id);
  if (victims.empty()) return Error{"no process called " + names.front() + " runs"};
  return std::unique_ptr<Fault>(std::make_unique<MemoryFault>(std::move(*group), !context.container.empty(),
                                                              std::move(victims), what == "oom", leave));
}

/// The hog went with the fault that started it, or with its agent.
Result<Json> undo(const Context&, const Json& record) {
  for (const Json& item : array_of(record, "scores")) {
    const ProcessId id{static_cast<pid_t>(integer_of(item, "pid")),
                       static_cast<uint64_t>(integer_of(item, "start"))};
    if (is_alive(id) && !set_score(id.pid, static_cast<int>(integer_of(item, "score"))) && is_alive(id))
      return Error{"oom_score_adj of process " + std::to_string(id.pid) + " could not be put back"};
  }
  return Json();
}

Status probe(const Context& context) {
  if (Status can = can_signal_processes(context); !can) return can;
  const Result<MemoryGroup> group = pressable_group(context);
  return group ? ok_status() : Status(group.error());
}

bool line_is_cut() {
  char byte = 0;
  const ssize_t got = ::read(STDIN_FILENO, &byte, 1);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
}

}  // namespace

FaultKind memory_kind() { return {"memory", make, undo, nullptr, probe}; }

int hog_command(int argc, char** argv) {
  constexpr int kFolder = 2, kLeave = 3, kFirstVictim = 4, kUsage = 64;
  constexpr int64_t kStep = 4 << 20;
  if (argc < kFirstVictim) return kUsage;
  const MemoryGroup group(argv[kFolder]);
  const int64_t leave = std::atoll(argv[kLeave]);
  if (group.limit_bytes() <= 0) return kUsage;
  // Its agent may be the last to die, and so would be what it starts: once the victims are dead it is its
  // turn.
  set_score(::getpid(), leave >= 0 ? kFirstToDie : 0);
  char begin = 0;
  if (::read(STDIN_FILENO, &begin, 1) != 1) return 0;
  ::usleep(kMomentUs);
  ::fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
  const int64_t most = group.limit_bytes() + 2 * kStep;
  void* const mapped = ::mmap(nullptr, static_cast<size_t>(most), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return 1;
  char* const memory = static_cast<char*>(mapped);
  int64_t held = 0;
  bool done = false;  // the kernel has killed
  while (!line_is_cut()) {
    for (int i = kFirstVictim; i < argc; ++i) done = done || ::kill(std::atoi(argv[i]), 0) != 0;
    const int64_t left = group.limit_bytes() - group.held_bytes();
    int64_t wanted = done ? 0 : leave < 0 ? held + kStep : held + left - leave;
    wanted = std::clamp<int64_t>(wanted, 0, std::min(most, held + kStep));
    if (wanted > held) std::memset(memory + held, 1, static_cast<size_t>(wanted - held));
    if (wanted < held) ::madvise(memory + wanted, static_cast<size_t>(held - wanted), MADV_DONTNEED);
    const bool quiet = wanted == held;
    held = wanted;
    if (quiet || wanted < kStep) ::usleep(4 * kRoundUs);
  }
  return 0;
}

}  // namespace riven::agent
