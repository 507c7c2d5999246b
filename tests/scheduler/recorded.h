// A sink that keeps what the scheduler records, and what tests ask of it.
#pragma once

#include <string>
#include <vector>

#include "harness/core/history.h"
#include "harness/generator/combinators.h"
#include "harness/run/scheduler.h"
#include "harness/run/virtual_executor.h"
#include "tests/catch.h"

namespace riven {

class Recorded final : public EntrySink {
 public:
  Status append(const Op& op) override {
    if (entries.size() == fail_at) return Error{"no space left on device"};
    entries.push_back(op);
    return ok_status();
  }

  /// "index time process type f value error" of each.
  std::vector<std::string> lines() const {
    std::vector<std::string> text;
    for (const Op& op : entries) {
      text.push_back(std::to_string(op.index) + " " + std::to_string(op.time_ns) + " " +
                     std::to_string(op.process) + " " + std::string(to_text(op.type)) + " " +
                     std::string(op.f.text()) + " " + to_edn(op.value) +
                     (op.error.is_nil() ? "" : " " + to_edn(op.error)));
    }
    return text;
  }

  /// Whether it is a well-formed history: dense indices, times that never decrease, strict pairing; with
  /// `complete`, nothing left open.
  void check_well_formed(bool complete = true) const {
    HistoryBuilder builder;
    int64_t time = 0;
    for (size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].index != static_cast<int64_t>(i) || entries[i].time_ns < time) FAIL("entry " << i);
      time = entries[i].time_ns;
      builder.append(entries[i]);
    }
    Result<History> history = builder.finish();
    if (!history) FAIL(history.error().message);
    size_t open = 0;
    for (size_t i = 0; i < history->size(); ++i) open += history->pair(i) == History::kNone ? 1 : 0;
    if (complete) CHECK(open == 0);
  }

  std::vector<Op> entries;
  size_t fail_at = SIZE_MAX;  // the entry that cannot be written
};

using Lines = std::vector<std::string>;

inline GeneratorPtr reads(int64_t n) {
  return gen::clients(gen::limit(n, gen::repeat(gen::one(gen::op("read")))));
}

/// Answers each operation after `latency_ns` by `answer`.
inline SimulatedInvoke answering(int64_t latency_ns, std::function<Outcome(const Op&)> answer) {
  return [latency_ns, answer = std::move(answer)](Simulation& simulation, uint64_t ticket, const Op& op) {
    simulation.after(latency_ns,
                     [&simulation, ticket, op, answer] { simulation.complete(ticket, answer(op)); });
  };
}

inline Outcome echo(const Op& op) { return Outcome::ok(op.value); }

}  // namespace riven
