// A history that can be taken apart: what the simulated databases write and what the reduction of a
// disagreement cuts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/history.h"

namespace riven::checkers::isolation::plain {

struct DraftStep {
  bool write = false;
  int key = 0;
  int64_t value = 0;          ///< written
  std::vector<int64_t> seen;  ///< read: the whole list, of which a register shows the last
};

struct DraftTxn {
  Process process = 0;
  int64_t invoked = 0;
  int64_t completed = kPending;  ///< no two events of a draft at once
  OpType outcome = OpType::info;
  std::vector<DraftStep> steps;
  static constexpr int64_t kPending = -1;
};

struct Draft {
  bool lists = true;
  std::vector<DraftTxn> txns;
};

History to_history(const Draft& draft);
/// One operation a line, with indices and times, as `riven check` reads them.
std::string to_edn(const Draft& draft);

}  // namespace riven::checkers::isolation::plain
