#include "harness/run/fault_driver.h"

#include <algorithm>

namespace riven {

namespace {

bool is_among(std::string_view f, const std::vector<std::string>& functions) {
  return std::find(functions.begin(), functions.end(), f) != functions.end();
}

}  // namespace

Status FaultDriver::prepare() {
  for (FaultPackage& package : packages_) {
    if (const Status prepared = package.nemesis->prepare(target_); !prepared)
      return Error{"the fault " + package.span.name + " cannot work here: " + prepared.error().message};
  }
  return ok_status();
}

Result<Value> FaultDriver::invoke(
    const Op& op, const std::function<void(const FaultStep&, const Result<Value>&)>& on_step) {
  const std::string_view f = op.f.text();
  for (size_t i = 0; i < packages_.size(); ++i) {
    const PlotSpan& span = packages_[i].span;
    const bool begins = is_among(f, span.starts);
    if (!begins && !is_among(f, span.stops)) continue;
    FaultStep step{span.name, begins, op.f, op.value, op.time_ns, {}};
    Result<Value> done = begins ? begin(i, op, step) : end(i, op);
    if (!done) step.not_done = done.error().message;
    on_step(step, done);
    return done;
  }
  return Error{"no fault package knows " + std::string(f)};
}

Result<Value> FaultDriver::begin(size_t which, Op op, FaultStep& step) {
  Nemesis& nemesis = *packages_[which].nemesis;
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    Result<FaultPlan> plan = nemesis.plan(target_, op);
    if (!plan) return plan.error();
    std::vector<Impact> together = impacts_;
    Impact& mine = together[which];
    mine.nodes.insert(mine.nodes.end(), plan->impact.nodes.begin(), plan->impact.nodes.end());
    mine.unheard.insert(mine.unheard.end(), plan->impact.unheard.begin(), plan->impact.unheard.end());
    if (max_broken_ && !breaks_at_most(target_.nodes.size(), together, *max_broken_)) continue;
    step.value = op.value = plan->value;
    // Also when it fails: what it left half done counts until the fault is ended.
    impacts_ = std::move(together);
    return nemesis.invoke(target_, op);
  }
  step.not_done = "more than " + std::to_string(*max_broken_) + " nodes would be broken";
  return Value::map({"skipped", step.not_done});
}

Result<Value> FaultDriver::end(size_t which, const Op& op) {
  auto done = packages_[which].nemesis->invoke(target_, op);
  if (done) impacts_[which] = {};
  return done;
}

std::vector<std::string> FaultDriver::heal() {
  const std::lock_guard lock(heal_mutex_);
  std::vector<std::string> complaints;
  for (FaultPackage& package : packages_) {
    if (const Status healed = package.nemesis->heal(target_); !healed)
      complaints.push_back("healing " + package.span.name + ": " + healed.error().message);
  }
  return complaints;
}

}  // namespace riven
