#include "tests/checkers/isolation/plain/registers.h"

#include <algorithm>
#include <map>

namespace riven::checkers::isolation::plain {

namespace {

using enum Model;

constexpr ModelSet kAll = (ModelSet{1} << kModels) - 1;
/// Decided by broken_axioms() and broken_memory_axioms(), or by what is certain alone.
constexpr ModelSet kByAxioms = bit(monotonic_atomic_view) | bit(read_atomic) | bit(causal_cerone) |
                               bit(strong_session_read_atomic) | bit(strong_session_causal);
constexpr ModelSet kMemory = bit(monotonic_reads) | bit(monotonic_writes) | bit(read_your_writes) |
                             bit(writes_follow_reads) | bit(pram) | bit(causal);
constexpr ModelSet kByWhatIsCertain = bit(read_uncommitted) | bit(read_committed) | bit(item_cut_isolation) |
                                      bit(strong_session_read_uncommitted) |
                                      bit(strong_session_read_committed) | bit(strong_read_uncommitted) |
                                      bit(strong_read_committed);

class Registers {
 public:
  Registers(World world, size_t most_steps) : world_(std::move(world)), most_steps_(most_steps) {
    settle(world_);
    for (Txn& txn : world_.txns) {
      if (!txn.committed()) continue;
      for (Step& step : txn.steps) {
        if (!step.known) continue;
        const bool initial = step.value == Step::kNothing;
        if (initial || by_committed(step)) step.version = step.value + 1;
      }
    }
  }

  Opinion judge() {
    certain_ = certain_orders(world_);
    find_anomalies();
    const Dependencies d = dependencies(world_, certain_);
    out_.refuted = broken(d) | broken_memory_axioms(d);
    if ((out_.refuted & bit(read_committed)) == 0) out_.refuted |= broken_axioms(d);
    if (contradictory(certain_)) return std::move(out_);
    out_.cycles = worst(closed_walks(d));
    out_.holds = (kByAxioms | kMemory | kByWhatIsCertain | bit(per_key_linearizable)) & ~out_.refuted;
    try_orders(d);
    search(d);
    out_.holds &= ~meaningless();
    return std::move(out_);
  }

 private:
  const Writer& writer(const Step& step) const {
    return world_.writers[static_cast<size_t>(step.key)][static_cast<size_t>(step.value)];
  }
  bool by_committed(const Step& step) const {
    const Writer& w = writer(step);
    return w.txn >= 0 && world_.txns[static_cast<size_t>(w.txn)].committed();
  }
  void found(const char* anomaly) { out_.anomalies.insert(anomaly); }
  bool any(std::initializer_list<const char*> names) const {
    return std::any_of(names.begin(), names.end(), [&](const char* n) { return out_.anomalies.contains(n); });
  }

  void find_anomalies() {
    if (contradictory(certain_)) found("cyclic-versions");
    std::map<std::pair<int, int>, int> updates;
    for (const Txn& txn : world_.txns) {
      if (txn.fate != Fate::ok) continue;
      judge_alone(txn);
      std::map<int, const Step*> first;
      std::set<int> counted;
      for (const Step& step : txn.steps) {
        if (step.version == Step::kNoVersion || sees_own_future(txn, step)) continue;
        const Step* read = first.try_emplace(step.key, &step).first->second;
        if (!step.write || read->write || !counted.insert(step.key).second) continue;
        if (++updates[{step.key, read->value}] == 2) found("lost-update");
      }
    }
  }

  bool sees_own_future(const Txn& txn, const Step& step) const {
    if (step.write || step.value == Step::kNothing) return false;
    const Writer& w = writer(step);
    return w.txn >= 0 && &world_.txns[static_cast<size_t>(w.txn)] == &txn &&
           &txn.steps[static_cast<size_t>(w.step)] > &step;
  }
  /// What one transaction reads, by itself.
  void judge_alone(const Txn& txn) {
    std::map<int, const Step*> last;
    for (const Step& step : txn.steps) {
      const auto [at, first] = last.try_emplace(step.key, nullptr);
      if (!step.write) {
        if (!first && at->second->value != step.value) {
          found("internal");
          if (!at->second->write) found("non-repeatable-read");
        }
        if (step.value != Step::kNothing) judge_source(txn, step);
      }
      at->second = &step;
    }
  }
  void judge_source(const Txn& reader, const Step& read) {
    const Writer& w = writer(read);
    if (w.txn < 0) return found("garbage-read");
    const Txn& txn = world_.txns[static_cast<size_t>(w.txn)];
    const Step& write = txn.steps[static_cast<size_t>(w.step)];
    if (&txn == &reader) {
      if (&write > &read) found("future-read");
      return;
    }
    if (txn.fate == Fate::failed) found("G1a");
    const bool overwritten = std::any_of(txn.steps.begin() + w.step + 1, txn.steps.end(),
                                         [&](const Step& s) { return s.write && s.key == write.key; });
    if (overwritten) found("G1b");
  }

