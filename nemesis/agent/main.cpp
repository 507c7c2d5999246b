// riven-agent: applies faults on a node for a controller at the other end of stdin and stdout.
#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "harness/agent_protocol/agent_message.h"
#include "nemesis/agent/clock/clock_fault.h"
#include "nemesis/agent/core/connection.h"
#include "nemesis/agent/core/host_agent.h"
#include "nemesis/agent/core/owner_lock.h"
#include "nemesis/agent/core/server.h"
#include "nemesis/agent/process/memory_fault.h"

namespace {

using namespace riven;
using namespace riven::agent;

constexpr int kUsage = 64;
constexpr int kFailed = 1;
constexpr int kPatienceMs = 3000;
constexpr int kLastEffortMs = 60'000;

volatile int stop_requested = 0;
void request_stop(int) { stop_requested = 1; }

struct Arguments {
  std::string command;
  ServerOptions server;
  std::optional<Container> container;
};

int usage() {
  std::fputs(
      "usage: riven-agent serve --owner NAME [--lease-ms N] [--state DIR] [--control ADDRESS]...\n"
      "                         [--may reboot|set-clock]... [--controller-boot-id ID]\n"
      "                         [--container CONTAINER-ID:PID] [--control-port PORT]\n"
      "       riven-agent heal [--state DIR]    undo what any owner's ledger holds\n"
      "       riven-agent version\n",
      stderr);
  return kUsage;
}

/// Whether all of `text` is a number between `least` and `most`, then in `number`.
bool read_number(const std::string& text, int64_t least, int64_t most, int64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number >= least && number <= most;
}

bool parse(int argc, char** argv, Arguments& arguments) {
  if (argc < 2) return false;
  arguments.command = argv[1];
  arguments.server.context.state_directory = "/var/lib/riven";
  arguments.server.context.has_skewed_clock = has_skewed_clock;
  for (int i = 2; i < argc; i += 2) {
    if (i + 1 == argc) return false;
    const std::string option = argv[i];
    const std::string value = argv[i + 1];
    if (option == "--owner" && is_agent_name(value)) {
      arguments.server.context.owner = value;
    } else if (option == "--state" && value.rfind('/', 0) == 0 && value.size() > 1) {
      arguments.server.context.state_directory = value;
    } else if (option == "--control") {
      std::array<char, 16> binary;
      if (inet_pton(AF_INET, value.c_str(), binary.data()) != 1 &&
          inet_pton(AF_INET6, value.c_str(), binary.data()) != 1) {
        return false;
      }
      arguments.server.context.control_addresses.push_back(value);
    } else if (option == "--may" && (value == "reboot" || value == "set-clock")) {
      (value == "reboot" ? arguments.server.context.may_reboot : arguments.server.context.may_set_clock) =
          true;
    } else if (option == "--controller-boot-id") {
      arguments.server.context.controller_boot_id = value;
    } else if (option == "--lease-ms") {
      int64_t lease_ms = 0;
      if (!read_number(value, 100, 3'600'000, lease_ms)) return false;
      arguments.server.lease_ns = lease_ms * kNanosPerMilli;
    } else if (option == "--control-port") {
      int64_t port = 0;
      if (!read_number(value, 1, UINT16_MAX, port)) return false;
      arguments.server.context.control_port = static_cast<uint16_t>(port);
    } else if (option == "--container") {
      arguments.container = container_from(value);
      if (!arguments.container) return false;
    } else {
      return false;
    }
  }
  return true;
}

/// The connection's program stays behind and waits; the agent itself becomes a session of its own, so that
/// the connection's end (hang-up, killed process group) cannot end it before it has healed. An error: there
/// is only this process, and it is in its old session (and PID namespace).
Status leave_session() {
  std::signal(SIGHUP, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  const pid_t child = fork();
  if (child < 0) return Error{std::string("no process for the agent: ") + std::strerror(errno)};
  if (child == 0) {
    setsid();
    return ok_status();
  }
  const int nothing = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; ++fd) dup2(nothing, fd);
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/// SIGTERM and SIGINT arrive only while the agent waits for requests.
void catch_stop_signals() {
  struct sigaction action {};
  action.sa_handler = request_stop;
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGINT);
  sigprocmask(SIG_BLOCK, &blocked, nullptr);
}

int fail(const Error& error) {
  std::fprintf(stderr, "riven-agent: %s\n", error.message.c_str());
  return kFailed;
}

int serve_command(ServerOptions options, const std::optional<Container>& container) {
  if (options.context.owner.empty()) return usage();
  if (!container) {
    find_control_connection(options.context);
  } else if (Status entered = enter_container(*container, options.context); !entered) {
    return fail(entered.error());
  }
  if (Status left = leave_session(); !left) return fail(left.error());
  if (Status inside = container ? check_inside() : ok_status(); !inside) return fail(inside.error());
  catch_stop_signals();
  Result<OwnerLock> lock =
      OwnerLock::take_over(options.context.state_directory, options.context.owner, kPatienceMs);
  if (!lock) return fail(lock.error());
  Result<Ledger> ledger = Ledger::open(options.context.state_directory, options.context.owner);
  if (!ledger) return fail(ledger.error());
  harden_process();
  const MonotonicClock clock;
  Server server(std::move(options), fault_kinds(), std::move(*ledger), clock);
  server.repair();
  if (!serve(server, STDIN_FILENO, STDOUT_FILENO, &stop_requested, kLastEffortMs)) {
    return fail(Error{"something could not be undone; it stays in the ledger"});
  }
  server.forget();
  lock->forget();
  return 0;
}

int heal_command(const Context& base) {
  int code = 0;
  for (const std::string& owner : ledger_owners(base.state_directory)) {
    Context context = base;
    context.owner = owner;
    const Result<Json> healed = heal_owner(context, fault_kinds(), kPatienceMs);
    if (!healed) {
      code = fail(Error{owner + ": " + healed.error().message});
    } else {
      for (const Json& entry : *healed) std::printf("%s\n", entry.dump().c_str());
    }
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "hog") return hog_command(argc, argv);  // the agent starts it
  Arguments arguments;
  if (!parse(argc, argv, arguments)) return usage();
  if (arguments.command == "serve") return serve_command(std::move(arguments.server), arguments.container);
  if (arguments.command == "heal") return heal_command(arguments.server.context);
  if (arguments.command == "version") return std::printf("%d\n", kAgentProtocolVersion) < 0 ? kFailed : 0;
  return usage();
}
