// Sets and rows that predicates match, by brute force: small histories whose items each have one committed
// write.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tests/checkers/isolation/oracle.h"

namespace riven::checkers::isolation {

/// An element of a set (absent, then there), or a row (absent or with a value; written, or deleted, at most
/// once).
struct TinyItem {
  static constexpr int kAbsent = 0;
  int set = 0;
  int initial = kAbsent;
  int written = kAbsent;
  bool has_write = false;
};
struct TinyAct {
  enum Kind { write, read_item, read_set, read_where };
  enum Predicate { all, equals, modulus };
  Kind kind = write;
  int item = 0;   ///< of write and read_item; of read_set the set
  int value = 0;  ///< written
  Predicate predicate = all;
  int argument = 0;       ///< of equals; of modulus (2) the remainder
  std::vector<int> seen;  ///< by item: the value, or kAbsent where it is not in the result
};
struct ItemTxn {
  int session = 0, invoked = 0, returned = 0;
  OpType type = OpType::ok;
  std::vector<TinyAct> acts;
};
struct ItemHistory {
  bool sets = false;      ///< else rows
  bool counters = false;  ///< sets of which a read shows only the sum of its elements' values
  std::vector<TinyItem> items;
  std::vector<ItemTxn> txns;
};

enum class ItemKind { sets, rows, counters };
/// A few transactions, mostly as a serial execution would have them.
ItemHistory random_items(Rng& rng, ItemKind kind);
/// What the reads of counters may have seen: each history has the same totals. None where there are too many.
std::vector<ItemHistory> readings(const ItemHistory& h);
/// As the checker reads it.
History to_history(const ItemHistory& h);
std::string described(const ItemHistory& h);

/// The models of serializability (serializable, session, strong session, strict) that hold, by executing the
/// transactions one after the other in every order. Nothing is assumed of versions.
ModelSet executable(const ItemHistory& h);
/// The reads that tell which version of an item they saw, as reads of registers; `missing`: those of rows
/// that a predicate left out, too. None where a result fits no version, or there are too many reads.
std::optional<TinyHistory> as_registers(const ItemHistory& h, bool missing);

}  // namespace riven::checkers::isolation
