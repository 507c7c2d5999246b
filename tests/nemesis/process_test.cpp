// The kill and pause packages with a real agent and a database that is one test process.
#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "harness/core/json_fields.h"
#include "nemesis/shared/node_fault.h"
#include "tests/agent/victims.h"

namespace riven {
void add_kill(Registry& registry);
void add_pause(Registry& registry);
void add_stop(Registry& registry);
void add_restart(Registry& registry);
void add_cpu(Registry& registry);
void add_fd_limit(Registry& registry);
void add_memory(Registry& registry);
void add_reboot(Registry& registry);

namespace {

/// Its one server is a Victim.
class VictimDatabase final : public Database, ServerControl, Leadership {
 public:
  DatabaseFacts facts() const override { return {.processes = {victim.name()}}; }
  ServerControl* server_control() override { return this; }
  Leadership* leadership() override { return this; }
  Status setup(const Node&, const std::vector<Node>&) override { return ok_status(); }
  Status teardown(const Node&, const std::vector<Node>&) override { return ok_status(); }
  Status await_ready(const std::vector<Node>&, Milliseconds) override { return ok_status(); }
  std::unique_ptr<Client> connect(const Node&) override { return nullptr; }
  Status start(const Node&, const std::vector<Node>&) override {
    if (refuse) return Error{"will not start"};
    ++starts;
    victim.start();
    return ok_status();
  }
  Status kill(const Node&) override { return ok_status(); }
  std::vector<std::string> primaries(const std::vector<Node>&) override {
    return electing ? std::vector<std::string>{} : std::vector<std::string>{"n1"};
  }

