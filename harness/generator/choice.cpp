// mix, any, shortest_any: several children at once.
#include <cmath>
#include <stdexcept>

#include "harness/generator/choose.h"
#include "harness/generator/combinators.h"

namespace riven::gen {

namespace {

using Children = std::vector<Weighted>;

/// Children that are done are taken out; null when none is left.
GeneratorPtr any_of(Children children);

class AnyOf final : public Generator, public std::enable_shared_from_this<AnyOf> {
 public:
  explicit AnyOf(Children children) : children_(std::move(children)) {}

  Step next(const Context& context) const override {
    Edited<Weighted> edited(children_);
    Choice choice = choose_ready(
        context, children_.size(), [&](size_t i) { return children_[i].weight; },
        [&](size_t i, const Context& child) { return children_[i].child->next(child); },
        [&](size_t i, Step& step) {
          if (step.is_done() || step.rest) edited.edit(i).child = std::move(step.rest);
        });
    if (choice.index) {
      if (edited.changed() || choice.step.rest != children_[*choice.index].child) {
        edited.edit(*choice.index).child = std::move(choice.step.rest);
        choice.step.rest = any_of(edited.take());
      } else {
        choice.step.rest = shared_from_this();
      }
      return std::move(choice.step);
    }
    if (edited.changed()) {
      choice.step.rest = any_of(edited.take());
      if (!choice.step.rest) return Step::done();
    }
    return std::move(choice.step);
  }

  Updated update(const Context& context, const Op& op) const override {
    Edited<Weighted> edited(children_);
    for (size_t i = 0; i < children_.size(); ++i) {
      if (Updated updated = children_[i].child->update(context, op)) {
        edited.edit(i).child = std::move(*updated);
      }
    }
    if (!edited.changed()) return std::nullopt;
    return any_of(edited.take());
  }

  GeneratorPtr finish() const override {
    Children open;
    for (const Weighted& each : children_) open.push_back({each.weight, each.child->finish()});
    return any_of(std::move(open));
  }

 private:
  Children children_;  // none null
};

GeneratorPtr any_of(Children children) {
  std::erase_if(children, [](const Weighted& each) { return !each.child; });
  if (children.empty()) return nullptr;
  if (children.size() == 1) return std::move(children.front().child);
  return std::make_shared<AnyOf>(std::move(children));
}

class ShortestAny final : public Generator {
 public:
  explicit ShortestAny(Generators children) : children_(std::move(children)) {}

  Step next(const Context& context) const override {
    // Each is asked, in order: a child that is done must be noticed though others are ready.
    std::vector<Step> steps;
    for (size_t i = 0; i < children_.size(); ++i) {
      steps.push_back(children_[i]->next(context.fork(i)));
      if (steps.back().is_done()) return Step::done();
    }
    Edited<GeneratorPtr> edited(children_);
    Choice choice = choose_ready(
        context, children_.size(), [](size_t) { return 1.0; },
        [&](size_t i, const Context&) { return std::move(steps[i]); },
        [&](size_t i, Step& step) {
          if (step.rest) edited.edit(i) = std::move(step.rest);
        });
    if (choice.index) edited.edit(*choice.index) = std::move(choice.step.rest);
    if (edited.changed()) choice.step.rest = make(edited.take());
    return std::move(choice.step);
  }

  Updated update(const Context& context, const Op& op) const override {
    Edited<GeneratorPtr> edited(children_);
    for (size_t i = 0; i < children_.size(); ++i) {
      if (Updated updated = children_[i]->update(context, op)) edited.edit(i) = std::move(*updated);
    }
    if (!edited.changed()) return std::nullopt;
    return make(edited.take());
  }

  GeneratorPtr finish() const override {
    Children open;
    for (const GeneratorPtr& each : children_) open.push_back({1, each->finish()});
    return any_of(std::move(open));
  }

  static GeneratorPtr make(Generators children) {
    for (const GeneratorPtr& each : children) {
      if (!each) return nullptr;
    }
    return children.empty() ? nullptr : std::make_shared<ShortestAny>(std::move(children));
  }

 private:
  Generators children_;  // none null
};

}  // namespace

GeneratorPtr mix(std::vector<Weighted> children) {
  for (const Weighted& each : children) {
    if (!(each.weight > 0) || !std::isfinite(each.weight)) {
      throw std::invalid_argument("mix: a weight must be a finite number above 0");
    }
  }
  return any_of(std::move(children));
}

GeneratorPtr mix(Generators children) {
  Children equal;
  for (GeneratorPtr& each : children) equal.push_back({1, std::move(each)});
  return any_of(std::move(equal));
}

GeneratorPtr any(Generators children) { return mix(std::move(children)); }

GeneratorPtr shortest_any(Generators children) { return ShortestAny::make(std::move(children)); }

}  // namespace riven::gen
