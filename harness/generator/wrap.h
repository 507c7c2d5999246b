// How combinators put themselves around what their children answer. For the .cpp files of this folder and for
// your own generators.
#pragma once

#include <algorithm>
#include <utility>

#include "harness/generator/generator.h"

namespace riven::gen {

/// The child's step with make(rest) in place of each non-null rest.
template <typename Make>
Step wrap(Step step, Make&& make) {
  if (step.rest) step.rest = make(std::move(step.rest));
  return step;
}

/// The child's update with make(next) in place of a non-null successor; a child that is done makes this done.
template <typename Make>
Updated wrap(Updated updated, Make&& make) {
  if (updated && *updated) updated = make(std::move(*updated));
  return updated;
}

/// What a generator that must wait until `wake_ns` answers, given what its child would do now: what the child
/// emits is withheld, that it is done or pending is passed on. `step.rest` of an emission is dropped.
inline Step hold(Step step, int64_t wake_ns) {
  return step.is_emit() ? Step::pending(wake_ns) : std::move(step);
}

/// a + b, at most kNoWake. Demands b >= 0.
constexpr int64_t saturating_add(int64_t a, int64_t b) { return a > kNoWake - b ? kNoWake : a + b; }

// Salts of the draws that this folder makes from one context.
inline constexpr uint64_t kChooseSalt = 1;
inline constexpr uint64_t kLeafSalt = 2;
inline constexpr uint64_t kThreadSalt = 3;
inline constexpr uint64_t kTimeSalt = 4;

}  // namespace riven::gen
