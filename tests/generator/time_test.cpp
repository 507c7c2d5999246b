#include "tests/generator/perfect_world.h"

namespace riven {

using gen::op;

TEST_CASE("time_limit: at the limit is too late") {
  const Played played = play(gen::time_limit(30, endless("a")), with_clients(1));
  CHECK(played.times() == Times{0, 10, 20});
  CHECK(played.end_ns == 30);
  CHECK(play(gen::time_limit(31, endless("a")), with_clients(1)).times() == Times{0, 10, 20, 30});
  CHECK(gen::time_limit(0, endless("a")) == nullptr);
}

TEST_CASE("time_limit counts from when it is first asked") {
  const Played played =
      play(gen::phases({gen::one(op("a")), gen::time_limit(25, endless("b"))}), with_clients(1));
  CHECK(played.times() == Times{0, 10, 20, 30});
  CHECK(played.end_ns == 35);
}

TEST_CASE("time_limit ends a generator that is pending") {
  const auto never =
      gen::poll(1'000'000, [](const Context&, Rng&) -> std::optional<gen::Draft> { return std::nullopt; });
  CHECK(play(gen::time_limit(50, never)).end_ns == 50);
}

TEST_CASE("delay keeps a grid and does not make up for what it missed") {
  CHECK(play(gen::delay(15, gen::limit(4, endless("a"))), with_clients(1)).times() == Times{0, 15, 30, 45});
  // Operations take 100: the grid begins anew behind each.
  WorldOptions slow = with_clients(1);
  slow.latency_ns = 100;
  CHECK(play(gen::delay(15, gen::limit(4, endless("a"))), slow).times() == Times{0, 100, 200, 300});
  slow.outcome = nullptr;
  slow.latency_ns = 20;  // late by 5: the grid holds
  CHECK(play(gen::delay(15, gen::limit(4, endless("a"))), slow).times() == Times{0, 20, 40, 60});
}

TEST_CASE("pacing does not keep a phase open") {
  CHECK(play(gen::delay(1'000, gen::limit(1, endless("a")))).end_ns == 0);
  WorldOptions options = with_clients(1);
  CHECK(play(gen::stagger(1'000'000'000, gen::until_ok(endless("a"))), options).end_ns == 10);
}

TEST_CASE("stagger keeps its mean rate") {
  WorldOptions options = with_clients(20);
  options.latency_ns = 1'000;
  options.max_ops = 10'000;
  const Played played = play(gen::stagger(1'000'000, endless("a")), options);
  const double mean = static_cast<double>(played.ops.back().time_ns) / 9'999.0;
  CHECK(std::abs(mean - 1'000'000.0) < 30'000.0);
  CHECK(played.ops.front().time_ns == 0);
  int64_t longest = 0;
  int short_gaps = 0;
  for (size_t i = 1; i < played.ops.size(); ++i) {
    const int64_t gap = played.ops[i].time_ns - played.ops[i - 1].time_ns;
    longest = std::max(longest, gap);
    short_gaps += gap < 500'000 ? 1 : 0;
  }
  CHECK(longest < 2'000'100);
  CHECK(short_gaps > 2'000);
}

TEST_CASE("stagger makes up for a hold-up, but not for all of a long one") {
  // The one client is away for 60 s with its first operation.
  WorldOptions options = with_clients(1);
  options.max_ops = 3'000;
  options.latency_ns = 1;
  const Played played =
      play(gen::sequence({gen::sleep(60'000'000'000), gen::stagger(10'000'000, endless("a"))}), options);
  CHECK(played.ops[1].time_ns == 60'000'000'000);
  WorldOptions stuck = options;
  const auto away_once = [](const Context& context, Rng&) -> std::optional<gen::Draft> {
    const bool away = context.time_ns() > 0 && context.time_ns() < 60'000'000'000;
    if (away) return std::nullopt;
    return op("a");
  };
  const Played burst = play(gen::stagger(10'000'000, gen::poll(1'000'000'000, away_once)), stuck);
  int64_t at_once = 0;
  for (const Op& each : burst.ops) {
    at_once += each.time_ns >= 60'000'000'000 && each.time_ns < 60'001'000'000 ? 1 : 0;
  }
  CHECK(at_once > 60);   // about a second's worth
  CHECK(at_once < 150);  // not a minute's, which is 6,000
}

TEST_CASE("stagger of nothing is no limit") {
  CHECK(play(gen::stagger(0, gen::limit(3, endless("a"))), with_clients(3)).times() == Times{0, 0, 0});
}

TEST_CASE("sleep occupies a thread") {
  CHECK(play(gen::sequence({gen::sleep(100), gen::limit(2, endless("a"))}), with_clients(1)).times() ==
        Times{0, 100, 110});
  CHECK(play(gen::log("hello")).ops[0].value == Value("hello"));
}

TEST_CASE("cycle_times turns round and goes on where it left off") {
  const Played played =
      play(gen::limit(7, gen::cycle_times({{20, counting("a")}, {10, counting("b")}})), with_clients(1));
  CHECK(played.lines() ==
        Lines{"0 0 a 0", "10 0 a 1", "20 0 b 0", "30 0 a 2", "40 0 a 3", "50 0 b 1", "60 0 a 4"});
  // One that is done leaves its time empty.
  const Played gap =
      play(gen::cycle_times({{20, gen::limit(2, counting("a"))}, {10, gen::limit(2, counting("b"))}}),
           with_clients(1));
  CHECK(gap.times() == Times{0, 10, 20, 50});
  CHECK(gap.done);
  CHECK_THROWS(gen::cycle_times({{0, counting("a")}}));
}

}  // namespace riven
