#include "harness/core/encoding.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/core/value_order.h"

namespace riven {

namespace encoding {

namespace {
bool checked_varint(const uint8_t*& at, const uint8_t* end, uint64_t& out) {
  out = 0;
  for (int shift = 0; shift < 64 && at != end; shift += 7) {
    const uint64_t byte = *at++;
    out |= (byte & 0x7f) << shift;
    if (byte < 0x80) return shift < 63 || byte <= 1;
  }
  return false;
}
}  // namespace

bool valid(const uint8_t*& at, const uint8_t* end, uint64_t symbols, int depth) {
  constexpr int kMaxDepth = 64;
  if (at == end || depth > kMaxDepth) return false;
  const uint8_t tag = *at++;
  if (tag >= small || tag <= yes) return true;
  uint64_t number = 0;
  switch (tag) {
    case integer:
      return checked_varint(at, end, number);
    case real:
      if (end - at < 8) return false;
      at += 8;
      return true;
    case string:
    case keyword:
      return checked_varint(at, end, number) && number < symbols;
    case list:
    case map:
    case integers:
    case set:
    case integer_set: {
      if (!checked_varint(at, end, number) || number > static_cast<uint64_t>(end - at)) return false;
      const uint8_t* const stop = at + number;
      size_t count = 0;
      for (; at != stop; ++count) {
        uint64_t ignored = 0;
        const bool packed = tag == integers || tag == integer_set;
        if (!(packed ? checked_varint(at, stop, ignored) : valid(at, stop, symbols, depth + 1))) return false;
      }
      return tag != map || count % 2 == 0;
    }
    default:
      return false;
  }
}

double canonical(double number) {
  return std::isnan(number) ? std::numeric_limits<double>::quiet_NaN() : number + 0.0;
}

namespace {

bool order_integers(std::vector<uint8_t>& bytes, size_t body) {
  std::vector<int64_t> items;
  int64_t sum = 0;
  for (const uint8_t *at = bytes.data() + body, *end = bytes.data() + bytes.size(); at != end;)
    items.push_back(sum = wrapping_sum(sum, unzigzag(read_varint(at))));
  if (std::is_sorted(items.begin(), items.end(), std::less_equal<>())) return true;
  std::sort(items.begin(), items.end());
  const auto last = std::unique(items.begin(), items.end());
  const bool distinct = last == items.end();
  items.erase(last, items.end());
  bytes.resize(body);
  int64_t before = 0;
  for (const int64_t i : items) {
    put_varint(bytes, zigzag(wrapping_difference(i, before)));
    before = i;
  }
  return distinct;
}

}  // namespace

bool put_in_order(Tag tag, std::vector<uint8_t>& bytes, size_t body) {
  if (bytes.size() == body) return true;
  if (tag == integer_set) return order_integers(bytes, body);
  struct Entry {
    const uint8_t* at;
    const uint8_t* end;
  };
  std::vector<Entry> entries;
  for (const uint8_t *at = bytes.data() + body, *end = bytes.data() + bytes.size(); at != end;) {
    const uint8_t* const behind_key = skip_value(at);
    RIVEN_CHECK(tag != map || behind_key != end, "a map needs a value for each key");
    entries.push_back({at, tag == map ? skip_value(behind_key) : behind_key});
    at = entries.back().end;
  }
  const auto compare = [](const Entry& a, const Entry& b) { return order(ValueView(a.at), ValueView(b.at)); };
  bool ascends = true;
  for (size_t i = 1; ascends && i < entries.size(); ++i) ascends = compare(entries[i - 1], entries[i]) < 0;
  if (ascends) return true;
  std::stable_sort(entries.begin(), entries.end(),
                   [&](const Entry& a, const Entry& b) { return compare(a, b) < 0; });
  bool distinct = true;
  std::vector<uint8_t> sorted;
  sorted.reserve(bytes.size() - body);
  for (size_t i = 0; i < entries.size(); ++i) {
    if (i + 1 < entries.size() && compare(entries[i], entries[i + 1]) == 0) {
      distinct = false;
      continue;
    }
    sorted.insert(sorted.end(), entries[i].at, entries[i].end);
  }
  bytes.resize(body);
  bytes.insert(bytes.end(), sorted.begin(), sorted.end());
  return distinct;
}

}  // namespace encoding

void ValueView::decode(const uint8_t* at) {
  const uint8_t tag = *at++;
  if (tag >= encoding::small) {
    kind_ = Kind::integer;
    integer_ = tag - encoding::small;
    return;
  }
  switch (tag) {
    case encoding::nil:
      kind_ = Kind::nil;
      return;
    case encoding::no:
    case encoding::yes:
      kind_ = Kind::boolean;
      integer_ = tag == encoding::yes ? 1 : 0;
      return;
    case encoding::integer:
      kind_ = Kind::integer;
      integer_ = encoding::unzigzag(encoding::read_varint(at));
      return;
    case encoding::real:
      kind_ = Kind::real;
      std::memcpy(&integer_, at, sizeof integer_);
      return;
    case encoding::string:
    case encoding::keyword:
      kind_ = tag == encoding::string ? Kind::string : Kind::keyword;
      integer_ = static_cast<int64_t>(encoding::read_varint(at));
      return;
    default:
      kind_ = tag == encoding::map ? Kind::map : tag >= encoding::set ? Kind::set : Kind::list;
      packed_ = tag == encoding::integers || tag == encoding::integer_set;
      integer_ = static_cast<int64_t>(encoding::read_varint(at));
      bytes_ = at;
  }
}

const uint8_t* skip_value(const uint8_t* at) {
  const uint8_t tag = *at++;
  if (tag >= encoding::small || tag <= encoding::yes) return at;
  if (tag == encoding::real) return at + 8;
  const uint64_t number = encoding::read_varint(at);
  return tag >= encoding::list ? at + number : at;
}

void ValueView::Iterator::advance() {
  if (at_ == end_) return;
  if (packed_) {
    sum_ = encoding::wrapping_sum(sum_, encoding::unzigzag(encoding::read_varint(next_)));
  } else {
    next_ = skip_value(at_);
  }
}

size_t ValueView::size() const {
  size_t count = 0;
  if (packed_) {
    for (size_t i = 0; i < length(); ++i) count += bytes_[i] < 0x80 ? 1 : 0;
    return count;
  }
  for (const uint8_t* at = bytes_; at != bytes_ + length(); at = skip_value(at)) ++count;
  return count;
}

ValueView ValueView::at(size_t n) const {
  auto it = begin();
  for (const auto stop = end(); it != stop && n > 0; --n) ++it;
  RIVEN_CHECK(it != end(), "an element behind the end of a list was read");
  return *it;
}

Value ValueView::to_value() const {
  switch (kind_) {
    case Kind::nil:
      return {};
    case Kind::boolean:
      return Value(boolean());
    case Kind::integer:
      return Value(integer());
    case Kind::real:
      return Value(real());
    case Kind::string:
      return Value::string(symbol());
    case Kind::keyword:
      return Value::keyword(symbol());
    case Kind::list:
    case Kind::set:
    case Kind::map: {
      Value::List items;
      for (const ValueView item : *this) items.push_back(item.to_value());
      return is_map()   ? Value::map(std::move(items))
             : is_set() ? Value::set(std::move(items))
                        : Value(std::move(items));
    }
  }
  return {};
}

bool operator==(const ValueView& a, const ValueView& b) {
  if (a.kind_ != b.kind_ || a.packed_ != b.packed_ || a.integer_ != b.integer_) return false;
  return a.kind_ < Value::Kind::list || std::memcmp(a.bytes_, b.bytes_, a.length()) == 0;
}

void ValueWriter::plain_integer(int64_t i) {
  if (i >= 0 && i <= 255 - encoding::small) {
    out_.push_back(static_cast<uint8_t>(i + encoding::small));
    return;
  }
  out_.push_back(encoding::integer);
  encoding::put_varint(out_, encoding::zigzag(i));
}

void ValueWriter::real(double d) {
  scalar(encoding::real);
  d = encoding::canonical(d);
  const size_t at = out_.size();
  out_.resize(at + sizeof d);
  std::memcpy(out_.data() + at, &d, sizeof d);
}

void ValueWriter::end() {
  RIVEN_CHECK(!frames_.empty(), "a list was closed that was never opened");
  const Frame frame = frames_.back();
  frames_.pop_back();
  const size_t body = frame.start + 2;
  if (const auto tag = static_cast<encoding::Tag>(out_[frame.start]);
      tag != encoding::integers && tag != encoding::list)
    repeated_ = !encoding::put_in_order(tag, out_, body) || repeated_;
  const size_t length = out_.size() - body;
  if (length < 0x80) {
    out_[frame.start + 1] = static_cast<uint8_t>(length);
    return;
  }
  std::vector<uint8_t> prefix;
  encoding::put_varint(prefix, length);
  out_.insert(out_.begin() + static_cast<ptrdiff_t>(body), prefix.size() - 1, 0);
  std::memcpy(out_.data() + frame.start + 1, prefix.data(), prefix.size());
}

void ValueWriter::unpack() {
  if (frames_.empty() || !frames_.back().packed) return;
  Frame& frame = frames_.back();
  frame.packed = false;
  out_[frame.start] = out_[frame.start] == encoding::integers ? encoding::list : encoding::set;
  if (out_.size() == frame.start + 2) return;
  const std::vector<uint8_t> deltas(out_.begin() + static_cast<ptrdiff_t>(frame.start) + 2, out_.end());
  out_.resize(frame.start + 2);
  int64_t sum = 0;
  for (const uint8_t* at = deltas.data(); at != deltas.data() + deltas.size();) {
    sum = encoding::wrapping_sum(sum, encoding::unzigzag(encoding::read_varint(at)));
    plain_integer(sum);
  }
}

void ValueWriter::value(const Value& v) {
  switch (v.kind()) {
    case Value::Kind::nil:
      nil();
      return;
    case Value::Kind::boolean:
      boolean(v.boolean());
      return;
    case Value::Kind::integer:
      integer(v.integer());
      return;
    case Value::Kind::real:
      real(v.real());
      return;
    case Value::Kind::string:
      string(v.symbol());
      return;
    case Value::Kind::keyword:
      keyword(v.symbol());
      return;
    case Value::Kind::list:
    case Value::Kind::set:
    case Value::Kind::map:
      v.is_map() ? begin_map() : v.is_set() ? begin_set() : begin_list();
      for (const Value& item : v) value(item);
      end();
      return;
  }
}

void ValueWriter::value(const ValueView& v) {
  switch (v.kind()) {
    case Value::Kind::nil:
      nil();
      return;
    case Value::Kind::boolean:
      boolean(v.boolean());
      return;
    case Value::Kind::integer:
      integer(v.integer());
      return;
    case Value::Kind::real:
      real(v.real());
      return;
    case Value::Kind::string:
      string(v.symbol());
      return;
    case Value::Kind::keyword:
      keyword(v.symbol());
      return;
    case Value::Kind::list:
    case Value::Kind::set:
    case Value::Kind::map:
      v.is_map() ? begin_map() : v.is_set() ? begin_set() : begin_list();
      for (const ValueView item : v) value(item);
      end();
      return;
  }
}

}  // namespace riven
