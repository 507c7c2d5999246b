#include "checkers/isolation/evidence.h"

#include <algorithm>
#include <map>

#include "checkers/isolation/telling.h"

namespace riven::checkers::isolation {

namespace {

constexpr size_t kCyclesTold = 16;   // of each class, in words
constexpr size_t kFiguresDrawn = 6;  // in all

std::string dot_text(const Explainer& explainer, const std::vector<Cycle>& cycles) {
  std::string out = "digraph anomalies {\n  node [shape=box, fontname=monospace];\n";
  for (size_t i = 0; i < std::min(cycles.size(), kCyclesTold); ++i) {
    Cast cast(explainer);
    const std::string prefix = "c" + std::to_string(i) + "_";
    out += "  subgraph cluster_" + std::to_string(i) + " {\n    label=\"" + name_of(cycles[i].cycle_class) +
           "\";\n";
    std::string edges;
    for (size_t s = 0; s < cycles[i].steps.size(); ++s) {
      const auto& step = cycles[i].steps[s];
      const uint32_t next = cycles[i].steps[(s + 1) % cycles[i].steps.size()].txn;
      const std::string from = cast.name(step.txn);
      const std::string to = cast.name(next);
      const auto reason = explainer.edge(step, next, from, to);
      edges += "    " + prefix + from + " -> " + prefix + to + " [label=\"" + reason.type + "\"];\n";
      out += "    " + prefix + from + " [label=\"" + from + " process " +
             std::to_string(explainer.history().process(explainer.analysis().transactions.invoke[step.txn])) +
             "\"];\n";
    }
    out += edges + "  }\n";
  }
  return out + "}\n";
}

class Evidence {
 public:
  Evidence(const History& history, const Analysis& a, CheckResult& result)
      : a_(a), explainer_(history, a), faults_(fault_timeline(history)), result_(result) {}

  void add_cycles() {
    std::map<std::string, Anomaly> by_common_name;
    for (size_t i = 0; i < a_.cycles.size();) {
      size_t end = i;
      while (end < a_.cycles.size() && a_.cycles[end].cycle_class == a_.cycles[i].cycle_class) ++end;
      Anomaly anomaly;
      anomaly.type = name_of(a_.cycles[i].cycle_class);
      anomaly.count = end - i;
      anomaly.details = Json::array();
      for (size_t n = i; n < end; ++n) {
        const std::vector<std::string> names = common_names(a_.cycles[n], explainer_);
        const bool told_before = names.empty() || by_common_name.count(names[0]) != 0;
        if (n - i >= kCyclesTold && told_before) {
          for (const std::string& name : names) ++by_common_name[name].count;
          continue;
        }
        const Told told = tell(explainer_, faults_, a_.cycles[n], n - i);
        if (n - i < kCyclesTold) {
          add(anomaly, told);
          text_ += told.text + "\n";
        }
        for (const std::string& name : names) {
          Anomaly& named = by_common_name[name];
          named.type = name;
          if (++named.count == 1) named.details = Json::array();
          if (named.count == 1) add(named, told);
        }
      }
      if (result_.figures.size() < kFiguresDrawn)
        result_.figures.push_back(cycle_figure(explainer_, a_.cycles[i], "isolation-" + std::to_string(i)));
      result_.anomalies.push_back(std::move(anomaly));
      i = end;
    }
    for (auto& [name, anomaly] : by_common_name) {
      const bool counted = std::any_of(result_.anomalies.begin(), result_.anomalies.end(),
                                       [&type = name](const Anomaly& other) { return other.type == type; });
      if (!counted) result_.anomalies.push_back(std::move(anomaly));
    }
  }

  void add_weak_cycles() {
    std::map<std::string, Anomaly> by_name;
    for (const WeakCycle& cycle : a_.weak_cycles) {
      Anomaly& anomaly = by_name[name_of(cycle)];
      if (anomaly.count == 0) anomaly.details = Json::array();
      const Told told = tell(explainer_, faults_, cycle, anomaly.count++);
      add(anomaly, told);
      text_ += told.text + "\n";
    }
    for (auto& [name, anomaly] : by_name) {
      anomaly.type = name;
      const auto same = std::find_if(result_.anomalies.begin(), result_.anomalies.end(),
                                     [&type = name](const Anomaly& other) { return other.type == type; });
      if (same == result_.anomalies.end()) {
        result_.anomalies.push_back(std::move(anomaly));
        continue;
      }
      // The same reads, seen in two ways.
      same->count = std::max(same->count, anomaly.count);
      for (Json& witness : anomaly.details) same->details.push_back(std::move(witness));
    }
  }

  void add_findings() {
    for (size_t k = 0; k < kKinds; ++k) {
      const auto kind = static_cast<Kind>(k);
      if (!a_.findings.any(kind)) continue;
      Anomaly anomaly;
      anomaly.type = name_of(kind);
      anomaly.count = a_.findings.count(kind);
      anomaly.details = Json::array();
      size_t number = 0;
      for (const Case& c : a_.findings.cases(kind)) {
        if (number == kCyclesTold) break;
        const Told told = tell(explainer_, faults_, kind, c, number++);
        add(anomaly, told);
        text_ += told.text + "\n";
      }
      result_.anomalies.push_back(std::move(anomaly));
    }
  }

  void add_proof(const AcceptedProof& proof) {
    const Told told = tell(explainer_, faults_, proof);
    Anomaly anomaly;
    anomaly.type = name_of(proof);
    anomaly.count = 1;
    anomaly.details = Json::array();
    add(anomaly, told);
    text_ += told.text + "\n";
    proof_entries_ = anomaly.entries;
    result_.anomalies.push_back(std::move(anomaly));
  }
  const std::vector<uint32_t>& proof_entries() const { return proof_entries_; }

  void add_artifacts() {
    if (result_.anomalies.empty()) return;
    Json json = Json::object();
    for (const Anomaly& anomaly : result_.anomalies)
      json[anomaly.type] = {{"count", anomaly.count}, {"witnesses", anomaly.details}};
    result_.artifacts.push_back({"isolation.txt", text_});
    result_.artifacts.push_back({"isolation.json", json.dump(1) + "\n"});
    if (!a_.cycles.empty()) result_.artifacts.push_back({"isolation.dot", dot_text(explainer_, a_.cycles)});
  }

 private:
  static void add(Anomaly& anomaly, const Told& told) {
    if (anomaly.sentences.empty()) {
      anomaly.sentences = told.sentences;
      anomaly.entries = told.entries;
    }
    anomaly.details.push_back(told.json);
  }

  const Analysis& a_;
  Explainer explainer_;
  FaultTimeline faults_;
  CheckResult& result_;
  std::string text_;
  std::vector<uint32_t> proof_entries_;
};

}  // namespace

void add_evidence(const History& history, const Analysis& a, Model model,
                  const std::optional<AcceptedProof>& proof, CheckResult& result) {
  Evidence evidence(history, a, result);
  evidence.add_findings();
  evidence.add_cycles();
  evidence.add_weak_cycles();
  if (proof) evidence.add_proof(*proof);
  evidence.add_artifacts();
  if (a.decisions.refuted(model)) {
    if (std::string minimal = minimal_history(history, a, model, evidence.proof_entries()); !minimal.empty())
      result.artifacts.push_back({"minimal.jsonl", std::move(minimal)});
  }
  result.details["cycle_search"] =
      a.search_exhausted ? "bounded: some class of cycle may not be shown" : "complete";
}

}  // namespace riven::checkers::isolation
