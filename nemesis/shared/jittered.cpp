#include "nemesis/shared/jittered.h"

#include <algorithm>
#include <optional>

#include "harness/generator/context.h"
#include "harness/generator/wrap.h"

namespace riven {
namespace {

constexpr uint64_t kSalt = 0x6a69747465;  // a stream of its own

class Jittered final : public Generator {
 public:
  Jittered(int64_t mean_ns, std::optional<int64_t> due_ns, GeneratorPtr child)
      : mean_ns_(std::max<int64_t>(mean_ns, 1)), due_ns_(due_ns), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    if (!due_ns_) {
      const int64_t due_ns = after(context);
      return Step::pending(due_ns, around(due_ns, child_));
    }
    Step step = child_->next(context);
    if (*due_ns_ > context.time_ns()) {
      step = gen::hold(std::move(step), *due_ns_);
    } else if (step.is_emit()) {
      return gen::wrap(std::move(step),
                       [&](GeneratorPtr rest) { return around(after(context), std::move(rest)); });
    }
    return gen::wrap(std::move(step), [&](GeneratorPtr rest) { return around(due_ns_, std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    return gen::wrap(child_->update(context, op),
                     [&](GeneratorPtr rest) { return around(due_ns_, std::move(rest)); });
  }
  GeneratorPtr finish() const override { return child_->finish(); }

 private:
  int64_t after(const Context& context) const {
    const auto drawn = static_cast<int64_t>(context.rng(kSalt).below(static_cast<uint64_t>(mean_ns_)));
    return gen::saturating_add(context.time_ns(), gen::saturating_add(mean_ns_ / 2, drawn));
  }
  GeneratorPtr around(std::optional<int64_t> due_ns, GeneratorPtr child) const {
    return std::make_shared<Jittered>(mean_ns_, due_ns, std::move(child));
  }

  int64_t mean_ns_;
  std::optional<int64_t> due_ns_;  // nullopt: not asked yet
  GeneratorPtr child_;
};

}  // namespace

GeneratorPtr jittered(int64_t mean_ns, GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<Jittered>(mean_ns, std::nullopt, std::move(child));
}

}  // namespace riven
