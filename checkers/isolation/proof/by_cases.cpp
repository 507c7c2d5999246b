// Models that fail whatever the order of the versions that nobody saw.
#include <algorithm>

#include "checkers/isolation/late_orders.h"
#include "checkers/isolation/proof/prove.h"

namespace riven::checkers::isolation {

namespace {

constexpr size_t kMostWorlds = 24;
constexpr uint64_t kWork = 50'000'000;  // for each world

class CaseProver {
 public:
  CaseProver(const Judged& judged, Model model) : j_(judged), model_(model) {}

  std::optional<Proof> run() {
    LateOrders late = late_orders(j_.t, j_.suspect);
    if (late.empty()) return std::nullopt;
    std::vector<LateOrders> worlds;
    do {
      worlds.push_back(late);
    } while (worlds.size() <= kMostWorlds && next_orders(late));
    if (worlds.size() > kMostWorlds) return std::nullopt;
    return split(worlds);
  }

 private:
  static bool precedes(const LateOrders& world, uint32_t key, uint32_t a, uint32_t b) {
    const auto& order = world.at(key);
    return std::find(order.begin(), order.end(), a) < std::find(order.begin(), order.end(), b);
  }

  // By the order of two writers that the worlds do not agree on.
  std::optional<Proof> split(const std::vector<LateOrders>& worlds) {
    if (worlds.size() == 1) return leaf(worlds[0]);
    for (const auto& [key, order] : worlds[0])
      for (size_t b = 1; b < order.size(); ++b)
        for (size_t a = 0; a < b; ++a) {
          std::vector<LateOrders> side[2];
          for (const LateOrders& world : worlds)
            side[precedes(world, key, order[a], order[b]) ? 0 : 1].push_back(world);
          if (side[1].empty()) continue;
          Proof out;
          out.model = model_;
          out.first = unseen_write(key, order[a]);
          out.second = unseen_write(key, order[b]);
          for (const auto& one : side) {
            auto proof = split(one);
            if (!proof) return std::nullopt;
            out.cases.push_back(std::move(*proof));
          }
          return out;
        }
    return std::nullopt;
  }
  uint32_t unseen_write(uint32_t key, uint32_t v) const {
    const uint32_t txn = j_.suspect.txns[v];
    for (uint32_t m = j_.t.begin_of(txn); m < j_.t.end_of(txn); ++m)
      if (j_.t.mops[m].is_write() && j_.t.mops[m].key == key && j_.t.mops[m].version() == Mop::kUnobserved)
        return m;
    return kNone;
  }

  // In this world a model that this one implies may be what fails.
  std::optional<Proof> leaf(const LateOrders& late) const {
    const Suspect suspect = with_late_order(j_.suspect, late);
    const Refutations found = judge_world(j_.t, j_.orders, suspect, &late, kWork, 0);
    const Judged world{j_.t, j_.orders, suspect, found.offences};
    Proof out;
    out.model = model_;
    for (const Model m : members(implied_by(model_) & found.refuted)) {
      out.steps = prove_by_past(world, m, &late);
      if (out.steps.empty()) out.steps = prove_by_edges(world, m);
      if (!out.steps.empty()) return out;
    }
    return std::nullopt;
  }

  const Judged& j_;
  Model model_;
};

}  // namespace

std::optional<Proof> prove_by_cases(const Judged& judged, Model model) {
  return CaseProver(judged, model).run();
}

}  // namespace riven::checkers::isolation