  test::Victim victim;
  int starts = 0;
  bool refuse = false;
  bool electing = false;
};

struct OneNode {
  static std::unique_ptr<OneNode> make(void (*add)(Registry&),
                                       std::map<std::string, std::string> extra = {}) {
    auto made = std::make_unique<OneNode>();
    made->space = test::Namespaces::make(1);
    if (!made->space) return nullptr;
    auto agent = made->space->agent(0);
    REQUIRE(agent);
    made->agent = std::move(*agent);
    Node node;
    node.name = "n1";
    made->target.nodes = {node};
    made->target.agents = {made->agent.get()};
    made->target.database = &made->database;
    Registry registry;
    add(registry);
    FaultOptions options;
    options.nodes = {"n1"};
    options.extra = std::move(extra);
    auto package = registry.faults().front()->make(options, made->database.capabilities());
    REQUIRE(package);
    made->package = std::move(*package);
    return made;
  }
  Result<Value> invoke(const char* f, Value value = {}) {
    Op op;
    op.f = Symbol(f);
    op.value = std::move(value);
    return package.nemesis->invoke(target, op);
  }
  std::unique_ptr<test::Namespaces> space;
  std::unique_ptr<AgentClient> agent;
  VictimDatabase database;
  FaultTarget target;
  FaultPackage package;
};

TEST_CASE("a node is paused, proved to stand still, and resumed", "[nemesis][root]") {
  const auto world = OneNode::make(add_pause);
  if (!world) return;
  REQUIRE(world->database.victim.lives());
  const auto paused = world->invoke("pause", Value("primaries"));
  REQUIRE(paused);
  CHECK(paused->find("stopped")->find("n1")->integer() >= 1);
  CHECK(world->database.victim.stands_still());
  CHECK_FALSE(world->invoke("pause"));
  const auto resumed = world->invoke("resume");
  REQUIRE(resumed);
  CHECK(resumed->find("took_effect")->boolean());
  CHECK(world->database.victim.lives());
  world->database.electing = true;  // nobody leads: any node is struck
  REQUIRE(world->invoke("pause", Value("primaries")));
  CHECK(world->package.nemesis->heal(world->target));
  CHECK(world->package.nemesis->heal(world->target));
  CHECK(world->database.victim.lives());
  CHECK_FALSE(world->invoke("resume")->is_map());
}

/// A fault of the test's own, on a kind of fault that every agent knows.
void add_doze(Registry& registry) {
  registry.add(node_fault({.name = "doze", .aliases = {"nap"}, .span = {.color = "#123456"}},
                          {.kind = "pause",
                           .begun = NodeCount{"dozing", "stopped"},
                           .sums = {"stopped", "running"},
                           .took_effect = [](const NodeEffect& node) {
                             return integer_of(node.applied, "stopped") == integer_of(node.proof, "stopped");
                           }}));
}

TEST_CASE("a fault of one's own needs nothing but its facts", "[nemesis][root]") {
  const auto world = OneNode::make(add_doze);
  if (!world) return;
  CHECK(world->package.span.starts == std::vector<std::string>{"start-doze", "start-nap"});
  const auto begun = world->invoke("start-doze", Value("n1"));
  REQUIRE(begun);
  CHECK(begun->find("dozing")->find("n1")->integer() >= 1);
  CHECK(world->database.victim.stands_still());
  CHECK_FALSE(world->invoke("start-nap"));  // already in force
  const auto ended = world->invoke("stop-doze");
  REQUIRE(ended);
  CHECK(ended->find("took_effect")->boolean());
  CHECK(ended->find("running")->integer() == 0);
  CHECK(world->database.victim.lives());
  CHECK_FALSE(world->invoke("stop-doze")->is_map());
}

TEST_CASE("a node is killed, stays down, and is started again", "[nemesis][root]") {
  const auto world = OneNode::make(add_kill);
  if (!world) return;
  REQUIRE(world->database.victim.lives());
  const auto killed = world->invoke("kill");
  REQUIRE(killed);
  CHECK(killed->find("killed")->find("n1")->integer() >= 1);
  CHECK(world->database.victim.ended());
  CHECK_FALSE(world->invoke("kill"));
  world->database.refuse = true;
  CHECK_FALSE(world->invoke("start"));
  CHECK_FALSE(world->package.nemesis->heal(world->target));
  world->database.refuse = false;
  REQUIRE(world->invoke("start"));
  CHECK(world->database.starts == 1);
  CHECK(world->database.victim.lives());
  CHECK_FALSE(world->invoke("start")->is_map());
}

TEST_CASE("a start after a kill proves that the kill took effect; a supervisor that was faster is reported",
          "[nemesis][root]") {
  const auto world = OneNode::make(add_kill);
  if (!world) return;
  REQUIRE(world->database.victim.lives());
  REQUIRE(world->invoke("kill"));
  CHECK(world->database.victim.ended());
  CHECK(world->invoke("start")->find("took_effect")->boolean());
  REQUIRE(world->database.victim.lives());
  REQUIRE(world->invoke("kill"));
  world->database.victim.start();  // behind the nemesis' back
  REQUIRE(world->database.victim.lives());
  const auto started = world->invoke("start");
  REQUIRE(started);
  CHECK_FALSE(started->find("took_effect")->boolean());
  CHECK(world->database.victim.lives());
}

TEST_CASE("a node is asked to end, stays down, and is started again", "[nemesis][root]") {
  const auto world = OneNode::make(add_stop);
  if (!world) return;
  REQUIRE(world->database.victim.lives());
  const auto stopped = world->invoke("stop", Value::map({"nodes", "n1"}));
  REQUIRE(stopped);
  CHECK(stopped->find("asked")->find("n1")->integer() >= 1);
  CHECK(world->database.victim.ended());
  CHECK_FALSE(world->invoke("start-stop"));  // already stopped, by its older name too
  const auto started = world->invoke("start-stopped");
  REQUIRE(started);
  CHECK(started->find("took_effect")->boolean());
  CHECK(world->database.victim.lives());
  CHECK_FALSE(world->invoke("stop-stop")->is_map());
  CHECK(world->package.nemesis->heal(world->target));
}

TEST_CASE("a storm of restarts ends with a node that runs", "[nemesis][root]") {
  const auto world = OneNode::make(add_restart);
  if (!world) return;
  REQUIRE(world->database.victim.lives());
  const auto restarted =
      world->invoke("start-restart", Value::map({"nodes", "n1", "restart", "storm", "gap-ms", 100}));
  REQUIRE(restarted);
  CHECK(restarted->find("restarts")->integer() == 5);
  CHECK(world->database.starts == 5);
  CHECK(world->database.victim.lives());
  const auto done = world->invoke("stop-restart");
  REQUIRE(done);
  CHECK(done->find("took_effect")->boolean());
  CHECK(world->database.starts == 5);
  CHECK_FALSE(world->invoke("stop-restart")->is_map());
  for (const Value& wrong : {Value::map({"restart", "often"}), Value::map({"times", 0}),
                             Value::map({"signal", "HUP"}), Value::map({"gap-ms", "long"})}) {
    CHECK_FALSE(world->invoke("start-restart", wrong));
  }
  world->database.refuse = true;
  CHECK_FALSE(world->invoke("start-restart"));
  world->database.refuse = false;
  REQUIRE(world->package.nemesis->heal(world->target));
  CHECK(world->database.victim.lives());
}

TEST_CASE("a node gets its share of the processor", "[nemesis][root]") {
  const auto slow = OneNode::make(add_cpu, {{"percent", "25"}});
  if (!slow) return;
  REQUIRE(slow->database.victim.lives());
  const auto begun = slow->invoke("start-cpu", Value::map({"nodes", "n1", "percent", 25}));
  REQUIRE(begun);
  CHECK(begun->find("share_per_million")->integer() == 250'000);
  CHECK_FALSE(slow->invoke("start-cpu"));
  usleep(3'000'000);
  const auto ended = slow->invoke("stop-cpu");
  REQUIRE(ended);
  INFO(to_edn(*ended));
  CHECK(ended->find("took_effect")->boolean());
  CHECK(slow->database.victim.lives());
  REQUIRE(slow->invoke("start-cpu"));  // by chance
  CHECK(slow->package.nemesis->heal(slow->target));
  CHECK(slow->package.nemesis->heal(slow->target));
}

TEST_CASE("a node has no file descriptors left", "[nemesis][root]") {
  const auto full = OneNode::make(add_fd_limit);
  if (!full) return;
  REQUIRE(full->database.victim.lives());
  REQUIRE(full->invoke("start-fd-limit", Value::map({"nodes", "n1"})));
  CHECK(full->database.victim.stands_still());
  const auto healed = full->invoke("stop-fd-limit");
  REQUIRE(healed);
  CHECK(healed->find("took_effect")->boolean());
  CHECK(full->database.starts == 1);  // asked to, in case that it had ended
  CHECK(full->database.victim.lives());
}

TEST_CASE("faults of scarcity know their words and their bounds", "[nemesis]") {
  const struct {
    void (*add)(Registry&);
    std::map<std::string, std::string> good, bad;
  } cases[] = {{add_cpu, {{"percent", "10"}, {"period-ms", "200"}}, {{"percent", "100"}}},
               {add_memory, {{"memory", "oom"}}, {{"memory", "all"}}},
               {add_memory, {{"leave-mb", "64"}}, {{"leave-mb", "none"}}},
               {add_fd_limit, {{"spare", "3"}}, {{"spare", "-1"}}},
               {add_restart, {{"restart", "storm"}, {"times", "3"}}, {{"times", "many"}}}};
  for (const auto& each : cases) {
    Registry registry;
    each.add(registry);
    FaultOptions options;
    options.nodes = {"n1", "n2", "n3"};
    Capabilities can;
    can.kill = true;
    can.processes = {"db"};
    options.extra = each.good;
    CHECK(registry.faults().front()->make(options, can));
    options.extra = each.bad;
    CHECK_FALSE(registry.faults().front()->make(options, can));
  }
}

TEST_CASE("process faults that cannot work are refused before the run", "[nemesis]") {
  for (const auto add : {add_kill, add_pause, add_stop, add_restart, add_cpu, add_memory, add_fd_limit}) {
    Registry registry;
    add(registry);
    const FaultFactory& factory = *registry.faults().front();
    FaultOptions options;
    options.nodes = {"n1", "n2", "n3"};
    Capabilities can;
    can.kill = true;
    can.processes = {"db"};
    CHECK(factory.make(options, can));
    CHECK_FALSE(factory.make(options, Capabilities()));
    options.extra = {{"nodes", "one,n2+n3,minority"}};
    CHECK(factory.make(options, can));
    options.extra = {{"nodes", "n9"}};
    CHECK_FALSE(factory.make(options, can));
    options.extra = {{"nodes", ""}};
    CHECK_FALSE(factory.make(options, can));
    options.extra = {{"colour", "red"}};
    CHECK_FALSE(factory.make(options, can));
  }
}

}  // namespace
}  // namespace riven
