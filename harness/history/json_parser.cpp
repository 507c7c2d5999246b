#include "harness/history/json_parser.h"

#include "harness/history/edn_parser.h"
#include "harness/history/number_text.h"
#include "harness/history/utf8.h"

namespace riven::reading {

bool JsonParser::fail(std::string what) {
  if (error_.empty()) error_ = std::move(what);
  return false;
}

bool JsonParser::cut() {
  if (at < end_) return fail("the line ends within its object");
  truncated_ = true;
  return false;
}

void JsonParser::skip_blank() {
  while (at < end_ && (*at == ' ' || *at == '\t' || *at == '\r' || (*at == '\n' && !lines_))) ++at;
}

bool JsonParser::expect(char c) {
  skip_blank();
  if (at == end_ || (lines_ && *at == '\n')) return cut();
  if (*at != c) return fail(std::string("a '") + *at + "' where a '" + c + "' should be");
  ++at;
  return true;
}

std::string_view JsonParser::token() {
  const char* const begin = at;
  while (at < end_ && ((*at >= '0' && *at <= '9') || ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z') ||
                       *at == '-' || *at == '+' || *at == '.'))
    ++at;
  return {begin, static_cast<size_t>(at - begin)};
}

bool JsonParser::escape(std::string& to) {
  if (++at == end_) return cut();
  const char c = *at++;
  if (c == 'u') {
    if (end_ - at < 4) {
      at = end_;
      return cut();
    }
    uint32_t code = 0;
    if (!read_code_point(at, end_, code)) return fail("a \\u without four hexadecimal digits");
    put_utf8(to, code);
  } else if (const char control = control_character(c); control != 0) {
    to += control;
  } else if (c == '"' || c == '\\' || c == '/') {
    to += c;
  } else {
    return fail(std::string("a \\") + c + " in a string");
  }
  return true;
}

bool JsonParser::string(std::string_view& out) {
  if (!expect('"')) return false;
  const char* const begin = at;
  while (at < end_ && *at != '"' && *at != '\\' && *at != '\n') ++at;
  if (at < end_ && *at == '"') {
    out = {begin, static_cast<size_t>(at++ - begin)};
    return true;
  }
  buffer_.assign(begin, at);
  while (at < end_ && *at != '"' && *at != '\n') {
    if (*at == '\\') {
      if (!escape(buffer_)) return false;
    } else {
      buffer_ += *at++;
    }
  }
  if (at == end_) return cut();
  if (*at == '\n') return fail("a string that does not end on its line");
  ++at;
  out = buffer_;
  return true;
}

bool JsonParser::skip_value() {
  size_t depth = 0;
  std::string_view ignored;
  while (true) {
    skip_blank();
    if (at == end_ || *at == '\n') return cut();
    const char c = *at;
    if (c == '"') {
      if (!string(ignored)) return false;
    } else if (c == '{' || c == '[') {
      ++at;
      ++depth;
      continue;
    } else if (depth > 0 && (c == ',' || c == ':')) {
      ++at;
      continue;
    } else if (c == '}' || c == ']') {
      if (depth == 0) return fail(std::string("a '") + c + "' where a value should be");
      ++at;
      --depth;
    } else if (token().empty()) {
      return fail(std::string("a '") + c + "' where a value should be");
    }
    if (depth == 0) return true;
  }
}

bool JsonParser::collection(ValueWriter& out, char close) {
  ++at;
  if (out.depth() >= kMaxTextDepth) return fail("a value nested more than 60 deep");
  const bool map = close == '}';
  map ? out.begin_map() : out.begin_list();
  skip_blank();
  if (peek() == close) {
    ++at;
    out.end();
    return true;
  }
  while (true) {
    if (map) {
      std::string_view key;
      if (!string(key)) return false;
      out.string(symbols_(key));
      if (!expect(':')) return false;
    }
    if (!value(out)) return false;
    skip_blank();
    const char c = peek();
    if (c == ',' || c == close) ++at;
    if (c == close) break;
    if (c != ',') {
      if (at == end_ || *at == '\n') return cut();
      return fail(std::string("a '") + c + "' where a ',' or a '" + close + "' should be");
    }
  }
  out.end();
  return true;
}

bool JsonParser::scalar(ValueWriter& out) {
  const char* const begin = at;
  const bool negative = *at == '-';
  if (negative) ++at;
  const char* const digits = at;
  uint64_t sum = 0;
  while (at < end_ && *at >= '0' && *at <= '9') sum = sum * 10 + static_cast<uint64_t>(*at++ - '0');
  const char next = peek();
  constexpr ptrdiff_t kSafeDigits = 18;
  if (at > digits && at - digits <= kSafeDigits &&
      (next == ',' || next == ']' || next == '}' || next == ' ')) {
    out.integer(negative ? -static_cast<int64_t>(sum) : static_cast<int64_t>(sum));
    return true;
  }
  at = begin;
  const std::string_view text = token();
  if (at == end_) return cut();
  if (text == "null") {
    out.nil();
  } else if (text == "true" || text == "false") {
    out.boolean(text == "true");
  } else if (!text.empty() && (text[0] == '-' || (text[0] >= '0' && text[0] <= '9'))) {
    write_json_number(text, out, symbols_);
  } else {
    return fail("a '" + (text.empty() ? std::string(1, *at) : std::string(text)) +
                "' where a value should be");
  }
  return true;
}

bool JsonParser::value(ValueWriter& out) {
  skip_blank();
  if (at == end_ || (lines_ && *at == '\n')) return cut();
  switch (*at) {
    case '"': {
      std::string_view content;
      if (!string(content)) return false;
      out.string(symbols_(content));
      return true;
    }
    case '[':
      return collection(out, ']');
    case '{':
      return collection(out, '}');
    default:
      return scalar(out);
  }
}

}  // namespace riven::reading
