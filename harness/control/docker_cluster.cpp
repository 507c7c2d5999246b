#include "harness/control/docker_cluster.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <thread>

#include "harness/control/cluster_state.h"
#include "harness/control/docker_engine.h"
#include "harness/control/docker_output.h"
#include "harness/control/local_command.h"
#include "harness/control/process_mark.h"
#include "harness/control/tcp_connect.h"
#include "harness/core/at_once.h"

namespace riven {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint32_t kFirstHost = 11;  // n1 is .11, as n1 of every cluster
constexpr char kLoginKey[] = "id_ed25519";
constexpr char kProcessFile[] = "process";  // the mark of the process that the cluster ends with

Milliseconds left(Deadline deadline) { return Milliseconds(milliseconds_until(deadline)); }

// Does `work` for 0..count-1 at once; the first error by number.
Status for_all(size_t count, const std::function<Status(size_t)>& work) {
  std::vector<Status> results(count, ok_status());
  at_once(count, [&](size_t i) { results[i] = work(i); });
  for (auto& result : results) {
    if (!result) return result;
  }
  return ok_status();
}

bool is_cluster_name(const std::string& name) {
  return !name.empty() && name.size() <= 32 && name.front() != '-' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return std::islower(c) != 0 || std::isdigit(c) != 0 || c == '-';
         });
}

Status check_name(const std::string& name) {
  if (is_cluster_name(name)) return ok_status();
  return Error{"'" + name + "' is no name for a cluster: small letters, digits and '-', at most 32"};
}

std::string label(const std::string& cluster) { return "riven.cluster=" + cluster; }
std::string resource_name(const std::string& cluster) { return "riven-" + cluster; }

// An SSH server at least greets.
bool ssh_greets(const std::string& address, Deadline deadline) {
  auto descriptor = tcp_connect(address, 22, deadline);
  if (!descriptor) return false;
  char greeting[4] = {};
  pollfd waiting{*descriptor, POLLIN, 0};
  const bool greets = poll(&waiting, 1, milliseconds_until(deadline)) > 0 &&
                      recv(*descriptor, greeting, sizeof greeting, 0) == sizeof greeting &&
                      std::string_view(greeting, sizeof greeting) == "SSH-";
  close(*descriptor);
  return greets;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream content;
  content << file.rdbuf();
  if (!file || content.str().empty()) return Error{"cannot read " + path};
  return content.str();
}

ClusterSpec spec_of(const ClusterRecord& record) {
  ClusterSpec spec;
  spec.name = record.name;
  spec.kind = ClusterSpec::Kind::docker;
  spec.database = record.database;
  spec.agents = record.agents;
  for (const auto& member : record.nodes) {
    NodeSpec node;
    node.name = member.name;
    node.address = member.address;
    node.addresses.push_back(member.address);
    if (!member.address6.empty()) node.addresses.push_back(member.address6);
    node.container = member.container;
    node.ssh.name = member.name;
    node.ssh.host = member.address;
    node.ssh.key_file = cluster_directory(record.name) + "/" + kLoginKey;
    node.ssh.known_hosts_file = cluster_directory(record.name) + "/known_hosts";
    spec.nodes.push_back(std::move(node));
  }
  return spec;
}

// Makes one cluster, step by step. What an interrupted one leaves is found by its label.
class Construction {
 public:
  explicit Construction(const DockerClusterOptions& options)
      : options_(options), deadline_(Clock::now() + options.deadline) {
    record_.name = options.name;
    record_.database = options.database;
    record_.suite = options.suite;
    record_.agents = options.agents;
    record_.image =
        options.image.empty() ? "riven-node-" + options.database + ":" + options.suite : options.image;
  }

  Status check() const {
    if (auto named = check_name(options_.name); !named) return named;
    if (options_.nodes < 1 || options_.nodes > 99) return Error{"a cluster has 1 to 99 nodes"};
    if (auto answers = docker_engine_answers(); !answers) return answers;
    if (options_.agents == AgentPlace::host) {
      if (auto can = can_run_on_host(); !can) return can;
    }
    auto image = run_docker({"image", "inspect", "--format", "{{.Id}}", record_.image}, kDockerQueryDeadline);
    if (image) return ok_status();
    if (!options_.image.empty())
      return Error{"there is no image " + record_.image + ": docker pull or build it first"};
    return Error{"there is no image " + record_.image + ": `docker/build-image " + options_.database +
                 (options_.suite == "bookworm" ? "" : " --debian-suite " + options_.suite) + "` builds it"};
  }