  Flaws flaws() const {
    Flaws f;
    f.incoherent = any({"garbage-read", "cyclic-versions"});
    f.dirty = any({"G1a", "G1b", "future-read"});
    f.internal = any({"internal", "future-read"});
    f.unrepeatable = any({"non-repeatable-read"});
    return f;
  }
  ModelSet broken(const Dependencies& d) const {
    ModelSet out = broken_transaction_models(d, flaws()) | broken_order_models(d);
    if (any({"garbage-read", "G1a"}))
      out |= bit(pram) | bit(causal) | bit(sequential) | bit(linearizable) | bit(per_key_linearizable);
    if (any({"future-read"})) out |= bit(sequential) | bit(linearizable) | bit(per_key_linearizable);
    return out;
  }
  ModelSet meaningless() const {
    return any({"garbage-read", "G1a"}) ? bit(item_cut_isolation) | kMemory : 0;
  }
  bool decided() const { return ((out_.refuted | out_.holds) & kAll) == kAll; }

  void try_order(const Orders& orders) {
    if (!contradictory(orders)) out_.holds |= kAll & ~out_.refuted & ~broken(dependencies(world_, orders));
  }
  void try_orders(const Dependencies& d) {
    const Relation depends = d.ww | d.wr;
    for (const Relation& r : {depends | d.rw | d.rt, depends | d.rw | d.so, depends | d.rw, depends | d.rt,
                              depends | d.so, depends}) {
      if (decided()) return;
      const std::vector<size_t> order = topological(r);
      if (order.size() < r.size()) continue;
      std::vector<size_t> rank(order.size());
      for (size_t i = 0; i < order.size(); ++i) rank[order[i]] = i;
      Orders orders = ordered_by(d, certain_, rank);
      for (Relation& o : orders) o = transitive(o);
      try_order(orders);
    }
  }

  struct Goal {
    Rule rule;
    const Relation* order;
    ModelSet models;
  };
  void search(const Dependencies& d) {
    const Relation none(d.txns.size());
    const Goal goals[] = {
        {Rule::serial, &d.rt, bit(strict_serializable)},
        {Rule::serial, &d.so, bit(strong_session_serializable) | bit(session_serializable)},
        {Rule::serial, &none,
         bit(serializable) | bit(view_serializable) | bit(one_copy_serializable) | bit(repeatable_read)},
        {Rule::snapshot, &d.rt, bit(strong_snapshot_isolation)},
        {Rule::snapshot, &d.so, bit(strong_session_snapshot_isolation)},
        {Rule::snapshot, &none, bit(snapshot_isolation)},
        {Rule::prefix, &d.so, bit(strong_session_prefix)},
        {Rule::prefix, &none, bit(prefix)},
        {Rule::parallel, &d.so, bit(strong_session_parallel_snapshot_isolation)},
        {Rule::parallel, &none,
         bit(parallel_snapshot_isolation) | bit(consistent_view) | bit(forward_consistent_view)},
        {Rule::updates, &none, bit(update_serializable)},
        {Rule::atomic_update, &none, bit(update_atomic)},
        {Rule::cursor, &none, bit(cursor_stability)},
        {Rule::monotonic_view, &none, bit(monotonic_view)},
        {Rule::snapshot_reads, &none, bit(monotonic_snapshot_read)},
    };
    for (const Goal& goal : goals) {
      if ((goal.models & ~(out_.refuted | out_.holds)) == 0) continue;
      OrderSearch search(d, goal.rule, *goal.order, most_steps_);
      const auto outcome = search.run(certain_);
      if (outcome == OrderSearch::Outcome::none) out_.refuted |= goal.models;
      if (outcome == OrderSearch::Outcome::found) try_order(search.found());
    }
  }

  World world_;
  size_t most_steps_;
  Orders certain_;
  Opinion out_;
};

}  // namespace

Opinion judge_registers(World world, size_t most_steps) {
  return Registers(std::move(world), most_steps).judge();
}

}  // namespace riven::checkers::isolation::plain
