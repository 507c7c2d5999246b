// Transactions for the isolation checkers: list-append, registers and read-modify-write.
#pragma once

#include <cstdint>

#include "harness/generator/generator.h"

namespace riven {

/// append: micro-operations [:append k v] and [:r k nil].
/// wr: [:w k v] and [:r k nil]. rmw: each [:w k v] stands right behind a [:r k nil] in its transaction, so
/// that every version's predecessor is known.
enum class TxnStyle : uint8_t { append, wr, rmw };

/// How often each of the keys in play is chosen. exponential: the i-th with weight 2^-i (as Elle); zipf:
/// 1/(i+1).
enum class KeyDistribution : uint8_t { uniform, zipf, exponential };

struct TxnGeneratorOptions {
  TxnStyle style = TxnStyle::append;
  int64_t min_length = 1;  ///< micro-operations a transaction
  int64_t max_length = 4;
  size_t keys = 10;              ///< in play at once
  int64_t writes_per_key = 256;  ///< then the key leaves the game and a new one takes its place
  double write_share = 0.5;
  KeyDistribution distribution = KeyDistribution::exponential;
  double rate_hz = 0;  ///< transactions a second over all clients; 0: as fast as they go
};

struct TxnGenerators {
  GeneratorPtr load;
  /// Reads every key that `load` has used, eight a transaction. Knows them by a high-water mark shared with
  /// `load`: the one thing here that is not a pure function of the tree; it only ever grows.
  GeneratorPtr final_reads;
};

/// Operations `txn` whose value is a list of micro-operations. Keys are 0, 1, 2, ...; the values written to a
/// key are 1, 2, 3, ... in the order of generation: unique per key, never used twice.
TxnGenerators txn_generators(const TxnGeneratorOptions& options);

}  // namespace riven
