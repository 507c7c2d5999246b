// The words of which schedules are made. Named after Jepsen's generators, with their traps taken out; each
// comment says what it does, what breaks ties, where updates go and what it costs.
//
// Common rules
// - Operations go to client threads unless nemesis() is around them: an unrouted client operation never
//   reaches the nemesis.
// - "Ready" children emit at once; a choice between ready children is made by the context's seeded chance.
// - A null GeneratorPtr is a generator that is done, and allowed everywhere.
// - Durations are nanoseconds. Updates cost nothing where no child listens; else a path copy.
// - User functions must be pure and must not keep the Context. What they throw ends the run cleanly.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/generator/generator.h"

namespace riven::gen {

/// "Whichever is free."
inline constexpr Process kAnyProcess = -2;

/// An operation that no process has taken yet.
struct Draft {
  Symbol f;
  Value value;
  Process process = kAnyProcess;  ///< a certain process: waits until it is free; skipped when it is retired
};
inline Draft op(std::string_view f, Value value = {}) { return {Symbol(f), std::move(value), kAnyProcess}; }
inline Draft op(Symbol f, Value value = {}) { return {f, std::move(value), kAnyProcess}; }

using Generators = std::vector<GeneratorPtr>;

// ---- leaves

/// One operation, once.
GeneratorPtr one(Draft draft);
/// Each in order, once. O(1) an operation.
GeneratorPtr ops(std::vector<Draft> drafts);
/// Calls `make` for each operation until it returns nullopt. Called only when an operation can be emitted;
/// chance comes from the Rng (fresh for each operation) or the context.
GeneratorPtr fn(std::function<std::optional<Draft>(const Context&, Rng&)> make);
/// As fn, but nullopt means "not now": asked again when something happened or after `retry_ns`.
GeneratorPtr poll(int64_t retry_ns, std::function<std::optional<Draft>(const Context&, Rng&)> make);
/// One operation that occupies its thread for `duration_ns`. Carried out by the scheduler, not journaled.
GeneratorPtr sleep(int64_t duration_ns);
/// One line for the run's log, not journaled.
GeneratorPtr log(std::string_view message);

/// The functions of sleep and log operations; no journal has them.
Symbol sleep_function();
Symbol log_function();

// ---- order and repetition

/// One after the other; the next begins when the one before is done, without waiting for its operations
/// (see phases). Updates: to the current one. O(1).
GeneratorPtr sequence(Generators parts);
/// At most n operations. Updates: to the child.
GeneratorPtr limit(int64_t n, GeneratorPtr child);
inline GeneratorPtr once(GeneratorPtr child) { return limit(1, std::move(child)); }
/// Asks the same child again and again, without letting it advance by what it emits: repeat(one(x)) is x x x.
/// For ever, or n operations. Updates: to the child, whose answer is kept.
GeneratorPtr repeat(GeneratorPtr child);
GeneratorPtr repeat(int64_t n, GeneratorPtr child);
/// Starts the child anew when it is done; for ever, or n times in all. Ends if the child is done without
/// having emitted anything (no busy loop). Updates: to the current round.
GeneratorPtr cycle(GeneratorPtr child);
GeneratorPtr cycle(int64_t n, GeneratorPtr child);
/// a b a b ...: strictly in turn; ends when either is done. `a` is not begun when `b` is already done, and
/// finish() after an `a` is the `b` that closes it: with a = start and b = stop, no time limit strands a
/// fault. limit() counts exactly, so give it an even number. Updates: to both.
GeneratorPtr flip_flop(GeneratorPtr a, GeneratorPtr b);
/// Waits until every thread of the context is free, then becomes the child.
GeneratorPtr synchronize(GeneratorPtr child);
/// sequence() where each phase is synchronized: none begins before all operations of the one before
/// completed.
GeneratorPtr phases(Generators parts);
/// first, then (synchronized) second.
GeneratorPtr then(GeneratorPtr first, GeneratorPtr second);

// ---- change

/// Applies `change` to each emitted operation. It must leave the process alone.
GeneratorPtr map(std::function<Op(Op, const Context&)> change, GeneratorPtr child);
GeneratorPtr map(std::function<Op(Op)> change, GeneratorPtr child);
/// Renames functions; others stay. Updates: translated back (of several old names the first wins).
GeneratorPtr f_map(const std::map<std::string, std::string>& names, GeneratorPtr child);
/// Drops operations for which `keep` is false (the child advances past them). After 10,000 in a row dropped
/// it pauses for a millisecond, so that it cannot hang a run.
GeneratorPtr filter(std::function<bool(const Op&)> keep, GeneratorPtr child);
/// Replaces the child's own handling of updates: `handle(child, context, op)` returns the next child.
GeneratorPtr on_update(std::function<Updated(const GeneratorPtr&, const Context&, const Op&)> handle,
                       GeneratorPtr child);

// ---- choice

/// Each operation from a child chosen at random (by weight); a child that is pending does not block: the
/// others are asked in random order. A child that is done drops out. Updates: to all. O(children) an
/// operation.
GeneratorPtr mix(Generators children);
struct Weighted {
  double weight;
  GeneratorPtr child;
};
GeneratorPtr mix(std::vector<Weighted> children);
/// Whichever is ready; several: at random, equally likely. Done when all are. Updates: to all. The same
/// engine as mix: the words differ in what the reader expects.
GeneratorPtr any(Generators children);
/// As any, but done as soon as one of them is.
GeneratorPtr shortest_any(Generators children);

// ---- threads

/// Only these threads. Updates: only operations of these threads.
GeneratorPtr on_threads(const ThreadSet& threads, GeneratorPtr child);
GeneratorPtr on_threads(std::function<bool(Thread, const World&)> which, GeneratorPtr child);
/// All client threads / the nemesis.
GeneratorPtr clients(GeneratorPtr child);
GeneratorPtr nemesis(GeneratorPtr child);
/// Both at once; done when both are.
GeneratorPtr clients_and_nemesis(GeneratorPtr client_part, GeneratorPtr nemesis_part);
struct Reserved {
  size_t threads;
  GeneratorPtr child;
};
/// The first n1 client threads of the context run the first child, the next n2 the second, ..., the others
/// `rest`. Counted within the context it is in, so it nests. With fewer threads than reserved, the later
/// children get what is left; a child that gets none is an error when it is first asked (a silent no-op would
/// be a vacuous test), unless it is null. Ties: by number of threads. Updates: to the part of the thread.
GeneratorPtr reserve(std::vector<Reserved> parts, GeneratorPtr rest);
/// A copy for each client thread of the context (for the nemesis, where there is no client thread), which
/// sees that thread alone. Done when all are. Updates: to the thread's copy. O(threads) an operation.
GeneratorPtr each_thread(GeneratorPtr child);
/// As each_thread, but a new process begins with a fresh copy. Done when every live process's copy is.
GeneratorPtr each_process(GeneratorPtr child);
/// At most n processes ever act; done when one of them crashed and no number is left for its successor.
GeneratorPtr process_limit(size_t n, GeneratorPtr child);
/// At most n of the child's operations are in flight. Updates: to the child too.
GeneratorPtr concurrency_limit(size_t n, GeneratorPtr child);

// ---- time

/// Ends `duration_ns` after it was first asked: an operation at that very time is too late. Then the child's
/// finish() runs, so that what it began is closed.
GeneratorPtr time_limit(int64_t duration_ns, GeneratorPtr child);
/// Operations at random times: gaps uniform in [0, 2 mean), over all threads together; the first at once. An
/// operation that could not go out in time is made up for, but no more than one second (or two mean gaps) of
/// arrears: a long outage is not followed by an endless burst. mean_gap_ns 0: no limit.
GeneratorPtr stagger(int64_t mean_gap_ns, GeneratorPtr child);
/// Operations `gap_ns` apart, the first at once; without drift while on time. When late by more than a gap,
/// the grid begins anew: nothing is made up for.
GeneratorPtr delay(int64_t gap_ns, GeneratorPtr child);
struct Turn {
  int64_t duration_ns;
  GeneratorPtr child;
};
/// Each child for its duration, round and round; each goes on where it left off. One that is done leaves its
/// time empty; done when all are. Begins when first asked. Updates: to all.
GeneratorPtr cycle_times(std::vector<Turn> turns);
/// Until one of its own operations is ok. More operations may be in flight at once; put concurrency_limit(1,
/// ...) inside where that matters. The nemesis's operations are never ok.
GeneratorPtr until_ok(GeneratorPtr child);

}  // namespace riven::gen
