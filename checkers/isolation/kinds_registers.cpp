// Registers: version orders that are certain, supposed, or needed by nobody.
#include <algorithm>

#include "checkers/isolation/kinds.h"
#include "checkers/isolation/parallel.h"
#include "checkers/isolation/proof/prove.h"
#include "checkers/isolation/registers.h"
#include "checkers/isolation/schedule.h"

namespace riven::checkers::isolation {

namespace {

/// What holds if every key is linearizable is all that strict serializability and strong snapshot isolation
/// need.
struct IfStrict {
  ModelSet refuted = 0;
  std::vector<Edge> dependencies;  ///< if they are, where that refutes nothing
  std::vector<Cycle> cycles;       ///< which rest on real time
  std::vector<Proof> proofs;
};

/// Where the orders of some key's versions contradict real time: for that key, and for transactions.
void take_circle(const Analysis& strict, const KeyGroups& groups, const RegisterOptions& assumed,
                 IfStrict& out) {
  const std::vector<uint32_t>& circle = strict.findings.circles().front();
  for (const Model m : {Model::per_key_linearizable, Model::strong_snapshot_isolation}) {
    out.refuted |= bit(m);
    out.proofs.push_back({.model = m, .steps = {}, .before = {}, .cases = {}, .circle = circle});
  }
  auto cycle = transactions_of_circle(strict.transactions, strict.orders, groups, assumed, circle);
  if (cycle) out.cycles.push_back(std::move(*cycle));
}

IfStrict refute_strict(Transactions t, const KeyGroups& groups, const Limits& limits) {
  IfStrict out;
  Analysis strict;
  strict.transactions = std::move(t);
  AnalysisOptions quick = limits.options;
  quick.witnesses = 1;
  quick.registers.linearizable_keys = true;
  const Limits within{quick, limits.budget, limits.threads};
  auto orders =
      order_registers(strict.transactions, groups, quick.registers, limits.threads, strict.findings);
  if (!orders) return out;
  strict.orders = std::move(orders->supposed);
  if (strict.findings.any(Kind::cyclic_versions)) take_circle(strict, groups, quick.registers, out);
  std::vector<uint32_t> judged;
  const Refutations found = judge_suspects(orders->certain, within, Depth::edges, judged, strict);
  out.refuted |= found.refuted & (bit(Model::strict_serializable) | bit(Model::strong_snapshot_isolation));
  for (Cycle& cycle : strict.cycles) {
    cycle.cycle_class.order = Order::realtime;
    out.cycles.push_back(std::move(cycle));
  }
  for (Proof& proof : strict.proofs)
    if ((out.refuted & bit(proof.model)) != 0) out.proofs.push_back(std::move(proof));
  if (out.refuted == 0) out.dependencies = std::move(orders->certain);
  return out;
}

/// Adds what of `strict` the analysis does not show itself.
void add_strict(IfStrict& strict, Analysis& a) {
  const auto missing = [&](Model m) { return (strict.refuted & bit(m) & ~shown_refuted(a)) != 0; };
  if (missing(Model::strict_serializable) || missing(Model::strong_snapshot_isolation))
    for (Cycle& cycle : strict.cycles) {
      const auto same = [&](const Cycle& c) { return c.cycle_class == cycle.cycle_class; };
      if (std::none_of(a.cycles.begin(), a.cycles.end(), same)) a.cycles.push_back(std::move(cycle));
    }
  for (Proof& proof : strict.proofs)
    if (missing(proof.model)) a.proofs.push_back(std::move(proof));
}

/// The models that fail, or may, in the order of versions that `a` supposes.
ModelSet failing_as_supposed(const KeyGroups& groups, const std::vector<uint32_t>& odd, const Limits& limits,
                             Analysis& a) {
  Findings by_order;
  const std::vector<Edge> supposed = dependencies(a.transactions, groups, a.orders, limits.threads, by_order);
  std::vector<uint32_t> judged;
  const Refutations doubtful = judge_suspects(supposed, limits, Depth::no_cycles, judged, a);
  ModelSet open = doubtful.refuted | doubtful.open | judge_alone(odd, judged, limits, Depth::no_cycles, a);
  if (by_order.any(Kind::unseen_overwrite)) open |= failing_with(Model::cursor_stability);
  a.findings.take(by_order, Kind::lost_update);
  return open;
}

/// Registers whose versions are known in part: what the certain order refutes is refuted, what holds in an
/// order that is supposed holds, and the weak levels need no order. `strict`: of refute_strict.
void judge_partly_ordered(const KeyGroups& groups, const RegisterOrders& orders,
                          const std::vector<Edge>& strict, const std::vector<uint32_t>& odd,
                          const Limits& limits, Analysis& a) {
  std::vector<uint32_t> judged;
  Refutations sure;
  Supposed other;
  at_once(
      limits.threads, [&] { sure = judge_suspects(orders.certain, limits, Depth::edges, judged, a); },
      [&] {
        const std::vector<Edge>& known = strict.empty() ? orders.certain : strict;
        other = suppose_execution(a.transactions, a.orders, known, orders.certain);
      });
  for (const Model m : members(sure.refuted)) a.decisions.refute(m);
  refute_by_findings(a.findings, a.decisions);
  // An order that an execution gives is the best guess; what real time gives is another.
  const auto take_other_order = [&] {
    std::swap(a.orders, other.orders);
    std::swap(a.transactions.mops, other.mops);
  };
  take_other_order();
  Limits narrowed = limits;
  narrowed.known = a.decisions.refuted();
  ModelSet open = 0;
  WeakLevels weak;
  const auto judge_weak = [&](ModelSet known) {
    const bool beyond = !a.transactions.version_numbers.empty() || limits.options.registers.linearizable_keys;
    weak = judge_weak_levels(a.transactions, a.orders, orders.certain, beyond, known, limits.options.work,
                             limits.threads);
  };
  // Where nothing speaks against a serial execution, the weak levels most likely follow from it.
  const bool likely = !strict.empty();
  at_once(
      limits.threads, [&] { open = failing_as_supposed(groups, odd, narrowed, a); },
      [&] {
        if (!likely) judge_weak(narrowed.known);
      });
  if (!a.cut_short.empty()) return;
  if (likely) judge_weak(~open | narrowed.known);
  for (const Model m : members(weak.refuted)) a.decisions.refute(m);
  a.weak_cycles = std::move(weak.cycles);
  if (weak.causal) a.proofs.push_back(std::move(*weak.causal));
  open &= ~weak.holds & ~a.decisions.refuted();
  if (open != 0) {
    take_other_order();
    narrowed.known = ~open;
    open &= failing_as_supposed(groups, odd, narrowed, a);
  }
  const std::string why =
      "the versions of " + std::to_string(orders.unordered_keys) +
      " keys are only partly ordered by what was read, and in the orders supposed it fails";
  for (const Model m : members(open)) a.decisions.leave_open(m, why);
}

}  // namespace

Status analyse_registers(const History& history, const Limits& limits, Analysis& a) {
  Transactions& t = a.transactions;
  GatheredValues values(history, t, limits.values_at_once());
  values.gather({0, t.keys.size()});  // small each: those of all keys fit
  const KeyGroups groups = group_by_key(t, limits.threads);
  const RegisterOptions& assumed = limits.options.registers;
  IfStrict strict;
  Transactions copy;
  if (!assumed.linearizable_keys) copy = t;
  Result<RegisterOrders> orders = RegisterOrders{};
  at_once(
      limits.threads,
      [&] {
        if (!assumed.linearizable_keys) strict = refute_strict(std::move(copy), groups, limits);
      },
      [&] { orders = order_registers(t, groups, assumed, limits.threads, a.findings); });
  if (!orders) return orders.error();
  for (const Model m : members(strict.refuted)) a.decisions.refute(m);
  a.orders = std::move(orders->supposed);
  const std::vector<uint32_t> odd = check_transactions(history, t, limits.threads, a.findings);
  t.values = {};
  if (out_of_time(limits, "the versions of each key were put in order", a)) return ok_status();
  if (orders->unordered_keys > 0) {
    a.dependency_count = orders->certain.size();
    judge_partly_ordered(groups, *orders, strict.dependencies, odd, limits, a);
    add_strict(strict, a);
    return ok_status();
  }
  const std::vector<Edge> supposed = dependencies(t, groups, a.orders, limits.threads, a.findings);
  a.dependency_count = supposed.size();
  std::vector<uint32_t> judged;
  const Refutations all = judge_suspects(supposed, limits, Depth::everything, judged, a);
  for (const Model m : members(all.refuted | judge_alone(odd, judged, limits, Depth::everything, a)))
    a.decisions.refute(m);
  for (const Model m : members(all.open)) a.decisions.leave_open(m, "deciding it needs too much work");
  add_strict(strict, a);
  return ok_status();
}

}  // namespace riven::checkers::isolation
