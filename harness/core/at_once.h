// The same step for several nodes at once.
#pragma once

#include <cstddef>
#include <functional>

#include "harness/core/result.h"

namespace riven {

/// Calls step(i) for each i below `count`, each in a thread of its own, and returns when all have returned. A
/// step must not throw.
void at_once(size_t count, const std::function<void(size_t)>& step);

/// The same with steps that may fail: ok, or all their errors in order, joined by "; ".
Status try_at_once(size_t count, const std::function<Status(size_t)>& step);

}  // namespace riven
