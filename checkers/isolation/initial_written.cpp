#include "checkers/isolation/initial_written.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "checkers/isolation/transactions.h"
#include "harness/core/text.h"

namespace riven::checkers {

namespace {

using isolation::kNone;
using isolation::Transactions;
using isolation::TxnState;

/// A micro-operation of an entry.
struct Place {
  uint32_t entry = 0;
  uint32_t mop = 0;
  auto operator<=>(const Place&) const = default;
};

/// A read of the initial value with more than one explanation; the likeliest first.
struct OpenRead {
  Place at;       ///< in the completion
  Place invoked;  ///< in the invocation
  std::vector<Value> from;
  size_t initial = 0;  ///< which of them is the initial version
};

/// The writes and reads of the initial value.
class InitialValue {
 public:
  InitialValue(const History& history, int64_t initial) : history_(history), initial_(initial) {
    isolation::list_transactions(history, t_);
    for (uint32_t txn = 0; txn < t_.size(); ++txn) list_writes(txn);
    for (uint32_t txn = 0; txn < t_.size(); ++txn)
      if (t_.state[txn] == TxnState::ok) list_reads(txn);
  }

  const std::vector<OpenRead>& open() const { return open_; }

  /// The history with open read i explained by open()[i].from[choice[i]]; without `choice`, without them.
  History told_apart(const std::vector<size_t>* choice) const {
    std::map<Place, Value> told = settled_;
    std::vector<Place> dropped;
    for (size_t i = 0; i < open_.size(); ++i) {
      if (choice == nullptr) {
        dropped.insert(dropped.end(), {open_[i].at, open_[i].invoked});
      } else {
        told[open_[i].at] = open_[i].from[(*choice)[i]];
      }
    }
    std::sort(dropped.begin(), dropped.end());
    HistoryBuilder builder;
    builder.reserve(history_.size());
    if (!history_.has_times()) builder.no_times();
    for (uint32_t entry = 0; entry < history_.size(); ++entry) {
      Op op = history_.op(entry);
      if (op.value.is_list()) op.value = rewritten(entry, op.value, told, dropped);
      builder.append(op);
      builder.source_index(history_.source_index(entry));
    }
    auto history = builder.finish(HistoryBuilder::Pairing::lenient);
    RIVEN_CHECK(history.has_value(), "a history was paired before and cannot be now");
    return *std::move(history);
  }

 private:
  struct Write {
    uint32_t txn = kNone;
    Value name;
  };

  static bool is_mop(const Value& mop, std::string_view f, std::string_view also) {
    return mop.is_list() && mop.list().size() >= 3 &&
           (mop.list()[0].is_name(f) || mop.list()[0].is_name(also));
  }
  static bool is_write(const Value& mop) { return is_mop(mop, "w", "write"); }
  static bool is_read(const Value& mop) { return is_mop(mop, "r", "read"); }
  bool is_initial(const Value& mop) const {
    return mop.list()[2].is_integer() && mop.list()[2].integer() == initial_;
  }
  Value::List mops_of(uint32_t entry) const {
    const Value value = history_.value(entry).to_value();
    return value.is_list() ? value.list() : Value::List();
  }

  void list_writes(uint32_t txn) {
    const Value::List mops = mops_of(t_.value_entry(txn));
    for (uint32_t m = 0; m < mops.size(); ++m) {
      if (!is_write(mops[m]) || !is_initial(mops[m])) continue;
      const std::string key = to_edn(mops[m].list()[1]);
      const size_t number = ++written_[key];
      // Each write makes a version of its own, the first one called by the value itself.
      const Value name = number == 1
                             ? Value(initial_)
                             : Value(std::to_string(initial_) + " (write " + std::to_string(number) + ")");
      settled_[{t_.invoke[txn], m}] = name;
      if (t_.complete[txn] != kNone) settled_[{t_.complete[txn], m}] = name;
      const bool overwritten = std::any_of(mops.begin() + m + 1, mops.end(), [&](const Value& later) {
        return is_write(later) && later.list()[1] == mops[m].list()[1];
      });
      // Of a write that failed, or was overwritten at once, nobody needs to have read: the initial version is
      // always the better explanation.
      if (!overwritten && t_.state[txn] != TxnState::failed) writes_[key].push_back({txn, name});
    }
  }

  void list_reads(uint32_t txn) {
    const uint32_t entry = t_.complete[txn];
    const Value::List mops = mops_of(entry);
    for (uint32_t m = 0; m < mops.size(); ++m) {
      if (!is_read(mops[m]) || !is_initial(mops[m])) continue;
      const Value& key = mops[m].list()[1];
      std::optional<uint32_t> own;
      for (uint32_t before = 0; before < m; ++before)
        if (is_write(mops[before]) && mops[before].list()[1] == key) own = before;
      if (own) {
        const auto name = settled_.find({entry, *own});
        settled_[{entry, m}] = name == settled_.end() ? Value() : name->second;
      } else {
        explain(txn, {entry, m}, key);
      }
    }
  }

