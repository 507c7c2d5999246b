#include "harness/history/time_order.h"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <vector>

namespace riven::reading {

namespace {

using Order = std::vector<uint32_t>;

/// Lays out order[from, to), which are of one time. True: they are of several processes.
bool arrange_tie(const History& h, Order& order, size_t from, size_t to, std::vector<uint32_t>& level) {
  std::unordered_map<Process, uint32_t> last;  // entry of this time
  for (size_t k = from; k < to; ++k) {
    const uint32_t i = order[k];
    const bool completes = h.type(i) != OpType::invoke;
    const auto [before, first] = last.try_emplace(h.process(i), i);
    // Invocations have even levels, completions odd ones.
    const uint32_t least = first ? 0 : level[before->second] + 1;
    level[i] = least + ((least % 2 == 1) == completes ? 0 : 1);
    before->second = i;
  }
  for (const auto& [process, i] : last)
    if (h.type(i) != OpType::invoke) level[i] = UINT32_MAX;
  std::stable_sort(order.begin() + static_cast<std::ptrdiff_t>(from),
                   order.begin() + static_cast<std::ptrdiff_t>(to),
                   [&](uint32_t x, uint32_t y) { return level[x] < level[y]; });
  return last.size() > 1;
}

}  // namespace

uint64_t order_by_time(const History& h, HistoryBuilder& to) {
  const size_t n = h.size();
  uint64_t tied = 0;
  Order order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t x, uint32_t y) { return h.time_ns(x) < h.time_ns(y); });
  std::vector<uint32_t> level(n, 0);  // within a time
  for (size_t first = 0, last = 0; first < n; first = last) {
    for (last = first + 1; last < n && h.time_ns(order[last]) == h.time_ns(order[first]);) ++last;
    if (last - first > 1 && arrange_tie(h, order, first, last, level)) tied += last - first;
  }
  to.reserve(n);
  for (const uint32_t i : order) {
    to.begin(h.time_ns(i), h.process(i), h.type(i), h.f(i));
    to.value().value(h.value(i));
    to.error(h.error(i));
    to.commit();
    to.source_index(h.source_index(i));
    if (const auto line = h.source_line(i)) to.line(*line);
    to.settle();
  }
  return tied;
}

}  // namespace riven::reading
