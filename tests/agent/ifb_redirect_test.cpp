// The way round for received packets: real devices, filters and qdiscs in network namespaces; needs no netem.
#include "nemesis/agent/network/ifb_redirect.h"

#include "harness/agent_protocol/packet_rule.h"
#include "nemesis/agent/network/netem.h"
#include "tests/agent/namespaces.h"

namespace riven::test {
namespace {

using agent::Context;
using agent::IfbRedirect;
using agent::LinkOptions;

/// Everything that a redirect could leave behind.
std::string state_of(const Namespaces& world) {
  return world.output(0, "tc qdisc show") + world.output(0, "tc filter show dev eth0 ingress") +
         world.output(0, "ip -o link");
}

std::unique_ptr<IfbRedirect> planned(const Context& context, const std::vector<PacketRule>& rules) {
  auto redirect = IfbRedirect::plan(context, "fault-1", rules);
  REQUIRE(redirect);
  return std::move(*redirect);
}

std::unique_ptr<IfbRedirect> in_force(const Context& context) {
  auto redirect = planned(context, {drop_from(1), drop_from(1, true)});
  REQUIRE(redirect->make());
  REQUIRE(redirect->arm());
  REQUIRE(redirect->apply());
  return redirect;
}

/// Fn in a thread of its own inside node 0, where a failed check must not unwind.
void on_first(const Namespaces& world, const std::function<void()>& fn) {
  std::exception_ptr failed;
  world.inside(0, [&] {
    try {
      fn();
    } catch (...) {
      failed = std::current_exception();
    }
  });
  if (failed) std::rethrow_exception(failed);
}

TEST_CASE("packets of the peers go the way round, others do not, and nothing is left", "[agent][root]") {
  const auto world = Namespaces::make(3);
  if (!world) return;
  const std::string before = state_of(*world);
  Context context;
  context.owner = world->owner();
  std::unique_ptr<IfbRedirect> redirect;
  on_first(*world, [&] { redirect = in_force(context); });
  CHECK(udp_arrivals(*world, 1, 0, 20) == 20);
  CHECK(udp_arrivals(*world, 1, 0, 10, true) == 10);
  CHECK(udp_arrivals(*world, 2, 0, 10) == 10);
  const auto packets = redirect->packets();
  REQUIRE(packets);
  CHECK(*packets == 30);
  CHECK(state_of(*world) != before);
  for (int time = 0; time < 2; ++time) {
    on_first(*world, [&] { CHECK(IfbRedirect::undo(redirect->record())); });
    CHECK(state_of(*world) == before);
    CHECK(udp_arrivals(*world, 1, 0, 10) == 10);
  }
}

TEST_CASE("a way round is found again without a ledger, and only by its owner", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  const std::string before = state_of(*world);
  Context context, other;
  context.owner = world->owner();
  other.owner = world->owner() + "x";
  on_first(*world, [&] {
    in_force(context);
    const auto none = IfbRedirect::sweep(other);
    REQUIRE(none);
    CHECK(none->empty());
    const auto swept = IfbRedirect::sweep(context);
    REQUIRE(swept);
    CHECK(swept->size() == 1);
  });
  CHECK(state_of(*world) == before);
}

TEST_CASE("what others have at a device's ingress is neither used nor taken away", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  Context context;
  context.owner = world->owner();
  world->output(0, "tc qdisc add dev eth0 ingress");
  const std::string before = state_of(*world);
  on_first(*world, [&] {
    const auto refused = IfbRedirect::plan(context, "fault-1", {drop_from(1)});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("eth0") != std::string::npos);
    CHECK(IfbRedirect::undo({{"device", "rv0123456789abc"}, {"at", {"eth0"}}}));
    CHECK_FALSE(IfbRedirect::undo({{"device", "eth0"}, {"at", Json::array()}}));
  });
  CHECK(state_of(*world) == before);
  world->output(0, "tc qdisc del dev eth0 ingress");
  // A filter that somebody adds meanwhile stays, with the qdisc that it hangs on.
  const std::string theirs =
      "tc filter add dev eth0 ingress pref 7 protocol ip u32 match ip src 192.0.2.1/32";
  on_first(*world, [&] {
    const auto redirect = in_force(context);
    world->output(0, theirs);
    CHECK(IfbRedirect::undo(redirect->record()));
  });
  CHECK(world->output(0, "tc filter show dev eth0 ingress").find("c0000201") != std::string::npos);
  CHECK(world->output(0, "ip -o link show type ifb").empty());
}

TEST_CASE("the controller's own connection does not go the way round", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  Context context;
  context.owner = world->owner();
  context.control_addresses = {Namespaces::v4(1), Namespaces::v6(1)};
  context.control_port = 7300;
  std::unique_ptr<IfbRedirect> redirect;
  on_first(*world, [&] { redirect = in_force(context); });
  const auto connects = [&](const std::string& address, const std::string& from, uint16_t port) {
    const Socket listener(*world, 0, address, port, SOCK_STREAM);
    REQUIRE(listen(listener.fd(), 1) == 0);
    const Socket client(*world, 1, from, 0, SOCK_STREAM);
    CHECK(client.connect(address, port, 1000));
    const auto packets = redirect->packets();
    REQUIRE(packets);
    return *packets;
  };
  CHECK(connects(Namespaces::v4(0), Namespaces::v4(1), 7300) == 0);
  CHECK(connects(Namespaces::v6(0), Namespaces::v6(1), 7300) == 0);
  CHECK(connects(Namespaces::v4(0), Namespaces::v4(1), 7301) > 0);
  on_first(*world, [&] { CHECK(IfbRedirect::undo(redirect->record())); });
}

TEST_CASE("netem is told what it does exactly, and refused the rest by name", "[agent]") {
  LinkOptions options;
  options.delay_ns = 50'000'000;
  options.loss = 250'000;
  options.reorder = 500'000;
  const auto plain = agent::netem_plan(options);
  REQUIRE(plain);
  CHECK(plain->delay_us == 50'000);
  CHECK(plain->loss == 0x40000000);
  CHECK(plain->reorder == 0x80000000);
  CHECK(plain->table.empty());
  options.loss_correlation = 500'000;
  const auto chain = agent::netem_plan(options);
  REQUIRE(chain);
  CHECK(chain->loss == 0);
  CHECK(chain->begin_losses == 0x20000000);
  CHECK(chain->end_losses == 0x60000000);
  options.jitter_ns = 10'000'000;
  const auto normal = agent::netem_plan(options);
  REQUIRE(normal);
  REQUIRE(normal->table.size() == 16'384);
  CHECK(normal->jitter_us == 10'000);
  CHECK(std::abs(normal->table[8'192]) <= 1);
  CHECK(std::abs(normal->table[13'784] - 8'192) <= 3);  // one sigma
  options.distribution = LinkOptions::Distribution::pareto;
  const auto pareto = agent::netem_plan(options);
  REQUIRE(pareto);
  CHECK(pareto->jitter_us == 80'000);
  CHECK(pareto->table.front() == 0);
  CHECK(std::abs(pareto->table[14'336] - 1'024) <= 1);  // a jitter: 8^(1/3) = 2
  const auto refused = [](auto&& change, const char* word) {
    LinkOptions asked;
    asked.delay_ns = 1'000'000;
    change(asked);
    const auto plan = agent::netem_plan(asked);
    REQUIRE_FALSE(plan);
    CHECK(plan.error().message.find(word) != std::string::npos);
  };
  refused([](LinkOptions& o) { o.corrupt = 1; }, "checksum");
  refused([](LinkOptions& o) { o.rate_bps = 1'000; }, "rate");
  refused([](LinkOptions& o) { o.loss = o.duplicate = 1; }, "doubles");
  refused([](LinkOptions& o) { o.jitter_ns = 3'000'000'000; }, "jitter");
}

}  // namespace
}  // namespace riven::test
