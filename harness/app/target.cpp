#include "harness/app/target.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "harness/control/inventory.h"
#include "harness/core/at_once.h"

namespace riven {

void declare_target(CLI::App& app, TargetOptions& options) {
  auto* const cluster = app.add_option("--cluster", options.cluster, "a cluster made by `riven cluster up`")
                            ->capture_default_str();
  app.add_option("--nodes-file", options.nodes_file,
                 "hosts.toml: your own machines (address, port, user, key, sudo)")
      ->excludes(cluster);
}

CLI::Option* declare_agent(CLI::App& app, std::string& place) {
  return app
      .add_option(
          "--agent", place,
          "where the agents that inject the faults run: node (in the containers, over SSH) or host (on "
          "this machine, as root: the containers need no capability)")
      ->transform([](const std::string& word) {
        const auto known = agent_place_from(word);  // also by the name it had in older versions
        return known ? std::string(name_of(*known)) : word;
      })
      ->check(CLI::IsMember({name_of(AgentPlace::node), name_of(AgentPlace::host)}))
      ->capture_default_str();
}

void declare_image(CLI::App& app, std::string& suite, std::string& image) {
  app.add_option("--debian-suite", suite, "Debian release to take the database from (selects its version)")
      ->capture_default_str();
  app.add_option("--suite", suite)->group("");  // its name in older versions
  app.add_option("--image", image, "another image than riven-node-DB:SUITE");
}

Result<std::string> ask_secret(const std::string& prompt) {
  const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0)
    return Error{
        "a secret is needed (" + prompt +
        ") and there is no terminal to ask on; put it into an environment variable named in the inventory"};
  termios before{};
  ::tcgetattr(terminal, &before);
  termios silent = before;
  silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  ::tcsetattr(terminal, TCSAFLUSH, &silent);
  const std::string text = prompt + ": ";
  std::string secret;
  bool ok = ::write(terminal, text.data(), text.size()) > 0;
  for (char c = 0; ok && ::read(terminal, &c, 1) == 1 && c != '\n';) secret += c;
  ::tcsetattr(terminal, TCSAFLUSH, &before);
  ok = ok && ::write(terminal, "\n", 1) == 1;
  ::close(terminal);
  if (!ok) return Error{"cannot ask for " + prompt + " on the terminal"};
  return secret;
}

Result<ClusterSpec> load_target(const TargetOptions& options) {
  if (!options.nodes_file.empty()) return read_inventory(options.nodes_file, ask_secret);
  return DockerClusters::load(options.cluster);
}

Result<std::string> agent_path() {
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const auto sibling = self.parent_path() / "riven-agent";
  if (!error && std::filesystem::exists(sibling, error)) return sibling.string();
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto installed = std::filesystem::path(folder) / "riven-agent";
    if (!folder.empty() && std::filesystem::exists(installed, error)) return installed.string();
  }
  return Error{"there is no riven-agent next to " + self.string() +
               " or on the PATH: build it (cmake --build --preset release), or install Riven's programs"};
}

Result<std::vector<std::unique_ptr<AgentClient>>> start_agents(const Cluster& cluster,
                                                               const std::string& owner, Milliseconds lease) {
  auto path = agent_path();
  if (!path) return path.error();
  const std::vector<Node>& nodes = cluster.nodes();
  std::vector<std::unique_ptr<AgentClient>> agents(nodes.size());
  const Status started = try_at_once(nodes.size(), [&](size_t i) -> Status {
    AgentOptions options;
    options.owner = owner;
    options.lease = lease;
    options.controller_addresses = cluster.controller_addresses();
    auto agent = AgentClient::start(cluster_agent_launcher(cluster, i, *path, options), options);
    if (!agent) return Error{nodes[i].name + ": " + agent.error().message};
    agents[i] = std::move(*agent);
    return ok_status();
  });
  if (!started) return started.error();
  return agents;
}

}  // namespace riven
