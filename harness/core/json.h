// JSON: what Riven writes to files, sends to the agent and attaches to results. Values of operations are
// Value.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/value.h"

namespace riven {

/// A JSON value with value semantics. Objects keep the order of insertion, so that two runs give the same
/// bytes; integers stay exact, signed and unsigned. Reading a value as another kind than it has is a defect
/// (RIVEN_CHECK). Each thread needs its own.
/// The type is Riven's own because the header of a full JSON library costs every file that sees it seconds of
/// compilation: json_text.cpp alone includes one, to parse and to print.
class Json {
 public:
  struct Member;
  enum class Kind : uint8_t { null, boolean, integer, unsigned_integer, real, string, array, object };

  Json() {}  ///< null
  Json(std::nullptr_t) {}
  template <std::same_as<bool> T>
  Json(T value) : kind_(Kind::boolean), storage_{.boolean = value} {}
  template <std::signed_integral T>
  Json(T value) : kind_(Kind::integer), storage_{.integer = value} {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>) Json(T value)
      : kind_(Kind::unsigned_integer), storage_{.unsigned_integer = value} {}
  template <std::floating_point T>
  Json(T value) : kind_(Kind::real), storage_{.real = value} {}
  Json(const char* text);
  Json(std::string_view text);
  Json(std::string text);
  template <typename T>
  requires std::convertible_to<T, Json> Json(const std::vector<T>& items) : Json(array()) {
    for (const T& item : items) push_back(item);
  }
  template <typename T>
  requires std::convertible_to<T, Json> Json(const std::map<std::string, T>& members) : Json(object()) {
    for (const auto& [key, value] : members) (*this)[key] = value;
  }
  /// {{"a", 1}, {"b", 2}} is an object, every other list an array. The list's elements are taken, not copied.
  Json(std::initializer_list<Json> list);
  Json(const Json& other);
  Json(Json&& other) noexcept;
  Json& operator=(const Json& other);
  Json& operator=(Json&& other) noexcept;
  ~Json() {
    if (kind_ >= Kind::string) destroy();
  }
  static Json array(std::initializer_list<Json> list = {});
  static Json object(std::initializer_list<Json> list = {});

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::null; }
  bool is_boolean() const { return kind_ == Kind::boolean; }
  bool is_integer() const { return kind_ == Kind::integer || kind_ == Kind::unsigned_integer; }
  bool is_unsigned() const { return kind_ == Kind::unsigned_integer; }
  bool is_number() const { return is_integer() || kind_ == Kind::real; }
  bool is_string() const { return kind_ == Kind::string; }
  bool is_array() const { return kind_ == Kind::array; }
  bool is_object() const { return kind_ == Kind::object; }

  /// As bool, a number (converted as C++ converts it), std::string, a vector of these, or JSON as it is.
  template <typename T>
  T get() const;
  const std::string& string() const;

  /// Of an array or object: its elements; of null 0, of anything else 1.
  size_t size() const;
  bool empty() const { return size() == 0; }

  // Objects. Null becomes one when written to.
  Json& operator[](std::string_view key);
  const Json& operator[](std::string_view key) const;  ///< null where there is none
  Json& operator[](const char* key) { return (*this)[std::string_view(key)]; }
  const Json& operator[](const char* key) const { return (*this)[std::string_view(key)]; }
  Json& at(std::string_view key);  ///< must be there
  const Json& at(std::string_view key) const;
  bool contains(std::string_view key) const { return member(key) != nullptr; }
  size_t count(std::string_view key) const { return contains(key) ? 1 : 0; }
  bool erase(std::string_view key);  ///< whether it was there
  void update(const Json& other);    ///< the members of another object, which win
  /// The member of that name, or `fallback`.
  template <typename T>
  T value(std::string_view key, T fallback) const {
    const Json* found = member(key);
    return found == nullptr ? fallback : found->get<T>();
  }
  std::string value(std::string_view key, const char* fallback) const {
    return value(key, std::string(fallback));
  }
  /// Members in their order, empty for what is no object: for (const auto& [key, value] : json.items()).
  const std::vector<Member>& items() const;

