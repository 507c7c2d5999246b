// Every engine against brute force, on random small histories of every model it serves.
#include <cstdio>
#include <map>

#include "checkers/linearizable/builtin_models.h"
#include "checkers/linearizable/jit.h"
#include "checkers/linearizable/solve.h"
#include "tests/catch.h"
#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {
namespace {

using Engines = std::vector<Engine>;

struct Tally {
  uint64_t histories = 0;
  uint64_t valid = 0;  ///< says brute force
  std::map<Engine, uint64_t> decided;
  uint64_t orders = 0;  ///< linearizations that were verified
  uint64_t events = 0;  ///< first events that were verified
};

const char* name(Engine engine) {
  static const std::vector<std::string> names = engine_names();
  return names[static_cast<size_t>(engine)].c_str();
}

/// Linearizable until just before the event, no longer with it.
void check_event(const SmallHistory& history, uint32_t event) {
  for (const uint32_t until : {event, event + 1}) {
    std::vector<Operation> prefix;
    for (Operation op : history.operations()) {
      if (op.invoked >= until) continue;
      if (op.returned >= until) op.returned = kPending;  // its answer stays known
      prefix.push_back(op);
    }
    if (is_linearizable(history, prefix) != (until == event)) FAIL("wrong first event " << event);
  }
}

void check_answer(const SmallHistory& history, bool expected, Engine engine, bool want_order, Tally& tally) {
  Options options;
  options.model = history.model;
  options.engine = engine;
  options.want_order = want_order;
  Projection& projection = const_cast<SmallHistory&>(history).projection;
  const auto spec = builtin_model(history.model, projection);
  MemoryMeter memory(uint64_t{1} << 30);
  const Watch watch{INT64_MAX, &memory, nullptr};
  const Answer answer = solve(options, *spec, projection, history.operations(), watch, 1);
  CAPTURE(name(engine), answer.engine, to_text(history));
  if (memory.used_bytes() != 0) FAIL("memory that was not given back: " << memory.used_bytes());
  if (answer.verdict == Verdict::unknown) {
    if (engine == Engine::automatic || engine == Engine::dfs || engine == Engine::jit)
      FAIL("unknown: " << answer.why);
    return;
  }
  ++tally.decided[engine];
  if ((answer.verdict == Verdict::valid) != expected)
    FAIL("brute force says " << (expected ? "valid" : "invalid"));
  if (expected && want_order) {
    if (!is_linearization(history, answer.order)) FAIL("no linearization");
    if (!is_linearization(*spec, history.operations(), answer.order)) FAIL("refused its own linearization");
    ++tally.orders;
  }
  if (!expected && answer.exact_event) {
    check_event(history, answer.event);
    ++tally.events;
  }
}

void report(const std::string& what, const Tally& tally) {
  if (rounds(1) == 1) return;
  std::printf(
      "%-40s %9llu histories, %9llu valid, %9llu linearizations, %9llu first events; decided:", what.c_str(),
      static_cast<unsigned long long>(tally.histories), static_cast<unsigned long long>(tally.valid),
      static_cast<unsigned long long>(tally.orders), static_cast<unsigned long long>(tally.events));
  for (const auto& [engine, decided] : tally.decided)
    std::printf(" %s %llu", name(engine), static_cast<unsigned long long>(decided));
  std::printf("\n");
  std::fflush(stdout);
}

/// Random histories of `shape`; half of them linearizable. The general engines and the automatic choice have
/// to decide each; `own` may hand over.
Tally prove(const std::string& what, const SmallShape& shape, const Engines& own, uint64_t count,
            uint64_t seed) {
  Rng rng(seed + chunk() * 1'000'003);
  Tally tally;
  for (; tally.histories < count; ++tally.histories) {
    SmallShape drawn = shape;
    drawn.operations = 2 + static_cast<int>(rng.below(static_cast<uint64_t>(shape.operations) - 1));
    // Both verdicts well represented: most random histories are linearizable.
    const bool wanted = rng.chance(0.5);
    SmallHistory history = random_history(drawn, rng);
    bool expected = is_linearizable(history);
    for (int tries = 0; tries < 40 && expected != wanted; ++tries) {
      history = random_history(drawn, rng);
      expected = is_linearizable(history);
    }
    tally.valid += expected ? 1 : 0;
    const bool want_order = rng.chance(0.3);
    for (const Engine engine : {Engine::automatic, Engine::dfs, Engine::jit})
      check_answer(history, expected, engine, want_order, tally);
    for (const Engine engine : own) check_answer(history, expected, engine, want_order, tally);
  }
  if (!kSanitized) {  // a tenth of the histories is too few to ask
    CHECK(tally.valid * 10 > count);
    CHECK((count - tally.valid) * 10 > count);
  }
  report(what, tally);
  return tally;
}

/// Models that only the general engines serve: repeated and distinct values, few and many crashed ones.
void prove_general(Model model) {
  SmallShape shape;
  shape.model = model;
  shape.operations = 8;
  shape.peeks = true;
  shape.whole_reads = true;
  const std::string what(to_text(model));
  const uint64_t count = rounds(250);
  prove(what, shape, {}, count * 2, 1 + static_cast<uint64_t>(model));
  shape.crashed = 0.5;
  prove(what + ", half crashed", shape, {}, count, 50 + static_cast<uint64_t>(model));
  shape.crashed = 0.1;
  shape.distinct = true;
  shape.initial = 0;
  prove(what + ", distinct values", shape, {}, count, 100 + static_cast<uint64_t>(model));
}

TEST_CASE("general engines agree with brute force: registers") {
  prove_general(Model::reg);
  prove_general(Model::cas_register);
}
TEST_CASE("general engines agree with brute force: multi-register") { prove_general(Model::multi_register); }
TEST_CASE("general engines agree with brute force: kv") {
  prove_general(Model::kv);
  SmallShape shape;
  shape.model = Model::kv;
  shape.texts = true;
  shape.operations = 8;
  prove("kv with appends", shape, {}, rounds(500), 900);
}
TEST_CASE("general engines agree with brute force: locks") {
  for (const Model model :
       {Model::mutex, Model::owner_mutex, Model::reentrant_mutex, Model::fenced_mutex, Model::semaphore})
    prove_general(model);
}
TEST_CASE("general engines agree with brute force: sets and bags") {
  prove_general(Model::set);
  prove_general(Model::unordered_queue);
}
TEST_CASE("general engines agree with brute force: queues and stacks") {
  prove_general(Model::fifo_queue);
  prove_general(Model::stack);
  prove_general(Model::priority_queue);
}
TEST_CASE("general engines agree with brute force: counters") { prove_general(Model::counter); }

TEST_CASE("a frontier that is cut to a few configurations agrees with brute force") {
  uint64_t decided = 0;
  uint64_t valid = 0;
  for (const Model model : {Model::cas_register, Model::kv, Model::mutex, Model::set, Model::fifo_queue,
                            Model::counter, Model::unordered_queue}) {
    Rng rng(70 + static_cast<uint64_t>(model) + chunk() * 1'000'003);
    for (uint64_t i = 0; i < rounds(300); ++i) {
      SmallShape shape;
      shape.model = model;
      shape.operations = 9;
      shape.crashed = rng.chance(0.5) ? 0.2 : 0.5;
      shape.whole_reads = true;
      SmallHistory history = random_history(shape, rng);
      for (int tries = 0; tries < 40 && is_linearizable(history) == (i % 2 == 1); ++tries)
        history = random_history(shape, rng);
      const bool expected = is_linearizable(history);
      const auto spec = builtin_model(history.model, history.projection);
      MemoryMeter memory(uint64_t{1} << 30);
      const Watch watch{INT64_MAX, &memory, nullptr, nullptr};
      for (const size_t width : {size_t{1}, size_t{2}, size_t{5}}) {
        Problem problem = make_problem(*spec, history.operations());
        const Answer answer = search_frontier(problem, watch, true, width);
        CAPTURE(to_text(history), width);
        if ((answer.verdict == Verdict::valid) != expected || answer.verdict == Verdict::unknown)
          FAIL("brute force says " << (expected ? "valid" : "invalid"));
        if (expected && !is_linearization(history, answer.order)) FAIL("no linearization");
        if (!expected && answer.exact_event) check_event(history, answer.event);
        ++decided;
        valid += expected ? 1 : 0;
      }
    }
  }
  CHECK(valid * 10 > decided);
  CHECK((decided - valid) * 10 > decided);
}

TEST_CASE("zones agree with brute force on registers with unique values") {
  const uint64_t count = rounds(1000);
  SmallShape shape;
  shape.distinct = true;
  shape.operations = 9;
  shape.failed_cas = false;
  for (const double crashed : {0.0, 0.2, 0.6}) {
    shape.crashed = crashed;
    shape.initial = crashed == 0.2 ? 0 : -1;
    const Tally tally =
        prove("zones", shape, {Engine::zones}, count, 7 + static_cast<uint64_t>(crashed * 10));
    CHECK(tally.decided.at(Engine::zones) == count);
  }
  shape.failed_cas = true;
  for (const double crashed : {0.0, 0.2, 0.5}) {
    shape.crashed = crashed;
    const Tally tally =
        prove("zones, failed cas", shape, {Engine::zones}, count, 17 + static_cast<uint64_t>(crashed * 10));
    CHECK(tally.decided.at(Engine::zones) * 10 > count * 9);
  }
}

TEST_CASE("version chains agree with brute force where only cas changes the register") {
  const uint64_t count = rounds(1500);
  SmallShape shape;
  shape.distinct = true;
  shape.only_cas = true;
  shape.operations = 9;
  for (const double crashed : {0.0, 0.3}) {
    shape.crashed = crashed;
    shape.failed_cas = true;
    Tally tally = prove("versions, failed cas", shape, {Engine::versions, Engine::zones}, count,
                        40 + static_cast<uint64_t>(crashed * 10));
    CHECK(tally.decided.at(Engine::versions) * 10 > count * 9);
    shape.failed_cas = false;
    tally = prove("versions", shape, {Engine::versions, Engine::zones}, count,
                  50 + static_cast<uint64_t>(crashed * 10));
    CHECK(tally.decided.at(Engine::versions) == count);
  }
}

TEST_CASE("the set engine agrees with brute force on one element") {
  SmallShape shape;
  shape.model = Model::set;
  const uint64_t count = rounds(1500);
  const Tally tally = prove("set, one element", shape, {Engine::set}, count, 30);
  CHECK(tally.decided.at(Engine::set) * 10 > count);
}

void prove_collection(Model model, Engine engine) {
  SmallShape shape;
  shape.model = model;
  shape.distinct = true;
  shape.operations = 9;
  const uint64_t count = rounds(250);
  const std::string what(to_text(model));
  for (const bool empties : {false, true}) {
    shape.empties = empties;
    shape.crashed = 0;
    Tally tally = prove(what + (empties ? ", empties" : ""), shape, {engine}, count, 20);
    CHECK(tally.decided.at(engine) == count);
    shape.crashed = 0.3;
    shape.crashed_takes = false;
    tally = prove(what + ", crashed insertions", shape, {engine}, count, 21);
    CHECK(tally.decided.at(engine) == count);
    shape.crashed_takes = true;
    tally = prove(what + ", crashed operations", shape, {engine}, count, 22);
    CHECK(tally.decided.at(engine) * 10 > count * 9);
  }
}
TEST_CASE("the queue engine agrees with brute force") { prove_collection(Model::fifo_queue, Engine::queue); }
TEST_CASE("the stack engine agrees with brute force") { prove_collection(Model::stack, Engine::stack); }
TEST_CASE("the priority queue engine agrees with brute force") {
  prove_collection(Model::priority_queue, Engine::priority_queue);
}

/// Every history of `n` operations, each of one of `kinds`: all ways in which they may overlap.
class Exhaustive {
 public:
  Exhaustive(Model model, std::vector<Operation> kinds, Engines own)
      : kinds_(std::move(kinds)), own_(std::move(own)) {
    h_.model.model = model;
    for (int i = 0; i < 8; ++i) h_.projection.values.id(Value(i));
    h_.projection.by_element = model == Model::set;
    h_.projection.parts.push_back({});
  }
  Tally run(size_t n) {
    n_ = n;
    extend(0);
    return tally_;
  }

