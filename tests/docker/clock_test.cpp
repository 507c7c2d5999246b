// Wrong clocks on a real etcd in containers: what the database's own process sees, under load.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "harness/control/agent_client.h"
#include "harness/control/cluster.h"
#include "harness/control/docker_cluster.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "tests/docker/cluster_fixture.h"

namespace riven {
namespace databases {
void add_etcd(Registry& registry);
}
void add_clock(Registry& registry);

namespace {

constexpr size_t kNodes = 5;

struct ClockCluster {
  explicit ClockCluster(AgentOptions agent_options) {
    DockerClusterOptions options;
    options.name = name;
    options.database = "etcd";
    options.nodes = kNodes;
    options.needs = docker_test::needs_of({"clock"});
    const auto spec = DockerClusters::up(options);
    if (!spec) FAIL(spec.error().message);
    auto connected = Cluster::connect(*spec);
    REQUIRE(connected);
    cluster = std::move(*connected);
    Registry registry;
    databases::add_etcd(registry);
    auto made = registry.databases().front().make({});
    REQUIRE(made);
    database = std::move(*made);
    target.nodes = cluster->nodes();
    target.database = database.get();
    for (size_t i = 0; i < kNodes; ++i) {
      REQUIRE(database->setup(target.nodes[i], target.nodes));
      auto agent = AgentClient::start(cluster_agent_launcher(*cluster, i, RIVEN_AGENT_PATH, agent_options),
                                      agent_options);
      REQUIRE(agent);
      target.agents.push_back(agent->get());
      agents.push_back(std::move(*agent));
    }
    REQUIRE(database->await_ready(target.nodes, Milliseconds(60'000)));
    Registry faults;
    add_clock(faults);
    FaultOptions fault_options;
    for (const Node& node : target.nodes) fault_options.nodes.push_back(node.name);
    auto packaged = faults.faults().front()->make(fault_options, database->capabilities());
    REQUIRE(packaged);
    package = std::move(*packaged);
  }
  ~ClockCluster() {
    agents.clear();
    cluster.reset();
    CHECK(DockerClusters::down(name));
  }

  Value invoke(const char* f, Value value = {}) {
    Op op;
    op.f = Symbol(f);
    op.value = std::move(value);
    const auto done = package.nemesis->invoke(target, op);
    if (!done) FAIL(done.error().message);
    return *done;
  }
  /// How many seconds etcd's own answers are dated ahead of its node's clock, asked there past the agent.
  int64_t dated_ahead_s(size_t i) const {
    const std::string script =
        "exec 3<>/dev/tcp/" + target.nodes[i].address +
        "/2379 && printf 'GET /version HTTP/1.0\\r\\n\\r\\n' >&3 && "
        "echo $(($(date -d \"$(grep -i ^date: <&3 | cut -d' ' -f2- | tr -d '\\r')\" +%s)"
        " - $(date +%s)))";
    Command command;
    command.argv = {"timeout", "5", "bash", "-c", script};
    const auto output = target.nodes[i].session->run(command);
    REQUIRE(output);
    INFO(output->out << output->err);
    REQUIRE(output->succeeded());
    return std::stoll(output->out);
  }
  bool all_dated(int64_t ahead_s) const {
    for (size_t i = 0; i < kNodes; ++i) {
      if (std::abs(dated_ahead_s(i) - ahead_s) > 2) return false;
    }
    return true;
  }
  /// Executable pages of etcd's that no file stands behind: the lens is the only one that it ever has.
  std::string pages_left(size_t i) const {
    Command command;
    command.argv = {"sh", "-c", "awk '$2 ~ /x/ && $5 == 0 && $6 == \"\"' /proc/$(pidof etcd)/maps | wc -l"};
    const auto output = target.nodes[i].session->run(command);
    REQUIRE(output);
    return output->out;
  }

  std::string name = docker_test::unique_name("clock");
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Database> database;
  std::vector<std::unique_ptr<AgentClient>> agents;
  FaultTarget target;
  FaultPackage package;
};

/// Writes to etcd for as long as it lives.
class Load {
 public:
  explicit Load(ClockCluster& world) : thread_([this, &world] { run(world); }) {}
  ~Load() {
    stop_ = true;
    thread_.join();
  }
  int64_t done() const { return done_; }
  /// Whether writes succeed now.
  bool goes_on() const {
    const int64_t before = done_;
    for (int i = 0; i < 10'000 && done_ < before + 10; ++i) usleep(1000);
    return done_ >= before + 10;
  }

 private:
  void run(ClockCluster& world) {
    const auto client = world.database->connect(world.target.nodes.front());
    for (int64_t i = 0; !stop_; ++i) {
      Op op;
      op.f = Symbol("write");
      op.value = Value(Value::List{Value(int64_t{1}), Value(i)});
      const Outcome outcome = client->invoke(op, monotonic_now_ns() + 5 * kNanosPerSecond);
      if (outcome.outcome_case() == Outcome::Case::ok) ++done_;
    }
  }
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> done_ = 0;
  std::thread thread_;
};

Value clock_of(Value::List flat) {
  flat.insert(flat.end(), {Value("nodes"), Value("all")});
  return Value::map(std::move(flat));
}

TEST_CASE("etcd lives with clocks an hour off and drifting, and gets them back", "[docker]") {
  RIVEN_NEEDS_CONTAINERS();
  AgentOptions options;
  options.owner = "clock-test";
  ClockCluster world(options);
  const Load load(world);
  REQUIRE(world.all_dated(0));
  for (const int64_t offset_ms : {3'600'000, -3'600'000}) {
    const Value started = world.invoke("start-clock", clock_of({"offset-ms", offset_ms}));
    CHECK(world.all_dated(offset_ms / 1000));
    CHECK(load.goes_on());
    const Value stopped = world.invoke("stop-clock");
    INFO(to_edn(started) << " " << to_edn(stopped));
    REQUIRE(stopped.find("took_effect") != nullptr);
    CHECK(stopped.find("took_effect")->boolean());
    CHECK(world.all_dated(0));
    CHECK(load.goes_on());
    for (size_t i = 0; i < kNodes; ++i) CHECK(world.pages_left(i) == "0\n");
  }
  // A thousand parts in a million: a millisecond a second.
  world.invoke("start-clock", clock_of({"ppm", 1000}));
  usleep(8'000'000);
  CHECK(load.goes_on());
  const Value drifted = world.invoke("stop-clock");
  INFO(to_edn(drifted));
  for (const Node& node : world.target.nodes) {
    CHECK(drifted.find("offsets-ms")->find(node.name)->real() > 6);
    CHECK(drifted.find("offsets-ms")->find(node.name)->real() < 30);
    CHECK(std::abs(drifted.find("healed-ms")->find(node.name)->real()) < 5);
  }
  // Killed and started again it comes back with the wrong clock, as on a machine whose clock is wrong.
  world.invoke("start-clock", clock_of({"offset-ms", 3'600'000}));
  REQUIRE(world.database->server_control()->kill(world.target.nodes[1]));
  Command dead;  // start() is content with a process that is still dying
  dead.argv = {"sh", "-c", "while pidof etcd >/dev/null; do sleep 0.05; done"};
  REQUIRE(world.target.nodes[1].session->run(dead));
  REQUIRE(world.database->server_control()->start(world.target.nodes[1], world.target.nodes));
  const Status ready = world.database->await_ready(world.target.nodes, Milliseconds(30'000));
  Command log;
  log.argv = {"sh", "-c", "pidof etcd; tail -n 5 /var/log/riven-etcd.log"};
  if (!ready) WARN(ready.error().message << "\n" << world.target.nodes[1].session->run(log)->out);
  REQUIRE(ready);
  CHECK(world.all_dated(3600));
  // The agents' own promise: with the connections to them the clocks are right again.
  world.target.agents.clear();
  world.agents.clear();
  CHECK(world.all_dated(0));
  CHECK(load.goes_on());
}

TEST_CASE("all etcds' clocks jump within 5 ms, and none stands still for long", "[docker]") {
  RIVEN_NEEDS_CONTAINERS();
  AgentOptions options;
  options.owner = "clock-test";
  ClockCluster world(options);
  const Load load(world);
  std::vector<int64_t> spreads_us, stops_us;
  for (int round = 0; round < 20; ++round) {
    const Value started = world.invoke("start-clock", clock_of({"offset-ms", 1000 + round}));
    spreads_us.push_back(started.find("spread-us")->integer());
    const auto proofs = world.agents.front()->observe();
    REQUIRE(proofs);
    stops_us.push_back(integer_of(proofs->front().proof, "stopped_us"));
    CHECK(world.invoke("stop-clock").find("took_effect")->boolean());
  }
  std::sort(spreads_us.begin(), spreads_us.end());
  std::sort(stops_us.begin(), stops_us.end());
  WARN("five etcds under load: first to last clock "
       << spreads_us[10] << " us (median, most " << spreads_us.back() << "); etcd stands still for "
       << stops_us[10] << " us (median, most " << stops_us.back() << ")");
  CHECK(spreads_us[10] < 5'000);
  CHECK(stops_us[10] < 2'000);
}

}  // namespace
}  // namespace riven
