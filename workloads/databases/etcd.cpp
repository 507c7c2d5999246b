// etcd 3.3 to 3.5, whichever the node has.
#include <algorithm>
#include <mutex>
#include <set>
#include <thread>

#include "harness/api/database.h"
#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "harness/core/join.h"
#include "workloads/databases/daemon/server_process.h"
#include "workloads/databases/etcd/client.h"
#include "workloads/databases/etcd/gateway.h"
#include "workloads/databases/etcd/members.h"

namespace riven::databases {

namespace {

constexpr uint16_t kClientPort = 2379;
constexpr uint16_t kPeerPort = 2380;
constexpr std::string_view kDirectory = "/var/lib/riven-etcd";
constexpr std::string_view kLogFile = "/var/log/riven-etcd.log";
/// On a node that joined a cluster: the members at that time, which a start without data needs again.
constexpr std::string_view kJoinedFile = "/var/lib/riven-etcd.joined";
const ServerProcess kServer{
    .name = "etcd", .pid_file = "/run/riven-etcd.pid", .log_file = std::string(kLogFile)};

struct EtcdOptions {
  bool serializable_reads = false;
  int64_t lock_ttl_s = 10;
};

std::string url(const Node& node, uint16_t port) {
  const bool ipv6 = node.address.find(':') != std::string::npos;
  return "http://" + (ipv6 ? "[" + node.address + "]" : node.address) + ":" + std::to_string(port);
}

class Etcd final : public Database, ServerControl, Leadership, MemberControl {
 public:
  explicit Etcd(EtcdOptions options) : options_(options) {}

  DatabaseFacts facts() const override {
    return {.functions = {"read", "write", "cas", "acquire", "release", "txn"},
            .processes = {"etcd"},
            .data_directory = std::string(kDirectory)};
  }
  ServerControl* server_control() override { return this; }
  Leadership* leadership() override { return this; }
  MemberControl* member_control() override { return this; }

  Status setup(const Node& node, const std::vector<Node>& nodes) override {
    if (auto learned = learn_version(node); !learned) return learned;
    if (auto wiped = wipe(node); !wiped) return wiped;
    return start(node, nodes);
  }

  Status attach(const std::vector<Node>& nodes) override { return learn_version(nodes.front()); }

  Status teardown(const Node& node, const std::vector<Node>& /*nodes*/) override { return wipe(node); }

  Status start(const Node& node, const std::vector<Node>& nodes) override {
    const std::string members =
        joined(nodes, ",", [](const Node& each) { return each.name + "=" + url(each, kPeerPort); });
    std::vector<std::string> argv{"sh",
                                  "-c",
                                  R"sh(joined=$1 founders=$2; shift 2
if [ -s "$joined" ]; then
  exec etcd "$@" --initial-cluster-state existing --initial-cluster "$(cat "$joined")"
fi
exec etcd "$@" --initial-cluster-state new --initial-cluster "$founders")sh",
                                  "sh",
                                  std::string(kJoinedFile),
                                  members,
                                  "--name",
                                  node.name,
                                  "--data-dir",
                                  std::string(kDirectory),
                                  "--listen-peer-urls",
                                  url(node, kPeerPort),
                                  "--initial-advertise-peer-urls",
                                  url(node, kPeerPort),
                                  "--listen-client-urls",
                                  url(node, kClientPort),
                                  "--advertise-client-urls",
                                  url(node, kClientPort),
                                  "--initial-cluster-token",
                                  "riven",
                                  "--heartbeat-interval",
                                  "100",
                                  "--election-timeout",
                                  "1000"};
    const std::string prefix = api_prefix();
    if (prefix == "/v3") argv.insert(argv.end(), {"--logger", "zap", "--log-outputs", "stderr"});
    return kServer.start(node, argv);
  }

  Status kill(const Node& node) override { return kServer.signal(node, "KILL"); }

