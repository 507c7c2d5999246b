// Predicates, sets and counters: transactions on items whose version orders are known.
#include <algorithm>

#include "checkers/isolation/counters.h"
#include "checkers/isolation/kinds.h"
#include "checkers/isolation/predicates.h"
#include "checkers/isolation/sets.h"

namespace riven::checkers::isolation {

namespace {

/// From the micro-operations of the items to those of all.
void renumber(const Transactions& all, std::vector<Proof>& proofs) {
  std::vector<uint32_t> number;
  for (uint32_t m = 0; m < all.mops.size(); ++m)
    if (!all.mops[m].is_predicate()) number.push_back(m);
  for (Proof& proof : proofs)
    for (Cycle::Step& step : proof.steps)
      for (uint32_t* const m : {&step.from_mop, &step.to_mop})
        if (*m != kNone) *m = number[*m];
}

}  // namespace

/// Items first: what they refute, they refute whatever the predicates say. Then with what the predicate reads
/// tell, which repeatable-read and the models below it allow to be wrong.
Status analyse_predicates(const History& history, const Limits& limits, Analysis& a) {
  auto read = read_predicates(history, a.findings);
  if (!read) return read.error();
  a.orders = std::move(read->orders);
  const auto judge_view = [&](Transactions& view, std::vector<Cycle>& cycles) {
    a.transactions = std::move(view);
    a.cycles.clear();
    Findings none;  // each key has one writer: nothing that the orders alone could show
    const KeyGroups groups = group_by_key(a.transactions, limits.threads);
    const std::vector<Edge> edges = dependencies(a.transactions, groups, a.orders, limits.threads, none);
    a.dependency_count = edges.size();
    std::vector<uint32_t> judged;
    Refutations all = judge_suspects(edges, limits, Depth::everything, judged, a);
    all.refuted |= judge_alone(read->odd, judged, limits, Depth::everything, a);
    cycles = std::move(a.cycles);
    return all;
  };
  std::vector<Cycle> of_items, of_all;
  const Refutations items = judge_view(read->items, of_items);
  renumber(read->all, a.proofs);
  const Refutations both = judge_view(read->all, of_all);
  for (const Model m : members(items.refuted)) a.decisions.refute(m);
  if ((both.refuted & bit(Model::read_committed)) != 0) a.decisions.refute(Model::read_committed);
  // In a predicate read nothing comes before anything: what depends on such an order stays open.
  const ModelSet of_predicates =
      ~(implied_by(Model::repeatable_read) | kSharedMemory | bit(Model::monotonic_view));
  for (const Model m : members(both.refuted & of_predicates)) a.decisions.refute(m);
  if ((both.refuted & bit(Model::monotonic_view)) != 0)
    a.decisions.leave_open(Model::monotonic_view, "a predicate read has no order within");
  for (const Model m : members(items.open | both.open))
    a.decisions.leave_open(m, "deciding it needs too much work");
  a.cycles = std::move(of_items);
  const size_t known = a.cycles.size();
  for (Cycle& cycle : of_all) {
    const auto same = [&](const Cycle& c) { return c.cycle_class == cycle.cycle_class; };
    if (std::any_of(a.cycles.begin(), a.cycles.begin() + static_cast<ptrdiff_t>(known), same)) continue;
    a.cycles.push_back(std::move(cycle));
  }
  for (size_t i = known; i < a.cycles.size(); ++i) a.cycles[i].cycle_class.predicate = true;
  return ok_status();
}

namespace {

/// Elements of sets as registers whose orders are known.
void judge_elements(SetHistory& read, const Limits& limits, Analysis& a) {
  a.orders = std::move(read.orders);
  a.transactions = std::move(read.transactions);
  Findings none;  // each element has one writer: nothing that the orders alone could show
  const KeyGroups groups = group_by_key(a.transactions, limits.threads);
  const std::vector<Edge> edges = dependencies(a.transactions, groups, a.orders, limits.threads, none);
  a.dependency_count = edges.size();
  std::vector<uint32_t> judged;
  const Refutations found = judge_suspects(edges, limits, Depth::everything, judged, a);
  const ModelSet refuted = found.refuted | judge_alone(read.odd, judged, limits, Depth::everything, a);
  // Within a read of a set nothing comes before anything: models that speak of such an order stay open. Those
  // above them take transactions as a whole, and fail whatever the order within.
  const ModelSet by_order = kSharedMemory | bit(Model::monotonic_atomic_view) | bit(Model::monotonic_view);
  for (const Model m : members(refuted & ~by_order)) a.decisions.refute(m);
  for (const Model m : members(refuted & by_order))
    a.decisions.leave_open(m, "a read of a set has no order within");
  for (const Model m : members(found.open)) a.decisions.leave_open(m, "deciding it needs too much work");
}

}  // namespace

Status analyse_sets(const History& history, const Limits& limits, Analysis& a) {
  auto read = read_sets(history, a.findings);
  if (!read) return read.error();
  judge_elements(*read, limits, a);
  return ok_status();
}

Status analyse_counters(const History& history, const Limits& limits, Analysis& a) {
  auto read = read_counters(history, a.findings);
  if (!read) return read.error();
  judge_elements(read->set, limits, a);
  for (const Model m : members(read->refuted)) a.decisions.refute(m);
  if (!read->certain)
    for (size_t m = 0; m < kModels; ++m)
      a.decisions.leave_open(static_cast<Model>(m),
                             "the totals of some counters do not tell which increments they have");
  return ok_status();
}

}  // namespace riven::checkers::isolation
