// The partition package: words to plans, plans to rules, operations to agents, and schedules.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "harness/generator/context.h"
#include "nemesis/shared/jittered.h"
#include "nemesis/shared/node_choice.h"
#include "nemesis/shared/partition_plan.h"
#include "tests/agent/namespaces.h"

namespace riven {
void add_partition(Registry& registry);

namespace {

FaultTarget cluster(size_t n) {
  FaultTarget target;
  for (size_t i = 0; i < n; ++i) {
    Node node;
    node.name = "n" + std::to_string(i + 1);
    node.addresses = {"198.18.77." + std::to_string(i + 1), "fd00:77::" + std::to_string(i + 1)};
    node.index = i;
    target.nodes.push_back(node);
  }
  target.controller_addresses = {"198.18.77.100"};
  return target;
}

Value words(std::initializer_list<const char*> items) {
  Value::List list;
  for (const char* item : items) list.emplace_back(item);
  return list;
}

TEST_CASE("every word makes a plan that its exact form makes again", "[nemesis]") {
  const FaultTarget target = cluster(5);
  for (const std::string& word : partition_words()) {
    if (word == "primaries") continue;  // needs a database
    for (uint64_t seed = 0; seed < 20; ++seed) {
      INFO(word << " " << seed);
      Rng rng(seed), other(99);
      const auto plan = plan_partition(Value(word), target, rng);
      REQUIRE(plan);
      const Value exact = describe(*plan, target.nodes);
      const auto again = plan_partition(exact, target, other);
      REQUIRE(again);
      CHECK(again->grudge == plan->grudge);
      CHECK(again->without_clients == plan->without_clients);
      CHECK(again->name == plan->name);
      CHECK(describe(*again, target.nodes) == exact);
    }
  }
}

TEST_CASE("one way by name, with port, share and reject", "[nemesis]") {
  const FaultTarget target = cluster(3);
  Rng rng(1);
  const Value spec = Value::map({"from", "n1", "to", words({"n2", "n3"}), "verdict", "reject", "port", 2380,
                                 "percent", 12.5, "flap-ms", 250});
  const auto plan = plan_partition(spec, target, rng);
  REQUIRE(plan);
  CHECK(plan->grudge == one_way(3, {0}, {1, 2}));
  const auto faults = faults_of(*plan, target);
  CHECK(faults[0].empty());
  REQUIRE(faults[1].size() == 1);
  const auto rules = packet_rules_from(faults[1][0].params);
  REQUIRE(rules);
  REQUIRE(rules->size() == 2);  // IPv4 and IPv6
  CHECK((*rules)[0].peer == "n1");
  CHECK((*rules)[0].address == "198.18.77.1");
  CHECK((*rules)[1].address == "fd00:77::1");
  CHECK((*rules)[0].verdict == PacketRule::Verdict::reject);
  CHECK((*rules)[0].port == 2380);
  CHECK((*rules)[0].per_million == 125'000);
  CHECK(integer_of(faults[1][0].params, "flap_us") == 250'000);
}

TEST_CASE("named nodes are isolated, in either spelling", "[nemesis]") {
  const FaultTarget target = cluster(5);
  Rng rng(1);
  const auto longer =
      plan_partition(Value::map({"partition", "isolate", "nodes", words({"n2", "n4"})}), target, rng);
  const auto shorter = plan_partition(Value::map({"isolate", words({"n2", "n4"})}), target, rng);
  REQUIRE(longer);
  REQUIRE(shorter);
  CHECK(longer->grudge == isolate(5, {1, 3}));
  CHECK(shorter->grudge == longer->grudge);
}

TEST_CASE("half of a two-way partition cuts each pair in one direction", "[nemesis]") {
  const FaultTarget target = cluster(5);
  Rng rng(2);
  const auto plan = plan_partition(Value::map({"partition", "halves", "one-way", true}), target, rng);
  REQUIRE(plan);
  CHECK(plan->grudge.size() == 6);
  for (size_t to = 0; to < 5; ++to) {
    for (const size_t from : plan->grudge.drops_of(to)) CHECK(plan->grudge.hears(from, to));
  }
}

TEST_CASE("clients are cut from the nodes that are named", "[nemesis]") {
  const FaultTarget target = cluster(3);
  Rng rng(3);
  const auto plan = plan_partition(Value::map({"partition", "clients", "nodes", words({"n2"})}), target, rng);
  REQUIRE(plan);
  const auto faults = faults_of(*plan, target);
  CHECK(faults[0].empty());
  REQUIRE(faults[1].size() == 1);
  CHECK(packet_rules_from(faults[1][0].params)->front().address == "198.18.77.100");
}

TEST_CASE("bad partitions are refused by name", "[nemesis]") {
  const FaultTarget target = cluster(3);
  const std::vector<std::pair<Value, std::string>> cases = {
      {Value("thirds"), "thirds"},
      {Value(5), "5"},
      {Value::map({"from", "n1"}), "both from and to"},
      {Value::map({"from", "n1", "to", "n9"}), "n9"},
      {Value::map({"drops", words({"n1"})}), "drops"},
      {Value::map({"drops", Value::map({"n7", words({"n1"})})}), "n7"},
      {Value::map({"drops", Value::map({"n1", words({})})}), "n1"},
      {Value::map({"partition", "one", "verdict", "maybe"}), "maybe"},
      {Value::map({"partition", "one", "port", 70'000}), "70000"},
      {Value::map({"partition", "one", "percent", 0}), "percent"},
      {Value::map({"partition", "one", "flap-ms", 9}), "flap-ms"},
      {Value("primaries"), "database"},
      {Value::map({"from", "n1", "to", "n1"}), "cuts nothing"}};
  for (const auto& [spec, word] : cases) {
    Rng rng(4);
    const auto plan = plan_partition(spec, target, rng);
    INFO(to_edn(spec));
    REQUIRE_FALSE(plan);
    if (word != "n1") CHECK(plan.error().message.find(word) != std::string::npos);
  }
}

TEST_CASE("nodes are chosen by word and name", "[nemesis]") {
  const FaultTarget five = cluster(5), four = cluster(4);
  Rng rng(6);
  CHECK(choose_nodes(Value("minority"), five, rng)->size() == 2);
  CHECK(choose_nodes(Value("minority"), four, rng)->size() == 1);  // two of four are no minority
  CHECK(choose_nodes(Value("majority"), four, rng)->size() == 3);
  CHECK(choose_nodes(Value("third"), five, rng)->size() == 1);
  CHECK(choose_nodes(Value("all"), five, rng)->size() == 5);
  CHECK(choose_nodes(Value("n3"), five, rng).value() == std::vector<size_t>{2});
  CHECK(choose_nodes(words({"n3", "n1", "n3"}), five, rng).value() == std::vector<size_t>{0, 2});
  CHECK_FALSE(choose_nodes(words({"n9"}), five, rng));
  CHECK_FALSE(choose_nodes(words({}), five, rng));
  FaultTarget held = five;
  CHECK_FALSE(choose_nodes(Value("lock-holders"), held, rng));  // no workload offers the word
  struct Holders final : NodeObserver {
    void note(const Op&) override {}
    std::vector<size_t> nodes() const override { return now; }
    std::vector<size_t> now = {1, 4};
  };
  const auto holders = std::make_shared<Holders>();
  held.groups["lock-holders"] = holders;
  CHECK(choose_nodes(Value("lock-holders"), held, rng).value() == std::vector<size_t>{1, 4});
  holders->now.clear();
  CHECK(choose_nodes(Value("lock-holders"), held, rng)->size() == 1);
  CHECK_FALSE(choose_nodes(Value(1), five, rng));
  std::set<size_t> ones;
  for (int i = 0; i < 100; ++i) ones.insert(choose_nodes(Value(), five, rng)->front());
  CHECK(ones.size() == 5);
}

FaultOptions options_for(const FaultTarget& target) {
  FaultOptions options;
  options.seed = 11;
  for (const Node& node : target.nodes) options.nodes.push_back(node.name);
  return options;
}

Result<FaultPackage> partition_package(const FaultOptions& options, const Capabilities& can = {}) {
  Registry registry;
  add_partition(registry);
  return registry.faults().front()->make(options, can);
}

TEST_CASE("the schedule starts and stops in turn, jittered, exact and the same for a seed", "[nemesis]") {
  const auto play = [](uint64_t key) {
    auto package = partition_package(options_for(cluster(5)));
    REQUIRE(package);
    World world(0);
    GeneratorPtr generator = package->generator;
    int64_t now = 0;
    std::vector<std::pair<int64_t, Op>> ops;
    while (ops.size() < 20) {
      const Context context(world, now, mix64(key + ops.size()));
      Step step = generator->next(context);
      REQUIRE_FALSE(step.is_done());
      if (step.rest) generator = step.rest;
      if (step.is_emit()) {
        ops.emplace_back(now, step.op);
      } else {
        REQUIRE(step.wake_ns > now);
        now = step.wake_ns;
      }
    }
    return ops;
  };
  const auto ops = play(1);
  int64_t before = 0;
  std::set<std::string> names;
  for (size_t i = 0; i < ops.size(); ++i) {
    CHECK(ops[i].second.f.text() == (i % 2 == 0 ? "start-partition" : "stop-partition"));
    const int64_t gap = ops[i].first - before;
    CHECK(gap >= 2'500'000'000);
    CHECK(gap < 7'500'000'000);
    before = ops[i].first;
    if (i % 2 == 0) {
      names.insert(std::string(ops[i].second.value.find("partition")->text()));
      CHECK(ops[i].second.value.find("drops") != nullptr);
    }
  }
  CHECK(names.size() >= 3);
  const auto again = play(1), other = play(2);
  bool same = true, differs = false;
  for (size_t i = 0; i < ops.size(); ++i) {
    same = same && ops[i].first == again[i].first && ops[i].second.value == again[i].second.value;
    differs = differs || ops[i].first != other[i].first;
  }
  CHECK(same);
  CHECK(differs);
}

TEST_CASE("options that cannot work are refused before the run", "[nemesis]") {
  FaultOptions options = options_for(cluster(5));
  options.extra = {{"partition", "halves,thirds"}};
  CHECK_FALSE(partition_package(options));
  options.extra = {{"colour", "red"}};
  CHECK_FALSE(partition_package(options));
  options.extra = {{"percent", "lots"}};
  CHECK_FALSE(partition_package(options));
  options.extra = {{"partition", "primaries"}};  // the database has none
  CHECK_FALSE(partition_package(options));
  options.extra = {{"partition", "halves"}, {"verdict", "reject"}, {"percent", "50"}};
  CHECK(partition_package(options));
  options.nodes = {"n1"};
  options.extra.clear();
  CHECK_FALSE(partition_package(options));
  Capabilities with_primaries;
  with_primaries.primaries = true;
  CHECK_FALSE(partition_package(options, with_primaries));  // one that nothing can be cut from
  options.nodes = {"n1", "n2"};                             // no bridge and no ring, but halves
  CHECK(partition_package(options));
}

/// One in each of the target's namespaces; borrowed by the target.
std::vector<std::unique_ptr<AgentClient>> start_agents(const test::Namespaces& world, FaultTarget& target,
                                                       Milliseconds lease = Milliseconds(10'000)) {
  std::vector<std::unique_ptr<AgentClient>> agents;
  for (size_t i = 0; i < target.nodes.size(); ++i) {
    auto agent = world.agent(i, world.owner(), lease);
    REQUIRE(agent);
    target.agents.push_back(agent->get());
    agents.push_back(std::move(*agent));
  }
  return agents;
}

TEST_CASE("a partition on real nodes bites, tells what it dropped, and heals", "[nemesis][root]") {
  const auto world = test::Namespaces::make(5);
  if (!world) return;
  FaultTarget target = cluster(5);
  const auto agents = start_agents(*world, target);
  auto package = partition_package(options_for(target));
  REQUIRE(package);
  Nemesis& nemesis = *package->nemesis;
  Op start, stop;
  start.f = Symbol("start-partition");
  stop.f = Symbol("stop-partition");
  start.value = Value::map({"partition", "isolate", "nodes", words({"n3"})});
  const auto began = nemesis.invoke(target, start);
  REQUIRE(began);
  CHECK(began->find("spread-us")->integer() < 100'000);
  CHECK(test::udp_arrivals(*world, 2, 0, 4) == 0);
  CHECK(test::udp_arrivals(*world, 0, 2, 4, true) == 0);
  CHECK(test::udp_arrivals(*world, 0, 1, 4) == 4);
  CHECK_FALSE(nemesis.invoke(target, start));  // one at a time
  const auto ended = nemesis.invoke(target, stop);
  REQUIRE(ended);
  CHECK(ended->find("took_effect")->boolean());
  CHECK(ended->find("dropped")->find("n3->n1")->integer() == 4);
  CHECK(ended->find("dropped")->find("n1->n3")->integer() == 4);
  CHECK(ended->find("dropped")->find("n2->n3")->integer() == 0);
  CHECK(test::udp_arrivals(*world, 2, 0, 4) == 4);

  start.value = Value("halves");
  REQUIRE(nemesis.invoke(target, start));
  CHECK(nemesis.heal(target));
  CHECK(nemesis.heal(target));
  const auto nothing = nemesis.invoke(target, stop);
  REQUIRE(nothing);
  CHECK_FALSE(nothing->is_map());
  for (size_t i = 0; i < 5; ++i) CHECK(world->output(i, "nft list ruleset").empty());
}

TEST_CASE("a partition that a lease ended before its time is told as such", "[nemesis][root]") {
  const auto world = test::Namespaces::make(2);
  if (!world) return;
  constexpr Milliseconds kLease{1'000};
  FaultTarget target = cluster(2);
  const auto agents = start_agents(*world, target, kLease);
  auto package = partition_package(options_for(target));
  REQUIRE(package);
  Nemesis& nemesis = *package->nemesis;
  Op start, stop;
  start.f = Symbol("start-partition");
  start.value = Value::map({"partition", "isolate", "nodes", words({"n1"})});
  stop.f = Symbol("stop-partition");
  REQUIRE(nemesis.invoke(target, start));
  // Nobody renews the lease of an agent that stands still.
  const pid_t agent = world->agent_pid(0);
  REQUIRE(agent > 1);
  kill(agent, SIGSTOP);
  usleep(static_cast<useconds_t>(2'000 * kLease.count()));
  kill(agent, SIGCONT);
  const auto ended = nemesis.invoke(target, stop);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().message.find("it had ended before on n1: the lease ran out") == 0);
  CHECK(nemesis.heal(target));
  CHECK_FALSE(nemesis.invoke(target, stop)->is_map());
  for (size_t i = 0; i < 2; ++i) CHECK(world->output(i, "nft list ruleset").empty());
}

}  // namespace
}  // namespace riven
