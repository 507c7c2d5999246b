#include "nemesis/shared/timetable.h"

#include <memory>
#include <utility>

#include "harness/core/check.h"

namespace riven {
namespace {

class Timetable final : public Generator {
 public:
  using ScheduledOps = std::shared_ptr<const std::vector<ScheduledOp>>;
  Timetable(ScheduledOps all, size_t at) : all_(std::move(all)), at_(at) {}

  Step next(const Context& context) const override {
    if (at_ >= all_->size()) return Step::done();
    const ScheduledOp& due = (*all_)[at_];
    if (context.time_ns() < due.at_ns) return Step::pending(due.at_ns);
    Step step = gen::one(due.draft)->next(context);
    if (step.is_emit() && at_ + 1 < all_->size()) step.rest = std::make_shared<Timetable>(all_, at_ + 1);
    return step;
  }

  GeneratorPtr finish() const override {
    std::vector<gen::Draft> open;
    for (size_t i = at_; i < all_->size(); ++i) {
      const ScheduledOp& later = (*all_)[i];
      if (later.closes && *later.closes < at_) open.push_back(later.draft);
    }
    return gen::ops(std::move(open));
  }

 private:
  ScheduledOps all_;
  size_t at_;
};

}  // namespace

GeneratorPtr timetable(std::vector<ScheduledOp> operations) {
  for (size_t i = 0; i < operations.size(); ++i) {
    RIVEN_CHECK(i == 0 || operations[i - 1].at_ns <= operations[i].at_ns, "a timetable out of order");
    RIVEN_CHECK(!operations[i].closes || *operations[i].closes < i, "a timetable closes what is later");
  }
  if (operations.empty()) return nullptr;
  return std::make_shared<Timetable>(std::make_shared<const std::vector<ScheduledOp>>(std::move(operations)),
                                     0);
}

}  // namespace riven