  Status await_ready(const std::vector<Node>& nodes, Milliseconds deadline) override {
    const int64_t end_ns = monotonic_now_ns() + deadline.count() * kNanosPerMilli;
    std::string last = "it did not answer";
    for (const Node& node : nodes) {
      etcd::Gateway gateway(node.address, kClientPort, api_prefix());
      while (true) {
        constexpr int64_t kTryNs = 2 * kNanosPerSecond;
        // A linearizable read needs a leader and a majority behind this node.
        const auto reply = gateway.post("/kv/range", {{"key", etcd::to_base64("riven-ready")}},
                                        std::min(end_ns, monotonic_now_ns() + kTryNs));
        if (reply.ok()) break;
        last = reply.error;
        if (monotonic_now_ns() >= end_ns) {
          return Error{"etcd on " + node.name + " (" + url(node, kClientPort) +
                       ") does not serve reads after " + std::to_string(deadline.count() / 1000) +
                       " s: " + last + "; its log is " + std::string(kLogFile)};
        }
        std::this_thread::sleep_for(Milliseconds(20));
      }
    }
    return ok_status();
  }

  std::unique_ptr<Client> connect(const Node& node) override {
    return etcd::make_client({.address = node.address,
                              .port = kClientPort,
                              .prefix = api_prefix(),
                              .serializable_reads = options_.serializable_reads,
                              .lock_ttl_s = options_.lock_ttl_s});
  }

  std::vector<std::string> primaries(const std::vector<Node>& nodes) override {
    std::vector<std::string> leaders;
    for (const Node& node : nodes) {
      etcd::Gateway gateway(node.address, kClientPort, api_prefix());
      const auto reply =
          gateway.post("/maintenance/status", Json::object(), monotonic_now_ns() + kNanosPerSecond);
      if (!reply.ok() || !reply.body.contains("header")) continue;
      const std::string self = reply.body["header"].value("member_id", std::string("?"));
      if (reply.body.value("leader", std::string()) == self) leaders.push_back(node.name);
    }
    return leaders;
  }

  Result<std::vector<std::string>> members(const Node& node, const std::vector<Node>& nodes,
                                           Milliseconds deadline) override {
    const auto listed = etcd::list_members(node.address, endpoint(), end_of(deadline));
    if (!listed) return listed.error();
    std::vector<std::string> names;
    for (const etcd::Member& member : *listed) names.push_back(name_of(member, nodes));
    std::sort(names.begin(), names.end());
    return names;
  }

  Status remove_member(const Node& node, const std::vector<Node>& nodes, Milliseconds deadline) override {
    const Status removed =
        etcd::remove_member(url(node, kPeerPort), others(node, nodes), endpoint(), end_of(deadline));
    if (removed) return removed;
    return Error{"the others do not let " + node.name + " go: " + removed.error().message};
  }

  /// What it was removed with is wiped only now: started meanwhile it learns from its data that it is out.
  Status add_member(const Node& node, const std::vector<Node>& nodes, Milliseconds deadline) override {
    const std::vector<Node> rest = others(node, nodes);
    const std::string own = url(node, kPeerPort);
    const int64_t end_ns = end_of(deadline);
    bool started_before = false;
    for (const Node& other : rest) {
      const auto listed = etcd::list_members(other.address, endpoint(), end_ns);
      if (!listed) continue;
      started_before = std::any_of(listed->begin(), listed->end(), [&](const etcd::Member& member) {
        return member.peer_url == own && !member.name.empty();
      });
      break;
    }
    if (started_before) return start(node, nodes);
    if (auto wiped = wipe(node, false); !wiped) return wiped;
    const auto all = etcd::add_member(own, rest, endpoint(), end_ns);
    if (!all) return Error{"the others do not take " + node.name + " in: " + all.error().message};
    const std::string cluster = joined(*all, ",", [&](const etcd::Member& member) {
      return name_of(member, nodes) + "=" + member.peer_url;
    });
    const auto noted =
        node.session->run({.argv = {"tee", std::string(kJoinedFile)}, .stdin_data = cluster, .sudo = true});
    if (!noted) return Error{noted.error().message};
    if (!noted->succeeded()) return Error{node.name + ": " + noted->err};
    return start(node, nodes);
  }

  std::vector<std::string> log_files(const Node& /*node*/) const override { return {std::string(kLogFile)}; }

