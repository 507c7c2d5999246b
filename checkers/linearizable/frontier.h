// Configurations of the just-in-time frontier and sets of them.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "checkers/linearizable/config_table.h"
#include "checkers/linearizable/operation.h"
#include "harness/core/rng.h"

namespace riven::linearizable {

/// How many crashed operations of each pool were used: vectors by number, each kept once.
class UsedCounts {
 public:
  explicit UsedCounts(size_t pools) : pools_(pools), counts_(pools, 0), totals_(1, 0) {}
  uint32_t count(uint32_t id, uint32_t pool) const { return counts_[id * pools_ + pool]; }
  uint32_t total(uint32_t id) const { return totals_[id]; }
  uint32_t with_one_more(uint32_t id, uint32_t pool) {
    const uint64_t key = (uint64_t{id} << 32) | pool;
    if (const auto known = next_.find(key); known != next_.end()) return known->second;
    std::vector<uint32_t> v(counts_.begin() + static_cast<std::ptrdiff_t>(id * pools_),
                            counts_.begin() + static_cast<std::ptrdiff_t>((id + 1) * pools_));
    ++v[pool];
    uint64_t h = 0;
    for (const uint32_t c : v) h = mix64(h ^ c);
    for (auto [at, end] = by_hash_.equal_range(h); at != end; ++at) {
      if (std::equal(v.begin(), v.end(), counts_.begin() + static_cast<std::ptrdiff_t>(at->second * pools_)))
        return next_[key] = at->second;
    }
    const auto fresh = static_cast<uint32_t>(totals_.size());
    counts_.insert(counts_.end(), v.begin(), v.end());
    totals_.push_back(totals_[id] + 1);
    by_hash_.emplace(h, fresh);
    return next_[key] = fresh;
  }
  bool no_more(uint32_t x, uint32_t y) const {
    if (x == y) return true;
    if (totals_[x] >= totals_[y]) return false;
    for (size_t i = 0; i < pools_; ++i)
      if (counts_[x * pools_ + i] > counts_[y * pools_ + i]) return false;
    return true;
  }
  uint64_t memory_bytes() const {
    return counts_.capacity() * 4 + totals_.capacity() * 4 + (next_.size() + by_hash_.size()) * 48;
  }

 private:
  size_t pools_;
  std::vector<uint32_t> counts_;
  std::vector<uint32_t> totals_;
  std::unordered_map<uint64_t, uint32_t> next_;
  std::unordered_multimap<uint64_t, uint32_t> by_hash_;
};

/// State, operations in flight that are linearized (by slot), crashed ones used, and when the last overwrite
/// was linearized.
template <size_t kWords>
struct FrontierConfig {
  static constexpr uint32_t kNoLink = UINT32_MAX;
  static constexpr uint32_t kDropped = UINT32_MAX;
  uint32_t state = 0;
  uint32_t used = 0;
  uint32_t overwritten = 0;
  uint16_t fresh = 0;  // 1: the last step was an overwrite that nobody has seen yet
  uint16_t spent = 0;  // crashed operations used for the completion that is looked at
  std::array<uint64_t, kWords> done{};
  uint32_t link = kNoLink;

  bool has(uint32_t slot) const { return (done[slot / 64] >> (slot % 64) & 1) != 0; }
  void set(uint32_t slot) { done[slot / 64] |= uint64_t{1} << (slot % 64); }
  void clear(uint32_t slot) { done[slot / 64] &= ~(uint64_t{1} << (slot % 64)); }
  bool same_place(const FrontierConfig& o) const {
    return state == o.state && overwritten == o.overwritten && fresh == o.fresh && done == o.done;
  }
};

/// When one configuration makes another superfluous: the same state and the same pending updates; no fewer
/// observers done, no more crashed operations used, overwritten no earlier; and an overwrite that the other
/// has done may be undone here if it would fit before the last overwrite.
template <size_t kWords>
struct DominanceRule {
  const std::array<uint64_t, kWords>* strict = nullptr;
  const std::array<uint64_t, kWords>* overwrites = nullptr;
  const std::vector<uint32_t>* slot_of = nullptr;
  const std::vector<Operation>* live = nullptr;
  const UsedCounts* used = nullptr;
  bool greedy =
      false;  ///< of crashed operations only the number used counts; then what is dropped may be missed

