#include "checkers/linearizable/frontier_links.h"

#include <algorithm>

namespace riven::linearizable {

std::vector<uint32_t> follow_links(const Problem& problem, const std::vector<FrontierLink>& links,
                                   uint32_t last) {
  std::vector<FrontierLink> steps;
  for (uint32_t i = last; i != FrontierLink::kNone; i = links[i].parent) steps.push_back(links[i]);
  std::reverse(steps.begin(), steps.end());
  std::vector<std::vector<uint32_t>> before(steps.size());
  std::vector<uint32_t> taken(problem.pools.size(), 0);
  size_t overwrite = 0;
  std::vector<uint32_t> what(steps.size());
  for (size_t i = 0; i < steps.size(); ++i) {
    const FrontierLink& step = steps[i];
    if (step.kind == FrontierLink::behind) {
      before[overwrite].push_back(problem.member[step.what]);
      continue;
    }
    const bool live = step.kind == FrontierLink::live;
    what[i] = live ? problem.member[step.what] : problem.pools[step.what].members[taken[step.what]++];
    const uint32_t kind = live ? problem.kind[step.what] : problem.pools[step.what].kinds.front();
    if (problem.traits[kind].overwrite) overwrite = i;
  }
  std::vector<uint32_t> order;
  for (size_t i = 0; i < steps.size(); ++i) {
    order.insert(order.end(), before[i].begin(), before[i].end());
    if (steps[i].kind != FrontierLink::behind) order.push_back(what[i]);
  }
  return order;
}

}  // namespace riven::linearizable
