// ValueTable: dense ids for the values of a history.
#include <bit>

#include "checkers/linearizable/projection.h"

namespace riven::linearizable {

namespace {
constexpr int64_t kSmallLow = -1024;
constexpr int64_t kSmallHigh = int64_t{1} << 21;

uint64_t outside_bytes(const Value& value) {
  if (!value.is_list() && value.kind() != Value::Kind::map) return 0;
  const Value::List& items = value.is_list() ? value.list() : value.flat_map();
  uint64_t bytes = 32 + items.size() * sizeof(Value);
  for (const Value& item : items) bytes += outside_bytes(item);
  return bytes;
}
}  // namespace

ValueTable::ValueTable() { values_ = {Value(), Value(false), Value(true)}; }

int32_t ValueTable::add(Value value) {
  RIVEN_CHECK(values_.size() < INT32_MAX, "more than 2 billion different values");
  values_.push_back(std::move(value));
  return static_cast<int32_t>(values_.size() - 1);
}

int32_t ValueTable::id(const ValueView& view) {
  switch (view.kind()) {
    case Value::Kind::nil:
      return kNil;
    case Value::Kind::boolean:
      return view.boolean() ? kTrue : kFalse;
    case Value::Kind::integer: {
      const int64_t i = view.integer();
      if (i >= kSmallLow && i < kSmallHigh) {
        const auto at = static_cast<size_t>(i - kSmallLow);
        if (at >= small_.size()) small_.resize(std::max(at + 1, small_.size() * 2), kUnknown);
        if (small_[at] == kUnknown) small_[at] = add(Value(i));
        return small_[at];
      }
      const auto [found, fresh] = integers_.try_emplace(i, 0);
      if (fresh) found->second = add(Value(i));
      return found->second;
    }
    case Value::Kind::string:
    case Value::Kind::keyword: {
      const uint64_t key =
          (uint64_t{view.symbol().id()} << 1) | (view.kind() == Value::Kind::string ? 0U : 1U);
      const auto [found, fresh] = texts_.try_emplace(key, 0);
      if (fresh) found->second = add(view.to_value());
      return found->second;
    }
    default:
      return structure(view);
  }
}

int32_t ValueTable::id(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::nil:
      return kNil;
    case Value::Kind::boolean:
      return value.boolean() ? kTrue : kFalse;
    case Value::Kind::integer:
      return id(ValueView::of_integer(value.integer()));
    case Value::Kind::string:
    case Value::Kind::keyword: {
      const uint64_t key =
          (uint64_t{value.symbol().id()} << 1) | (value.kind() == Value::Kind::string ? 0U : 1U);
      const auto [found, fresh] = texts_.try_emplace(key, 0);
      if (fresh) found->second = add(value);
      return found->second;
    }
    default: {
      std::vector<uint8_t> bytes;
      ValueWriter(bytes).value(value);
      return structure(ValueView(bytes.data()));
    }
  }
}

int32_t ValueTable::structure(const ValueView& view) {
  std::vector<uint8_t> bytes;
  ValueWriter(bytes).value(view);
  const auto [found, fresh] = others_.try_emplace(std::string(bytes.begin(), bytes.end()), 0);
  if (fresh) {
    found->second = add(view.to_value());
    others_bytes_ += found->first.capacity() + outside_bytes(values_.back());
  }
  return found->second;
}

uint64_t ValueTable::memory_bytes() const {
  constexpr uint64_t kNodeBytes = 48;
  return values_.capacity() * sizeof(Value) + small_.capacity() * sizeof(int32_t) +
         (integers_.size() + texts_.size()) * kNodeBytes + others_.size() * kNodeBytes * 2 + others_bytes_;
}

}  // namespace riven::linearizable
