// Simulated databases that keep little or much of what they promise.
#pragma once

#include <cstdint>

#include "tests/checkers/isolation/plain/draft.h"

namespace riven::checkers::isolation::plain {

/// The first kinds have one store: `serial` executes at an instant; `old_readers` lets those that only read
/// see an old state; `snapshot` has the first committer win; `old_snapshot` starts from an older one;
/// `unchecked_snapshot` lets everybody commit; `read_committed` reads the newest at each step;
/// `lagging_reads` an old state at each step; `read_uncommitted` writes at once. The others have nodes, each
/// with a state of its own: `followers` apply all in one order, `causal_nodes` what was read before what was
/// written then, `free_nodes` each key's writes in order and transactions whole, `torn_nodes` each write by
/// itself. The `owned_` ones refuse to write what the node is behind with.
enum class Guarantee : uint8_t {
  serial,
  old_readers,
  snapshot,
  old_snapshot,
  unchecked_snapshot,
  read_committed,
  lagging_reads,
  read_uncommitted,
  followers,
  owned_causal_nodes,
  causal_nodes,
  owned_free_nodes,
  free_nodes,
  torn_nodes,
};
inline constexpr size_t kGuarantees = static_cast<size_t>(Guarantee::torn_nodes) + 1;

/// What a database does wrong beyond its kind, once in a while.
enum class Slip : uint8_t {
  none,
  old_read,          ///< a read sees less than it should
  own_write_hidden,  ///< a read does not see its transaction's own writes
  half_seen,         ///< a read sees some of a transaction's writes of a key
  applied_failure,   ///< a transaction that failed took effect
  lost_write,        ///< one that committed did not
  twice,             ///< a write takes effect twice
  from_nowhere,      ///< a read sees what nobody wrote
  swapped,           ///< two versions change places for one reader
  early,             ///< a read sees what its transaction writes later
  late_effect,       ///< a commit takes effect after it was reported
};
inline constexpr size_t kSlips = static_cast<size_t>(Slip::late_effect) + 1;

struct DatabaseOptions {
  uint64_t seed = 1;
  bool lists = true;
  Guarantee guarantee = Guarantee::serial;
  Slip slip = Slip::none;
  double slip_share = 0;  ///< of the reads or transactions
  size_t txns = 100;
  size_t sessions = 5;
  size_t keys = 5;
  size_t most_steps = 4;
  double writes = 0.5;           ///< share of the steps
  double failures = 0;           ///< share of the transactions
  double crashes = 0;            ///< the same; half of them take effect, at once or later
  double idle = 0.3;             ///< how often a session waits
  bool read_first = false;       ///< each write comes after a read of its key
  bool sticky = false;           ///< a session stays at its node
  bool read_all_at_end = false;  ///< so that the order of all versions is known
};

/// Everything drawn from the seed.
DatabaseOptions drawn_options(uint64_t seed, bool lists);
Draft simulate(const DatabaseOptions& options);

}  // namespace riven::checkers::isolation::plain
