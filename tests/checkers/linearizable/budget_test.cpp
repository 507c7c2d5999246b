// What a check may cost: time and memory are kept whatever the history, and the rest is told.
#include "tests/catch.h"
#include "tests/checkers/linearizable/large_histories.h"
#include "tests/checkers/linearizable/measured_check.h"
#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {
namespace {

Cost measure(const History& history, const char* model, const char* engine, double seconds,
             uint64_t memory_bytes, unsigned threads = 0) {
  const auto checker = make_checker(std::map<std::string, std::string>{{"model", model}, {"engine", engine}});
  REQUIRE(checker);
  return measured_check(history, *checker, seconds, memory_bytes, threads);
}

struct Hard {
  const char* what;
  LargeShape shape;
  const char* model;
};

std::vector<Hard> hard_histories() {
  LargeShape few;
  few.unique = false;
  few.clients = 50;
  few.crashed = 0.05;
  few.operations = 3000;
  few.fault = true;
  LargeShape queue;
  queue.model = Model::fifo_queue;
  queue.clients = 30;
  queue.operations = 3000;
  LargeShape stack = queue;
  stack.model = Model::stack;
  stack.fault = true;
  return {{"few values, many clients", few, "cas-register"},
          {"queue", queue, "fifo-queue"},
          {"stack", stack, "stack"}};
}

TEST_CASE("time and memory are kept whatever the history") {
  constexpr uint64_t kMemory = uint64_t{40} << 20;
  bool stopped = false;
  for (const Hard& hard : hard_histories()) {
    const History history = large_history(hard.shape);
    for (const char* const engine : {"auto", "dfs", "jit"}) {
      const Cost cost = measure(history, hard.model, engine, 0.5, kMemory);
      CAPTURE(hard.what, engine, cost.seconds, cost.peak_bytes, to_text(cost.verdict));
      // A tenth, and what a busy machine takes for itself.
      CHECK(cost.seconds < 0.5 * 1.1 + 0.25);
      if (!kSanitized) CHECK(cost.peak_bytes < kMemory * 11 / 10 + (uint64_t{3} << 20));
      if (cost.verdict != Verdict::unknown) continue;
      stopped = true;
      CHECK(cost.named);
      CHECK(cost.proved > 0);
    }
  }
  CHECK(stopped);
}

TEST_CASE("one thread is one thread, also where two searches race") {
  Hard hard = hard_histories()[0];
  hard.shape.operations = 20000;
  hard.shape.fault = false;
  const History history = large_history(hard.shape);
  const uint64_t memory = uint64_t{200} << 20;
  const Cost one = measure(history, hard.model, "auto", 3, memory, 1);
  CHECK(one.others_seconds < 0.005);
  // The history is long enough for a race: with two threads another one works too.
  CHECK(measure(history, hard.model, "auto", 3, memory, 2).others_seconds > 0.01);
}

TEST_CASE("a history that fills the memory by itself is unknown, not an abort") {
  LargeShape shape;
  shape.operations = 20000;
  const Cost cost = measure(large_history(shape), "cas-register", "auto", 5, 100'000);
  CHECK(cost.verdict == Verdict::unknown);
  CHECK(cost.named);
}

}  // namespace
}  // namespace riven::linearizable::testing
