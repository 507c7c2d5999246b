// States of any type as numbers, for the built-in models and for a user's own.
#pragma once

#include <concepts>
#include <functional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "checkers/linearizable/state_space.h"

namespace riven::linearizable {

/// A StateSpace over a rule: `State Rule::initial()`, `bool Rule::step(State&, const Step&)` (false: illegal;
/// the state is then discarded), `std::string Rule::describe(const State&)`, `Traits Rule::traits(const
/// Step&)`, `size_t Rule::hash(const State&)`, `size_t Rule::size_bytes(const State&)`; State has ==.
template <typename Rule, typename Step>
class Interned final : public StateSpace {
 public:
  using State = typename Rule::State;
  Interned(Rule rule, std::vector<Step> kinds)
      : StateSpace(kinds.size()), rule_(std::move(rule)), kinds_(std::move(kinds)) {}

  uint32_t initial() override { return number(rule_.initial()); }
  std::string describe(uint32_t state) const override { return rule_.describe(*states_[state]); }
  uint64_t memory_bytes() const override { return bytes_ + table_bytes(); }
  Traits traits(uint32_t kind) const override { return rule_.traits(kinds_[kind]); }

 private:
  struct Hash {
    const Rule* rule;
    size_t operator()(const State& s) const { return rule->hash(s); }
  };

  uint32_t compute(uint32_t state, uint32_t kind) override {
    State next = *states_[state];
    return rule_.step(next, kinds_[kind]) ? number(std::move(next)) : kIllegal;
  }
  uint32_t number(State state) {
    const size_t size_bytes = rule_.size_bytes(state);
    const auto [found, fresh] = ids_.try_emplace(std::move(state), static_cast<uint32_t>(states_.size()));
    if (fresh) {
      states_.push_back(&found->first);  // nodes of the map stay where they are
      bytes_ += size_bytes + 64;
    }
    return found->second;
  }

  Rule rule_;
  std::vector<Step> kinds_;
  std::unordered_map<State, uint32_t, Hash> ids_{16, Hash{&rule_}};
  std::vector<const State*> states_;
  uint64_t bytes_ = 0;
};

}  // namespace riven::linearizable
