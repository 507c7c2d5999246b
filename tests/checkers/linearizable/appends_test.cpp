// The engine for keys that are appended to, against brute force.
#include "checkers/linearizable/appends.h"

#include <cstdio>

#include "checkers/linearizable/builtin_models.h"
#include "checkers/linearizable/solve.h"
#include "checkers/linearizable/text_search.h"
#include "tests/catch.h"
#include "tests/checkers/linearizable/append_histories.h"
#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {
namespace {

struct Tally {
  uint64_t histories = 0;
  uint64_t valid = 0;    ///< says brute force
  uint64_t decided = 0;  ///< by the engine itself
};

/// Linearizable until just before the event, no longer with it.
void check_event(const AppendHistory& history, uint32_t event) {
  for (const uint32_t until : {event, event + 1}) {
    std::vector<Operation> prefix;
    for (Operation op : history.operations()) {
      if (op.invoked >= until) continue;
      if (op.returned >= until) {
        if (op.f == Function::read) continue;
        op.returned = kPending;
      }
      prefix.push_back(op);
    }
    if (is_linearizable(history, prefix) != (until == event)) FAIL("wrong first event " << event);
  }
}

/// Whether the operations of a core alone, and all other updates at any time or never, are impossible too.
bool is_conflict(const AppendHistory& history, const std::vector<uint32_t>& core) {
  std::vector<Operation> weakened;
  for (uint32_t i = 0; i < history.operations().size(); ++i) {
    Operation op = history.operations()[i];
    const bool in = std::find(core.begin(), core.end(), i) != core.end();
    if (!in && op.f == Function::read) continue;
    if (!in) op.returned = kPending;
    weakened.push_back(op);
  }
  return !is_linearizable(history, weakened);
}

void check_answer(AppendHistory& history, bool expected, Engine engine, bool want_order, Tally& tally) {
  Options options;
  options.model = history.model;
  options.engine = engine;
  options.want_order = want_order;
  const auto spec = builtin_model(history.model, history.projection);
  MemoryMeter memory(uint64_t{1} << 30);
  const Watch watch{INT64_MAX, &memory, nullptr};
  const Answer answer = solve(options, *spec, history.projection, history.operations(), watch, 1);
  CAPTURE(static_cast<int>(engine), answer.engine, to_text(history));
  if (memory.used_bytes() != 0) FAIL("memory that was not given back: " << memory.used_bytes());
  if (answer.verdict == Verdict::unknown) {
    if (engine != Engine::appends) FAIL("unknown: " << answer.why);
    return;
  }
  if (engine == Engine::appends) ++tally.decided;
  if ((answer.verdict == Verdict::valid) != expected)
    FAIL("brute force says " << (expected ? "valid" : "invalid"));
  if (expected && want_order && !is_linearization(history, answer.order)) FAIL("no linearization");
  if (!expected && answer.exact_event) check_event(history, answer.event);
  if (!expected && !answer.core.empty() && !is_conflict(history, answer.core)) FAIL("no conflict");
}

/// Random histories of `shape`; half of them linearizable.
Tally prove(const char* what, const AppendShape& shape, uint64_t count, uint64_t seed) {
  Rng rng(seed + chunk() * 1'000'003);
  Tally tally;
  for (; tally.histories < count; ++tally.histories) {
    AppendShape drawn = shape;
    drawn.operations = 2 + static_cast<int>(rng.below(static_cast<uint64_t>(shape.operations) - 1));
    const bool wanted = rng.chance(0.5);
    AppendHistory history = random_appends(drawn, rng);
    bool expected = is_linearizable(history, history.operations());
    for (int tries = 0; tries < 40 && expected != wanted; ++tries) {
      history = random_appends(drawn, rng);
      expected = is_linearizable(history, history.operations());
    }
    tally.valid += expected ? 1 : 0;
    const bool want_order = rng.chance(0.3);
    for (const Engine engine : {Engine::automatic, Engine::appends, Engine::jit})
      check_answer(history, expected, engine, want_order, tally);
  }
  if (!kSanitized) {
    CHECK(tally.valid * 10 > count);
    CHECK((count - tally.valid) * 10 > count);
  }
  if (rounds(1) != 1)
    std::printf("%-40s %9llu histories, %9llu valid, %9llu decided by the engine itself\n", what,
                static_cast<unsigned long long>(tally.histories),
                static_cast<unsigned long long>(tally.valid), static_cast<unsigned long long>(tally.decided));
  return tally;
}

TEST_CASE("appends of texts that are all different agree with brute force") {
  const uint64_t count = rounds(1000);
  for (const double crashed : {0.0, 0.2, 0.5}) {
    AppendShape shape;
    shape.operations = 8;
    shape.crashed = crashed;
    if (crashed == 0.2) shape.initial = "<i>";
    const Tally tally = prove("unique", shape, count, 1 + static_cast<uint64_t>(crashed * 10));
    CHECK(tally.decided == count);
  }
}

TEST_CASE("appends of texts that repeat, or begin alike, agree with brute force") {
  const uint64_t count = rounds(1000);
  AppendShape shape;
  shape.operations = 8;
  shape.puttable = {"a", "", "b"};
  shape.appendable = {"a", "aa", "ab", "b"};
  prove("ambiguous", shape, count, 11);
  shape.appendable = {"a", "aa", "ab", ""};
  shape.initial = "a";
  prove("ambiguous, with an initial value", shape, count, 12);
  shape.initial = "";
  shape.appendable = {"a", "b"};
  shape.puttable = {""};
  prove("resets", shape, count, 13);
  shape.puts = 0;
  shape.appendable = {"a", "b", "ba", "bb", ""};
  prove("no puts", shape, count, 14);
}

TEST_CASE("a search over texts that is cut to a few configurations agrees with brute force") {
  Rng rng(31 + chunk() * 1'000'003);
  uint64_t valid = 0;
  const uint64_t count = rounds(1000);
  for (uint64_t i = 0; i < count; ++i) {
    AppendShape shape;
    shape.operations = 9;
    shape.crashed = rng.chance(0.5) ? 0 : 0.3;
    shape.puttable = {"a", "", "b"};
    shape.appendable = {"a", "aa", "ab", "b"};
    AppendHistory history = random_appends(shape, rng);
    for (int tries = 0; tries < 40 && is_linearizable(history, history.operations()) == (i % 2 == 1); ++tries)
      history = random_appends(shape, rng);
    const bool expected = is_linearizable(history, history.operations());
    valid += expected ? 1 : 0;
    const Texts texts(history.operations(), history.projection);
    MemoryMeter memory(uint64_t{1} << 30);
    const Watch watch{INT64_MAX, &memory, nullptr};
    for (const size_t width : {size_t{1}, size_t{2}, size_t{5}}) {
      const Answer answer = search_texts(history.operations(), texts, {{{}}, false}, watch, true, width);
      CAPTURE(width, to_text(history));
      if ((answer.verdict == Verdict::valid) != expected || answer.verdict == Verdict::unknown)
        FAIL("brute force says " << (expected ? "valid" : "invalid"));
      if (expected && !is_linearization(history, answer.order)) FAIL("no linearization");
      if (!expected) check_event(history, answer.event);
    }
  }
  CHECK(valid * 10 > count);
  CHECK((count - valid) * 10 > count);
}

TEST_CASE("appends of elements to lists agree with brute force") {
  AppendShape shape;
  shape.operations = 8;
  shape.lists = true;
  shape.puttable = {"", "a", "ab", "z"};
  shape.appendable = {"a", "b", "c", "d", "e", "f", "g", "h"};
  prove("lists", shape, rounds(1000), 21);
}

}  // namespace
}  // namespace riven::linearizable::testing
