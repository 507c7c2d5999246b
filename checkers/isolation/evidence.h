// What the report, the files and the machine-readable result say of an analysis.
#pragma once

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/explain.h"
#include "checkers/isolation/proof/verified.h"
#include "harness/api/checker.h"

namespace riven::checkers::isolation {

/// Adds anomalies (each kind and class with its exact count, sentences and machine-readable witnesses),
/// figures (one for the first cycles of each class) and artifacts: isolation.txt, isolation.json,
/// isolation.dot and, where `model` is refuted, minimal.jsonl: a history of the few operations that refute
/// it. `proof`: against `model`, where no finding and no cycle refutes it.
void add_evidence(const History& history, const Analysis& analysis, Model model,
                  const std::optional<AcceptedProof>& proof, CheckResult& result);

/// Elle's result map: valid?, anomaly-types, not, also-not, under Elle's names and by Elle's rules. A proof
/// has a name that Elle does not know.
Json elle_json(const Analysis& analysis, const std::optional<AcceptedProof>& proof, Verdict verdict);

/// The cycle with the micro-operations that make its edges and the reason for each edge; too long a cycle is
/// only counted.
Figure cycle_figure(const Explainer& explainer, const Cycle& cycle, const std::string& id);

/// A history of few operations that refutes `model` by itself, as JSON lines: those of one cycle or case, cut
/// to the keys that matter and lists to the elements that these operations wrote. Checked by analysing it
/// again; empty where none of the witnesses at hand suffices alone. `proof`: the entries that a proof names.
std::string minimal_history(const History& history, const Analysis& analysis, Model model,
                            const std::vector<uint32_t>& proof);

}  // namespace riven::checkers::isolation
