// Small histories of transactions, written in every format that `riven check` reads.
#pragma once

#include <string>
#include <vector>

#include "harness/core/history.h"

namespace riven::test {

/// `mops`: "w1=2" writes, "a1=2" appends, "r1=2" reads a register, "r1=2,3" a list (or "r1=" the empty one),
/// "r1=nil" what nobody wrote; separated by spaces. Keys and values are from 1.
struct Txn {
  int session, invoked, returned;
  OpType type;
  std::string mops;
};
using Txns = std::vector<Txn>;

History history_of(const Txns& txns);

/// A format by the reader's name, and how one calls a variant of it.
struct Written {
  std::string name;
  std::string path;  ///< a file, or Cobra's folder
  bool real_time = true;
  bool failures = true;  ///< whether it can say that a transaction failed
};
/// Journal, EDN (plain, tagged, in one vector), elle-cli's JSON, JSON lines.
std::vector<Written> write_with_times(const Txns& txns, const std::string& folder);
/// Plume, DBCop, Cobra, AWDIT: registers alone, no times.
std::vector<Written> write_by_session(const Txns& txns, const std::string& folder);

}  // namespace riven::test
