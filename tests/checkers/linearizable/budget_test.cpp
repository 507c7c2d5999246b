// What a check may cost: time and memory are kept whatever the history, and the rest is told.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "checkers/linearizable/checker.h"
#include "tests/catch.h"
#include "tests/checkers/linearizable/large_histories.h"
#include "tests/checkers/linearizable/small_histories.h"

namespace riven::linearizable::testing {
namespace {

/// What a check in a process of its own came to.
struct Cost {
  Verdict verdict = Verdict::valid;
  double seconds = 0;
  uint64_t peak_bytes = 0;    ///< above what the process held before
  uint64_t proved = 0;        ///< operations of the longest prefix
  bool named = false;         ///< the reason says what ran out
  double cpu_seconds = 0;     ///< of the calling thread
  double others_seconds = 0;  ///< CPU time of other threads
};

double cpu_seconds(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

uint64_t peak_now() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

Cost measure(const History& history, const char* model, const char* engine, double seconds,
             uint64_t memory_bytes, unsigned threads = 0) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    Cost cost;
    const uint64_t before = peak_now();
    auto checker = make_checker(std::map<std::string, std::string>{{"model", model}, {"engine", engine}});
    Budget budget;
    const int64_t began_ns = monotonic_now_ns();
    budget.deadline_ns = began_ns + static_cast<int64_t>(seconds * 1e9);
    budget.memory_bytes = memory_bytes;
    budget.threads = threads;
    const double mine = cpu_seconds(RUSAGE_THREAD);
    const double all = cpu_seconds(RUSAGE_SELF);
    const CheckResult result = (*checker)->check(history, budget);
    cost.seconds = static_cast<double>(monotonic_now_ns() - began_ns) / 1e9;
    cost.cpu_seconds = cpu_seconds(RUSAGE_THREAD) - mine;
    cost.others_seconds = cpu_seconds(RUSAGE_SELF) - all - cost.cpu_seconds;
    cost.verdict = result.verdict;
    cost.peak_bytes = peak_now() - before;
    cost.named = result.reason.find("ran out") != std::string::npos ||
                 result.reason.find("was cut") != std::string::npos;
    if (result.details.contains("unknown"))
      cost.proved = result.details["unknown"][0]["operations-proved"].get<uint64_t>();
    const bool sent = ::write(ends[1], &cost, sizeof cost) == static_cast<ssize_t>(sizeof cost);
    ::_exit(sent ? 0 : 1);
  }
  Cost cost;
  const ssize_t got = ::read(ends[0], &cost, sizeof cost);
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(ends[0]);
  ::close(ends[1]);
  REQUIRE(got == static_cast<ssize_t>(sizeof cost));
  REQUIRE(status == 0);
  return cost;
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
