#include "checkers/isolation/proof/verified.h"

#include <array>

#include "checkers/isolation/proof/ground.h"
#include "checkers/isolation/verify/verifier.h"

namespace riven::checkers::isolation {

namespace {

constexpr size_t kTried = 3;  // of each kind and class of anomaly

class Gate {
 public:
  Gate(const History& history, unsigned threads, const Analysis& a)
      : a_(a),
        wanted_(a.decisions.refuted()),
        grounds_(history, a, threads),
        verifier_(history, grounds_.premises()) {}

  void run(Model asked) {
    try_findings();
    try_cycles();
    for (const WeakCycle& cycle : a_.weak_cycles) attempt(grounds_.of(cycle));
    for (const Proof& proof : a_.proofs) {
      const bool open = (accepted_ & bit(asked)) == 0;
      auto argument = done() ? std::nullopt : grounds_.of(proof);
      attempt(argument);
      if (open && (accepted_ & bit(asked)) != 0) proof_ = {proof.model, std::move(*argument)};
    }
  }

  ModelSet unproved() const { return wanted_ & ~accepted_; }
  const std::string& why_not() const { return why_not_; }
  std::optional<AcceptedProof> proof() { return std::move(proof_); }

 private:
  bool done() const { return unproved() == 0; }

  void attempt(const std::optional<Argument>& argument) {
    if (done()) return;
    if (!argument) {
      if (why_not_.empty()) why_not_ = "a step has no ground in the history";
      return;
    }
    const ModelSet refuted = verifier_.refuted_by(*argument);
    if (refuted == 0) why_not_ = verifier_.why_not();
    accepted_ |= refuted;
  }

  // Some look for what the whole history lacks: told beforehand, they share one pass.
  void try_findings() {
    std::vector<Argument> arguments;
    for (size_t k = 0; k < kKinds; ++k) {
      const auto kind = static_cast<Kind>(k);
      for (size_t i = 0; i < std::min(kTried, a_.findings.cases(kind).size()); ++i)
        if (auto argument = grounds_.of(kind, i)) arguments.push_back(std::move(*argument));
    }
    for (const Argument& argument : arguments) verifier_.expect(argument);
    for (const Argument& argument : arguments) attempt(argument);
  }

  void try_cycles() {
    const CycleClass* last = nullptr;
    size_t tried = 0;
    for (const Cycle& cycle : a_.cycles) {
      tried = last != nullptr && *last == cycle.cycle_class ? tried + 1 : 0;
      last = &cycle.cycle_class;
      if (tried < kTried) attempt(grounds_.of(cycle.steps));
    }
  }

  const Analysis& a_;
  ModelSet wanted_;
  Grounds grounds_;
  Verifier verifier_;
  ModelSet accepted_ = 0;
  std::optional<AcceptedProof> proof_;
  std::string why_not_;
};

}  // namespace

std::optional<AcceptedProof> keep_verified(const History& history, Model asked, unsigned threads,
                                           Analysis& a) {
  if (a.decisions.refuted() == 0) return std::nullopt;
  Gate gate(history, threads, a);
  gate.run(asked);
  if (const ModelSet unproved = gate.unproved(); unproved != 0)
    a.decisions.forget(unproved, "the analysis refutes it, but no evidence passes the independent check (" +
                                     (gate.why_not().empty() ? "there is none" : gate.why_not()) +
                                     "): please report this history as a defect of Riven");
  return gate.proof();
}

}  // namespace riven::checkers::isolation
