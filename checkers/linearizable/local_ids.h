// Value ids of a part, renumbered from 0, for tables by value.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "checkers/linearizable/operation.h"

namespace riven::linearizable {

/// O(1) look-ups for large parts, O(log n) for small parts of a history with many values.
class LocalIds {
 public:
  static constexpr uint32_t kNone = UINT32_MAX;
  LocalIds(std::span<const Operation> part, size_t values) : dense_(part.size() * 8 >= values) {
    if (dense_) {
      ids_.assign(values, kNone);
      return;
    }
    for (const Operation& op : part) {
      if (op.a >= 0) sorted_.push_back(op.a);
      if (op.b >= 0) sorted_.push_back(op.b);
    }
    std::sort(sorted_.begin(), sorted_.end());
    sorted_.erase(std::unique(sorted_.begin(), sorted_.end()), sorted_.end());
    ids_.assign(sorted_.size(), kNone);
  }

  /// The local id of a value of the part, given out in the order of asking; kNone for a value that the part
  /// does not have.
  uint32_t id(int32_t value) {
    const size_t at = slot(value);
    if (at == SIZE_MAX) return kNone;
    if (ids_[at] == kNone) ids_[at] = count_++;
    return ids_[at];
  }
  uint32_t count() const { return count_; }

 private:
  size_t slot(int32_t value) const {
    if (dense_) return static_cast<size_t>(value);
    const auto found = std::lower_bound(sorted_.begin(), sorted_.end(), value);
    return found == sorted_.end() || *found != value ? SIZE_MAX
                                                     : static_cast<size_t>(found - sorted_.begin());
  }
  bool dense_;
  std::vector<int32_t> sorted_;
  std::vector<uint32_t> ids_;
  uint32_t count_ = 0;
};

}  // namespace riven::linearizable
