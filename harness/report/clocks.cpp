// The offsets of the nodes' clocks, as their databases' own processes saw them.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "harness/core/json.h"
#include "harness/core/text.h"
#include "harness/report/sections.h"
#include "harness/report/words.h"

namespace riven::report {
namespace {

constexpr double kTop = 12, kHeight = 220, kLeft = 76, kWidth = 872;
constexpr size_t kMostPoints = 20'000;
constexpr std::array<const char*, 8> kColors = {"#3d7ec7", "#d1495b", "#2a9d8f", "#c98a1b",
                                                "#7b4fb5", "#5a7d2a", "#b0683c", "#4a4a6a"};

struct Reading {
  double at_s;  // since the history's beginning
  double offset_ms;
};
/// By node: a line for each fault window.
using Lines = std::map<std::string, std::vector<std::vector<Reading>>>;

double number_of(const Json& json) { return json.is_number() ? json.get<double>() : 0; }

/// The readings that the completion of each window's end has as `series`: {"n1" [[seconds ms] ...]}, counted
/// from the window's beginning.
Lines lines_of(const History& history, const FaultTimeline& timeline, int64_t begin_ns) {
  Lines lines;
  size_t points = 0;
  for (const FaultWindow& window : timeline.windows) {
    const uint32_t end =
        window.stop_entry == History::kNone ? History::kNone : history.pair(window.stop_entry);
    if (end == History::kNone) continue;
    const Json value = to_json(history.op(end).value);
    if (!value.is_object() || !value.contains("series") || !value["series"].is_object()) continue;
    const double from_s = (static_cast<double>(window.begin_ns) - static_cast<double>(begin_ns)) / 1e9;
    for (const auto& [node, series] : value["series"].items()) {
      std::vector<Reading> line;
      for (const Json& each : series) {
        if (!each.is_array() || each.size() != 2 || ++points > kMostPoints) continue;
        line.push_back({from_s + number_of(each[0]), number_of(each[1])});
      }
      if (!line.empty()) lines[node].push_back(std::move(line));
    }
  }
  return lines;
}

/// Logarithmic both ways from zero: milliseconds and hours in one picture.
double stretched(double ms) { return std::copysign(std::log10(1 + std::abs(ms)), ms); }

std::string px(double v) { return fixed(v, 1); }

std::string axis(double most, double middle, double scale) {
  struct Tick {
    double ms;
    const char* label;
  };
  constexpr std::array<Tick, 7> kTicks = {{{1, "1 ms"},
                                           {10, "10 ms"},
                                           {100, "0.1 s"},
                                           {1e3, "1 s"},
                                           {1e4, "10 s"},
                                           {6e4, "1 min"},
                                           {3.6e6, "1 h"}}};
  const auto line = [&](double ms, const std::string& label) {
    const double y = middle - stretched(ms) * scale;
    return "<path stroke=\"var(--line)\" d=\"M" + px(kLeft) + " " + px(y) + "H" + px(kLeft + kWidth) +
           "\"/><text text-anchor=\"end\" x=\"" + px(kLeft - 6) + "\" y=\"" + px(y + 4) + "\">" + label +
           "</text>";
  };
  std::string svg = line(0, "right");
  for (const Tick& tick : kTicks) {
    if (tick.ms > most) break;
    svg += line(tick.ms, std::string("+") + tick.label) + line(-tick.ms, std::string("-") + tick.label);
  }
  return svg;
}

}  // namespace

std::string clocks_section(const History& history, const FaultTimeline& timeline, int64_t begin_ns,
                           int64_t end_ns) {
  const Lines lines = lines_of(history, timeline, begin_ns);
  if (lines.empty()) return "";
  double most = 1;
  for (const auto& [node, windows] : lines) {
    for (const auto& window : windows) {
      for (const Reading& reading : window) most = std::max(most, std::abs(reading.offset_ms));
    }
  }
  const double length_s = std::max(1e-3, (static_cast<double>(end_ns) - static_cast<double>(begin_ns)) / 1e9);
  const double middle = kTop + kHeight / 2, scale = kHeight / 2 / stretched(most);
  std::string svg = "<div class=\"scroll\"><svg class=\"lanes\" viewBox=\"0 0 960 " +
                    px(kTop + kHeight + 34) + "\" role=\"img\" aria-label=\"Offset of each node's clock\">" +
                    axis(most, middle, scale);
  std::string legend;
  size_t color = 0;
  for (const auto& [node, windows] : lines) {
    const std::string paint = kColors[color++ % kColors.size()];
    for (const auto& window : windows) {
      std::string path;
      for (const Reading& reading : window) {
        const double x = kLeft + kWidth * std::clamp(reading.at_s / length_s, 0.0, 1.0);
        path += (path.empty() ? "M" : "L") + px(x) + " " + px(middle - stretched(reading.offset_ms) * scale);
      }
      svg += "<path fill=\"none\" stroke-width=\"1.6\" stroke=\"" + paint + "\" d=\"" + path + "\"><title>" +
             escape_markup(node) + "</title></path>";
    }
    legend += " <span style=\"color:" + paint + "\">&#9644;</span> " + escape_markup(shortened(node, 40));
  }
  for (int tenth = 0; tenth <= 10; tenth += 2) {
    svg += "<text text-anchor=\"middle\" x=\"" + px(kLeft + kWidth * tenth / 10) + "\" y=\"" +
           px(kTop + kHeight + 16) + "\">" + fixed(length_s * tenth / 10, length_s < 10 ? 1 : 0) + "</text>";
  }
  svg += "<text text-anchor=\"middle\" x=\"" + px(kLeft + kWidth / 2) + "\" y=\"" + px(kTop + kHeight + 31) +
         "\">seconds since the run began</text></svg></div>";
  return "<h2 id=\"clocks\">Clocks</h2><div class=\"card\"><p>How far off the clock was that each node's "
         "database read, while clocks were bent." +
         legend + "</p>" + svg + "</div>\n";
}

}  // namespace riven::report
