#include "harness/generator/independent.h"

#include <stdexcept>
#include <vector>

#include "harness/generator/choose.h"
#include "harness/generator/combinators.h"

namespace riven::gen {

namespace {

constexpr int kEmptyKeysInARow = 1'000;

Value keyed(const Value& key, Value value) { return Value::List{key, std::move(value)}; }

/// What all states of one tree share.
struct Plan {
  Keys keys;
  KeyGenerator make;
  size_t threads_per_key;         // 0: all threads together
  std::vector<ThreadSet> groups;  // fixed when first asked; empty before
};

/// What a group works at.
struct Group {
  Value key;
  GeneratorPtr generator;  // null: the next key, if there is one
};

struct State {
  int64_t next_key = 0;
  bool keys_left = true;
  std::vector<Group> groups;
};

class IndependentKeys final : public Generator {
 public:
  IndependentKeys(std::shared_ptr<const Plan> plan, State state)
      : plan_(std::move(plan)), state_(std::move(state)) {}

  Step next(const Context& context) const override {
    if (plan_->groups.empty()) return begin(context);
    State state = state_;
    const auto free_in = [&](size_t g) { return (context.free_threads() & plan_->groups[g]).size(); };
    bool changed = false;
    Choice choice = choose_ready(
        context, state.groups.size(),
        [&](size_t g) {
          const bool alive = state_.groups[g].generator || state_.keys_left;
          return alive ? static_cast<double>(free_in(g)) : 0;
        },
        [&](size_t g, const Context& child) { return ask(state, g, child); },
        [&](size_t g, Step& step) {
          if (!step.rest && !step.is_done()) return;
          changed = true;
          state.groups[g].generator = std::move(step.rest);
        });
    if (choice.index) {
      Group& group = state.groups[*choice.index];
      choice.step.op.value = keyed(group.key, std::move(choice.step.op.value));
      group.generator = std::move(choice.step.rest);
      choice.step.rest = make(plan_, std::move(state));
    } else if (changed) {
      choice.step.rest = make(plan_, std::move(state));
      if (!choice.step.rest) return Step::done();
    }
    return std::move(choice.step);
  }

  Updated update(const Context& context, const Op& op) const override {
    if (!op.value.is_list() || op.value.list().size() != 2) return std::nullopt;
    const Thread thread = context.thread_of(op.process);
    for (size_t g = 0; g < plan_->groups.size(); ++g) {
      const Group& group = state_.groups[g];
      if (!plan_->groups[g].contains(thread)) continue;
      if (!group.generator || !(op.value.list()[0] == group.key)) return std::nullopt;
      Op inner = op;
      inner.value = op.value.list()[1];
      const RestrictedContext restricted(context, plan_->groups[g]);
      Updated updated = group.generator->update(restricted.view(), inner);
      if (!updated) return std::nullopt;
      State state = state_;
      state.groups[g].generator = std::move(*updated);
      return make(plan_, std::move(state));
    }
    return std::nullopt;
  }

  GeneratorPtr finish() const override {
    State open = state_;
    open.keys_left = false;
    for (Group& group : open.groups) group.generator = finish_of(group.generator);
    return make(plan_, std::move(open));
  }

 private:
  static GeneratorPtr make(std::shared_ptr<const Plan> plan, State state) {
    bool alive = state.keys_left;
    for (const Group& group : state.groups) alive = alive || group.generator;
    return alive ? std::make_shared<IndependentKeys>(std::move(plan), std::move(state)) : nullptr;
  }

  Step begin(const Context& context) const {
    auto plan = std::make_shared<Plan>(*plan_);
    ThreadSet all = context.threads() & context.world().client_threads();
    if (all.empty()) all = context.threads();
    if (all.empty()) return Step::done();
    const size_t threads = all.size();
    const size_t each = plan->threads_per_key == 0 ? threads : plan->threads_per_key;
    for (size_t first = 0; first < threads; first += each) {
      ThreadSet group;
      for (size_t n = first; n < std::min(first + each, threads); ++n) group.insert(all.nth(n));
      plan->groups.push_back(group);
    }
    State state = state_;
    state.groups.resize(plan->groups.size());
    const auto begun = std::make_shared<IndependentKeys>(std::move(plan), std::move(state));
    Step step = begun->next(context);
    if (step.is_pending() && !step.rest) step.rest = begun;
    return step;
  }

  /// Asks the group's generator, and those of further keys while it is done.
  Step ask(State& state, size_t g, const Context& context) const {
    Group& group = state.groups[g];
    const RestrictedContext restricted(context, plan_->groups[g]);
    for (int empty = 0; empty < kEmptyKeysInARow; ++empty) {
      const Context child = restricted.view().fork(static_cast<uint64_t>(empty));
      Step step = next_of(group.generator, child);
      if (!step.is_done()) {
        if (step.is_pending() && !step.rest && empty > 0) step.rest = group.generator;
        return step;
      }
      group.generator = nullptr;
      std::optional<Value> key = state.keys_left ? plan_->keys(state.next_key) : std::nullopt;
      if (!key) {
        state.keys_left = false;
        return step;
      }
      group.key = std::move(*key);
      group.generator = plan_->make(group.key, state.next_key++);
    }
    throw std::runtime_error("independent keys: " + std::to_string(kEmptyKeysInARow) +
                             " keys in a row had nothing to do");
  }

  std::shared_ptr<const Plan> plan_;
  State state_;
};

}  // namespace

Keys integer_keys(int64_t count) {
  return [count](int64_t i) -> std::optional<Value> {
    if (count >= 0 && i >= count) return std::nullopt;
    return Value(i);
  };
}

GeneratorPtr sequential_keys(Keys keys, KeyGenerator make) {
  return concurrent_keys(0, std::move(keys), std::move(make));
}

GeneratorPtr concurrent_keys(size_t threads_per_key, Keys keys, KeyGenerator make) {
  auto plan = std::make_shared<Plan>(Plan{std::move(keys), std::move(make), threads_per_key, {}});
  return std::make_shared<IndependentKeys>(std::move(plan), State{});
}

}  // namespace riven::gen
