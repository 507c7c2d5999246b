// From the words of a clock fault to what each node's clock does.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/nemesis.h"
#include "harness/core/json.h"
#include "harness/core/result.h"
#include "harness/core/rng.h"

namespace riven {

/// A clock fault with nothing left to chance.
struct ClockPlan {
  std::string name;           ///< one of clock_words()
  std::vector<size_t> nodes;  ///< whose clocks are bent, sorted
  std::vector<Json> shapes;   ///< for each of them: the params of the agent's kind "clock"
  Value exact;                ///< planning this again gives the same plan
};

/// The words that plan_clock knows, for help and error texts.
std::vector<std::string> clock_words();
/// The keys besides `clock` and `nodes`; all but offsets-ms are options of the package too.
std::vector<std::string> clock_keys();

/// The plan for the value of a :start-clock operation: nil or "random" (one of the words by chance), one of
/// the words below, or a map with `clock` (a word; may be left out where a key tells it) and
///   nodes         whose clocks (shared/node_choice.h; default: one, for scramble all)
///   "jump"        offset-ms: ahead, or behind when negative; default +-11 ms to 288 s, small ones as likely
///                 as great ones
///   "drift"       ppm: faster, or slower when negative; default +-1,000 to 50,000
///   "strobe"      delta-ms, period-ms: to and fro by delta-ms, each for period-ms; default 4 ms to 262 s and
///                 1 ms to 1 s
///   "leap"        leap-ms (default -1000: an inserted second), after-ms (default 1000): a step
///   "smear"       leap-ms, over-ms (default 10000): the same second in small pieces
///   "scramble"    within-ms (default 60000): each node by another offset; or offsets-ms {"n1" 250 ...}
/// Errors name what is not known, out of range, or of no use for the word.
Result<ClockPlan> plan_clock(const Value& spec, const FaultTarget& target, Rng& rng);

}  // namespace riven
