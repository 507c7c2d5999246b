// Configurations of the search over texts, and sets of them.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "checkers/linearizable/config_table.h"
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
class TextSet : public ConfigTable<TextConfig<kWords>> {
  using Table = ConfigTable<TextConfig<kWords>>;
  using Table::kNone, Table::head, Table::next, Table::insert, Table::hash_at;

 public:
  using Config = TextConfig<kWords>;
  using Table::configs;

  /// Adds `c` unless it is there. Whether it was added.
  bool add_new(const Config& c) {
    uint64_t h = hash(c.place) ^ c.put_at ^ (uint64_t{c.used} << 32) ^ (c.fresh ? 1 : 0);
    for (const uint64_t word : c.done) h = mix64(h ^ word);
    for (uint32_t i = head(h); i != kNone; i = next(i))
      if (hash_at(i) == h && configs[i].same(c)) return false;
    insert(h, c);
    return true;
  }
  /// Adds `c` unless one of the same text makes it superfluous; marks those that it makes so.
  void add_best(const Config& c, const TextDominance<kWords>& better) {
    constexpr int kMostLooks = 256;
    const uint64_t h = hash(c.place);
    int looks = 0;
    for (uint32_t i = head(h); i != kNone && looks < kMostLooks; i = next(i), ++looks) {
      Config& have = configs[i];
      if (hash_at(i) != h || have.dropped || !(have.place == c.place)) continue;
      if (better(have, c)) return;
      have.dropped = better(c, have);
    }
    insert(h, c);
  }

 private:
  static uint64_t hash(TextPlace place) { return mix64((uint64_t{place.node} << 32) | place.length); }
};

}  // namespace riven::linearizable
