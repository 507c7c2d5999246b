// Order and repetition.
#include "harness/generator/combinators.h"
#include "harness/generator/wrap.h"

namespace riven::gen {

namespace {

class Sequence final : public Generator {
 public:
  using Parts = std::shared_ptr<const Generators>;
  Sequence(Parts parts, size_t at, GeneratorPtr current)
      : parts_(std::move(parts)), at_(at), current_(std::move(current)) {}

  Step next(const Context& context) const override {
    GeneratorPtr current = current_;
    for (size_t at = at_;; current = (*parts_)[at]) {
      Step step = next_of(current, context.fork(at));
      if (step.is_emit()) {
        step.rest = with(at, std::move(step.rest));
        return step;
      }
      if (step.is_pending()) {
        if (step.rest || at != at_) step.rest = with(at, step.rest ? std::move(step.rest) : current);
        return step;
      }
      if (++at == parts_->size()) return Step::done();
    }
  }

  Updated update(const Context& context, const Op& op) const override {
    Updated updated = update_of(current_, context, op);
    if (!updated) return std::nullopt;
    return with(at_, std::move(*updated));
  }

  GeneratorPtr finish() const override { return finish_of(current_); }

 private:
  GeneratorPtr with(size_t at, GeneratorPtr current) const {
    if (!current && at + 1 == parts_->size()) return nullptr;
    return std::make_shared<Sequence>(parts_, at, std::move(current));
  }

