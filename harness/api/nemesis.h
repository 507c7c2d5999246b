// Faults: what breaks a cluster, when, and how it is healed.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/api/database.h"
#include "harness/api/node_groups.h"
#include "harness/control/container_needs.h"
#include "harness/control/node.h"
#include "harness/core/fault_windows.h"
#include "harness/core/impact.h"
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
  NodeGroups groups = {};                         ///< of the run's workload

  /// For plans: nodes with these names, in order, and nothing that could be acted on.
  static FaultTarget named(const std::vector<std::string>& names) {
    FaultTarget target;
    for (const std::string& name : names) {
      Node node;
      node.name = name;
      node.index = target.nodes.size();
      target.nodes.push_back(std::move(node));
    }
    return target;
  }
};

/// An operation with nothing left to chance: invoked with `value` it does just that.
struct FaultPlan {
  Value value;
  Impact impact;
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
    for (size_t i = 0; i < target.nodes.size(); ++i) all.impact.nodes.push_back(i);
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
  NodeGroups groups = {};            ///< of the run's workload
};

/// A flag of `riven fault NAME`, for words of a schedule's line.
struct FaultFlag {
  std::string option;  ///< "--majority"
  std::string help;
  std::string word;  ///< "majority"; or "isolate=", then the flag takes the names of nodes
  bool takes_nodes() const { return !word.empty() && word.back() == '='; }
};

/// The sub-command `riven fault NAME`, where it is more than words of a schedule's line.
struct FaultCommandLine {
  std::string description = {};  ///< empty: the fault's
  std::string words = {};        ///< help for its words; empty: says which option a lone word sets
  /// Each entry is one choice, made by giving all of its flags; at most one is made.
  std::vector<std::vector<FaultFlag>> choices = {};
  std::string demand = {};  ///< the complaint when nothing is said; empty: nothing need be said
  std::string event = {};   ///< the name of its beginning in the output; empty: the fault's
  std::vector<std::string> examples = {};  ///< lines of help
};

/// All that Riven knows of a fault, beside the words of its own options; `--faults NAME` makes its package.
struct FaultFactory {
  std::string name;                       ///< in --faults, schedules, sub-commands and histories
  std::vector<std::string> aliases = {};  ///< names in older versions: understood, never shown
  std::string description = {};           ///< one line
  std::string word = {};  ///< the option, and the key of an operation's value, that a lone word stands for
  PlotSpan span = {};     ///< `name` is the fault's; the first function of each kind is the one used
  std::vector<std::string> agent_kinds = {};  ///< what the nodes' agents must be able to do
  ContainerNeeds container = {};              ///< of containers made for it
  bool needs_layer = false;       ///< Nemesis::prepare() must run before the database starts on its files
  bool ends_database = false;     ///< may end the database, which is then started again by the controller
  bool needs_permission = false;  ///< works on a machine of the user's only where its owner allows it
  /// Among the faults of the profile storm, which are in force all at once; the other profiles have every
  /// fault.
  bool in_storm = false;
  FaultCommandLine command = {};
  std::function<Result<FaultPackage>(const FaultOptions&, const Capabilities&)> make = nullptr;
  /// Undoes what the agents' ledgers do not know of, for `riven heal`; returns the names of healed nodes.
  /// Null where there is nothing of the kind. Without the target's database it has nothing to do.
  std::function<Result<std::vector<std::string>>(FaultTarget&)> heal_leftovers = nullptr;
};

/// Begun by start-NAME, ended by stop-NAME.
inline PlotSpan fault_span(const std::string& name, const std::string& color) {
  return {.name = name, .color = color, .starts = {"start-" + name}, .stops = {"stop-" + name}};
}

}  // namespace riven
