// Who does what: generators that look at threads and processes.
#include <algorithm>
#include <stdexcept>

#include "harness/generator/choose.h"
#include "harness/generator/combinators.h"

namespace riven::gen {

namespace {

/// The threads that a generator shares out: the context's clients, or the nemesis where it has no client.
ThreadSet acting_threads(const Context& context) {
  const ThreadSet client_threads = context.threads() & context.world().client_threads();
  return client_threads.empty() ? context.threads() : client_threads;
}

class OnThreads final : public Generator, public std::enable_shared_from_this<OnThreads> {
 public:
  using Which = std::function<ThreadSet(const World&)>;
  OnThreads(std::shared_ptr<const Which> which, GeneratorPtr child)
      : which_(std::move(which)), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    const RestrictedContext restricted(context, (*which_)(context.world()));
    if (restricted.view().threads().empty()) return Step::done();
    return wrap(child_->next(restricted.view()), [&](GeneratorPtr rest) { return around(std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    const ThreadSet threads = (*which_)(context.world());
    if (!threads.contains(context.thread_of(op.process))) return std::nullopt;
    const RestrictedContext restricted(context, threads);
    return wrap(child_->update(restricted.view(), op), [&](GeneratorPtr g) { return around(std::move(g)); });
  }
  GeneratorPtr finish() const override {
    GeneratorPtr rest = child_->finish();
    return rest ? around(std::move(rest)) : nullptr;
  }

 private:
  GeneratorPtr around(GeneratorPtr child) const {
    if (child == child_) return shared_from_this();
    return std::make_shared<OnThreads>(which_, std::move(child));
  }
  std::shared_ptr<const Which> which_;
  GeneratorPtr child_;
};

GeneratorPtr on_set(OnThreads::Which which, GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<OnThreads>(std::make_shared<const OnThreads::Which>(std::move(which)),
                                     std::move(child));
}

class Reserve final : public Generator {
 public:
  struct Layout {
    std::vector<size_t> wanted;      // threads of each part but the last, which gets the others
    std::vector<ThreadSet> threads;  // fixed when first asked; empty before
    std::vector<double> weights;
  };
  using LayoutPtr = std::shared_ptr<const Layout>;
  Reserve(LayoutPtr layout, Generators parts) : layout_(std::move(layout)), parts_(std::move(parts)) {}

  Step next(const Context& context) const override {
    const LayoutPtr layout = layout_->threads.empty() ? lay_out(context) : layout_;
    Edited<GeneratorPtr> edited(parts_);
    Choice choice = choose_ready(
        context, parts_.size(), [&](size_t i) { return parts_[i] ? layout->weights[i] : 0; },
        [&](size_t i, const Context& child) {
          const RestrictedContext restricted(child, layout->threads[i]);
          return parts_[i]->next(restricted.view());
        },
        [&](size_t i, Step& step) {
          if (step.is_done() || step.rest) edited.edit(i) = std::move(step.rest);
        });
    if (choice.index) edited.edit(*choice.index) = std::move(choice.step.rest);
    if (edited.changed() || layout != layout_) {
      choice.step.rest = make(layout, edited.take());
      if (!choice.step.rest && !choice.index) return Step::done();
    }
    return std::move(choice.step);
  }

  Updated update(const Context& context, const Op& op) const override {
    const Thread thread = context.thread_of(op.process);
    for (size_t i = 0; i < layout_->threads.size(); ++i) {
      if (!layout_->threads[i].contains(thread)) continue;
      const RestrictedContext restricted(context, layout_->threads[i]);
      Updated updated = update_of(parts_[i], restricted.view(), op);
      if (!updated) return std::nullopt;
      Generators parts = parts_;
      parts[i] = std::move(*updated);
      return make(layout_, std::move(parts));
    }
    return std::nullopt;
  }

  GeneratorPtr finish() const override {
    if (layout_->threads.empty()) return nullptr;
    Generators open;
    for (const GeneratorPtr& part : parts_) open.push_back(finish_of(part));
    return make(layout_, std::move(open));
  }

  static GeneratorPtr make(LayoutPtr layout, Generators parts) {
    if (std::all_of(parts.begin(), parts.end(), [](const GeneratorPtr& part) { return !part; }))
      return nullptr;
    return std::make_shared<Reserve>(std::move(layout), std::move(parts));
  }

 private:
  LayoutPtr lay_out(const Context& context) const {
    auto layout = std::make_shared<Layout>(*layout_);
    const ThreadSet all = acting_threads(context);
    size_t taken = 0;
    for (size_t i = 0; i < parts_.size(); ++i) {
      const size_t left = all.size() - taken;
      const size_t count = i < layout_->wanted.size() ? std::min(left, layout_->wanted[i]) : left;
      if (count == 0 && parts_[i]) {
        throw std::invalid_argument("reserve: part " + std::to_string(i + 1) + " of " +
                                    std::to_string(parts_.size()) + " gets no thread, since there are only " +
                                    std::to_string(all.size()) + ": raise the concurrency or reserve less");
      }
      ThreadSet mine;
      for (size_t n = taken; n < taken + count; ++n) mine.insert(all.nth(n));
      taken += count;
      layout->threads.push_back(mine);
      layout->weights.push_back(static_cast<double>(count));
    }
    return layout;
  }

  LayoutPtr layout_;
  Generators parts_;  // null: done
};

/// each_thread and each_process: one copy of the child for each acting thread.
class EachThread final : public Generator {
 public:
  struct Copy {
    Process process;  // each_process: whose it is
    GeneratorPtr generator;
  };
  EachThread(bool fresh_for_process, GeneratorPtr child, std::vector<Copy> copies)
      : fresh_for_process_(fresh_for_process), child_(std::move(child)), copies_(std::move(copies)) {}

  Step next(const Context& context) const override {
    const ThreadSet acting = acting_threads(context);
    ThreadSet candidates;
    bool any_alive = false;
    acting.for_each([&](Thread t) {
      if (!copy_of(t, context)) return;
      any_alive = true;
      if (context.is_free(t)) candidates.insert(t);
    });
    if (!any_alive) return Step::done();

    Rng rng = context.rng(kChooseSalt);
    Step answer = Step::pending();
    std::vector<Copy> changed;
    for (size_t left = candidates.size(); left > 0; --left) {
      const Thread t = candidates.nth(rng.below(left));
      candidates.erase(t);
      const RestrictedContext restricted(context.fork(t), ThreadSet{t});
      Step step = copy_of(t, context)->next(restricted.view());
      if (step.is_pending()) answer.wake_ns = std::min(answer.wake_ns, step.wake_ns);
      if (step.is_pending() && !step.rest) continue;
      if (changed.empty()) changed = started(context);
      changed[t] = {context.process(t), std::move(step.rest)};
      if (step.is_emit()) {
        step.rest = std::make_shared<EachThread>(fresh_for_process_, child_, std::move(changed));
        return step;
      }
    }
    if (changed.empty()) return answer;
    bool alive = false;
    acting.for_each([&](Thread t) { alive = alive || changed[t].generator; });
    if (!alive) return Step::done();
    answer.rest = std::make_shared<EachThread>(fresh_for_process_, child_, std::move(changed));
    return answer;
  }

  Updated update(const Context& context, const Op& op) const override {
    const Thread t = context.thread_of(op.process);
    if (t >= copies_.size() || !context.threads().contains(t)) return std::nullopt;
    if (fresh_for_process_ && copies_[t].process != op.process) return std::nullopt;
    const RestrictedContext restricted(context, ThreadSet{t});
    Updated updated = update_of(copies_[t].generator, restricted.view(), op);
    if (!updated) return std::nullopt;
    std::vector<Copy> copies = copies_;
    copies[t].generator = std::move(*updated);
    return std::make_shared<EachThread>(fresh_for_process_, child_, std::move(copies));
  }

  GeneratorPtr finish() const override {
    std::vector<Copy> open = copies_;
    bool any_open = false;
    for (Copy& copy : open) {
      copy.generator = finish_of(copy.generator);
      any_open = any_open || copy.generator;
    }
    // A process that crashed meanwhile has nothing to close: no fresh copies from here on.
    return any_open ? std::make_shared<EachThread>(false, nullptr, std::move(open)) : nullptr;
  }

 private:
  const GeneratorPtr& copy_of(Thread t, const Context& context) const {
    if (t >= copies_.size()) return child_;
    if (fresh_for_process_ && copies_[t].process != context.process(t)) return child_;
    return copies_[t].generator;
  }

  /// The copies, with fresh ones where none has begun.
  std::vector<Copy> started(const Context& context) const {
    std::vector<Copy> copies;
    const size_t threads = context.world().clients() + 1;
    copies.reserve(threads);
    for (Thread t = 0; t < threads; ++t) copies.push_back({context.process(t), copy_of(t, context)});
    return copies;
  }

  bool fresh_for_process_;
  GeneratorPtr child_;
  std::vector<Copy> copies_;  // by thread; empty: none has begun
};

class ProcessLimit final : public Generator {
 public:
  ProcessLimit(size_t limit, std::vector<Process> used, GeneratorPtr child)
      : limit_(limit), used_(std::move(used)), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    if (used_.size() < limit_) return around_step(child_->next(context));
    ThreadSet live;
    for (const Process p : used_) {
      const Thread t = context.thread_of(p);
      // Its successor would be one too many.
      if (context.process(t) != p) return Step::done();
      live.insert(t);
    }
    const RestrictedContext restricted(context, live);
    return around_step(child_->next(restricted.view()));
  }
  Updated update(const Context& context, const Op& op) const override {
    return wrap(child_->update(context, op), [&](GeneratorPtr g) { return around(used_, std::move(g)); });
  }
  GeneratorPtr finish() const override { return child_->finish(); }

 private:
  Step around_step(Step step) const {
    std::vector<Process> used = used_;
    if (step.is_emit() && std::find(used.begin(), used.end(), step.op.process) == used.end()) {
      used.push_back(step.op.process);
    }
    return wrap(std::move(step), [&](GeneratorPtr rest) { return around(std::move(used), std::move(rest)); });
  }
  GeneratorPtr around(std::vector<Process> used, GeneratorPtr child) const {
    return std::make_shared<ProcessLimit>(limit_, std::move(used), std::move(child));
  }

  size_t limit_;
  std::vector<Process> used_;
  GeneratorPtr child_;
};

class ConcurrencyLimit final : public Generator {
 public:
  ConcurrencyLimit(size_t limit, const ThreadSet& own, GeneratorPtr child)
      : limit_(limit), own_(own), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    // An own operation that a filter dropped never made its thread busy.
    const ThreadSet in_flight = own_ - context.world().free_threads();
    Step step = child_->next(context);
    ThreadSet own = own_;
    if (in_flight.size() >= limit_) {
      step = hold(std::move(step), kNoWake);
    } else if (step.is_emit()) {
      own = in_flight;
      own.insert(context.thread_of(step.op.process));
    }
    return wrap(std::move(step), [&](GeneratorPtr rest) { return around(own, std::move(rest)); });
  }
  Updated update(const Context& context, const Op& op) const override {
    const Thread t = context.thread_of(op.process);
    ThreadSet own = own_;
    if (op.type != OpType::invoke) own.erase(t);
    const Updated updated = child_->update(context, op);
    if (!updated && own == own_) return std::nullopt;
    const GeneratorPtr& child = updated ? *updated : child_;
    return child ? around(own, child) : nullptr;
  }
  GeneratorPtr finish() const override { return child_->finish(); }

