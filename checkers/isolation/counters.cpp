#include "checkers/isolation/counters.h"

#include <algorithm>
#include <bit>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>

namespace riven::checkers::isolation {

namespace {

constexpr size_t kMostMops = 200'000'000;
constexpr size_t kExact = 16;  // increments of which all sums are looked at

struct Increment {
  uint32_t txn = kNone;
  int64_t amount = 0;
  uint32_t number = kNone;  // of its element
  bool failed = false;
};

/// All that is known of one counter.
struct Counter {
  std::vector<Increment> increments;
  uint32_t element = kNone;                       // stands for what a read returned
  int64_t lowest = 0, highest = 0;                // of what did not fail
  int64_t lowest_failed = 0, highest_failed = 0;  // what the others may add
  bool grows = true;                              // nothing negative
  bool unnamed = false;                           // somebody may have added nobody knows what
  struct Sums {
    uint32_t in_all = ~0U, in_some = 0;
  };
  std::unordered_map<int64_t, Sums> sums;  // by total, without what failed; empty: too many
  std::set<int64_t> sums_with_failed;

  void settle() {
    for (const Increment& i : increments) {
      grows = grows && i.amount >= 0;
      (i.failed ? lowest_failed : lowest) += std::min<int64_t>(i.amount, 0);
      (i.failed ? highest_failed : highest) += std::max<int64_t>(i.amount, 0);
    }
    if (increments.size() > kExact) return;
    for (uint32_t some = 0; some < 1U << increments.size(); ++some) {
      int64_t total = 0;
      bool failed = false;
      for (uint32_t rest = some; rest != 0; rest &= rest - 1) {
        const Increment& i = increments[static_cast<size_t>(std::countr_zero(rest))];
        total += i.amount;
        failed = failed || i.failed;
      }
      if (failed) {
        sums_with_failed.insert(total);
        continue;
      }
      Sums& s = sums[total];
      s.in_all &= some;
      s.in_some |= some;
    }
  }
  bool exact() const { return increments.size() <= kExact; }
  bool possible(int64_t total) const {
    return exact() ? sums.count(total) != 0 : total >= lowest && total <= highest;
  }
  bool possible_with_failed(int64_t total) const {
    return exact() ? sums_with_failed.count(total) != 0
                   : total >= lowest + lowest_failed && total <= highest + highest_failed;
  }
  /// Whether increment `i` (which did not fail) is in a possible total: 1 yes, 0 no, -1 either.
  int in(size_t i, int64_t total) const {
    const int64_t amount = increments[i].amount;
    if (exact()) {
      const Sums& s = sums.at(total);
      return (s.in_all >> i & 1) != 0 ? 1 : (s.in_some >> i & 1) == 0 ? 0 : -1;
    }
    const int64_t size = amount < 0 ? -amount : amount;
    if (total > highest - size) return amount > 0 ? 1 : amount < 0 ? 0 : -1;
    if (total < lowest + size) return amount > 0 ? 0 : amount < 0 ? 1 : -1;
    return -1;
  }
};

class CounterReader {
 public:
  CounterReader(const History& history, Findings& findings) : history_(history), findings_(findings) {}

  Result<CounterHistory> run() {
    list_transactions(history_, t_);
    t_.workload = Workload::rw_register;
    for (uint32_t txn = 0; txn < t_.size() && error_.empty(); ++txn) list_increments(txn);
    for (auto& [text, counter] : counters_) counter.settle();
    for (uint32_t txn = 0; txn < t_.size() && error_.empty(); ++txn) read_transaction(txn);
    if (!error_.empty()) return Error{error_};
    t_.mop_begin.push_back(mop_count());
    for (const uint32_t txn : observed_)
      if (t_.state[txn] == TxnState::unknown) t_.state[txn] = TxnState::observed;
    for (const auto& [text, counter] : counters_)
      if (counter.grows && !counter.unnamed && !all_unnamed_) against_time(counter, reads_[text]);
    finish();
    return std::move(out_);
  }

