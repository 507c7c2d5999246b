#include <algorithm>
#include <map>

#include "harness/core/text.h"
#include "harness/report/sections.h"
#include "harness/report/words.h"

namespace riven::report {
namespace {

constexpr size_t kMostOperations = 40;
constexpr double kLaneHeight = 44;
constexpr double kLabelWidth = 118;
constexpr double kTop = 8;
constexpr double kCharacterWidth = 6.3;

struct Bar {
  uint32_t invocation;
  uint32_t completion;  // or kNone
  size_t lane = 0;
  double left = 0, right = 0;
};

std::string px(double v) { return fixed(v, 1); }

class WitnessDrawing {
 public:
  WitnessDrawing(const RunInfo& info, const History& history, const std::vector<uint32_t>& entries)
      : info_(info), history_(history) {
    std::vector<uint32_t> invocations;
    for (const uint32_t entry : entries) {
      if (entry >= history.size()) continue;
      const uint32_t pair = history.pair(entry);
      invocations.push_back(history.is_invocation(entry) || pair == History::kNone ? entry : pair);
    }
    std::sort(invocations.begin(), invocations.end());
    invocations.erase(std::unique(invocations.begin(), invocations.end()), invocations.end());
    left_out_ = invocations.size() - std::min(invocations.size(), kMostOperations);
    invocations.resize(invocations.size() - left_out_);
    for (const uint32_t i : invocations) bars_.push_back({i, history.pair(i)});
    place();
  }

  std::string draw() const {
    if (bars_.size() < 2) return {};
    const double height = kTop + kLaneHeight * static_cast<double>(lanes_.size()) + 40;
    std::string svg =
        "<div class=\"scroll\"><svg class=\"witness\" style=\"min-width:" + px(std::min(width_, 1600.0)) +
        "px\" viewBox=\"0 0 " + px(width_) + " " + px(height) +
        "\" role=\"img\" aria-label=\"The operations of the first witness, a lane each process\">";
    for (const auto& [process, lane] : lanes_) svg += lane_row(process, lane);
    svg += time_labels(height);
    for (size_t b = 0; b < bars_.size(); ++b) svg += bar(b);
    svg +=
        "</svg></div><p class=\"term\">A bar reaches from invocation to completion; bars that overlap ran at "
        "the same "
        "time. Events are evenly spaced in their order, not to scale.";
    if (left_out_ > 0) svg += " " + counted(left_out_, "further operation") + " not drawn.";
    return svg + "</p>";
  }

 private:
  void place() {
    std::vector<uint32_t> events;
    for (const Bar& b : bars_) {
      events.push_back(b.invocation);
      if (b.completion != History::kNone) events.push_back(b.completion);
    }
    std::sort(events.begin(), events.end());
    events_ = events;
    const double step =
        std::clamp(850.0 / static_cast<double>(std::max<size_t>(events.size(), 1)), 46.0, 120.0);
    width_ = std::max(960.0, kLabelWidth + step * (static_cast<double>(events.size()) + 0.6));
    const double spread =
        (width_ - kLabelWidth - 30) / std::max(1.0, static_cast<double>(events.size()) - 0.5);
    const auto x = [&](uint32_t event) {
      const auto rank = std::lower_bound(events.begin(), events.end(), event) - events.begin();
      return kLabelWidth + 8 + spread * static_cast<double>(rank);
    };
    for (Bar& b : bars_) {
      b.lane = lane_of(history_.process(b.invocation));
      b.left = x(b.invocation);
      b.right = b.completion == History::kNone ? width_ - 8 : x(b.completion);
      x_of_[b.invocation] = b.left;
      if (b.completion != History::kNone) x_of_[b.completion] = b.right;
    }
  }

  size_t lane_of(Process process) {
    for (const auto& [have, lane] : lanes_)
      if (have == process) return lane;
    lanes_.emplace_back(process, lanes_.size());
    return lanes_.size() - 1;
  }

  static double lane_top(size_t lane) { return kTop + kLaneHeight * static_cast<double>(lane); }

