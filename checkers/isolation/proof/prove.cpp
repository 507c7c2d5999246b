#include "checkers/isolation/proof/prove.h"

#include <algorithm>

namespace riven::checkers::isolation {

uint32_t Judged::vertex(uint32_t txn) const {
  const auto at = std::lower_bound(suspect.txns.begin(), suspect.txns.end(), txn);
  return at != suspect.txns.end() && *at == txn ? static_cast<uint32_t>(at - suspect.txns.begin()) : kNone;
}

std::optional<Proof> prove(const Judged& judged, Model model) {
  Proof out;
  out.model = model;
  out.steps = prove_by_past(judged, model, nullptr);
  if (out.steps.empty()) out.steps = prove_by_memory(judged, model);
  if (out.steps.empty()) out.steps = prove_by_edges(judged, model);
  if (!out.steps.empty()) return out;
  return prove_by_cases(judged, model);
}

}  // namespace riven::checkers::isolation
