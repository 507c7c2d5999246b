// The byte form of values inside a history: what a Value is when there are a hundred million of them.
//
//   value   := tag [body]
//   tag     := 0 nil | 1 false | 2 true | 3 integer | 4 real | 5 string | 6 keyword | 7 list | 8 map
//            | 9 integer list | 10 set | 11 integer set | 16..255: the integer tag-16
//   integer := zigzag varint          real := 8 bytes, little endian       string, keyword := varint symbol
//   list    := varint byte length, values      map := the same, k1 v1 k2 v2 ...      set := the same
//   integer list, integer set := varint byte length, zigzag varints, each the difference from the one before
//   (the first from 0)
//
// Equal values have equal bytes (within one process: symbol ids are the process's own; the journal translates
// them): a list or set whose elements are all integers is always an integer list or integer set, the elements
// of sets and the keys of maps ascend (value_order.h) and are all different, and there is one zero and one
// not-a-number.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/value.h"

namespace riven {

namespace encoding {
enum Tag : uint8_t {
  nil = 0,
  no,
  yes,
  integer,
  real,
  string,
  keyword,
  list,
  map,
  integers,
  set,
  integer_set,
  small = 16
};

constexpr uint64_t zigzag(int64_t v) {
  return (static_cast<uint64_t>(v) << 1) ^ static_cast<uint64_t>(v >> 63);
}
constexpr int64_t unzigzag(uint64_t v) { return static_cast<int64_t>(v >> 1) ^ -static_cast<int64_t>(v & 1); }
constexpr int64_t wrapping_sum(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
constexpr int64_t wrapping_difference(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
}

/// Reads a varint and moves `at` behind it. The bytes must be whole (a ValueWriter's or checked by `valid`).
inline uint64_t read_varint(const uint8_t*& at) {
  uint64_t v = *at++;
  if (v < 0x80) [[likely]]
    return v;
  v &= 0x7f;
  for (int shift = 7;; shift += 7) {
    const uint64_t byte = *at++;
    v |= (byte & 0x7f) << shift;
    if (byte < 0x80) return v;
  }
}
inline void put_varint(std::vector<uint8_t>& out, uint64_t v) {
  while (v >= 0x80) {
    out.push_back(static_cast<uint8_t>(v | 0x80));
    v >>= 7;
  }
  out.push_back(static_cast<uint8_t>(v));
}

/// Whether [at, end) begins with one whole well-formed value; `at` moves behind it. For bytes from outside.
/// Symbol ids are checked against `symbols`; nesting is bounded (64).
bool valid(const uint8_t*& at, const uint8_t* end, uint64_t symbols, int depth = 0);

/// Puts the body of a set or map, all that is behind `body`, into the order that makes equal values equal
/// bytes. False: an element or key was there more than once (of a key the last value stays).
bool put_in_order(Tag tag, std::vector<uint8_t>& bytes, size_t body);
/// The same number for each not-a-number and each zero.
double canonical(double number);
}  // namespace encoding

/// A value read in place. 24 bytes, trivially copyable; valid as long as the history that holds the bytes.
class ValueView {
 public:
  using Kind = Value::Kind;
  ValueView() = default;
  /// Decodes the value at `at`, O(1).
  explicit ValueView(const uint8_t* at) { decode(at); }
  static ValueView of_integer(int64_t i) {
    ValueView v;
    v.kind_ = Kind::integer;
    v.integer_ = i;
    return v;
  }

  Kind kind() const { return kind_; }
  bool is_nil() const { return kind_ == Kind::nil; }
  bool is_integer() const { return kind_ == Kind::integer; }
  bool is_list() const { return kind_ == Kind::list; }
  bool is_set() const { return kind_ == Kind::set; }
  bool is_map() const { return kind_ == Kind::map; }
  /// A list or a set: where it does not matter whether the elements have an order.
  bool has_elements() const { return is_list() || is_set(); }
  bool is_text() const { return kind_ == Kind::string || kind_ == Kind::keyword; }
  bool is_name(Symbol name) const { return is_text() && symbol() == name; }
  /// Whether it is a list of integers in packed form: for_each_integer works.
  bool is_integer_list() const { return kind_ == Kind::list && packed_; }

  bool boolean() const { return integer_ != 0; }
  int64_t integer() const { return integer_; }
  double real() const { return std::bit_cast<double>(integer_); }
  Symbol symbol() const { return Symbol::from_id(static_cast<uint32_t>(integer_)); }

