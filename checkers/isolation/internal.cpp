// What a transaction's own micro-operations say about each other (Cerone, Bernardi, Gotsman 2015: INT).
#include <algorithm>

#include "checkers/isolation/parallel.h"
#include "checkers/isolation/versions.h"

namespace riven::checkers::isolation {

namespace {

class TransactionCheck {
 public:
  TransactionCheck(const Transactions& t, Findings& findings, std::vector<uint32_t>& odd)
      : t_(t), findings_(findings), odd_(odd) {}

  void run(uint32_t txn) {
    txn_ = txn;
    const uint32_t begin = t_.begin_of(txn);
    const uint32_t end = t_.end_of(txn);
    if (end - begin < 2) return;
    if (end - begin <= 8) {
      for (uint32_t m = begin; m < end; ++m) {
        bool first = true;
        for (uint32_t other = begin; other < m && first; ++other)
          first = t_.mops[other].key != t_.mops[m].key;
        if (!first) continue;
        of_key_.clear();
        for (uint32_t other = m; other < end; ++other)
          if (t_.mops[other].key == t_.mops[m].key) of_key_.push_back(other);
        if (of_key_.size() > 1) one_key();
      }
      return;
    }
    order_.clear();
    for (uint32_t m = begin; m < end; ++m) order_.push_back(m);
    std::stable_sort(order_.begin(), order_.end(),
                     [&](uint32_t a, uint32_t b) { return t_.mops[a].key < t_.mops[b].key; });
    for (size_t i = 0; i < order_.size();) {
      of_key_.clear();
      const uint32_t key = t_.mops[order_[i]].key;
      for (; i < order_.size() && t_.mops[order_[i]].key == key; ++i) of_key_.push_back(order_[i]);
      if (of_key_.size() > 1) one_key();
    }
  }

 private:
  // The micro-operations of one key, in order.
  void one_key() {
    uint32_t last_read = kNone;  // mop
    size_t after_read = 0;       // index into of_key_ behind it
    uint32_t written = kNone;    // the last write
    const uint32_t key = t_.mops[of_key_[0]].key;
    for (size_t i = 0; i < of_key_.size(); ++i) {
      const uint32_t m = of_key_[i];
      const Mop mop = t_.mops[m];
      if (mop.is_write()) {
        if (written != kNone && mop.version() < t_.mops[written].version())
          report(Kind::reordered_writes, {txn_, m, txn_, written, key});
        written = m;
        continue;
      }
      if (mop.version() == Mop::kUnknown || t_.state[txn_] != TxnState::ok) continue;
      const bool wrote = std::any_of(of_key_.begin() + static_cast<ptrdiff_t>(after_read),
                                     of_key_.begin() + static_cast<ptrdiff_t>(i),
                                     [&](uint32_t other) { return t_.mops[other].is_write(); });
      if (!agrees(last_read, after_read, i)) {
        report(Kind::internal, {txn_, m, txn_, last_read, key});
        if (last_read != kNone && !wrote) report(Kind::non_repeatable_read, {txn_, m, txn_, last_read, key});
      }
      if (const uint32_t later = seen_too_early(i); later != kNone)
        report(Kind::future_read, {txn_, m, txn_, later, key});
      last_read = m;
      after_read = i + 1;
    }
  }
  void report(Kind kind, const Case& c) {
    findings_.add(kind, c);
    if (odd_.empty() || odd_.back() != txn_) odd_.push_back(txn_);
  }
  // Whether the read at `i` is what the read before it (if any) and the writes between them leave.
  bool agrees(uint32_t last_read, size_t from, size_t i) const {
    const Mop mop = t_.mops[of_key_[i]];
    const bool register_like = t_.workload == Workload::rw_register;
    if (register_like) {
      if (i == 0) return true;
      return ValueView(t_.values[of_key_[i - 1]]) == ValueView(t_.values[of_key_[i]]);
    }
    if (mop.version() == Mop::kOffTrunk ||
        (last_read != kNone && t_.mops[last_read].version() == Mop::kOffTrunk))
      return agrees_by_value(last_read, from, i);
    // An element that occurs twice has the version of its first occurrence alone.
    return agrees_by_version(last_read, from, i) || agrees_by_value(last_read, from, i);
  }
  bool agrees_by_version(uint32_t last_read, size_t from, size_t i) const {
    const Mop mop = t_.mops[of_key_[i]];
    const uint32_t appended = static_cast<uint32_t>(i - from);
    if (last_read != kNone && mop.version() != t_.mops[last_read].version() + appended) return false;
    if (mop.version() < appended) return false;
    for (uint32_t n = 0; n < appended; ++n)
      if (t_.mops[of_key_[from + n]].version() != mop.version() - appended + 1 + n) return false;
    return true;
  }
  bool agrees_by_value(uint32_t last_read, size_t from, size_t i) const {
    const Value::List seen = elements(of_key_[i]);
    Value::List tail;
    for (size_t n = from; n < i; ++n) tail.push_back(ValueView(t_.values[of_key_[n]]).to_value());
    if (last_read != kNone) {
      Value::List expected = elements(last_read);
      expected.insert(expected.end(), tail.begin(), tail.end());
      return seen == expected;
    }
    return seen.size() >= tail.size() && std::equal(tail.rbegin(), tail.rend(), seen.rbegin());
  }
  Value::List elements(uint32_t m) const {
    const ValueView v(t_.values[m]);
    Value::List out;
    if (v.is_list())
      for (const ValueView element : v) out.push_back(element.to_value());
    return out;
  }

  // A later write of this transaction whose value the read at `i` already saw, or kNone.
  uint32_t seen_too_early(size_t i) const {
    const Mop mop = t_.mops[of_key_[i]];
    for (size_t n = i + 1; n < of_key_.size(); ++n) {
      const Mop later = t_.mops[of_key_[n]];
      if (!later.is_write()) continue;
      if (t_.workload == Workload::rw_register) {
        if (ValueView(t_.values[of_key_[n]]) == ValueView(t_.values[of_key_[i]])) return of_key_[n];
      } else if (mop.version() == Mop::kOffTrunk) {
        const Value::List seen = elements(of_key_[i]);
        if (std::find(seen.begin(), seen.end(), ValueView(t_.values[of_key_[n]]).to_value()) != seen.end())
          return of_key_[n];
      } else if (later.version() <= mop.version()) {
        return of_key_[n];
      }
    }
    return kNone;
  }

  const Transactions& t_;
  Findings& findings_;
  std::vector<uint32_t>& odd_;
  uint32_t txn_ = 0;
  std::vector<uint32_t> of_key_;
  std::vector<uint32_t> order_;
};

}  // namespace

std::vector<uint32_t> check_transactions(const History& history, const Transactions& t, unsigned threads,
                                         Findings& findings) {
  const size_t parts = std::max<size_t>(1, std::min<size_t>(64, t.size() / 4096));
  std::vector<Findings> found(parts);
  std::vector<std::vector<uint32_t>> odd(parts);
  parallel_for(parts, threads, [&](size_t i) {
    TransactionCheck check(t, found[i], odd[i]);
    const Range range = part_of(t.size(), i, parts);
    ReadBehind behind(history);
    for (auto txn = static_cast<uint32_t>(range.begin); txn < range.end; ++txn) {
      if (!committed(t.state[txn])) continue;
      behind.read(t.value_entry(txn));
      check.run(txn);
    }
  });
  std::vector<uint32_t> all;
  for (size_t i = 0; i < parts; ++i) {
    findings.merge(found[i]);
    all.insert(all.end(), odd[i].begin(), odd[i].end());
  }
  return all;
}

}  // namespace riven::checkers::isolation
