#include "checkers/isolation/analysis.h"

#include <algorithm>
#include <thread>

#include "checkers/isolation/counters.h"
#include "checkers/isolation/judging.h"
#include "checkers/isolation/parallel.h"
#include "checkers/isolation/predicates.h"
#include "checkers/isolation/registers.h"
#include "checkers/isolation/schedule.h"
#include "checkers/isolation/sets.h"

namespace riven::checkers::isolation {

namespace {

/// Working memory for each entry of a history, measured on the benchmarks: to read it, to judge lists, to
/// judge anything else.
constexpr uint64_t kReadingBytes = 60;
constexpr uint64_t kListBytes = 120;
constexpr uint64_t kBytesAnEntry = 220;

std::optional<Error> too_large(const History& history, uint64_t bytes_an_entry, const Budget& budget) {
  const uint64_t expected = history.size() * bytes_an_entry;
  if (budget.memory_bytes == 0 || expected <= budget.memory_bytes) return std::nullopt;
  return Error{"the analysis of " + std::to_string(history.size()) + " entries needs about " +
               std::to_string(expected >> 20) + " MB, more than the budget of " +
               std::to_string(budget.memory_bytes >> 20) + " MB"};
}

constexpr ModelSet kSharedMemory = bit(Model::monotonic_reads) | bit(Model::monotonic_writes) |
                                   bit(Model::read_your_writes) | bit(Model::writes_follow_reads) |
                                   bit(Model::pram) | bit(Model::causal) | bit(Model::sequential) |
                                   bit(Model::per_key_linearizable) | bit(Model::linearizable);

/// What the anomalies that need no cycle refute.
void refute_by_findings(const Findings& f, Decisions& d) {
  const auto refute = [&](Kind kind, std::initializer_list<Model> models) {
    if (!f.any(kind)) return;
    for (const Model m : models) d.refute(m);
  };
  using enum Model;
  for (const Kind kind : {Kind::garbage_read, Kind::duplicate_elements})
    refute(kind, {read_uncommitted, pram, per_key_linearizable});
  refute(Kind::cyclic_versions, {read_uncommitted});
  for (const Kind kind : {Kind::g1a, Kind::future_read})
    refute(kind, {read_committed, pram, per_key_linearizable});
  refute(Kind::incompatible_order, {read_committed, sequential, per_key_linearizable});
  refute(Kind::g1b, {read_committed});
  refute(Kind::reordered_writes, {read_uncommitted, monotonic_writes});
  refute(Kind::dirty_update, {read_committed});
  refute(Kind::internal, {read_atomic});
  refute(Kind::non_repeatable_read, {item_cut_isolation});
  for (const Kind kind :
       {Kind::garbage_read, Kind::duplicate_elements, Kind::g1a, Kind::future_read, Kind::incompatible_order,
        Kind::cyclic_versions, Kind::g1b, Kind::reordered_writes, Kind::internal})
    refute(kind, {view_serializable, one_copy_serializable});
  refute(Kind::lost_update, {cursor_stability, update_atomic, consistent_view});
  refute(Kind::unseen_overwrite, {cursor_stability, update_atomic, consistent_view});
  refute(Kind::predicate_read_miss, {serializable, view_serializable, one_copy_serializable});
  for (const Kind kind : {Kind::garbage_read, Kind::duplicate_elements, Kind::incompatible_order}) {
    if (!f.any(kind)) continue;
    const std::string why = "the versions of some keys have no order that all reads agree on (" +
                            std::string(name_of(kind)) + ")";
    for (const Model m : members(kSharedMemory)) d.leave_open(m, why);
    for (const Model m :
         {read_uncommitted, strong_session_read_uncommitted, strong_read_uncommitted, item_cut_isolation})
      d.leave_open(m, why);
  }
  if (f.any(Kind::g1a))
    for (const Model m : {monotonic_reads, writes_follow_reads})
      d.leave_open(m, "reads of aborted writes are in no order of versions (G1a)");
}

/// A model is no stronger than what it implies.
void close(Decisions& d) {
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    if (d.standing(m) != Standing::undecided) continue;
    const std::string why = d.why(m);
    for (const Model stronger : members(failing_with(m))) d.leave_open(stronger, why);
  }
}

/// Takes back what rests on the times of a history that has none.
void forget_real_time(Analysis& a) {
  std::erase_if(a.cycles, [](const Cycle& c) { return c.cycle_class.order == Order::realtime; });
  for (const Kind kind : {Kind::stale_read, Kind::lost_write}) a.findings.forget(kind);
  a.decisions.forget(kRealTimeModels, "the history has no real time");
}

/// Where the time is over, says so and leaves open whatever is not refuted yet.
bool out_of_time(const Limits& limits, const std::string& got, Analysis& a) {
  if (!limits.expired()) return false;
  a.cut_short = "the time ran out after " + got;
  return true;
}

Status analyse_lists(const History& history, const Limits& limits, Analysis& a) {
  Transactions& t = a.transactions;
  std::vector<Edge> edges;
  std::vector<uint32_t> odd;  // transactions that contradict themselves
  {
    const KeyGroups groups = group_by_key(t, limits.threads);
    GatheredValues values(history, t, limits.values_at_once());
    auto orders = order_appends(t, groups, values, limits.threads, a.findings);
    if (!orders) return orders.error();
    a.orders = std::move(*orders);
    odd = check_transactions(history, t, limits.threads, a.findings);
    t.values = {};
    if (out_of_time(limits, "the versions of each key were put in order", a)) return ok_status();
    edges = dependencies(t, groups, a.orders, limits.threads, a.findings);
  }
  a.dependency_count = edges.size();
  if (out_of_time(limits, "the dependencies were found", a)) return ok_status();
  std::vector<uint32_t> judged;
  const Refutations all = judge_suspects(edges, limits, Depth::everything, judged, a);
  ModelSet refuted = all.refuted | judge_alone(odd, judged, limits, a);
  // What aborted is in no order of versions that a session would have to follow.
  if (a.findings.any(Kind::g1a)) refuted &= ~bit(Model::writes_follow_reads);
  for (const Model m : members(refuted)) a.decisions.refute(m);
  for (const Model m : members(all.open))
    a.decisions.leave_open(
        m,
        "deciding it on the largest cyclic part of the history needs too much work, or the order "
        "of versions that nobody read decides it");
  return ok_status();
}

/// What holds if every key is linearizable is all that strict serializability needs.
struct IfStrict {
  ModelSet refuted = 0;
  std::vector<Edge> dependencies;  ///< if they are, where that refutes nothing
};
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
  if (strict.findings.any(Kind::cyclic_versions)) out.refuted |= bit(Model::per_key_linearizable);
  strict.orders = std::move(orders->supposed);
  std::vector<uint32_t> judged;
  const Refutations found = judge_suspects(orders->certain, within, Depth::edges, judged, strict);
  out.refuted |= found.refuted & bit(Model::strict_serializable);
  if (out.refuted == 0) out.dependencies = std::move(orders->certain);
  return out;
}

