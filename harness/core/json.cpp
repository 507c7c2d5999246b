#include "harness/core/json.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace riven {
namespace {

constexpr const char* kOtherKind = "a JSON value is used as another kind than it has";

bool is_pair(const Json& json) { return json.is_array() && json.size() == 2 && json.front().is_string(); }

bool equal_numbers(const Json& a, const Json& b) {
  if (!a.is_integer() || !b.is_integer()) return a.get<double>() == b.get<double>();
  if (a.kind() == b.kind()) return a.get<uint64_t>() == b.get<uint64_t>();
  const Json& with_sign = a.is_unsigned() ? b : a;
  return with_sign.get<int64_t>() >= 0 && a.get<uint64_t>() == b.get<uint64_t>();
}

}  // namespace

Json::Json(const char* text) : Json(std::string(text)) {}
Json::Json(std::string_view text) : Json(std::string(text)) {}
Json::Json(std::string text) : kind_(Kind::string), storage_{.string = new std::string(std::move(text))} {}

Json Json::array(std::initializer_list<Json> list) {
  Json json;
  json.storage_.array = new std::vector<Json>();
  json.kind_ = Kind::array;
  json.storage_.array->reserve(list.size());
  for (const Json& item : list) json.storage_.array->push_back(item.take());
  return json;
}

Json Json::object(std::initializer_list<Json> list) {
  Json json;
  json.storage_.object = new std::vector<Member>();
  json.kind_ = Kind::object;
  json.storage_.object->reserve(list.size());
  for (const Json& pair : list) {
    RIVEN_CHECK(is_pair(pair), "a JSON object is made of pairs of a name and a value");
    json[pair[0].string()] = pair[1].take();
  }
  return json;
}

Json::Json(std::initializer_list<Json> list)
    : Json(std::all_of(list.begin(), list.end(), is_pair) ? object(list) : array(list)) {}

Json::Json(const Json& other) : storage_(other.storage_) {
  if (other.is_string()) storage_.string = new std::string(*other.storage_.string);
  if (other.is_array()) storage_.array = new std::vector<Json>(*other.storage_.array);
  if (other.is_object()) storage_.object = new std::vector<Member>(*other.storage_.object);
  kind_ = other.kind_;
}

Json::Json(Json&& other) noexcept : kind_(std::exchange(other.kind_, Kind::null)), storage_(other.storage_) {}

Json& Json::operator=(const Json& other) { return *this = Json(other); }

Json& Json::operator=(Json&& other) noexcept {
  Json before(std::move(other));
  std::swap(kind_, before.kind_);
  std::swap(storage_, before.storage_);
  return *this;
}

/// As a move does, from an element of a braced list.
Json Json::take() const noexcept {
  Json json;
  json.storage_ = storage_;
  json.kind_ = std::exchange(kind_, Kind::null);
  return json;
}

void Json::destroy() noexcept {
  if (is_string()) delete storage_.string;
  if (is_array()) delete storage_.array;
  if (is_object()) delete storage_.object;
}

const std::string& Json::string() const {
  RIVEN_CHECK(is_string(), kOtherKind);
  return *storage_.string;
}

size_t Json::size() const {
  if (is_array()) return storage_.array->size();
  if (is_object()) return storage_.object->size();
  return is_null() ? 0 : 1;
}

const std::vector<Json::Member>& Json::items() const {
  static const std::vector<Member> kNone;
  return is_object() ? *storage_.object : kNone;
}

const Json* Json::member(std::string_view key) const {
  for (const Member& each : items())
    if (each.key == key) return &each.value;
  return nullptr;
}

Json& Json::operator[](std::string_view key) {
  if (is_null()) *this = object();
  RIVEN_CHECK(is_object(), kOtherKind);
  for (Member& each : *storage_.object)
    if (each.key == key) return each.value;
  return storage_.object->emplace_back(Member{std::string(key), {}}).value;
}

const Json& Json::operator[](std::string_view key) const {
  static const Json kNull;
  RIVEN_CHECK(is_object() || is_null(), kOtherKind);
  const Json* found = member(key);
  return found == nullptr ? kNull : *found;
}

