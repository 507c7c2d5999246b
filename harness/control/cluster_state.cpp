#include "harness/control/cluster_state.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

#include "harness/control/local_command.h"
#include "harness/core/json.h"

namespace riven {
namespace {

namespace fs = std::filesystem;

constexpr Milliseconds kRouteDeadline{5'000};
constexpr int kRecordVersion = 1;

std::string system_text(int error) { return std::generic_category().message(error); }

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string home_directory() {
  std::string home = environment("HOME");
  if (!home.empty()) return home;
  const passwd* user = getpwuid(getuid());
  return user == nullptr ? "/root" : user->pw_dir;
}

// Like the kernel's routes these go with a reboot.
constexpr char kRouteLock[] = "/run/riven-blackhole-route.lock";
constexpr char kRouteRecord[] = "/run/riven-blackhole-route";

class RouteLock {
 public:
  RouteLock() : descriptor_(open(kRouteLock, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (descriptor_ >= 0) (void)flock(descriptor_, LOCK_EX);
  }
  ~RouteLock() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  RouteLock(const RouteLock&) = delete;
  RouteLock& operator=(const RouteLock&) = delete;

 private:
  int descriptor_;
};

Status run_ip(const std::vector<std::string>& words, std::string& out) {
  auto result = run_local(words, "", kRouteDeadline);
  if (!result) return result.error();
  out = result->out;
  if (!result->succeeded()) return Error{result->err.substr(0, result->err.find('\n'))};
  return ok_status();
}

}  // namespace

std::string cluster_state_directory() {
  std::string root = environment("RIVEN_STATE_DIR");
  if (root.empty()) {
    const std::string state = environment("XDG_STATE_HOME");
    root = (state.empty() ? home_directory() + "/.local/state" : state) + "/riven";
  }
  root += "/clusters";
  std::error_code ignored;
  if (fs::create_directories(root, ignored)) fs::permissions(root, fs::perms::owner_all, ignored);
  return root;
}

std::string cluster_directory(const std::string& name) { return cluster_state_directory() + "/" + name; }

std::vector<std::string> cluster_directories() {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(cluster_state_directory(), ignored)) {
    if (entry.is_directory(ignored)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status make_cluster_directory(const std::string& name) {
  const std::string directory = cluster_directory(name);
  if (mkdir(directory.c_str(), 0700) == 0) return ok_status();
  if (errno == EEXIST) {
    return Error{"there is a cluster " + name +
                 " already, or what is left of one: use it, choose another --name, or run `riven cluster "
                 "down --name " +
                 name + "`"};
  }
  return Error{"cannot make " + directory + ": " + system_text(errno)};
}

void remove_cluster_directory(const std::string& name) {
  std::error_code ignored;
  fs::remove_all(cluster_directory(name), ignored);
}

Status write_cluster_file(const std::string& cluster, const std::string& file, const std::string& content,
                          unsigned mode) {
  const std::string path = cluster_directory(cluster) + "/" + file;
  const std::string temporary = path + ".new";
  const int descriptor = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (descriptor < 0) return Error{"cannot write " + temporary + ": " + system_text(errno)};
  const ssize_t written = write(descriptor, content.data(), content.size());
  const bool whole = written == static_cast<ssize_t>(content.size()) && fchmod(descriptor, mode) == 0;
  close(descriptor);
  if (!whole || rename(temporary.c_str(), path.c_str()) != 0) {
    return Error{"cannot write " + path + ": " + system_text(errno)};
  }
  return ok_status();
}

Status save_cluster(const ClusterRecord& record) {
  Json json{{"version", kRecordVersion},       {"name", record.name},
            {"database", record.database},     {"suite", record.suite},
            {"image", record.image},           {"subnet", record.subnet},
            {"subnet6", record.subnet6},       {"ipv6_note", record.ipv6_note},
            {"route_note", record.route_note}, {"agents", name_of(record.agents)},
            {"nodes", Json::array()}};
  for (const auto& node : record.nodes) {
    json["nodes"].push_back({{"name", node.name},
                             {"container", node.container},
                             {"address", node.address},
                             {"address6", node.address6}});
  }
  return write_cluster_file(record.name, "cluster.json", json.dump(2) + "\n", 0600);
}

Result<ClusterRecord> load_cluster(const std::string& name) {
  const std::string directory = cluster_directory(name);
  std::error_code ignored;
  if (!fs::is_directory(directory, ignored)) {
    return Error{"there is no cluster " + name + ": `riven cluster up --name " + name + "` makes one"};
  }
  std::ifstream file(directory + "/cluster.json");
  const std::string content{std::istreambuf_iterator<char>(file), {}};
  const Json json = Json::parse(content).value_or(Json());
  if (!json.is_object() || json.value("version", 0) != kRecordVersion) {
    return Error{"the cluster " + name + " was never finished: run `riven cluster down --name " + name +
                 "` and make it again"};
  }
  ClusterRecord record;
  const auto text = [](const Json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  record.name = name;
  record.database = text(json, "database");
  record.suite = text(json, "suite");
  record.image = text(json, "image");
  record.subnet = text(json, "subnet");
  record.subnet6 = text(json, "subnet6");
  record.ipv6_note = text(json, "ipv6_note");
  record.route_note = text(json, "route_note");
  record.agents = agent_place_from(text(json, "agents")).value_or(AgentPlace::node);
  for (const Json& node : json.value("nodes", Json::array())) {
    record.nodes.push_back(
        {text(node, "name"), text(node, "container"), text(node, "address"), text(node, "address6")});
  }
  return record;
}

Status add_blackhole_route() {
  const RouteLock lock;
  std::string routes;
  if (auto shown = run_ip({"ip", "-4", "route", "show", "type", "blackhole", "198.18.0.0/15"}, routes);
      !shown) {
    return shown;
  }
  if (!routes.empty()) return ok_status();
  // A large metric: any route that someone sets up for the same range on purpose comes before it.
  if (auto added =
          run_ip({"ip", "-4", "route", "add", "blackhole", "198.18.0.0/15", "metric", "65535"}, routes);
      !added) {
    return added;
  }
  std::ofstream(kRouteRecord) << "made by riven\n";
  return ok_status();
}

void remove_blackhole_route_if(const std::function<bool()>& is_last) {
  const RouteLock lock;
  std::error_code ignored;
  if (!fs::exists(kRouteRecord, ignored) || !is_last()) return;
  std::string routes;
  (void)run_ip({"ip", "-4", "route", "del", "blackhole", "198.18.0.0/15", "metric", "65535"}, routes);
  fs::remove(kRouteRecord, ignored);
}

}  // namespace riven
