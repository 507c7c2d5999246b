// One witness in words and as JSON. Internal to checkers/isolation.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "checkers/isolation/explain.h"
#include "checkers/isolation/proof/verified.h"
#include "harness/core/fault_windows.h"
#include "harness/core/json.h"

namespace riven::checkers::isolation {

/// Names transactions T1, T2, ... and gathers the micro-operations that matter.
class Cast {
 public:
  explicit Cast(const Explainer& explainer) : explainer_(explainer) {}
  std::string name(uint32_t txn) {
    const auto at = std::find(txns_.begin(), txns_.end(), txn);
    if (at == txns_.end()) {
      txns_.push_back(txn);
      mops_.emplace_back();
      return "T" + std::to_string(txns_.size());
    }
    return "T" + std::to_string(at - txns_.begin() + 1);
  }
  void matters(uint32_t txn, uint32_t mop) {
    if (mop == kNone) return;
    name(txn);
    auto& mops = mops_[static_cast<size_t>(std::find(txns_.begin(), txns_.end(), txn) - txns_.begin())];
    if (std::find(mops.begin(), mops.end(), mop) == mops.end()) mops.push_back(mop);
    std::sort(mops.begin(), mops.end());
  }
  std::string let() const {
    std::string out = "Let:\n";
    for (size_t i = 0; i < txns_.size(); ++i)
      out += "  T" + std::to_string(i + 1) + " = " + explainer_.transaction_text(txns_[i], mops_[i]) + "\n";
    return out;
  }
  Json json() const {
    Json out = Json::array();
    const Transactions& t = explainer_.analysis().transactions;
    const History& h = explainer_.history();
    const auto place = [&](uint32_t entry) {
      Json at{{"index", h.source_index(entry)}};
      if (h.has_times()) at["time_ns"] = h.time_ns(entry);
      return at;
    };
    for (size_t i = 0; i < txns_.size(); ++i) {
      const uint32_t txn = txns_[i];
      Json mops = Json::array();
      for (const uint32_t m : mops_[i]) mops.push_back(explainer_.mop_text(txn, m));
      Json one = {{"name", "T" + std::to_string(i + 1)},
                  {"process", h.process(t.invoke[txn])},
                  {"invoked", place(t.invoke[txn])},
                  {"micro_operations", mops}};
      if (t.complete[txn] != kNone) {
        one["completed"] = place(t.complete[txn]);
        one["completed"]["type"] = std::string(to_text(h.type(t.complete[txn])));
      }
      out.push_back(one);
    }
    return out;
  }
  std::vector<uint32_t> entries() const {
    std::vector<uint32_t> out;
    const Transactions& t = explainer_.analysis().transactions;
    for (const uint32_t txn : txns_) {
      out.push_back(t.invoke[txn]);
      if (t.complete[txn] != kNone) out.push_back(t.complete[txn]);
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  const Explainer& explainer_;
  std::vector<uint32_t> txns_;
  std::vector<std::vector<uint32_t>> mops_;
};

/// One witness in words and as JSON.
struct Told {
  std::vector<std::string> sentences;
  std::string text;
  Json json;
  std::vector<uint32_t> entries;
};

/// In words; `number` counts the witnesses of the kind from 0.
Told tell(const Explainer& explainer, const FaultTimeline& faults, const Cycle& cycle, size_t number);
Told tell(const Explainer& explainer, const FaultTimeline& faults, Kind kind, const Case& c, size_t number);
Told tell(const Explainer& explainer, const FaultTimeline& faults, const WeakCycle& cycle, size_t number);
/// The argument, each step with what shows it.
Told tell(const Explainer& explainer, const FaultTimeline& faults, const AcceptedProof& proof);
/// "causal-violation" and the like.
std::string name_of(const AcceptedProof& proof);
/// Adds the faults in force between the first and the last of the witness's entries.
void add_faults(const Explainer& explainer, const FaultTimeline& faults, Told& told);

}  // namespace riven::checkers::isolation
