#include "checkers/linearizable/value_text.h"

#include <charconv>
#include <optional>
#include <string>

namespace riven::linearizable {

namespace {

constexpr int kDeepest = 60;

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ','; }
bool ends_word(char c) {
  return is_blank(c) || std::string_view("[](){}\"").find(c) != std::string_view::npos;
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number v{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return v;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Value> whole() {
    skip_blank();
    const char c = peek();
    if (c == 0) return Value();
    const bool formed =
        c == '[' || c == '(' || c == '{' || c == '"' || c == ':' || text_.substr(at_, 2) == "#{";
    if (!formed) {
      const std::string_view word = text_.substr(at_);
      return plain(word.substr(0, word.find_last_not_of(" \t\r\n") + 1));
    }
    auto value = one(0);
    skip_blank();
    if (value && peek() != 0) return Error{"there is something behind the value: " + std::string(rest())};
    return value;
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  std::string_view rest() const { return text_.substr(at_); }
  void skip_blank() {
    while (is_blank(peek())) ++at_;
  }

  Result<Value> one(int depth) {
    if (depth > kDeepest) return Error{"it is nested too deeply"};
    const char c = peek();
    if (c == '"') return quoted();
    if (c == '[' || c == '(' || c == '{') {
      ++at_;
      return items(c == '[' ? ']' : c == '(' ? ')' : '}', c == '{', depth);
    }
    if (rest().starts_with("#{")) {
      at_ += 2;
      return items('}', false, depth);
    }
    const size_t begin = at_;
    while (peek() != 0 && !ends_word(peek())) ++at_;
    if (at_ == begin) return Error{"this is no value: " + std::string(rest())};
    return plain(text_.substr(begin, at_ - begin));
  }

  Result<Value> items(char closing, bool map, int depth) {
    Value::List all;
    for (skip_blank(); peek() != closing; skip_blank()) {
      if (peek() == 0) return Error{std::string("a closing ") + closing + " is missing"};
      auto item = one(depth + 1);
      if (!item) return item;
      const bool json_key = map && all.size() % 2 == 0 && item->kind() == Value::Kind::string;
      all.push_back(std::move(*item));
      if (!json_key) continue;
      const bool colon = peek() == ':';
      skip_blank();
      if (colon || rest().starts_with(": ")) ++at_;
    }
    ++at_;
    if (map && all.size() % 2 != 0) return Error{"a key of a map has no value"};
    return map ? Value::map(std::move(all)) : Value(std::move(all));
  }

  Result<Value> quoted() {
    std::string out;
    for (++at_; peek() != '"'; ++at_) {
      if (peek() == 0) return Error{"a closing \" is missing"};
      if (peek() == '\\' && at_ + 1 < text_.size()) {
        const char c = text_[++at_];
        out += c == 'n' ? '\n' : c == 't' ? '\t' : c;
      } else {
        out += peek();
      }
    }
    ++at_;
    return Value(out);
  }

  static Value plain(std::string_view word) {
    if (word == "nil" || word == "null") return {};
    if (word == "true" || word == "false") return Value(word == "true");
    if (const auto i = number<int64_t>(word)) return Value(*i);
    const bool numeric = word.find_first_not_of("+-.eE0123456789") == std::string_view::npos;
    if (const auto d = number<double>(word); d && numeric) return Value(*d);
    if (word.size() > 1 && word.front() == ':') return Value::keyword(word.substr(1));
    return Value(word);
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

Result<Value> parse_value(std::string_view text) { return Parser(text).whole(); }

}  // namespace riven::linearizable
