// Changing and dropping operations.
#include <algorithm>

#include "harness/generator/combinators.h"
#include "harness/generator/wrap.h"

namespace riven::gen {

namespace {

constexpr int kDroppedInARow = 10'000;

/// A generator around a child that all its copies share one `What` with. Passes updates and the end on.
template <typename Self, typename What>
class Around : public Generator {
 public:
  Around(std::shared_ptr<const What> what, GeneratorPtr child)
      : what_(std::move(what)), child_(std::move(child)) {}

  Updated update(const Context& context, const Op& op) const override {
    return again(child_->update(context, op));
  }
  GeneratorPtr finish() const override {
    GeneratorPtr rest = child_->finish();
    return rest ? around(std::move(rest)) : nullptr;
  }

 protected:
  GeneratorPtr around(GeneratorPtr child) const { return std::make_shared<Self>(what_, std::move(child)); }
  Step again(Step step) const {
    return wrap(std::move(step), [this](GeneratorPtr rest) { return around(std::move(rest)); });
  }
  Updated again(Updated updated) const {
    return wrap(std::move(updated), [this](GeneratorPtr rest) { return around(std::move(rest)); });
  }
  const What& what() const { return *what_; }
  const GeneratorPtr& child() const { return child_; }

 private:
  std::shared_ptr<const What> what_;
  GeneratorPtr child_;
};

using Change = std::function<Op(Op, const Context&)>;
class Map final : public Around<Map, Change> {
 public:
  using Around::Around;
  Step next(const Context& context) const override {
    Step step = child()->next(context);
    if (step.is_emit()) step.op = what()(std::move(step.op), context);
    return again(std::move(step));
  }
};

using Names = std::vector<std::pair<Symbol, Symbol>>;
class FMap final : public Around<FMap, Names> {
 public:
  using Around::Around;
  Step next(const Context& context) const override {
    Step step = child()->next(context);
    if (step.is_emit()) {
      for (const auto& [from, to] : what()) {
        if (step.op.f == from) {
          step.op.f = to;
          break;
        }
      }
    }
    return again(std::move(step));
  }
  Updated update(const Context& context, const Op& op) const override {
    const auto named =
        std::find_if(what().begin(), what().end(), [&](const auto& name) { return name.second == op.f; });
    if (named == what().end()) return again(child()->update(context, op));
    Op original = op;
    original.f = named->first;
    return again(child()->update(context, original));
  }
};

using Keep = std::function<bool(const Op&)>;
class Filter final : public Around<Filter, Keep> {
 public:
  using Around::Around;
  Step next(const Context& context) const override {
    GeneratorPtr rest = child();
    // The time is part of the key: after a pause a stateless child must not repeat the draws that were
    // dropped.
    uint64_t key = mix64(static_cast<uint64_t>(context.time_ns()));
    for (int dropped = 0; dropped < kDroppedInARow; ++dropped) {
      Step step = next_of(rest, context.fork(key++));
      if (step.is_emit() && !what()(step.op)) {
        rest = std::move(step.rest);
        continue;
      }
      if (step.is_pending() && !step.rest && rest != child()) step.rest = std::move(rest);
      return again(std::move(step));
    }
    return Step::pending(context.time_ns() + 1'000'000, around(std::move(rest)));
  }
};

using Handle = std::function<Updated(const GeneratorPtr&, const Context&, const Op&)>;
class OnUpdate final : public Around<OnUpdate, Handle> {
 public:
  using Around::Around;
  Step next(const Context& context) const override { return again(child()->next(context)); }
  Updated update(const Context& context, const Op& op) const override {
    return again(what()(child(), context, op));
  }
  GeneratorPtr finish() const override { return child()->finish(); }
};

}  // namespace

GeneratorPtr map(std::function<Op(Op, const Context&)> change, GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<Map>(std::make_shared<const Change>(std::move(change)), std::move(child));
}

GeneratorPtr map(std::function<Op(Op)> change, GeneratorPtr child) {
  return map([change = std::move(change)](Op op, const Context&) { return change(std::move(op)); },
             std::move(child));
}

GeneratorPtr f_map(const std::map<std::string, std::string>& names, GeneratorPtr child) {
  if (!child) return nullptr;
  Names symbols;
  for (const auto& [from, to] : names) symbols.emplace_back(Symbol(from), Symbol(to));
  return std::make_shared<FMap>(std::make_shared<const Names>(std::move(symbols)), std::move(child));
}

GeneratorPtr filter(std::function<bool(const Op&)> keep, GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<Filter>(std::make_shared<const Keep>(std::move(keep)), std::move(child));
}

GeneratorPtr on_update(std::function<Updated(const GeneratorPtr&, const Context&, const Op&)> handle,
                       GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<OnUpdate>(std::make_shared<const Handle>(std::move(handle)), std::move(child));
}

}  // namespace riven::gen
