// Why one transaction comes before another, for a person.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "checkers/isolation/analysis.h"

namespace riven::checkers::isolation {

/// Writes sentences about the transactions of one history. Borrows both; cheap to make. Not thread-safe.
class Explainer {
 public:
  Explainer(const History& history, const Analysis& analysis) : history_(history), a_(analysis) {}

  /// One edge and the micro-operations that make it.
  struct Reason {
    std::string sentence;       ///< "T1 < T2, because T2 read key 4 = [1 2], which T1's append of 2 made"
    std::string type;           ///< ww, wr, rw, process, realtime
    uint32_t from_mop = kNone;  ///< global indices; kNone for process and realtime
    uint32_t to_mop = kNone;
    uint32_t key = kNone;
  };
  Reason edge(uint32_t from, uint32_t to, uint8_t label, const std::string& from_name,
              const std::string& to_name) const;
  /// The same of a step, by its own micro-operations where it names both.
  Reason edge(const Cycle::Step& step, uint32_t to, const std::string& from_name,
              const std::string& to_name) const;
  /// What a case of an anomaly without a cycle shows; transactions are T1 (and T2).
  std::string single(Kind kind, const Case& c) const;

  /// The micro-operation as EDN, long lists shortened to their ends.
  std::string mop_text(uint32_t txn, uint32_t mop) const;
  /// The transaction as Elle prints it, with only the micro-operations in `mops` (ascending) written out.
  std::string transaction_text(uint32_t txn, const std::vector<uint32_t>& mops) const;
  /// The value of a micro-operation: what was read or written.
  Value value_of(uint32_t txn, uint32_t mop) const;
  std::string key_text(uint32_t key) const { return to_edn(a_.transactions.key(key)); }

  const History& history() const { return history_; }
  const Analysis& analysis() const { return a_; }

 private:
  bool follows(uint32_t key, uint32_t version, uint32_t next) const;
  Reason dependency(uint32_t from, uint32_t to, uint8_t label, const std::string& from_name,
                    const std::string& to_name) const;
  Reason by_accesses(uint32_t from, uint32_t to, uint8_t label, uint32_t x, uint32_t y,
                     const std::string& from_name, const std::string& to_name) const;
  Reason by_predicate(uint32_t from, uint32_t to, uint8_t label, const std::string& from_name,
                      const std::string& to_name) const;
  Reason in_time(uint32_t from, uint32_t to, const std::string& from_name, const std::string& to_name) const;

  const History& history_;
  const Analysis& a_;
};

/// EDN with lists of more than twelve elements shortened to their ends.
std::string short_edn(const Value& value);
/// "write-skew", "long-fork", ...: what people call a cycle of this form. Read skew (Berenson et al. 1995,
/// A5A) sees a part of what one transaction wrote: it is a fractured read (Bailis et al. 2014, 3.2), too.
std::vector<std::string> common_names(const Cycle& cycle, const Explainer& explainer);
/// All of them, separated by ", ".
std::string known_as(const Cycle& cycle, const Explainer& explainer);

}  // namespace riven::checkers::isolation
