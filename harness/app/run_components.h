// What a run consists of, made from its options alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/api/database.h"
#include "harness/api/nemesis.h"
#include "harness/api/workload.h"
#include "harness/app/test_run.h"

namespace riven {

struct RunComponents {
  std::unique_ptr<Database> database;
  Workload workload;
  std::vector<FaultPackage> faults;
  std::vector<FaultRequest> requests;          ///< what each of them was asked for as
  std::vector<const FaultFactory*> factories;  ///< what made each of them; the registry's
  GeneratorPtr schedule;                       ///< null: the faults' own generators
  std::optional<size_t> max_broken;
  size_t concurrency = 0;
};

/// Errors: what the options name does not exist or does not fit together, in one line for the user.
Result<RunComponents> make_components(const RunOptions& options, const Registry& registry,
                                      const std::vector<std::string>& node_names);

/// Tries the faults on each node (their agents apply, prove and heal them on something of their own) and
/// takes out those that some node cannot take; unless `skip`, an error names the first that was asked
/// for by name. Returns what was left out and why, one line each.
Result<std::vector<std::string>> keep_what_works(RunComponents& components,
                                                 const std::vector<AgentClient*>& agents,
                                                 const std::vector<std::string>& node_names, bool skip);

/// Names of the faults asked for, by the options or the schedule; each once.
std::vector<std::string> asked_faults(const RunOptions& options);
/// The nodes asked for, or as many as the database is tested on by default.
size_t node_count(const RunOptions& options, const Registry& registry);
/// The options' own name for the test, or database-workload-faults.
std::string test_name(const RunOptions& options);

}  // namespace riven
