// States of any type as numbers, for the built-in models and for a user's own.
#pragma once

#include <algorithm>
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

/// The same for rules whose State is a vector of integers: states lie behind one another in one array, found
/// by a hash table of their numbers, so that millions of them are made and given back in no time.
template <typename Rule, typename Step>
class InternedWords final : public StateSpace {
 public:
  using Words = std::vector<int32_t>;
  InternedWords(Rule rule, std::vector<Step> kinds)
      : StateSpace(kinds.size()), rule_(std::move(rule)), kinds_(std::move(kinds)) {}

  uint32_t initial() override {
    next_ = rule_.initial();
    return number();
  }
  std::string describe(uint32_t state) const override {
    const auto [at, end] = range(state);
    return rule_.describe(Words(words_.begin() + at, words_.begin() + end));
  }
  uint64_t memory_bytes() const override {
    // A vector that is about to grow holds its old content too for a moment.
    return words_.capacity() * sizeof(int32_t) * (words_.size() * 8 > words_.capacity() * 7 ? 3 : 1) +
           ends_.capacity() * sizeof(uint64_t) + table_.capacity() * sizeof(uint32_t) * 2 + table_bytes();
  }
  Traits traits(uint32_t kind) const override { return rule_.traits(kinds_[kind]); }

 private:
  using Offset = std::ptrdiff_t;
  std::pair<Offset, Offset> range(uint32_t state) const {
    return {state == 0 ? 0 : static_cast<Offset>(ends_[state - 1]), static_cast<Offset>(ends_[state])};
  }
  uint32_t compute(uint32_t state, uint32_t kind) override {
    const auto [at, end] = range(state);
    next_.assign(words_.begin() + at, words_.begin() + end);
    return rule_.step(next_, kinds_[kind]) ? number() : kIllegal;
  }
  /// The number of next_.
  uint32_t number() {
    if (ends_.size() * 2 >= table_.size()) grow();
    const size_t mask = table_.size() - 1;
    size_t slot = rule_.hash(next_) & mask;
    for (; table_[slot] != kIllegal; slot = (slot + 1) & mask) {
      const auto [at, end] = range(table_[slot]);
      if (std::equal(words_.begin() + at, words_.begin() + end, next_.begin(), next_.end()))
        return table_[slot];
    }
    words_.insert(words_.end(), next_.begin(), next_.end());
    ends_.push_back(words_.size());
    return table_[slot] = static_cast<uint32_t>(ends_.size() - 1);
  }
  void grow() {
    table_.assign(std::max<size_t>(64, table_.size() * 2), kIllegal);
    const size_t mask = table_.size() - 1;
    Words state;
    for (uint32_t i = 0; i < ends_.size(); ++i) {
      const auto [at, end] = range(i);
      state.assign(words_.begin() + at, words_.begin() + end);
      size_t slot = rule_.hash(state) & mask;
      while (table_[slot] != kIllegal) slot = (slot + 1) & mask;
      table_[slot] = i;
    }
  }

  Rule rule_;
  std::vector<Step> kinds_;
  std::vector<int32_t> words_;
  std::vector<uint64_t> ends_;  // of each state in words_
  std::vector<uint32_t> table_;
  Words next_;
};

}  // namespace riven::linearizable