 private:
  GeneratorPtr around(const ThreadSet& own, GeneratorPtr child) const {
    return std::make_shared<ConcurrencyLimit>(limit_, own, std::move(child));
  }

  size_t limit_;
  ThreadSet own_;  // threads that were given an operation of the child's and did not complete it
  GeneratorPtr child_;
};

class UntilOk final : public Generator {
 public:
  UntilOk(std::vector<Process> own, GeneratorPtr child) : own_(std::move(own)), child_(std::move(child)) {}

  Step next(const Context& context) const override {
    Step step = child_ ? child_->next(context) : Step::done();
    std::vector<Process> own = own_;
    if (step.is_emit()) {
      own.push_back(step.op.process);
      step.rest = std::make_shared<UntilOk>(std::move(own), std::move(step.rest));
      return step;
    }
    return wrap(std::move(step), [&](GeneratorPtr rest) {
      return std::make_shared<UntilOk>(std::move(own), std::move(rest));
    });
  }
  Updated update(const Context& context, const Op& op) const override {
    std::vector<Process> own = own_;
    const bool completed = op.type != OpType::invoke && std::erase(own, op.process) > 0;
    if (completed && op.type == OpType::ok) return GeneratorPtr();
    Updated updated = update_of(child_, context, op);
    if (!updated && !completed) return std::nullopt;
    return std::make_shared<UntilOk>(std::move(own), updated ? std::move(*updated) : GeneratorPtr(child_));
  }
  GeneratorPtr finish() const override { return finish_of(child_); }

