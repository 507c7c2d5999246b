// How an agent gets onto a node and is started.
#include <cstdio>
#include <fstream>
#include <iterator>

#include "harness/control/agent_client.h"
#include "harness/control/byte_stream.h"
#include "harness/control/local_stream.h"
#include "harness/core/boot_id.h"
#include "harness/core/rng.h"

namespace riven {
namespace {

constexpr Milliseconds kStartDeadline{20'000};
constexpr Milliseconds kUploadDeadline{120'000};

/// Names a build of the agent: 64 bits over its bytes. It tells versions apart, it proves nothing.
std::string content_name(const std::string& bytes) {
  uint64_t hash = bytes.size();
  for (size_t i = 0; i < bytes.size(); ++i) {
    hash = (hash ^ static_cast<uint8_t>(bytes[i])) * 0x100000001b3ULL;  // FNV-1a's step
  }
  char text[20];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(mix64(hash)));
  return text;
}

Status install(Session& session, const std::string& local_path, const std::string& remote_path, size_t size) {
  const auto text = [](const SessionError& error) { return Error{error.message}; };
  Command look{{"stat", "-c", "%s", remote_path}, {}, kStartDeadline, true, {}, {}};
  auto there = session.run(look);
  if (!there) return text(there.error());
  if (there->succeeded() && there->out == std::to_string(size) + "\n") return ok_status();
  // The login user may not be root: up to a place it can write, then moved, so that a torn upload is never
  // run.
  const std::string folder = remote_path.substr(0, remote_path.rfind('/'));
  const std::string passing = "/tmp/" + remote_path.substr(folder.size() + 1) + ".upload";
  auto up = session.upload(local_path, passing, 0755, kUploadDeadline);
  if (!up) return text(up.error());
  const std::string script = "mkdir -p \"$1\" && mv -f \"$2\" \"$3\" && chmod 755 \"$3\" && sync";
  Command move{{"sh", "-c", script, "sh", folder, passing, remote_path}, {}, kStartDeadline, true, {}, {}};
  auto moved = session.run(move);
  if (!moved) return text(moved.error());
  if (!moved->succeeded()) return Error{"cannot install the agent at " + remote_path + ": " + moved->err};
  return ok_status();
}

}  // namespace

std::vector<std::string> agent_arguments(const AgentOptions& options) {
  std::vector<std::string> arguments = {"serve",
                                        "--owner",
                                        options.owner,
                                        "--state",
                                        options.state_directory,
                                        "--lease-ms",
                                        std::to_string(options.lease.count())};
  for (const std::string& address : options.controller_addresses) {
    arguments.insert(arguments.end(), {"--control", address});
  }
  if (options.control_port != 0)
    arguments.insert(arguments.end(), {"--control-port", std::to_string(options.control_port)});
  if (options.may_reboot) arguments.insert(arguments.end(), {"--may", "reboot"});
  if (options.may_set_clock) arguments.insert(arguments.end(), {"--may", "set-clock"});
  if (options.may_reboot || options.may_set_clock)
    arguments.insert(arguments.end(), {"--controller-boot-id", boot_id()});
  return arguments;
}

AgentLauncher ssh_agent_launcher(Session& session, ProgramStarter start, std::string local_agent_path,
                                 const AgentOptions& options) {
  return [&session, start = std::move(start), path = std::move(local_agent_path),
          options]() -> Result<std::unique_ptr<ByteStream>> {
    std::ifstream file(path, std::ios::binary);
    const std::string bytes((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (bytes.empty()) return Error{"cannot read the agent's program at " + path};
    const std::string remote = options.state_directory + "/bin/riven-agent-" + content_name(bytes);
    if (Status there = install(session, path, remote, bytes.size()); !there) return there.error();
    std::vector<std::string> argv = {remote};
    for (std::string& argument : agent_arguments(options)) argv.push_back(std::move(argument));
    auto stream = start(argv);
    if (!stream) return Error{"cannot start the agent: " + stream.error().message};
    return std::move(*stream);
  };
}

AgentLauncher local_agent_launcher(std::vector<std::string> argv, const AgentOptions& options) {
  for (std::string& argument : agent_arguments(options)) argv.push_back(std::move(argument));
  return [argv = std::move(argv)] { return start_local(argv); };
}

}  // namespace riven
