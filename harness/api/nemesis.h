// Faults: what breaks a cluster, when, and how it is mended.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/database.h"
#include "harness/control/node.h"
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
};

/// Applies and undoes the faults of one package. Called by the nemesis thread alone, except heal().
class Nemesis {
 public:
  virtual ~Nemesis() = default;
  /// Carries out op (its f is one of the package's) and returns the value of its completion: what was really
  /// done, with proof that it bit where there is one (drop counters). Errors end as `info` in the history,
  /// never the run.
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
  std::vector<std::string> nodes;  ///< names, in order
};

/// Makes a package of faults: --faults NAME.
struct FaultFactory {
  std::string name;
  std::string description;
  std::function<Result<FaultPackage>(const FaultOptions&, const Capabilities&)> make;
};

}  // namespace riven