  std::string version(const Node& /*node*/) override {
    const std::lock_guard lock(mutex_);
    return "etcd " + version_;
  }

 private:
  std::string api_prefix() const {
    const std::lock_guard lock(mutex_);
    return prefix_;
  }

  etcd::Endpoint endpoint() const { return {kClientPort, api_prefix()}; }

  static int64_t end_of(Milliseconds deadline) {
    return monotonic_now_ns() + deadline.count() * kNanosPerMilli;
  }

  static std::vector<Node> others(const Node& node, const std::vector<Node>& nodes) {
    std::vector<Node> rest;
    for (const Node& each : nodes) {
      if (each.name != node.name) rest.push_back(each);
    }
    return rest;
  }

  /// A member that has not been started has no name of its own yet.
  static std::string name_of(const etcd::Member& member, const std::vector<Node>& nodes) {
    for (const Node& node : nodes) {
      if (url(node, kPeerPort) == member.peer_url) return node.name;
    }
    return member.name.empty() ? member.peer_url : member.name;
  }

  Status learn_version(const Node& node) {
    const auto version = probe_version(node);
    if (!version) return version.error();
    const std::lock_guard lock(mutex_);
    version_ = *version;
    prefix_ = version_.starts_with("3.3.") ? "/v3beta" : "/v3";
    return ok_status();
  }

  static Result<std::string> probe_version(const Node& node) {
    const auto ran = node.session->run({.argv = {"etcd", "--version"}});
    if (!ran) return Error{ran.error().message};
    constexpr std::string_view kLabel = "etcd Version: ";
    const size_t at = ran->out.find(kLabel);
    if (at == std::string::npos) {
      return Error{node.name +
                   " has no etcd (`etcd --version` said nothing of a version): install etcd there, or build "
                   "the image again"};
    }
    const size_t begin = at + kLabel.size();
    return ran->out.substr(begin, ran->out.find('\n', begin) - begin);
  }

  /// The log is kept when a member only comes back.
  static Status wipe(const Node& node, bool log_too = true) {
    if (auto stopped = kServer.stop(node); !stopped) return stopped;
    // A directory with a disk layer over it can be emptied, not removed.
    std::vector<std::string> argv{"sh",
                                  "-c",
                                  R"sh(rm -rf "$@" 2>/dev/null || [ -z "$(ls -A "$1")" ])sh",
                                  "sh",
                                  std::string(kDirectory),
                                  std::string(kJoinedFile)};
    if (log_too) argv.emplace_back(kLogFile);
    const auto ran = node.session->run({.argv = argv, .sudo = true});
    if (!ran) return Error{ran.error().message};
    if (!ran->succeeded()) return Error{"cannot remove etcd's data on " + node.name + ": " + ran->err};
    return ok_status();
  }

  const EtcdOptions options_;
  mutable std::mutex mutex_;  // setup runs for all nodes at once
  std::string version_;
  std::string prefix_ = "/v3";
};

Result<std::unique_ptr<Database>> make(const DatabaseOptions& given) {
  EtcdOptions options;
  for (const auto& [key, value] : given) {
    if (key == "reads" && (value == "linearizable" || value == "serializable")) {
      options.serializable_reads = value == "serializable";
    } else if (key == "lock-ttl" && !value.empty() && value.size() < 6 &&
               value.find_first_not_of("0123456789") == std::string::npos && std::stoi(value) > 0) {
      options.lock_ttl_s = std::stoi(value);
    } else {
      return Error{"etcd has no option " + key + "=" + value +
                   "; it has reads=linearizable|serializable and lock-ttl=SECONDS"};
    }
  }
  return std::unique_ptr<Database>(std::make_unique<Etcd>(options));
}

}  // namespace

void add_etcd(Registry& registry) {
  registry.add(DatabaseFactory{.name = "etcd",
                               .description = "etcd 3.3 to 3.5 over its v3 JSON gateway",
                               .options = {"reads=linearizable|serializable",
                                           "lock-ttl=SECONDS (of the lease behind a lock, default 10)"},
                               .make = make});
}

}  // namespace riven::databases