/// The models that fail, or may, in the order of versions that `a` supposes.
ModelSet failing_as_supposed(const KeyGroups& groups, const std::vector<uint32_t>& odd, const Limits& limits,
                             Analysis& a) {
  Findings by_order;
  const std::vector<Edge> supposed = dependencies(a.transactions, groups, a.orders, limits.threads, by_order);
  std::vector<uint32_t> judged;
  const Refutations doubtful = judge_suspects(supposed, limits, Depth::no_cycles, judged, a);
  ModelSet open = doubtful.refuted | doubtful.open | judge_alone(odd, judged, limits, a);
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
    return ok_status();
  }
  const std::vector<Edge> supposed = dependencies(t, groups, a.orders, limits.threads, a.findings);
  a.dependency_count = supposed.size();
  std::vector<uint32_t> judged;
  const Refutations all = judge_suspects(supposed, limits, Depth::everything, judged, a);
  for (const Model m : members(all.refuted | judge_alone(odd, judged, limits, a))) a.decisions.refute(m);
  for (const Model m : members(all.open)) a.decisions.leave_open(m, "deciding it needs too much work");
  return ok_status();
}

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
    all.refuted |= judge_alone(read->odd, judged, limits, a);
    cycles = std::move(a.cycles);
    return all;
  };
  std::vector<Cycle> of_items, of_all;
  const Refutations items = judge_view(read->items, of_items);
  const Refutations both = judge_view(read->all, of_all);
  for (const Model m : members(items.refuted)) a.decisions.refute(m);
  if ((both.refuted & bit(Model::read_committed)) != 0) a.decisions.refute(Model::read_committed);
  if (read->dirty)
    for (const Model m : {Model::read_committed, Model::view_serializable, Model::one_copy_serializable})
      a.decisions.refute(m);
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
  const ModelSet refuted = found.refuted | judge_alone(read.odd, judged, limits, a);
  // Within a read of a set nothing comes before anything: models that speak of such an order stay open. Those
  // above them take transactions as a whole, and fail whatever the order within.
  const ModelSet by_order = kSharedMemory | bit(Model::monotonic_atomic_view) | bit(Model::monotonic_view);
  for (const Model m : members(refuted & ~by_order)) a.decisions.refute(m);
  for (const Model m : members(refuted & by_order))
    a.decisions.leave_open(m, "a read of a set has no order within");
  for (const Model m : members(found.open)) a.decisions.leave_open(m, "deciding it needs too much work");
}
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

}  // namespace

