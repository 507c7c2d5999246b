#include "checkers/isolation/telling.h"

namespace riven::checkers::isolation {

namespace {

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

// The last write of `key` in `txn`, or kNone.
uint32_t write_of(const Transactions& t, uint32_t txn, uint32_t key) {
  for (uint32_t m = t.end_of(txn); m-- > t.begin_of(txn);)
    if (t.mops[m].is_write() && t.mops[m].key == key) return m;
  return kNone;
}

// "T3 read key 1 = 5, which T2 wrote, although it had seen T1 (T1 < T4 < T3), which wrote that key, too"
std::string forced_sentence(const Explainer& explainer, const WeakStep& step, uint32_t next, Cast& cast) {
  const Transactions& t = explainer.analysis().transactions;
  const std::string from = cast.name(step.txn);
  if (step.reader == kNone) return from + " < " + (next == kNone ? "the initial state" : cast.name(next));
  const std::string reader = cast.name(step.reader);
  std::string path;
  for (const uint32_t txn : step.path) path += (path.empty() ? "" : " < ") + cast.name(txn);
  for (size_t i = 1; i < step.path.size(); ++i) {
    const auto reason = explainer.edge(step.path[i - 1], step.path[i], kWr, "", "");
    cast.matters(step.path[i - 1], reason.from_mop);
    cast.matters(step.path[i], reason.to_mop);
  }
  cast.matters(step.reader, step.read_mop);
  cast.matters(step.txn, write_of(t, step.txn, step.key));
  const std::string key = explainer.key_text(step.key);
  std::string out =
      reader + " read key " + key + " = " + short_edn(explainer.value_of(step.reader, step.read_mop));
  if (next != kNone) {
    cast.matters(next, write_of(t, next, step.key));
    out = from + " < " + cast.name(next) + ", because " + out + ", which " + cast.name(next) + " wrote,";
  }
  return out + " although it had seen " + from + " (" + path + "), which wrote that key, too";
}

}  // namespace

void add_faults(const Explainer& explainer, const FaultTimeline& faults, Told& told) {
  const std::string during = faults_during(explainer.history(), faults, told.entries);
  if (during.empty()) return;
  told.text += "Faults in force: " + during + "\n";
  told.json["faults"] = during;
  told.sentences.push_back("faults in force meanwhile: " + during);
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
    const auto reason = explainer.edge(step, next, cast.name(step.txn), cast.name(next));
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
  const std::string common = known_as(cycle, explainer);
  told.text = name_of(cycle.cycle_class) + " #" + std::to_string(number) +
              (common.empty() ? "" : " (" + common + ")") + "\n" + cast.let() + then;
  told.json = {{"transactions", cast.json()}, {"edges", edges}};
  if (!common.empty()) told.json["known_as"] = common;
  add_faults(explainer, faults, told);
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
  told.text = std::string(name_of(kind)) + " #" + std::to_string(number) + "\n" + cast.let() + "\n" +
              sentence + ".\n";
  told.json = {{"transactions", cast.json()}, {"why", sentence}};
  if (c.key != kNone) told.json["key"] = explainer.key_text(c.key);
  add_faults(explainer, faults, told);
  return told;
}

Told tell(const Explainer& explainer, const FaultTimeline& faults, const WeakCycle& cycle, size_t number) {
  Told told;
  Cast cast(explainer);
  Json edges = Json::array();
  std::string then = "\nThen:\n";
  const size_t n = cycle.steps.size();
  for (size_t i = 0; i < n; ++i) {
    const WeakStep& step = cycle.steps[i];
    const uint32_t next = cycle.steps[(i + 1) % n].txn;
    if (step.txn == kNone) continue;  // the initial state comes before everything
    std::string sentence;
    std::string type = "ww";
    if (step.label == kWwForced) {
      sentence = forced_sentence(explainer, step, next, cast);
    } else {
      const auto reason = explainer.edge(step.txn, next, step.label, cast.name(step.txn), cast.name(next));
      cast.matters(step.txn, reason.from_mop);
      cast.matters(next, reason.to_mop);
      sentence = reason.sentence;
      type = reason.type;
    }
    then += "  - " + sentence + ".\n";
    told.sentences.push_back(sentence);
    Json edge = {{"from", cast.name(step.txn)}, {"type", type}, {"why", sentence}};
    if (next != kNone) edge["to"] = cast.name(next);
    edges.push_back(edge);
  }
  then += "  A contradiction: " + std::string(name_of(cycle.model)) + " cannot hold.\n";
  told.entries = cast.entries();
  told.text = name_of(cycle) + " #" + std::to_string(number) + "\n" + cast.let() + then;
  told.json = {
      {"transactions", cast.json()}, {"edges", edges}, {"refutes", std::string(name_of(cycle.model))}};
  add_faults(explainer, faults, told);
  return told;
}

}  // namespace riven::checkers::isolation