  /// Forward iteration over the elements of a list or set (or the flat keys and values of a map).
  class Iterator {
   public:
    ValueView operator*() const { return packed_ ? of_integer(sum_) : ValueView(at_); }
    Iterator& operator++() {
      at_ = next_;
      advance();
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }
    bool operator==(const Iterator& other) const { return at_ == other.at_; }

   private:
    friend class ValueView;
    Iterator(const uint8_t* at, const uint8_t* end, bool packed)
        : at_(at), next_(at), end_(end), packed_(packed) {
      advance();
    }
    void advance();
    const uint8_t* at_;
    const uint8_t* next_;
    const uint8_t* end_;
    int64_t sum_ = 0;
    bool packed_;
  };
  Iterator begin() const { return {bytes_, bytes_ + length(), packed_}; }
  Iterator end() const { return {bytes_ + length(), bytes_ + length(), packed_}; }
  /// Number of elements; O(byte length) where they are packed integers, O(elements) else.
  size_t size() const;
  bool empty() const { return length() == 0; }
  /// The n-th element; O(n). Demands n < size().
  ValueView at(size_t n) const;
  /// Bytes of a list's elements (see the header); for memcmp and fast scans.
  const uint8_t* element_bytes() const { return bytes_; }
  size_t length() const { return static_cast<size_t>(integer_); }

  /// Calls fn(int64_t) for each element of an integer list or integer set, in order.
  template <typename Fn>
  void for_each_integer(Fn&& fn) const {
    int64_t sum = 0;
    for (const uint8_t *at = bytes_, *stop = bytes_ + length(); at != stop;) {
      sum = encoding::wrapping_sum(sum, encoding::unzigzag(encoding::read_varint(at)));
      fn(sum);
    }
  }

  Value to_value() const;
  friend bool operator==(const ValueView& a, const ValueView& b);

 private:
  void decode(const uint8_t* at);
  Kind kind_ = Kind::nil;
  bool packed_ = false;
  int64_t integer_ = 0;  // the integer, the bits of the real, the symbol id, or the byte length of elements
  const uint8_t* bytes_ = nullptr;
};

/// The address behind the value at `at`. O(1).
const uint8_t* skip_value(const uint8_t* at);

/// Appends values to a byte vector in the form above, from a stream of events (no tree is built).
class ValueWriter {
 public:
  explicit ValueWriter(std::vector<uint8_t>& out) : out_(out) {}

  void nil() { scalar(encoding::nil); }
  void boolean(bool b) { scalar(b ? encoding::yes : encoding::no); }
  void integer(int64_t i) {
    if (!frames_.empty() && frames_.back().packed) {
      Frame& frame = frames_.back();
      encoding::put_varint(out_, encoding::zigzag(encoding::wrapping_difference(i, frame.last)));
      frame.last = i;
      return;
    }
    plain_integer(i);
  }
  void real(double d);
  void string(Symbol s) { text(encoding::string, s); }
  void keyword(Symbol s) { text(encoding::keyword, s); }
  void begin_list() { begin(encoding::integers, true); }
  void begin_set() { begin(encoding::integer_set, true); }
  void begin_map() { begin(encoding::map, false); }
  /// Closes the innermost list, set or map.
  void end();
  void value(const Value& v);
  void value(const ValueView& v);
  /// Open lists, sets and maps.
  size_t depth() const { return frames_.size(); }
  /// Whether a map had a key twice or a set an element twice since this was last asked.
  bool take_repeated() { return std::exchange(repeated_, false); }
  /// Forgets open lists, sets and maps; the caller cuts off the bytes.
  void abandon() { frames_.clear(); }

 private:
  struct Frame {
    size_t start;  // of the tag
    int64_t last;  // last integer of packed elements
    bool packed;   // only integers so far
  };
  void begin(encoding::Tag tag, bool packed) {
    unpack();
    frames_.push_back({out_.size(), 0, packed});
    out_.push_back(tag);
    out_.push_back(0);
  }
  void scalar(encoding::Tag tag) {
    unpack();
    out_.push_back(tag);
  }
  void text(encoding::Tag tag, Symbol s) {
    scalar(tag);
    encoding::put_varint(out_, s.id());
  }
  void plain_integer(int64_t i);
  void unpack();  // the innermost list or set turns out not to be all integers

  std::vector<uint8_t>& out_;
  std::vector<Frame> frames_;
  bool repeated_ = false;
};

}  // namespace riven
