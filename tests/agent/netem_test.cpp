// Links by the kernel's netem, and by the emulator beside it: the same from outside. Only where there is
// netem; tests/e2e/own_kernel.py runs this in a guest (RIVEN_NETEM=required).
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fstream>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "tests/agent/namespaces.h"

namespace riven::test {
namespace {

/// Namespaces on a kernel with netem; null after saying why not.
std::unique_ptr<Namespaces> netem_world() {
  auto world = Namespaces::make(2);
  if (world) {
    const std::string refused = world->output(0, "tc qdisc add dev lo root netem delay 1ms");
    world->output(0, "tc qdisc del dev lo root");
    if (refused.empty()) return world;
    WARN("skipped: " << refused);
  }
  REQUIRE(std::getenv("RIVEN_NETEM") == nullptr);
  return nullptr;
}

FaultSpec link_by(const std::string& by, Json options, bool v6 = false) {
  options["by"] = by;
  options["rules"] = to_json({drop_from(1, v6)})["rules"];
  return {"link", std::move(options)};
}

std::string state_of(const Namespaces& world) {
  std::string state;
  for (const char* each : {"tc qdisc show", "ip -o link", "nft list ruleset"}) state += world.output(0, each);
  return state;
}

struct Arrival {
  uint32_t number;
  int64_t trip_ns;
};

/// Sends datagrams from node 1 to node 0 in a steady rhythm; what arrived and when, in order of arrival.
std::vector<Arrival> arrivals(const Namespaces& world, uint32_t count, int64_t pace_ns, bool v6 = false) {
  struct Letter {
    uint32_t number;
    uint32_t unused;
    int64_t sent_ns;
    std::array<char, 984> filling;  // so that damage hits the content nearly always
  };
  const auto address = [&](size_t i) { return v6 ? Namespaces::v6(i) : Namespaces::v4(i); };
  const Socket receiver(world, 0, address(0), 7000, SOCK_DGRAM);
  const Socket sender(world, 1, address(1), 0, SOCK_DGRAM);
  const int room = 8 << 20;
  setsockopt(receiver.fd(), SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
  const Endpoint there(address(0), 7000);
  std::atomic<bool> all_sent = false;
  std::vector<Arrival> got;
  std::thread listening([&] {
    const sched_param priority{.sched_priority = 30};
    sched_setscheduler(0, SCHED_FIFO, &priority);
    Letter letter{};
    while (receiver.readable(500) || !all_sent) {
      if (recv(receiver.fd(), &letter, sizeof letter, MSG_DONTWAIT) != sizeof letter) continue;
      got.push_back({letter.number, monotonic_now_ns() - letter.sent_ns});
    }
  });
  int64_t at_ns = monotonic_now_ns();
  for (uint32_t i = 0; i < count; ++i) {
    at_ns += pace_ns;
    const timespec at{at_ns / kNanosPerSecond, at_ns % kNanosPerSecond};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);
    Letter letter{};
    letter.number = i;
    letter.sent_ns = monotonic_now_ns();
    (void)sendto(sender.fd(), &letter, sizeof letter, 0, there.get(), there.size);
  }
  all_sent = true;
  listening.join();
  return got;
}

TEST_CASE("netem makes a link bad behind the same options and leaves nothing", "[agent][root][netem]") {
  const auto world = netem_world();
  if (!world) return;
  const std::string before = state_of(*world);
  auto agent = world->agent(0);
  REQUIRE(agent);
  const auto probe = (*agent)->probe();
  REQUIRE(probe);
  CHECK(text_of(probe->facts, "link") == "netem");
  CHECK(state_of(*world) == before);
  for (const bool v6 : {false, true}) {
    const auto ack = (*agent)->apply(link_by("auto", {{"delay_us", 20'000}}, v6));
    REQUIRE(ack);
    CHECK(text_of(ack->details.front(), "by") == "netem");
    for (const Arrival& each : arrivals(*world, 20, kNanosPerMilli, v6)) CHECK(each.trip_ns >= 20'000'000);
    const auto healed = (*agent)->heal(ack->ids);
    REQUIRE(healed);
    const Json& proof = healed->healed.front().proof;
    INFO(proof.dump());
    CHECK(integer_of(proof, "delayed") == 20);
    CHECK(integer_of(proof, "packets") == 20);
    CHECK(state_of(*world) == before);
    REQUIRE((*agent)->heal(ack->ids));
    CHECK(state_of(*world) == before);
  }
  // What netem would do otherwise is the emulator's, and so is a second fault at the same device.
  CHECK_FALSE((*agent)->apply(link_by("netem", {{"corrupt_per_million", 5}})));
  const auto damaged = (*agent)->apply(link_by("auto", {{"corrupt_per_million", 5}}));
  REQUIRE(damaged);
  CHECK(text_of(damaged->details.front(), "by") != "netem");
  const auto first = (*agent)->apply(link_by("auto", {{"delay_us", 1'000}}));
  const auto second = (*agent)->apply(link_by("auto", {{"delay_us", 1'000}}));
  REQUIRE(first);
  REQUIRE(second);
  CHECK(text_of(first->details.front(), "by") == "netem");
  CHECK(text_of(second->details.front(), "by") != "netem");

  // The agent dies; the next one finds the ledger.
  const pid_t pid = world->agent_pid(0);
  REQUIRE(pid > 1);
  kill(pid, SIGKILL);
  CHECK_FALSE((*agent)->ping());
  REQUIRE((*agent)->ping());
  CHECK(state_of(*world) == before);
}

struct Figures {
  std::vector<double> trips_ms;  // sorted
  double loss = 0;
  double run = 0;  // mean length of a run of losses
  double doubled = 0;
  double early = 0;  // sooner than half of the delay
  double quantile(double q) const {
    return trips_ms.at(static_cast<size_t>(q * static_cast<double>(trips_ms.size() - 1)));
  }
};

Figures figures_of(const std::vector<Arrival>& got, uint32_t count, double delay_ms) {
  Figures figures;
  std::vector<uint32_t> times(count);
  double early = 0, doubled = 0, lost = 0, runs = 0;
  for (const Arrival& each : got) {
    const double trip_ms = static_cast<double>(each.trip_ns) / 1e6;
    figures.trips_ms.push_back(trip_ms);
    early += trip_ms < delay_ms / 2 ? 1 : 0;
    ++times.at(each.number);
  }
  for (uint32_t i = 0; i < count; ++i) {
    doubled += times[i] > 1 ? 1 : 0;
    lost += times[i] == 0 ? 1 : 0;
    runs += times[i] == 0 && (i == 0 || times[i - 1] > 0) ? 1 : 0;
  }
  std::sort(figures.trips_ms.begin(), figures.trips_ms.end());
  figures.loss = lost / count;
  figures.run = runs > 0 ? lost / runs : 0;
  figures.doubled = doubled / count;
  figures.early = early / static_cast<double>(std::max<size_t>(1, got.size()));
  return figures;
}

/// The largest distance between the two distribution functions (Kolmogorov and Smirnov), after `shift` was
/// added to the second.
double distance(const std::vector<double>& one, const std::vector<double>& two, double shift) {
  double largest = 0;
  size_t i = 0, j = 0;
  while (i < one.size() && j < two.size()) {
    if (one[i] <= two[j] + shift) {
      ++i;
    } else {
      ++j;
    }
    largest = std::max(largest, std::abs(static_cast<double>(i) / static_cast<double>(one.size()) -
                                         static_cast<double>(j) / static_cast<double>(two.size())));
  }
  return largest;
}

void tell(const std::string& title, const char* by, const Figures& figures) {
  std::printf(
      "%-28s %-8s p10 %.2f p50 %.2f p90 %.2f p99 %.2f ms, lost %.3f in runs of %.2f, doubled %.3f, "
      "early %.3f\n",
      title.c_str(), by, figures.quantile(0.1), figures.quantile(0.5), figures.quantile(0.9),
      figures.quantile(0.99), figures.loss, figures.run, figures.doubled, figures.early);
  std::fflush(stdout);
}

/// The same options by both, one after the other.
class Comparison {
 public:
  Comparison(const Namespaces& world, AgentClient& agent) : world_(world), agent_(agent) {}
  void measure(const std::string& title, const Json& options, uint32_t count, int64_t pace_ns,
               double delay_ms = 0) {
    for (Figures* figures : {&netem, &emulated}) {
      const char* const by = figures == &netem ? "netem" : "emulator";
      const auto ack = agent_.apply(link_by(by, options));
      INFO((ack ? "" : ack.error().message));
      REQUIRE(ack);
      *figures = figures_of(arrivals(world_, count, pace_ns), count, delay_ms);
      REQUIRE(agent_.heal(ack->ids));
      REQUIRE(figures->trips_ms.size() > count / 4);
      tell(title, by, *figures);
    }
  }
  Figures netem, emulated;

 private:
  const Namespaces& world_;
  AgentClient& agent_;
};

// A guest runs under TCG, many times slower than a machine, and shares that with whatever else runs there:
// how late it is by itself is measured first, and the bounds are beyond that.
TEST_CASE("netem and the emulator cannot be told apart by delays", "[.][agent][root][netem]") {
  const auto world = netem_world();
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  constexpr int64_t kPaceNs = 2 * kNanosPerMilli;
  const Figures own = figures_of(arrivals(*world, 2'000, kPaceNs), 2'000, 0);
  tell("a link that is not bad", "", own);
  Comparison both(*world, **agent);
  both.measure("delay 50 ms", {{"delay_us", 50'000}}, 2'000, kPaceNs);
  for (const Figures& each : {both.netem, both.emulated}) {
    CHECK(each.trips_ms.size() == 2'000);
    CHECK(each.trips_ms.front() >= 50);
    CHECK(each.quantile(0.5) < 55);
    CHECK(each.quantile(0.99) < 60 + 3 * own.quantile(0.99));
  }
  // What each is late by itself is told above and is no part of a distribution's form; jitter is wide, so
  // that what the guest is late by is little beside it.
  const double shift_ms = both.netem.quantile(0.5) - both.emulated.quantile(0.5);
  for (const char* distribution : {"normal", "uniform", "pareto"}) {
    const std::string title = std::string("300 +- 100 ms, ") + distribution;
    both.measure(title, {{"delay_us", 300'000}, {"jitter_us", 100'000}, {"distribution", distribution}},
                 3'000, kPaceNs);
    const double apart = distance(both.netem.trips_ms, both.emulated.trips_ms, shift_ms);
    std::printf("%-28s Kolmogorov-Smirnov distance %.4f\n", title.c_str(), apart);
    CHECK(apart < 0.07);  // chance alone exceeds 0.050 once in a thousand pairs of 3,000
  }
}

TEST_CASE("netem and the emulator cannot be told apart by shares", "[.][agent][root][netem]") {
  const auto world = netem_world();
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  Comparison both(*world, **agent);
  constexpr int64_t kPaceNs = 600'000;
  for (const int correlation : {0, 500'000, 750'000}) {
    const double length = 1 / ((1 - correlation / 1e6) * 0.8);
    const std::string title = "loss 20%, correlation " + std::to_string(correlation / 10'000) + "%";
    both.measure(title, {{"loss_per_million", 200'000}, {"loss_correlation_per_million", correlation}}, 8'000,
                 kPaceNs);
    for (const Figures& each : {both.netem, both.emulated}) {
      CHECK(std::abs(each.loss - 0.2) < (correlation == 0 ? 0.02 : 0.05));
      CHECK(std::abs(each.run - length) < 0.2 * length);
    }
  }
  both.measure("duplicate 10%, delay 20 ms", {{"duplicate_per_million", 100'000}, {"delay_us", 20'000}},
               4'000, kPaceNs, 20);
  for (const Figures& each : {both.netem, both.emulated}) {
    CHECK(std::abs(each.doubled - 0.1) < 0.025);
    CHECK(each.early == 0);
    CHECK(each.loss == 0);
  }
  both.measure("reorder 25%, delay 50 ms", {{"reorder_per_million", 250'000}, {"delay_us", 50'000}}, 4'000,
               kPaceNs, 50);
  for (const Figures& each : {both.netem, both.emulated}) CHECK(std::abs(each.early - 0.25) < 0.04);
  // netem at its usual place, the sender, where it damages before a checksum is looked at.
  REQUIRE(world->output(1, "tc qdisc add dev eth0 root netem corrupt 10%").empty());
  const double by_netem = figures_of(arrivals(*world, 4'000, kPaceNs), 4'000, 0).loss;
  world->output(1, "tc qdisc del dev eth0 root");
  REQUIRE((*agent)->apply(link_by("auto", {{"corrupt_per_million", 100'000}})));
  const double by_emulator = figures_of(arrivals(*world, 4'000, kPaceNs), 4'000, 0).loss;
  std::printf("corrupt 10%%: refused by checksums %.3f (netem at the sender) and %.3f (emulator)\n", by_netem,
              by_emulator);
  CHECK(std::abs(by_netem - 0.1) < 0.025);
  CHECK(std::abs(by_emulator - 0.1) < 0.025);
}

}  // namespace
}  // namespace riven::test
