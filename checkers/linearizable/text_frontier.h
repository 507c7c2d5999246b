// Configurations of the search over texts, and sets of them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "checkers/linearizable/operation.h"
#include "checkers/linearizable/text_trie.h"
#include "checkers/linearizable/used_sets.h"
#include "harness/core/rng.h"

namespace riven::linearizable {

/// The text, the operations in flight that are done (by slot), crashed ones used, and when the last put was.
template <size_t kWords>
struct TextConfig {
  static constexpr uint32_t kNoLink = UINT32_MAX;
  TextPlace place;      ///< nowhere: no read to come begins like the text
  uint32_t put_at = 0;  ///< event before which the last put took effect
  uint32_t used = 0;
  uint32_t link = kNoLink;
  bool fresh = false;    ///< the last step was an update that nobody has seen
  bool dropped = false;  ///< another one is better
  std::array<uint64_t, kWords> done{};

  bool has(uint32_t slot) const { return (done[slot / 64] >> (slot % 64) & 1) != 0; }
  void set(uint32_t slot) { done[slot / 64] |= uint64_t{1} << (slot % 64); }
  void clear(uint32_t slot) { done[slot / 64] &= ~(uint64_t{1} << (slot % 64)); }
  bool same(const TextConfig& o) const {
    return place == o.place && put_at == o.put_at && used == o.used && fresh == o.fresh && done == o.done;
  }
};

/// When one configuration makes another superfluous: everything that leads on from the other leads on from
/// it. The texts are the same, or the other's is nowhere; it has more reads done, a later put, no more
/// crashed operations used; no more updates done, and those that only the other has done fit before the last
/// put, or the text is nowhere, where they change nothing.
template <size_t kWords>
struct TextDominance {
  const std::array<uint64_t, kWords>* updates = nullptr;  ///< slots of updates
  const std::vector<uint32_t>* invoked = nullptr;         ///< by slot
  const UsedSets* used = nullptr;

  bool operator()(const TextConfig<kWords>& x, const TextConfig<kWords>& y) const {
    if (x.put_at < y.put_at || (y.place.somewhere() && !(x.place == y.place))) return false;
    for (size_t w = 0; w < kWords; ++w) {
      if ((y.done[w] & ~(*updates)[w] & ~x.done[w]) != 0 || (x.done[w] & (*updates)[w] & ~y.done[w]) != 0)
        return false;
      if (!y.place.somewhere()) continue;
      for (uint64_t bits = y.done[w] & (*updates)[w] & ~x.done[w]; bits != 0; bits &= bits - 1)
        if ((*invoked)[w * 64 + static_cast<size_t>(__builtin_ctzll(bits))] >= x.put_at) return false;
    }
    return used->no_more(x.used, y.used);
  }
};

/// Configurations, found by their text.
template <size_t kWords>
class TextSet {
 public:
  using Config = TextConfig<kWords>;
  std::vector<Config> configs;

  void clear() {
    configs.clear();
    next_.clear();
    if (heads_.size() > 4096 && touched_.size() * 64 < heads_.size()) {
      heads_.assign(1024, kNone);
    } else {
      for (const uint32_t at : touched_) heads_[at] = kNone;
    }
    touched_.clear();
  }
  uint64_t bytes() const {
    return configs.capacity() * sizeof(Config) +
           (heads_.capacity() + touched_.capacity() + next_.capacity()) * sizeof(uint32_t) +
           hashes_.capacity() * sizeof(uint64_t);
  }
  /// Adds `c` unless it is there. Whether it was added.
  bool add_new(const Config& c) {
    uint64_t h = hash(c.place) ^ c.put_at ^ (uint64_t{c.used} << 32) ^ (c.fresh ? 1 : 0);
    for (const uint64_t word : c.done) h = mix64(h ^ word);
    for (uint32_t i = heads_[h & (heads_.size() - 1)]; i != kNone; i = next_[i])
      if (hashes_[i] == h && configs[i].same(c)) return false;
    insert(h, c);
    return true;
  }
  /// Adds `c` unless one of the same text makes it superfluous; marks those that it makes so.
  void add_best(const Config& c, const TextDominance<kWords>& better) {
    constexpr int kMostLooks = 256;
    const uint64_t h = hash(c.place);
    int looks = 0;
    for (uint32_t i = heads_[h & (heads_.size() - 1)]; i != kNone && looks < kMostLooks;
         i = next_[i], ++looks) {
      Config& have = configs[i];
      if (hashes_[i] != h || have.dropped || !(have.place == c.place)) continue;
      if (better(have, c)) return;
      have.dropped = better(c, have);
    }
    insert(h, c);
  }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static uint64_t hash(TextPlace place) { return mix64((uint64_t{place.node} << 32) | place.length); }
  void insert(uint64_t h, const Config& c) {
    if (configs.size() >= heads_.size()) grow();
    uint32_t& head = heads_[h & (heads_.size() - 1)];
    if (head == kNone) touched_.push_back(static_cast<uint32_t>(h & (heads_.size() - 1)));
    configs.push_back(c);
    next_.push_back(head);
    hashes_.resize(configs.size());
    hashes_.back() = h;
    head = static_cast<uint32_t>(configs.size() - 1);
  }
  void grow() {
    heads_.assign(heads_.size() * 2, kNone);
    touched_.clear();
    for (uint32_t i = 0; i < configs.size(); ++i) {
      const auto at = static_cast<uint32_t>(hashes_[i] & (heads_.size() - 1));
      if (heads_[at] == kNone) touched_.push_back(at);
      next_[i] = heads_[at];
      heads_[at] = i;
    }
  }

  std::vector<uint32_t> heads_ = std::vector<uint32_t>(1024, kNone);
  std::vector<uint32_t> touched_;
  std::vector<uint32_t> next_;
  std::vector<uint64_t> hashes_;
};

}  // namespace riven::linearizable
