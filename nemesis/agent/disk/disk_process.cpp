#include "nemesis/agent/disk/disk_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/disk/disk_damage.h"
#include "nemesis/agent/disk/disk_layer.h"

namespace riven::agent {
namespace {

constexpr size_t kMostBytes = size_t{256} << 10;
constexpr int kPatienceMs = 20'000;

Result<LossKind> loss_kind(const std::string& word) {
  if (word == "all") return LossKind::all;
  if (word == "torn") return LossKind::torn;
  if (word == "reordered") return LossKind::reordered;
  if (word == "files") return LossKind::files;
  return Error{"what a power cut takes is all, torn, reordered or files, not '" + word + "'"};
}

Result<Json> crash(DiskLayer& layer, const Json& request) {
  Result<LossKind> kind = loss_kind(text_of(request, "loss", "all"));
  if (!kind) return kind.error();
  // What the dead had asked for came before the power failed.
  for (uint64_t before = 0; before != layer.traffic().requests;) {
    before = layer.traffic().requests;
    if (!layer.serve()) break;
  }
  Rng rng(static_cast<uint64_t>(integer_of(request, "seed")));
  Json done = to_json(layer.store().crash(*kind, rng));
  if (!request.contains("damage")) return done;
  Result<Json> damaged = damage_files(layer.root(), request["damage"], rng);
  if (!damaged) return damaged;
  done.update(*damaged);
  return done;
}

Result<Json> carry_out(DiskLayer& layer, const Json& request) {
  const std::string what = text_of(request, "do"), id = text_of(request, "id");
  if (what == "rules") {
    Result<std::vector<DiskRule>> rules = disk_rules_from(request);
    if (!rules) return rules.error();
    layer.rules().set(id, std::move(*rules));
    return Json::object();
  }
  if (what == "clear") return layer.rules().clear(id);
  if (what == "counts") return layer.rules().counts(id);
  if (what == "crash") return crash(layer, request);
  if (what != "traffic") return Error{"the disk layer does not know '" + what + "'"};
  const DiskTraffic& traffic = layer.traffic();
  return Json{{"requests", traffic.requests},
              {"reads", traffic.reads},
              {"writes", traffic.writes},
              {"syncs", traffic.syncs},
              {"written_bytes", traffic.written_bytes},
              {"pending_bytes", layer.store().pending().pending_bytes()},
              {"pending_names", layer.store().pending().pending_names()}};
}

/// Answers what the agent asks. False: the agent is gone.
bool obey(DiskLayer& layer, int control) {
  std::vector<char> buffer(kMostBytes);
  const ssize_t got = ::recv(control, buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) return false;
  const Json request = Json::parse({buffer.data(), static_cast<size_t>(got)}).value_or(Json());
  Result<Json> done = request.is_object() ? carry_out(layer, request) : Result<Json>(Error{"no request"});
  const Json reply = done ? Json{{"ok", true}, {"is", *done}} : Json{{"error", done.error().message}};
  const std::string text = reply.dump();
  return ::send(control, text.data(), text.size(), MSG_NOSIGNAL) >= 0;
}

void run(DiskLayer& layer, int control) {
  while (true) {
    const int64_t due_ns = layer.next_due_ns();
    int wait_ms = -1;
    if (due_ns != INT64_MAX)
      wait_ms = static_cast<int>(
          std::max<int64_t>(0, (due_ns - monotonic_now_ns() + kNanosPerMilli - 1) / kNanosPerMilli));
    pollfd waiting[] = {{layer.fd(), POLLIN, 0}, {control, POLLIN, 0}};
    ::poll(waiting, control < 0 ? 1 : 2, wait_ms);
    if (control >= 0 && waiting[1].revents != 0 && !obey(layer, control)) {
      layer.rules().clear_all();
      ::close(std::exchange(control, -1));
    }
    if (!layer.serve()) return;
  }
}

/// The layer's process: of the agent's descriptors it keeps only its own three.
[[noreturn]] void live(int fuse, int root, int control, PendingChanges::Names names) {
  ::setsid();
  ::prctl(PR_SET_NAME, "riven-disk");
  for (const int signal : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) std::signal(signal, SIG_IGN);
  ::umask(0);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  constexpr int kFirst = 3;
  int own[] = {fuse, root, control};
  for (int& fd : own) fd = ::fcntl(fd, F_DUPFD_CLOEXEC, 64);
  const int nothing = ::open("/dev/null", O_RDWR);
  for (int fd = 0; fd < kFirst; ++fd) ::dup2(nothing, fd);
  for (int i = 0; i < 3; ++i) ::dup2(own[i], kFirst + i);
  ::close_range(kFirst + 3, ~0U, 0);
  {
    DiskLayer layer(FuseChannel(kFirst), kFirst + 1, names);
    run(layer, kFirst + 2);
  }
  ::_exit(0);
}

/// Forks twice, so that the layer is nobody's child and leaves no zombie.
bool start_apart(int fuse, int root, int control, PendingChanges::Names names) {
  const pid_t child = ::fork();
  if (child < 0) return false;
  if (child == 0) {
    const pid_t grandchild = ::fork();
    if (grandchild == 0) live(fuse, root, control, names);
    ::_exit(grandchild < 0 ? 1 : 0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

Result<DiskProcess> DiskProcess::start(const std::string& directory, const std::string& source,
                                       PendingChanges::Names names, const std::string& device) {
  const int root = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return Error{"cannot open " + directory + ": " + std::strerror(errno)};
  int line[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, line) != 0) {
    ::close(root);
    return Error{std::string("no socket for the disk layer: ") + std::strerror(errno)};
  }
  DiskProcess process(line[0]);
  Result<FuseChannel> channel = FuseChannel::mount(device, directory, source);
  const bool started = channel && start_apart(channel->fd(), root, line[1], names);
  ::close(root);
  ::close(line[1]);
  if (!channel) return channel.error();
  if (!started) {
    (void)detach_mount(directory);
    return Error{std::string("the disk layer's process does not start: ") + std::strerror(errno)};
  }
  if (Result<Json> lives = process.ask({{"do", "traffic"}}); !lives) return lives.error();
  return process;
}

DiskProcess::DiskProcess(DiskProcess&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

DiskProcess::~DiskProcess() {
  if (fd_ >= 0) ::close(fd_);
}

bool DiskProcess::lives() const {
  pollfd line{fd_, POLLIN, 0};
  return ::poll(&line, 1, 0) >= 0 && (line.revents & (POLLHUP | POLLERR)) == 0;
}

Result<Json> DiskProcess::ask(const Json& request) {
  const std::string text = request.dump();
  if (::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) < 0)
    return Error{"the disk layer's process is gone: the data directory must be mounted anew"};
  pollfd waiting{fd_, POLLIN, 0};
  int ready = 0;
  while ((ready = ::poll(&waiting, 1, kPatienceMs)) < 0 && errno == EINTR) {
  }
  if (ready == 0) return Error{"the disk layer does not answer"};
  std::vector<char> buffer(kMostBytes);
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (got <= 0) return Error{"the disk layer's process ended"};
  Json reply = Json::parse({buffer.data(), static_cast<size_t>(got)}).value_or(Json());
  if (!flag_of(reply, "ok")) return Error{text_of(reply, "error", "the disk layer answers nonsense")};
  return std::move(reply["is"]);
}

}  // namespace riven::agent
