// A streaming parser of JSON values: no tree, values go straight into their encoded form. Internal to
// harness/history.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "harness/core/encoding.h"
#include "harness/history/text_part.h"

namespace riven::reading {

/// A cursor in JSON text; see EdnParser for how failures are told. With `lines`, a line feed ends the text.
class JsonParser {
 public:
  JsonParser(const char* begin, const char* end, SymbolCache& symbols, bool lines)
      : at(begin), end_(end), symbols_(symbols), lines_(lines) {}

  const char* at;

  bool at_end() const { return at == end_; }
  char peek() const { return at < end_ ? *at : '\0'; }
  bool truncated() const { return truncated_; }
  const std::string& error() const { return error_; }

  /// Moves over blanks; over line feeds only where they end nothing.
  void skip_blank();
  /// Moves over one value without looking closely.
  bool skip_value();
  bool value(ValueWriter& out);
  /// Reads a string; the view is good until the next call.
  bool string(std::string_view& out);
  /// Moves over `c` and blanks before it.
  bool expect(char c);
  /// Moves over a number or name and returns it.
  std::string_view token();
  bool fail(std::string what);
  /// The text ends here, or, with `lines`, the line does: truncated if no more text follows.
  bool cut();

 private:
  bool escape(std::string& to);
  bool collection(ValueWriter& out, char close);
  bool scalar(ValueWriter& out);

  const char* end_;
  SymbolCache& symbols_;
  bool lines_;
  std::string buffer_;
  std::string error_;
  bool truncated_ = false;
};

}  // namespace riven::reading