 private:
  struct Read {
    uint32_t txn, mop;
    int64_t total;
  };
  void fail(uint32_t entry, const std::string& what) {
    if (error_.empty()) error_ = "operation " + std::to_string(history_.source_index(entry)) + ": " + what;
  }
  uint32_t mop_count() const { return static_cast<uint32_t>(t_.mops.size()); }
  uint32_t element(const Value& key, const std::string& what, uint32_t writer) {
    names_.emplace_back(Value::List{key, Value(what)});
    writers_.push_back(writer);
    return static_cast<uint32_t>(names_.size() - 1);
  }

  void list_increments(uint32_t txn) {
    const uint32_t entry = t_.value_entry(txn);
    const ValueView value = history_.value(entry);
    if (!value.is_list()) return;
    for (const ValueView view : value) {
      const Value mop = view.to_value();
      const bool whole = mop.is_list() && mop.list().size() >= 3;
      const bool adds = whole && mop.list()[0].is_name("inc") && mop.list()[2].is_integer();
      const bool reads =
          whole && mop.list()[0].is_name("r") && (mop.list()[2].is_integer() || mop.list()[2].is_nil());
      if (!adds && !reads) {
        if (t_.state[txn] != TxnState::ok && incomplete(txn, mop)) continue;
        return fail(entry, "neither [:inc k n] nor [:r k total]: " + to_edn(mop));
      }
      Counter& counter = counters_[to_edn(mop.list()[1])];
      if (!adds) continue;
      Increment i{txn, mop.list()[2].integer(), kNone, t_.state[txn] == TxnState::failed};
      if (i.amount > INT32_MAX || i.amount < INT32_MIN)
        return fail(entry, "an increment too large: " + to_edn(mop));
      i.number = element(mop.list()[1],
                         (i.amount < 0 ? "" : "+") + std::to_string(i.amount) + " of operation " +
                             std::to_string(history_.source_index(t_.invoke[txn])),
                         i.failed ? kNone : txn);
      counter.increments.push_back(i);
      numbers_[txn].push_back(i.number);
    }
  }

  // What a transaction without a known result wanted, its last parts missing. An increment of nobody knows
  // what makes every total of its counter possible.
  bool incomplete(uint32_t txn, const Value& mop) {
    if (!mop.is_list() || mop.list().empty()) return false;
    const Value::List& parts = mop.list();
    const bool adds = parts[0].is_name("inc");
    if ((!adds && !parts[0].is_name("r")) || (parts.size() > 2 && !(adds && parts[2].is_nil()))) return false;
    if (!adds) return true;
    t_.unnamed.push_back({txn, kNone});
    if (parts.size() < 2)
      all_unnamed_ = true;
    else
      counters_[to_edn(parts[1])].unnamed = true;
    return true;
  }

