// Bad links: the model's chances and times, and the emulator on real packets in network namespaces.
#include <algorithm>
#include <cmath>
#include <csignal>
#include <fstream>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/network/link_model.h"
#include "tests/agent/namespaces.h"

namespace riven::test {
namespace {

using agent::LinkModel;
using agent::LinkOptions;

/// Delays of 20,000 packets in microseconds, sorted.
std::vector<double> delays_us(const LinkOptions& options) {
  LinkModel model(options, 1);
  std::vector<double> delays;
  for (int i = 0; i < 20'000; ++i) {
    delays.push_back(static_cast<double>(model.next(0, 100).release_ns) / 1000);
  }
  std::sort(delays.begin(), delays.end());
  return delays;
}

TEST_CASE("delays have the distribution asked for", "[agent]") {
  LinkOptions options;
  options.delay_ns = 50 * kNanosPerMilli;
  CHECK(delays_us(options).front() == 50'000);
  CHECK(delays_us(options).back() == 50'000);
  options.jitter_ns = 10 * kNanosPerMilli;
  const auto quantile = [](const std::vector<double>& all, double q) {
    return all[static_cast<size_t>(q * static_cast<double>(all.size() - 1))];
  };
  const auto normal = delays_us(options);
  CHECK(std::abs(quantile(normal, 0.5) - 50'000) < 400);
  CHECK(std::abs(quantile(normal, 0.8413) - 60'000) < 500);    // one sigma
  CHECK(std::abs(quantile(normal, 0.0228) - 30'000) < 1'000);  // two
  options.distribution = LinkOptions::Distribution::uniform;
  const auto uniform = delays_us(options);
  CHECK(uniform.front() >= 40'000);
  CHECK(uniform.back() <= 60'000);
  CHECK(std::abs(quantile(uniform, 0.25) - 45'000) < 300);
  options.distribution = LinkOptions::Distribution::pareto;
  const auto pareto = delays_us(options);
  CHECK(pareto.front() >= 50'000);
  CHECK(std::abs(quantile(pareto, 0.875) - 60'000) < 500);  // 8^(1/3) = 2
  options.delay_ns = 0;
  CHECK(delays_us(options).front() >= 0);
}

TEST_CASE("losses, doubles, damage and overtaking come as often as asked", "[agent]") {
  LinkOptions options;
  options.delay_ns = kNanosPerMilli;
  options.loss = 200'000;
  options.duplicate = 100'000;
  options.corrupt = 50'000;
  options.reorder = 250'000;
  LinkModel model(options, 2);
  double lost = 0, doubled = 0, damaged = 0, early = 0;
  constexpr double kPackets = 100'000;
  for (int i = 0; i < kPackets; ++i) {
    const auto fate = model.next(0, 100);
    lost += fate.lost ? 1 : 0;
    doubled += fate.duplicated ? 1 : 0;
    damaged += fate.corrupted ? 1 : 0;
    early += !fate.lost && fate.release_ns == 0 ? 1 : 0;
  }
  CHECK(std::abs(lost / kPackets - 0.2) < 0.01);
  CHECK(std::abs(doubled / kPackets - 0.08) < 0.005);  // of the 80% that are not lost
  CHECK(std::abs(damaged / kPackets - 0.04) < 0.004);
  CHECK(std::abs(early / kPackets - 0.2) < 0.01);
}

TEST_CASE("correlated losses keep their share and come in runs", "[agent]") {
  LinkOptions options;
  options.loss = 200'000;
  for (const uint32_t correlation : {0U, 500'000U, 750'000U}) {
    options.loss_correlation = correlation;
    LinkModel model(options, 4);
    double lost = 0, runs = 0;
    bool before = false;
    constexpr double kPackets = 200'000;
    for (int i = 0; i < kPackets; ++i) {
      const bool now = model.next(0, 100).lost;
      lost += now ? 1 : 0;
      runs += now && !before ? 1 : 0;
      before = now;
    }
    CHECK(std::abs(lost / kPackets - 0.2) < 0.01);
    const double length = 1 / ((1 - correlation / 1e6) * 0.8);
    CHECK(std::abs(lost / runs - length) < 0.05 * length);
  }
}

TEST_CASE("a double is as late as any other packet", "[agent]") {
  LinkOptions options;
  options.delay_ns = 10 * kNanosPerMilli;
  options.jitter_ns = kNanosPerMilli;
  options.distribution = LinkOptions::Distribution::uniform;
  options.duplicate = 1'000'000;
  LinkModel model(options, 5);
  int same = 0;
  for (int i = 0; i < 100; ++i) {
    const auto fate = model.next(0, 100);
    CHECK(std::abs(fate.copy_release_ns - options.delay_ns) <= options.jitter_ns);
    same += fate.copy_release_ns == fate.release_ns ? 1 : 0;
  }
  CHECK(same < 5);
}

TEST_CASE("a rate limit sends one packet after the other, and drops what would wait a second", "[agent]") {
  LinkOptions options;
  options.rate_bps = 8'000'000;  // a megabyte a second
  LinkModel model(options, 3);
  CHECK(model.next(0, 1000).release_ns == kNanosPerMilli);
  CHECK(model.next(0, 1000).release_ns == 2 * kNanosPerMilli);
  CHECK(model.next(10 * kNanosPerMilli, 1000).release_ns == 11 * kNanosPerMilli);
  int lost = 0;
  for (int i = 0; i < 2000; ++i) lost += model.next(11 * kNanosPerMilli, 1000).lost ? 1 : 0;
  CHECK(lost > 990);
  CHECK(lost < 1010);
}

TEST_CASE("link options that make no sense are refused by name", "[agent]") {
  CHECK(agent::link_options_from({{"delay_us", 1000}}));
  for (const auto& [params, word] : std::vector<std::pair<Json, std::string>>{
           {Json::object(), "nothing"},
           {{{"delay_us", -1}}, "delay_us"},
           {{{"jitter_us", 60'000'001}}, "jitter_us"},
           {{{"loss_per_million", 1'000'001}}, "loss_per_million"},
           {{{"rate_bps", -5}}, "rate_bps"},
           {{{"delay_us", 1}, {"loss_correlation_per_million", 1}}, "loss"},
           {{{"loss_per_million", 1}, {"loss_correlation_per_million", 1'000'000}}, "loss_correlation"},
           {{{"delay_us", 1}, {"distribution", "flat"}}, "flat"},
           {{{"reorder_per_million", 5}}, "reorder"}}) {
    const auto options = agent::link_options_from(params);
    REQUIRE_FALSE(options);
    CHECK(options.error().message.find(word) != std::string::npos);
  }
}

FaultSpec link_from(size_t peer, Json options, bool v6 = false) {
  options["by"] = "emulator";
  options["rules"] = to_json({drop_from(peer, v6)})["rules"];
  return {"link", std::move(options)};
}

/// Times in microseconds that datagrams take from node 1 to node 0, one every few milliseconds, sorted.
std::vector<int64_t> trip_times_us(const Namespaces& world, int count, bool v6 = false) {
  const auto address = [&](size_t i) { return v6 ? Namespaces::v6(i) : Namespaces::v4(i); };
  const Socket receiver(world, 0, address(0), 7000, SOCK_DGRAM);
  const Socket sender(world, 1, address(1), 0, SOCK_DGRAM);
  const Endpoint there(address(0), 7000);
  std::vector<int64_t> times_us;
  for (int i = 0; i < count; ++i) {
    const int64_t sent = monotonic_now_ns();
    (void)sendto(sender.fd(), &i, sizeof i, 0, there.get(), there.size);
    int got = -1;
    if (receiver.readable(1000) && recv(receiver.fd(), &got, sizeof got, 0) == sizeof got && got == i) {
      times_us.push_back((monotonic_now_ns() - sent) / 1000);
    }
  }
  std::sort(times_us.begin(), times_us.end());
  return times_us;
}

TEST_CASE("a slow link is as slow as asked, one way, over IPv4 and IPv6, and quick again", "[agent][root]") {
  const auto world = Namespaces::make(3);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const auto v4 = (*agent)->apply(link_from(1, {{"delay_us", 20'000}}));
  REQUIRE(v4);
  const auto v6 = (*agent)->apply(link_from(1, {{"delay_us", 20'000}}, true));
  REQUIRE(v6);
  for (const bool six : {false, true}) {
    const auto slow = trip_times_us(*world, 20, six);
    REQUIRE(slow.size() == 20);
    CHECK(slow.front() >= 20'000);
    CHECK(slow[10] < 25'000);  // other programs run here too
    WARN("20 ms asked over IPv" << (six ? 6 : 4) << ": median " << slow[10] << " us, worst " << slow.back());
  }
  CHECK(udp_arrivals(*world, 2, 0, 10) == 10);
  const auto healed = (*agent)->heal(v4->ids);
  REQUIRE(healed);
  CHECK(integer_of(healed->healed.front().proof, "delayed") == 20);
  CHECK(integer_of(healed->healed.front().proof, "packets") == 20);
  REQUIRE((*agent)->heal(v6->ids));
  CHECK(trip_times_us(*world, 10)[5] < 10'000);
  CHECK(world->output(0, "nft list ruleset").empty());
  CHECK(world->output(0, "cat /proc/net/netfilter/nfnetlink_queue").empty());
}

TEST_CASE("a lossy link loses its share", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const auto ack = (*agent)->apply(link_from(1, {{"loss_per_million", 200'000}}));
  REQUIRE(ack);
  const size_t arrived = udp_arrivals(*world, 1, 0, 10'000);
  const auto seen = (*agent)->observe();
  REQUIRE(seen);
  const Json& proof = seen->front().proof;
  CHECK(integer_of(proof, "packets") == 10'000);
  CHECK(integer_of(proof, "lost") > 1'900);
  CHECK(integer_of(proof, "lost") < 2'100);
  CHECK(arrived + static_cast<size_t>(integer_of(proof, "lost")) == 10'000);
}

TEST_CASE("packets arrive twice, damaged, or before their turn", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  for (const bool six : {false, true}) {
    INFO("IPv" << (six ? 6 : 4));
    const auto twice = (*agent)->apply(link_from(1, {{"duplicate_per_million", 1'000'000}}, six));
    REQUIRE(twice);
    const auto address = [&](size_t i) { return six ? Namespaces::v6(i) : Namespaces::v4(i); };
    {
      const Socket receiver(*world, 0, address(0), 7000, SOCK_DGRAM);
      const Socket sender(*world, 1, address(1), 0, SOCK_DGRAM);
      const Endpoint there(address(0), 7000);
      char byte = 'x';
      size_t arrived = 0;
      for (int i = 0; i < 10; ++i) (void)sendto(sender.fd(), &byte, 1, 0, there.get(), there.size);
      while (receiver.readable(300) && recv(receiver.fd(), &byte, 1, 0) == 1) ++arrived;
      CHECK(arrived == 20);
    }
    REQUIRE((*agent)->heal(twice->ids));
    // The checksum catches every single flipped bit: what is damaged never arrives.
    const auto damaged = (*agent)->apply(link_from(1, {{"corrupt_per_million", 1'000'000}}, six));
    REQUIRE(damaged);
    CHECK(udp_arrivals(*world, 1, 0, 20, six) == 0);
    const auto healed = (*agent)->heal(damaged->ids);
    REQUIRE(healed);
    CHECK(integer_of(healed->healed.front().proof, "corrupted") == 20);
  }
  // Doubles and damaged packets are late as well.
  for (const char* share : {"duplicate_per_million", "corrupt_per_million"}) {
    const auto both = (*agent)->apply(link_from(1, {{"delay_us", 50'000}, {share, 1'000'000}}));
    REQUIRE(both);
    const Socket receiver(*world, 0, Namespaces::v4(0), 7000, SOCK_DGRAM);
    const Socket sender(*world, 1, Namespaces::v4(1), 0, SOCK_DGRAM);
    const Endpoint there(Namespaces::v4(0), 7000);
    const int64_t sent = monotonic_now_ns();
    (void)sendto(sender.fd(), share, 1, 0, there.get(), there.size);
    if (receiver.readable(300)) CHECK(monotonic_now_ns() - sent >= 50 * kNanosPerMilli);
    const auto healed = (*agent)->heal(both->ids);
    REQUIRE(healed);
    CHECK(integer_of(healed->healed.front().proof, "delayed") == 1);
  }
  const auto early = (*agent)->apply(link_from(1, {{"delay_us", 20'000}, {"reorder_per_million", 300'000}}));
  REQUIRE(early);
  const Socket receiver(*world, 0, Namespaces::v4(0), 7000, SOCK_DGRAM);
  const Socket sender(*world, 1, Namespaces::v4(1), 0, SOCK_DGRAM);
  const Endpoint there(Namespaces::v4(0), 7000);
  for (int i = 0; i < 100; ++i) (void)sendto(sender.fd(), &i, sizeof i, 0, there.get(), there.size);
  int before = -1, number = 0, overtaken = 0, arrived = 0;
  while (receiver.readable(300) && recv(receiver.fd(), &number, sizeof number, 0) == sizeof number) {
    overtaken += number < before ? 1 : 0;
    before = number;
    ++arrived;
  }
  CHECK(arrived == 100);
  CHECK(overtaken >= 1);
}

TEST_CASE("TCP works over a slow and lossy link, and the agent's death leaves it quick", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  REQUIRE((*agent)->apply(
      link_from(1, {{"delay_us", 5'000}, {"jitter_us", 1'000}, {"loss_per_million", 20'000}})));
  const Socket listener(*world, 0, Namespaces::v4(0), 7100, SOCK_STREAM);
  REQUIRE(listen(listener.fd(), 8) == 0);
  {
    const Socket client(*world, 1, Namespaces::v4(1), 0, SOCK_STREAM);
    REQUIRE(client.connect(Namespaces::v4(0), 7100, 5000));
    const Socket server(accept(listener.fd(), nullptr, nullptr));
    fcntl(client.fd(), F_SETFL, 0);
    std::thread writer([&] {
      const std::string block(100'000, 'x');
      for (int i = 0; i < 5; ++i) (void)send(client.fd(), block.data(), block.size(), MSG_NOSIGNAL);
      shutdown(client.fd(), SHUT_WR);
    });
    size_t total = 0;
    char buffer[65536];
    while (server.readable(5000)) {
      const ssize_t got = recv(server.fd(), buffer, sizeof buffer, 0);
      if (got <= 0) break;
      total += static_cast<size_t>(got);
    }
    writer.join();
    CHECK(total == 500'000);
  }
  const pid_t pid = world->agent_pid(0);
  REQUIRE(pid > 1);
  kill(pid, SIGKILL);
  usleep(50'000);
  CHECK(udp_arrivals(*world, 1, 0, 100) == 100);  // nobody listens at the queue: packets pass
  CHECK_FALSE((*agent)->ping());
  REQUIRE((*agent)->ping());
  CHECK(world->output(0, "nft list ruleset").empty());
}

}  // namespace
}  // namespace riven::test
