// A cycle as a figure.
#include <algorithm>

#include "checkers/isolation/evidence.h"

namespace riven::checkers::isolation {

namespace {

constexpr size_t kMostDrawn = 12;  // transactions

CycleFigure::Transaction transaction_of(const Explainer& explainer, uint32_t txn, size_t number, bool timed) {
  const History& h = explainer.history();
  const Transactions& t = explainer.analysis().transactions;
  CycleFigure::Transaction out;
  out.name = "T" + std::to_string(number + 1);
  out.committed = t.state[txn] == TxnState::ok;
  out.title = out.name + (out.committed ? "" : " (outcome unknown to its client)") + "  process " +
              std::to_string(h.process(t.invoke[txn])) + ", index " +
              std::to_string(h.source_index(t.invoke[txn]));
  const auto moment = [&](uint32_t entry) { return timed ? h.time_ns(entry) : entry * kPlaceNs; };
  out.begin_ns = moment(t.invoke[txn]);
  if (t.complete[txn] != kNone) out.end_ns = moment(t.complete[txn]);
  return out;
}

CycleFigure figure_of(const Explainer& explainer, const Cycle& cycle) {
  const size_t n = cycle.steps.size();
  CycleFigure figure;
  if (n > kMostDrawn) {
    figure.left_out = n;
    return figure;
  }
  figure.timed = explainer.history().times_ascend();
  std::vector<std::vector<uint32_t>> mops(n);
  for (size_t i = 0; i < n; ++i)
    figure.transactions.push_back(transaction_of(explainer, cycle.steps[i].txn, i, figure.timed));
  for (size_t i = 0; i < n; ++i) {
    const size_t next = (i + 1) % n;
    const auto reason = explainer.edge(cycle.steps[i], cycle.steps[next].txn, figure.transactions[i].name,
                                       figure.transactions[next].name);
    figure.transactions[i].edge = reason.type;
    figure.transactions[i].reason = reason.sentence;
    if (reason.from_mop == kNone) continue;
    mops[i].push_back(reason.from_mop);
    mops[next].push_back(reason.to_mop);
  }
  for (size_t i = 0; i < n; ++i) {
    std::sort(mops[i].begin(), mops[i].end());
    mops[i].erase(std::unique(mops[i].begin(), mops[i].end()), mops[i].end());
    for (const uint32_t mop : mops[i])
      figure.transactions[i].micro_operations.push_back(explainer.mop_text(cycle.steps[i].txn, mop));
  }
  return figure;
}

}  // namespace

Figure cycle_figure(const Explainer& explainer, const Cycle& cycle, const std::string& id) {
  const std::string common = known_as(cycle, explainer);
  const bool whole = cycle.steps.size() <= kMostDrawn;
  return {id, name_of(cycle.cycle_class) + (common.empty() || !whole ? "" : " (" + common + ")"),
          figure_of(explainer, cycle)};
}

}  // namespace riven::checkers::isolation
