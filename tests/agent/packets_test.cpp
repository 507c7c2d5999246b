// Packet faults on real kernels, in network namespaces that the test makes: they bite, they heal, they touch
// nothing else.
#include <algorithm>
#include <csignal>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/core/clock.h"
#include "tests/agent/namespaces.h"

namespace riven::test {
namespace {

TEST_CASE("drops one way, over IPv4 and IPv6, counted by peer", "[agent][root]") {
  const auto world = Namespaces::make(3);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  REQUIRE(udp_arrivals(*world, 1, 0, 10) == 10);

  const auto ack = (*agent)->apply(packets({drop_from(1), drop_from(1, true)}));
  REQUIRE(ack);
  CHECK(ack->last_ns >= ack->first_ns);
  CHECK(udp_arrivals(*world, 1, 0, 10) == 0);
  CHECK(udp_arrivals(*world, 1, 0, 5, true) == 0);
  CHECK(udp_arrivals(*world, 0, 1, 10) == 10);  // the other way is open
  CHECK(udp_arrivals(*world, 2, 0, 10) == 10);  // the others are not concerned

  const auto seen = (*agent)->observe();
  REQUIRE(seen);
  REQUIRE(seen->size() == 1);
  CHECK(dropped((*seen)[0].proof, "n2") >= 15);

  const auto healed = (*agent)->heal(ack->ids);
  REQUIRE(healed);
  REQUIRE(healed->healed.size() == 1);
  CHECK(dropped(healed->healed[0].proof, "n2") >= 15);
  CHECK(udp_arrivals(*world, 1, 0, 10) == 10);
  CHECK(udp_arrivals(*world, 1, 0, 10, true) == 10);
}

TEST_CASE("an established connection is cut and goes on after the heal", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const Socket listener(*world, 0, Namespaces::v4(0), 7100, SOCK_STREAM);
  REQUIRE(listen(listener.fd(), 8) == 0);
  const Socket client(*world, 1, Namespaces::v4(1), 0, SOCK_STREAM);
  REQUIRE(client.connect(Namespaces::v4(0), 7100, 1000));
  const Socket server(accept(listener.fd(), nullptr, nullptr));
  char byte = 'a';
  REQUIRE(send(client.fd(), &byte, 1, 0) == 1);
  REQUIRE(server.readable(1000));
  REQUIRE(recv(server.fd(), &byte, 1, 0) == 1);

  const auto ack = (*agent)->apply(packets({drop_from(1)}));
  REQUIRE(ack);
  REQUIRE(send(client.fd(), &byte, 1, 0) == 1);
  CHECK_FALSE(server.readable(500));
  REQUIRE((*agent)->heal(ack->ids));
  CHECK(server.readable(5000));  // TCP sends again
}

TEST_CASE("reject answers with a reset, drop with silence", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const Socket listener(*world, 0, Namespaces::v4(0), 7100, SOCK_STREAM);
  REQUIRE(listen(listener.fd(), 8) == 0);
  PacketRule rule = drop_from(1);
  const auto silent = (*agent)->apply(packets({rule}));
  REQUIRE(silent);
  {
    const Socket client(*world, 1, Namespaces::v4(1), 0, SOCK_STREAM);
    CHECK_FALSE(client.connect(Namespaces::v4(0), 7100, 300));
    CHECK(client.error() == 0);
  }
  REQUIRE((*agent)->heal(silent->ids));
  rule.verdict = PacketRule::Verdict::reject;
  const auto loud = (*agent)->apply(packets({rule}));
  REQUIRE(loud);
  const Socket client(*world, 1, Namespaces::v4(1), 0, SOCK_STREAM);
  CHECK_FALSE(client.connect(Namespaces::v4(0), 7100, 1000));
  CHECK(client.error() == ECONNREFUSED);
}

TEST_CASE("one port, a share of the packets, and the way out", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  PacketRule port = drop_from(1);
  port.port = 7001;
  const auto by_port = (*agent)->apply(packets({port}));
  REQUIRE(by_port);
  CHECK(udp_arrivals(*world, 1, 0, 10, false, 7001) == 0);
  CHECK(udp_arrivals(*world, 1, 0, 10, false, 7002) == 10);
  REQUIRE((*agent)->heal(by_port->ids));

  PacketRule share = drop_from(1);
  share.per_million = 200'000;
  const auto by_share = (*agent)->apply(packets({share}));
  REQUIRE(by_share);
  const size_t arrived = udp_arrivals(*world, 1, 0, 10'000);
  CHECK(arrived > 7'800);  // five standard deviations are 200
  CHECK(arrived < 8'200);
  REQUIRE((*agent)->heal(by_share->ids));

  PacketRule out = drop_from(1);
  out.direction = PacketRule::Direction::out;
  const auto outward = (*agent)->apply(packets({out}));
  REQUIRE(outward);
  CHECK(udp_arrivals(*world, 0, 1, 10) == 0);
  CHECK(udp_arrivals(*world, 1, 0, 10) == 10);
}

TEST_CASE("healing twice is healing once, and other people's tables stay", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  REQUIRE(world->output(0, "nft add table inet theirs").empty());
  REQUIRE(world->output(0, "nft add table inet riven-other.f1").empty());
  const std::string before = world->output(0, "nft list ruleset");
  auto agent = world->agent(0);
  REQUIRE(agent);
  const auto ack = (*agent)->apply(packets({drop_from(1)}));
  REQUIRE(ack);
  CHECK(world->output(0, "nft list ruleset").find("comment \"n2|198.18.77.2\"") != std::string::npos);
  REQUIRE((*agent)->heal(ack->ids));
  const auto again = (*agent)->heal(ack->ids);
  REQUIRE(again);
  REQUIRE(again->healed.size() == 1);  // it still tells what it was
  REQUIRE((*agent)->heal_all());
  REQUIRE((*agent)->heal({"no-such-fault"}));
  CHECK(world->output(0, "nft list ruleset") == before);
}

TEST_CASE("what is refused leaves nothing", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  CHECK_FALSE((*agent)->apply({"packets", {{"rules", {{{"address", "not an address"}}}}}}));
  CHECK_FALSE((*agent)->apply({"no such kind", Json::object()}));
  CHECK_FALSE((*agent)->commit({"never-staged"}, 0));
  CHECK_FALSE((*agent)->prepare({}));
  CHECK((*agent)->observe()->empty());
  CHECK(world->output(0, "nft list ruleset").empty());
}

TEST_CASE("probe says what works and that the kernel is shared", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const auto probe = (*agent)->probe();
  REQUIRE(probe);
  CHECK(probe->shares_kernel);
  const auto packets_ability = std::find_if(probe->abilities.begin(), probe->abilities.end(),
                                            [](const auto& ability) { return ability.kind == "packets"; });
  REQUIRE(packets_ability != probe->abilities.end());
  CHECK(packets_ability->works);
  CHECK(packets_ability->why_not.empty());
  CHECK(world->output(0, "nft list ruleset").empty());
}

TEST_CASE("five nodes are parted within 5 ms", "[agent][root]") {
  const auto world = Namespaces::make(5);
  if (!world) return;
  std::vector<std::unique_ptr<AgentClient>> agents;
  for (size_t i = 0; i < 5; ++i) {
    auto agent = world->agent(i);
    REQUIRE(agent);
    agents.push_back(std::move(*agent));
  }
  std::vector<int64_t> spreads_ns;
  for (int round = 0; round < 50; ++round) {
    std::vector<NodeFaults> faults;
    for (size_t i = 0; i < 5; ++i) {
      std::vector<PacketRule> rules;
      for (size_t j = 0; j < 5; ++j) {
        if ((i < 2) != (j < 2)) rules.insert(rules.end(), {drop_from(j), drop_from(j, true)});
      }
      faults.push_back({agents[i].get(), {packets(rules)}});
    }
    const auto acks = apply_together(faults);
    REQUIRE(acks);
    int64_t first = INT64_MAX, last = 0;
    std::vector<AgentClient*> all;
    std::vector<std::vector<std::string>> ids;
    for (size_t i = 0; i < 5; ++i) {
      first = std::min(first, (*acks)[i].first_ns);
      last = std::max(last, (*acks)[i].last_ns);
      all.push_back(agents[i].get());
      ids.push_back((*acks)[i].ids);
    }
    spreads_ns.push_back(last - first);
    if (round == 0) CHECK(udp_arrivals(*world, 0, 3, 3) + udp_arrivals(*world, 3, 0, 3, true) == 0);
    REQUIRE(heal_together(all, ids));
  }
  std::sort(spreads_ns.begin(), spreads_ns.end());
  WARN("five nodes, first to last rule: median " << spreads_ns[25] / 1000 << " us, max "
                                                 << spreads_ns[49] / 1000 << " us");
  CHECK(spreads_ns[25] < 5 * kNanosPerMilli);
  CHECK(udp_arrivals(*world, 0, 3, 3) == 3);
}

TEST_CASE("where one node refuses, none stays parted", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto first = world->agent(0);
  auto second = world->agent(1);
  REQUIRE(first);
  REQUIRE(second);
  const auto acks = apply_together(
      {{first->get(), {packets({drop_from(1)})}}, {second->get(), {{"no such kind", Json::object()}}}});
  REQUIRE_FALSE(acks);
  CHECK(acks.error().message.find("node 2") != std::string::npos);
  CHECK(world->output(0, "nft list ruleset").empty());
}

}  // namespace
}  // namespace riven::test
