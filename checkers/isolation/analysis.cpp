#include "checkers/isolation/analysis.h"

#include <algorithm>
#include <thread>

#include "checkers/isolation/criteria.h"
#include "checkers/isolation/memory_models.h"
#include "checkers/isolation/parallel.h"
#include "checkers/isolation/registers.h"

namespace riven::checkers::isolation {

namespace {

/// With more cyclic parts than this, one witness of each class in each is enough.
constexpr size_t kManySuspects = 100;

/// Working memory for each entry of a history, measured on the largest of the benchmarks.
constexpr uint64_t kBytesAnEntry = 220;

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

/// How much of a suspect is judged: by all that total version orders tell, or by edges alone where those are
/// certain and the orders are not; and whether cycles are searched for.
enum class Depth : uint8_t { everything, edges, no_cycles };

struct SuspectResult {
  Refutations judged;
  std::vector<Cycle> cycles;
  bool exhausted = false;
};

void search_cycles(const Transactions& t, const Suspect& suspect, const AnalysisOptions& options,
                   ModelSet searchable, SuspectResult& out) {
  CycleSearch search(t, suspect, options.work);
  bool found[3][5] = {};
  for (const CycleClass& c : cycle_classes()) {
    const auto order = static_cast<size_t>(c.order);
    const auto shape = static_cast<size_t>(c.shape);
    // What holds without sessions or real time is not named again with them.
    if ((order > 0 && found[0][shape]) || (order > 1 && found[1][shape])) continue;
    if (!worth_searching(c, searchable)) continue;
    std::vector<Cycle> cycles = search.find(c, options.witnesses);
    found[order][shape] = !cycles.empty();
    out.exhausted = out.exhausted || search.exhausted();
    out.cycles.insert(out.cycles.end(), cycles.begin(), cycles.end());
  }
}

SuspectResult judge(const Transactions& t, const VersionOrders& orders, const Suspect& suspect,
                    const AnalysisOptions& options, Depth depth) {
  SuspectResult out;
  if (depth == Depth::edges) {
    out.judged.refuted = refuted_by_edges(t, suspect);
    ModelSet searchable = out.judged.refuted;
    if ((searchable & bit(Model::serializable)) != 0) searchable |= bit(Model::consistent_view);
    if ((searchable & bit(Model::strong_session_serializable)) != 0)
      searchable |= bit(Model::strong_session_parallel_snapshot_isolation);
    search_cycles(t, suspect, options, searchable, out);
    for (const Cycle& c : out.cycles) {
      if (c.cycle_class == CycleClass{Shape::single, Order::none})
        out.judged.refuted |= failing_with(Model::consistent_view);
      if (c.cycle_class == CycleClass{Shape::single, Order::session})
        out.judged.refuted |= failing_with(Model::strong_session_parallel_snapshot_isolation);
    }
    return out;
  }
  out.judged = judge_suspect(t, orders, suspect, options.work);
  const Refutations memory = judge_shared_memory(t, suspect.txns, options.work);
  out.judged.refuted |= memory.refuted;
  out.judged.open |= memory.open;
  if (depth == Depth::everything) search_cycles(t, suspect, options, out.judged.refuted, out);
  return out;
}

Refutations judge_suspects(const std::vector<Edge>& edges, const AnalysisOptions& options, unsigned threads,
                           Depth depth, std::vector<uint32_t>& judged, Analysis& a) {
  const std::vector<Suspect> suspects = find_suspects(a.transactions, edges);
  std::vector<SuspectResult> results(suspects.size());
  AnalysisOptions each = options;
  if (suspects.size() > kManySuspects) each.witnesses = 1;
  parallel_for(suspects.size(), threads,
               [&](size_t i) { results[i] = judge(a.transactions, a.orders, suspects[i], each, depth); });
  Refutations all;
  for (size_t i = 0; i < suspects.size(); ++i) {
    all.refuted |= results[i].judged.refuted;
    all.open |= results[i].judged.open;
    a.search_exhausted = a.search_exhausted || results[i].exhausted;
    a.cycles.insert(a.cycles.end(), results[i].cycles.begin(), results[i].cycles.end());
    judged.insert(judged.end(), suspects[i].txns.begin(), suspects[i].txns.end());
    if (depth != Depth::no_cycles) a.largest_suspect = std::max(a.largest_suspect, suspects[i].txns.size());
  }
  if (depth != Depth::no_cycles) a.suspects = suspects.size();
  std::sort(judged.begin(), judged.end());
  const auto rank = [](const Cycle& c) {
    return std::tuple(c.cycle_class.order, c.cycle_class.shape, c.steps.size());
  };
  std::stable_sort(a.cycles.begin(), a.cycles.end(),
                   [&](const Cycle& x, const Cycle& y) { return rank(x) < rank(y); });
  return all;
}

/// The shared-memory models on transactions that contradict themselves and are in no suspect.
ModelSet judge_alone(const std::vector<uint32_t>& odd, const std::vector<uint32_t>& judged,
                     const AnalysisOptions& options, const Analysis& a) {
  ModelSet refuted = 0;
  for (const uint32_t txn : odd)
    if (!std::binary_search(judged.begin(), judged.end(), txn))
      refuted |= judge_shared_memory(a.transactions, {txn}, options.work).refuted;
  return refuted;
}

Status analyse_lists(const AnalysisOptions& options, unsigned threads, Analysis& a) {
  Transactions& t = a.transactions;
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
  std::vector<uint32_t> judged;
  const Refutations all = judge_suspects(edges, options, threads, Depth::everything, judged, a);
  for (const Model m : members(all.refuted | judge_alone(odd, judged, options, a))) a.decisions.refute(m);
  for (const Model m : members(all.open))
    a.decisions.leave_open(
        m,
        "deciding it on the largest cyclic part of the history needs too much work, or the order "
        "of versions that nobody read decides it");
  return ok_status();
}

/// What holds if every key is linearizable is all that strict serializability needs.
void refute_strict(const KeyGroups& groups, const AnalysisOptions& options, unsigned threads, Analysis& a) {
  Analysis strict;
  strict.transactions = a.transactions;
  RegisterOptions all = options.registers;
  all.linearizable_keys = true;
  auto orders = order_registers(strict.transactions, groups, all, threads, strict.findings);
  if (!orders) return;
  if (strict.findings.any(Kind::cyclic_versions)) a.decisions.refute(Model::per_key_linearizable);
  strict.orders = std::move(orders->supposed);
  AnalysisOptions quick = options;
  quick.witnesses = 1;
  std::vector<uint32_t> judged;
  const Refutations found = judge_suspects(orders->certain, quick, threads, Depth::edges, judged, strict);
  if ((found.refuted & bit(Model::strict_serializable)) != 0) a.decisions.refute(Model::strict_serializable);
}

Status analyse_registers(const AnalysisOptions& options, unsigned threads, Analysis& a) {
  Transactions& t = a.transactions;
  const KeyGroups groups = group_by_key(t, threads);
  if (!options.registers.linearizable_keys) refute_strict(groups, options, threads, a);
  auto orders = order_registers(t, groups, options.registers, threads, a.findings);
  if (!orders) return orders.error();
  a.orders = std::move(orders->supposed);
  const std::vector<uint32_t> odd = check_transactions(t, threads, a.findings);
  t.values = {};
  const bool certain = orders->unordered_keys == 0;
  Findings by_order;  // what the supposed order shows
  const std::vector<Edge> supposed = dependencies(t, groups, a.orders, threads, by_order);
  if (certain)
    a.findings.merge(by_order);
  else
    a.findings.take(by_order, Kind::lost_update);
  a.dependency_count = certain ? supposed.size() : orders->certain.size();
  std::vector<uint32_t> judged;
  if (certain) {
    const Refutations all = judge_suspects(supposed, options, threads, Depth::everything, judged, a);
    for (const Model m : members(all.refuted | judge_alone(odd, judged, options, a))) a.decisions.refute(m);
    for (const Model m : members(all.open)) a.decisions.leave_open(m, "deciding it needs too much work");
    return ok_status();
  }
  const Refutations sure = judge_suspects(orders->certain, options, threads, Depth::edges, judged, a);
  for (const Model m : members(sure.refuted)) a.decisions.refute(m);
  // The supposed order is one of those that the certain one allows: what holds with it holds.
  judged.clear();
  const Refutations doubtful = judge_suspects(supposed, options, threads, Depth::no_cycles, judged, a);
  const std::string why =
      "the versions of " + std::to_string(orders->unordered_keys) +
      " keys are only partly ordered by what was read, and in the order supposed it fails";
  ModelSet open = doubtful.refuted | doubtful.open | judge_alone(odd, judged, options, a);
  if (by_order.any(Kind::unseen_overwrite)) open |= failing_with(Model::cursor_stability);
  for (const Model m : members(open)) a.decisions.leave_open(m, why);
  return ok_status();
}

}  // namespace

Result<Analysis> analyse(const History& history, const AnalysisOptions& options, const Budget& budget) {
  const unsigned threads =
      budget.threads != 0 ? budget.threads : std::max(1U, std::thread::hardware_concurrency());
  const uint64_t expected = history.size() * kBytesAnEntry;
  if (budget.memory_bytes != 0 && expected > budget.memory_bytes)
    return Error{"the analysis of " + std::to_string(history.size()) + " entries needs about " +
                 std::to_string(expected >> 20) + " MB, more than the budget of " +
                 std::to_string(budget.memory_bytes >> 20) + " MB"};
  auto read = read_transactions(history, threads);
  if (!read) return read.error();
  Analysis a;
  a.transactions = std::move(*read);
  if (options.workload) a.transactions.workload = *options.workload;
  if (a.transactions.writes && a.transactions.workload == Workload::list_append)
    return Error{"the history has plain writes (:w): it is not list-append, but wr"};
  if (a.transactions.appends && a.transactions.workload == Workload::rw_register)
    return Error{"the history has appends: it is not wr, but list-append"};
  a.registers = options.registers;
  const bool registers = a.transactions.workload == Workload::rw_register;
  const Status done = registers ? analyse_registers(options, threads, a) : analyse_lists(options, threads, a);
  if (!done) return done.error();
  refute_by_findings(a.findings, a.decisions);
  close(a.decisions);
  return a;
}

}  // namespace riven::checkers::isolation
