#include "harness/core/encoding.h"

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
    case integers: {
      if (!checked_varint(at, end, number) || number > static_cast<uint64_t>(end - at)) return false;
      const uint8_t* const stop = at + number;
      size_t count = 0;
      for (; at != stop; ++count) {
        uint64_t ignored = 0;
        if (!(tag == integers ? checked_varint(at, stop, ignored) : valid(at, stop, symbols, depth + 1)))
          return false;
      }
      return tag != map || count % 2 == 0;
    }
    default:
      return false;
  }
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
      kind_ = tag == encoding::map ? Kind::map : Kind::list;
      packed_ = tag == encoding::integers;
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
    sum_ = static_cast<int64_t>(static_cast<uint64_t>(sum_) +
                                static_cast<uint64_t>(encoding::unzigzag(encoding::read_varint(next_))));
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
      return Value::keyword(symbol().text());
    case Kind::list:
    case Kind::map: {
      Value::List items;
      for (const ValueView item : *this) items.push_back(item.to_value());
      return is_map() ? Value::map(std::move(items)) : Value(std::move(items));
    }
  }
  return {};
}

bool operator==(const ValueView& a, const ValueView& b) {
  if (a.kind_ != b.kind_ || a.packed_ != b.packed_ || a.integer_ != b.integer_) return false;
  return (a.kind_ != Value::Kind::list && a.kind_ != Value::Kind::map) ||
         std::memcmp(a.bytes_, b.bytes_, a.length()) == 0;
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
  const size_t at = out_.size();
  out_.resize(at + sizeof d);
  std::memcpy(out_.data() + at, &d, sizeof d);
}

void ValueWriter::begin_list() {
  unpack();
  frames_.push_back({out_.size(), 0, true});
  out_.push_back(encoding::integers);
  out_.push_back(0);
}

void ValueWriter::begin_map() {
  unpack();
  frames_.push_back({out_.size(), 0, false});
  out_.push_back(encoding::map);
  out_.push_back(0);
}

void ValueWriter::end() {
  RIVEN_CHECK(!frames_.empty(), "a list was closed that was never opened");
  const Frame frame = frames_.back();
  frames_.pop_back();
  const size_t body = frame.start + 2;
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
  out_[frame.start] = encoding::list;
  if (out_.size() == frame.start + 2) return;
  const std::vector<uint8_t> deltas(out_.begin() + static_cast<ptrdiff_t>(frame.start) + 2, out_.end());
  out_.resize(frame.start + 2);
  int64_t sum = 0;
  for (const uint8_t* at = deltas.data(); at != deltas.data() + deltas.size();) {
    sum = static_cast<int64_t>(static_cast<uint64_t>(sum) +
                               static_cast<uint64_t>(encoding::unzigzag(encoding::read_varint(at))));
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
      begin_list();
      for (const Value& item : v.list()) value(item);
      end();
      return;
    case Value::Kind::map:
      begin_map();
      for (const Value& item : v.flat_map()) value(item);
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
    case Value::Kind::map:
      v.is_map() ? begin_map() : begin_list();
      for (const ValueView item : v) value(item);
      end();
      return;
  }
}

}  // namespace riven
