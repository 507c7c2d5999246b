// The few operations of a history that refute a model by themselves.
#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "checkers/isolation/evidence.h"

namespace riven::checkers::isolation {

namespace {

/// What a sub-history keeps.
struct Selection {
  std::vector<uint32_t> txns;  // ascending
  std::unordered_set<uint32_t> keys;
  bool cut_lists = false;  // to the elements that the transactions kept wrote
};

class SubHistory {
 public:
  SubHistory(const History& history, const Analysis& a, Selection selection)
      : history_(history), a_(a), t_(a.transactions), selection_(std::move(selection)) {
    if (selection_.cut_lists) list_writers();
  }

  std::vector<Op> ops() const {
    std::vector<std::pair<uint32_t, uint32_t>> entries;  // entry, transaction
    for (const uint32_t txn : selection_.txns) {
      entries.emplace_back(t_.invoke[txn], txn);
      if (t_.complete[txn] != kNone) entries.emplace_back(t_.complete[txn], txn);
    }
    std::sort(entries.begin(), entries.end());
    std::vector<Op> out;
    if (!t_.places.empty()) {  // predicates speak of every key
      for (size_t i = 0; i < history_.size(); ++i)
        if (history_.f(i).text() == "init") out.push_back(history_.op(i));
      for (const auto& [entry, txn] : entries) out.push_back(history_.op(entry));
      return out;
    }
    for (const auto& [entry, txn] : entries) {
      Op op = history_.op(entry);
      op.value = cut(op.value, txn);
      out.push_back(std::move(op));
    }
    return out;
  }

 private:
  // Each element appended to a kept key by a transaction that is not kept.
  void list_writers() {
    for (const uint32_t txn : selection_.txns) {
      const Value value = history_.value(t_.value_entry(txn)).to_value();
      for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m)
        if (t_.mops[m].is_write() && selection_.keys.count(t_.mops[m].key) != 0)
          kept_.insert(to_edn(value.list()[m - t_.begin_of(txn)].list()[1]) + " " +
                       to_edn(value.list()[m - t_.begin_of(txn)].list()[2]));
    }
    for (const uint32_t k : selection_.keys) key_texts_.insert(to_edn(t_.key(k)));
  }

  Value cut(const Value& value, uint32_t txn) const {
    if (!value.is_list()) return value;
    Value::List out;
    uint32_t m = t_.begin_of(txn);
    for (const Value& mop : value.list()) {
      const uint32_t here = m++;
      if (mop.list().size() < 3) continue;
      if (!wanted(mop.list()[1]) || (here < t_.end_of(txn) && misses_writer(here))) continue;
      Value::List parts = mop.list();
      if (selection_.cut_lists && parts[2].is_list()) {
        Value::List elements;
        for (const Value& e : parts[2].list())
          if (kept_.count(to_edn(parts[1]) + " " + to_edn(e)) != 0) elements.push_back(e);
        parts[2] = Value(std::move(elements));
      }
      out.emplace_back(std::move(parts));
    }
    return Value(std::move(out));
  }
  // A register's read of what nobody kept wrote would be garbage.
  bool misses_writer(uint32_t m) const {
    const Mop mop = t_.mops[m];
    if (selection_.cut_lists || !mop.is_known_read() || mop.version() == 0) return false;
    const uint32_t writer = a_.orders.writer_of(mop.key, mop.version());
    return writer != kNone && !std::binary_search(selection_.txns.begin(), selection_.txns.end(), writer);
  }
  bool wanted(const Value& key) const {
    if (!key_texts_.empty()) return key_texts_.count(to_edn(key)) != 0;
    return std::any_of(selection_.keys.begin(), selection_.keys.end(),
                       [&](uint32_t k) { return t_.key(k) == key; });
  }

  const History& history_;
  const Analysis& a_;
  const Transactions& t_;
  Selection selection_;
  std::unordered_set<std::string> kept_;
  std::unordered_set<std::string> key_texts_;
};

/// Candidates: each cycle and case, with what its versions rest on.
class Candidates {
 public:
  Candidates(const History& history, const Analysis& a) : a_(a), t_(a.transactions), explainer_(history, a) {}

