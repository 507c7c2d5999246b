// A set of configurations, found by hash: what the searches' own sets share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace riven::linearizable {

/// What a vector holds, or will while it grows if it is about to.
template <typename T>
uint64_t room(const std::vector<T>& v) {
  constexpr size_t kSoon = 32768;
  return v.capacity() * sizeof(T) * (v.capacity() > kSoon && v.size() + kSoon > v.capacity() ? 3 : 1);
}

/// Chains of configurations by hash; a set derived from it says when two are the same. Cleared in O(size).
/// Not thread-safe.
template <typename Config>
class ConfigTable {
 public:
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
    return room(configs) + room(heads_) + room(touched_) + room(next_) + room(hashes_);
  }

 protected:
  static constexpr uint32_t kNone = UINT32_MAX;
  /// The first configuration of a chain, and the one after configuration i; kNone: none.
  uint32_t head(uint64_t h) const { return heads_[h & (heads_.size() - 1)]; }
  uint32_t next(uint32_t i) const { return next_[i]; }
  uint64_t hash_at(uint32_t i) const { return hashes_[i]; }
  void insert(uint64_t h, const Config& c) {
    if (configs.size() >= heads_.size()) grow();
    uint32_t& top = heads_[h & (heads_.size() - 1)];
    if (top == kNone) touched_.push_back(static_cast<uint32_t>(h & (heads_.size() - 1)));
    configs.push_back(c);
    next_.push_back(top);
    hashes_.resize(configs.size());
    hashes_.back() = h;
    top = static_cast<uint32_t>(configs.size() - 1);
  }

 private:
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
