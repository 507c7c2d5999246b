#include "harness/core/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "harness/core/value_order.h"

namespace riven {

Value::Value(List items) : kind_(Kind::list), list_(std::make_shared<const List>(std::move(items))) {}

namespace {

Value::List sorted_pairs(Value::List flat_pairs) {
  std::vector<std::pair<Value, Value>> pairs;
  for (size_t i = 0; i < flat_pairs.size(); i += 2)
    pairs.emplace_back(std::move(flat_pairs[i]), std::move(flat_pairs[i + 1]));
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const auto& a, const auto& b) { return order(a.first, b.first) < 0; });
  Value::List sorted;
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i + 1 < pairs.size() && order(pairs[i].first, pairs[i + 1].first) == 0) continue;
    sorted.push_back(std::move(pairs[i].first));
    sorted.push_back(std::move(pairs[i].second));
  }
  return sorted;
}

}  // namespace

Value Value::map(List flat_pairs) {
  RIVEN_CHECK(flat_pairs.size() % 2 == 0, "a map needs a value for each key");
  bool ascends = true;
  for (size_t i = 2; ascends && i < flat_pairs.size(); i += 2)
    ascends = order(flat_pairs[i - 2], flat_pairs[i]) < 0;
  if (!ascends) flat_pairs = sorted_pairs(std::move(flat_pairs));
  Value v(std::move(flat_pairs));
  v.kind_ = Kind::map;
  return v;
}

Value Value::set(List elements) {
  std::sort(elements.begin(), elements.end(), [](const Value& a, const Value& b) { return order(a, b) < 0; });
  elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
  Value v(std::move(elements));
  v.kind_ = Kind::set;
  return v;
}

const Value* Value::find(std::string_view key) const {
  const List& pairs = flat_map();
  for (size_t i = 0; i < pairs.size(); i += 2) {
    if (pairs[i].is_name(key)) return &pairs[i + 1];
  }
  return nullptr;
}

bool operator==(const Value& a, const Value& b) {
  if (a.kind_ != b.kind_) return false;
  switch (a.kind_) {
    case Value::Kind::nil:
      return true;
    case Value::Kind::boolean:
    case Value::Kind::integer:
      return a.integer_ == b.integer_;
    case Value::Kind::real:
      return a.real_ == b.real_ || (std::isnan(a.real_) && std::isnan(b.real_));
    case Value::Kind::string:
    case Value::Kind::keyword:
      return a.symbol_ == b.symbol_;
    case Value::Kind::list:
    case Value::Kind::set:
    case Value::Kind::map:
      return a.list_ == b.list_ || *a.list_ == *b.list_;
  }
  return false;
}

namespace {

void quote(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\r':
        out += "\\r";
        break;
      default:
        out += c;
    }
  }
  out += '"';
}

void put_real(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += std::isnan(number) ? "##NaN" : number > 0 ? "##Inf" : "##-Inf";
    return;
  }
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  const std::string_view digits(text, static_cast<size_t>(end - text));
  out += digits;
  if (digits.find_first_of(".e") == std::string_view::npos) out += ".0";
}

void put(std::string& out, const Value& v) {
  switch (v.kind()) {
    case Value::Kind::nil:
      out += "nil";
      return;
    case Value::Kind::boolean:
      out += v.boolean() ? "true" : "false";
      return;
    case Value::Kind::integer:
      out += std::to_string(v.integer());
      return;
    case Value::Kind::real:
      put_real(out, v.real());
      return;
    case Value::Kind::string:
      quote(out, v.text());
      return;
    case Value::Kind::keyword:
      out += ':', out += v.text();
      return;
    case Value::Kind::list:
    case Value::Kind::set:
    case Value::Kind::map: {
      out += v.is_list() ? "[" : v.is_set() ? "#{" : "{";
      size_t i = 0;
      for (const Value& item : v) {
        if (i > 0) out += v.is_map() && i % 2 == 0 ? ", " : " ";
        put(out, item);
        ++i;
      }
      out += v.is_list() ? ']' : '}';
      return;
    }
  }
}

}  // namespace

std::string to_edn(const Value& value) {
  std::string out;
  put(out, value);
  return out;
}

}  // namespace riven
