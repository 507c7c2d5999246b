#include "harness/core/value.h"

#include <charconv>

namespace riven {

Value::Value(List items) : kind_(Kind::list), list_(std::make_shared<const List>(std::move(items))) {}

Value Value::map(List flat_pairs) {
  RIVEN_CHECK(flat_pairs.size() % 2 == 0, "a map needs a value for each key");
  Value v(std::move(flat_pairs));
  v.kind_ = Kind::map;
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
      return a.real_ == b.real_;
    case Value::Kind::string:
    case Value::Kind::keyword:
      return a.symbol_ == b.symbol_;
    case Value::Kind::list:
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
    case Value::Kind::real: {
      char text[32];
      const auto end = std::to_chars(text, text + sizeof text, v.real()).ptr;
      const std::string_view number(text, static_cast<size_t>(end - text));
      out += number;
      if (number.find_first_of(".en") == std::string_view::npos) out += ".0";
      return;
    }
    case Value::Kind::string:
      quote(out, v.text());
      return;
    case Value::Kind::keyword:
      out += ':', out += v.text();
      return;
    case Value::Kind::list:
    case Value::Kind::map: {
      const bool is_list = v.is_list();
      const Value::List& items = is_list ? v.list() : v.flat_map();
      out += is_list ? '[' : '{';
      for (size_t i = 0; i < items.size(); ++i) {
        if (i > 0) out += !is_list && i % 2 == 0 ? ", " : " ";
        put(out, items[i]);
      }
      out += is_list ? ']' : '}';
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
