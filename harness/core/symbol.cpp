#include "harness/core/symbol.h"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

#include "harness/core/check.h"

namespace riven {

namespace {

/// Texts live in blocks that never move; block b holds 2^(b+kFirstBits) entries, so an id finds its block by
/// its top bit.
class SymbolTable {
 public:
  SymbolTable() { intern(std::string_view{}); }

  uint32_t intern(std::string_view text) {
    {
      const std::shared_lock lock(mutex_);
      if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
    }
    const std::unique_lock lock(mutex_);
    if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
    const uint32_t id = count_;
    RIVEN_CHECK(id < UINT32_MAX - kFirst, "more than 4 billion different strings");
    const std::string_view kept = keep(text);
    const auto [block, offset] = place(id);
    if (offset == 0)
      blocks_[block].store(new std::string_view[size_t{1} << (block + kFirstBits)],
                           std::memory_order_release);
    blocks_[block].load(std::memory_order_relaxed)[offset] = kept;
    ids_.emplace(kept, id);
    count_ = id + 1;
    return id;
  }

  std::string_view text(uint32_t id) const {
    const auto [block, offset] = place(id);
    return blocks_[block].load(std::memory_order_acquire)[offset];
  }

 private:
  static constexpr uint32_t kFirstBits = 10;
  static constexpr uint32_t kFirst = 1U << kFirstBits;

  static std::pair<uint32_t, uint32_t> place(uint32_t id) {
    const uint32_t shifted = id + kFirst;
    const uint32_t top = 31U - static_cast<uint32_t>(std::countl_zero(shifted));
    return {top - kFirstBits, shifted - (1U << top)};  // NOLINT(clang-analyzer-core.*): `shifted` is never 0
  }

  std::string_view keep(std::string_view text) {
    if (text.empty()) return {};
    if (text.size() > room_) {
      const size_t size = std::max(text.size(), size_t{1} << 16);
      chunks_.push_back(std::make_unique<char[]>(size));
      next_ = chunks_.back().get();
      room_ = size;
    }
    std::memcpy(next_, text.data(), text.size());
    const std::string_view kept(next_, text.size());
    next_ += text.size();
    room_ -= text.size();
    return kept;
  }

  mutable std::shared_mutex mutex_;
  std::unordered_map<std::string_view, uint32_t> ids_;
  std::array<std::atomic<std::string_view*>, 32 - kFirstBits + 1> blocks_{};
  std::vector<std::unique_ptr<char[]>> chunks_;
  char* next_ = nullptr;
  size_t room_ = 0;
  uint32_t count_ = 0;
};

/// Never destroyed: symbols may be read by threads that outlive main.
SymbolTable& table() {
  static auto* const instance = new SymbolTable;
  return *instance;
}

}  // namespace

Symbol::Symbol(std::string_view text) : id_(table().intern(text)) {}

std::string_view Symbol::text() const { return id_ == 0 ? std::string_view{} : table().text(id_); }

}  // namespace riven