Result<Analysis> analyse(const History& history, const AnalysisOptions& options, const Budget& budget) {
  const unsigned threads =
      budget.threads != 0 ? budget.threads : std::max(1U, std::thread::hardware_concurrency());
  if (auto error = too_large(history, kReadingBytes, budget)) return *error;
  auto read = read_transactions(history, threads);
  const bool predicates = !read && has_predicates(history);
  const bool counters = !read && !predicates && has_counters(history);
  const bool sets = !read && !predicates && !counters && has_sets(history);
  if (!read && !predicates && !counters && !sets) return read.error();
  Analysis a;
  if (read) a.transactions = std::move(*read);
  if (options.workload && read) a.transactions.workload = *options.workload;
  if (a.transactions.writes && a.transactions.workload == Workload::list_append)
    return Error{"the history has plain writes (:w): it is not list-append, but wr"};
  if (a.transactions.appends && a.transactions.workload == Workload::rw_register)
    return Error{"the history has appends: it is not wr, but list-append"};
  a.registers = options.registers;
  a.real_time = options.real_time;
  const bool registers = a.transactions.workload == Workload::rw_register;
  const bool lists = read && !registers;
  if (auto error = too_large(history, lists ? kListBytes : kBytesAnEntry, budget)) return *error;
  const Limits limits{options, budget, threads};
  if (!out_of_time(limits, "the transactions were read", a)) {
    const Status done = predicates  ? analyse_predicates(history, limits, a)
                        : counters  ? analyse_counters(history, limits, a)
                        : sets      ? analyse_sets(history, limits, a)
                        : registers ? analyse_registers(history, limits, a)
                                    : analyse_lists(history, limits, a);
    if (!done) return done.error();
  }
  refute_by_findings(a.findings, a.decisions);
  if (!a.cut_short.empty())
    for (size_t m = 0; m < kModels; ++m) a.decisions.leave_open(static_cast<Model>(m), a.cut_short);
  if (!options.real_time) forget_real_time(a);
  close(a.decisions);
  return a;
}

}  // namespace riven::checkers::isolation
