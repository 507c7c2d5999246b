// From a history to what it says of every model.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "checkers/isolation/cycles.h"
#include "checkers/isolation/findings.h"
#include "checkers/isolation/model.h"
#include "checkers/isolation/versions.h"
#include "checkers/isolation/weak_levels.h"
#include "harness/api/checker.h"

namespace riven::checkers::isolation {

/// What the transactions work on; see docs/isolation.md.
enum class HistoryKind : uint8_t { lists, registers, predicates, sets, counters };

/// How the version order of a register is inferred, beyond read-modify-writes (write-follows-read).
struct RegisterOptions {
  bool initial = true;             ///< nil comes before everything written
  bool write_follows_read = true;  ///< who reads v and writes v' in one transaction puts v' after v
  bool sequential_keys = false;    ///< each key is sequentially consistent
  bool linearizable_keys = false;  ///< each key is linearizable
  bool numbers = true;             ///< version numbers in micro-operations are the order
};

struct AnalysisOptions {
  std::optional<Workload> workload;  ///< none: by the micro-operations
  RegisterOptions registers;
  bool real_time = true;  ///< no: what came before what is known within a session alone
  /// Visits of edges for each class of cycle in each suspect, and steps for each model that compares
  /// versions.
  uint64_t work = 50'000'000;
  size_t witnesses = 8;  ///< of each class in each suspect
};

/// Everything found. Borrows from the history.
struct Analysis {
  HistoryKind kind = HistoryKind::lists;
  Transactions transactions;
  VersionOrders orders;
  Findings findings;
  std::vector<Cycle> cycles;           ///< by class, the shortest first
  std::vector<WeakCycle> weak_cycles;  ///< registers whose order of versions is not certain
  std::vector<Proof> proofs;           ///< of models that no cycle and no finding above refutes
  Decisions decisions;
  RegisterOptions registers;      ///< what was assumed
  bool real_time = true;          ///< of the options
  size_t suspects = 0;            ///< strongly connected parts
  size_t largest_suspect = 0;     ///< transactions in the largest
  size_t dependency_count = 0;    ///< edges
  bool search_exhausted = false;  ///< some class of cycle may be missing
  std::string cut_short;          ///< why and where the budget ended the analysis; empty: it did not
};

/// Errors: the history is not of this workload. Past the deadline, what is not refuted yet is undecided, and
/// everything is where the history needs more memory than the budget gives.
Result<Analysis> analyse(const History& history, const AnalysisOptions& options, const Budget& budget);

}  // namespace riven::checkers::isolation
