#include "tests/generator/perfect_world.h"

namespace riven {

using gen::op;

namespace {

std::map<std::string, int> counts(const Played& played) {
  std::map<std::string, int> each;
  for (const Op& o : played.ops) ++each[std::string(o.f.text())];
  return each;
}

GeneratorPtr never() {
  return gen::poll(7, [](const Context&, Rng&) -> std::optional<gen::Draft> { return std::nullopt; });
}

WorldOptions many_ops(size_t n) {
  WorldOptions options;
  options.max_ops = n;
  return options;
}

}  // namespace

TEST_CASE("mix chooses evenly, or by weight") {
  const auto even = counts(play(gen::mix({endless("a"), endless("b"), endless("c")}), many_ops(9'000)));
  for (const auto& [f, n] : even) CHECK(std::abs(n - 3'000) < 250);
  const auto weighted = counts(play(gen::mix({{8, endless("a")}, {1, endless("b")}}), many_ops(9'000)));
  CHECK(std::abs(weighted.at("a") - 8'000) < 200);
  CHECK_THROWS(gen::mix({{0, endless("a")}, {1, endless("b")}}));
}

TEST_CASE("mix of mixes is not correlated") {
  const auto inner = [](const char* x, const char* y) { return gen::mix({endless(x), endless(y)}); };
  const auto each = counts(play(gen::mix({inner("a", "b"), inner("c", "d")}), many_ops(8'000)));
  REQUIRE(each.size() == 4);
  for (const auto& [f, n] : each) CHECK(std::abs(n - 2'000) < 200);
}

TEST_CASE("a pending child does not block a mix, one that is done drops out") {
  CHECK(counts(play(gen::mix({never(), endless("a")}))).at("a") == 200);
  const Played played = play(gen::mix({gen::limit(3, endless("a")), gen::limit(40, endless("b"))}));
  CHECK(counts(played) == std::map<std::string, int>{{"a", 3}, {"b", 40}});
  CHECK(played.done);
}

TEST_CASE("a mix tells its children what happened") {
  const auto ends_on_ok = gen::until_ok(endless("a"));
  const Played played = play(gen::mix({ends_on_ok, gen::limit(30, endless("b"))}), with_clients(1));
  CHECK(counts(played) == std::map<std::string, int>{{"a", 1}, {"b", 30}});
}

TEST_CASE("any takes whichever is ready") {
  // The second has a turn only each 100 ns.
  const auto each = counts(play(gen::any({endless("a"), gen::delay(100, endless("b"))}), many_ops(210)));
  CHECK(each.at("a") + each.at("b") == 210);
  CHECK(each.at("b") == 11);
  CHECK(play(gen::any({gen::once(endless("a")), gen::once(endless("b"))})).ops.size() == 2);
  CHECK(play(gen::any({gen::time_limit(50, never()), nullptr})).end_ns == 50);
}

TEST_CASE("any keeps what a pending child learned while another emits") {
  // The limit's clock starts when it is first asked, though it never emits.
  const Played played = play(gen::any({gen::limit(40, endless("a")), gen::time_limit(50, never())}));
  CHECK(played.done);
  CHECK(played.ops.size() == 40);
}

TEST_CASE("shortest_any ends with its first child") {
  const auto each = counts(play(gen::shortest_any({gen::limit(4, endless("a")), endless("b")})));
  CHECK(each.at("a") == 4);
  CHECK(play(gen::shortest_any({gen::time_limit(30, endless("a")), endless("b")})).end_ns == 30);
  CHECK(gen::shortest_any({nullptr, endless("a")}) == nullptr);
}

}  // namespace riven
