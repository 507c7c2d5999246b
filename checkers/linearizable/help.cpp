// What `riven check --help` says about the linearizability checker.
#include "checkers/linearizable/checker.h"

namespace riven::linearizable {

std::string models_help() {
  return R"(Linearizability models and their operations (f: value when invoked -> value when ok; also by the names in brackets):
  register         read: nil -> V [r get]; write: V [w put set]
  cas-register     also cas: [FROM TO] [compare-and-set]; failed, or answered with false: the value was not FROM
  kv               also append: V, delete: nil; always [KEY VALUE]; "" is nil
  multi-register   txn: [[:r K nil] [:w K V]] -> with values; read, write: {K V} or [[K V] ...]
  mutex            acquire [lock try-acquire try-lock]: nil, release [unlock]: nil; anyone may release it
  owner-mutex      only the process that acquired it may release it, or the client of {"client": NAME}
  reentrant-mutex  as owner-mutex, and its owner may acquire it again (depth=N: N times in all)
  fenced-mutex     as owner-mutex; acquire -> FENCE or {"fence": FENCE}, which has to grow
  semaphore        as mutex; the value is how many permits (1 if nil) of permits=N
  set              add: E [insert], remove: E [delete], contains: E -> true or false [member exists], read: nil -> [E ...];
                   add and remove may answer true or false: whether they changed it
  fifo-queue, stack, priority-queue, unordered-queue
                   enqueue: E [enq push add insert offer put send]; dequeue: nil -> E, or nil or "empty"
                   [deq pop poll take remove get receive delete-max delete-min]; peek: nil -> E [top front]
  counter          read: nil -> N [get]; add: N, 1 if nil [inc incr increment]; dec [decr decrement sub]
Values that are independent [KEY VALUE] pairs are told from the history, or by --per-key.
A failed operation had no effect. A failed cas whose error is nil, or says that the comparison failed, also saw another value.

Engines for them (--engine): auto, zones (registers, no value written twice), versions (the same, changed by cas alone), queue,
stack, priority-queue, set (elements that are all different), dfs and jit (general searches, for all).

Options for them (--checker-opt): initial=V (nil), failed-cas=auto|observe|ignore (whether failed operations say what they
saw), permits=N (1), depth=N, order=max|min (what a priority queue gives first), witness=yes (write a linearization).
)";
}

}  // namespace riven::linearizable
