#include "checkers/isolation/judging.h"

#include <algorithm>
#include <atomic>

#include "checkers/isolation/kinds.h"
#include "checkers/isolation/memory_models.h"
#include "checkers/isolation/parallel.h"
#include "checkers/isolation/proof/prove.h"

namespace riven::checkers::isolation {

namespace {

/// With more cyclic parts than this, one witness of each class in each is enough.
constexpr size_t kManySuspects = 100;

/// The weakest model that a cycle of the class refutes.
Model weakest_refuted(const CycleClass& c) {
  using enum Model;
  static constexpr Model kWeakest[3][5] = {
      {read_uncommitted, read_committed, consistent_view, snapshot_isolation, serializable},
      {strong_session_read_uncommitted, strong_session_read_committed,
       strong_session_parallel_snapshot_isolation, strong_session_snapshot_isolation,
       strong_session_serializable},
      {strong_read_uncommitted, strong_read_committed, strong_snapshot_isolation, strong_snapshot_isolation,
       strict_serializable}};
  return kWeakest[static_cast<size_t>(c.order)][static_cast<size_t>(c.shape)];
}

bool worth_searching(const CycleClass& c, ModelSet refuted) {
  return (refuted & bit(weakest_refuted(c))) != 0;
}

/// Those of `known` with all that fail when they do: no model outside depends on them.
ModelSet closed(ModelSet known) {
  ModelSet out = 0;
  for (const Model m : members(known))
    if ((failing_with(m) & ~known) == 0) out |= bit(m);
  return out;
}

struct SuspectResult {
  Refutations judged;
  std::vector<Cycle> cycles;
  bool exhausted = false;
  bool done = false;
};

void search_cycles(const Transactions& t, const Suspect& suspect, const Limits& limits, size_t witnesses,
                   ModelSet searchable, SuspectResult& out) {
  CycleSearch search(t, suspect, limits.options.work);
  bool found[3][5] = {};
  for (const CycleClass& c : cycle_classes()) {
    if (c.order == Order::realtime && !limits.options.real_time) continue;
    const auto order = static_cast<size_t>(c.order);
    const auto shape = static_cast<size_t>(c.shape);
    // What holds without sessions or real time is not named again with them.
    if ((order > 0 && found[0][shape]) || (order > 1 && found[1][shape])) continue;
    if (!worth_searching(c, searchable)) continue;
    if (limits.expired()) {
      out.exhausted = true;
      return;
    }
    std::vector<Cycle> cycles = search.find(c, witnesses);
    found[order][shape] = !cycles.empty();
    out.exhausted = out.exhausted || search.exhausted();
    out.cycles.insert(out.cycles.end(), cycles.begin(), cycles.end());
  }
}

SuspectResult judge(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                    const Limits& limits, size_t witnesses, Depth depth, ModelSet known) {
  SuspectResult out;
  out.done = true;
  const uint64_t work = limits.options.work;
  if (depth == Depth::edges) {
    out.judged.refuted = refuted_by_edges(t, suspect);
    ModelSet searchable = out.judged.refuted;
    if ((searchable & bit(Model::serializable)) != 0) searchable |= bit(Model::consistent_view);
    if ((searchable & bit(Model::strong_session_serializable)) != 0)
      searchable |= bit(Model::strong_session_parallel_snapshot_isolation);
    search_cycles(t, suspect, limits, witnesses, searchable, out);
    for (const Cycle& c : out.cycles) {
      if (c.cycle_class == CycleClass{Shape::single, Order::none})
        out.judged.refuted |= failing_with(Model::consistent_view);
      if (c.cycle_class == CycleClass{Shape::single, Order::session})
        out.judged.refuted |= failing_with(Model::strong_session_parallel_snapshot_isolation);
    }
    return out;
  }
  out.judged = judge_suspect(t, orders, suspect, work, closed(known));
  const Refutations memory = judge_shared_memory(t, suspect.txns, work, known);
  out.judged.refuted |= memory.refuted;
  out.judged.open |= memory.open;
  out.judged.offences.insert(out.judged.offences.end(), memory.offences.begin(), memory.offences.end());
  if (depth == Depth::everything) search_cycles(t, suspect, limits, witnesses, out.judged.refuted, out);
  return out;
}

ModelSet refuted_by(const Cycle& cycle) {
  using enum Model;
  const CycleClass& c = cycle.cycle_class;
  ModelSet out = failing_with(weakest_refuted(c));
  if (c.order == Order::session) out |= failing_with(session_serializable);
  if (c.order != Order::none) return out;
  if (!c.predicate) out |= failing_with(repeatable_read);
  return out | failing_with(view_serializable) | failing_with(one_copy_serializable);
}

/// Proofs of those of `refuted` that nothing at hand shows.
void add_proofs(const Judged& judged, ModelSet refuted, Analysis& a) {
  ModelSet shown = shown_refuted(a);
  for (const Model m : members(refuted & ~shown)) {
    if ((shown & bit(m)) != 0) continue;
    auto proof = prove(judged, m);
    if (!proof) continue;
    a.proofs.push_back(std::move(*proof));
    shown |= failing_with(m);
  }
}

/// The working memory for a suspect: states of the search, versions by lanes, product graphs.
uint64_t bytes_for(const Transactions& t, const Suspect& suspect) {
  uint64_t mops = 0;
  for (const uint32_t txn : suspect.txns) mops += t.end_of(txn) - t.begin_of(txn);
  return suspect.txns.size() * 300 + mops * 220 + suspect.graph.edge_count() * 60;
}

}  // namespace

namespace {

/// Of what the suspects refute, what nothing at hand shows: by the smallest suspect that refutes it.
void prove_refuted(const std::vector<Suspect>& suspects, const std::vector<SuspectResult>& results,
                   ModelSet refuted, Analysis& a) {
  for (const Model m : members(refuted & ~shown_refuted(a))) {
    size_t best = suspects.size();
    for (size_t i = 0; i < suspects.size(); ++i)
      if ((results[i].judged.refuted & bit(m)) != 0 &&
          (best == suspects.size() || suspects[i].txns.size() < suspects[best].txns.size()))
        best = i;
    if (best == suspects.size()) continue;
    add_proofs({a.transactions, a.orders, suspects[best], results[best].judged.offences}, bit(m), a);
  }
}

}  // namespace

ModelSet shown_refuted(const Analysis& a) {
  Decisions found;
  refute_by_findings(a.findings, found);
  ModelSet out = found.refuted();
  for (const Cycle& c : a.cycles) out |= refuted_by(c);
  for (const Proof& p : a.proofs) out |= failing_with(p.model);
  return out;
}

Refutations judge_suspects(const std::vector<Edge>& edges, const Limits& limits, Depth depth,
                           std::vector<uint32_t>& judged, Analysis& a) {
  const std::vector<Suspect> suspects = find_suspects(a.transactions, edges);
  std::vector<SuspectResult> results(suspects.size());
  const size_t witnesses = suspects.size() > kManySuspects ? 1 : limits.options.witnesses;
  uint64_t largest_bytes = 0;
  for (const Suspect& suspect : suspects)
    largest_bytes = std::max(largest_bytes, bytes_for(a.transactions, suspect));
  const bool affordable = limits.affords(largest_bytes);
  // Where only the sum over all suspects counts, what one refutes the others need not.
  std::atomic<ModelSet> known = limits.known;
  parallel_for(suspects.size(), limits.threads, [&](size_t i) {
    if (limits.expired() || !(affordable || limits.affords(bytes_for(a.transactions, suspects[i])))) return;
    results[i] = judge(a.transactions, a.orders, suspects[i], limits, witnesses, depth, known);
    if (depth == Depth::no_cycles) known |= results[i].judged.refuted & ~results[i].judged.open;
  });
  Refutations all;
  size_t done = 0;
  for (size_t i = 0; i < suspects.size(); ++i) {
    done += results[i].done ? 1 : 0;
    all.refuted |= results[i].judged.refuted;
    all.open |= results[i].judged.open;
    a.search_exhausted = a.search_exhausted || results[i].exhausted;
    a.cycles.insert(a.cycles.end(), results[i].cycles.begin(), results[i].cycles.end());
    judged.insert(judged.end(), suspects[i].txns.begin(), suspects[i].txns.end());
    if (depth != Depth::no_cycles) a.largest_suspect = std::max(a.largest_suspect, suspects[i].txns.size());
  }
  if (depth != Depth::no_cycles) a.suspects = suspects.size();
  if (done < suspects.size()) {
    all.open = ~ModelSet{0} & ~all.refuted;
    a.cut_short = std::string(affordable ? "the time" : "the memory") + " ran out with " +
                  std::to_string(done) + " of " + std::to_string(suspects.size()) +
                  " cyclic parts of the history judged";
  }
  std::sort(judged.begin(), judged.end());
  if (depth != Depth::no_cycles) prove_refuted(suspects, results, all.refuted, a);
  const auto rank = [](const Cycle& c) {
    return std::tuple(c.cycle_class.order, c.cycle_class.shape, c.steps.size());
  };
  std::stable_sort(a.cycles.begin(), a.cycles.end(),
                   [&](const Cycle& x, const Cycle& y) { return rank(x) < rank(y); });
  return all;
}

ModelSet judge_alone(const std::vector<uint32_t>& odd, const std::vector<uint32_t>& judged,
                     const Limits& limits, Depth depth, Analysis& a) {
  ModelSet refuted = 0;
  for (const uint32_t txn : odd) {
    if (std::binary_search(judged.begin(), judged.end(), txn)) continue;
    const Refutations found = judge_shared_memory(a.transactions, {txn}, limits.options.work);
    if (depth == Depth::no_cycles || (found.refuted & ~refuted) == 0) {
      refuted |= found.refuted;
      continue;
    }
    const Suspect alone{{txn}, make_graph(1, {})};
    add_proofs({a.transactions, a.orders, alone, found.offences}, found.refuted & ~refuted, a);
    refuted |= found.refuted;
  }
  return refuted;
}

}  // namespace riven::checkers::isolation
