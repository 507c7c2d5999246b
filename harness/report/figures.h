// Draws the typed figures of harness/api/figure.h as HTML.
#pragma once

#include <string>

#include "harness/api/checker.h"
#include "harness/api/figure.h"

namespace riven::report {

/// A self-contained HTML fragment (inline CSS, SVG, script) whose ids begin with the figure's.
std::string figure_html(const Figure& figure);

/// Adds a page of its own, `ID.html`, to the artifacts for each figure that a reader zooms into.
void add_figure_pages(CheckResult& result);

std::string time_figure_html(const std::string& id, const TimeFigure& figure);
std::string lanes_figure_html(const std::string& id, const LanesFigure& figure);
std::string cycle_figure_html(const std::string& id, const CycleFigure& figure);

}  // namespace riven::report
