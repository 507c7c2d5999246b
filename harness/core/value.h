// Values of operations: what a client was asked to do and what it saw.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/check.h"
#include "harness/core/symbol.h"

namespace riven {

/// A small tagged union. `keyword` is EDN's :word (in JSON it is a string); `map` is a flat list k1 v1 k2 v2.
/// Immutable and cheap to copy: lists, sets and maps are shared. Equality is that of what they mean: maps and
/// sets are equal whatever the order they were made in (they are kept in the order of value_order.h); a
/// keyword differs from a string of the same text, 1 from 1.0, a set from a list; not-a-number equals itself.
/// Threads may share a Value freely.
class Value {
 public:
  enum class Kind : uint8_t { nil, boolean, integer, real, string, keyword, list, set, map };
  using List = std::vector<Value>;

  Value() = default;
  Value(bool b) : kind_(Kind::boolean), integer_(b ? 1 : 0) {}
  Value(int i) : kind_(Kind::integer), integer_(i) {}
  Value(int64_t i) : kind_(Kind::integer), integer_(i) {}
  Value(double d) : kind_(Kind::real), real_(d + 0.0) {}  // -0.0 is 0.0
  Value(const char* text) : Value(std::string_view(text)) {}
  Value(std::string_view text) : Value(Kind::string, Symbol(text)) {}
  Value(const std::string& text) : Value(std::string_view(text)) {}
  Value(List items);
  static Value string(Symbol s) { return {Kind::string, s}; }
  static Value keyword(Symbol s) { return {Kind::keyword, s}; }
  static Value keyword(std::string_view text) { return {Kind::keyword, Symbol(text)}; }
  /// Of a key that is given twice the last value counts.
  static Value map(List flat_pairs);
  /// An element that is given twice is in it once.
  static Value set(List elements);

  Kind kind() const { return kind_; }
  bool is_nil() const { return kind_ == Kind::nil; }
  bool is_integer() const { return kind_ == Kind::integer; }
  bool is_list() const { return kind_ == Kind::list; }
  bool is_set() const { return kind_ == Kind::set; }
  bool is_map() const { return kind_ == Kind::map; }
  /// A list or a set: where it does not matter whether the elements have an order.
  bool has_elements() const { return is_list() || is_set(); }
  /// True for a string or a keyword of this text: micro-operations are :append in EDN and "append" in JSON.
  bool is_name(std::string_view text) const {
    return (kind_ == Kind::string || kind_ == Kind::keyword) && symbol().text() == text;
  }

  // Each getter demands the right kind (RIVEN_CHECK).
  bool boolean() const { return expect(Kind::boolean), integer_ != 0; }
  int64_t integer() const { return expect(Kind::integer), integer_; }
  double real() const { return expect(Kind::real), real_; }
  Symbol symbol() const {
    RIVEN_CHECK(kind_ == Kind::string || kind_ == Kind::keyword, "a value that is no text was read as text");
    return Symbol::from_id(symbol_);
  }
  std::string_view text() const { return symbol().text(); }
  const List& list() const { return expect(Kind::list), *list_; }
  /// Of a list or a set.
  const List& elements() const { return is_set() ? *list_ : list(); }
  const List& flat_map() const { return expect(Kind::map), *list_; }
  /// The value of `key` in a map, or nullptr.
  const Value* find(std::string_view key) const;

  friend bool operator==(const Value& a, const Value& b);
  /// The elements of a list or set, the flat keys and values of a map; nothing for any other kind.
  const Value* begin() const { return list_ == nullptr ? nullptr : list_->data(); }
  const Value* end() const { return list_ == nullptr ? nullptr : list_->data() + list_->size(); }

 private:
  Value(Kind kind, Symbol s) : kind_(kind), symbol_(s.id()) {}
  void expect(Kind kind) const { RIVEN_CHECK(kind_ == kind, "a value was read as another kind than it has"); }

  Kind kind_ = Kind::nil;
  union {
    int64_t integer_ = 0;
    double real_;
    uint32_t symbol_;
  };
  std::shared_ptr<const List> list_;
};

/// As EDN text: nil, true, 12, 1.5, "text", :word, [1 2], #{1 2}, {:a 1}. For messages and logs; equal values
/// have equal texts.
std::string to_edn(const Value& value);

}  // namespace riven
