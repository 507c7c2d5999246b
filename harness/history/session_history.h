// Histories of sessions: transactions of reads and writes, in order within a session, and no time at all.
// Internal to harness/history.
//
// What these formats lose: real time (metadata "no_realtime": checks that rest on it, strict serializability
// and its kin, say nothing about them), errors, and what unfinished transactions did. A session becomes a
// process, its transactions follow one another, times are positions, and transactions of the same rank in
// their sessions overlap. A transaction is {:f :txn, :value [[:r k v] [:w k v] ...]}; a read of the initial
// version has the value nil. Where 0 is the initial value and a transaction writes it, too, a read of 0 from
// that key may be of either: it stays 0, and the metadata says "initial_written": true.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "harness/history/source_reader.h"

namespace riven::reading {

struct SessionMop {
  bool is_write = false;
  bool is_initial = false;  ///< a read of the version that nobody wrote
  int64_t key = 0;
  int64_t value = 0;
};

struct SessionTransaction {
  OpType end = OpType::ok;  ///< ok, fail or info
  std::vector<SessionMop> mops;
};

class SessionHistory {
 public:
  /// Whose transactions the next ones are; sessions are numbered in the order of their first mention.
  void session(int64_t name);
  void add(SessionTransaction transaction);
  /// Makes reads of 0 reads of the initial version, where nobody wrote 0 to that key (or only transactions
  /// that failed). `even_if_written`: they may be so where somebody did, too.
  void zero_is_initial(bool even_if_written);
  /// `cut`: something is missing at the end of a session, which others may have read.
  Result<ReadHistory> finish(const Source& source, Format format, std::vector<std::string> warnings,
                             bool cut);

 private:
  std::unordered_map<int64_t, size_t> names_;
  std::vector<std::vector<SessionTransaction>> sessions_;
  size_t current_ = 0;
  bool initial_written_ = false;
};

}  // namespace riven::reading
