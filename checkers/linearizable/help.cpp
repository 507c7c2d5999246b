// What `riven check --help` says about the linearizability checker.
#include "checkers/linearizable/checker.h"

namespace riven::linearizable {

std::string models_help() {
  return R"(Linearizability models and their operations (f: value when invoked -> value when ok; also by the names in brackets):
  register         read: nil -> V [r get]; write: V [w put set]
  cas-register     also cas: [FROM TO] [compare-and-set]; failed, or answered with false: the value was not FROM
  kv               also append: V, delete: nil; always [KEY VALUE]; "" is nil
  multi-register   txn (also read and write): [[:r K nil] [:w K V]] -> with values; read, write: {K V} or [[K V] ...]
  mutex            acquire [lock try-acquire try-lock]: nil, release [unlock]: nil; anyone may release it
  owner-mutex      only the process that acquired it may release it, or the client of {"client": NAME}
  reentrant-mutex  as owner-mutex, and its owner may acquire it again (depth=N: N times in all)
  fenced-mutex     as owner-mutex; acquire -> FENCE or {"fence": FENCE}, which has to grow
  semaphore        as mutex; the value is how many permits (1 if nil) of permits=N
  set              add: E [insert], remove: E [delete], contains: E -> true or false [member exists], read: nil -> [E ...];
                   add and remove may answer true or false: whether they changed it
  fifo-queue, stack, priority-queue, unordered-queue
                   enqueue: E [enq push add insert offer put send]; dequeue: nil -> E, or nil or "empty"
                   [deq pop poll take remove get receive delete-max delete-min]; peek: nil -> E [top front];
                   drain: nil -> [E ...]
  counter          read: nil -> N, or nil for 0 [get]; add: N, 1 if nil [inc incr increment]; dec [decr decrement sub]
Values that are independent [KEY VALUE] pairs are detected, or --per-key says so.
An operation that failed did not happen. A failed cas whose error names a failed comparison (compare-failed, value-mismatch,
precondition-failed, ...), or one that is ok with false, also saw another value. A lock that was acquired with false was not to be had.

Engines for them (--engine): auto, zones (registers, no value written twice), versions (the same, changed by cas alone),
appends (keys of kv with append), queue, stack, priority-queue, set (elements that are all different), dfs and jit (general searches, for all).

Options for them (--checker-opt), each with the models that it goes with; with others it is refused:
  initial=V        what was there at the beginning (nil, 0, empty), in EDN or JSON: a register's value, each key's of kv and multi-register
                   or {K V ...}, the elements of a set, queue or stack [E ...], a counter's number; not for locks
  failed-cas=      auto: as above; ignore: no failure says anything; observe: every failed cas, acquire, dequeue, and add to or remove
                   from a set is the model's answer
  permits=N (1)    semaphore              depth=N  reentrant-mutex              order=max|min  what a priority-queue gives first
  witness=yes      write a linearization (all)
)";
}

}  // namespace riven::linearizable
