// The checker and the plain reading side by side.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "tests/checkers/isolation/plain/draft.h"
#include "tests/checkers/isolation/plain/opinion.h"

namespace riven::checkers::isolation::plain {

struct Tally {
  struct Row {
    uint64_t refuted = 0, holds = 0;  ///< by both
    uint64_t undecided = 0;           ///< the checker leaves it open
    uint64_t open = 0;                ///< the plain reading alone does
    uint64_t differences = 0;
  };
  uint64_t histories = 0;
  std::array<Row, kModels> models;
  std::string table() const;
};

/// Judges the history by both and says where they differ, each difference by a name that stays the same while
/// the history is cut. Counts into `tally` unless null.
std::set<std::string> differences(const Draft& draft, Tally* tally);

/// Cuts the draft while `difference` stays: transactions, micro-operations, sessions, outcomes, concurrency.
Draft reduced(Draft draft, const std::string& difference);

/// What both say of a history, in words, for whoever has to decide who is right.
std::string described(const Draft& draft);

}  // namespace riven::checkers::isolation::plain
