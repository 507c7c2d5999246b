#include "tests/report/markup_parser.h"

#include <algorithm>
#include <set>
#include <vector>

namespace riven::test {
namespace {

class Parser {
 public:
  Parser(std::string_view text, Dialect dialect) : text_(text), dialect_(dialect) {}

  std::string run() {
    while (at_ < text_.size() && error_.empty()) {
      if (text_[at_] == '<')
        tag();
      else
        character();
    }
    if (error_.empty() && !open_.empty()) fail("<" + open_.back() + "> is never closed");
    return error_;
  }

 private:
  bool looking_at(std::string_view piece) const { return text_.substr(at_, piece.size()) == piece; }
  void fail(const std::string& what) {
    if (error_.empty())
      error_ = what + " at byte " + std::to_string(at_) + ": " +
               std::string(text_.substr(at_ > 40 ? at_ - 40 : 0, 100));
  }

  void character() {
    const auto byte = static_cast<unsigned char>(text_[at_]);
    if (byte < 0x20 && byte != '\n' && byte != '\t') return fail("control character");
    if (text_[at_] == '&') return entity();
    ++at_;
  }

  void entity() {
    const size_t end = text_.find(';', at_);
    if (end == std::string_view::npos || end - at_ > 9 || end == at_ + 1) return fail("a bare &");
    for (size_t i = at_ + 1; i < end; ++i)
      if (!isalnum(static_cast<unsigned char>(text_[i])) && text_[i] != '#') return fail("a bare &");
    at_ = end + 1;
  }

  std::string name() {
    const size_t start = at_;
    while (at_ < text_.size() && (isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '-' ||
                                  text_[at_] == ':' || text_[at_] == '_'))
      ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  void tag() {
    if (looking_at("<!") || looking_at("<?")) {
      at_ = std::min(text_.find('>', at_), text_.size() - 1) + 1;
      return;
    }
    ++at_;
    const bool closing = looking_at("/");
    if (closing) ++at_;
    const std::string element = name();
    if (element.empty()) return fail("a bare <");
    if (closing) {
      if (open_.empty() || open_.back() != element) return fail("</" + element + "> closes nothing");
      open_.pop_back();
      if (!looking_at(">")) return fail("a closing tag with more than a name");
      ++at_;
      return;
    }
    const bool self_closed = attributes();
    if (!error_.empty()) return;
    static const std::set<std::string> kVoid = {"meta", "br", "hr", "img", "link", "input"};
    if (self_closed || (dialect_ == Dialect::html && kVoid.count(element) > 0)) return;
    open_.push_back(element);
    if (dialect_ == Dialect::html && (element == "style" || element == "script")) {
      at_ = text_.find("</" + element, at_);
      if (at_ == std::string_view::npos) {
        at_ = text_.size();
        fail("<" + element + "> is never closed");
      }
    }
  }

  /// Behind the last one, and behind the '>'; whether the tag closed itself.
  bool attributes() {
    std::set<std::string> seen;
    for (;;) {
      while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
      if (looking_at("/>")) return at_ += 2, true;
      if (looking_at(">")) return ++at_, false;
      const std::string attribute = name();
      if (attribute.empty()) return fail("a broken tag"), false;
      if (!seen.insert(attribute).second) return fail("the attribute " + attribute + " twice"), false;
      if (!looking_at("=")) {
        if (dialect_ == Dialect::xml) return fail("an attribute without a value"), false;
        continue;
      }
      at_ += 1;
      if (!looking_at("\"")) return fail("an attribute without quotes"), false;
      const size_t start = ++at_;
      while (at_ < text_.size() && text_[at_] != '"' && error_.empty()) {
        if (text_[at_] == '<') fail("a < in an attribute");
        character();
      }
      if (attribute == "id" && !ids_.insert(std::string(text_.substr(start, at_ - start))).second)
        fail("the id " + std::string(text_.substr(start, at_ - start)) + " twice");
      if (!error_.empty()) return false;
      ++at_;
    }
  }

  const std::string_view text_;
  const Dialect dialect_;
  size_t at_ = 0;
  std::vector<std::string> open_;
  std::set<std::string> ids_;
  std::string error_;
};

}  // namespace

std::string markup_error(std::string_view text, Dialect dialect) { return Parser(text, dialect).run(); }

}  // namespace riven::test
