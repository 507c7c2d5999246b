// The link package: values to agents' params, real nodes made slow, options refused before the run.
#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "tests/agent/namespaces.h"

namespace riven {
void add_link(Registry& registry);

namespace {

Result<FaultPackage> link_package(std::map<std::string, std::string> extra = {}) {
  Registry registry;
  add_link(registry);
  FaultOptions options;
  options.nodes = {"n1", "n2", "n3"};
  options.extra = std::move(extra);
  return registry.faults().front()->make(options, Capabilities());
}

Op op_of(const char* f, Value value = {}) {
  Op op;
  op.f = Symbol(f);
  op.value = std::move(value);
  return op;
}

/// Milliseconds that one datagram takes from node `from` to node `to`; -1: it is lost.
int64_t trip_ms(const test::Namespaces& world, size_t from, size_t to) {
  const test::Socket receiver(world, to, test::Namespaces::v4(to), 7000, SOCK_DGRAM);
  const test::Socket sender(world, from, test::Namespaces::v4(from), 0, SOCK_DGRAM);
  const test::Endpoint there(test::Namespaces::v4(to), 7000);
  const int64_t sent = monotonic_now_ns();
  char byte = 'x';
  (void)sendto(sender.fd(), &byte, 1, 0, there.get(), there.size);
  return receiver.readable(1000) ? (monotonic_now_ns() - sent) / kNanosPerMilli : -1;
}

TEST_CASE("one node's links are slow both ways, others are not, and all is told and healed",
          "[nemesis][root]") {
  const auto world = test::Namespaces::make(3);
  if (!world) return;
  FaultTarget target;
  std::vector<std::unique_ptr<AgentClient>> agents;
  for (size_t i = 0; i < 3; ++i) {
    Node node;
    node.name = "n" + std::to_string(i + 1);
    node.addresses = {test::Namespaces::v4(i), test::Namespaces::v6(i)};
    target.nodes.push_back(node);
    auto agent = world->agent(i);
    REQUIRE(agent);
    target.agents.push_back(agent->get());
    agents.push_back(std::move(*agent));
  }
  auto package = link_package();
  REQUIRE(package);
  Nemesis& nemesis = *package->nemesis;
  const auto began =
      nemesis.invoke(target, op_of("start-link", Value::map({"nodes", "n1", "delay-ms", 250})));
  REQUIRE(began);
  CHECK(began->find("link")->find("delay_us")->integer() == 250'000);
  CHECK(trip_ms(*world, 0, 1) >= 250);
  CHECK(trip_ms(*world, 1, 0) >= 250);
  CHECK(trip_ms(*world, 1, 2) < 250);
  CHECK_FALSE(nemesis.invoke(target, op_of("start-link")));
  const auto ended = nemesis.invoke(target, op_of("stop-link"));
  REQUIRE(ended);
  CHECK(ended->find("took_effect")->boolean());
  CHECK(ended->find("delayed")->integer() == 2);
  CHECK(ended->find("by")->list().size() == 1);
  CHECK(ended->find("lost")->integer() == 0);
  CHECK(trip_ms(*world, 0, 1) < 250);

  // One way, and without traffic: no proof that it took effect.
  REQUIRE(nemesis.invoke(target, op_of("start-link", Value::map({"from", "n1", "to", "n2", "loss", 100}))));
  CHECK(trip_ms(*world, 1, 0) >= 0);
  const auto unused = nemesis.invoke(target, op_of("stop-link"));
  REQUIRE(unused);
  CHECK_FALSE(unused->find("took_effect")->boolean());
  REQUIRE(nemesis.invoke(target, op_of("start-link", Value::map({"from", "n1", "to", "n2", "loss", 100}))));
  CHECK(trip_ms(*world, 0, 1) == -1);
  CHECK(nemesis.heal(target));
  CHECK(nemesis.heal(target));
  CHECK(trip_ms(*world, 0, 1) >= 0);
  for (const Value& bad : {Value("slow"), Value::map({"delay-ms", "long"}), Value::map({"loss", 101}),
                           Value::map({"from", "n1"}), Value::map({"nodes", "n9"}),
                           Value::map({"from", "n1", "to", "n1"}), Value::map({"loss", 0})}) {
    INFO(to_edn(bad));
    CHECK_FALSE(nemesis.invoke(target, op_of("start-link", bad)));
  }
  for (size_t i = 0; i < 3; ++i) CHECK(world->output(i, "nft list ruleset").empty());
}

TEST_CASE("link options are read or refused before the run", "[nemesis]") {
  CHECK(link_package(
      {{"delay-ms", "100"}, {"jitter-ms", "2.5"}, {"distribution", "pareto"}, {"nodes", "all"}}));
  CHECK_FALSE(link_package({{"delay-ms", "long"}}));
  CHECK_FALSE(link_package({{"loss", "-1"}}));
  CHECK(link_package({{"loss", "20"}, {"loss-correlation", "75"}, {"by", "netem"}}));
  CHECK_FALSE(link_package({{"distribution", "flat"}}));
  CHECK_FALSE(link_package({{"loss", "20"}, {"by", "magic"}}));
  CHECK_FALSE(link_package({{"nodes", "n9"}}));
  CHECK_FALSE(link_package({{"colour", "red"}}));
}

}  // namespace
}  // namespace riven
