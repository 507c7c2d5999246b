// One entry of a history.
#pragma once

#include <cstdint>
#include <string_view>

#include "harness/core/symbol.h"
#include "harness/core/value.h"

namespace riven {

/// ok: happened. fail: certainly did not happen. info: may have happened, or may yet.
enum class OpType : uint8_t { invoke, ok, fail, info };

constexpr std::string_view to_text(OpType type) {
  switch (type) {
    case OpType::invoke:
      return "invoke";
    case OpType::ok:
      return "ok";
    case OpType::fail:
      return "fail";
    case OpType::info:
      return "info";
  }
  return "?";
}

/// A logical, single-threaded client. Numbers from 0; a process that got `info` never acts again.
using Process = int32_t;
/// The process of the nemesis, printed as :nemesis.
inline constexpr Process kNemesis = -1;

struct Op {
  int64_t index = -1;   ///< position in the history; -1: not yet recorded
  int64_t time_ns = 0;  ///< monotonic, since the run began
  Process process = 0;
  OpType type = OpType::invoke;
  Symbol f;  ///< the function: read, write, cas, txn, ...
  Value value{};
  Value error{};  ///< why it failed or is unknown; nil otherwise
};

}  // namespace riven
