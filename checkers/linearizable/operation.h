// What every linearizability engine works on: operations as five integers.
#pragma once

#include <cstdint>
#include <string_view>

namespace riven::linearizable {

/// Operations of all built-in models. Each model knows some of them.
enum class Function : uint8_t {
  read,            ///< a: the value seen (set: an index into Lists)
  write,           ///< a: the value
  cas,             ///< a to b, applied
  failed_cas,      ///< a: at some moment the register did not hold a
  append,          ///< a: what was appended
  acquire,         ///< a: the owner; b: the fence (fenced mutex) or how many permits (semaphore)
  failed_acquire,  ///< a: the owner; at some moment the lock was not to be had
  release,         ///< as acquire
  add,             ///< a: element (set) or amount (counter); b: kTrue, kFalse, or kNil: nothing was answered
  remove,          ///< a: element; b as add
  contains,        ///< a: element; b: kTrue or kFalse
  insert,          ///< a: enqueue, push
  take,            ///< a: dequeue, pop, poll; kNil: "empty"; kUnknown: crashed
  peek,            ///< as take, removes nothing
  txn,             ///< a: an index into Transactions
  user,            ///< a: an index into the calls of a user's own model
};

inline constexpr int32_t kNil = 0;       ///< the value nil
inline constexpr int32_t kUnknown = -1;  ///< an answer that never came
inline constexpr int32_t kFalse = 1;
inline constexpr int32_t kTrue = 2;
inline constexpr uint32_t kPending = UINT32_MAX;

/// An operation of one part of a history. Times are entry numbers of the history: all different, in
/// real-time order. `returned` is kPending if it crashed: it may have taken effect at any moment after
/// `invoked`, or never.
struct Operation {
  uint32_t invoked = 0;
  uint32_t returned = kPending;
  int32_t a = kNil;
  int32_t b = kNil;
  Function f = Function::read;

  bool pending() const { return returned == kPending; }
};

/// The built-in models.
enum class Model : uint8_t {
  reg,
  cas_register,
  multi_register,
  mutex,
  owner_mutex,
  reentrant_mutex,
  fenced_mutex,
  semaphore,
  set,
  fifo_queue,
  stack,
  priority_queue,
  counter,
  kv,
  unordered_queue,
  user,
};

std::string_view to_text(Model model);

}  // namespace riven::linearizable
