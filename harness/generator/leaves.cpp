// Generators without children.
#include "harness/generator/combinators.h"
#include "harness/generator/wrap.h"

namespace riven::gen {

namespace {

/// Gives the draft to a process. emit: with `rest`; pending: its process is busy; done: its process is
/// retired.
Step take(const Context& context, const Draft& draft, GeneratorPtr rest) {
  Op op;
  if (draft.process == kAnyProcess) {
    if (!context.can_emit()) return Step::pending();
    op.process = context.process(context.pick_thread());
  } else {
    const Thread thread = context.thread_of(draft.process);
    if (context.process(thread) != draft.process || !context.threads().contains(thread)) return Step::done();
    if (!context.is_free(thread)) return Step::pending();
    op.process = draft.process;
  }
  op.f = draft.f;
  op.value = draft.value;
  return Step::emit(std::move(op), std::move(rest));
}

class Ops final : public Generator {
 public:
  using Drafts = std::shared_ptr<const std::vector<Draft>>;
  Ops(Drafts drafts, size_t at) : drafts_(std::move(drafts)), at_(at) {}

  Step next(const Context& context) const override {
    for (size_t i = at_; i < drafts_->size(); ++i) {
      GeneratorPtr rest = i + 1 < drafts_->size() ? std::make_shared<Ops>(drafts_, i + 1) : nullptr;
      Step step = take(context, (*drafts_)[i], std::move(rest));
      if (!step.is_done()) return step;
    }
    return Step::done();
  }

 private:
  Drafts drafts_;
  size_t at_;
};

class One final : public Generator {
 public:
  explicit One(Draft draft) : draft_(std::move(draft)) {}
  Step next(const Context& context) const override { return take(context, draft_, nullptr); }

 private:
  Draft draft_;
};

class Fn final : public Generator, public std::enable_shared_from_this<Fn> {
 public:
  using Make = std::function<std::optional<Draft>(const Context&, Rng&)>;
  Fn(Make make, int64_t retry_ns) : make_(std::move(make)), retry_ns_(retry_ns) {}

  Step next(const Context& context) const override {
    if (!context.can_emit()) return Step::pending();
    // A poll that said "not now" by chance must not draw the same when it is asked again.
    const uint64_t moment = retry_ns_ < 0 ? 0 : mix64(static_cast<uint64_t>(context.time_ns()));
    Rng rng = context.rng(kLeafSalt + moment);
    const std::optional<Draft> draft = make_(context, rng);
    if (!draft) return retry_ns_ < 0 ? Step::done() : Step::pending(context.time_ns() + retry_ns_);
    return take(context, *draft, shared_from_this());
  }

 private:
  Make make_;
  int64_t retry_ns_;  // negative: nullopt ends it
};

}  // namespace

GeneratorPtr one(Draft draft) { return std::make_shared<One>(std::move(draft)); }

GeneratorPtr ops(std::vector<Draft> drafts) {
  if (drafts.empty()) return nullptr;
  return std::make_shared<Ops>(std::make_shared<const std::vector<Draft>>(std::move(drafts)), 0);
}

GeneratorPtr fn(std::function<std::optional<Draft>(const Context&, Rng&)> make) {
  return std::make_shared<Fn>(std::move(make), -1);
}

GeneratorPtr poll(int64_t retry_ns, std::function<std::optional<Draft>(const Context&, Rng&)> make) {
  return std::make_shared<Fn>(std::move(make), std::max<int64_t>(retry_ns, 1));
}

Symbol sleep_function() {
  static const Symbol name("riven/sleep");
  return name;
}

Symbol log_function() {
  static const Symbol name("riven/log");
  return name;
}

GeneratorPtr sleep(int64_t duration_ns) { return one({sleep_function(), Value(duration_ns), kAnyProcess}); }

GeneratorPtr log(std::string_view message) { return one({log_function(), Value(message), kAnyProcess}); }

}  // namespace riven::gen
