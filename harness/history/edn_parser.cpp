#include "harness/history/edn_parser.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "harness/history/number_text.h"
#include "harness/history/utf8.h"

namespace riven::reading {

namespace {

enum CharClass : uint8_t { kPlain = 0, kBlank = 1, kDelimiter = 2 };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> classes{};
  for (const char c : {' ', '\t', '\n', '\r', '\f', '\v', ','}) classes[static_cast<uint8_t>(c)] = kBlank;
  for (const char c : {'(', ')', '[', ']', '{', '}', '"', ';'}) classes[static_cast<uint8_t>(c)] = kDelimiter;
  return classes;
}
constexpr std::array<uint8_t, 256> kClasses = make_classes();

bool is_blank(char c) { return kClasses[static_cast<uint8_t>(c)] == kBlank; }
bool ends_token(char c) { return kClasses[static_cast<uint8_t>(c)] != kPlain; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool EdnParser::fail(std::string what) {
  if (error_.empty()) error_ = std::move(what);
  return false;
}

std::string_view EdnParser::token() {
  const char* const begin = at;
  while (at < end_ && !ends_token(*at)) ++at;
  return {begin, static_cast<size_t>(at - begin)};
}

bool EdnParser::skip_blank() {
  size_t discards = 0;
  while (at < end_) {
    if (is_blank(*at)) {
      ++at;
    } else if (*at == ';') {
      at = std::find(at, end_, '\n');
    } else if (*at == '#' && at + 1 < end_ && at[1] == '_') {
      at += 2;
      ++discards;
    } else if (discards > 0) {
      if (!skip_form()) return false;
      --discards;
    } else {
      return true;
    }
  }
  return discards == 0 || cut();
}

bool EdnParser::skip_string() {
  for (++at; at < end_; ++at) {
    if (*at == '\\') {
      ++at;
    } else if (*at == '"') {
      ++at;
      return true;
    }
  }
  at = end_;
  return cut();
}

bool EdnParser::skip_collection() {
  size_t depth = 0;
  while (at < end_) {
    const char c = *at;
    if (c == '"') {
      if (!skip_string()) return false;
      continue;
    }
    if (c == ';') {
      at = std::find(at, end_, '\n');
      continue;
    }
    if (c == '\\') {
      at = std::min(at + 2, end_);
      continue;
    }
    ++at;
    if (c == '(' || c == '[' || c == '{') ++depth;
    if ((c == ')' || c == ']' || c == '}') && --depth == 0) return true;
  }
  return cut();
}

bool EdnParser::skip_form() {
  while (at < end_) {
    const char c = *at;
    if (is_blank(c) || c == '\'' || c == '`' || c == '@' || c == '^') {
      ++at;  // prefixes, and what stands between a prefix and its form
    } else if (c == ';') {
      at = std::find(at, end_, '\n');
    } else if (c == '"') {
      return skip_string();
    } else if (c == '(' || c == '[' || c == '{') {
      return skip_collection();
    } else if (c == ')' || c == ']' || c == '}') {
      return fail(std::string("a '") + c + "' where a value should be");
    } else if (c == '\\') {
      ++at;
      if (at < end_) ++at;
      token();
      return true;
    } else if (c == '#') {
      ++at;
      if (at < end_ && *at != '{' && *at != '(' && *at != '"') {
        const bool whole = *at == '#' || *at == '\'';  // ##Inf, #'name
        token();
        if (whole) return true;
      }
    } else {
      token();
      return true;
    }
  }
  return cut();
}

bool EdnParser::escape(std::string& to) {
  if (++at == end_) return cut();
  const char c = *at++;
  if (c == 'u') {
    if (end_ - at < 4) return cut();
    uint32_t code = 0;
    if (!read_code_point(at, end_, code)) return fail("a \\u without four hexadecimal digits");
    put_utf8(to, code);
    return true;
  }
  const char control = control_character(c);
  to += control != 0 ? control : c;
  return true;
}

bool EdnParser::string(std::string_view& out) {
  const char* const begin = ++at;
  while (at < end_ && *at != '"' && *at != '\\') ++at;
  if (at == end_) return cut();
  if (*at == '"') {
    out = {begin, static_cast<size_t>(at++ - begin)};
    return true;
  }
  buffer_.assign(begin, at);
  while (at < end_ && *at != '"') {
    if (*at == '\\') {
      if (!escape(buffer_)) return false;
    } else {
      buffer_ += *at++;
    }
  }
  if (at == end_) return cut();
  ++at;
  out = buffer_;
  return true;
}

bool EdnParser::text(std::string_view& out) {
  if (!skip_blank()) return false;
  if (at == end_) return cut();
  if (*at == '"') return string(out);
  if (*at == ':') ++at;
  out = token();
  if (!out.empty()) return true;
  return at == end_ ? cut() : fail(std::string("a '") + *at + "' where a name should be");
}

bool EdnParser::collection(ValueWriter& out, Value::Kind kind) {
  const char close = *at == '(' ? ')' : *at == '[' ? ']' : '}';
  ++at;
  if (out.depth() >= max_depth) return fail("a value nested more than 60 deep");
  const bool map = kind == Value::Kind::map;
  map ? out.begin_map() : kind == Value::Kind::set ? out.begin_set() : out.begin_list();
  size_t count = 0;
  while (true) {
    if (!skip_blank()) return false;
    if (at == end_) return cut();
    if (*at == close) break;
    if (!value(out)) return false;
    ++count;
  }
  if (map && count % 2 != 0) return fail("a map with a key without a value");
  ++at;
  out.end();
  return true;
}

bool EdnParser::character(ValueWriter& out) {
  ++at;
  if (at == end_) return cut();
  const char* const begin = at++;
  // At least one character, though it be a delimiter; then the rest of its name, or of its UTF-8 bytes.
  if (!ends_token(*begin)) token();
  std::string_view name(begin, static_cast<size_t>(at - begin));
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kNames = {
      {{"newline", "\n"},
       {"space", " "},
       {"tab", "\t"},
       {"return", "\r"},
       {"backspace", "\b"},
       {"formfeed", "\f"}}};
  for (const auto& [known, meaning] : kNames) {
    if (name == known) name = meaning;
  }
  std::string code;
  if (name.size() == 5 && name[0] == 'u') {
    uint32_t number = 0;
    const auto [stop, status] = std::from_chars(begin + 1, begin + 5, number, 16);
    if (status == std::errc() && stop == begin + 5) {
      put_utf8(code, number);
      name = code;
    }
  }
  out.string(symbols_(name));
  return true;
}

bool EdnParser::number(ValueWriter& out) {
  const char* const begin = at;
  // Up to 18 digits cannot overflow; anything else takes the slow way.
  const bool negative = *at == '-';
  if (*at == '-' || *at == '+') ++at;
  uint64_t sum = 0;
  const char* const digits = at;
  while (at < end_ && is_digit(*at)) sum = sum * 10 + static_cast<uint64_t>(*at++ - '0');
  constexpr ptrdiff_t kSafeDigits = 18;
  if (at < end_ && ends_token(*at) && at - digits <= kSafeDigits && at > digits) {
    out.integer(negative ? -static_cast<int64_t>(sum) : static_cast<int64_t>(sum));
    return true;
  }
  at = begin;
  write_edn_number(token(), out, symbols_);
  return true;
}

bool EdnParser::word(ValueWriter& out) {
  const std::string_view text = token();
  if (text.empty()) return fail(std::string("a '") + *at + "' where a value should be");
  if (text == "nil") {
    out.nil();
  } else if (text == "true" || text == "false") {
    out.boolean(text == "true");
  } else {
    out.string(symbols_(text));
  }
  return true;
}

bool EdnParser::keyword(ValueWriter& out) {
  ++at;
  out.keyword(symbols_(token()));
  return true;
}

/// What follows a '#'. `again`: the value itself is still to come.
bool EdnParser::dispatch(ValueWriter& out, bool& again) {
  ++at;
  if (at == end_) return cut();
  switch (*at) {
    case '{':
      return collection(out, Value::Kind::set);
    case '"':  // a regular expression
    case '(':
      again = true;
      return true;
    case '\'':
    case '^':
    case '=':
      ++at;
      again = true;
      return true;
    case '#': {
      ++at;
      const std::string_view name = token();
      constexpr double kInfinity = std::numeric_limits<double>::infinity();
      if (name != "Inf" && name != "-Inf" && name != "NaN") return fail("## with neither Inf, -Inf nor NaN");
      out.real(name == "NaN"   ? std::numeric_limits<double>::quiet_NaN()
               : name == "Inf" ? kInfinity
                               : -kInfinity);
      return true;
    }
    default:
      return tagged(out, again);
  }
}

bool EdnParser::tagged(ValueWriter& out, bool& again) {
  const std::string_view tag = token();
  if (tag.empty()) return at == end_ ? cut() : fail("a # without a tag");
  if (!skip_blank()) return false;
  if (tag != "riven/keyword" || peek() != '"') {
    again = true;
    return true;
  }
  std::string_view name;
  if (!string(name)) return false;
  out.keyword(symbols_(name));
  return true;
}

bool EdnParser::value(ValueWriter& out) {
  while (true) {
    if (!skip_blank()) return false;
    if (at == end_) return cut();
    const char c = *at;
    if (is_digit(c)) return number(out);
    switch (c) {
      case ':':
        return keyword(out);
      case '[':
      case '(':
        return collection(out, Value::Kind::list);
      case '{':
        return collection(out, Value::Kind::map);
      case '"': {
        std::string_view content;
        if (!string(content)) return false;
        out.string(symbols_(content));
        return true;
      }
      case '\\':
        return character(out);
      case '-':
      case '+':
        return at + 1 < end_ && is_digit(at[1]) ? number(out) : word(out);
      case '#': {
        bool again = false;
        if (!dispatch(out, again)) return false;
        if (!again) return true;
        break;
      }
      case '^':  // metadata: dropped
        ++at;
        if (!skip_form()) return false;
        break;
      case '\'':
      case '`':
      case '@':
        ++at;
        break;
      default:
        return word(out);
    }
  }
}

}  // namespace riven::reading
