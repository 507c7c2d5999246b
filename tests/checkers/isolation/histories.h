// Histories of transactions in shorthand.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "checkers/isolation/analysis.h"
#include "harness/api/figure.h"
#include "harness/core/history.h"

namespace riven::checkers::isolation {

/// Micro-operations, separated by spaces: "ax1" appends 1 to key x, "wx1" writes it, "rx12" reads the list [1
/// 2], "rx" the empty list, "rx_" nil, "vx1" reads the value 1. Elements are single digits or, behind a dot,
/// numbers: "rx.10.11". Invocations carry nil for each read.
Value mops(std::string_view text, bool results = true);

/// Builds a history entry by entry; times are 1 ms apart.
class Maker {
 public:
  Maker& invoke(Process p, std::string_view text);
  Maker& ok(Process p) { return complete(p, OpType::ok); }
  Maker& fail(Process p) { return complete(p, OpType::fail); }
  Maker& info(Process p) { return complete(p, OpType::info); }
  /// Invokes and completes at once.
  Maker& run(Process p, std::string_view text) { return invoke(p, text).ok(p); }
  History history();

 private:
  Maker& complete(Process p, OpType type);
  HistoryBuilder builder_;
  std::map<Process, std::string> open_;
  int64_t now_ = 0;
};

/// The analysis of `history`; aborts the test where there is none. Options as by default.
/// Fails the test where a model is refuted without evidence that the verifier accepts.
Analysis analysed(const History& history, const AnalysisOptions& options = {});
/// The models that `analysis` refutes and for which it has no evidence that the verifier accepts; why not.
ModelSet without_evidence(const History& history, const Analysis& analysis, std::string* why = nullptr);
/// The weakest models refuted, as "read-committed causal", in the order of the lattice.
std::string weakest_refuted(const Analysis& a);
/// The classes of the cycles found, each once, separated by spaces.
std::string cycle_names(const Analysis& a);

/// All that a cycle's figure says, as text.
std::string text_of(const Figure& figure);

}  // namespace riven::checkers::isolation
