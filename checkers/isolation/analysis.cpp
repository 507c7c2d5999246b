#include "checkers/isolation/analysis.h"

#include <algorithm>
#include <thread>

#include "checkers/isolation/criteria.h"
#include "checkers/isolation/memory_models.h"
#include "checkers/isolation/parallel.h"

namespace riven::checkers::isolation {

namespace {

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
  refute(Kind::lost_update, {cursor_stability, update_atomic, consistent_view});
  refute(Kind::unseen_overwrite, {cursor_stability, update_atomic, consistent_view});
  for (const Kind kind : {Kind::garbage_read, Kind::duplicate_elements, Kind::incompatible_order}) {
    if (!f.any(kind)) continue;
    const std::string why = "the versions of some keys have no order that all reads agree on (" +
                            std::string(name_of(kind)) + ")";
    for (const Model m : members(kSharedMemory)) d.leave_open(m, why);
    for (const Model m :
         {read_uncommitted, strong_session_read_uncommitted, strong_read_uncommitted, item_cut_isolation})
      d.leave_open(m, why);
  }
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

bool worth_searching(const CycleClass& c, ModelSet refuted) {
  using enum Model;
  static constexpr Model kNeeds[3][5] = {
      {read_uncommitted, read_committed, consistent_view, snapshot_isolation, serializable},
      {strong_session_read_uncommitted, strong_session_read_committed,
       strong_session_parallel_snapshot_isolation, strong_session_snapshot_isolation,
       strong_session_serializable},
      {strong_read_uncommitted, strong_read_committed, strong_snapshot_isolation, strong_snapshot_isolation,
       strict_serializable}};
  const Model needed = kNeeds[static_cast<size_t>(c.order)][static_cast<size_t>(c.shape)];
  return (refuted & bit(needed)) != 0;
}

struct SuspectResult {
  Refutations judged;
  std::vector<Cycle> cycles;
  bool exhausted = false;
};

SuspectResult judge(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                    const AnalysisOptions& options) {
  SuspectResult out;
  out.judged = judge_suspect(t, orders, suspect, options.work);
  const Refutations memory = judge_shared_memory(t, suspect.txns, options.work);
  out.judged.refuted |= memory.refuted;
  out.judged.open |= memory.open;
  CycleSearch search(t, suspect, options.work);
  bool found[3][5] = {};
  for (const CycleClass& c : cycle_classes()) {
    const auto order = static_cast<size_t>(c.order);
    const auto shape = static_cast<size_t>(c.shape);
    // What holds without sessions or real time is not named again with them.
    if ((order > 0 && found[0][shape]) || (order > 1 && found[1][shape])) continue;
    if (!worth_searching(c, out.judged.refuted)) continue;
    std::vector<Cycle> cycles = search.find(c, options.witnesses);
    found[order][shape] = !cycles.empty();
    out.exhausted = out.exhausted || search.exhausted();
    out.cycles.insert(out.cycles.end(), cycles.begin(), cycles.end());
  }
  return out;
}

void judge_suspects(const std::vector<Suspect>& suspects, const AnalysisOptions& options, unsigned threads,
                    Analysis& a) {
  std::vector<SuspectResult> results(suspects.size());
  parallel_for(suspects.size(), threads,
               [&](size_t i) { results[i] = judge(a.transactions, a.orders, suspects[i], options); });
  ModelSet refuted = 0;
  ModelSet open = 0;
  for (size_t i = 0; i < suspects.size(); ++i) {
    refuted |= results[i].judged.refuted;
    open |= results[i].judged.open;
    a.search_exhausted = a.search_exhausted || results[i].exhausted;
    a.cycles.insert(a.cycles.end(), results[i].cycles.begin(), results[i].cycles.end());
    a.largest_suspect = std::max(a.largest_suspect, suspects[i].txns.size());
  }
  a.suspects = suspects.size();
  for (const Model m : members(refuted)) a.decisions.refute(m);
  for (const Model m : members(open))
    a.decisions.leave_open(m, "deciding it on the largest cyclic part of the history needs too much work");
  const auto rank = [](const Cycle& c) {
    return std::tuple(c.cycle_class.order, c.cycle_class.shape, c.steps.size());
  };
  std::stable_sort(a.cycles.begin(), a.cycles.end(),
                   [&](const Cycle& x, const Cycle& y) { return rank(x) < rank(y); });
}

/// The shared-memory models on transactions that contradict themselves and are in no suspect.
void judge_alone(const std::vector<uint32_t>& odd, const std::vector<Suspect>& suspects,
                 const AnalysisOptions& options, Analysis& a) {
  std::vector<uint32_t> judged;
  for (const Suspect& s : suspects) judged.insert(judged.end(), s.txns.begin(), s.txns.end());
  std::sort(judged.begin(), judged.end());
  for (const uint32_t txn : odd) {
    if (std::binary_search(judged.begin(), judged.end(), txn)) continue;
    for (const Model m : members(judge_shared_memory(a.transactions, {txn}, options.work).refuted))
      a.decisions.refute(m);
  }
}

}  // namespace

Result<Analysis> analyse(const History& history, const AnalysisOptions& options, const Budget& budget) {
  const unsigned threads =
      budget.threads != 0 ? budget.threads : std::max(1U, std::thread::hardware_concurrency());
  auto read = read_transactions(history, threads);
  if (!read) return read.error();
  Analysis a;
  a.transactions = std::move(*read);
  Transactions& t = a.transactions;
  if (options.workload) t.workload = *options.workload;
  a.registers = options.registers;
  std::vector<Edge> edges;
  std::vector<uint32_t> odd;  // transactions that contradict themselves
  {
    const KeyGroups groups = group_by_key(t, threads);
    auto orders = order_appends(t, groups, threads, a.findings);
    if (!orders) return orders.error();
    a.orders = std::move(*orders);
    odd = check_transactions(t, threads, a.findings);
    t.values = {};
    edges = dependencies(t, groups, a.orders, threads, a.findings);
  }
  a.dependency_count = edges.size();
  const std::vector<Suspect> suspects = find_suspects(t, edges);
  edges = {};
  refute_by_findings(a.findings, a.decisions);
  judge_suspects(suspects, options, threads, a);
  judge_alone(odd, suspects, options, a);
  close(a.decisions);
  return a;
}

}  // namespace riven::checkers::isolation
