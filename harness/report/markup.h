// Small pieces of HTML that the sections of the page are made of.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/api/checker.h"

namespace riven::report {

/// <span class="chip VERDICT">verdict</span>
std::string chip(Verdict verdict);
/// Escaped text in an element with a class.
std::string element(std::string_view tag, std::string_view css_class, std::string_view text);
/// A command or path with a copy button.
std::string copy_line(std::string_view label, std::string_view text);
/// <details> whose summary is `summary` (plain text) and whose body is HTML.
std::string fold(std::string_view summary, const std::string& html);

/// A table whose cells are HTML. Columns whose name begins with '#' are right-aligned numbers, with '='
/// values in a fixed-width font, with '!' never wrapped; the mark is not shown.
class Table {
 public:
  explicit Table(std::vector<std::string> columns);
  /// Demands one cell a column.
  void row(const std::vector<std::string>& cells);
  size_t rows() const { return rows_; }
  std::string html() const;

 private:
  std::vector<std::string> columns_;
  std::string body_;
  size_t rows_ = 0;
};

}  // namespace riven::report
