// A simulated database at a chosen isolation level, and large histories of it.
#pragma once

#include <cstdint>

#include "harness/core/history.h"

namespace riven::checkers::isolation {

/// What the database promises. `serial` executes each transaction at one instant between invocation and
/// return; `stale_serial` is serial but lets read-only transactions read an old state; `snapshot` has start
/// snapshots and first committer wins; `prefix` the same without the latter; `read_committed` reads the
/// committed state at each micro-operation and writes at commit; `read_uncommitted` writes at once.
enum class SimulatedLevel : uint8_t {
  serial,
  stale_serial,
  snapshot,
  prefix,
  read_committed,
  read_uncommitted
};

struct SimulationOptions {
  SimulatedLevel level = SimulatedLevel::serial;
  uint64_t seed = 1;
  size_t txns = 1000;
  int clients = 20;
  bool registers = false;
  bool read_modify_write = false;  ///< registers: each write is preceded by a read of its key
  int active_keys = 10;
  int writes_per_key = 256;  ///< at most; then a fresh key takes its place
};

/// 1 to 4 micro-operations a transaction (2.5 in the mean), half of them writes, keys by an exponential
/// distribution. Deterministic by the seed.
History simulate(const SimulationOptions& options);

}  // namespace riven::checkers::isolation
