// A cycle of transactions: a box for each with the micro-operations that matter, arrows with their reasons,
// and the transactions' spans on a common time axis.
#include <algorithm>
#include <cstdio>

#include "harness/core/text.h"
#include "harness/report/figures.h"

namespace riven::report {

namespace {

std::string clipped(std::string text, size_t columns) {
  if (text.size() <= columns) return text;
  text.resize(columns - 3);
  return text + "...";
}

const char* color_of(const std::string& type) {
  if (type == "ww") return "#C02700";
  if (type == "wr") return "#C000A5";
  if (type == "wrp") return "#FF46E5";
  if (type == "rw") return "#5B00C0";
  if (type == "rwp") return "#9D45FF";
  if (type == "realtime") return "#0050C0";
  return "#008B8B";
}

std::string number(double v) {
  char out[32];
  std::snprintf(out, sizeof out, "%.1f", v);
  return out;
}

constexpr double kWidth = 860;
constexpr double kBoxLeft = 20;
constexpr double kBoxWidth = 560;
constexpr double kLine = 17;
constexpr double kGap = 58;        // between two boxes: the arrow and its reason
constexpr double kTimeLeft = 610;  // the time axis
constexpr double kTimeWidth = 190;

struct Box {
  double top = 0, height = 0;
};

class Drawing {
 public:
  Drawing(const CycleFigure& cycle, std::string id)
      : transactions_(cycle.transactions), timed_(cycle.timed), id_(std::move(id)) {}

  std::string svg() {
    lay_out();
    const double height = boxes_.back().top + boxes_.back().height + kGap;
    std::string out = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + number(kWidth) + " " +
                      number(height) + "\" width=\"" + number(kWidth) +
                      "\" font-family=\"ui-monospace,Menlo,Consolas,monospace\" "
                      "font-size=\"12\" role=\"img\">\n<defs>";
    for (const char* type : {"ww", "wr", "wrp", "rw", "rwp", "process", "realtime"})
      out += "<marker id=\"" + id_ + "-" + type +
             "\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" "
             "markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"" +
             color_of(type) + "\"/></marker>";
    out += "</defs>\n";
    for (size_t i = 0; i < boxes_.size(); ++i) out += box(i) + span(i);
    for (size_t i = 0; i < boxes_.size(); ++i) out += arrow(i);
    return out + "</svg>\n";
  }

 private:
  void lay_out() {
    double top = 10;
    for (const auto& t : transactions_) {
      boxes_.push_back({top, kLine * (1.6 + static_cast<double>(t.micro_operations.size()))});
      top += boxes_.back().height + kGap;
      first_ns_ = std::min(first_ns_, t.begin_ns);
      if (t.end_ns) last_ns_ = std::max(last_ns_, *t.end_ns);
    }
    last_ns_ = std::max(last_ns_, first_ns_ + 1);
  }

  std::string box(size_t i) const {
    const Box& b = boxes_[i];
    const auto& t = transactions_[i];
    std::string out = "<rect x=\"" + number(kBoxLeft) + "\" y=\"" + number(b.top) + "\" width=\"" +
                      number(kBoxWidth) + "\" height=\"" + number(b.height) +
                      "\" rx=\"4\" fill=\"#f4f7fb\" stroke=\"" + (t.committed ? "#0058AD" : "#AC6E00") +
                      "\"/>\n";
    out += line(kBoxLeft + 8, b.top + kLine, "font-weight=\"bold\"", t.title);
    for (size_t m = 0; m < t.micro_operations.size(); ++m)
      out += line(kBoxLeft + 24, b.top + kLine * static_cast<double>(m + 2), "",
                  clipped(t.micro_operations[m], 70));
    return out;
  }
  static std::string line(double x, double y, const char* style, const std::string& text) {
    return "<text x=\"" + number(x) + "\" y=\"" + number(y) + "\" " + style + ">" + escape_markup(text) +
           "</text>\n";
  }

  std::string span(size_t i) const {
    const Box& b = boxes_[i];
    const auto& t = transactions_[i];
    const auto x = [&](int64_t ns) {
      return kTimeLeft +
             kTimeWidth * static_cast<double>(ns - first_ns_) / static_cast<double>(last_ns_ - first_ns_);
    };
    const double from = x(t.begin_ns);
    const double to = t.end_ns ? x(*t.end_ns) : kTimeLeft + kTimeWidth;
    const double y = b.top + b.height / 2 - 5;
    char ms[64] = "";
    if (timed_) std::snprintf(ms, sizeof ms, " +%.3f ms", static_cast<double>(t.begin_ns - first_ns_) / 1e6);
    return "<rect x=\"" + number(from) + "\" y=\"" + number(y) + "\" width=\"" +
           number(std::max(2.0, to - from)) + "\" height=\"10\" fill=\"#0058AD\" opacity=\"0.55\"/>\n" +
           line(kTimeLeft, y - 5, "font-size=\"10\" fill=\"#555\"", t.name + ms);
  }

  std::string arrow(size_t i) const {
    const auto& t = transactions_[i];
    const char* color = color_of(t.edge);
    const bool closing = i + 1 == boxes_.size();
    const Box& from = boxes_[i];
    const double y = from.top + from.height;
    std::string path;
    if (!closing) {
      path = "M60 " + number(y) + "L60 " + number(y + kGap - 2);
    } else {
      const double start = y - from.height / 2;
      const double end = boxes_[0].top + boxes_[0].height / 2 + (boxes_.size() == 1 ? 6 : 0);
      const double right = kBoxLeft + kBoxWidth;
      path = "M" + number(right) + " " + number(start) + "C" + number(right + 34) + " " + number(start) +
             " " + number(right + 34) + " " + number(end) + " " + number(right + 3) + " " + number(end);
    }
    std::string out = "<path d=\"" + path + "\" fill=\"none\" stroke=\"" + color +
                      "\" stroke-width=\"1.8\" marker-end=\"url(#" + id_ + "-" + t.edge + ")\"/>\n";
    const std::string style = "fill=\"" + std::string(color) + "\"";
    out +=
        line(72, y + 22, (style + " font-weight=\"bold\"").c_str(), t.edge + (closing ? ", back to T1" : ""));
    return out + reason_lines(72, y + 38, style, t.reason);
  }
  // The reason in at most two lines.
  static std::string reason_lines(double x, double y, const std::string& style, const std::string& sentence) {
    constexpr size_t kColumns = 76;  // left of the arrow back
    const std::string small = style + " font-size=\"11\"";
    if (sentence.size() <= kColumns) return line(x, y, small.c_str(), sentence);
    const size_t space = sentence.rfind(' ', kColumns);
    const size_t cut = space == std::string::npos ? kColumns : space;
    return line(x, y, small.c_str(), sentence.substr(0, cut)) +
           line(x, y + 13, small.c_str(), clipped(sentence.substr(cut), kColumns));
  }

  const std::vector<CycleFigure::Transaction>& transactions_;
  bool timed_;
  std::string id_;
  std::vector<Box> boxes_;
  int64_t first_ns_ = INT64_MAX;
  int64_t last_ns_ = INT64_MIN;
};

}  // namespace

std::string cycle_figure_html(const std::string& id, const CycleFigure& figure) {
  if (figure.left_out > 0)
    return "<p>A cycle of " + std::to_string(figure.left_out) + " transactions: see isolation.txt.</p>";
  return Drawing(figure, id).svg();
}

}  // namespace riven::report
