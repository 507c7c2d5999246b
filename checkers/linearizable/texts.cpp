#include "checkers/linearizable/texts.h"

#include <algorithm>
#include <cstring>

#include "harness/core/rng.h"

namespace riven::linearizable {

Texts::Texts(std::span<const Operation> part, const Projection& projection) : projection_(projection) {
  const auto known = [](const Operation& op) {
    return op.f == Function::read || op.f == Function::write || op.f == Function::append;
  };
  const auto appends = [](const Operation& op) { return op.f == Function::append; };
  if (!std::all_of(part.begin(), part.end(), known) || std::none_of(part.begin(), part.end(), appends))
    return;
  if (all_texts(part)) {
    form_ = Form::texts;
    return;
  }
  if (!all_lists(part)) return;
  form_ = Form::lists;
  const auto whole = [&](int32_t id) {
    if (id == kNil) return;
    const auto [found, fresh] = wholes_.try_emplace(id);
    if (!fresh) return;
    for (const Value& item : projection_.values.value(id).list()) found->second += element(item);
  };
  whole(projection.initial);
  for (const Operation& op : part) {
    if (op.f != Function::append) whole(op.a);
    if (op.f == Function::append) pieces_.try_emplace(op.a, element(projection_.values.value(op.a)));
  }
}

bool Texts::all_texts(std::span<const Operation> part) const {
  const auto is_text = [&](int32_t id) { return projection_.values.value(id).kind() == Value::Kind::string; };
  if (projection_.initial != kNil && !is_text(projection_.initial)) return false;
  return std::all_of(part.begin(), part.end(), [&](const Operation& op) {
    return is_text(op.a) || (op.a == kNil && op.f != Function::append);
  });
}

bool Texts::all_lists(std::span<const Operation> part) const {
  const auto is_list = [&](int32_t id) {
    const Value& v = projection_.values.value(id);
    return id == kNil || (v.is_list() && !v.list().empty());
  };
  if (!is_list(projection_.initial)) return false;
  return std::all_of(part.begin(), part.end(), [&](const Operation& op) {
    return op.f == Function::append ? projection_.values.value(op.a).kind() != Value::Kind::string
                                    : is_list(op.a);
  });
}

std::string Texts::element(const Value& value) {
  const auto next = static_cast<uint32_t>(elements_.size());
  const uint32_t number = value.is_integer() ? integers_.try_emplace(value.integer(), next).first->second
                                             : others_.try_emplace(to_edn(value), next).first->second;
  if (number == next) elements_.push_back(value);
  std::string bytes(sizeof number, '\0');
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

Value Texts::value_of(std::string_view bytes) const {
  if (bytes.empty()) return {};
  if (form_ == Form::texts) return Value(bytes);
  Value::List items;
  for (size_t at = 0; at + 4 <= bytes.size(); at += 4) {
    uint32_t number = 0;
    std::memcpy(&number, bytes.data() + at, sizeof number);
    items.push_back(elements_[number]);
  }
  return Value(std::move(items));
}

Value Texts::longer_than(std::string_view bytes) const {
  if (form_ == Form::texts) return Value(std::string(bytes) + "?");
  const Value known = value_of(bytes);
  Value::List items = known.is_nil() ? Value::List() : known.list();
  items.push_back(Value::keyword("something"));
  return Value(std::move(items));
}

uint64_t Texts::memory_bytes() const {
  constexpr uint64_t kNodeBytes = 80;
  uint64_t bytes = (wholes_.size() + pieces_.size() + integers_.size() + others_.size()) * kNodeBytes;
  for (const auto& [id, text] : wholes_) bytes += text.capacity();
  return bytes;
}

void PieceIndex::Hash::advance(const char* data, size_t length) {
  for (; done_ + 8 <= length; done_ += 8) {
    uint64_t word = 0;
    std::memcpy(&word, data + done_, 8);
    words_ = mix64(words_ ^ word);
  }
}

uint64_t PieceIndex::Hash::of(const char* data, size_t length) const {
  uint64_t rest = 0;
  if (length > done_) std::memcpy(&rest, data + done_, length - done_);
  return mix64(words_ ^ rest ^ (uint64_t{length} << 48));
}

uint64_t PieceIndex::hash_of(std::string_view text) {
  Hash hash;
  hash.advance(text.data(), text.size());
  return hash.of(text.data(), text.size());
}

/// Where the text is, or a free slot for it.
size_t PieceIndex::slot_of(uint64_t hash, std::string_view text) const {
  const size_t mask = slots_.size() - 1;
  size_t at = hash & mask;
  for (; slots_[at].piece != kNone; at = (at + 1) & mask)
    if (slots_[at].tag == tag(hash) && pieces_[slots_[at].piece].text == text) break;
  return at;
}

void PieceIndex::add(std::string_view text, uint32_t what) {
  if (pieces_.size() * 2 >= slots_.size()) grow();
  const uint64_t hash = hash_of(text);
  Slot& slot = slots_[slot_of(hash, text)];
  if (slot.piece != kNone) {
    ++pieces_[slot.piece].count;
    return;
  }
  slot = {static_cast<uint32_t>(pieces_.size()), tag(hash)};
  pieces_.push_back({text, what, 1});
  const auto length = std::lower_bound(lengths_.begin(), lengths_.end(), text.size());
  if (length == lengths_.end() || *length != text.size()) lengths_.insert(length, text.size());
}

uint32_t PieceIndex::find(std::string_view text) const {
  return slots_.empty() ? kNone : look_up(hash_of(text), text);
}

void PieceIndex::grow() {
  slots_.assign(std::max<size_t>(64, slots_.size() * 2), {});
  for (uint32_t i = 0; i < pieces_.size(); ++i) {
    const uint64_t hash = hash_of(pieces_[i].text);
    slots_[slot_of(hash, pieces_[i].text)] = {i, tag(hash)};
  }
}

}  // namespace riven::linearizable
