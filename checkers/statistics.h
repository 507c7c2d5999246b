// Counts of a history: what was done, how it ended and why not.
#pragma once

#include "harness/api/checker.h"

namespace riven::checkers {

/// Counts client operations by function and outcome, and errors by text. `unknown` (never `invalid`) when
/// there is no client operation at all or a function was tried and never succeeded: its reason begins with
/// "vacuous:" and names the functions. `details`: {count, ok, fail, info, pending, by_f: {f: {count, ok,
/// fail, info, pending}}, processes, first_ns, last_ns (of a history with times), errors: [{f, type, error,
/// count}] (the 50 most frequent), errors_left_out, nemesis: {f: count}, nemesis_errors}. One pass,
/// O(entries) time; memory O(functions + distinct errors), the latter bounded (10,000).
CheckerPtr statistics_checker();

}  // namespace riven::checkers
