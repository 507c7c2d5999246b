// From what the engines found, in their numbers, to an argument that names entries of the history.
#pragma once

#include <optional>
#include <vector>

#include "checkers/isolation/proof/reasons.h"
#include "checkers/isolation/verify/verifier.h"

namespace riven::checkers::isolation {

/// Borrows both. Not thread-safe. Costs the history once, then the accesses of the keys that matter.
class Grounds {
 public:
  Grounds(const History& history, const Analysis& analysis, unsigned threads = 1);

  // None: something that the engines said has no ground in the history.
  std::optional<Argument> of(const std::vector<Cycle::Step>& steps);
  std::optional<Argument> of(const Proof& proof);
  std::optional<Argument> of(const WeakCycle& cycle);
  /// `number`: of the case among those of its kind.
  std::optional<Argument> of(Kind kind, size_t number);
  Premises premises() const { return {a_.kind, a_.registers, a_.real_time}; }

 private:
  std::optional<Link> link(const Cycle::Step& step, uint32_t next);
  bool by_time(const Link& link) const;
  std::optional<Link> dependency(const Cycle::Step& step, uint32_t next);
  std::optional<Link> written_later(uint32_t x, uint32_t y);
  std::optional<Link> read_from(uint32_t x, uint32_t y);
  std::optional<Link> overwritten(uint32_t x, uint32_t y);
  std::optional<Link> own_update(uint32_t from, uint32_t to);
  std::optional<Link> in_order(uint32_t x, uint32_t y);
  std::optional<Link> unseen_in_order(uint32_t from, uint32_t to);
  std::optional<Link> overtaken(const Proof& proof);
  std::optional<Link> seen(const WeakStep& step);
  bool add_path(const WeakStep& step, std::vector<Link>& path);
  std::optional<Argument> overwrite(const Case& c);
  std::optional<Argument> stale(const Case& c);
  std::optional<Argument> direct(Kind kind, const Case& c);
  std::optional<Argument> circle(const std::vector<uint32_t>& writes);
  bool observe(Argument& argument);
  std::optional<Argument::Observation> observation(uint32_t txn) const;
  bool in_list(uint32_t writer, uint32_t write, uint32_t reader, uint32_t read) const;
  Access addition(uint32_t txn, uint32_t element) const;
  void collect(const Link& link, std::vector<uint32_t>& invokes) const;
  bool lists() const { return a_.kind == HistoryKind::lists; }
  bool registers() const { return a_.kind == HistoryKind::registers; }
  /// A read of the key that has the version, the lowest such.
  uint32_t witness(uint32_t key, uint32_t version) const;
  uint32_t longest_read(uint32_t key) const;
  uint32_t txn_at(uint32_t invoke) const;
  Value container(uint32_t key) const;

  const History& history_;
  const Analysis& a_;
  const Transactions& t_;
  KeyGroups groups_;
  Places places_;
  Reasons reasons_;
};

}  // namespace riven::checkers::isolation
