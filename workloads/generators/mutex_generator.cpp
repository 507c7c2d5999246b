#include "workloads/generators/mutex_generator.h"

#include <algorithm>
#include <memory>
#include <vector>

#include "harness/generator/combinators.h"
#include "harness/generator/independent.h"

namespace riven {

namespace {

constexpr int kReleaseTries = 3;

/// The operations on one lock.
class MutexKey final : public Generator {
 public:
  struct Holder {
    Process process;
    int failed_releases = 0;
  };
  MutexKey(int64_t left, std::vector<Holder> holders) : left_(left), holders_(std::move(holders)) {}

  Step next(const Context& context) const override {
    if (left_ == 0) return holders_.empty() ? Step::done() : closing(context);
    if (!context.can_emit()) return Step::pending();
    Op op;
    op.process = context.process(context.pick_thread());
    op.f = holds(op.process) != holders_.end() ? release() : acquire();
    return Step::emit(std::move(op), std::make_shared<MutexKey>(left_ < 0 ? left_ : left_ - 1, holders_));
  }

  Updated update(const Context& /*context*/, const Op& op) const override {
    if (op.type == OpType::invoke) return std::nullopt;
    std::vector<Holder> holders = holders_;
    const auto holder = holders.begin() + (holds(op.process) - holders_.begin());
    if (op.type == OpType::ok && op.f == acquire() && holder == holders.end()) {
      holders.push_back({op.process});
    } else if (holder == holders.end()) {
      return std::nullopt;
    } else if (op.type == OpType::fail && op.f == release() && ++holder->failed_releases < kReleaseTries) {
      // It did not happen: the lock is still held.
    } else if (op.type == OpType::info || op.f == release()) {
      holders.erase(holder);
    } else {
      return std::nullopt;
    }
    return std::make_shared<MutexKey>(left_, std::move(holders));
  }

  GeneratorPtr finish() const override {
    std::vector<gen::Draft> drafts;
    for (const Holder& each : holders_) drafts.push_back({release(), Value(), each.process});
    return gen::ops(std::move(drafts));
  }

 private:
  static Symbol acquire() {
    static const Symbol f("acquire");
    return f;
  }
  static Symbol release() {
    static const Symbol f("release");
    return f;
  }
  std::vector<Holder>::const_iterator holds(Process p) const {
    return std::find_if(holders_.begin(), holders_.end(),
                        [&](const Holder& each) { return each.process == p; });
  }
  /// No more acquiring: who still holds the lock gives it back, once each.
  Step closing(const Context& context) const {
    const GeneratorPtr releases = finish();
    Step step = next_of(releases, context);
    if (step.is_pending() && !step.rest) step.rest = releases;
    return step;
  }

  int64_t left_;  // negative: without end
  std::vector<Holder> holders_;
};

}  // namespace

GeneratorPtr mutex_generator(const MutexGeneratorOptions& options) {
  const int64_t ops = options.ops_per_key > 0 ? options.ops_per_key : -1;
  const auto make = [ops](const Value&, int64_t) -> GeneratorPtr {
    return std::make_shared<MutexKey>(ops, std::vector<MutexKey::Holder>());
  };
  GeneratorPtr keys = gen::concurrent_keys(options.threads_per_key, gen::integer_keys(options.keys), make);
  if (options.rate_hz > 0) keys = gen::stagger(static_cast<int64_t>(1e9 / options.rate_hz), std::move(keys));
  return gen::clients(std::move(keys));
}

}  // namespace riven