 private:
  std::vector<Process> own_;  // of its operations in flight
  GeneratorPtr child_;
};

}  // namespace

GeneratorPtr on_threads(const ThreadSet& threads, GeneratorPtr child) {
  return on_set([threads](const World&) { return threads; }, std::move(child));
}

GeneratorPtr on_threads(std::function<bool(Thread, const World&)> which, GeneratorPtr child) {
  return on_set(
      [which = std::move(which)](const World& world) {
        ThreadSet threads;
        world.all_threads().for_each([&](Thread t) {
          if (which(t, world)) threads.insert(t);
        });
        return threads;
      },
      std::move(child));
}

GeneratorPtr clients(GeneratorPtr child) {
  return on_set([](const World& world) { return world.client_threads(); }, std::move(child));
}

GeneratorPtr nemesis(GeneratorPtr child) {
  return on_set([](const World& world) { return ThreadSet{world.nemesis_thread()}; }, std::move(child));
}

GeneratorPtr clients_and_nemesis(GeneratorPtr client_part, GeneratorPtr nemesis_part) {
  return any({clients(std::move(client_part)), nemesis(std::move(nemesis_part))});
}

GeneratorPtr reserve(std::vector<Reserved> parts, GeneratorPtr rest) {
  auto layout = std::make_shared<Reserve::Layout>();
  Generators children;
  for (Reserved& part : parts) {
    layout->wanted.push_back(part.threads);
    children.push_back(std::move(part.child));
  }
  children.push_back(std::move(rest));
  return Reserve::make(std::move(layout), std::move(children));
}

GeneratorPtr each_thread(GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<EachThread>(false, std::move(child), std::vector<EachThread::Copy>());
}

GeneratorPtr each_process(GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<EachThread>(true, std::move(child), std::vector<EachThread::Copy>());
}

GeneratorPtr process_limit(size_t n, GeneratorPtr child) {
  if (n == 0 || !child) return nullptr;
  return std::make_shared<ProcessLimit>(n, std::vector<Process>(), std::move(child));
}

GeneratorPtr concurrency_limit(size_t n, GeneratorPtr child) {
  if (n == 0 || !child) return nullptr;
  return std::make_shared<ConcurrencyLimit>(n, ThreadSet(), std::move(child));
}

GeneratorPtr until_ok(GeneratorPtr child) {
  if (!child) return nullptr;
  return std::make_shared<UntilOk>(std::vector<Process>(), std::move(child));
}

}  // namespace riven::gen