const Json& Json::at(std::string_view key) const {
  const Json* found = member(key);
  RIVEN_CHECK(found != nullptr, "a JSON object has no member of this name");
  return *found;
}

bool Json::erase(std::string_view key) {
  return is_object() &&
         std::erase_if(*storage_.object, [&](const Member& each) { return each.key == key; }) > 0;
}

void Json::update(const Json& other) {
  RIVEN_CHECK(other.is_object(), kOtherKind);
  for (const auto& [key, value] : other.items()) (*this)[key] = value;
}

Json& Json::element(size_t index) {
  RIVEN_CHECK(is_array() && index < size(), "a JSON array has no such element");
  return (*storage_.array)[index];
}

const Json& Json::element(size_t index) const {
  RIVEN_CHECK(is_array() && index < size(), "a JSON array has no such element");
  return (*storage_.array)[index];
}

void Json::push_back(Json item) {
  if (is_null()) *this = array();
  RIVEN_CHECK(is_array(), kOtherKind);
  storage_.array->push_back(std::move(item));
}

Json::const_iterator Json::begin() const {
  if (is_array()) return const_iterator(std::as_const(*storage_.array).data());
  if (is_object()) return const_iterator(std::as_const(*storage_.object).data());
  return {};
}

Json::const_iterator Json::end() const {
  if (is_array()) return const_iterator(std::as_const(*storage_.array).data() + size());
  if (is_object()) return const_iterator(std::as_const(*storage_.object).data() + size());
  return {};
}

Json::iterator Json::begin() {
  if (is_array()) return iterator(storage_.array->data());
  if (is_object()) return iterator(storage_.object->data());
  return {};
}

Json::iterator Json::end() {
  if (is_array()) return iterator(storage_.array->data() + size());
  if (is_object()) return iterator(storage_.object->data() + size());
  return {};
}

Json::iterator Json::find(std::string_view key) {
  if (is_object())
    for (Member& each : *storage_.object)
      if (each.key == key) return iterator(&each);
  return end();
}

Json::const_iterator Json::find(std::string_view key) const {
  for (const Member& each : items())
    if (each.key == key) return const_iterator(&each);
  return end();
}

bool Json::equal(const Json& a, const Json& b) {
  if (a.is_number() && b.is_number()) return equal_numbers(a, b);
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case Kind::boolean:
      return a.storage_.boolean == b.storage_.boolean;
    case Kind::string:
      return a.string() == b.string();
    case Kind::array:
      return *a.storage_.array == *b.storage_.array;
    case Kind::object:
      return std::equal(
          a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
          [](const Member& x, const Member& y) { return x.key == y.key && x.value == y.value; });
    default:
      return true;  // null
  }
}

Json to_json(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::nil:
      return nullptr;
    case Value::Kind::boolean:
      return value.boolean();
    case Value::Kind::integer:
      return value.integer();
    case Value::Kind::real:
      return value.real();
    case Value::Kind::string:
    case Value::Kind::keyword:
      return std::string(value.text());
    case Value::Kind::list:
    case Value::Kind::set: {
      Json out = Json::array();
      for (const Value& item : value.elements()) out.push_back(to_json(item));
      return out;
    }
    case Value::Kind::map: {
      Json out = Json::object();
      const Value::List& pairs = value.flat_map();
      for (size_t i = 0; i < pairs.size(); i += 2) {
        const Value& key = pairs[i];
        const bool is_text = key.kind() == Value::Kind::string || key.kind() == Value::Kind::keyword;
        out[is_text ? std::string(key.text()) : to_edn(key)] = to_json(pairs[i + 1]);
      }
      return out;
    }
  }
  return nullptr;
}

Value from_json(const Json& json) {
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return Value(json.get<double>());
  if (json.is_integer()) return Value(json.get<int64_t>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.string());
  Value::List items;
  if (json.is_array()) {
    for (const Json& item : json) items.push_back(from_json(item));
    return Value(std::move(items));
  }
  if (json.is_object()) {
    for (const auto& [key, item] : json.items()) {
      items.emplace_back(key);
      items.push_back(from_json(item));
    }
    return Value::map(std::move(items));
  }
  return {};
}

}  // namespace riven
