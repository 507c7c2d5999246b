#include <algorithm>

#include "harness/core/text.h"
#include "harness/report/figures.h"
#include "harness/report/glossary.h"
#include "harness/report/markup.h"
#include "harness/report/sections.h"
#include "harness/report/words.h"

namespace riven::report {
namespace {

constexpr size_t kSentencesShown = 5;
constexpr size_t kSentencesWhole = 8;  // a proof of so few steps is not cut
constexpr size_t kSentencesKept = 100;
constexpr size_t kAnomaliesOpen = 8;
constexpr size_t kAnomaliesKept = 200;
constexpr size_t kWitnessRows = 60;
constexpr size_t kSentenceLimit = 2'000;
constexpr size_t kDetailsLimit = 8'000;
constexpr size_t kFigureLimit = 400'000;      // one figure
constexpr size_t kEvidenceLimit = 1'200'000;  // all of the section: a page must open

std::string list(const std::vector<std::string>& sentences, size_t from, size_t to) {
  std::string html = "<ul class=\"s\">";
  for (size_t i = from; i < to; ++i) html += element("li", "", shortened(sentences[i], kSentenceLimit));
  return html + "</ul>";
}

std::string sentences_html(const std::vector<std::string>& sentences) {
  if (sentences.empty()) return {};
  const size_t shown = sentences.size() <= kSentencesWhole ? sentences.size() : kSentencesShown;
  const size_t kept = std::min(sentences.size(), kSentencesKept);
  std::string html = list(sentences, 0, shown);
  if (kept > shown)
    html += fold(std::to_string(kept - shown) + " more" +
                     (sentences.size() > kept ? " of " + std::to_string(sentences.size() - shown) : ""),
                 list(sentences, shown, kept));
  return html;
}

std::string witness_table(const RunInfo& info, const History& history, const std::vector<uint32_t>& entries) {
  const bool nodes = info.concurrency > 0 && !info.nodes.empty();
  std::vector<std::string> columns = {"#index"};
  if (history.has_times()) columns.emplace_back("#time");
  columns.emplace_back("!process");
  if (nodes) columns.emplace_back("!node");
  const bool errors = std::any_of(entries.begin(), entries.end(), [&](uint32_t entry) {
    return entry < history.size() && !history.error(entry).is_nil();
  });
  for (const char* column : {"!type", "!f", "=value"}) columns.emplace_back(column);
  if (errors) columns.emplace_back("error");
  Table table(columns);
  for (const uint32_t entry : entries) {
    if (entry >= history.size() || table.rows() == kWitnessRows) continue;
    const OpType type = history.type(entry);
    const ValueView why = history.error(entry);
    std::vector<std::string> cells = {std::to_string(history.source_index(entry))};
    if (history.has_times()) cells.push_back(moment_text(history.time_ns(entry)));
    cells.push_back(process_text(history.process(entry)));
    if (nodes) cells.push_back(escape_markup(node_of(info, history.process(entry))));
    cells.push_back(element("span", "type " + std::string(to_text(type)), to_text(type)));
    cells.push_back(escape_markup(history.f(entry).text()));
    cells.push_back(escape_markup(value_text(history.value(entry), 400)));
    if (errors) cells.push_back(why.is_nil() ? "" : escape_markup(value_text(why, 200)));
    table.row(cells);
  }
  if (table.rows() == 0) return {};
  std::string html = table.html();
  if (entries.size() > kWitnessRows)
    html += "<p class=\"term\">" +
            counted(entries.size() - kWitnessRows, "further entry", "further entries") +
            " of this witness in results.json.</p>";
  return html;
}

std::string details_html(const Json& details) {
  if (details.is_null() || details.empty()) return {};
  const std::string text = clean(details).dump(2);
  std::string shown = shortened(text, kDetailsLimit);
  if (text.size() > kDetailsLimit) shown += "\n(all of it is in results.json)";
  return fold("Details for machines", element("pre", "", shown));
}

std::string anomaly_html(const RunInfo& info, const History& history, const Anomaly& anomaly, bool draw) {
  std::string html = "<div class=\"anomaly\"><h3>" + escape_markup(anomaly.type) + "<small>" +
                     counted(anomaly.count, "time") + "</small></h3>";
  if (const std::string_view term = meaning(anomaly.type); !term.empty())
    html += element("p", "term",
                    std::string(term) + (meaning_of_suffix(anomaly.type).empty()
                                             ? ""
                                             : " " + std::string(meaning_of_suffix(anomaly.type))));
  html += sentences_html(anomaly.sentences);
  if (draw) html += witness_figure(info, history, anomaly.entries);
  if (const std::string table = witness_table(info, history, anomaly.entries); !table.empty())
    html += anomaly.entries.size() <= 12 ? table : fold("The operations of the first witness", table);
  return html + details_html(anomaly.details) + "</div>";
}

std::string figures_html(const CheckResult& check) {
  std::string html;
  for (const Figure& figure : check.figures) {
    const std::string drawn = figure_html(figure);
    html += element("h3", "", figure.title);
    html += drawn.size() <= kFigureLimit
                ? "<figure style=\"margin:0\" class=\"scroll\">" + drawn + "</figure>"
                : element("p", "term",
                          "This figure is too large for the page; it is in the run's anomalies folder.");
  }
  return html;
}

/// Checks without witnesses (vacuity) tell what they miss in details.complaints; the first is the reason
/// already.
std::string complaints_html(const Json& details) {
  const auto found = details.is_object() ? details.find("complaints") : details.end();
  if (found == details.end() || !found->is_array()) return {};
  std::vector<std::string> sentences;
  for (const Json& complaint : *found)
    if (complaint.is_string()) sentences.push_back(complaint.get<std::string>());
  return sentences.size() > 1 ? sentences_html(sentences) : "";
}

std::string check_html(const RunInfo& info, const History& history, const CheckResult& check) {
  std::string html = "<div class=\"card\"><h3 style=\"margin-top:0\">" + escape_markup(check.name) + " " +
                     chip(check.verdict) + "</h3>" +
                     element("p", "", shortened(check.reason, kSentenceLimit));
  html += complaints_html(check.details);
  std::string folded;
  const size_t kept = std::min(check.anomalies.size(), kAnomaliesKept);
  size_t shown = 0;
  for (size_t a = 0; a < kept && html.size() + folded.size() < kEvidenceLimit / 2; ++a, ++shown) {
    const bool open = a < kAnomaliesOpen;
    (open ? html : folded) += anomaly_html(info, history, check.anomalies[a], open && check.figures.empty());
  }
  if (!folded.empty())
    html += fold(counted(shown - kAnomaliesOpen, "more anomaly", "more anomalies"), folded);
  if (check.anomalies.size() > shown)
    html += "<p class=\"term\">" +
            counted(check.anomalies.size() - shown, "further anomaly", "further anomalies") +
            " in results.json.</p>";
  html += figures_html(check);
  if (!check.artifacts.empty()) {
    std::string names;
    for (size_t i = 0; i < check.artifacts.size() && i < 20; ++i)
      names += (i == 0 ? "" : ", ") + check.artifacts[i].name;
    if (check.artifacts.size() > 20) names += ", ...";
    html += element("p", "term", "Also in the folder anomalies: " + names);
  }
  return html + "</div>\n";
}

}  // namespace

std::string evidence_section(const RunInfo& info, const History& history, const RunResults& results) {
  std::string html;
  size_t left_out = 0;
  for (const Verdict verdict : {Verdict::invalid, Verdict::unknown, Verdict::valid})
    for (const CheckResult& check : results.checks) {
      if (check.verdict != verdict || (verdict == Verdict::valid && check.anomalies.empty())) continue;
      std::string card = check_html(info, history, check);
      if (html.size() + card.size() > kEvidenceLimit)
        ++left_out;
      else
        html += card;
    }
  if (left_out > 0)
    html += "<p class=\"term\">" + counted(left_out, "further check") + " with evidence in results.json.</p>";
  return html;
}

std::string figures_section(const RunResults& results) {
  std::string html;
  for (const CheckResult& check : results.checks) {
    if (check.verdict != Verdict::valid || !check.anomalies.empty() || check.figures.empty()) continue;
    for (const Figure& figure : check.figures) {
      const std::string drawn = figure_html(figure);
      if (html.size() + drawn.size() > kEvidenceLimit) continue;
      html += "<h2 id=\"figure-" + escape_markup(figure.id) + "\">" + escape_markup(figure.title) +
              "</h2><figure class=\"card\" style=\"margin:0 0 14px\">" + drawn + "</figure>\n";
    }
  }
  return html;
}

}  // namespace riven::report
