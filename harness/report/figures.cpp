#include "harness/report/figures.h"

#include "harness/core/text.h"

namespace riven::report {
namespace {

struct Drawing {
  const std::string& id;
  std::string operator()(const TimeFigure& figure) const { return time_figure_html(id, figure); }
  std::string operator()(const LanesFigure& figure) const { return lanes_figure_html(id, figure); }
  std::string operator()(const CycleFigure& figure) const { return cycle_figure_html(id, figure); }
};

}  // namespace

std::string figure_html(const Figure& figure) { return std::visit(Drawing{figure.id}, figure.content); }

void add_figure_pages(CheckResult& result) {
  for (const Figure& figure : result.figures) {
    if (!std::holds_alternative<LanesFigure>(figure.content)) continue;
    result.artifacts.push_back(
        {figure.id + ".html", "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>" +
                                  escape_markup(figure.title) + "</title><body style=\"margin:16px\">" +
                                  figure_html(figure) + "</body></html>\n"});
  }
}

}  // namespace riven::report
