// Where an element stands in a list.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "checkers/isolation/transactions.h"

namespace riven::checkers::isolation {

/// Elements to positions from 1: by a table where the elements are dense, else by binary search.
class ElementIndex {
 public:
  void build(const std::vector<int64_t>& elements) {
    duplicate_from_ = Mop::kUnobserved;
    table_.clear();
    sorted_.clear();
    if (elements.empty()) return;
    const auto [low, high] = std::minmax_element(elements.begin(), elements.end());
    lowest_ = *low;
    const uint64_t span = static_cast<uint64_t>(*high) - static_cast<uint64_t>(*low) + 1;
    if (span != 0 && span <= elements.size() * 8 + 1024) {
      table_.assign(span, 0);
      for (uint32_t p = 1; p <= elements.size(); ++p) {
        uint32_t& slot = table_[static_cast<uint64_t>(elements[p - 1]) - static_cast<uint64_t>(lowest_)];
        if (slot == 0)
          slot = p;
        else
          duplicate_from_ = std::min(duplicate_from_, p);
      }
      return;
    }
    for (uint32_t p = 1; p <= elements.size(); ++p) sorted_.emplace_back(elements[p - 1], p);
    std::sort(sorted_.begin(), sorted_.end());
    for (size_t i = 1; i < sorted_.size(); ++i)
      if (sorted_[i].first == sorted_[i - 1].first)
        duplicate_from_ = std::min(duplicate_from_, sorted_[i].second);
  }
  /// The first position of the element; 0: it is not there.
  uint32_t position_of(int64_t element) const {
    if (!table_.empty()) {
      const uint64_t offset = static_cast<uint64_t>(element) - static_cast<uint64_t>(lowest_);
      return offset < table_.size() ? table_[offset] : 0;
    }
    const auto at = std::lower_bound(sorted_.begin(), sorted_.end(), std::pair{element, uint32_t{0}});
    return at != sorted_.end() && at->first == element ? at->second : 0;
  }
  /// The first position that repeats an element, or Mop::kUnobserved.
  uint32_t duplicate_from() const { return duplicate_from_; }

 private:
  std::vector<uint32_t> table_;
  int64_t lowest_ = 0;
  std::vector<std::pair<int64_t, uint32_t>> sorted_;
  uint32_t duplicate_from_ = Mop::kUnobserved;
};

}  // namespace riven::checkers::isolation