  Selection of(const Cycle& cycle) {
    Selection s;
    s.cut_lists = t_.workload == Workload::list_append;
    std::unordered_map<uint32_t, uint32_t> needed;  // key -> version that some read must show
    for (size_t i = 0; i < cycle.steps.size(); ++i) {
      const uint32_t from = cycle.steps[i].txn;
      const uint32_t to = cycle.steps[(i + 1) % cycle.steps.size()].txn;
      s.txns.push_back(from);
      const auto reason = explainer_.edge(cycle.steps[i], to, "", "");
      if (reason.key == kNone) continue;
      s.keys.insert(reason.key);
      for (const uint32_t m : {reason.from_mop, reason.to_mop}) {
        const uint32_t version = t_.mops[m].version();
        if (version <= a_.orders.length(reason.key))
          needed[reason.key] = std::max(needed[reason.key], version);
      }
    }
    if (s.cut_lists)
      add_readers(needed, s);
    else
      add_writers(s);
    finish(s);
    return s;
  }

  Selection of(const WeakCycle& cycle) {
    Selection s;
    for (size_t i = 0; i < cycle.steps.size(); ++i) {
      const WeakStep& step = cycle.steps[i];
      for (const uint32_t txn : step.path) s.txns.push_back(txn);
      if (step.txn != kNone) s.txns.push_back(step.txn);
    }
    return with_all_keys(std::move(s));
  }

  Selection of(const std::vector<uint32_t>& entries) {
    Selection s;
    for (const uint32_t entry : entries) {
      const auto at = std::lower_bound(t_.invoke.begin(), t_.invoke.end(), entry);
      if (at != t_.invoke.end() && *at == entry)
        s.txns.push_back(static_cast<uint32_t>(at - t_.invoke.begin()));
    }
    return with_all_keys(std::move(s));
  }

  Selection of(const Case& c) {
    Selection s;
    if (c.key != kNone) s.keys.insert(c.key);
    for (const uint32_t txn : {c.txn, c.other})
      if (txn != kNone) s.txns.push_back(txn);
    if (c.key != kNone && t_.workload == Workload::list_append) {
      add_readers({{c.key, a_.orders.length(c.key)}}, s);
      for (uint32_t p = 1; p <= a_.orders.length(c.key); ++p)
        if (const uint32_t w = a_.orders.writer_of(c.key, p); w != kNone) s.txns.push_back(w);
      const auto& disputed = a_.orders.disputed;
      if (std::binary_search(disputed.begin(), disputed.end(), c.key)) add_all(c.key, s);
    }
    add_writers(s);
    finish(s);
    return s;
  }

