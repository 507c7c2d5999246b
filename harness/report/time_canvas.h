// The frame of a figure over time: panels, time axis, fault bands, hover columns, legend.
#pragma once

#include <string>

#include "harness/api/figure.h"

namespace riven::report {

inline constexpr double kFigureWidth = 960;
inline constexpr double kPlotLeft = 64;
inline constexpr double kPlotRight = 12;
inline constexpr double kPlotWidth = kFigureWidth - kPlotLeft - kPlotRight;

/// Builds one figure as HTML with inline SVG. Panels are added from the top; finish() returns the fragment.
/// Borrows the figure. Not thread-safe.
class TimeCanvas {
 public:
  TimeCanvas(std::string id, const TimeFigure& figure, double panel_height);

  /// Begins the next panel: title, frame, fault bands, time grid. Returns the y of its top.
  double begin_panel(const Panel& panel);
  /// A horizontal grid line with its label, at `y` from the top of the figure.
  void grid_line(double y, const std::string& label, bool major);
  void value_axis_title();
  void add(const std::string& svg) { body_ += svg; }
  /// Transparent columns that show, by <title>, the panel's note for each window.
  void hover_columns(const Panel& panel);
  /// Ends with the time axis. `legend`: HTML of what the marks mean.
  std::string finish(const std::string& legend);

  double x_of_s(double seconds) const;
  double panel_height() const { return panel_height_; }

 private:
  void bands(double top, bool first);
  void marks(double top);
  std::string fault_legend() const;

  const std::string id_;
  const TimeFigure& figure_;
  const double panel_height_;
  double top_ = 0;
  size_t panels_ = 0;
  std::string body_;
};

/// A coordinate with one place after the point.
std::string coordinate(double v);

}  // namespace riven::report
