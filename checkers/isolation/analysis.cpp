#include "checkers/isolation/analysis.h"

#include <algorithm>

#include "checkers/isolation/counters.h"
#include "checkers/isolation/kinds.h"
#include "checkers/isolation/predicates.h"
#include "checkers/isolation/sets.h"
#include "checkers/threads.h"

namespace riven::checkers::isolation {

namespace {

/// Working memory for each entry of a history, measured on the benchmarks: to read it, to judge lists, to
/// judge anything else.
constexpr uint64_t kReadingBytes = 60;
constexpr uint64_t kListBytes = 120;
constexpr uint64_t kBytesAnEntry = 220;

void leave_all_open(const std::string& why, Analysis& a) {
  for (size_t m = 0; m < kModels && !why.empty(); ++m) a.decisions.leave_open(static_cast<Model>(m), why);
}

/// Where that needs more memory than there is, says so and leaves everything open.
bool too_large(const History& history, uint64_t bytes_an_entry, const Budget& budget, Analysis& a) {
  const uint64_t expected = history.size() * bytes_an_entry;
  if (budget.memory_bytes == 0 || expected <= budget.memory_bytes) return false;
  a.cut_short = "the analysis of " + std::to_string(history.size()) + " entries needs about " +
                std::to_string(expected >> 20) + " MB, more than the budget of " +
                std::to_string(budget.memory_bytes >> 20) + " MB";
  leave_all_open(a.cut_short, a);
  return true;
}

}  // namespace

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
  for (const Kind kind : {Kind::predicate_g1a, Kind::predicate_future_read})
    refute(kind, {read_committed, view_serializable, one_copy_serializable});
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
  ModelSet refuted = all.refuted | judge_alone(odd, judged, limits, Depth::everything, a);
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

namespace {

/// A model is no stronger than what it implies.
void close(Decisions& d) {
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    if (d.standing(m) != Standing::undecided) continue;
    const std::string why = d.why(m);
    for (const Model stronger : members(failing_with(m))) d.leave_open(stronger, why);
  }
}

/// Why nothing can be said to hold although nothing was found: what a transaction wrote is not told, and it
/// may be what was read, or took effect. Empty: nothing is missing.
std::string missing_names(const History& history, const Analysis& a) {
  const Transactions& t = a.transactions;
  for (const UnnamedWrite& w : t.unnamed) {
    if (a.findings.unexplained() == 0 && !committed(t.state[w.txn])) continue;
    return "operation " + std::to_string(history.source_index(t.invoke[w.txn])) +
           " may have written, and the history does not tell what";
  }
  return "";
}

/// Takes back what rests on the times of a history that has none.
void forget_real_time(Analysis& a) {
  std::erase_if(a.cycles, [](const Cycle& c) { return c.cycle_class.order == Order::realtime; });
  for (const Kind kind : {Kind::stale_read, Kind::lost_write}) a.findings.forget(kind);
  std::erase_if(a.proofs, [](const Proof& p) { return (kRealTimeModels & bit(p.model)) != 0; });
  a.decisions.forget(kRealTimeModels, "the history has no real time");
}

}  // namespace

Result<Analysis> analyse(const History& history, const AnalysisOptions& options, const Budget& budget) {
  const unsigned threads = threads_of(budget);
  Analysis a;
  if (too_large(history, kReadingBytes, budget, a)) return a;
  auto read = read_transactions(history, threads);
  const bool predicates = !read && has_predicates(history);
  const bool counters = !read && !predicates && has_counters(history);
  const bool sets = !read && !predicates && !counters && has_sets(history);
  if (!read && !predicates && !counters && !sets) return read.error();
  if (read) a.transactions = std::move(*read);
  if (options.workload && read) a.transactions.workload = *options.workload;
  if (a.transactions.writes && a.transactions.workload == Workload::list_append)
    return Error{"the history has plain writes (:w): it is not list-append, but wr"};
  if (a.transactions.appends && a.transactions.workload == Workload::rw_register)
    return Error{"the history has appends: it is not wr, but list-append"};
  a.registers = options.registers;
  a.real_time = options.real_time;
  a.kind = predicates                                         ? HistoryKind::predicates
           : counters                                         ? HistoryKind::counters
           : sets                                             ? HistoryKind::sets
           : a.transactions.workload == Workload::rw_register ? HistoryKind::registers
                                                              : HistoryKind::lists;
  const bool registers = a.transactions.workload == Workload::rw_register;
  const bool lists = read && !registers;
  if (too_large(history, lists ? kListBytes : kBytesAnEntry, budget, a)) return a;
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
  leave_all_open(a.cut_short, a);
  leave_all_open(missing_names(history, a), a);
  if (!options.real_time) forget_real_time(a);
  close(a.decisions);
  return a;
}

}  // namespace riven::checkers::isolation
