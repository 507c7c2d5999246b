// A fair choice among children of which some are not ready. For the .cpp files of this folder.
#pragma once

#include <optional>
#include <vector>

#include "harness/generator/wrap.h"

namespace riven::gen {

/// What choose_ready found: an emission of child `index`, or that none is ready and when to ask again.
struct Choice {
  std::optional<size_t> index;
  Step step;
};

/// Asks children in random order, each next one drawn by weight among those not yet asked, until one emits.
/// weight(i) <= 0: not asked. ask(i, context) -> Step, with a context of its own. note(i, Step&) is called
/// for each that did not emit. O(n) a child asked; no allocation up to 256 children.
template <typename Weight, typename Ask, typename Note>
Choice choose_ready(const Context& context, size_t n, Weight&& weight, Ask&& ask, Note&& note) {
  std::array<uint64_t, 4> few{};
  std::vector<uint64_t> many(n > 256 ? (n + 63) / 64 : 0);
  uint64_t* const asked = n > 256 ? many.data() : few.data();
  const auto open = [&](size_t i) { return ((asked[i / 64] >> (i % 64)) & 1) == 0; };
  double total = 0;
  size_t left = 0;
  for (size_t i = 0; i < n; ++i) {
    if (const double w = weight(i); w > 0) {
      total += w;
      ++left;
    } else {
      asked[i / 64] |= uint64_t{1} << (i % 64);
    }
  }
  Rng rng = context.rng(kChooseSalt);
  Choice choice{std::nullopt, Step::pending()};
  for (; left > 0; --left) {
    double mark = left > 1 ? rng.unit() * total : 0;
    size_t chosen = n;
    for (size_t i = 0; i < n; ++i) {
      if (!open(i)) continue;
      chosen = i;  // the last open one also takes what rounding leaves over
      if ((mark -= weight(i)) < 0) break;
    }
    asked[chosen / 64] |= uint64_t{1} << (chosen % 64);
    total -= weight(chosen);
    Step step = ask(chosen, context.fork(chosen));
    if (step.is_emit()) return {chosen, std::move(step)};
    if (step.is_pending()) choice.step.wake_ns = std::min(choice.step.wake_ns, step.wake_ns);
    note(chosen, step);
  }
  return choice;
}

/// A list of children that is copied when the first of them changes.
template <typename T>
class Edited {
 public:
  explicit Edited(const std::vector<T>& base) : base_(base) {}
  const T& operator[](size_t i) const { return copy_ ? (*copy_)[i] : base_[i]; }
  size_t size() const { return base_.size(); }
  bool changed() const { return copy_.has_value(); }
  T& edit(size_t i) {
    if (!copy_) copy_ = base_;
    return (*copy_)[i];
  }
  /// Demands changed() or copies; leaves this empty.
  std::vector<T> take() { return copy_ ? std::move(*copy_) : base_; }

 private:
  const std::vector<T>& base_;
  std::optional<std::vector<T>> copy_;
};

}  // namespace riven::gen