  // Arrays. Null becomes one when appended to.
  template <std::integral T>
  Json& operator[](T index) {
    return element(static_cast<size_t>(index));
  }
  template <std::integral T>
  const Json& operator[](T index) const {
    return element(static_cast<size_t>(index));
  }
  template <std::integral T>
  const Json& at(T index) const {
    return element(static_cast<size_t>(index));
  }
  Json& front() { return element(0); }
  const Json& front() const { return element(0); }
  Json& back() { return element(size() - 1); }
  const Json& back() const { return element(size() - 1); }
  void push_back(Json item);

  // Iteration over the elements of an array or the values of an object; nothing else has any.
  template <typename J, typename M>
  class Iterator;
  using iterator = Iterator<Json, Member>;
  using const_iterator = Iterator<const Json, const Member>;
  iterator begin();
  iterator end();
  const_iterator begin() const;
  const_iterator end() const;
  iterator find(std::string_view key);
  const_iterator find(
      std::string_view key) const;  ///< end() where there is none, as in all that is no object

  /// Numbers are equal when their values are; objects, when they have the same members in the same order.
  friend bool operator==(const Json& a, const Json& b) { return equal(a, b); }
  friend std::ostream& operator<<(std::ostream& out, const Json& json) { return print(out, json); }

  /// Nothing where the text is no JSON or is nested deeper than `max_depth`. Of two members of one name the
  /// second wins.
  static std::optional<Json> parse(std::string_view text, int max_depth = 1000);
  /// On one line, or with `indent` spaces a level over several. Bytes that are no UTF-8 become U+FFFD.
  std::string dump(int indent = -1) const;
  /// On one line, all beyond ASCII escaped.
  std::string dump_ascii() const;

 private:
  const Json* member(std::string_view key) const;
  Json& element(size_t index);
  const Json& element(size_t index) const;
  Json take() const noexcept;
  void destroy() noexcept;
  static bool equal(const Json& a, const Json& b);
  static std::ostream& print(std::ostream& out, const Json& json);

  union Storage {
    bool boolean;
    int64_t integer = 0;
    uint64_t unsigned_integer;
    double real;
    std::string* string;
    std::vector<Json>* array;
    std::vector<Member>* object;
  };
  // Mutable so that the elements of a braced list, which C++ makes const, can be taken.
  mutable Kind kind_ = Kind::null;
  mutable Storage storage_;
};

struct Json::Member {
  std::string key;
  Json value;
};

template <typename J, typename M>
class Json::Iterator {
 public:
  using difference_type = std::ptrdiff_t;
  using value_type = Json;
  using pointer = J*;
  using reference = J&;
  using iterator_category = std::forward_iterator_tag;

  Iterator() = default;
  explicit Iterator(J* element) : element_(element) {}
  explicit Iterator(M* member) : member_(member) {}
  J& operator*() const { return member_ == nullptr ? *element_ : member_->value; }
  J* operator->() const { return &**this; }
  Iterator& operator++() {
    if (member_ == nullptr)
      ++element_;
    else
      ++member_;
    return *this;
  }
  Iterator operator++(int) {
    Iterator before = *this;
    ++*this;
    return before;
  }
  bool operator==(const Iterator&) const = default;

 private:
  J* element_ = nullptr;
  M* member_ = nullptr;
};

template <typename T>
T Json::get() const {
  if constexpr (std::same_as<T, Json>) {
    return *this;
  } else if constexpr (std::same_as<T, bool>) {
    RIVEN_CHECK(kind_ == Kind::boolean, "a JSON value was read as another kind than it has");
    return storage_.boolean;
  } else if constexpr (std::same_as<T, std::string>) {
    return string();
  } else if constexpr (requires(T items) { items.push_back(typename T::value_type()); }) {
    RIVEN_CHECK(is_array(), "a JSON value was read as another kind than it has");
    T items;
    for (const Json& item : *this) items.push_back(item.get<typename T::value_type>());
    return items;
  } else {
    RIVEN_CHECK(is_number(), "a JSON value was read as another kind than it has");
    if (kind_ == Kind::integer) return static_cast<T>(storage_.integer);
    if (kind_ == Kind::unsigned_integer) return static_cast<T>(storage_.unsigned_integer);
    return static_cast<T>(storage_.real);
  }
}

/// Keywords become strings; a map's keys become text.
Json to_json(const Value& value);
/// Objects become maps; unsigned integers above INT64_MAX become reals.
Value from_json(const Json& json);

}  // namespace riven
