#include "harness/report/markup.h"

#include <utility>

#include "harness/core/check.h"
#include "harness/core/text.h"

namespace riven::report {
namespace {

std::string_view css_class(const std::string& column) {
  switch (column.empty() ? ' ' : column[0]) {
    case '#':
      return " class=\"n\"";
    case '=':
      return " class=\"v\"";
    case '!':
      return " class=\"w\"";
    default:
      return "";
  }
}

std::string_view shown_name(std::string_view column) {
  if (!column.empty() && std::string_view("#=!").find(column[0]) != std::string_view::npos)
    column.remove_prefix(1);
  return column;
}

}  // namespace

std::string chip(Verdict verdict) {
  return element("span", "chip " + std::string(to_text(verdict)), to_text(verdict));
}

std::string element(std::string_view tag, std::string_view css_class_name, std::string_view text) {
  std::string html = "<" + std::string(tag);
  if (!css_class_name.empty()) html += " class=\"" + std::string(css_class_name) + "\"";
  return html + ">" + escape_markup(text) + "</" + std::string(tag) + ">";
}

std::string copy_line(std::string_view label, std::string_view text) {
  return "<div class=\"cmd\">" + element("span", "", label) + element("code", "", text) +
         "<button type=\"button\" data-copy>Copy</button></div>";
}

std::string fold(std::string_view summary, const std::string& html) {
  return "<details><summary>" + escape_markup(summary) + "</summary>" + html + "</details>";
}

Table::Table(std::vector<std::string> columns) : columns_(std::move(columns)) {}

void Table::row(const std::vector<std::string>& cells) {
  RIVEN_CHECK(cells.size() == columns_.size(),
              "a table row has another number of cells than there are columns");
  body_ += "<tr>";
  for (size_t i = 0; i < cells.size(); ++i)
    body_ += "<td" + std::string(css_class(columns_[i])) + ">" + cells[i] + "</td>";
  body_ += "</tr>\n";
  ++rows_;
}

std::string Table::html() const {
  std::string head;
  for (const std::string& column : columns_)
    head += "<th" + std::string(css_class(column) == " class=\"n\"" ? " class=\"n\"" : "") + ">" +
            escape_markup(shown_name(column)) + "</th>";
  return "<div class=\"scroll\"><table><thead><tr>" + head + "</tr></thead><tbody>\n" + body_ +
         "</tbody></table></div>\n";
}

}  // namespace riven::report
