// The values of a key that is appended to, as strings of bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "checkers/linearizable/operation.h"
#include "checkers/linearizable/projection.h"

namespace riven::linearizable {

/// Texts are taken as they are, nil as the empty one. A list is the numbers of its elements, four bytes each,
/// so that appending an element to a list is appending bytes too. The views last as long as this and the
/// projection.
class Texts {
 public:
  Texts(std::span<const Operation> part, const Projection& projection);

  /// Whether every read, write and append of the part is one of strings of bytes, and there is an append: all
  /// values are texts or nil, or all are lists with elements, elements that are no texts, or nil.
  bool apply() const { return form_ != Form::none; }
  /// A value that was read or put.
  std::string_view whole(int32_t value) const {
    if (form_ == Form::texts) return text(value);
    const auto found = wholes_.find(value);
    return found == wholes_.end() ? std::string_view() : std::string_view(found->second);
  }
  /// A value that was appended.
  std::string_view piece(int32_t value) const {
    return form_ == Form::texts ? text(value) : std::string_view(pieces_.at(value));
  }
  Value value_of(std::string_view bytes) const;
  /// A value with something behind `bytes` that never stands there.
  Value longer_than(std::string_view bytes) const;
  uint64_t memory_bytes() const;

 private:
  enum class Form : uint8_t { none, texts, lists };
  std::string_view text(int32_t value) const {
    return value == kNil ? std::string_view() : projection_.values.value(value).text();
  }
  bool all_texts(std::span<const Operation> part) const;
  bool all_lists(std::span<const Operation> part) const;
  std::string element(const Value& value);

  const Projection& projection_;
  Form form_ = Form::none;
  std::unordered_map<int32_t, std::string> wholes_;  // of lists
  std::unordered_map<int32_t, std::string> pieces_;
  std::unordered_map<int64_t, uint32_t> integers_;
  std::unordered_map<std::string, uint32_t> others_;
  std::vector<Value> elements_;  // by number
};

/// Strings of bytes that may stand at a place of a longer one, found in a few steps for each length that
/// there is. Every match is compared, so that equal hashes do no harm.
class PieceIndex {
 public:
  struct Piece {
    std::string_view text;
    uint32_t first = 0;  ///< what was given with it first
    uint32_t count = 0;  ///< how often it was added
  };

  void add(std::string_view text, uint32_t what);
  const std::vector<Piece>& pieces() const { return pieces_; }
  uint32_t find(std::string_view text) const;
  size_t longest() const { return lengths_.empty() ? 0 : lengths_.back(); }
  uint64_t memory_bytes() const {
    return pieces_.capacity() * sizeof(Piece) + slots_.capacity() * sizeof(Slot) + lengths_.size() * 8;
  }

  /// Calls fn(piece, end) for each piece that `whole` has at `at` and that ends behind `beyond`.
  template <typename Fn>
  void each_at(std::string_view whole, size_t at, size_t beyond, const Fn& fn) const {
    Hash hash;
    for (const size_t length : lengths_) {
      if (length > whole.size() - at) return;
      hash.advance(whole.data() + at, length);
      if (at + length <= beyond) continue;
      const std::string_view text = whole.substr(at, length);
      const uint32_t found = look_up(hash.of(whole.data() + at, length), text);
      if (found != kNone) fn(found, at + length);
    }
  }

  static constexpr uint32_t kNone = UINT32_MAX;

 private:
  /// Of ever longer beginnings of one string.
  class Hash {
   public:
    void advance(const char* data, size_t length);
    uint64_t of(const char* data, size_t length) const;

   private:
    uint64_t words_ = 0x9e3779b97f4a7c15ULL;
    size_t done_ = 0;
  };
  struct Slot {
    uint32_t piece = kNone;
    uint32_t tag = 0;  // of its hash: most strings that differ are told apart without a look at them
  };
  static uint32_t tag(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }
  static uint64_t hash_of(std::string_view text);
  size_t slot_of(uint64_t hash, std::string_view text) const;
  uint32_t look_up(uint64_t hash, std::string_view text) const { return slots_[slot_of(hash, text)].piece; }
  void grow();

  std::vector<Piece> pieces_;
  std::vector<Slot> slots_;
  std::vector<size_t> lengths_;  // ascending, each once
};

}  // namespace riven::linearizable