 private:
  std::vector<Operation>& ops() { return h_.projection.parts[0].operations; }

  void extend(uint32_t event) {
    bool open = false;
    for (size_t i = 0; i < ops().size(); ++i) {
      if (ops()[i].returned != kOpen) continue;
      open = true;
      ops()[i].returned = event;
      extend(event + 1);
      ops()[i].returned = kOpen;
    }
    if (ops().size() < n_) {
      for (Operation op : kinds_) {
        op.invoked = event;
        if (!op.pending()) op.returned = kOpen;
        ops().push_back(op);
        extend(event + 1);
        ops().pop_back();
      }
    } else if (!open) {
      judge();
    }
  }

  void judge() {
    const bool expected = is_linearizable(h_);
    const bool want_order = ++tally_.histories % 3 == 0;
    tally_.valid += expected ? 1 : 0;
    for (const Engine engine : {Engine::automatic, Engine::dfs, Engine::jit})
      check_answer(h_, expected, engine, want_order, tally_);
    for (const Engine engine : own_) check_answer(h_, expected, engine, want_order, tally_);
  }

  static constexpr uint32_t kOpen = kPending - 1;
  std::vector<Operation> kinds_;
  Engines own_;
  SmallHistory h_;
  size_t n_ = 0;
  Tally tally_;
};

Operation kind(Function f, int a, int b = kUnknown, bool crashed = false) {
  const auto value = [](int v) { return v < 0 ? kNil : v + 3; };  // after nil, false and true
  Operation op{.returned = crashed ? kPending : 0, .a = value(a), .b = value(b)};
  op.f = f;
  return op;
}

TEST_CASE("exhaustive: every history of a few operations") {
  using F = Function;
  const size_t n = rounds(1) > 1 ? 4 : kSanitized ? 2 : 3;
  const auto prove_all = [&](const char* what, Model model, const std::vector<Operation>& kinds,
                             Engines own) {
    const Tally tally = Exhaustive(model, kinds, std::move(own)).run(n);
    CHECK(tally.valid > 0);
    CHECK(tally.valid < tally.histories);
    report(std::string("all of ") + std::to_string(n) + ": " + what, tally);
  };
  prove_all("cas-register", Model::cas_register,
            {kind(F::read, -1), kind(F::read, 1), kind(F::read, 2), kind(F::write, 1), kind(F::write, 2),
             kind(F::write, 1, -1, true), kind(F::cas, -1, 1), kind(F::cas, 1, 2), kind(F::cas, 1, 2, true),
             kind(F::failed_cas, 1)},
            {Engine::zones});
  prove_all(
      "cas alone", Model::cas_register,
      {kind(F::read, -1), kind(F::read, 1), kind(F::read, 2), kind(F::cas, -1, 1), kind(F::cas, 1, 2),
       kind(F::cas, -1, 1, true), kind(F::cas, 1, 2, true), kind(F::failed_cas, -1), kind(F::failed_cas, 1)},
      {Engine::zones, Engine::versions});
  Operation unknown = kind(F::take, -1, -1, true);
  unknown.a = kUnknown;
  const std::vector<Operation> collection{kind(F::insert, 1),
                                          kind(F::insert, 2),
                                          kind(F::insert, 1, -1, true),
                                          kind(F::take, -1),
                                          kind(F::take, 1),
                                          kind(F::take, 2),
                                          unknown};
  prove_all("fifo-queue", Model::fifo_queue, collection, {Engine::queue});
  prove_all("stack", Model::stack, collection, {Engine::stack});
  prove_all("priority-queue", Model::priority_queue, collection, {Engine::priority_queue});
  prove_all("unordered-queue", Model::unordered_queue, collection, {});
  std::vector<Operation> set;
  for (const F f : {F::add, F::remove, F::contains}) {
    for (const int32_t answer : {kTrue, kFalse, kNil}) {
      if (f == F::contains && answer == kNil) continue;
      set.push_back(kind(f, 1));
      set.back().b = answer;
    }
    if (f == F::contains) continue;
    set.push_back(kind(f, 1, -1, true));
  }
  prove_all("set", Model::set, set, {Engine::set});
  std::vector<Operation> lock;
  for (const int32_t owner : {0, 1})
    for (const F f : {F::acquire, F::release}) lock.push_back({.returned = 0, .a = owner, .f = f});
  lock.push_back({.a = 0, .f = F::acquire});
  lock.push_back({.a = 0, .f = F::release});
  lock.push_back({.returned = 0, .a = 0, .f = F::failed_acquire});
  prove_all("mutex", Model::mutex, lock, {});
  prove_all("owner-mutex", Model::owner_mutex, lock, {});
  prove_all("reentrant-mutex", Model::reentrant_mutex, lock, {});
}

}  // namespace
}  // namespace riven::linearizable::testing
