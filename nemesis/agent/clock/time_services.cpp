#include "nemesis/agent/clock/time_services.h"

#include <dirent.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "harness/core/clock.h"
#include "harness/core/join.h"
#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

constexpr int64_t kPatienceNs = 20 * kNanosPerSecond;
constexpr useconds_t kLookUs = 5'000;

/// The exit status of a program on the PATH; -1: it could not be started, or did not end in time.
int run_program(std::vector<std::string> argv) {
  std::vector<char*> words;
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (int fd = 0; fd < 3; ++fd) posix_spawn_file_actions_addopen(&files, fd, "/dev/null", 02, 0);
  pid_t child = -1;
  const bool started = ::posix_spawnp(&child, words[0], &files, &attributes, words.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (!started) return -1;
  int status = 0;
  for (const int64_t until_ns = monotonic_now_ns() + kPatienceNs; ::waitpid(child, &status, WNOHANG) == 0;) {
    if (monotonic_now_ns() > until_ns) {
      ::kill(child, SIGKILL);
      (void)::waitpid(child, &status, 0);
      return -1;
    }
    ::usleep(kLookUs);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

bool runs(const std::vector<std::string>& programs, std::string& which) {
  DIR* const dir = ::opendir("/proc");
  if (dir == nullptr) return false;
  while (const dirent* const entry = ::readdir(dir)) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    std::string name = read_proc_file(std::string("/proc/") + entry->d_name + "/comm");
    if (!name.empty() && name.back() == '\n') name.pop_back();
    if (std::find(programs.begin(), programs.end(), name) == programs.end()) continue;
    which = name;
    break;
  }
  ::closedir(dir);
  return !which.empty();
}

Status each(const char* verb, const std::vector<std::string>& units) {
  std::vector<std::string> failed;
  for (const std::string& unit : units) {
    if (run_program({"systemctl", verb, unit}) != 0) failed.push_back(unit);
  }
  if (failed.empty()) return ok_status();
  return Error{std::string("systemctl could not ") + verb + " " + joined(failed)};
}

}  // namespace

Result<std::vector<std::string>> active_time_services() {
  std::vector<std::string> active;
  struct stat there {};
  if (::stat("/run/systemd/system", &there) == 0) {
    for (const char* const unit :
         {"systemd-timesyncd", "chrony", "chronyd", "ntp", "ntpd", "ntpsec", "openntpd"}) {
      if (run_program({"systemctl", "is-active", "--quiet", unit}) == 0) active.emplace_back(unit);
    }
  }
  std::string which;
  // The kernel keeps 15 characters of a name.
  if (active.empty() && runs({"systemd-timesyn", "chronyd", "ntpd"}, which)) {
    return Error{which + " keeps this machine's clock right, and systemd does not know it: stop it first"};
  }
  return active;
}

Status stop_services(const std::vector<std::string>& units) { return each("stop", units); }
Status start_services(const std::vector<std::string>& units) { return each("start", units); }

}  // namespace riven::agent
