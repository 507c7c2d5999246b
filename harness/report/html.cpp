#include <algorithm>

#include "harness/core/text.h"
#include "harness/report/markup.h"
#include "harness/report/page_style.h"
#include "harness/report/report.h"
#include "harness/report/sections.h"
#include "harness/report/words.h"

namespace riven {
namespace {

using namespace report;

std::string title(const RunInfo& info) { return info.name.empty() ? subject(info) : valid_utf8(info.name); }

std::string verdict_word(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid:
      return "Valid";
    case Verdict::unknown:
      return "Unknown";
    case Verdict::invalid:
      return "Invalid";
  }
  return "Unknown";
}

std::string fact(const std::string& strong, const std::string& rest) {
  return "<span><b>" + escape_markup(strong) + "</b> " + escape_markup(rest) + "</span>";
}

std::string facts(const RunInfo& info, const History& history, const RunResults& results,
                  const FaultTimeline& timeline) {
  uint64_t operations = 0;
  for (size_t i = 0; i < history.size(); ++i)
    operations += history.is_client(i) && history.type(i) == OpType::invoke ? 1 : 0;
  std::string html =
      fact(grouped(static_cast<int64_t>(operations)), operations == 1 ? "operation" : "operations");
  if (const auto length_ns = duration_ns(info, history)) html += fact(duration_text(*length_ns), "long");
  if (!info.nodes.empty()) html += fact(std::to_string(info.nodes.size()), "nodes");
  if (!timeline.windows.empty())
    html += fact(grouped(static_cast<int64_t>(timeline.windows.size())),
                 timeline.windows.size() == 1 ? "fault window" : "fault windows");
  uint64_t anomalies = 0;
  for (const CheckResult& check : results.checks) anomalies += anomaly_count(check);
  if (anomalies > 0)
    html += fact(grouped(static_cast<int64_t>(anomalies)), anomalies == 1 ? "anomaly" : "anomalies");
  return has_seed(info) ? html + fact("seed", std::to_string(info.seed)) : html;
}

std::string banner(const RunInfo& info, const History& history, const RunResults& results,
                   const FaultTimeline& timeline) {
  std::string html = "<div class=\"card verdict " + std::string(to_text(results.verdict)) +
                     "\"><div class=\"word\">" + verdict_word(results.verdict) + "</div>" +
                     element("p", "why", shortened(results.reason, 2'000)) + "<div class=\"facts\">" +
                     facts(info, history, results, timeline) + "</div></div>\n";
  if (!info.rerun_line.empty()) html += copy_line("run again", info.rerun_line);
  if (!info.directory.empty()) html += copy_line("kept in", info.directory);
  return html;
}

struct Section {
  const char* id;
  const char* name;
  std::string html;
};

std::string navigation(const std::vector<Section>& sections, const RunResults& results) {
  std::string items;
  const auto add = [&](std::string_view id, std::string_view name) {
    items += "<li><a href=\"#" + escape_markup(id) + "\">" + escape_markup(name) + "</a></li>";
  };
  for (const Section& section : sections) {
    if (section.html.empty()) continue;
    if (section.id != std::string_view("figures")) {
      add(section.id, section.name);
      continue;
    }
    size_t shown = 0;
    for (const CheckResult& check : results.checks) {
      if (check.verdict != Verdict::valid || !check.anomalies.empty()) continue;
      for (const Figure& figure : check.figures)
        if (++shown <= 4) add("figure-" + figure.id, figure.title);
    }
  }
  return "<nav aria-label=\"Sections\"><ul>" + items + "</ul></nav>\n";
}

}  // namespace

std::string html_report(const RunInfo& info, const History& history, const RunResults& results) {
  const FaultTimeline timeline = fault_timeline(history, info.spans);
  int64_t begin = history.size() == 0 ? 0 : history.time_ns(0);
  const int64_t end = history.size() == 0 ? 0 : history.time_ns(history.size() - 1);
  if (begin >= 0 &&
      static_cast<double>(begin) <= static_cast<double>(end) - static_cast<double>(begin) + 60e9)
    begin = 0;

  std::string evidence = evidence_section(info, history, results);
  if (!evidence.empty()) evidence = "<h2 id=\"evidence\">Evidence</h2>\n" + evidence;
  std::vector<Section> sections;
  sections.push_back({"evidence", "Evidence", std::move(evidence)});
  sections.push_back({"faults", "Faults", faults_section(timeline, begin, end)});
  sections.push_back({"clocks", "Clocks", clocks_section(history, timeline, begin, end)});
  sections.push_back({"figures", "", figures_section(results)});
  sections.push_back({"statistics", "Operations", statistics_section(results)});
  sections.push_back({"checks", "Checks", checks_section(results)});
  sections.push_back({"run", "This run", run_section(info, results)});

  const std::string started = timestamp(info.started_unix_s);
  std::string html =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n<meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" "
      "content=\"default-src 'none';style-src 'unsafe-inline';script-src 'unsafe-inline';img-src "
      "data:\">\n<title>" +
      verdict_word(results.verdict) + ": " + escape_markup(title(info)) + " - Riven</title>\n<style>" +
      std::string(kStyleSheet) + "</style></head>\n<body>\n<header class=\"top\"><b>Riven</b><h1>" +
      escape_markup(title(info)) + "</h1><span class=\"soft\">" + escape_markup(subject(info)) +
      (started.empty() || subject(info).empty() ? "" : " &middot; ") + started + "</span></header>\n<main>" +
      banner(info, history, results, timeline) + "</main>\n" + navigation(sections, results) + "<main>\n";
  for (const Section& section : sections) html += section.html;
  return html + "</main>\n<footer>Written by Riven " + escape_markup(info.version) +
         ". This page is one file and loads nothing. What the words mean: results/README.md.</footer>\n<div "
         "id=\"tip\" "
         "role=\"tooltip\"></div>\n<script>" +
         std::string(kScript) + "</script>\n</body></html>\n";
}

}  // namespace riven
