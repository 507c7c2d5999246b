#include <set>

#include "tests/generator/perfect_world.h"

namespace riven {

using gen::op;

namespace {

/// Processes that did each function.
std::map<std::string, std::set<Process>> who(const Played& played) {
  std::map<std::string, std::set<Process>> processes;
  for (const Op& each : played.ops) processes[std::string(each.f.text())].insert(each.process);
  return processes;
}

using Who = std::map<std::string, std::set<Process>>;

}  // namespace

TEST_CASE("ThreadSet") {
  ThreadSet set{3, 64, 700};
  CHECK(set.size() == 3);
  CHECK(set.nth(0) == 3);
  CHECK(set.nth(2) == 700);
  CHECK((set - ThreadSet{64}) == ThreadSet{3, 700});
  CHECK((set & ThreadSet::range(60, 10)) == ThreadSet{64});
  CHECK((set | ThreadSet{1}).size() == 4);
  set.erase(3);
  CHECK_FALSE(set.contains(3));
  CHECK_FALSE(set.contains(5'000));
  CHECK(ThreadSet().empty());
}

TEST_CASE("a world numbers processes by thread") {
  World world(3);
  world.retire_process(1);
  world.retire_process(1);
  CHECK(world.process(1) == 7);
  CHECK(world.thread_of(7) == 1);
  CHECK(world.thread_of(4) == 1);
  world.retire_process(world.nemesis_thread());
  CHECK(world.process(3) == kNemesis);
}

TEST_CASE("on_threads, clients and nemesis restrict") {
  CHECK(who(play(gen::on_threads(ThreadSet{1, 3}, gen::limit(40, endless("a"))), with_clients(5))) ==
        Who{{"a", {1, 3}}});
  const auto even = [](Thread t, const World& world) { return t < world.clients() && t % 2 == 0; };
  CHECK(who(play(gen::on_threads(even, gen::limit(40, endless("a"))), with_clients(5))) ==
        Who{{"a", {0, 2, 4}}});
  const Played both = play(
      gen::clients_and_nemesis(gen::limit(40, endless("a")), gen::limit(5, endless("b"))), with_clients(2));
  CHECK(who(both) == Who{{"a", {0, 1}}, {"b", {kNemesis}}});
  CHECK(both.ops.size() == 45);
  CHECK(play(gen::clients(endless("a")), with_clients(0)).done);
}

TEST_CASE("updates reach only those whose thread it was") {
  // until_ok on threads 0 must not end by an operation of thread 1.
  WorldOptions options = with_clients(2);
  options.outcome = [](const Op& each, int64_t) { return each.process == 0 ? OpType::fail : OpType::ok; };
  const Played played =
      play(gen::any({gen::on_threads(ThreadSet{0}, gen::until_ok(gen::limit(20, endless("a")))),
                     gen::on_threads(ThreadSet{1}, gen::limit(20, endless("b")))}),
           options);
  CHECK(played.ops.size() == 40);
}

TEST_CASE("reserve splits the clients, with any count and nested to the right") {
  const auto rest = [] { return gen::limit(60, endless("rest")); };
  CHECK(who(play(gen::reserve({{1, gen::limit(60, endless("a"))}, {2, gen::limit(60, endless("b"))}}, rest()),
                 with_clients(5))) == Who{{"a", {0}}, {"b", {1, 2}}, {"rest", {3, 4}}});
  // Within the second half, "the first" is its first.
  const auto inner = gen::reserve({{1, gen::limit(30, endless("x"))}}, gen::limit(30, endless("y")));
  CHECK(who(play(gen::reserve({{2, gen::limit(30, endless("a"))}}, inner), with_clients(5))) ==
        Who{{"a", {0, 1}}, {"x", {2}}, {"y", {3, 4}}});
  // The nemesis is nobody's.
  CHECK(who(play(gen::reserve({{1, nullptr}}, rest()), with_clients(2))) == Who{{"rest", {1}}});
}

TEST_CASE("reserve refuses to starve a part silently") {
  CHECK(error_of(gen::reserve({{2, endless("a")}}, endless("b")), with_clients(2))
            .find("part 2 of 2 gets no thread") != std::string::npos);
  CHECK(play(gen::reserve({{2, gen::limit(5, endless("a"))}}, nullptr), with_clients(2)).ops.size() == 5);
}

TEST_CASE("each part of a reserve hears of its own threads") {
  WorldOptions options = with_clients(3);
  options.outcome = [](const Op& each, int64_t) { return each.process == 0 ? OpType::ok : OpType::fail; };
  const Played played = play(gen::reserve({{1, gen::until_ok(gen::limit(9, endless("a")))}},
                                          gen::until_ok(gen::limit(9, endless("b")))),
                             options);
  CHECK(played.ops.size() == 10);
}

TEST_CASE("each_thread gives every thread its own copy") {
  const Played played = play(gen::each_thread(gen::ops({op("a"), op("b")})), with_clients(3));
  std::map<Process, std::string> by_process;
  for (const Op& each : played.ops) by_process[each.process] += each.f.text();
  CHECK(by_process == std::map<Process, std::string>{{0, "ab"}, {1, "ab"}, {2, "ab"}});
  CHECK(played.done);
  CHECK(play(gen::nemesis(gen::each_thread(gen::one(op("a"))))).lines() == Lines{"0 -1 a nil"});
}

TEST_CASE("each_process begins afresh after a crash, each_thread does not") {
  WorldOptions options = with_clients(1);
  options.outcome = [](const Op&, int64_t n) { return n == 1 ? OpType::info : OpType::ok; };
  CHECK(play(gen::each_process(gen::limit(3, counting("w"))), options).lines() ==
        Lines{"0 0 w 0", "10 0 w 1", "20 1 w 0", "30 1 w 1", "40 1 w 2"});
  CHECK(play(gen::each_thread(gen::limit(3, counting("w"))), options).lines() ==
        Lines{"0 0 w 0", "10 0 w 1", "20 1 w 2"});
}

TEST_CASE("process_limit ends when a crash would need one process too many") {
  WorldOptions options = with_clients(3);
  options.outcome = [](const Op&, int64_t n) { return n % 4 == 3 ? OpType::info : OpType::ok; };
  options.max_ops = 10'000;
  for (const size_t limit : {1u, 2u, 3u, 5u, 8u}) {
    const Played played = play(gen::process_limit(limit, endless("a")), options);
    CHECK(played.done);
    CHECK(who(played).at("a").size() == limit);
  }
  options.outcome = nullptr;
  options.max_ops = 100;
  CHECK(who(play(gen::process_limit(2, endless("a")), options)).at("a").size() == 2);
}

TEST_CASE("concurrency_limit counts its own operations") {
  const Played played = play(gen::concurrency_limit(2, gen::limit(10, endless("a"))), with_clients(5));
  CHECK(played.times() == Times{0, 0, 10, 10, 20, 20, 30, 30, 40, 40});
  // Others' operations do not count against it.
  const Played mixed = play(
      gen::any({gen::on_threads(ThreadSet{0}, gen::limit(9, endless("b"))),
                gen::on_threads(ThreadSet{1, 2}, gen::concurrency_limit(1, gen::limit(3, endless("a"))))}),
      with_clients(3));
  CHECK(mixed.ops.size() == 12);
  CHECK(mixed.done);
}

TEST_CASE("until_ok ends with its own first success") {
  WorldOptions options = with_clients(1);
  options.outcome = [](const Op&, int64_t n) { return n < 3 ? OpType::fail : OpType::ok; };
  CHECK(play(gen::until_ok(counting("w")), options).words() == Lines{"w 0", "w 1", "w 2", "w 3"});
  options.outcome = [](const Op&, int64_t n) { return n < 3 ? OpType::info : OpType::ok; };
  CHECK(play(gen::until_ok(counting("w")), options).ops.back().process == 3);
  CHECK(play(gen::until_ok(gen::limit(2, counting("w"))), options).done);
}

}  // namespace riven
