#include "tests/checkers/isolation/plain/reading.h"

#include <map>
#include <unordered_map>

#include "harness/core/check.h"

namespace riven::checkers::isolation::plain {

namespace {

/// Numbers things by their value.
class Numbers {
 public:
  int of(const ValueView& v) {
    const int next = static_cast<int>(integers_.size() + others_.size());
    if (v.is_integer()) return integers_.try_emplace(v.integer(), next).first->second;
    return others_.try_emplace(to_edn(v.to_value()), next).first->second;
  }
  size_t size() const { return integers_.size() + others_.size(); }

 private:
  std::unordered_map<int64_t, int> integers_;
  std::map<std::string, int> others_;
};

class Reader {
 public:
  explicit Reader(const History& history) : history_(history) {}

  World read() {
    for (size_t i = 0; i < history_.size(); ++i) {
      if (history_.is_client(i) && history_.type(i) == OpType::invoke) transaction(i);
    }
    for (Numbers& n : values_) world_.writers.emplace_back(n.size());
    for (size_t t = 0; t < world_.txns.size(); ++t) {
      for (size_t s = 0; s < world_.txns[t].steps.size(); ++s) {
        const Step& step = world_.txns[t].steps[s];
        if (!step.write) continue;
        Writer& writer = world_.writers[static_cast<size_t>(step.key)][static_cast<size_t>(step.value)];
        RIVEN_CHECK(writer.txn < 0, "a value was written twice");
        writer = {static_cast<int>(t), static_cast<int>(s)};
      }
    }
    return std::move(world_);
  }

 private:
  void transaction(size_t invoke) {
    const uint32_t complete = history_.pair(invoke);
    const OpType outcome = complete == History::kNone ? OpType::info : history_.type(complete);
    Txn txn;
    txn.session = history_.process(invoke);
    txn.invoked = static_cast<int64_t>(invoke);
    txn.returned = outcome == OpType::ok ? static_cast<int64_t>(complete) : Txn::kNever;
    txn.fate = outcome == OpType::ok ? Fate::ok : outcome == OpType::fail ? Fate::failed : Fate::unknown;
    for (const ValueView mop : history_.value(outcome == OpType::ok ? complete : invoke)) {
      txn.steps.push_back(step(mop, outcome == OpType::ok));
    }
    world_.txns.push_back(std::move(txn));
  }

  Step step(const ValueView& mop, bool known) {
    const ValueView name = mop.at(0), value = mop.at(2);
    Step out;
    out.key = key(mop.at(1));
    Numbers& values = values_[static_cast<size_t>(out.key)];
    out.write = !name.is_name(Symbol("r"));
    if (out.write) {
      world_.lists |= name.is_name(Symbol("append"));
      out.value = values.of(value);
    } else if (known && value.is_list()) {
      world_.lists = true;
      for (const ValueView element : value) out.seen.push_back(values.of(element));
    } else if (known && !value.is_nil()) {
      out.value = values.of(value);
    }
    out.known = out.write || known;
    return out;
  }

  int key(const ValueView& v) {
    const int k = keys_.of(v);
    if (static_cast<size_t>(k) == values_.size()) {
      values_.emplace_back();
      world_.keys.push_back(to_edn(v.to_value()));
    }
    return k;
  }

  const History& history_;
  World world_;
  Numbers keys_;
  std::vector<Numbers> values_;
};

}  // namespace

World read_world(const History& history) { return Reader(history).read(); }

void settle(World& world) {
  const auto observe = [&](const Step& step, int value) {
    const int writer = world.writers[static_cast<size_t>(step.key)][static_cast<size_t>(value)].txn;
    if (writer >= 0 && world.txns[static_cast<size_t>(writer)].fate == Fate::unknown)
      world.txns[static_cast<size_t>(writer)].fate = Fate::observed;
  };
  for (const Txn& txn : world.txns) {
    if (txn.fate != Fate::ok) continue;  // nobody knows what the others read
    for (const Step& step : txn.steps) {
      if (step.write) continue;
      for (const int element : step.seen) observe(step, element);
      if (step.value != Step::kNothing) observe(step, step.value);
    }
  }
}

}  // namespace riven::checkers::isolation::plain