  void read_transaction(uint32_t txn) {
    t_.mop_begin.push_back(mop_count());
    const ValueView value = history_.value(t_.value_entry(txn));
    if (!value.is_list()) return;
    std::map<std::string, int64_t> expected;  // after a read of this transaction, with what it added since
    std::set<std::string> wrote;              // since the last read
    seen_.clear();
    place_ = 0;
    size_t increment = 0;
    for (const ValueView view : value) {
      const Value mop = view.to_value();
      if (mop.list().size() < 3 || (mop.list()[0].is_name("inc") && mop.list()[2].is_nil())) {
        ++place_;
        continue;
      }
      const std::string key = to_edn(mop.list()[1]);
      if (mop.list()[0].is_name("inc")) {
        const uint32_t number = numbers_[txn][increment++];
        if (t_.state[txn] != TxnState::failed) add(number, Mop::kWrite | 1);
        if (const auto at = expected.find(key); at != expected.end()) at->second += mop.list()[2].integer();
        wrote.insert(key);
        seen_.insert(number);
      } else if (t_.state[txn] == TxnState::ok) {
        const int64_t total = mop.list()[2].is_nil() ? 0 : mop.list()[2].integer();
        const auto [at, first] = expected.try_emplace(key, total);
        Counter& counter = counters_[key];
        if (counter.element == kNone) counter.element = element(mop.list()[1], "total", kNone);
        if (!first && at->second != total) odd(txn, counter.element, wrote.count(key) == 0);
        at->second = total;
        wrote.erase(key);
        read(txn, key, mop.list()[1], total);
      }
      ++place_;
    }
  }
  void odd(uint32_t txn, uint32_t key, bool no_writes) {
    findings_.add(Kind::internal, {txn, mop_count(), kNone, kNone, key});
    if (no_writes)
      findings_.add(Kind::non_repeatable_read, {txn, mop_count(), kNone, kNone, key});
    else
      out_.certain = false;  // perhaps only an own increment came late
    if (out_.set.odd.empty() || out_.set.odd.back() != txn) out_.set.odd.push_back(txn);
  }

  void read(uint32_t txn, const std::string& text, const Value& key, int64_t total) {
    const Counter& counter = counters_[text];
    reads_[text].push_back({txn, mop_count(), total});
    add(counter.element, Mop::kUnknown);
    if (counter.unnamed || all_unnamed_) {
      out_.certain = false;
      return;
    }
    if (!counter.possible(total)) {
      const bool aborted = counter.possible_with_failed(total);
      const auto by = std::find_if(counter.increments.begin(), counter.increments.end(),
                                   [](const Increment& i) { return i.failed; });
      const uint32_t number = element(key, "total " + std::to_string(total), kNone);
      findings_.add(aborted ? Kind::g1a : Kind::garbage_read,
                    {txn, mop_count(), aborted ? by->txn : kNone, kNone, number});
      out_.certain = false;
      return add(number, Mop::kOffTrunk);
    }
    for (size_t i = 0; i < counter.increments.size(); ++i) {
      const Increment& increment = counter.increments[i];
      if (increment.failed || increment.amount == 0) continue;
      const int in = counter.in(i, total);
      if (in < 0) {
        out_.certain = false;
        continue;
      }
      if (in == 1) observed_.insert(increment.txn);
      if (in == 0 && seen_.count(increment.number) != 0) odd(txn, increment.number, false);
      if (in == 1 && increment.txn == txn && seen_.count(increment.number) == 0)
        findings_.add(Kind::future_read, {txn, mop_count(), kNone, kNone, increment.number});
      add(increment.number, static_cast<uint32_t>(in));
    }
    if (t_.mops.size() > kMostMops)
      fail(t_.value_entry(txn), "too many reads of increments for one history of counters");
  }
  void add(uint32_t number, uint32_t bits) {
    t_.mops.push_back({number, bits});
    t_.places.push_back(place_);
  }

