#include "checkers/linearizable/builtin_models.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "checkers/linearizable/interned.h"
#include "checkers/linearizable/model_rules.h"

namespace riven::linearizable {

namespace {

/// Registers: the state's number is the value's rank among those that occur. With many kinds a table of steps
/// costs more than it saves.
class RegisterSpace final : public StateSpace {
 public:
  RegisterSpace(const Projection& projection, std::vector<Operation> kinds, int32_t initial)
      : StateSpace(kinds.size() <= 128 ? kinds.size() : 0),
        projection_(projection),
        kinds_(std::move(kinds)) {
    values_ = {initial};
    for (const Operation& op : kinds_) {
      values_.push_back(op.a);
      if (op.f == Function::cas) values_.push_back(op.b);
    }
    std::sort(values_.begin(), values_.end());
    values_.erase(std::unique(values_.begin(), values_.end()), values_.end());
    for (Operation& op : kinds_) {
      op.a = rank(op.a);
      if (op.f == Function::cas) op.b = rank(op.b);
    }
    initial_ = rank(initial);
  }
  uint32_t initial() override { return static_cast<uint32_t>(initial_); }
  std::string describe(uint32_t state) const override { return value_text(projection_, values_[state]); }
  Traits traits(uint32_t kind) const override {
    const Operation& op = kinds_[kind];
    switch (op.f) {
      case Function::write:
        return {.overwrite = true};
      case Function::cas:
        return {.observer = op.a == op.b};
      default:
        return {.observer = true};
    }
  }

 private:
  int32_t rank(int32_t value) const {
    return static_cast<int32_t>(std::lower_bound(values_.begin(), values_.end(), value) - values_.begin());
  }
  uint32_t compute(uint32_t state, uint32_t kind) override {
    const Operation& op = kinds_[kind];
    const auto a = static_cast<uint32_t>(op.a);
    switch (op.f) {
      case Function::write:
        return a;
      case Function::cas:
        return state == a ? static_cast<uint32_t>(op.b) : kIllegal;
      case Function::failed_cas:
        return state != a ? state : kIllegal;
      default:
        return state == a ? state : kIllegal;
    }
  }
  const Projection& projection_;
  std::vector<Operation> kinds_;
  std::vector<int32_t> values_;  // by state
  int32_t initial_ = 0;
};

class BuiltinSpec final : public ModelSpec {
  KvRule kv() const { return {&projection_, initial_, &lists_}; }

  template <typename Fn>
  auto with_rule(Fn&& fn) const {
    const WordsRule base{&projection_, &options_};
    switch (options_.model) {
      case Model::semaphore:
        return fn(SemaphoreRule{base});
      case Model::set:
        return fn(SetRule{base});
      case Model::fifo_queue:
      case Model::stack:
      case Model::priority_queue:
      case Model::unordered_queue:
        return fn(CollectionRule{base});
      case Model::counter:
        return fn(CounterRule{base});
      case Model::multi_register:
        return fn(MultiRegisterRule{base, initial_});
      default:
        return fn(MutexRule{base});
    }
  }

 public:
  BuiltinSpec(const ModelOptions& options, Projection& projection)
      : options_(options), projection_(projection) {
    ValueTable& table = projection.values;
    projection.initial = initial_ = table.id(options.initial);
    if (options.model != Model::kv) return;
    for (size_t i = 0; i < table.size(); ++i) {
      const Value value = table.value(static_cast<int32_t>(i));
      if (!value.is_list()) continue;
      Words& items = lists_[static_cast<int32_t>(i)];
      for (const Value& item : value.list()) items.push_back(table.id(item));
    }
  }

  std::unique_ptr<StateSpace> make(std::vector<Operation> kinds) const override {
    if (options_.model == Model::reg || options_.model == Model::cas_register)
      return std::make_unique<RegisterSpace>(projection_, std::move(kinds), initial_);
    if (options_.model == Model::kv)
      return std::make_unique<Interned<KvRule, Operation>>(kv(), std::move(kinds));
    return with_rule([&](auto rule) -> std::unique_ptr<StateSpace> {
      return std::make_unique<InternedWords<decltype(rule), Operation>>(std::move(rule), std::move(kinds));
    });
  }

  bool replay(std::span<const Operation> ops) const override {
    const auto run = [&](const auto& rule) {
      auto state = rule.initial();
      return std::all_of(ops.begin(), ops.end(), [&](const Operation& op) { return rule.step(state, op); });
    };
    if (options_.model == Model::reg || options_.model == Model::cas_register)
      return run(RegisterRule{initial_});
    if (options_.model == Model::kv) return run(kv());
    if (options_.model == Model::unordered_queue) return replay_bag(ops);
    return with_rule(run);
  }

  std::vector<Operation> crashed_as(const Operation& op, std::span<const Operation> part) const override {
    if (options_.model != Model::unordered_queue || op.f != Function::take || op.a != kUnknown) return {op};
    std::map<int32_t, Operation> any;
    for (const Operation& other : part) {
      if (other.f != Function::insert) continue;
      Operation effect = op;
      effect.a = other.a;
      any.emplace(other.a, effect);
    }
    std::vector<Operation> effects;
    for (const auto& [value, effect] : any) effects.push_back(effect);
    return effects;
  }

 private:
  /// A crashed removal may have taken any element that was there. What it took matters only when the bag is
  /// found empty: then each element that is left needs a crashed removal after its insertion.
  static bool replay_bag(std::span<const Operation> ops) {
    std::map<int32_t, std::vector<size_t>> there;  // positions of insertions
    std::vector<size_t> crashed;
    for (size_t k = 0; k < ops.size(); ++k) {
      const Operation& op = ops[k];
      if (op.f == Function::insert) {
        there[op.a].push_back(k);
      } else if (op.a == kUnknown) {
        crashed.push_back(k);
      } else if (op.a != kNil) {
        const auto found = there.find(op.a);
        if (found == there.end()) return false;
        // The one inserted last is the hardest to explain otherwise.
        if (op.f == Function::take) found->second.pop_back();
        if (found->second.empty()) there.erase(found);
      } else {
        std::vector<size_t> left;
        for (const auto& [value, at] : there) left.insert(left.end(), at.begin(), at.end());
        std::sort(left.begin(), left.end());
        if (left.size() > crashed.size()) return false;
        for (size_t i = 1; i <= left.size(); ++i)
          if (crashed[crashed.size() - i] < left[left.size() - i]) return false;
        crashed.resize(crashed.size() - left.size());
        there.clear();
      }
    }
    return true;
  }

  ModelOptions options_;
  const Projection& projection_;
  int32_t initial_ = kNil;
  std::unordered_map<int32_t, Words> lists_;
};

}  // namespace

std::unique_ptr<ModelSpec> builtin_model(const ModelOptions& options, Projection& projection) {
  return std::make_unique<BuiltinSpec>(options, projection);
}

}  // namespace riven::linearizable