  Status build() {
    if (options_.ends_with_process) {
      auto marked = write_cluster_file(options_.name, kProcessFile, process_mark(), 0600);
      if (!marked) return marked;
    }
    if (auto made = make_keys(); !made) return made;
    auto network = make_docker_network(resource_name(options_.name), label(options_.name), deadline_);
    if (!network) return network.error();
    base_ = network->base;
    record_.subnet = ipv4_text(base_) + "/24";
    record_.subnet6 = network->subnet6;
    record_.ipv6_note = network->ipv6_note;
    // After the network: whoever removes the last cluster meanwhile sees ours and leaves the route.
    if (docker_engine_is_local()) {
      if (auto added = add_blackhole_route(); !added) record_.route_note = added.error().message;
    } else {
      record_.route_note = "the engine is on another machine";
    }
    if (auto made = make_nodes(); !made) return made;
    return save_cluster(record_);
  }

 private:
  // The login key and one host key a node, all of them fresh: no two machines ever share one.
  Status make_keys() {
    return for_all(options_.nodes + 1, [&](size_t i) -> Status {
      const std::string file = i == 0 ? kLoginKey : "host_" + std::to_string(i);
      auto made = run_local({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "riven-" + options_.name,
                             "-f", cluster_directory(options_.name) + "/" + file},
                            "", left(deadline_));
      if (!made) return Error{made.error().message + ": install openssh-client"};
      if (!made->succeeded()) return Error{"ssh-keygen failed: " + first_line(made->err)};
      return ok_status();
    });
  }

  std::string address6(size_t i) const {
    if (record_.subnet6.empty()) return "";
    char host[8];
    std::snprintf(host, sizeof host, "%x", static_cast<unsigned>(kFirstHost + i));
    return record_.subnet6.substr(0, record_.subnet6.find("::/")) + "::" + host;
  }

  Status make_nodes() {
    for (size_t i = 0; i < options_.nodes; ++i) {
      const std::string name = "n" + std::to_string(i + 1);
      record_.nodes.push_back({name, resource_name(options_.name) + "-" + name,
                               ipv4_text(base_ + kFirstHost + static_cast<uint32_t>(i)), address6(i)});
    }
    if (auto pinned = pin_host_keys(); !pinned) return pinned;
    return for_all(options_.nodes, [&](size_t i) -> Status {
      if (auto made = make_node(i); !made) return made;
      if (auto greeted = await_ssh(i); !greeted) return greeted;
      return seal(i);
    });
  }

  Status pin_host_keys() const {
    std::string lines;
    for (size_t i = 0; i < record_.nodes.size(); ++i) {
      auto key = read_file(cluster_directory(options_.name) + "/host_" + std::to_string(i + 1) + ".pub");
      if (!key) return key.error();
      const auto& node = record_.nodes[i];
      lines += node.address + (node.address6.empty() ? "" : "," + node.address6) + " " +
               key->substr(0, key->rfind(' ')) + "\n";
    }
    return write_cluster_file(options_.name, "known_hosts", lines, 0600);
  }

  Status make_node(size_t i) const {
    const auto& node = record_.nodes[i];
    std::vector<std::string> words{"create",     "--init",
                                   "--name",     node.container,
                                   "--hostname", node.name,
                                   "--label",    label(options_.name),
                                   "--label",    "riven.node=" + node.name,
                                   "--network",  resource_name(options_.name),
                                   "--ip",       node.address};
    if (!node.address6.empty()) words.insert(words.end(), {"--ip6", node.address6});
    for (const auto& other : record_.nodes)
      words.insert(words.end(), {"--add-host", other.name + ":" + other.address});
    for (std::string& option : container_options(options_.needs, options_.agents))
      words.push_back(std::move(option));
    words.push_back(record_.image);
    const std::string place = "node " + node.name + " of cluster " + options_.name + ": ";
    if (auto made = run_docker(words, left(deadline_)); !made) return Error{place + made.error().message};
    auto files = secrets(i);
    if (!files) return files.error();
    if (auto copied = run_docker({"cp", "-", node.container + ":/"}, left(deadline_), tar_archive(*files));
        !copied) {
      return Error{place + copied.error().message};
    }
    if (auto started = run_docker({"start", node.container}, left(deadline_)); !started) {
      return Error{place + started.error().message};
    }
    return ok_status();
  }

