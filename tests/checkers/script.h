// Short hand for histories in tests.
#pragma once

#include <string>

#include "harness/core/history.h"
#include "tests/catch.h"

namespace riven::test {

/// Entries in the order of the calls; times in milliseconds.
class Script {
 public:
  Script& entry(double ms, Process process, OpType type, const std::string& f, Value value = {},
                Value error = {}) {
    Op op;
    op.time_ns = static_cast<int64_t>(ms * 1e6);
    op.process = process;
    op.type = type;
    op.f = Symbol(f);
    op.value = std::move(value);
    op.error = std::move(error);
    builder_.append(op);
    return *this;
  }
  /// A whole operation of a client: invoked at `ms`, completed `took_ms` later, with nothing in between.
  Script& op(double ms, double took_ms, Process process, OpType ends, const std::string& f,
             Value error = {}) {
    entry(ms, process, OpType::invoke, f);
    return entry(ms + took_ms, process, ends, f, {}, std::move(error));
  }
  /// A nemesis operation, completed one millisecond later with `value`.
  Script& fault(double ms, const std::string& f, Value value = {}, Value error = {}) {
    entry(ms, kNemesis, OpType::info, f);
    return entry(ms + 1, kNemesis, OpType::info, f, std::move(value), std::move(error));
  }
  /// `count` successful operations of `f` by `process`, evenly over [from_ms, to_ms).
  Script& steady(double from_ms, double to_ms, int count, Process process, const std::string& f) {
    for (int i = 0; i < count; ++i)
      op(from_ms + (to_ms - from_ms) * i / count, (to_ms - from_ms) / count / 2, process, OpType::ok, f);
    return *this;
  }
  History history() {
    Result<History> made = builder_.finish(HistoryBuilder::Pairing::lenient);
    REQUIRE(made.has_value());
    return std::move(*made);
  }

 private:
  HistoryBuilder builder_;
};

inline Value proof(Value took_effect, Value dropped) {
  return Value::map(
      {Value::keyword("took_effect"), std::move(took_effect), Value::keyword("dropped"), std::move(dropped)});
}

/// Many operations, functions and faults whose names are markup.
inline History hostile_history() {
  Script script;
  uint64_t x = 1;
  for (int i = 0; i < 60'000; ++i) {
    x = x * 6364136223846793005U + 1442695040888963407U;
    const std::string f = "f<&\"'\xff" + std::to_string(x >> 60);
    script.op(i, static_cast<double>(1 + (x >> 20) % 997'000) / 1e6, 0,
              i % 3 == 0 ? OpType::fail : OpType::ok, f);
    if (i % 60 == 0) script.fault(i + 0.998, i % 120 == 0 ? "start-x</svg>" : "stop-x</svg>");
  }
  return script.history();
}

}  // namespace riven::test
