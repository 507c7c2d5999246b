// What a history itself says of transactions and micro-operations, read plainly from its entries. Internal to
// checkers/isolation/verify.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkers/isolation/model.h"
#include "checkers/isolation/verify/verifier.h"

namespace riven::checkers::isolation {

/// A micro-operation as it stands in the history.
struct RawMop {
  enum class Does : uint8_t { reads, reads_predicate, writes };
  Does does = Does::reads;
  std::string_view name;  ///< r, append, w, ...
  Value key;              ///< of a predicate read the predicate
  ValueView value;        ///< written or returned; nil where there is none
  std::optional<int64_t> number;
};

/// One order of two writes that is supposed for the time being.
struct Assumption {
  Access earlier, later;
};

/// Holds what an argument takes for granted besides the history: who took effect, which orders are supposed.
class Facts {
 public:
  Facts(const History& history, Premises premises) : history_(history), premises_(premises) {}

  const History& history() const { return history_; }
  const Premises& premises() const { return premises_; }
  bool lists() const { return premises_.kind == HistoryKind::lists; }
  bool registers() const { return premises_.kind == HistoryKind::registers; }

  bool is_transaction(uint32_t invoke) const;
  bool returned(uint32_t invoke) const { return completion(invoke, OpType::ok); }
  bool failed(uint32_t invoke) const { return completion(invoke, OpType::fail); }
  /// Took effect: it returned ok, or was seen.
  bool committed(uint32_t invoke) const { return returned(invoke) || seen.count(invoke) != 0; }
  /// Whether the one had returned when the other was invoked.
  bool before(uint32_t a, uint32_t b) const { return returned(a) && history_.pair(a) < b; }
  bool same_process(uint32_t a, uint32_t b) const { return history_.process(a) == history_.process(b); }

  /// None where there is no such micro-operation, or it lacks a part that it needs.
  std::optional<RawMop> mop(const Access& access) const;
  /// How many micro-operations the transaction has.
  uint32_t size(uint32_t invoke) const;
  /// A read whose result is known.
  std::optional<RawMop> read(const Access& access) const;
  std::optional<RawMop> write(const Access& access) const;
  /// The same, of a transaction that took effect.
  std::optional<RawMop> committed_write(const Access& access) const;
  /// Whether the transaction wrote the key, at a place in [from, to).
  bool writes(uint32_t invoke, const Value& key, uint32_t from = 0, uint32_t to = kNone) const;
  bool writes_anything(uint32_t invoke) const;

  std::set<uint32_t> seen;              ///< transactions without a return that took effect
  std::vector<Assumption> assumptions;  ///< of the cases that are looked at
  bool assumed(const Access& earlier, const Access& later) const;

  /// What the whole history says of one key.
  struct KeyFacts {
    std::vector<std::pair<Access, Value>> writes;  ///< every one, of whatever outcome
    bool unnamed = false;                          ///< some write of it does not tell what it wrote
    std::optional<Value> initial;                  ///< of an operation :init
  };
  /// Will be asked for.
  void expect(const Value& key);
  const KeyFacts& of_key(const Value& key);

 private:
  bool completion(uint32_t invoke, OpType type) const;
  ValueView value(uint32_t invoke) const;
  void look_up();
  void look_up_init(size_t entry);
  void look_up_incomplete(const ValueView& one, const std::set<std::string>& missing);

  const History& history_;
  Premises premises_;
  std::map<std::string, KeyFacts> keys_;  ///< by the key's text; JSON's object keys as the numbers they are
  std::set<std::string> looked_up_;
};

/// Whether `list` has the element; where, from 0. Nil is the empty list.
std::optional<size_t> place_in(const ValueView& list, const ValueView& element);

/// What is known of one link: that it is so, and for which models.
struct CheckedLink {
  Relation relation = Relation::ww;
  Access from, to;
  ModelSet valid = ~ModelSet{0};  ///< only these may rest on it
  bool by_predicate = false;
  bool source = false;  ///< order: `to` read what `from` wrote; a list shows every append in it
  bool exact = true;    ///< wr: no other transaction's append stands above it in the list
  bool from_writes = false, to_writes = false;
  Value key;  ///< of ww, wr, rw and order
};
/// None, with the reason in `why_not`, where it is not so.
std::optional<CheckedLink> check_link(Facts& facts, const Link& link, std::string& why_not);
/// The models for which the versions are in this order; none where they are not.
ModelSet check_chain(const Facts& facts, const Value& key, const VersionChain& chain);
/// The models that links in a circle refute.
ModelSet refuted_by_circle(const Facts& facts, const std::vector<CheckedLink>& links);
/// The models that an anomaly without a cycle refutes; none where it is not there.
ModelSet refuted_by_direct(Facts& facts, const Direct& direct, std::string& why_not);

/// Histories of predicates, sets and counters: whether the read tells that the write had (or had not) taken
/// effect. None: it does not tell.
std::optional<bool> shows(Facts& facts, const Access& read, const Access& write);
/// Whether the read is one of a predicate that did not return the key.
bool by_predicate(const Facts& facts, const RawMop& read, const Value& key);
/// Whether a transaction's access `a`, of `key_a`, comes before its access `b`: a predicate read counts as
/// reads of its rows, one after the other.
bool comes_before(const Facts& facts, const Access& a, const Value& key_a, const Access& b,
                  const Value& key_b);
/// What the anomalies of these histories that need no cycle refute.
ModelSet refuted_by_predicate_read(Facts& facts, const Direct& direct);
ModelSet refuted_by_total(Facts& facts, const Direct& direct);
/// Nothing where the read does not return the key; of an absent one nil.
std::optional<Value> state_read(const Facts& facts, const RawMop& read, const Value& key);

}  // namespace riven::checkers::isolation
