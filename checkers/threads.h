// How many threads a check may use.
#pragma once

#include <algorithm>
#include <thread>

#include "harness/api/checker.h"

namespace riven {

/// What the budget says; 0 there: one for each core. At least 1.
inline unsigned threads_of(const Budget& budget) {
  return budget.threads != 0 ? budget.threads : std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace riven
