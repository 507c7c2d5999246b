// A simulated store of registers that is causal and nothing more: replicas that tell each other late, and
// clocks that disagree, so that the order of versions is neither known nor that of real time.
#pragma once

#include <cstdint>

#include "harness/core/history.h"

namespace riven::checkers::isolation {

struct CausalStoreOptions {
  uint64_t seed = 1;
  size_t txns = 1000;
  int sessions = 50;
  int replicas = 5;
  int delay = 40;        ///< transactions between a commit and its arrival elsewhere, at most
  int clock_skew = 60;   ///< of the replicas' clocks against each other, in transactions
  double fractured = 0;  ///< share of arrivals of which only a part of the writes is applied (then the rest)
  int active_keys = 10;
  int writes_per_key = 256;
};

/// Transactions as `simulate` makes them, 2.5 micro-operations in the mean, blind writes. With `fractured` 0
/// the history is strong-session-causal. Deterministic by the seed.
History simulate_causal_store(const CausalStoreOptions& options);

}  // namespace riven::checkers::isolation
