// The frame that the latency and the rate plot share: panels, time axis, fault bands, hover columns, legend.
#pragma once

#include <string>

#include "checkers/performance/series.h"
#include "harness/core/fault_windows.h"

namespace riven::checkers::performance {

inline constexpr double kWidth = 960;
inline constexpr double kLeft = 64;
inline constexpr double kRight = 12;
inline constexpr double kPlotWidth = kWidth - kLeft - kRight;
inline constexpr double kPanelGap = 30;

/// The class of an ending in the figures' style sheet: "ok", "fail", "info", "pending".
std::string_view css_class(Ending ending);

/// Builds one figure. Panels are added from the top; finish() returns the whole fragment.
class Canvas {
 public:
  Canvas(std::string id, const Series& series, const FaultTimeline& faults, double panel_height);

  /// Begins the next panel: title, frame, fault bands, time grid. Returns the y of its top.
  double begin_panel(const std::string& title, const std::string& note);
  /// A horizontal grid line with its label, at `y` from the top of the figure.
  void grid_line(double y, const std::string& label, bool major);
  void y_axis_title(const std::string& text);
  void add(const std::string& svg) { body_ += svg; }
  /// Transparent columns that tell, by <title>, what happened in each window of time. `text(w)` is plain
  /// text.
  template <typename Text>
  void hover_columns(Text&& text) {
    for (size_t w = 0; w < series_.windows; ++w) hover_column(w, text(w));
  }
  /// Ends with the time axis. `legend`: HTML of what the marks mean.
  std::string finish(const std::string& aria_label, const std::string& legend, const std::string& note);

  double x_of_s(double seconds) const;
  double panel_height() const { return panel_height_; }

 private:
  void hover_column(size_t window, const std::string& text);
  void bands(double top, bool first);
  std::string fault_legend() const;

  const std::string id_;
  const Series& series_;
  const FaultTimeline& faults_;
  const double panel_height_;
  const double seconds_;
  double top_ = 0;
  size_t panels_ = 0;
  std::string body_;
};

/// A coordinate with one place after the point.
std::string coordinate(double v);

}  // namespace riven::checkers::performance
