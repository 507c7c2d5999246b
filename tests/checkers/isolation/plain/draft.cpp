#include "tests/checkers/isolation/plain/draft.h"

#include <algorithm>
#include <tuple>

#include "harness/core/check.h"

namespace riven::checkers::isolation::plain {

namespace {

Value value_of(const Draft& draft, const DraftTxn& txn, bool results) {
  Value::List steps;
  for (const DraftStep& step : txn.steps) {
    if (step.write) {
      steps.emplace_back(
          Value::List{Value::keyword(draft.lists ? "append" : "w"), Value(step.key), Value(step.value)});
      continue;
    }
    Value seen;
    if (results && draft.lists) {
      Value::List elements(step.seen.begin(), step.seen.end());
      seen = Value(std::move(elements));
    } else if (results && !step.seen.empty()) {
      seen = Value(step.seen.back());
    }
    steps.emplace_back(Value::List{Value::keyword("r"), Value(step.key), std::move(seen)});
  }
  return Value(std::move(steps));
}

/// All entries in order.
std::vector<Op> entries(const Draft& draft) {
  std::vector<std::tuple<int64_t, const DraftTxn*, bool>> events;
  for (const DraftTxn& txn : draft.txns) {
    events.emplace_back(txn.invoked, &txn, true);
    if (txn.completed != DraftTxn::kPending) events.emplace_back(txn.completed, &txn, false);
  }
  std::sort(events.begin(), events.end(),
            [](const auto& a, const auto& b) { return std::get<0>(a) < std::get<0>(b); });
  std::vector<Op> out;
  for (const auto& [time, txn, invoke] : events) {
    const OpType type = invoke ? OpType::invoke : txn->outcome;
    out.push_back({static_cast<int64_t>(out.size()),
                   static_cast<int64_t>(out.size()) * 1'000'000,
                   txn->process,
                   type,
                   Symbol("txn"),
                   value_of(draft, *txn, type == OpType::ok),
                   {}});
  }
  return out;
}

}  // namespace

History to_history(const Draft& draft) {
  HistoryBuilder builder;
  for (const Op& op : entries(draft)) builder.append(op);
  auto built = builder.finish();
  RIVEN_CHECK(built.has_value(), "a draft does not pair");
  return std::move(*built);
}

std::string to_edn(const Draft& draft) {
  std::string out;
  for (const Op& op : entries(draft)) {
    out += "{:index " + std::to_string(op.index) + ", :time " + std::to_string(op.time_ns) +
           ", :type :" + std::string(to_text(op.type)) + ", :process " + std::to_string(op.process) +
           ", :f :txn, :value " + riven::to_edn(op.value) + "}\n";
  }
  return out;
}

}  // namespace riven::checkers::isolation::plain
