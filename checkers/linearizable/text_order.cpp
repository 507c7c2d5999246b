#include "checkers/linearizable/text_order.h"

#include <algorithm>

#include "checkers/linearizable/text_frontier.h"

namespace riven::linearizable {

namespace {

/// Puts in what is possible at any moment: before the first operation that was invoked after it had returned.
void add_nothing(std::span<const Operation> part, std::vector<uint32_t> nothing,
                 std::vector<uint32_t>& order) {
  if (nothing.empty()) return;
  std::sort(nothing.begin(), nothing.end(),
            [&](uint32_t x, uint32_t y) { return part[x].returned < part[y].returned; });
  std::vector<uint32_t> whole;
  size_t next = 0;
  uint32_t latest = 0;  // invocation so far
  for (const uint32_t i : order) {
    latest = std::max(latest, part[i].invoked);
    for (; next < nothing.size() && part[nothing[next]].returned < latest; ++next)
      whole.push_back(nothing[next]);
    whole.push_back(i);
  }
  whole.insert(whole.end(), nothing.begin() + static_cast<std::ptrdiff_t>(next), nothing.end());
  order = std::move(whole);
}

}  // namespace

std::vector<uint32_t> order_of(std::span<const Operation> part, const TextProblem& problem,
                               const std::vector<TextLink>& links, uint32_t last) {
  std::vector<const TextLink*> way;
  for (; last != TextConfig<1>::kNoLink; last = links[last].previous) way.push_back(&links[last]);
  std::reverse(way.begin(), way.end());
  std::vector<size_t> before_put(way.size(), 0);  // by step: how many are hidden before it
  std::vector<size_t> put_of(way.size(), 0);
  size_t last_put = 0;
  for (size_t k = 0; k < way.size(); ++k) {
    const TextLink& step = *way[k];
    put_of[k] = last_put;
    if (step.kind == TextLink::hidden) ++before_put[last_put];
    const bool put = step.kind == TextLink::crashed ? problem.pools[step.which].put
                                                    : problem.live[step.which].op.f == Function::write;
    if (step.kind != TextLink::hidden && put) last_put = k;
  }
  std::vector<uint32_t> order(way.size());
  std::vector<size_t> place(way.size());  // by step: of the first hidden before it
  size_t next = 0;
  for (size_t k = 0; k < way.size(); ++k) {
    if (way[k]->kind == TextLink::hidden) continue;
    place[k] = next;
    next += before_put[k] + 1;
  }
  std::vector<uint32_t> taken(problem.pools.size(), 0);
  std::vector<size_t> hidden(way.size(), 0);
  for (size_t k = 0; k < way.size(); ++k) {
    const TextLink& step = *way[k];
    const uint32_t op = step.kind == TextLink::crashed
                            ? problem.pools[step.which].members[taken[step.which]++]
                            : problem.live[step.which].member;
    const bool behind = step.kind == TextLink::hidden;
    order[behind ? place[put_of[k]] + hidden[put_of[k]]++ : place[k] + before_put[k]] = op;
  }
  add_nothing(part, problem.nothing, order);
  return order;
}

}  // namespace riven::linearizable
