// A world in which nothing goes wrong unless told: generators play in it, and their operations are compared
// with literal lists. Every step also checks purity: asked twice, a generator answers the same.
#pragma once

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/generator/combinators.h"
#include "tests/catch.h"

namespace riven {

struct WorldOptions {
  size_t clients = 2;
  int64_t latency_ns = 10;
  uint64_t seed = 45100;
  /// What becomes of the n-th operation (from 0); ok by default.
  std::function<OpType(const Op&, int64_t n)> outcome = {};
  size_t max_ops = 200;
  /// Completions take this value instead of the invocation's.
  std::function<Value(const Op&)> answer = {};
};

struct Played {
  std::vector<Op> ops;   ///< invocations in order
  bool stalled = false;  ///< pending for ever while nothing was in flight
  bool done = false;
  int64_t end_ns = 0;  ///< when it said done

  /// "time process f value" of each.
  std::vector<std::string> lines() const {
    std::vector<std::string> text;
    for (const Op& op : ops) {
      text.push_back(std::to_string(op.time_ns) + " " + std::to_string(op.process) + " " +
                     std::string(op.f.text()) + " " + to_edn(op.value));
    }
    return text;
  }
  /// "f value" of each; "f" alone where the value is nil.
  std::vector<std::string> words() const {
    std::vector<std::string> text;
    for (const Op& op : ops) {
      text.push_back(std::string(op.f.text()) + (op.value.is_nil() ? "" : " " + to_edn(op.value)));
    }
    return text;
  }
  std::vector<int64_t> times() const {
    std::vector<int64_t> all;
    for (const Op& op : ops) all.push_back(op.time_ns);
    return all;
  }
};

inline bool same(const Step& a, const Step& b) {
  return a.kind == b.kind && a.wake_ns == b.wake_ns && a.op.f == b.op.f && a.op.process == b.op.process &&
         a.op.value == b.op.value && (a.rest == nullptr) == (b.rest == nullptr);
}

inline Played play(GeneratorPtr generator, const WorldOptions& options = {}) {
  World world(options.clients);
  Played played;
  std::multimap<int64_t, Op> completions;
  int64_t now = 0;
  const auto context = [&] { return Context(world, now, mix64(options.seed + played.ops.size())); };
  const auto tell = [&](const Op& op) {
    if (!generator) return;
    if (Updated updated = generator->update(context(), op)) generator = std::move(*updated);
  };
  for (int polls = 0; played.ops.size() < options.max_ops; ++polls) {
    if (polls > 1'000'000) FAIL("a generator is pending for ever");
    Step step = next_of(generator, context());
    const bool pure = same(step, next_of(generator, context()));
    if (!pure) FAIL("a generator answered differently when it was asked again");
    if (step.is_done()) {
      played.done = true;
      played.end_ns = now;
      break;
    }
    if (step.is_emit()) {
      Op op = std::move(step.op);
      generator = std::move(step.rest);
      op.time_ns = now;
      const Thread thread = world.thread_of(op.process);
      if (world.process(thread) != op.process || !world.free_threads().contains(thread)) {
        FAIL("an operation was emitted for a process that is not free");
      }
      world.set_busy(thread);
      const auto n = static_cast<int64_t>(played.ops.size());
      played.ops.push_back(op);
      tell(op);
      Op done = op;
      done.type = options.outcome ? options.outcome(op, n) : OpType::ok;
      if (op.process == kNemesis) done.type = OpType::info;
      if (options.answer) done.value = options.answer(op);
      const bool sleeps = op.f == gen::sleep_function();
      if (sleeps) done.type = OpType::fail;
      completions.emplace(now + (sleeps ? op.value.integer() : options.latency_ns), std::move(done));
      continue;
    }
    if (step.rest) generator = std::move(step.rest);
    int64_t wake = std::max(step.wake_ns, now + 1);
    if (!completions.empty()) wake = std::min(wake, completions.begin()->first);
    if (wake == kNoWake) {
      played.stalled = true;
      break;
    }
    now = wake;
    while (!completions.empty() && completions.begin()->first <= now) {
      Op done = completions.begin()->second;
      completions.erase(completions.begin());
      done.time_ns = now;
      const Thread thread = world.thread_of(done.process);
      if (done.type == OpType::info) world.retire_process(thread);
      world.set_free(thread);
      tell(done);
    }
  }
  return played;
}

/// What the generator throws when it is played; empty: nothing.
inline std::string error_of(const GeneratorPtr& generator, const WorldOptions& options = {}) {
  try {
    play(generator, options);
    return "";
  } catch (const std::exception& error) {
    return error.what();
  }
}

using Lines = std::vector<std::string>;
using Times = std::vector<int64_t>;

inline WorldOptions with_clients(size_t clients) {
  WorldOptions options;
  options.clients = clients;
  return options;
}

/// name 0, name 1, ...: for ever.
inline GeneratorPtr counting(const char* name) {
  std::vector<gen::Draft> drafts;
  for (int i = 0; i < 500; ++i) drafts.push_back(gen::op(name, i));
  return gen::ops(std::move(drafts));
}

/// The same operation for ever.
inline GeneratorPtr endless(const char* name) { return gen::repeat(gen::one(gen::op(name))); }

}  // namespace riven
