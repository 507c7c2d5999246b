#include "checkers/isolation/evidence.h"

#include <algorithm>
#include <map>

#include "harness/core/fault_windows.h"

namespace riven::checkers::isolation {

namespace {

constexpr size_t kCyclesTold = 16;   // of each class, in words
constexpr size_t kFiguresDrawn = 6;  // in all

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
    for (size_t i = 0; i < txns_.size(); ++i) {
      const uint32_t txn = txns_[i];
      Json mops = Json::array();
      for (const uint32_t m : mops_[i]) mops.push_back(explainer_.mop_text(txn, m));
      Json one = {
          {"name", "T" + std::to_string(i + 1)},
          {"process", h.process(t.invoke[txn])},
          {"invoked", {{"index", h.source_index(t.invoke[txn])}, {"time_ns", h.time_ns(t.invoke[txn])}}},
          {"micro_operations", mops}};
      if (t.complete[txn] != kNone)
        one["completed"] = {{"index", h.source_index(t.complete[txn])},
                            {"time_ns", h.time_ns(t.complete[txn])},
                            {"type", std::string(to_text(h.type(t.complete[txn])))}};
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

/// The faults in force between the first and the last of `entries`.
std::string faults_during(const History& history, const FaultTimeline& faults,
                          const std::vector<uint32_t>& entries) {
  if (entries.empty()) return "";
  const int64_t from = history.time_ns(entries.front());
  const int64_t to = history.time_ns(entries.back());
  std::string out;
  for (const FaultWindow& w : faults.windows) {
    if (w.begin_ns > to || w.end_ns < from) continue;
    out += (out.empty() ? "" : ", ") + w.name + (w.target.empty() ? "" : " (" + w.target + ")");
  }
  return out;
}

Told tell(const Explainer& explainer, const FaultTimeline& faults, const Cycle& cycle, size_t number) {
  Told told;
  Cast cast(explainer);
  for (const auto& step : cycle.steps) cast.name(step.txn);
  Json edges = Json::array();
  std::string then = "\nThen:\n";
  for (size_t i = 0; i < cycle.steps.size(); ++i) {
    const auto& step = cycle.steps[i];
    const uint32_t next = cycle.steps[(i + 1) % cycle.steps.size()].txn;
    const auto reason = explainer.edge(step.txn, next, step.label, cast.name(step.txn), cast.name(next));
    cast.matters(step.txn, reason.from_mop);
    cast.matters(next, reason.to_mop);
    const bool last = i + 1 == cycle.steps.size();
    then += "  - " + std::string(last ? "However, " : "") + reason.sentence +
            (last ? ": a contradiction!" : ".") + "\n";
    told.sentences.push_back(reason.sentence);
    Json edge = {{"from", cast.name(step.txn)},
                 {"to", cast.name(next)},
                 {"type", reason.type},
                 {"why", reason.sentence}};
    if (reason.key != kNone) edge["key"] = explainer.key_text(reason.key);
    edges.push_back(edge);
  }
  told.entries = cast.entries();
  const std::string common = common_name(cycle, explainer);
  const std::string during = faults_during(explainer.history(), faults, told.entries);
  told.text = name_of(cycle.cycle_class) + " #" + std::to_string(number) +
              (common.empty() ? "" : " (" + common + ")") + "\n" + cast.let() + then;
  told.json = {{"transactions", cast.json()}, {"edges", edges}};
  if (!common.empty()) told.json["known_as"] = common;
  if (!during.empty()) {
    told.text += "Faults in force: " + during + "\n";
    told.json["faults"] = during;
    told.sentences.push_back("faults in force meanwhile: " + during);
  }
  return told;
}

Told tell(const Explainer& explainer, const FaultTimeline& faults, Kind kind, const Case& c, size_t number) {
  Told told;
  Cast cast(explainer);
  cast.name(c.txn);
  cast.matters(c.txn, c.mop);
  if (c.other != kNone) cast.matters(c.other, c.other_mop);
  const std::string sentence = explainer.single(kind, c);
  told.sentences.push_back(sentence);
  told.entries = cast.entries();
  const std::string during = faults_during(explainer.history(), faults, told.entries);
  told.text = std::string(name_of(kind)) + " #" + std::to_string(number) + "\n" + cast.let() + "\n" +
              sentence + ".\n";
  told.json = {{"transactions", cast.json()}, {"why", sentence}};
  if (c.key != kNone) told.json["key"] = explainer.key_text(c.key);
  if (!during.empty()) {
    told.text += "Faults in force: " + during + "\n";
    told.json["faults"] = during;
  }
  return told;
}

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
      const auto reason = explainer.edge(step.txn, next, step.label, from, to);
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
        const std::string common = common_name(a_.cycles[n], explainer_);
        const bool told_before = !common.empty() && by_common_name.count(common) != 0;
        if (n - i >= kCyclesTold && (common.empty() || told_before)) {
          if (!common.empty()) ++by_common_name[common].count;
          continue;
        }
        const Told told = tell(explainer_, faults_, a_.cycles[n], n - i);
        if (n - i < kCyclesTold) {
          add(anomaly, told);
          text_ += told.text + "\n";
        }
        if (common.empty()) continue;
        Anomaly& named = by_common_name[common];
        named.type = common;
        if (++named.count == 1) named.details = Json::array();
        if (named.count == 1) add(named, told);
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
};

}  // namespace

void add_evidence(const History& history, const Analysis& a, Model model, CheckResult& result) {
  Evidence evidence(history, a, result);
  evidence.add_findings();
  evidence.add_cycles();
  evidence.add_artifacts();
  if (a.decisions.refuted(model)) {
    if (std::string minimal = minimal_history(history, a, model); !minimal.empty())
      result.artifacts.push_back({"minimal.jsonl", std::move(minimal)});
  }
  result.details["cycle_search"] =
      a.search_exhausted ? "bounded: some class of cycle may not be shown" : "complete";
}

}  // namespace riven::checkers::isolation