  std::string lane_row(Process process, size_t lane) const {
    const std::string node = node_of(info_, process);
    const double y = lane_top(lane);
    return "<text x=\"0\" y=\"" + px(y + 29) + "\">" + (process < 0 ? "" : "process ") +
           process_text(process) + (node.empty() ? "" : " (" + escape_markup(node) + ")") +
           "</text><path stroke=\"var(--line)\" d=\"M" + px(kLabelWidth) + " " + px(y + kLaneHeight) + "H" +
           px(width_) + "\"/>";
  }

  std::string time_labels(double height) const {
    std::string svg;
    double free_from = 0;
    for (const uint32_t event : events_) {
      const double x = x_of_.at(event);
      svg += "<path stroke=\"var(--line)\" stroke-dasharray=\"2 3\" d=\"M" + px(x) + " " + px(kTop) + "V" +
             px(height - 30) + "\"/>";
      if (!history_.has_times()) continue;
      const std::string label = fixed(static_cast<double>(history_.time_ns(event)) / 1e9, 3);
      const double half = kCharacterWidth * static_cast<double>(label.size()) / 2 + 3;
      if (x - half < free_from) continue;
      free_from = x + half;
      svg += "<text text-anchor=\"middle\" x=\"" + px(x) + "\" y=\"" + px(height - 17) + "\">" + label +
             "</text>";
    }
    if (!history_.has_times()) return svg;
    return svg + "<text x=\"0\" y=\"" + px(height - 17) + "\">seconds</text>";
  }

  /// "12 at 3.400 s".
  std::string entry_text(uint32_t entry) const {
    const std::string index = std::to_string(history_.source_index(entry));
    return history_.has_times() ? index + " at " + moment_text(history_.time_ns(entry)) : index;
  }

  std::string label(const Bar& b) const {
    const bool answered = b.completion != History::kNone && history_.type(b.completion) == OpType::ok &&
                          !history_.value(b.completion).is_nil();
    const ValueView value = history_.value(answered ? b.completion : b.invocation);
    std::string text = valid_utf8(history_.f(b.invocation).text());
    if (!value.is_nil() || answered) text += " " + value_text(value, 200);
    return text;
  }

  std::string bar(size_t index) const {
    const Bar& b = bars_[index];
    double room = width_ - b.left;
    for (const Bar& other : bars_)
      if (other.lane == b.lane && other.left > b.left) room = std::min(room, other.left - b.left);
    const std::string whole = label(b);
    const auto letters = static_cast<size_t>(std::max(4.0, room / kCharacterWidth - 1));
    const std::string shown = whole.size() <= letters ? whole : shortened(whole, letters - 3);
    const OpType type = b.completion == History::kNone ? OpType::info : history_.type(b.completion);
    const std::string color = type == OpType::invoke ? "soft" : std::string(to_text(type));
    const double y = lane_top(b.lane) + 20;
    std::string told = whole + "\n" +
                       (b.completion == History::kNone ? "never completed" : std::string(to_text(type))) +
                       ", entry " + entry_text(b.invocation);
    if (b.completion != History::kNone) told += "\nto entry " + entry_text(b.completion);
    std::string svg = "<g><title>" + escape_markup(told) + "</title><text class=\"op\" x=\"" +
                      px(b.left + 1) + "\" y=\"" + px(y - 5) + "\">" + escape_markup(shown) +
                      "</text><rect rx=\"3\" height=\"14\" x=\"" + px(b.left) + "\" y=\"" + px(y) +
                      "\" width=\"" + px(std::max(3.0, b.right - b.left)) + "\" fill=\"var(--" + color +
                      ")\"/>";
    if (type == OpType::info)  // may take effect at any time after it was given up
      svg += "<path stroke=\"var(--info)\" stroke-width=\"2\" stroke-dasharray=\"4 4\" d=\"M" + px(b.right) +
             " " + px(y + 7) + "H" + px(width_) + "\"/>";
    return svg + "</g>";
  }

  const RunInfo& info_;
  const History& history_;
  std::vector<Bar> bars_;
  std::vector<std::pair<Process, size_t>> lanes_;
  std::vector<uint32_t> events_;
  std::map<uint32_t, double> x_of_;
  double width_ = 960;
  size_t left_out_ = 0;
};

}  // namespace

std::string witness_figure(const RunInfo& info, const History& history,
                           const std::vector<uint32_t>& entries) {
  return WitnessDrawing(info, history, entries).draw();
}

}  // namespace riven::report
