// Redis, one server on one node, with an append-only file.
#include <algorithm>
#include <thread>

#include "harness/api/database.h"
#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "workloads/databases/daemon/server_process.h"
#include "workloads/databases/redis_client/client.h"

namespace riven::databases {

namespace {

constexpr uint16_t kPort = 6379;
constexpr const char* kData = "/var/lib/riven-redis";
const ServerProcess kServer{.name = "redis-server",
                            .pid_file = "/run/riven-redis.pid",
                            .log_file = "/var/log/riven-redis.log",
                            .user = "redis"};

/// A shell script as root on the node.
Status run_there(const Node& node, const char* script, Milliseconds deadline = Milliseconds(20'000)) {
  const auto ran = node.session->run(
      {.argv = {"sh", "-c", script, "sh", kData, kServer.log_file}, .deadline = deadline, .sudo = true});
  if (!ran) return Error{ran.error().message};
  if (ran->succeeded()) return ok_status();
  return Error{node.name + ": " + ran->err.substr(0, ran->err.find('\n'))};
}

class Redis final : public Database, ServerControl {
 public:
  explicit Redis(std::string appendfsync) : appendfsync_(std::move(appendfsync)) {}

  DatabaseFacts facts() const override {
    return {.functions = {"read", "write", "cas"}, .processes = {kServer.name}, .data_directory = kData};
  }
  ServerControl* server_control() override { return this; }

  Status setup(const Node& node, const std::vector<Node>& nodes) override {
    if (nodes.size() != 1) return Error{"redis is tested on one node here: say --nodes 1"};
    if (const Status wiped = teardown(node, nodes); !wiped) return wiped;
    const Status made = run_there(node, R"sh(set -e
command -v redis-server >/dev/null || { echo "no Redis is installed (looked for redis-server)" >&2; exit 1; }
mkdir -p "$1"; chown redis: "$1"; chmod 700 "$1")sh");
    return made ? start(node, nodes) : made;
  }

  Status teardown(const Node& node, const std::vector<Node>& /*nodes*/) override {
    if (const Status stopped = kServer.stop(node); !stopped) return stopped;
    // A directory with a disk layer over it can be emptied, not removed.
    return run_there(node, R"sh(rm -rf "$1" "$2" 2>/dev/null || [ -z "$(ls -A "$1")" ])sh");
  }

  Status start(const Node& node, const std::vector<Node>& /*nodes*/) override {
    return kServer.start(node, {"redis-server", "--bind", node.address, "--port", std::to_string(kPort),
                                "--protected-mode", "no", "--daemonize", "no", "--dir", kData, "--save", "",
                                "--appendonly", "yes", "--appendfsync", appendfsync_});
  }

  Status kill(const Node& node) override { return kServer.signal(node, "KILL"); }

  Status await_ready(const std::vector<Node>& nodes, Milliseconds deadline) override {
    const int64_t end_ns = monotonic_now_ns() + deadline.count() * kNanosPerMilli;
    while (true) {
      const auto why =
          redis::ping(at(nodes.front()), std::min(end_ns, monotonic_now_ns() + 2 * kNanosPerSecond));
      if (!why) return ok_status();
      if (monotonic_now_ns() >= end_ns)
        return Error{"redis on " + nodes.front().name + " does not serve after " +
                     std::to_string(deadline.count() / 1000) + " s: " + *why + "; its log is " +
                     kServer.log_file};
      std::this_thread::sleep_for(Milliseconds(20));
    }
  }

  std::unique_ptr<Client> connect(const Node& node) override { return redis::make_client(at(node)); }

  std::vector<std::string> log_files(const Node& /*node*/) const override { return {kServer.log_file}; }

  std::string version(const Node& node) override {
    return "Redis " + redis::server_info(at(node), "redis_version", monotonic_now_ns() + 5 * kNanosPerSecond);
  }

 private:
  static redis::ClientOptions at(const Node& node) { return {.address = node.address, .port = kPort}; }

  const std::string appendfsync_;
};

Result<std::unique_ptr<Database>> make(const DatabaseOptions& given) {
  std::string appendfsync = "always";
  for (const auto& [key, value] : given) {
    if (key != "appendfsync" || (value != "no" && value != "everysec" && value != "always"))
      return Error{"redis has no option " + key + "=" + value + "; it has appendfsync=no|everysec|always"};
    appendfsync = value;
  }
  return std::unique_ptr<Database>(std::make_unique<Redis>(std::move(appendfsync)));
}

}  // namespace

void add_redis(Registry& registry) {
  registry.add(DatabaseFactory{
      .name = "redis",
      .description = "Redis, one node with an append-only file, registers over hiredis",
      .options = {"appendfsync=no|everysec|always (default: always, which loses nothing acknowledged)"},
      .default_nodes = 1,
      .make = make});
}

}  // namespace riven::databases
