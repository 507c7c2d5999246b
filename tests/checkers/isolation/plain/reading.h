// A history of transactions, read anew: nothing here is shared with the checker that it is compared with.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "harness/core/history.h"

namespace riven::checkers::isolation::plain {

/// `observed`: nobody told its client whether it committed, but a committed transaction read what it wrote.
/// `unknown`: nobody read it, so that it may as well have aborted, which explains no less.
enum class Fate : uint8_t { ok, observed, unknown, failed };

/// A micro-operation. Keys and values are numbers from 0, the values of each key by themselves.
struct Step {
  bool write = false;
  int key = 0;
  int value = kNothing;   ///< written; of a register also what was read, kNothing: its initial state
  std::vector<int> seen;  ///< by a read of a list
  bool known = true;      ///< false: a read whose result nobody knows
  /// The place of the version written or read in the key's order, 0: the initial state. Whoever finds the
  /// orders fills it in.
  int version = kNoVersion;
  bool reads_version() const { return !write && known && version != kNoVersion; }
  bool makes_version() const { return write && version != kNoVersion; }
  static constexpr int kNothing = -1, kNoVersion = -1;
};

struct Txn {
  int session = 0;
  int64_t invoked = 0;
  int64_t returned = 0;  ///< kNever unless ok
  Fate fate = Fate::ok;
  std::vector<Step> steps;
  bool committed() const { return fate == Fate::ok || fate == Fate::observed; }
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
};

/// Who wrote a value.
struct Writer {
  int txn = -1, step = -1;
  friend bool operator==(const Writer&, const Writer&) = default;
};

struct World {
  bool lists = false;
  std::vector<Txn> txns;                     ///< by invocation
  std::vector<std::string> keys;             ///< as EDN
  std::vector<std::vector<Writer>> writers;  ///< [key][value]; txn -1: nobody wrote it
};

/// Transactions whose outcome is unknown are `unknown` until settle() is called. Values must be written once.
World read_world(const History& history);
/// Makes observed what a committed transaction read, until nothing changes.
void settle(World& world);

}  // namespace riven::checkers::isolation::plain
