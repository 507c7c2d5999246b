// A simulated database at a chosen isolation level, and large histories of it.
#pragma once

#include <cstdint>

#include "harness/core/history.h"

namespace riven::checkers::isolation {

/// What the database promises. On one node: `serial` executes each transaction at one instant between
/// invocation and return; `stale_serial` is serial but lets read-only transactions read an old state;
/// `snapshot` has start snapshots and first committer wins; `stale_snapshot` lets those of readers be older
/// than their start; `prefix` is `snapshot` where nobody is aborted; `read_committed` reads the committed
/// state at each micro-operation and writes at commit; `read_uncommitted` writes at once.
///
/// On three nodes, each with its own delay: one that takes all writes and two that follow it in its order,
/// read by clients that change nodes (`roaming`), stay at one (`lagging`), or wait until it has what they saw
/// (`sessions`). Or nodes that execute transactions by themselves: with keys that only one node writes and
/// causal delivery (`parallel`), the same where each node writes all and the last writer wins (`causal`),
/// and without an order of delivery (`read_atomic`). The latter two need registers.
enum class SimulatedLevel : uint8_t {
  serial,
  stale_serial,
  snapshot,
  stale_snapshot,
  prefix,
  read_committed,
  read_uncommitted,
  roaming,
  lagging,
  sessions,
  parallel,
  causal,
  read_atomic
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
/// The levels of several nodes; simulate() comes here.
History simulate_replicas(const SimulationOptions& options);

}  // namespace riven::checkers::isolation
