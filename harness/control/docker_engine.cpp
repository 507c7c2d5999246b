#include "harness/control/docker_engine.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <random>
#include <sstream>

#include "harness/control/docker_cluster.h"
#include "harness/control/docker_output.h"
#include "harness/control/local_command.h"

namespace riven {
namespace {

constexpr int kSubnetTries = 32;

Milliseconds left(Deadline deadline) { return Milliseconds(milliseconds_until(deadline)); }

Result<std::vector<Ipv4Range>> used_ranges(Deadline deadline) {
  auto ids = run_docker({"network", "ls", "--quiet"}, left(deadline));
  if (!ids) return ids.error();
  std::vector<std::string> words{"docker", "network", "inspect"};
  const auto networks = words_of(*ids);
  words.insert(words.end(), networks.begin(), networks.end());
  // A network that went away since then makes inspect fail, but it prints the others.
  auto inspected = run_local(words, "", left(deadline));
  if (!inspected) return inspected.error();
  auto used = subnets_of_networks(inspected->out);
  if (!used) return used.error();
  if (auto routes = run_local({"ip", "-4", "route", "show"}, "", kDockerQueryDeadline); routes) {
    for (const Ipv4Range& range : ranges_of_routes(routes->out)) used->push_back(range);
  }
  return used;
}

Result<std::string> create_network(const std::string& name, const std::string& label,
                                   const std::string& subnet, const std::string& subnet6, Deadline deadline) {
  std::vector<std::string> words{"network", "create", "--internal", "--label", label, "--subnet", subnet};
  if (!subnet6.empty()) words.insert(words.end(), {"--ipv6", "--subnet", subnet6});
  words.push_back(name);
  return run_docker(words, left(deadline));
}

std::string proc_file(int64_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/" + name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Result<std::string> run_docker(std::vector<std::string> words, Milliseconds deadline,
                               const std::string& input) {
  words.insert(words.begin(), "docker");
  auto result = run_local(words, input, deadline);
  if (!result) return result.error();
  if (result->succeeded()) return std::move(result->out);
  std::string why = first_line(result->err);
  if (const auto at = why.find("Error response from daemon: "); at != std::string::npos)
    why.erase(0, at + 28);
  return Error{"docker " + words[1] + " failed: " + (why.empty() ? "no reason given" : why)};
}

bool docker_engine_is_local() {
  const char* host = std::getenv("DOCKER_HOST");
  if (host != nullptr && *host != '\0') return std::string_view(host).substr(0, 7) == "unix://";
  auto endpoint =
      run_docker({"context", "inspect", "--format", "{{.Endpoints.docker.Host}}"}, kDockerQueryDeadline);
  return endpoint && endpoint->substr(0, 7) == "unix://";
}

Status can_run_on_host() {
  if (::geteuid() != 0)
    return Error{
        "--agent host enters the containers' namespaces, which takes root: run riven as root, or use --agent "
        "node"};
  if (!docker_engine_is_local())
    return Error{
        "--agent host needs a Docker Engine on this machine, and this one is remote (or behind TCP): use "
        "--agent node"};
  return ok_status();
}

Result<ContainerInit> find_container_init(const std::string& container) {
  auto said = run_docker({"inspect", "--type", "container", "--format", "{{.Id}} {{.State.Pid}}", container},
                         kDockerQueryDeadline);
  if (!said) return said.error();
  Result<ContainerInit> init = parse_container_init(*said);
  if (!init) return init;
  if (init->pid == 0) return Error{"container " + container + " does not run"};
  if (proc_file(init->pid, "cgroup").find(init->id) != std::string::npos) return init;
  if (Status can = can_run_on_host(); !can) return can.error();
  return Error{
      "container " + container +
      " has no process on this machine (its engine is elsewhere, or in a virtual machine): say --agent "
      "node"};
}

Status remove_ipv6_routes_out(int64_t pid) {
  struct stat here {
  }, there{};
  if (::stat("/proc/self/ns/net", &here) != 0 ||
      ::stat(("/proc/" + std::to_string(pid) + "/ns/net").c_str(), &there) != 0)
    return Error{"its network namespace cannot be seen"};
  if (here.st_dev == there.st_dev && here.st_ino == there.st_ino)
    return Error{"it shares this machine's network"};
  constexpr int kMost = 8;
  const std::string entry = "--net=/proc/" + std::to_string(pid) + "/ns/net";
  std::string why;
  for (int i = 0; i < kMost && has_ipv6_default_route(proc_file(pid, "net/ipv6_route")); ++i) {
    auto removed =
        run_local({"nsenter", entry, "ip", "-6", "route", "del", "default"}, "", kDockerQueryDeadline);
    if (!removed) return removed.error();
    why = first_line(removed->err);
  }
  if (!has_ipv6_default_route(proc_file(pid, "net/ipv6_route"))) return ok_status();
  return Error{"it keeps an IPv6 route out: " + why};
}

Status docker_engine_answers() {
  auto version =
      run_local({"docker", "version", "--format", "{{.Server.Version}}"}, "", kDockerQueryDeadline);
  if (!version) {
    const bool hangs = version.error().message.find("did not end") != std::string::npos;
    return Error{version.error().message +
                 (hangs ? ": the Docker Engine hangs, or this machine has too much to do"
                        : ": Riven needs the docker command and a Docker Engine; `docker/start-engine` "
                          "installs and starts them")};
  }
  if (version->succeeded()) return ok_status();
  if (version->err.find("permission denied") != std::string::npos) {
    return Error{"the Docker Engine does not let this user in: run as root, or join the group docker"};
  }
  return Error{"no Docker Engine answers: `docker/start-engine` starts one (docker says: " +
               first_line(version->err) + ")"};
}

Result<DockerNetwork> make_docker_network(const std::string& name, const std::string& label,
                                          Deadline deadline) {
  std::random_device chance;
  // Two that start at once begin at different places; whoever is second in a race is told so and goes on.
  uint32_t start = chance() % 512;
  char subnet6[48];
  // A unique local prefix as RFC 4193 wants it: 40 random bits.
  std::snprintf(subnet6, sizeof subnet6, "fd%02x:%04x:%04x::/64", chance() & 0xff, chance() & 0xffff,
                chance() & 0xffff);
  DockerNetwork network;
  network.subnet6 = subnet6;
  for (int tries = 0; tries < kSubnetTries; ++tries) {
    auto used = used_ranges(deadline);
    if (!used) return used.error();
    const auto base = choose_subnet(*used, start);
    if (!base)
      return Error{"all 512 subnets of 198.18.0.0/15 are taken: remove clusters (`riven cluster list`)"};
    network.base = *base;
    auto made = create_network(name, label, ipv4_text(*base) + "/24", network.subnet6, deadline);
    if (made) return network;
    if (is_subnet_overlap(made.error().message)) {
      start = (*base >> 8) % 512 + 1;
    } else if (!network.subnet6.empty()) {
      network.ipv6_note = "this engine makes no internal IPv6 network (" + made.error().message + ")";
      network.subnet6.clear();
    } else {
      return made.error();
    }
  }
  return Error{"no subnet could be had: others took them at the same time"};
}

}  // namespace riven
