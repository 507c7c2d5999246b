// Every engine against brute force, on random small histories of every model it serves.
#include "checkers/linearizable/builtin_models.h"
#include "checkers/linearizable/solve.h"
#include "tests/catch.h"
#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {
namespace {

struct Tally {
  uint64_t valid = 0;
  uint64_t invalid = 0;
  uint64_t unknown = 0;
};

/// Compares `engine` with brute force. `exact`: it must always decide.
Tally compare(const SmallShape& shape, Engine engine, uint64_t count, uint64_t seed, bool exact = true) {
  Rng rng(seed);
  Tally tally;
  for (uint64_t round = 0; round < count; ++round) {
    SmallShape drawn = shape;
    drawn.operations = 2 + static_cast<int>(rng.below(static_cast<uint64_t>(shape.operations) - 1));
    // Both verdicts well represented: most random histories are linearizable.
    const bool wanted = rng.chance(0.5);
    SmallHistory history = random_history(drawn, rng);
    bool expected = is_linearizable(history);
    for (int tries = 0; tries < 30 && expected != wanted; ++tries) {
      history = random_history(drawn, rng);
      expected = is_linearizable(history);
    }
    Options options;
    options.model = history.model;
    options.engine = engine;
    options.want_order = rng.chance(0.3);
    const auto spec = builtin_model(history.model, history.projection);
    MemoryMeter memory(uint64_t{1} << 30);
    const Watch watch{INT64_MAX, &memory, nullptr};
    const Answer answer = solve(options, *spec, history.projection, history.operations(), watch, 1);
    INFO("round " << round << ", model " << to_text(history.model.model) << ", engine " << answer.engine
                  << "\n"
                  << to_text(history));
    if (answer.verdict == Verdict::unknown) {
      ++tally.unknown;
      if (exact) FAIL("unknown: " << answer.why);
      continue;
    }
    if ((answer.verdict == Verdict::valid) != expected)
      FAIL("brute force says " << (expected ? "valid" : "invalid"));
    if (!answer.order.empty() && !is_linearization(history, answer.order)) FAIL("no linearization");
    if (options.want_order && expected && (engine == Engine::dfs || engine == Engine::jit) &&
        answer.order.empty() && !history.operations().empty()) {
      bool all_pending = true;
      for (const Operation& op : history.operations()) all_pending = all_pending && op.pending();
      if (!all_pending) FAIL("no linearization was given");
    }
    if (answer.verdict == Verdict::invalid && answer.exact_event) {
      // Linearizable until just before the event, no longer with it.
      for (const uint32_t until : {answer.event, answer.event + 1}) {
        std::vector<Operation> prefix;
        for (Operation op : history.operations()) {
          if (op.invoked >= until) continue;
          if (op.returned >= until) op.returned = kPending;  // its answer stays known
          prefix.push_back(op);
        }
        if (is_linearizable(history, prefix) != (until == answer.event))
          FAIL("wrong first event " << answer.event);
      }
    }
    ++(expected ? tally.valid : tally.invalid);
  }
  return tally;
}

void check_both(const Tally& tally, uint64_t count) {
  CHECK(tally.valid * 10 > count);
  CHECK(tally.invalid * 10 > count);
}

TEST_CASE("general engines agree with brute force on every model") {
  const Engine engine = GENERATE(Engine::dfs, Engine::jit);
  const Model model =
      GENERATE(Model::reg, Model::cas_register, Model::multi_register, Model::mutex, Model::owner_mutex,
               Model::reentrant_mutex, Model::fenced_mutex, Model::semaphore, Model::set, Model::fifo_queue,
               Model::stack, Model::priority_queue, Model::counter, Model::kv, Model::unordered_queue);
  SmallShape shape;
  shape.model = model;
  shape.operations = 8;
  shape.peeks = true;
  shape.whole_reads = true;
  const uint64_t count = rounds(300);
  check_both(compare(shape, engine, count, 1 + static_cast<uint64_t>(model)), count);
  shape.distinct = true;
  shape.initial = 0;
  check_both(compare(shape, engine, count, 100 + static_cast<uint64_t>(model)), count);
}

TEST_CASE("zones agree with brute force on registers with unique values") {
  SmallShape shape;
  shape.distinct = true;
  shape.operations = 9;
  const uint64_t count = rounds(2000);
  SECTION("without failed cas: always decided") {
    shape.failed_cas = false;
    check_both(compare(shape, Engine::zones, count, 7), count);
    shape.initial = 0;
    check_both(compare(shape, Engine::zones, count, 8), count);
    shape.crashed = 0.6;
    check_both(compare(shape, Engine::zones, count, 9), count);
  }
  SECTION("with failed cas: decided, or handed over") {
    for (const double crashed : {0.0, 0.2, 0.5}) {
      shape.crashed = crashed;
      const Tally tally = compare(shape, Engine::zones, count, 10, false);
      check_both(tally, count);
      CHECK(tally.unknown * 20 < count);
      check_both(compare(shape, Engine::automatic, count, 11), count);
    }
  }
}

TEST_CASE("version chains agree with brute force where only cas changes the register") {
  SmallShape shape;
  shape.distinct = true;
  shape.only_cas = true;
  shape.operations = 9;
  const uint64_t count = rounds(2000);
  check_both(compare(shape, Engine::versions, count, 40, false), count);
}

TEST_CASE("the set engine agrees with brute force on one element") {
  SmallShape shape;
  shape.model = Model::set;
  const uint64_t count = rounds(2000);
  const Tally tally = compare(shape, Engine::set, count, 30, false);
  CHECK(tally.valid * 20 > count);
  CHECK(tally.invalid * 20 > count);
  check_both(compare(shape, Engine::automatic, count, 31), count);
}

TEST_CASE("collection engines agree with brute force on different elements") {
  const auto [model, engine] =
      GENERATE(std::pair(Model::fifo_queue, Engine::queue), std::pair(Model::stack, Engine::stack),
               std::pair(Model::priority_queue, Engine::priority_queue));
  SmallShape shape;
  shape.model = model;
  shape.distinct = true;
  shape.operations = 9;
  const uint64_t count = rounds(800);
  for (const bool empties : {false, true}) {
    shape.empties = empties;
    shape.crashed = 0;
    check_both(compare(shape, engine, count, 20), count);
    shape.crashed = 0.3;
    shape.crashed_takes = false;
    check_both(compare(shape, engine, count, 21), count);
    shape.crashed_takes = true;
    const Tally tally = compare(shape, engine, count, 22, false);
    check_both(tally, count);
    CHECK(tally.unknown * 10 < count);
    check_both(compare(shape, Engine::automatic, count, 23), count);
  }
}

}  // namespace
}  // namespace riven::linearizable::testing
