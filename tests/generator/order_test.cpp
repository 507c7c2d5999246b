#include "tests/generator/perfect_world.h"

namespace riven {

using gen::op;

TEST_CASE("one and ops emit each draft once, on free threads") {
  CHECK(play(gen::one(op("read"))).words() == Lines{"read"});
  const Played played = play(gen::ops({op("a", 1), op("b", 2), op("c", 3)}), with_clients(2));
  CHECK(played.words() == Lines{"a 1", "b 2", "c 3"});
  CHECK(played.times() == Times{0, 0, 10});
  CHECK(played.ops[0].process != played.ops[1].process);
  CHECK(played.done);
  CHECK(play(gen::ops({})).words().empty());
}

TEST_CASE("client operations never reach the nemesis by themselves") {
  for (const Op& each : play(gen::limit(50, endless("read")), with_clients(1)).ops) CHECK(each.process == 0);
  CHECK(play(gen::nemesis(gen::one(op("break")))).ops[0].process == kNemesis);
}

TEST_CASE("a low rate still uses all threads") {
  WorldOptions options = with_clients(5);
  options.latency_ns = 1;
  std::map<Process, int> used;
  for (const Op& each : play(gen::delay(100, gen::limit(200, endless("read"))), options).ops)
    ++used[each.process];
  REQUIRE(used.size() == 5);
  for (const auto& [process, count] : used) CHECK(count > 20);
}

TEST_CASE("a draft for a certain process waits for it and is skipped when it is retired") {
  const Played waits = play(gen::ops({{Symbol("a"), {}, 1}, {Symbol("b"), {}, 1}}));
  CHECK(waits.lines() == Lines{"0 1 a nil", "10 1 b nil"});
  WorldOptions crash;
  crash.outcome = [](const Op&, int64_t) { return OpType::info; };
  const Played skipped = play(gen::ops({{Symbol("a"), {}, 1}, {Symbol("b"), {}, 1}, op("c")}), crash);
  CHECK(skipped.words() == Lines{"a", "c"});
}

TEST_CASE("fn is asked until it says nullopt, poll until then waits") {
  const auto until_20 = [](const Context& context, Rng&) -> std::optional<gen::Draft> {
    if (context.time_ns() >= 20) return std::nullopt;
    return op("x", context.time_ns());
  };
  CHECK(play(gen::fn(until_20), with_clients(1)).lines() == Lines{"0 0 x 0", "10 0 x 10"});
  const auto from_7 = [](const Context& context, Rng&) -> std::optional<gen::Draft> {
    if (context.time_ns() < 7) return std::nullopt;
    return op("x");
  };
  CHECK(play(gen::once(gen::poll(5, from_7))).times() == Times{10});
  // A poll that draws "not now" draws anew when it is asked again.
  const auto by_chance = [](const Context&, Rng& rng) -> std::optional<gen::Draft> {
    if (!rng.chance(0.05)) return std::nullopt;
    return op("x");
  };
  CHECK(play(gen::limit(20, gen::poll(1, by_chance))).ops.size() == 20);
}

TEST_CASE("sequence goes on without waiting, phases wait") {
  const auto parts = [] { return gen::Generators{gen::one(op("a")), nullptr, gen::one(op("b"))}; };
  CHECK(play(gen::sequence(parts())).times() == Times{0, 0});
  CHECK(play(gen::phases(parts())).times() == Times{0, 10});
  CHECK(play(gen::then(gen::one(op("a")), gen::one(op("b")))).words() == Lines{"a", "b"});
  CHECK(play(gen::then(gen::one(op("a")), gen::one(op("b")))).times() == Times{0, 10});
  CHECK(gen::sequence({}) == nullptr);
  CHECK(play(gen::sequence({gen::sequence({gen::one(op("a"))}), gen::ops({op("b"), op("c")})})).words() ==
        Lines{"a", "b", "c"});
}

TEST_CASE("phases of clients and nemesis wait for each other") {
  const Played played =
      play(gen::phases({gen::clients(gen::one(op("load"))), gen::nemesis(gen::one(op("break"))),
                        gen::clients(gen::each_thread(gen::one(op("read"))))}));
  CHECK(played.words() == Lines{"load", "break", "read", "read"});
  CHECK(played.times() == Times{0, 10, 20, 20});
}

TEST_CASE("limit and once") {
  CHECK(play(gen::limit(3, counting("w"))).words() == Lines{"w 0", "w 1", "w 2"});
  CHECK(play(gen::once(counting("w"))).words() == Lines{"w 0"});
  CHECK(gen::limit(0, counting("w")) == nullptr);
  CHECK(play(gen::limit(9, gen::one(op("a")))).words() == Lines{"a"});
}

TEST_CASE("repeat does not advance its child") {
  CHECK(play(gen::repeat(3, counting("w"))).words() == Lines{"w 0", "w 0", "w 0"});
  CHECK(play(endless("r")).ops.size() == 200);
}

TEST_CASE("cycle begins anew") {
  CHECK(play(gen::cycle(2, gen::ops({op("a"), op("b")}))).words() == Lines{"a", "b", "a", "b"});
  CHECK(play(gen::limit(5, gen::cycle(gen::limit(2, counting("w"))))).words() ==
        Lines{"w 0", "w 1", "w 0", "w 1", "w 0"});
  // A child with nothing to do does not spin for ever.
  CHECK(play(gen::cycle(gen::filter([](const Op&) { return false; }, gen::one(op("a"))))).done);
}

TEST_CASE("flip_flop alternates and ends with whichever ends first") {
  CHECK(play(gen::limit(5, gen::flip_flop(endless("a"), endless("b")))).words() ==
        Lines{"a", "b", "a", "b", "a"});
  CHECK(play(gen::flip_flop(gen::limit(2, endless("a")), endless("b"))).words() == Lines{"a", "b", "a", "b"});
  // No third `a`: nothing would close it.
  CHECK(play(gen::flip_flop(endless("a"), gen::limit(2, endless("b")))).words() == Lines{"a", "b", "a", "b"});
  CHECK(gen::flip_flop(endless("a"), nullptr) == nullptr);
}

TEST_CASE("a time limit closes what flip_flop began") {
  const auto fault = [] { return gen::delay(30, gen::flip_flop(endless("start"), endless("stop"))); };
  const Played played = play(gen::time_limit(100, gen::nemesis(fault())));
  CHECK(played.lines() == Lines{"0 -1 start nil", "30 -1 stop nil", "60 -1 start nil", "90 -1 stop nil"});
  const Played cut = play(gen::time_limit(80, gen::clients_and_nemesis(nullptr, fault())));
  CHECK(cut.lines() == Lines{"0 -1 start nil", "30 -1 stop nil", "60 -1 start nil", "80 -1 stop nil"});
  CHECK(cut.done);
}

TEST_CASE("synchronize waits for every thread") {
  const Played played =
      play(gen::sequence({gen::limit(3, endless("a")), gen::synchronize(gen::one(op("b")))}));
  CHECK(played.words() == Lines{"a", "a", "a", "b"});
  CHECK(played.times() == Times{0, 0, 10, 20});
}

}  // namespace riven
