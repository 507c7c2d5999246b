// Workloads: what clients do and how the history is judged. A workload knows no database.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/checker.h"
#include "harness/api/node_groups.h"
#include "harness/api/registry.h"
#include "harness/core/result.h"
#include "harness/generator/generator.h"

namespace riven {

struct WorkloadOptions {
  uint64_t seed = 0;
  size_t nodes = 1;
  size_t concurrency = 1;   ///< client threads
  double rate_hz = 0;       ///< operations a second over all clients; 0: as fast as they go
  int64_t ops_per_key = 0;  ///< 0: the workload's default
  std::string model;        ///< --model; empty: the workload's default
  std::map<std::string, std::string> checker_options;  ///< engine, per-key, ...: for the checker
  std::map<std::string, std::string> extra;  ///< --workload-opt key=value; unknown keys are an error
};

struct Workload {
  std::string name;
  std::vector<std::string> required_functions;
  GeneratorPtr generator;        ///< for clients, without time limit (the runner adds it)
  GeneratorPtr final_generator;  ///< after healing; null: none
  CheckerPtr checker;
  NodeGroups groups = {};  ///< words for nodes that faults may strike in a run of this workload
};

/// Makes a workload; its checker alone is also used by `riven check --workload NAME`.
struct WorkloadFactory {
  std::string name;
  std::string description;          ///< one line for `riven list`
  std::vector<std::string> models;  ///< accepted by --model, the default first
  /// The registry is asked for the checker of the model. Errors: an unknown model or option.
  std::function<Result<Workload>(const WorkloadOptions&, const Registry&)> make;
};

}  // namespace riven
