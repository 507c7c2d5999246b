// Interned text: operation names, strings in values, error texts. Comparing two symbols is comparing two
// integers.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string_view>

namespace riven {

/// A process-wide interned string. Trivially copyable. The id depends on the order of interning, so it never
/// reaches a file: write text(). Thread-safe; text() stays valid until the process ends and takes no lock.
class Symbol {
 public:
  constexpr Symbol() = default;  // the empty text
  /// Interns `text`; O(length), takes a lock.
  explicit Symbol(std::string_view text);
  static constexpr Symbol from_id(uint32_t id) {
    Symbol s;
    s.id_ = id;
    return s;
  }
  std::string_view text() const;
  constexpr uint32_t id() const { return id_; }
  constexpr bool empty() const { return id_ == 0; }
  friend constexpr auto operator<=>(Symbol, Symbol) = default;

 private:
  uint32_t id_ = 0;
};

}  // namespace riven

template <>
struct std::hash<riven::Symbol> {
  size_t operator()(riven::Symbol s) const noexcept { return s.id() * 0x9e3779b97f4a7c15ULL; }
};