 private:
  // Sessions and reads-from go over any key.
  Selection with_all_keys(Selection s) const {
    finish(s);
    for (const uint32_t txn : s.txns)
      for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) s.keys.insert(t_.mops[m].key);
    add_writers(s);
    finish(s);
    return s;
  }
  // For each key the shortest read that shows the version.
  void add_readers(const std::unordered_map<uint32_t, uint32_t>& needed, Selection& s) const {
    std::unordered_map<uint32_t, std::pair<uint32_t, uint32_t>> best;  // key -> version, transaction
    for (uint32_t txn = 0; txn < t_.size(); ++txn) {
      if (t_.state[txn] != TxnState::ok) continue;
      for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) {
        const Mop mop = t_.mops[m];
        const auto want = mop.is_known_read() ? needed.find(mop.key) : needed.end();
        if (want == needed.end() || mop.version() < want->second) continue;
        const bool kept = std::find(s.txns.begin(), s.txns.end(), txn) != s.txns.end();
        const auto found = best.find(mop.key);
        if (kept || found == best.end() || mop.version() < found->second.first)
          best[mop.key] = {kept ? 0 : mop.version(), txn};
      }
    }
    for (const auto& [key, reader] : best) s.txns.push_back(reader.second);
  }
  // Lists of the key contradict each other: it needs both, and all that is in them.
  void add_all(uint32_t key, Selection& s) const {
    for (uint32_t txn = 0; txn < t_.size(); ++txn)
      for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m)
        if (t_.mops[m].key == key) s.txns.push_back(txn);
  }
  // Registers: who wrote what the transactions kept have read.
  void add_writers(Selection& s) const {
    if (t_.workload != Workload::rw_register) return;
    const std::vector<uint32_t> readers = s.txns;
    for (const uint32_t reader : readers)
      for (uint32_t m = t_.begin_of(reader); m < t_.end_of(reader); ++m) {
        const Mop mop = t_.mops[m];
        if (!mop.is_known_read() || mop.version() == 0 || s.keys.count(mop.key) == 0) continue;
        if (const uint32_t w = a_.orders.writer_of(mop.key, mop.version()); w != kNone) s.txns.push_back(w);
      }
  }
  static void finish(Selection& s) {
    std::sort(s.txns.begin(), s.txns.end());
    s.txns.erase(std::unique(s.txns.begin(), s.txns.end()), s.txns.end());
  }

  const Analysis& a_;
  const Transactions& t_;
  Explainer explainer_;
};

/// Whether these operations alone refute the model, by nothing that the whole history does not have.
bool refutes(const std::vector<Op>& ops, Model model, const AnalysisOptions& options, const Findings& whole) {
  HistoryBuilder builder;
  for (const Op& op : ops) builder.append(op);
  auto history = builder.finish(HistoryBuilder::Pairing::lenient);
  if (!history) return false;
  auto again = analyse(*history, options, Budget{});
  if (!again || !again->decisions.refuted(model)) return false;
  for (size_t k = 0; k < kKinds; ++k)
    if (again->findings.any(static_cast<Kind>(k)) && !whole.any(static_cast<Kind>(k))) return false;
  return true;
}

std::string to_lines(const std::vector<Op>& ops, bool has_times) {
  std::string out;
  for (const Op& op : ops) {
    Json line = {{"index", op.index}};
    if (has_times) line["time"] = op.time_ns;
    line["process"] = op.process;
    line["type"] = std::string(to_text(op.type));
    line["f"] = std::string(op.f.text());
    line["value"] = to_json(op.value);
    if (!op.error.is_nil()) line["error"] = to_json(op.error);
    out += line.dump() + "\n";
  }
  return out;
}

}  // namespace

std::string minimal_history(const History& history, const Analysis& a, Model model,
                            const std::vector<uint32_t>& proof) {
  constexpr size_t kTried = 24;
  constexpr size_t kLargest = 2000;  // transactions
  std::vector<Selection> selections;
  Candidates candidates(history, a);
  for (const Cycle& cycle : a.cycles)
    if (selections.size() < kTried) selections.push_back(candidates.of(cycle));
  for (const WeakCycle& cycle : a.weak_cycles) selections.push_back(candidates.of(cycle));
  if (!proof.empty()) selections.push_back(candidates.of(proof));
  for (size_t k = 0; k < kKinds; ++k) {
    const auto& cases = a.findings.cases(static_cast<Kind>(k));
    if (!cases.empty()) selections.push_back(candidates.of(cases.front()));
  }
  std::stable_sort(selections.begin(), selections.end(),
                   [](const Selection& x, const Selection& y) { return x.txns.size() < y.txns.size(); });
  AnalysisOptions options;
  options.workload = a.transactions.workload;
  options.registers = a.registers;
  options.real_time = a.real_time;
  for (Selection& s : selections) {
    if (s.txns.size() > kLargest) break;
    const std::vector<Op> ops = SubHistory(history, a, std::move(s)).ops();
    if (refutes(ops, model, options, a.findings)) return to_lines(ops, history.has_times());
  }
  return "";
}

}  // namespace riven::checkers::isolation
