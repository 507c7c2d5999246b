// Generators that look at the clock.
#include <optional>
#include <stdexcept>

#include "harness/generator/combinators.h"
#include "harness/generator/wrap.h"

namespace riven::gen {

namespace {

constexpr int64_t kArrearsNs = 1'000'000'000;

class TimeLimit final : public Generator {
 public:
  TimeLimit(int64_t duration_ns, int64_t cutoff_ns, GeneratorPtr child)
      : duration_ns_(duration_ns), cutoff_ns_(cutoff_ns), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    const int64_t cutoff =
        cutoff_ns_ != kNoWake ? cutoff_ns_ : saturating_add(context.time_ns(), duration_ns_);
    if (context.time_ns() >= cutoff) return run_out(context);
    Step step = child_->next(context);
    if (step.is_pending()) {
      step.wake_ns = std::min(step.wake_ns, cutoff);
      if (!step.rest && cutoff != cutoff_ns_) step.rest = child_;
    }
    return wrap(std::move(step), [&](GeneratorPtr rest) { return around(cutoff, std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    return wrap(child_->update(context, op),
                [&](GeneratorPtr g) { return around(cutoff_ns_, std::move(g)); });
  }
  GeneratorPtr finish() const override { return child_->finish(); }

 private:
  Step run_out(const Context& context) const {
    GeneratorPtr closing = child_->finish();
    if (!closing) return Step::done();
    Step step = closing->next(context);
    if (step.is_pending() && !step.rest) step.rest = std::move(closing);
    return step;
  }
  GeneratorPtr around(int64_t cutoff_ns, GeneratorPtr child) const {
    return std::make_shared<TimeLimit>(duration_ns_, cutoff_ns, std::move(child));
  }

  int64_t duration_ns_;
  int64_t cutoff_ns_;  // kNoWake: not asked yet
  GeneratorPtr child_;
};

/// stagger and delay: emissions no earlier than a due time that moves on with each.
class Paced final : public Generator {
 public:
  enum class Kind : uint8_t { stagger, delay };
  Paced(Kind kind, int64_t gap_ns, std::optional<int64_t> due_ns, GeneratorPtr child)
      : kind_(kind), gap_ns_(gap_ns), due_ns_(due_ns), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    const int64_t now = context.time_ns();
    const int64_t due = due_ns_.value_or(now);
    Step step = child_->next(context);
    if (due > now) {
      // Only asked whether it is done: pacing must not keep a phase open.
      step = hold(std::move(step), due);
    } else if (step.is_emit()) {
      return wrap(std::move(step),
                  [&](GeneratorPtr rest) { return around(after(context, due), std::move(rest)); });
    }
    return wrap(std::move(step), [&](GeneratorPtr rest) { return around(due_ns_, std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    return wrap(child_->update(context, op), [&](GeneratorPtr g) { return around(due_ns_, std::move(g)); });
  }
  GeneratorPtr finish() const override { return child_->finish(); }

 private:
  int64_t after(const Context& context, int64_t due) const {
    const int64_t now = context.time_ns();
    if (kind_ == Kind::delay) return saturating_add(now - due < gap_ns_ ? due : now, gap_ns_);
    const int64_t oldest = now - std::max(kArrearsNs, saturating_add(gap_ns_, gap_ns_));
    const auto gap = static_cast<int64_t>(
        context.rng(kTimeSalt).below(2 * static_cast<uint64_t>(gap_ns_)));  // gap_ns_ > 0
    return saturating_add(std::max(due, oldest), gap);
  }
  GeneratorPtr around(std::optional<int64_t> due_ns, GeneratorPtr child) const {
    return std::make_shared<Paced>(kind_, gap_ns_, due_ns, std::move(child));
  }

  Kind kind_;
  int64_t gap_ns_;
  std::optional<int64_t> due_ns_;  // nullopt: nothing emitted yet
  GeneratorPtr child_;
};

class CycleTimes final : public Generator {
 public:
  CycleTimes(std::shared_ptr<const std::vector<int64_t>> ends_ns, std::optional<int64_t> begin_ns,
             Generators children)
      : ends_ns_(std::move(ends_ns)), begin_ns_(begin_ns), children_(std::move(children)) {}

  Step next(const Context& context) const override {
    const int64_t begin = begin_ns_.value_or(context.time_ns());
    const int64_t period = ends_ns_->back();
    const int64_t phase = (context.time_ns() - begin) % period;
    size_t turn = 0;
    while ((*ends_ns_)[turn] <= phase) ++turn;
    const int64_t over = context.time_ns() - phase + (*ends_ns_)[turn];

    Step step = next_of(children_[turn], context.fork(turn));
    const bool moved = !begin_ns_ || step.rest || (step.is_done() && children_[turn]);
    if (step.is_done()) {
      if (!others_left(turn)) return step;
      step = Step::pending(over);
    } else if (step.is_pending()) {
      step.wake_ns = std::min(step.wake_ns, over);
      if (!step.rest) step.rest = children_[turn];
    }
    if (step.is_emit() && !step.rest && !others_left(turn)) return step;
    if (step.is_emit() || moved) {
      Generators children = children_;
      children[turn] = std::move(step.rest);
      step.rest = std::make_shared<CycleTimes>(ends_ns_, begin, std::move(children));
    } else {
      step.rest = nullptr;
    }
    return step;
  }

  Updated update(const Context& context, const Op& op) const override {
    Generators children = children_;
    bool changed = false;
    for (GeneratorPtr& each : children) {
      if (Updated updated = update_of(each, context, op)) {
        each = std::move(*updated);
        changed = true;
      }
    }
    if (!changed) return std::nullopt;
    return std::make_shared<CycleTimes>(ends_ns_, begin_ns_, std::move(children));
  }

  GeneratorPtr finish() const override {
    Generators open;
    for (const GeneratorPtr& each : children_) open.push_back(finish_of(each));
    return any(std::move(open));
  }

 private:
  bool others_left(size_t turn) const {
    for (size_t i = 0; i < children_.size(); ++i) {
      if (i != turn && children_[i]) return true;
    }
    return false;
  }

  std::shared_ptr<const std::vector<int64_t>> ends_ns_;  // of each turn, since the cycle began
  std::optional<int64_t> begin_ns_;
  Generators children_;  // null: done
};

}  // namespace

GeneratorPtr time_limit(int64_t duration_ns, GeneratorPtr child) {
  if (duration_ns <= 0 || !child) return nullptr;
  return std::make_shared<TimeLimit>(duration_ns, kNoWake, std::move(child));
}

GeneratorPtr stagger(int64_t mean_gap_ns, GeneratorPtr child) {
  if (mean_gap_ns <= 0 || !child) return child;
  return std::make_shared<Paced>(Paced::Kind::stagger, mean_gap_ns, std::nullopt, std::move(child));
}

GeneratorPtr delay(int64_t gap_ns, GeneratorPtr child) {
  if (gap_ns <= 0 || !child) return child;
  return std::make_shared<Paced>(Paced::Kind::delay, gap_ns, std::nullopt, std::move(child));
}

GeneratorPtr cycle_times(std::vector<Turn> turns) {
  std::vector<int64_t> ends;
  Generators children;
  bool any_left = false;
  for (Turn& turn : turns) {
    if (turn.duration_ns <= 0) throw std::invalid_argument("cycle_times: a duration must be above 0");
    ends.push_back((ends.empty() ? 0 : ends.back()) + turn.duration_ns);
    any_left = any_left || turn.child;
    children.push_back(std::move(turn.child));
  }
  if (!any_left) return nullptr;
  return std::make_shared<CycleTimes>(std::make_shared<const std::vector<int64_t>>(std::move(ends)),
                                      std::nullopt, std::move(children));
}

}  // namespace riven::gen