  void explain(uint32_t txn, const Place& at, const Value& key) {
    OpenRead read;
    read.at = at;
    read.invoked = {t_.invoke[txn], at.mop};
    std::optional<size_t> own_session;
    for (const Write& write : writes_[to_edn(key)]) {
      if (write.txn == txn) continue;
      if (t_.session[write.txn] == t_.session[txn] && write.txn < txn) own_session = read.from.size();
      read.from.push_back(write.name);
    }
    if (own_session) std::swap(read.from[0], read.from[*own_session]);
    read.initial = read.from.size();
    read.from.emplace_back();
    if (read.from.size() == 1) {
      settled_[at] = Value();
    } else {
      open_.push_back(std::move(read));
    }
  }

  static Value rewritten(uint32_t entry, const Value& value, const std::map<Place, Value>& told,
                         const std::vector<Place>& dropped) {
    Value::List out;
    for (uint32_t m = 0; m < value.list().size(); ++m) {
      const Place place{entry, m};
      if (std::binary_search(dropped.begin(), dropped.end(), place)) continue;
      const auto found = told.find(place);
      if (found == told.end()) {
        out.push_back(value.list()[m]);
        continue;
      }
      Value::List mop = value.list()[m].list();
      mop[2] = found->second;
      out.emplace_back(std::move(mop));
    }
    return Value(std::move(out));
  }

  const History& history_;
  const int64_t initial_;
  Transactions t_;
  std::map<std::string, size_t> written_;  // by key
  std::map<std::string, std::vector<Write>> writes_;
  std::map<Place, Value> settled_;
  std::vector<OpenRead> open_;
};

class InitialWritten final : public Checker {
 public:
  InitialWritten(CheckerPtr inner, int64_t initial) : inner_(std::move(inner)), initial_(initial) {}
  std::string name() const override { return inner_->name(); }

  CheckResult check(const History& history, const Budget& budget) const override {
    const InitialValue value(history, initial_);
    const std::vector<OpenRead>& open = value.open();
    std::vector<size_t> choice(open.size(), 0);
    CheckResult likely = inner_->check(value.told_apart(&choice), budget);
    if (open.empty() || likely.verdict == Verdict::valid) return likely;
    for (size_t i = 0; i < open.size(); ++i) choice[i] = open[i].initial;
    CheckResult result = inner_->check(value.told_apart(&choice), budget);
    if (result.verdict == Verdict::valid) return result;
    result = inner_->check(value.told_apart(nullptr), budget);
    if (result.verdict == Verdict::invalid) return result;
    return every_way(value, budget, std::move(likely), history.size());
  }

 private:
  static constexpr size_t kMostWays = 4096;
  static constexpr size_t kMostEntries = size_t{1} << 22;  // over all ways

  CheckResult every_way(const InitialValue& value, const Budget& budget, CheckResult likely,
                        size_t entries) const {
    size_t ways = 1;
    for (const OpenRead& read : value.open()) {
      ways *= read.from.size();
      if (ways > kMostWays || ways * entries > kMostEntries) return undecided(value, std::move(likely));
    }
    bool refuted = true;
    std::vector<size_t> choice(value.open().size(), 0);
    for (size_t way = 0; way < ways; ++way) {
      if (budget.expired()) return undecided(value, std::move(likely));
      CheckResult result = inner_->check(value.told_apart(&choice), budget);
      if (result.verdict == Verdict::valid) return result;
      refuted = refuted && result.verdict == Verdict::invalid;
      for (size_t i = 0; i < choice.size() && ++choice[i] == value.open()[i].from.size(); ++i) choice[i] = 0;
    }
    if (!refuted || likely.verdict != Verdict::invalid) return undecided(value, std::move(likely));
    likely.reason += "; so are all " + grouped(static_cast<int64_t>(ways)) + " ways to tell reads of " +
                     std::to_string(initial_) + " apart, of which this is one";
    return likely;
  }

  CheckResult undecided(const InitialValue& value, CheckResult likely) const {
    CheckResult result;
    result.name = likely.name;
    result.verdict = Verdict::unknown;
    result.details = std::move(likely.details);
    result.reason =
        counted(value.open().size(), "read") + " of the initial value " + std::to_string(initial_) +
        " may be of the initial version or of a transaction that wrote it: no way that was tried is "
        "valid, and not every one is refuted";
    return result;
  }

  CheckerPtr inner_;
  int64_t initial_;
};

}  // namespace

CheckerPtr initial_written_checker(CheckerPtr inner, int64_t initial) {
  return std::make_shared<InitialWritten>(std::move(inner), initial);
}

}  // namespace riven::checkers
