// Work over ranges on several threads, with results that do not depend on how many there are.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace riven::checkers::isolation {

/// Calls fn(i) for each i below `tasks`, on up to `threads` threads, and returns when all have run. The tasks
/// are handed out in order; fn must not throw and must write nothing that another task touches.
template <typename Fn>
void parallel_for(size_t tasks, unsigned threads, Fn&& fn) {
  const size_t helpers = std::min<size_t>(threads, tasks);
  if (helpers <= 1) {
    for (size_t i = 0; i < tasks; ++i) fn(i);
    return;
  }
  std::atomic<size_t> next = 0;
  const auto run = [&] {
    for (size_t i = 0; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) fn(i);
  };
  std::vector<std::jthread> pool;
  for (size_t t = 1; t < helpers; ++t) pool.emplace_back(run);
  run();
}

/// Runs both, at the same time where there is more than one thread. They must not throw.
template <typename First, typename Second>
void at_once(unsigned threads, First&& first, Second&& second) {
  parallel_for(2, threads, [&](size_t i) { i == 0 ? first() : second(); });
}

/// The bounds of part `i` of `parts` equal parts of [0, size).
struct Range {
  size_t begin, end;
};
constexpr Range part_of(size_t size, size_t i, size_t parts) {
  return {size * i / parts, size * (i + 1) / parts};
}

}  // namespace riven::checkers::isolation
