// Every model by brute force on small histories, from definitions that share nothing with the checker: the
// axioms of Biswas and Enea (OOPSLA'19) over all commit orders, Adya's cycles over all version orders, and
// memories that execute one micro-operation at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkers/isolation/model.h"
#include "harness/core/history.h"
#include "harness/core/rng.h"

namespace riven::checkers::isolation {

struct TinyMop {
  bool write = false;
  int key = 0;
  int value = 0;              ///< appended or written; each value only once in a history
  std::vector<int> elements;  ///< read; of a register none (nil) or one
  int number = 0;             ///< of the version made or seen, where the micro-operation carries one
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

/// What random_history makes.
struct TinyShape {
  bool registers = false;
  int txns = 4;
  int keys = 2;
  int sessions = 2;
  int longest = 3;     ///< micro-operations of a transaction
  double noise = 0.3;  ///< how many reads and version orders are arbitrary instead of serial
  double writes = 0.5;
  double read_first = 0;       ///< how many writes follow a read of the key in their transaction
  bool aborted_reads = false;  ///< reads may return what failed transactions wrote
  double numbers = 0;          ///< how many micro-operations carry the number of their version
};
/// A random history. The reads of a list are prefixes of one order of appends for each key, so that no value
/// is garbage and no two reads are incompatible.
TinyHistory random_history(Rng& rng, const TinyShape& shape);
/// As the checker reads it. Times are divided by `coarseness`, so that many may be equal; the order of the
/// entries says what came first.
History to_history(const TinyHistory& tiny, int coarseness = 1);
/// For people.
std::string described(const TinyHistory& tiny);

/// What is taken for granted of the version orders of registers, beside each transaction's own order and nil
/// before everything else (analysis.h: RegisterOptions).
struct Assumed {
  bool write_follows_read = false;
  bool sequential_keys = false;
  bool linearizable_keys = false;
  bool numbers = false;  ///< of the versions, where micro-operations of known outcome carry them
};
struct Judgement {
  /// The models that hold: some choice of what nobody saw (version orders, fate of unread transactions)
  /// satisfies the definition.
  ModelSet holding = 0;
  /// No version order of some key is what is taken for granted.
  bool contradiction = false;
};
Judgement judge_by_force(const TinyHistory& tiny, const Assumed& assumed = {});

}  // namespace riven::checkers::isolation
