// Changing and dropping operations.
#include <algorithm>

#include "harness/generator/combinators.h"
#include "harness/generator/wrap.h"

namespace riven::gen {

namespace {

constexpr int kDroppedInARow = 10'000;

class Map final : public Generator {
 public:
  using Change = std::function<Op(Op, const Context&)>;
  Map(std::shared_ptr<const Change> change, GeneratorPtr child)
      : change_(std::move(change)), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    Step step = child_->next(context);
    if (step.is_emit()) step.op = (*change_)(std::move(step.op), context);
    return wrap(std::move(step), [&](GeneratorPtr rest) { return around(std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    return wrap(child_->update(context, op), [&](GeneratorPtr g) { return around(std::move(g)); });
  }
  GeneratorPtr finish() const override {
    GeneratorPtr rest = child_->finish();
    return rest ? around(std::move(rest)) : nullptr;
  }

 private:
  GeneratorPtr around(GeneratorPtr child) const { return std::make_shared<Map>(change_, std::move(child)); }
  std::shared_ptr<const Change> change_;
  GeneratorPtr child_;
};

class FMap final : public Generator {
 public:
  using Names = std::vector<std::pair<Symbol, Symbol>>;
  FMap(std::shared_ptr<const Names> names, GeneratorPtr child)
      : names_(std::move(names)), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    Step step = child_->next(context);
    if (step.is_emit()) {
      for (const auto& [from, to] : *names_) {
        if (step.op.f == from) {
          step.op.f = to;
          break;
        }
      }
    }
    return wrap(std::move(step), [&](GeneratorPtr rest) { return around(std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    const auto named =
        std::find_if(names_->begin(), names_->end(), [&](const auto& name) { return name.second == op.f; });
    Updated updated;
    if (named == names_->end()) {
      updated = child_->update(context, op);
    } else {
      Op original = op;
      original.f = named->first;
      updated = child_->update(context, original);
    }
    return wrap(std::move(updated), [&](GeneratorPtr g) { return around(std::move(g)); });
  }
  GeneratorPtr finish() const override {
    GeneratorPtr rest = child_->finish();
    return rest ? around(std::move(rest)) : nullptr;
  }

 private:
  GeneratorPtr around(GeneratorPtr child) const { return std::make_shared<FMap>(names_, std::move(child)); }
  std::shared_ptr<const Names> names_;
  GeneratorPtr child_;
};

class Filter final : public Generator {
 public:
  using Keep = std::function<bool(const Op&)>;
  Filter(std::shared_ptr<const Keep> keep, GeneratorPtr child)
      : keep_(std::move(keep)), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    GeneratorPtr child = child_;
    // The time is part of the key: after a pause a stateless child must not repeat the draws that were
    // dropped.
    uint64_t key = mix64(static_cast<uint64_t>(context.time_ns()));
    for (int dropped = 0; dropped < kDroppedInARow; ++dropped) {
      Step step = next_of(child, context.fork(key++));
      if (step.is_emit() && !(*keep_)(step.op)) {
        child = std::move(step.rest);
        continue;
      }
      if (step.is_pending() && !step.rest && child != child_) step.rest = std::move(child);
      return wrap(std::move(step), [&](GeneratorPtr rest) { return around(std::move(rest)); });
    }
    return Step::pending(context.time_ns() + 1'000'000, around(std::move(child)));
  }
  Updated update(const Context& context, const Op& op) const override {
    return wrap(child_->update(context, op), [&](GeneratorPtr g) { return around(std::move(g)); });
  }
  GeneratorPtr finish() const override {
    GeneratorPtr rest = child_->finish();
    return rest ? around(std::move(rest)) : nullptr;
  }

 private:
  GeneratorPtr around(GeneratorPtr child) const { return std::make_shared<Filter>(keep_, std::move(child)); }
  std::shared_ptr<const Keep> keep_;
  GeneratorPtr child_;
};

class OnUpdate final : public Generator {
 public:
  using Handle = std::function<Updated(const GeneratorPtr&, const Context&, const Op&)>;
  OnUpdate(std::shared_ptr<const Handle> handle, GeneratorPtr child)
      : handle_(std::move(handle)), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    return wrap(child_->next(context), [&](GeneratorPtr rest) { return around(std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    return wrap((*handle_)(child_, context, op), [&](GeneratorPtr g) { return around(std::move(g)); });
  }
  GeneratorPtr finish() const override { return child_->finish(); }

 private:
  GeneratorPtr around(GeneratorPtr child) const {
    return std::make_shared<OnUpdate>(handle_, std::move(child));
  }
  std::shared_ptr<const Handle> handle_;
  GeneratorPtr child_;
};

}  // namespace

GeneratorPtr map(std::function<Op(Op, const Context&)> change, GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<Map>(std::make_shared<const Map::Change>(std::move(change)), std::move(child));
}

GeneratorPtr map(std::function<Op(Op)> change, GeneratorPtr child) {
  return map([change = std::move(change)](Op op, const Context&) { return change(std::move(op)); },
             std::move(child));
}

GeneratorPtr f_map(const std::map<std::string, std::string>& names, GeneratorPtr child) {
  if (!child) return nullptr;
  FMap::Names symbols;
  for (const auto& [from, to] : names) symbols.emplace_back(Symbol(from), Symbol(to));
  return std::make_shared<FMap>(std::make_shared<const FMap::Names>(std::move(symbols)), std::move(child));
}

GeneratorPtr filter(std::function<bool(const Op&)> keep, GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<Filter>(std::make_shared<const Filter::Keep>(std::move(keep)), std::move(child));
}

GeneratorPtr on_update(std::function<Updated(const GeneratorPtr&, const Context&, const Op&)> handle,
                       GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<OnUpdate>(std::make_shared<const OnUpdate::Handle>(std::move(handle)),
                                    std::move(child));
}

}  // namespace riven::gen
