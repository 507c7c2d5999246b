// States of any type as numbers, for the built-in models and for a user's own.
#pragma once

#include <algorithm>
#include <concepts>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

#include "checkers/linearizable/state_space.h"

namespace riven::linearizable {

/// A StateSpace over a rule: `State Rule::initial()`, `bool Rule::step(State&, const Step&)` (false: illegal;
/// the state is then discarded), `std::string Rule::describe(const State&)`, `Traits Rule::traits(const
/// Step&)`, `size_t Rule::hash(const State&)`, `size_t Rule::size_bytes(const State&)` (what it holds outside
/// itself included); State has ==.
template <typename Rule, typename Step>
class Interned final : public StateSpace {
 public:
  using State = typename Rule::State;
  Interned(Rule rule, std::vector<Step> kinds)
      : StateSpace(kinds.size()), rule_(std::move(rule)), kinds_(std::move(kinds)) {}

  uint32_t initial() override { return number(rule_.initial()); }
  std::string describe(uint32_t state) const override { return rule_.describe(*states_[state]); }
  Traits traits(uint32_t kind) const override { return rule_.traits(kinds_[kind]); }

 private:
  struct Hash {
    const Rule* rule;
    size_t operator()(const State& s) const { return rule->hash(s); }
  };

  uint32_t compute(uint32_t state, uint32_t kind) override {
    State next = *states_[state];
    if (rule_.step(next, kinds_[kind])) return number(std::move(next));
    work(rule_.size_bytes(*states_[state]));
    return kIllegal;
  }
  uint32_t number(State state) {
    constexpr size_t kNodeBytes = 64;
    const size_t size_bytes = rule_.size_bytes(state);
    work(size_bytes);
    const auto [found, fresh] = ids_.try_emplace(std::move(state), static_cast<uint32_t>(states_.size()));
    if (fresh) {
      states_.push_back(&found->first);  // nodes of the map stay where they are
      hold(static_cast<int64_t>(size_bytes + kNodeBytes), size_bytes > sizeof(State) ? 2 : 1);
    }
    return found->second;
  }

  Rule rule_;
  std::vector<Step> kinds_;
  std::unordered_map<State, uint32_t, Hash> ids_{16, Hash{&rule_}};
  std::deque<const State*> states_;
};

/// The same for rules whose State is a vector of integers: states lie behind one another in large blocks,
/// found by a hash table of their numbers, so that millions of them are made and given back in no time.
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
    const auto words = content(state);
    return rule_.describe(Words(words.begin(), words.end()));
  }
  Traits traits(uint32_t kind) const override { return rule_.traits(kinds_[kind]); }

 private:
  std::span<const int32_t> content(uint32_t state) const {
    const int32_t* const at = states_[state];
    return {at + 1, static_cast<size_t>(*at)};
  }
  uint32_t compute(uint32_t state, uint32_t kind) override {
    const auto words = content(state);
    next_.assign(words.begin(), words.end());
    work(words.size() * sizeof(int32_t));
    return rule_.step(next_, kinds_[kind]) ? number() : kIllegal;
  }
  /// The number of next_.
  uint32_t number() {
    if (states_.size() * 2 >= table_.size()) grow();
    const size_t mask = table_.size() - 1;
    const auto hash = static_cast<uint32_t>(rule_.hash(next_));
    size_t slot = hash & mask;
    for (; table_[slot] != kIllegal; slot = (slot + 1) & mask) {
      if (hashes_[table_[slot]] != hash) continue;
      const auto words = content(table_[slot]);
      if (std::equal(words.begin(), words.end(), next_.begin(), next_.end())) return table_[slot];
    }
    keep();
    hashes_.push_back(hash);
    return table_[slot] = static_cast<uint32_t>(states_.size() - 1);
  }
  /// Copies next_, with its length before it, to where it stays.
  void keep() {
    constexpr size_t kFirstBlock = 1024;
    constexpr size_t kLargestBlock = size_t{1} << 18;
    const size_t words = next_.size() + 1;
    if (words > free_) {
      block_size_ = std::max(words, std::min(kLargestBlock, std::max(kFirstBlock, block_size_ * 2)));
      free_ = block_size_;
      blocks_.push_back(std::make_unique_for_overwrite<int32_t[]>(block_size_));
      hold(static_cast<int64_t>(block_size_ * sizeof(int32_t)), 1);
    }
    int32_t* const at = blocks_.back().get() + (block_size_ - free_);
    free_ -= words;
    *at = static_cast<int32_t>(next_.size());
    std::copy(next_.begin(), next_.end(), at + 1);
    states_.push_back(at);
  }
  void grow() {
    const size_t before = table_.size();
    const size_t after = std::max<size_t>(64, before * 2);
    table_ = {};  // what it held follows from the states
    table_.assign(after, kIllegal);
    hold(
        static_cast<int64_t>((after - before) * (sizeof(uint32_t) + (sizeof(void*) + sizeof(uint32_t)) / 2)));
    const size_t mask = table_.size() - 1;
    for (uint32_t i = 0; i < states_.size(); ++i) {
      size_t slot = hashes_[i] & mask;
      while (table_[slot] != kIllegal) slot = (slot + 1) & mask;
      table_[slot] = i;
    }
  }

  Rule rule_;
  std::vector<Step> kinds_;
  std::vector<std::unique_ptr<int32_t[]>> blocks_;
  size_t block_size_ = 0;  // of the last one, in words
  size_t free_ = 0;        // of it
  std::deque<const int32_t*> states_;
  std::deque<uint32_t> hashes_;  // of each: the table grows without a look at them
  std::vector<uint32_t> table_;
  Words next_;
};

}  // namespace riven::linearizable