  // Its own host key and our login key, before its first program runs.
  Result<std::vector<ArchiveFile>> secrets(size_t i) const {
    const std::string directory = cluster_directory(options_.name);
    const std::string host = directory + "/host_" + std::to_string(i + 1);
    auto secret = read_file(host);
    auto open = read_file(host + ".pub");
    auto login = read_file(directory + "/" + kLoginKey + ".pub");
    for (const auto* file : {&secret, &open, &login}) {
      if (!*file) return file->error();
    }
    return std::vector<ArchiveFile>{{"etc/ssh/ssh_host_ed25519_key", *secret, 0600},
                                    {"etc/ssh/ssh_host_ed25519_key.pub", *open, 0644},
                                    {"root/.ssh/authorized_keys", *login, 0600}};
  }

  Status await_ssh(size_t i) const {
    const auto& node = record_.nodes[i];
    Milliseconds pause{5};
    while (!ssh_greets(node.address, std::min(deadline_, Clock::now() + Milliseconds(2'000)))) {
      const bool late = Clock::now() >= deadline_;
      // Asked seldom: it costs more than the greeting.
      if (late || pause >= Milliseconds(160)) {
        auto state =
            run_docker({"inspect", "--format", "{{.State.Status}}", node.container}, kDockerQueryDeadline);
        if (late || !state || first_line(*state) != "running")
          return Error{no_ssh(node, state ? first_line(*state) : "gone")};
      }
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, Milliseconds(160));
    }
    return ok_status();
  }

  // Proves that the login works and, where there is IPv6, that no route leads out: older engines make one
  // even in internal networks, and forward along it.
  Status seal(size_t i) const {
    auto session = connect_ssh(spec_of(record_).nodes[i].ssh);
    if (!session) return Error{session.error().message};
    if (record_.subnet6.empty()) return ok_status();
    const std::string place = "node " + record_.nodes[i].name + " of cluster " + options_.name + ": ";
    if (record_.agents == AgentPlace::host) {
      auto init = find_container_init(record_.nodes[i].container);
      if (!init) return init.error();
      const Status sealed = remove_ipv6_routes_out(init->pid);
      return sealed ? sealed : Status(Error{place + sealed.error().message});
    }
    Command command;
    command.argv = {"sh", "-c", "ip -6 route del default 2>/dev/null; ip -6 route show default"};
    auto routes = (*session)->run(command);
    if (!routes) return Error{routes.error().message};
    if (routes->succeeded() && routes->out.empty()) return ok_status();
    return Error{place + "it keeps an IPv6 route out: " + first_line(routes->out + routes->err)};
  }

  std::string no_ssh(const ClusterRecord::Member& node, const std::string& state) const {
    std::string said;
    if (auto log = run_local({"docker", "logs", "--tail", "1", node.container}, "", kDockerQueryDeadline);
        log) {
      said = first_line(log->err.empty() ? log->out : log->err);
    }
    return "node " + node.name + " of cluster " + options_.name + ": no SSH server answers at " +
           node.address + ":22 (container " + state + (said.empty() ? "" : ", its last words: " + said) +
           "); is " + record_.image + " an image made by docker/build-image?";
  }

  const DockerClusterOptions& options_;
  const Deadline deadline_;
  ClusterRecord record_;
  uint32_t base_ = 0;
};

// Containers and networks of a cluster, by label; also what is left of a half-made one.
Status remove_everything(const std::string& name) {
  for (const bool networks : {false, true}) {
    const std::string filter = "label=" + label(name);
    auto ids = networks ? run_docker({"network", "ls", "--quiet", "--filter", filter}, kDockerQueryDeadline)
                        : run_docker({"ps", "--all", "--quiet", "--filter", filter}, kDockerQueryDeadline);
    if (!ids) return ids.error();
    const auto found = words_of(*ids);
    if (found.empty()) continue;
    std::vector<std::string> words = networks ? std::vector<std::string>{"network", "rm"}
                                              : std::vector<std::string>{"rm", "--force", "--volumes"};
    words.insert(words.end(), found.begin(), found.end());
    auto removed = run_docker(words, Milliseconds(60'000));
    // Someone else who removes it at the same time does our work.
    if (!removed && removed.error().message.find("No such") == std::string::npos &&
        removed.error().message.find("already in progress") == std::string::npos &&
        removed.error().message.find("not found") == std::string::npos) {
      return Error{"cluster " + name + " is not quite removed: " + removed.error().message};
    }
  }
  remove_cluster_directory(name);
  remove_blackhole_route_if([] {
    auto left =
        run_docker({"network", "ls", "--quiet", "--filter", "label=riven.cluster"}, kDockerQueryDeadline);
    return left && words_of(*left).empty();
  });
  return ok_status();
}

}  // namespace

bool DockerClusterStatus::whole() const {
  return !nodes.empty() && std::all_of(nodes.begin(), nodes.end(), [](const DockerNodeStatus& node) {
    return node.state == "running" && node.ssh;
  });
}

Result<ClusterSpec> DockerClusters::up(const DockerClusterOptions& options) {
  Construction construction(options);
  if (auto checked = construction.check(); !checked) return checked.error();
  if (auto made = make_cluster_directory(options.name); !made) return made.error();
  if (auto built = construction.build(); !built) {
    std::string message = built.error().message;
    if (auto removed = remove_everything(options.name); !removed) message += "; " + removed.error().message;
    return Error{message};
  }
  return load(options.name);
}

Status DockerClusters::down(const std::string& name) {
  if (auto named = check_name(name); !named) return named;
  if (auto answers = docker_engine_answers(); !answers) return answers;
  return remove_everything(name);
}

Result<std::vector<std::string>> DockerClusters::remove_orphans() {
  std::vector<std::string> removed;
  for (const std::string& name : cluster_directories()) {
    auto mark = read_file(cluster_directory(name) + "/" + kProcessFile);
    if (!mark || !process_is_gone(*mark)) continue;
    if (auto gone = down(name); !gone) return gone.error();
    removed.push_back(name);
  }
  return removed;
}

Result<ClusterSpec> DockerClusters::load(const std::string& name) {
  if (auto named = check_name(name); !named) return named.error();
  auto record = load_cluster(name);
  if (!record) return record.error();
  return spec_of(*record);
}

Result<DockerClusterStatus> DockerClusters::status(const std::string& name) {
  if (auto named = check_name(name); !named) return named.error();
  auto record = load_cluster(name);
  if (!record) return record.error();
  if (auto answers = docker_engine_answers(); !answers) return answers.error();
  std::vector<std::string> words{"docker", "inspect", "--type", "container"};
  for (const auto& node : record->nodes) words.push_back(node.container);
  // It fails when one is missing, but prints the others.
  auto inspected = run_local(words, "", kDockerQueryDeadline);
  if (!inspected) return inspected.error();
  auto containers = parse_containers(inspected->out);
  if (!containers) return containers.error();
  DockerClusterStatus status;
  status.name = record->name;
  status.database = record->database;
  status.image = record->image;
  status.subnet = record->subnet;
  status.subnet6 = record->subnet6;
  status.agents = record->agents;
  status.ipv6_note = record->ipv6_note;
  status.route_note = record->route_note;
  status.directory = cluster_directory(name);
  for (const auto& node : record->nodes) {
    const auto found = std::find_if(containers->begin(), containers->end(),
                                    [&](const ContainerState& state) { return state.name == node.name; });
    status.nodes.push_back({node.name, node.address, node.address6,
                            found == containers->end() ? "missing" : found->state, false});
  }
  (void)for_all(status.nodes.size(), [&](size_t i) -> Status {
    auto& node = status.nodes[i];
    node.ssh = node.state == "running" && ssh_greets(node.address, Clock::now() + Milliseconds(1'000));
    return ok_status();
  });
  return status;
}

Result<std::vector<std::string>> DockerClusters::list() {
  std::set<std::string> names;
  for (std::string& name : cluster_directories()) names.insert(std::move(name));
  if (auto answers = docker_engine_answers(); answers) {
    for (const bool networks : {false, true}) {
      std::vector<std::string> words =
          networks ? std::vector<std::string>{"network", "ls"} : std::vector<std::string>{"ps", "--all"};
      words.insert(words.end(),
                   {"--filter", "label=riven.cluster", "--format", "{{.Label \"riven.cluster\"}}"});
      auto found = run_docker(words, kDockerQueryDeadline);
      if (!found) return found.error();
      for (std::string& name : words_of(*found)) names.insert(std::move(name));
    }
  }
  return std::vector<std::string>(names.begin(), names.end());
}

}  // namespace riven
