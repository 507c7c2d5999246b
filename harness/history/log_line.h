// One line of Jepsen's log or of its history.txt. Internal to harness/history.
#pragma once

#include <optional>
#include <string_view>

#include "harness/core/op.h"

namespace riven::reading {

struct LogLine {
  std::string_view process;
  OpType type = OpType::invoke;
  std::string_view rest;  ///< EDN: the function, the value, and sometimes an error
};

/// The operation in `line`, or nothing: "INFO  jepsen.util - 2 :invoke :cas [1 2]",
/// "2\t:invoke\t:cas\t[1 2]" and what else has a process before :invoke, :ok, :fail or :info.
std::optional<LogLine> parse_log_line(std::string_view line);

}  // namespace riven::reading
