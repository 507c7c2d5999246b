// What must not change what the checker says of a medium history: other names of keys, values and processes,
// transactions that have nothing to do with it, and that failed ones are left out.
#include <algorithm>
#include <map>
#include <numeric>

#include "checkers/isolation/analysis.h"
#include "harness/core/rng.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/plain/databases.h"
#include "tests/checkers/isolation/plain/environment.h"
#include "tests/sanitized.h"

namespace riven::checkers::isolation::plain {

namespace {

template <typename T>
void shuffle(std::vector<T>& items, Rng& rng) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[rng.below(i)]);
}

void rename_keys(Draft& draft, Rng& rng) {
  std::vector<int> names(64);
  std::iota(names.begin(), names.end(), -20);
  shuffle(names, rng);
  for (DraftTxn& txn : draft.txns) {
    for (DraftStep& step : txn.steps) step.key = names[static_cast<size_t>(step.key)];
  }
}

/// Of all sizes, and in another order.
void rename_values(Draft& draft, Rng& rng) {
  std::map<int64_t, int64_t> names, taken;
  const auto rename = [&](int64_t& value) {
    const auto [at, fresh] = names.try_emplace(value, 0);
    while (fresh && (at->second == 0 || !taken.try_emplace(at->second, value).second))
      at->second = static_cast<int64_t>(rng.next() >> rng.below(64)) * (rng.chance(0.5) ? 1 : -1);
    value = at->second;
  };
  for (DraftTxn& txn : draft.txns) {
    for (DraftStep& step : txn.steps) {
      if (step.write) rename(step.value);
      for (int64_t& seen : step.seen) rename(seen);
    }
  }
}

void rename_processes(Draft& draft, Rng& rng) {
  std::vector<Process> names(1024);
  std::iota(names.begin(), names.end(), 0);
  shuffle(names, rng);
  for (DraftTxn& txn : draft.txns) txn.process = names[static_cast<size_t>(txn.process)];
}

/// Serial, on keys of their own, by a process of their own, at any time.
void add_strangers(Draft& draft, Rng& rng) {
  for (DraftTxn& txn : draft.txns) {
    txn.invoked *= 4;
    if (txn.completed != DraftTxn::kPending) txn.completed *= 4;
  }
  std::vector<int64_t> all;
  const auto end = static_cast<int64_t>(draft.txns.size()) * 2;
  for (int64_t at = static_cast<int64_t>(rng.below(9)); at < end;
       at += 1 + static_cast<int64_t>(rng.below(12))) {
    const int64_t value = -1 - at;
    DraftTxn txn{2000, 4 * at + 1, 4 * at + 2, rng.chance(0.2) ? OpType::fail : OpType::ok, {}};
    txn.steps.push_back({false, 50, 0, all});
    txn.steps.push_back({true, 50, value, {}});
    if (txn.outcome == OpType::ok) all.push_back(value);
    draft.txns.push_back(std::move(txn));
  }
}

/// Those whose writes nobody read.
void drop_failed(Draft& draft, Rng&) {
  std::vector<int64_t> seen;
  for (const DraftTxn& txn : draft.txns) {
    for (const DraftStep& step : txn.steps) seen.insert(seen.end(), step.seen.begin(), step.seen.end());
  }
  std::sort(seen.begin(), seen.end());
  std::erase_if(draft.txns, [&](const DraftTxn& txn) {
    return txn.outcome == OpType::fail &&
           std::none_of(txn.steps.begin(), txn.steps.end(), [&](const DraftStep& step) {
             return step.write && std::binary_search(seen.begin(), seen.end(), step.value);
           });
  });
}

struct Change {
  const char* name;
  void (*apply)(Draft&, Rng&);
};
constexpr Change kChanges[] = {{"other keys", rename_keys},
                               {"other values", rename_values},
                               {"other processes", rename_processes},
                               {"strangers beside", add_strangers},
                               {"failed transactions left out", drop_failed}};

std::string verdicts(const Draft& draft) {
  const History history = to_history(draft);
  const auto a = analyse(history, {}, {});
  if (!a) FAIL(a.error().message);
  std::string out;
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    const Standing s = a->decisions.standing(m);
    out += std::string(name_of(m)) + (s == Standing::refuted ? ": refuted\n"
                                      : s == Standing::holds ? ": holds\n"
                                                             : ": undecided\n");
  }
  return out;
}

void compare_changed(bool lists) {
  const uint64_t n = number_from("RIVEN_DIFFERENTIAL", kSanitized ? 12 : 100),
                 seed = number_from("RIVEN_SEED", 1);
  for (uint64_t i = 0; i < n; ++i) {
    const uint64_t own = seed * 1'000'000'007 + i;
    const Draft draft = simulate(drawn_options(own, lists));
    const std::string before = verdicts(draft);
    for (const Change& change : kChanges) {
      Rng rng(own);
      Draft changed = draft;
      change.apply(changed, rng);
      INFO(change.name << ", seed " << own);
      CHECK(verdicts(changed) == before);
    }
  }
}

}  // namespace

TEST_CASE("names, strangers and failures do not change the verdicts on medium histories of lists") {
  compare_changed(true);
}
TEST_CASE("names, strangers and failures do not change the verdicts on medium histories of registers") {
  compare_changed(false);
}

}  // namespace riven::checkers::isolation::plain
