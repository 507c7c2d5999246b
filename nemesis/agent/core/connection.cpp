#include "nemesis/agent/core/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <sstream>

#include "harness/agent_protocol/agent_message.h"
#include "harness/core/clock.h"
#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

constexpr int64_t kWritePatienceNs = 2 * kNanosPerSecond;

/// False: the controller does not read, or is gone.
bool write_all(int fd, std::string_view bytes) {
  const int64_t until = monotonic_now_ns() + kWritePatienceNs;
  while (!bytes.empty()) {
    const ssize_t put = write(fd, bytes.data(), bytes.size());
    if (put > 0) {
      bytes.remove_prefix(static_cast<size_t>(put));
    } else if (put < 0 && errno == EAGAIN) {
      pollfd waiting{fd, POLLOUT, 0};
      if (monotonic_now_ns() > until || poll(&waiting, 1, 100) < 0) return false;
    } else if (put < 0 && errno != EINTR) {
      return false;
    }
  }
  return true;
}

/// Answers every whole request in the reader. False: the stream is of no use any more.
bool answer_all(Server& server, FrameReader& reader, int out) {
  while (auto payload = reader.next()) {
    AgentReply reply;
    if (!*payload) {
      reply.error = payload->error().message;
    } else if (Result<AgentRequest> request = parse_request(**payload); !request) {
      reply.error = request.error().message;
    } else {
      reply = server.handle(*request);
    }
    std::string text = encode(reply);
    if (text.size() > kAgentMaxPayloadBytes) {
      AgentReply too_long;
      too_long.seq = reply.seq;
      too_long.error = "the answer is longer than a message may be";
      text = encode(too_long);
    }
    if (!write_all(out, encode_frame(text))) return false;
  }
  return true;
}

void wait_readable(int fd, int64_t until_ns) {
  const int64_t left_ns = std::clamp<int64_t>(until_ns - monotonic_now_ns(), 0, kNanosPerSecond);
  const timespec left{left_ns / kNanosPerSecond, left_ns % kNanosPerSecond};
  sigset_t unblocked;
  sigemptyset(&unblocked);
  pollfd waiting{fd, POLLIN, 0};
  ppoll(&waiting, 1, &left, &unblocked);
}

}  // namespace

bool serve(Server& server, int in, int out, const volatile int* stop, int last_effort_ms) {
  fcntl(in, F_SETFL, fcntl(in, F_GETFL) | O_NONBLOCK);
  fcntl(out, F_SETFL, fcntl(out, F_GETFL) | O_NONBLOCK);
  FrameReader reader;
  std::string chunk(65536, '\0');
  while (*stop == 0 && !server.finished()) {
    wait_readable(in, server.next_tick_ns());
    const ssize_t got = read(in, chunk.data(), chunk.size());
    server.tick();
    if (got == 0) break;
    if (got < 0 && errno != EAGAIN && errno != EINTR) break;
    if (got < 0) continue;
    reader.feed(std::string_view(chunk).substr(0, static_cast<size_t>(got)));
    if (!answer_all(server, reader, out)) break;
  }
  const int64_t until = monotonic_now_ns() + last_effort_ms * kNanosPerMilli;
  while (!server.heal_everything("the connection ended")) {
    if (monotonic_now_ns() > until) return false;
    usleep(200'000);
  }
  return true;
}

void find_control_connection(Context& context) {
  constexpr std::string_view kName = "SSH_CONNECTION=";
  pid_t pid = getpid();
  for (int generation = 0; generation < 16 && pid > 1; ++generation) {
    std::istringstream environment(read_proc_file("/proc/" + std::to_string(pid) + "/environ"));
    std::string variable;
    while (std::getline(environment, variable, '\0')) {
      if (variable.rfind(kName, 0) != 0) continue;
      std::istringstream fields(variable.substr(kName.size()));
      std::string peer, peer_port, here;
      uint16_t port = 0;
      if (!(fields >> peer >> peer_port >> here >> port)) return;
      if (peer.rfind("::ffff:", 0) == 0 && peer.find('.') != std::string::npos) peer.erase(0, 7);
      peer.erase(std::min(peer.find('%'), peer.size()));
      context.control_addresses.push_back(peer);
      context.control_port = port;
      return;
    }
    const std::string text = read_proc_file("/proc/" + std::to_string(pid) + "/stat");
    const size_t name_end = text.rfind(')');
    if (name_end == std::string::npos) return;
    std::istringstream fields(text.substr(name_end + 1));
    char state = 0;
    pid = 0;
    fields >> state >> pid;
  }
}

void harden_process() {
  const sched_param priority{.sched_priority = 10};
  if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority) != 0) {
    setpriority(PRIO_PROCESS, 0, -20);
  }
  std::ofstream("/proc/self/oom_score_adj") << "-1000";
}

}  // namespace riven::agent
