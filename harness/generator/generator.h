// What to do next: immutable trees of operations, a pure function of seed, time and what has happened.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "harness/core/op.h"
#include "harness/generator/context.h"

namespace riven {

class Generator;
/// Null is the generator that is done.
using GeneratorPtr = std::shared_ptr<const Generator>;

/// "Ask again when something has happened": no time of its own.
inline constexpr int64_t kNoWake = std::numeric_limits<int64_t>::max();

/// What a generator answers.
///   emit:    do `op` now (its process is free); afterwards the generator is `rest` (null: done).
///   pending: nothing now; ask again when anything has happened or at wake_ns. A non-null `rest` replaces the
///            generator (it learned something, such as when it was first asked).
///   done:    nothing, now or ever.
struct Step {
  enum class Kind : uint8_t { emit, pending, done };

  static Step emit(Op op, GeneratorPtr rest) { return {Kind::emit, std::move(op), kNoWake, std::move(rest)}; }
  static Step pending(int64_t wake_ns = kNoWake, GeneratorPtr rest = nullptr) {
    return {Kind::pending, Op(), wake_ns, std::move(rest)};
  }
  static Step done() { return {Kind::done, Op(), kNoWake, nullptr}; }

  bool is_emit() const { return kind == Kind::emit; }
  bool is_pending() const { return kind == Kind::pending; }
  bool is_done() const { return kind == Kind::done; }

  Kind kind;
  Op op;
  int64_t wake_ns;
  GeneratorPtr rest;
};

/// A generator's successor after an update; nullopt: unchanged (the common case, and it costs nothing).
using Updated = std::optional<GeneratorPtr>;

/// An immutable tree. All methods are const and pure: the same generator, context and operation give the same
/// answer; a successor shares what did not change. They may throw (a user's function did): the scheduler ends
/// the run with that as the reason. Used by one thread at a time, handed over freely.
class Generator {
 public:
  virtual ~Generator() = default;
  /// What to do now. Emitted operations have `process`, `f` and `value`; their type is `invoke`; index and
  /// time are the scheduler's.
  virtual Step next(const Context& context) const = 0;
  /// `op` was invoked or completed, `context` is the world after it. Completions of the nemesis are `info`.
  /// Independent keys and f_map hand `op` to their inner generator as that one emitted it; map cannot.
  virtual Updated update(const Context& /*context*/, const Op& /*op*/) const { return std::nullopt; }
  /// What must still be done if this generator is cut off now (a time limit): a fault that was started is
  /// stopped. Null: nothing.
  virtual GeneratorPtr finish() const { return nullptr; }
};

/// Asks a generator that may be null.
inline Step next_of(const GeneratorPtr& generator, const Context& context) {
  return generator ? generator->next(context) : Step::done();
}
inline Updated update_of(const GeneratorPtr& generator, const Context& context, const Op& op) {
  return generator ? generator->update(context, op) : std::nullopt;
}
inline GeneratorPtr finish_of(const GeneratorPtr& generator) {
  return generator ? generator->finish() : nullptr;
}

}  // namespace riven
