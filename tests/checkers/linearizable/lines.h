// Histories written down as lines, and what the checker says of them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "checkers/linearizable/checker.h"
#include "tests/catch.h"

namespace riven::linearizable::testing {

struct Line {
  Process process;
  OpType type;
  const char* f;
  Value value;
  Value error = Value();
};

/// One entry a line, a millisecond apart.
inline History history(const std::vector<Line>& lines) {
  HistoryBuilder builder;
  int64_t time_ns = 0;
  for (const Line& line : lines) {
    Op op;
    op.time_ns = time_ns += 1'000'000;
    op.process = line.process;
    op.type = line.type;
    op.f = Symbol(line.f);
    op.value = line.value;
    op.error = line.error;
    builder.append(op);
  }
  auto made = builder.finish(HistoryBuilder::Pairing::lenient);
  REQUIRE(made);
  return std::move(made).value();
}

inline CheckResult check(const std::vector<Line>& lines,
                         const std::map<std::string, std::string>& options = {}) {
  auto checker = make_checker(options);
  REQUIRE(checker);
  return (*checker)->check(history(lines), Budget{});
}

inline constexpr OpType kInvoke = OpType::invoke;
inline constexpr OpType kOk = OpType::ok;
inline constexpr OpType kFail = OpType::fail;
inline constexpr OpType kInfo = OpType::info;

inline Value pair(Value a, Value b) { return Value(Value::List{std::move(a), std::move(b)}); }

}  // namespace riven::linearizable::testing