  bool no_more_used(uint32_t x, uint32_t y) const {
    return greedy ? used->total(x) <= used->total(y) : used->no_more(x, y);
  }
  bool dominates(const FrontierConfig<kWords>& x, const FrontierConfig<kWords>& y) const {
    if (x.overwritten < y.overwritten || !no_more_used(x.used, y.used)) return false;
    for (size_t w = 0; w < kWords; ++w) {
      const uint64_t free = (*overwrites)[w];
      const uint64_t observers = ~(free | (*strict)[w]);
      if ((y.done[w] & observers & ~x.done[w]) != 0) return false;
      if ((x.done[w] & free & ~y.done[w]) != 0) return false;
      for (uint64_t bits = y.done[w] & free & ~x.done[w]; bits != 0; bits &= bits - 1) {
        const uint32_t op = (*slot_of)[w * 64 + static_cast<size_t>(__builtin_ctzll(bits))];
        if ((*live)[op].invoked >= x.overwritten) return false;
      }
    }
    return true;
  }
};

/// Configurations, found by hash. Cleared in O(size).
template <size_t kWords>
class FrontierSet : public ConfigTable<FrontierConfig<kWords>> {
  using Table = ConfigTable<FrontierConfig<kWords>>;
  using Table::kNone, Table::head, Table::next, Table::insert;

 public:
  using Config = FrontierConfig<kWords>;
  using Table::configs;

  /// Adds `c` unless it is there (greedy: with whatever crashed operations used). Whether it was added.
  bool add_new(const Config& c, bool greedy = false) {
    const uint64_t h = hash(c.state, (greedy ? 0 : c.used * 2) + c.fresh, c.done, nullptr);
    for (uint32_t i = head(h); i != kNone; i = next(i))
      if (configs[i].same_place(c) && (greedy || configs[i].used == c.used)) return false;
    insert(h, c);
    return true;
  }

  /// Adds `c` unless one that is there dominates it; drops those that it dominates.
  void add_undominated(const Config& c, const DominanceRule<kWords>& rule, uint32_t) {
    const uint64_t h = hash(c.state, 0, c.done, rule.strict);
    int looks = 0;
    for (uint32_t i = head(h); i != kNone && looks < kMaxLooks; i = next(i), ++looks) {
      Config& have = configs[i];
      if (have.state != c.state || !same_strict(have, c, *rule.strict)) continue;
      if (rule.dominates(have, c)) return;
      if (rule.dominates(c, have)) {
        have = c;
        drop_dominated(next(i), c, rule, looks);
        return;
      }
    }
    insert(h, c);
  }

 private:
  static constexpr int kMaxLooks = 256;

  void drop_dominated(uint32_t from, const Config& c, const DominanceRule<kWords>& rule, int looks) {
    for (uint32_t i = from; i != kNone && looks < kMaxLooks; i = next(i), ++looks) {
      Config& have = configs[i];
      if (have.state == c.state && same_strict(have, c, *rule.strict) && rule.dominates(c, have))
        have.state = Config::kDropped;
    }
  }
  static bool same_strict(const Config& x, const Config& y, const std::array<uint64_t, kWords>& strict) {
    for (size_t w = 0; w < kWords; ++w)
      if (((x.done[w] ^ y.done[w]) & strict[w]) != 0) return false;
    return true;
  }
  static uint64_t hash(uint32_t state, uint32_t extra, const std::array<uint64_t, kWords>& done,
                       const std::array<uint64_t, kWords>* mask) {
    uint64_t h = mix64((uint64_t{state} << 32) | extra);
    for (size_t w = 0; w < kWords; ++w) h = mix64(h ^ (mask != nullptr ? done[w] & (*mask)[w] : done[w]));
    return h;
  }
};

}  // namespace riven::linearizable
