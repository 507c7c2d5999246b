// The gate between the analysis and the verdict: no model counts as refuted unless the verifier, which knows
// nothing of the engines, accepts evidence against it.
#pragma once

#include <optional>

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/verify/argument.h"

namespace riven::checkers::isolation {

/// Evidence against one model that none of the analysis' findings and cycles gives.
struct AcceptedProof {
  Model model = Model::read_uncommitted;  ///< as the engines say; the verifier refutes it, too
  Argument argument;
};

/// Checks the evidence of `a` against the history until each refuted model has evidence that the verifier
/// accepts. Leaves open each model that has none. Returns the proof against `asked`, where `asked` is refuted
/// by proofs alone. Costs the accesses of the history once where anything is refuted, else nothing.
std::optional<AcceptedProof> keep_verified(const History& history, Model asked, unsigned threads,
                                           Analysis& a);

}  // namespace riven::checkers::isolation
