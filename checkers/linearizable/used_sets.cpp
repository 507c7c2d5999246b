#include "checkers/linearizable/used_sets.h"

#include <algorithm>

namespace riven::linearizable {

uint32_t UsedSets::with_one_more(uint32_t set, uint32_t kind, uint32_t time) {
  Set more{sets_[set].hash + mix64(kind), set, kind, sets_[set].total + 1, time};
  const auto fresh = static_cast<uint32_t>(sets_.size());
  sets_.push_back(more);
  for (auto [at, end] = by_hash_.equal_range(more.hash); at != end; ++at) {
    if (!equal(at->second, fresh)) continue;
    sets_.pop_back();
    return at->second;
  }
  by_hash_.emplace(more.hash, fresh);
  return fresh;
}

bool UsedSets::compare(uint32_t x, uint32_t y, std::vector<std::pair<uint32_t, int32_t>>& difference) const {
  constexpr size_t kMostLooks = 256;
  const auto note = [&](uint32_t kind, int32_t by) {
    for (auto& [known, count] : difference) {
      if (known != kind) continue;
      count += by;
      return;
    }
    difference.emplace_back(kind, by);
  };
  for (size_t looks = 0; x != y; ++looks) {
    if (looks == kMostLooks) return false;
    uint32_t& larger = sets_[x].total >= sets_[y].total ? x : y;
    note(sets_[larger].kind, &larger == &x ? 1 : -1);
    larger = sets_[larger].rest;
  }
  return true;
}

bool UsedSets::equal(uint32_t x, uint32_t y) const {
  if (sets_[x].total != sets_[y].total) return false;
  std::vector<std::pair<uint32_t, int32_t>> difference;
  return compare(x, y, difference) &&
         std::all_of(difference.begin(), difference.end(), [](const auto& d) { return d.second == 0; });
}

bool UsedSets::no_more(uint32_t x, uint32_t y) const {
  if (x == y) return true;
  if (sets_[x].total > sets_[y].total) return false;
  std::vector<std::pair<uint32_t, int32_t>> difference;
  return compare(x, y, difference) &&
         std::all_of(difference.begin(), difference.end(), [](const auto& d) { return d.second <= 0; });
}

}  // namespace riven::linearizable
