// Every model by brute force, from definitions that share nothing with the checker: executions of small
// databases, and the axioms of Biswas and Enea (OOPSLA'19) and of Cerone, Bernardi and Gotsman (CONCUR'15)
// over all orders.
#pragma once

#include <cstdint>
#include <vector>

#include "checkers/isolation/model.h"
#include "harness/core/history.h"
#include "harness/core/rng.h"

namespace riven::checkers::isolation {

struct TinyMop {
  bool write = false;
  int key = 0;
  int value = 0;              ///< appended (or written)
  std::vector<int> elements;  ///< read; a register's value is its last element, nil: none
};
struct TinyTxn {
  int session = 0;
  int invoked = 0;
  int returned = 0;  ///< meaningless for info
  OpType type = OpType::ok;
  std::vector<TinyMop> mops;
};
struct TinyHistory {
  std::vector<TinyTxn> txns;  ///< in the order of their invocations
  bool registers = false;
};

/// A random history of `txns` transactions whose reads are prefixes of one order of appends for each key, so
/// that no value is garbage and no two reads are incompatible.
TinyHistory random_history(Rng& rng, int txns, int keys, int sessions);
History to_history(const TinyHistory& tiny);
/// The models that hold: some choice of what nobody saw (order of unread appends, fate of unread
/// transactions) satisfies the definition.
ModelSet holding(const TinyHistory& tiny);

}  // namespace riven::checkers::isolation