  // A total only grows: what a session, or real time, had added or read before is a bound.
  void against_time(const Counter& counter, const std::vector<Read>& reads) {
    struct Event {
      uint32_t entry;      // of the history
      const Read* begins;  // a read's invocation
      const Read* ends;    // its completion
      int64_t amount;      // of an increment that completed
    };
    std::vector<Event> events;
    for (const Increment& i : counter.increments)
      if (t_.state[i.txn] == TxnState::ok) events.push_back({t_.complete[i.txn], nullptr, nullptr, i.amount});
    for (const Read& r : reads) {
      events.push_back({t_.invoke[r.txn], &r, nullptr, 0});
      events.push_back({t_.complete[r.txn], nullptr, &r, 0});
    }
    std::stable_sort(events.begin(), events.end(),
                     [](const Event& a, const Event& b) { return a.entry < b.entry; });
    int64_t sum = 0;
    const Read* highest = nullptr;
    for (const Event& e : events) {
      sum += e.amount;
      if (e.ends != nullptr && (highest == nullptr || e.ends->total > highest->total)) highest = e.ends;
      if (e.begins == nullptr || !below(*e.begins, sum, highest, Kind::stale_read, counter)) continue;
      out_.refuted |= bit(Model::strong_snapshot_isolation);
    }
    against_sessions(counter, reads);
  }
  // Adds a finding where the read's total is less than what was added or read before it.
  bool below(const Read& r, int64_t added, const Read* read, Kind kind, const Counter& counter) {
    const bool below_read = read != nullptr && r.total < read->total;
    if (r.total >= added && !below_read) return false;
    findings_.add(kind, {r.txn, r.mop, below_read ? read->txn : kNone, below_read ? read->mop : kNone,
                         counter.element});
    return true;
  }
  void against_sessions(const Counter& counter, const std::vector<Read>& reads) {
    std::map<uint32_t, std::vector<std::pair<uint32_t, int64_t>>> by_session;  // transaction, amount
    for (const Increment& i : counter.increments)
      if (t_.state[i.txn] == TxnState::ok) by_session[t_.session[i.txn]].emplace_back(i.txn, i.amount);
    std::map<uint32_t, const Read*> highest;
    for (const Read& r : reads) {  // in the order of transactions
      const uint32_t session = t_.session[r.txn];
      int64_t own = 0;
      for (const auto& [txn, amount] : by_session[session]) own += txn < r.txn ? amount : 0;
      const Read*& seen = highest[session];
      // Within a transaction another total is an internal anomaly.
      const Read* const before = seen != nullptr && seen->txn != r.txn ? seen : nullptr;
      if (below(r, own, before, Kind::session_stale_read, counter))
        out_.refuted |= bit(r.total < own ? Model::strong_session_read_atomic : Model::strong_session_causal);
      if (seen == nullptr || r.total > seen->total) seen = &r;
    }
  }

  void finish() {
    SetHistory& set = out_.set;
    set.orders.base.push_back(0);
    auto bytes = std::make_shared<std::vector<uint8_t>>();
    std::vector<size_t> offsets;
    ValueWriter writer(*bytes);
    for (size_t i = 0; i < names_.size(); ++i) {
      offsets.push_back(bytes->size());
      writer.value(names_[i]);
      set.orders.base.push_back(set.orders.base.back() + (writers_[i] != kNone ? 1 : 0));
      if (writers_[i] != kNone) set.orders.writer.push_back(writers_[i]);
    }
    for (const size_t offset : offsets) t_.keys.push_back(bytes->data() + offset);
    t_.own_keys = std::move(bytes);
    set.transactions = std::move(t_);
  }

  const History& history_;
  Findings& findings_;
  Transactions t_;
  CounterHistory out_;
  std::map<std::string, Counter> counters_;
  std::map<std::string, std::vector<Read>> reads_;
  std::map<uint32_t, std::vector<uint32_t>> numbers_;  // transaction -> its increments' elements
  std::vector<Value> names_;
  std::vector<uint32_t> writers_;
  std::set<uint32_t> observed_;
  bool all_unnamed_ = false;
  std::set<uint32_t> seen_;  // increments that the transaction has made
  uint32_t place_ = 0;
  std::string error_;
};

}  // namespace

bool has_counters(const History& history) {
  const Symbol increment("inc");
  for (size_t i = 0; i < history.size(); ++i) {
    const ValueView value = history.value(i);
    if (!history.is_client(i) || !value.is_list() || value.is_integer_list()) continue;
    for (const ValueView mop : value) {
      if (!mop.is_list() || mop.is_integer_list() || mop.empty()) break;
      if (mop.at(0).is_name(increment)) return true;
    }
  }
  return false;
}

Result<CounterHistory> read_counters(const History& history, Findings& findings) {
  return CounterReader(history, findings).run();
}

}  // namespace riven::checkers::isolation
