#include <set>

#include "harness/generator/independent.h"
#include "tests/generator/perfect_world.h"

namespace riven {

using gen::op;

namespace {

std::map<int64_t, std::set<Process>> by_key(const Played& played) {
  std::map<int64_t, std::set<Process>> processes;
  for (const Op& each : played.ops) processes[each.value.list()[0].integer()].insert(each.process);
  return processes;
}

gen::KeyGenerator ops_per_key(int64_t n) {
  return [n](const Value&, int64_t) { return gen::limit(n, counting("w")); };
}

}  // namespace

TEST_CASE("sequential_keys: one key after the other") {
  CHECK(play(gen::sequential_keys(gen::integer_keys(2), ops_per_key(2)), with_clients(1)).lines() ==
        Lines{"0 0 w [0 0]", "10 0 w [0 1]", "20 0 w [1 0]", "30 0 w [1 1]"});
  CHECK(play(gen::sequential_keys(gen::integer_keys(0), ops_per_key(2))).done);
  CHECK(play(gen::sequential_keys(gen::integer_keys(), ops_per_key(2))).ops.size() == 200);
}

TEST_CASE("concurrent_keys: a group of threads for each key") {
  const Played played = play(gen::concurrent_keys(2, gen::integer_keys(3), ops_per_key(20)), with_clients(4));
  CHECK(played.ops.size() == 60);
  CHECK(played.done);
  const auto keys = by_key(played);
  CHECK(keys.at(0) != keys.at(1));
  for (const auto& [key, processes] : keys) {
    CHECK((processes == std::set<Process>{0, 1} || processes == std::set<Process>{2, 3}));
  }
}

TEST_CASE("concurrent_keys works with any number of threads") {
  for (const size_t clients : {1u, 2u, 3u, 5u, 7u, 10u}) {
    const Played played =
        play(gen::concurrent_keys(3, gen::integer_keys(10), ops_per_key(12)), with_clients(clients));
    CHECK(played.ops.size() == 120);
    std::set<Process> used;
    for (const auto& [key, processes] : by_key(played)) used.insert(processes.begin(), processes.end());
    CHECK(used.size() == clients);
  }
}

TEST_CASE("a key's generator hears of its own operations, unwrapped") {
  const auto make = [](const Value&, int64_t) { return gen::until_ok(gen::limit(50, counting("w"))); };
  WorldOptions options = with_clients(2);
  options.outcome = [](const Op&, int64_t n) { return n % 5 == 4 ? OpType::ok : OpType::fail; };
  const Played played = play(gen::concurrent_keys(1, gen::integer_keys(6), make), options);
  CHECK(played.done);
  CHECK(by_key(played).size() == 6);
  CHECK(played.ops.size() < 60);

  // What a late operation of an earlier key brings does not reach the next key's generator.
  WorldOptions late = with_clients(2);
  late.outcome = [](const Op& each, int64_t) {
    return each.value.list()[0] == Value(0) ? OpType::ok : OpType::fail;
  };
  const auto one_then_many = [](const Value&, int64_t i) {
    return i == 0 ? gen::limit(1, counting("w")) : gen::until_ok(gen::limit(9, counting("w")));
  };
  CHECK(play(gen::sequential_keys(gen::integer_keys(2), one_then_many), late).ops.size() == 10);
}

TEST_CASE("values of keys need not be numbers, and need not be lists to be left alone") {
  const auto letters = [](int64_t i) -> std::optional<Value> {
    if (i == 2) return std::nullopt;
    return Value(i == 0 ? "x" : "y");
  };
  const auto make = [](const Value& key, int64_t) { return gen::one(op("w", key)); };
  CHECK(play(gen::sequential_keys(letters, make)).words() == Lines{R"(w ["x" "x"])", R"(w ["y" "y"])"});
}

TEST_CASE("keys without operations are skipped, but not for ever") {
  const auto third = [](const Value&, int64_t i) { return i % 3 == 0 ? gen::one(op("w")) : nullptr; };
  CHECK(play(gen::concurrent_keys(1, gen::integer_keys(9), third)).ops.size() == 3);
  const auto none = [](const Value&, int64_t) { return GeneratorPtr(); };
  CHECK(error_of(gen::concurrent_keys(1, gen::integer_keys(), none)).find("in a row") != std::string::npos);
  CHECK(play(gen::concurrent_keys(1, gen::integer_keys(500), none)).done);
}

TEST_CASE("what a key began is closed when time is up") {
  const auto make = [](const Value&, int64_t) { return gen::flip_flop(endless("lock"), endless("unlock")); };
  const Played played =
      play(gen::time_limit(25, gen::concurrent_keys(1, gen::integer_keys(), make)), with_clients(2));
  std::map<std::string, int> n;
  for (const Op& each : played.ops) ++n[std::string(each.f.text())];
  CHECK(n.at("lock") == n.at("unlock"));
  CHECK(played.done);
}

}  // namespace riven