  Parts parts_;
  size_t at_;
  GeneratorPtr current_;  // null: parts_[at_] is done
};

class Limit final : public Generator {
 public:
  Limit(int64_t left, GeneratorPtr child) : left_(left), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    Step step = child_->next(context);
    const int64_t left = step.is_emit() ? left_ - 1 : left_;
    return wrap(std::move(step), [&](GeneratorPtr rest) { return limit(left, std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    return wrap(child_->update(context, op), [&](GeneratorPtr g) { return limit(left_, std::move(g)); });
  }
  GeneratorPtr finish() const override { return limit(left_, child_->finish()); }

 private:
  int64_t left_;
  GeneratorPtr child_;
};

class Repeat final : public Generator, public std::enable_shared_from_this<Repeat> {
 public:
  Repeat(int64_t left, GeneratorPtr child) : left_(left), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    Step step = child_->next(context);
    if (step.is_emit()) {
      step.rest = left_ < 0 ? shared_from_this() : repeat(left_ - 1, child_);
      return step;
    }
    return wrap(std::move(step), [&](GeneratorPtr rest) { return make(std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    return wrap(child_->update(context, op), [&](GeneratorPtr g) { return make(std::move(g)); });
  }
  GeneratorPtr finish() const override { return child_->finish(); }

 private:
  GeneratorPtr make(GeneratorPtr child) const { return std::make_shared<Repeat>(left_, std::move(child)); }
  int64_t left_;  // negative: for ever
  GeneratorPtr child_;
};

class Cycle final : public Generator {
 public:
  Cycle(int64_t rounds, GeneratorPtr fresh, GeneratorPtr current, bool emitted)
      : rounds_(rounds), fresh_(std::move(fresh)), current_(std::move(current)), emitted_(emitted) {}

  Step next(const Context& context) const override {
    Step step = next_of(current_, context);
    if (!step.is_done()) return in_round(rounds_, emitted_, std::move(step));
    if (!emitted_ || rounds_ == 1) return Step::done();
    const int64_t rounds = rounds_ < 0 ? rounds_ : rounds_ - 1;
    step = fresh_->next(context.fork(1));
    if (step.is_pending() && !step.rest) step.rest = fresh_;
    return in_round(rounds, false, std::move(step));
  }
  Updated update(const Context& context, const Op& op) const override {
    Updated updated = update_of(current_, context, op);
    if (!updated) return std::nullopt;
    return std::make_shared<Cycle>(rounds_, fresh_, std::move(*updated), emitted_);
  }
  GeneratorPtr finish() const override { return finish_of(current_); }

 private:
  Step in_round(int64_t rounds, bool emitted, Step step) const {
    if (step.is_emit()) {
      const bool over = !step.rest && rounds == 1;
      step.rest = over ? nullptr : std::make_shared<Cycle>(rounds, fresh_, std::move(step.rest), true);
    } else if (step.rest) {
      step.rest = std::make_shared<Cycle>(rounds, fresh_, std::move(step.rest), emitted);
    }
    return step;
  }

  int64_t rounds_;  // this one included; negative: for ever
  GeneratorPtr fresh_;
  GeneratorPtr current_;  // null: done
  bool emitted_;          // in this round
};

class FlipFlop final : public Generator {
 public:
  FlipFlop(GeneratorPtr a, GeneratorPtr b, bool open) : a_(std::move(a)), b_(std::move(b)), open_(open) {}

  Step next(const Context& context) const override { return open_ ? close(context) : begin(context); }

  Updated update(const Context& context, const Op& op) const override {
    Updated a = update_of(a_, context, op);
    Updated b = update_of(b_, context, op);
    if (!a && !b) return std::nullopt;
    return std::make_shared<FlipFlop>(a ? std::move(*a) : GeneratorPtr(a_),
                                      b ? std::move(*b) : GeneratorPtr(b_), open_);
  }

  GeneratorPtr finish() const override { return open_ ? once(b_) : nullptr; }

 private:
  Step begin(const Context& context) const {
    // A fault whose end is exhausted must not be begun.
    Step after = next_of(b_, context.fork(1));
    if (after.is_done()) return after;
    GeneratorPtr b = after.is_pending() && after.rest ? after.rest : b_;
    Step step = next_of(a_, context.fork(0));
    if (step.is_emit()) {
      step.rest = std::make_shared<FlipFlop>(std::move(step.rest), std::move(b), true);
    } else if (step.is_pending()) {
      step.wake_ns = after.is_pending() ? std::min(step.wake_ns, after.wake_ns) : step.wake_ns;
      if (step.rest || b != b_) {
        step.rest = std::make_shared<FlipFlop>(step.rest ? std::move(step.rest) : GeneratorPtr(a_),
                                               std::move(b), false);
      }
    }
    return step;
  }

  Step close(const Context& context) const {
    Step step = next_of(b_, context.fork(1));
    if (step.is_emit()) {
      const bool over = !a_ || !step.rest;
      step.rest = over ? nullptr : std::make_shared<FlipFlop>(a_, std::move(step.rest), false);
    } else if (step.rest) {
      step.rest = std::make_shared<FlipFlop>(a_, std::move(step.rest), true);
    }
    return step;
  }

  GeneratorPtr a_;
  GeneratorPtr b_;
  bool open_;  // an `a` is out, its `b` is next
};

class Synchronize final : public Generator {
 public:
  explicit Synchronize(GeneratorPtr child) : child_(std::move(child)) {}
  Step next(const Context& context) const override {
    if (!(context.free_threads() == context.threads())) return Step::pending();
    Step step = child_->next(context);
    if (step.is_pending() && !step.rest) step.rest = child_;
    return step;
  }

 private:
  GeneratorPtr child_;
};

}  // namespace

GeneratorPtr sequence(Generators parts) {
  std::erase(parts, nullptr);
  if (parts.empty()) return nullptr;
  if (parts.size() == 1) return parts.front();
  GeneratorPtr first = parts.front();
  return std::make_shared<Sequence>(std::make_shared<const Generators>(std::move(parts)), 0,
                                    std::move(first));
}

GeneratorPtr limit(int64_t n, GeneratorPtr child) {
  if (n <= 0 || !child) return nullptr;
  return std::make_shared<Limit>(n, std::move(child));
}

GeneratorPtr repeat(GeneratorPtr child) {
  return child ? std::make_shared<Repeat>(-1, std::move(child)) : nullptr;
}

GeneratorPtr repeat(int64_t n, GeneratorPtr child) {
  if (n <= 0 || !child) return nullptr;
  return std::make_shared<Repeat>(n, std::move(child));
}

GeneratorPtr cycle(GeneratorPtr child) { return cycle(-1, std::move(child)); }

GeneratorPtr cycle(int64_t n, GeneratorPtr child) {
  if (n == 0 || !child) return nullptr;
  return std::make_shared<Cycle>(n, child, child, false);
}

GeneratorPtr flip_flop(GeneratorPtr a, GeneratorPtr b) {
  if (!a || !b) return nullptr;
  return std::make_shared<FlipFlop>(std::move(a), std::move(b), false);
}

GeneratorPtr synchronize(GeneratorPtr child) {
  return child ? std::make_shared<Synchronize>(std::move(child)) : nullptr;
}

GeneratorPtr phases(Generators parts) {
  for (GeneratorPtr& part : parts) part = synchronize(std::move(part));
  return sequence(std::move(parts));
}

GeneratorPtr then(GeneratorPtr first, GeneratorPtr second) {
  return sequence({std::move(first), synchronize(std::move(second))});
}

}  // namespace riven::gen
