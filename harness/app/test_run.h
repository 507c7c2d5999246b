// `riven run`: from options to a verdict and a report.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/registry.h"
#include "harness/app/exit_code.h"
#include "harness/app/fault_choice.h"
#include "harness/app/fault_schedule.h"
#include "harness/app/target.h"
#include "harness/run/lifecycle.h"

namespace riven {

struct RunOptions {
  std::string database;
  std::map<std::string, std::string> database_options;
  std::string workload = "register";
  std::map<std::string, std::string> workload_options;
  std::string model;
  std::vector<FaultRequest> faults;                  ///< empty: none
  std::string fault_words;                           ///< "all" or a profile, where that is what was asked for
  std::map<std::string, std::string> fault_options;  ///< KEY for every fault, FAULT.KEY for one
  std::shared_ptr<const FaultSchedule> schedule;     ///< null: the faults' own times
  std::string max_broken;                            ///< see parse_max_broken; empty: no limit
  bool skip_unsupported_faults = false;              ///< rather than end when a node does not support one
  bool faults_together = false;                      ///< several faults at once, rather than in turns
  std::string cluster;     ///< use this one; empty: make one for the run and remove it afterwards
  std::string nodes_file;  ///< the user's own hosts
  size_t nodes = 0;        ///< 0: the database's default
  std::string suite = "bookworm";
  std::string image;
  AgentPlace agents = AgentPlace::node;  ///< of a cluster made for the run
  std::string name;                      ///< of the test; empty: database-workload-faults
  uint64_t seed = 0;
  std::string concurrency = "2n";
  double rate_hz = 0;
  int64_t ops_per_key = 0;
  int64_t time_limit_ns = 60'000'000'000;
  int64_t interval_ns = 5'000'000'000;
  int64_t op_timeout_ns = 5'000'000'000;
  int64_t lease_ns = 10'000'000'000;
  int64_t check_time_limit_ns = 600'000'000'000;
  uint64_t check_memory_bytes = 0;
  std::string results_root = "results";
  bool leave_running = false;  ///< neither tear the database down nor remove the cluster
  bool json = false;           ///< results.json on standard output instead of the summary
  std::string rerun_line;
};

/// Finds everything the options name, or says what is wrong; nothing is touched.
Status validate(const RunOptions& options, const Registry& registry);

/// Carries one test out. Prints progress and the summary on stdout, complaints on stderr. `stop` as in
/// lifecycle.h.
ExitCode run_test(const RunOptions& options, const Registry& registry, const StopRequests& stop);

}  // namespace riven
