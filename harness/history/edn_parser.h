// A streaming parser of EDN forms: no tree, values go straight into their encoded form. Internal to
// harness/history. What becomes of each EDN type is said in reader.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "harness/core/encoding.h"
#include "harness/history/text_part.h"

namespace riven::reading {

/// Values nest at most so deep in a text.
inline constexpr size_t kMaxTextDepth = 60;

/// A cursor in EDN text. After a method returned false either truncated() is true (the text ended within a
/// form) or error() says what is wrong at `at`.
class EdnParser {
 public:
  EdnParser(const char* begin, const char* end, SymbolCache& symbols)
      : at(begin), end_(end), symbols_(symbols) {}

  const char* at;
  size_t max_depth = kMaxTextDepth;

  bool at_end() const { return at == end_; }
  char peek() const { return at < end_ ? *at : '\0'; }
  bool truncated() const { return truncated_; }
  const std::string& error() const { return error_; }

  /// Moves over blanks, commas, comments and #_ discarded forms.
  bool skip_blank();
  /// Moves over one form without looking closely.
  bool skip_form();
  /// Reads one form into `out`.
  bool value(ValueWriter& out);
  /// Reads a keyword, symbol or string as text; the view is good until the next call.
  bool text(std::string_view& out);
  /// Moves over a token (keyword, number, symbol) and returns it.
  std::string_view token();
  bool fail(std::string what);

 private:
  bool cut() {
    truncated_ = true;
    return false;
  }
  bool string(std::string_view& out);
  bool escape(std::string& to);
  bool collection(ValueWriter& out, Value::Kind kind);
  bool character(ValueWriter& out);
  bool number(ValueWriter& out);
  bool word(ValueWriter& out);
  bool keyword(ValueWriter& out);
  bool dispatch(ValueWriter& out, bool& again);
  bool tagged(ValueWriter& out, bool& again);
  bool skip_string();
  bool skip_collection();

  const char* end_;
  SymbolCache& symbols_;
  std::string buffer_;
  std::string error_;
  bool truncated_ = false;
};

}  // namespace riven::reading
