// Faults: what breaks a cluster, when, and how it is mended.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/database.h"
#include "harness/control/node.h"
#include "harness/core/damage.h"
#include "harness/core/fault_windows.h"
#include "harness/core/op.h"
#include "harness/core/result.h"
#include "harness/generator/generator.h"

namespace riven {

class AgentClient;

/// What a nemesis may act on. Borrowed; lives as long as the run.
struct FaultTarget {
  std::vector<Node> nodes;
  std::vector<AgentClient*> agents;  ///< one for each node, same order
  Database* database = nullptr;
  std::vector<std::string> controller_addresses;  ///< never cut off
  /// Positions of the nodes through which a client holds a lock now; null outside of a run. Thread-safe.
  std::function<std::vector<size_t>()> lock_holders = nullptr;
};

/// An operation with nothing left to chance: invoked with `value` it does just that.
struct FaultPlan {
  Value value;
  Damage damage;
};

/// Applies and undoes the faults of one package. Called by the nemesis thread alone, except heal().
class Nemesis {
 public:
  virtual ~Nemesis() = default;
  /// Once, before the database is set up: what must be in place beforehand, such as a layer under its data.
  virtual Status prepare(FaultTarget& /*target*/) { return ok_status(); }
  /// What `op`, one that begins a fault, would do now. Breaks nothing; rolls the nemesis' own dice: asked
  /// again it may choose other nodes. By default the operation as it is, and all nodes broken.
  virtual Result<FaultPlan> plan(FaultTarget& target, const Op& op) {
    FaultPlan all{op.value, {}};
    for (size_t i = 0; i < target.nodes.size(); ++i) all.damage.nodes.push_back(i);
    return all;
  }
  /// Carries out op (its f is one of the package's) and returns the value of its completion: what was really
  /// done, with proof that it took effect where there is one (drop counters). Errors end as `info` in the
  /// history, never the run.
  virtual Result<Value> invoke(FaultTarget& target, const Op& op) = 0;
  /// Undoes everything; idempotent; on every way out, also from another thread after the nemesis thread
  /// ended.
  virtual Status heal(FaultTarget& target) noexcept = 0;
};

struct FaultPackage {
  std::unique_ptr<Nemesis> nemesis;
  GeneratorPtr generator;        ///< nemesis operations while the clients run
  GeneratorPtr final_generator;  ///< heals; run before the final reads
  PlotSpan span;
};

struct FaultOptions {
  uint64_t seed = 0;
  int64_t interval_ns = 5'000'000'000;  ///< mean time between the start and the end of a fault
  std::map<std::string, std::string> extra;
  std::vector<std::string> nodes;    ///< names, in order
  std::optional<size_t> max_broken;  ///< what breaks more nodes is not among the choices by default
};

/// Makes a package of faults: --faults NAME.
struct FaultFactory {
  std::string name;
  std::vector<std::string> aliases;  ///< names in older versions: understood, never shown
  std::string description;
  std::string word;  ///< the option, and the key of an operation's value, that a lone word stands for
  std::vector<std::string> agent_kinds;  ///< what the nodes' agents must be able to do
  std::function<Result<FaultPackage>(const FaultOptions&, const Capabilities&)> make;
};

}  // namespace riven
