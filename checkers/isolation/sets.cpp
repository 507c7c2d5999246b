#include "checkers/isolation/sets.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace riven::checkers::isolation {

namespace {

constexpr size_t kMostMops = 200'000'000;

class SetReader {
 public:
  SetReader(const History& history, Findings& findings) : history_(history), findings_(findings) {}

  Result<SetHistory> run() {
    list_transactions(history_, t_);
    t_.workload = Workload::rw_register;
    for (uint32_t txn = 0; txn < t_.size() && error_.empty(); ++txn) list_additions(txn);
    for (uint32_t txn = 0; txn < t_.size() && error_.empty(); ++txn) read_transaction(txn);
    if (!error_.empty()) return Error{error_};
    t_.mop_begin.push_back(mop_count());
    for (const uint32_t txn : observed_)
      if (t_.state[txn] == TxnState::unknown) t_.state[txn] = TxnState::observed;
    SetHistory out;
    out.orders.base.push_back(0);
    auto bytes = std::make_shared<std::vector<uint8_t>>();
    std::vector<size_t> offsets;
    ValueWriter writer(*bytes);
    for (const Element* const e : numbered_) {
      offsets.push_back(bytes->size());
      writer.value(e->name);
      out.orders.base.push_back(out.orders.base.back() + (e->writer != kNone ? 1 : 0));
      if (e->writer != kNone) out.orders.writer.push_back(e->writer);
    }
    for (const size_t offset : offsets) t_.keys.push_back(bytes->data() + offset);
    t_.own_keys = std::move(bytes);
    out.transactions = std::move(t_);
    out.odd = std::move(odd_);
    return out;
  }

 private:
  struct Element {
    Value name;  // [k e]
    uint32_t writer = kNone;
    uint32_t aborted_by = kNone;
    uint32_t number = kNone;
  };
  using Set = std::map<std::string, Element>;  // by the element's text

  void fail(uint32_t entry, const std::string& what) {
    if (error_.empty()) error_ = "operation " + std::to_string(history_.source_index(entry)) + ": " + what;
  }
  uint32_t mop_count() const { return static_cast<uint32_t>(t_.mops.size()); }
  Element& element_of(const Value& set, const Value& element) {
    Element& e = sets_[to_edn(set)][to_edn(element)];
    if (e.number == kNone) {
      e.name = Value(Value::List{set, element});
      e.number = static_cast<uint32_t>(numbered_.size());
      numbered_.push_back(&e);
    }
    return e;
  }

  void list_additions(uint32_t txn) {
    const uint32_t entry = t_.value_entry(txn);
    const ValueView value = history_.value(entry);
    if (!value.is_list()) return;
    for (const ValueView view : value) {
      const Value mop = view.to_value();
      const bool named = mop.is_list() && !mop.list().empty();
      const bool adds = named && mop.list()[0].is_name("add");
      const bool whole = named && mop.list().size() >= 3;
      if ((!adds && !(named && mop.list()[0].is_name("r"))) || (!whole && t_.state[txn] == TxnState::ok))
        return fail(entry, "neither [:add k e] nor [:r k [e ...]]: " + to_edn(mop));
      if (adds && !whole) {
        t_.unnamed.push_back({txn, kNone});
        unnamed_.insert(mop.list().size() < 2 ? kAnySet : to_edn(mop.list()[1]));
      }
      if (!adds || !whole) continue;
      Element& e = element_of(mop.list()[1], mop.list()[2]);
      if (t_.state[txn] == TxnState::failed) {
        e.aborted_by = txn;
      } else if (e.writer == kNone) {
        e.writer = txn;
      } else {
        return fail(entry,
                    "element " + to_edn(mop.list()[2]) + " is added twice to set " + to_edn(mop.list()[1]));
      }
    }
  }

  void read_transaction(uint32_t txn) {
    t_.mop_begin.push_back(mop_count());
    const ValueView value = history_.value(t_.value_entry(txn));
    if (!value.is_list()) return;
    seen_.clear();
    alien_.clear();
    alien_shown_.clear();
    read_before_.clear();
    place_ = 0;
    for (const ValueView view : value) {
      const Value mop = view.to_value();
      if (mop.list().size() < 3) {
        // Of a transaction without a known result: it may have added what nobody can tell.
      } else if (mop.list()[0].is_name("add")) {
        const Element& e = element_of(mop.list()[1], mop.list()[2]);
        if (e.writer == txn) {
          add(e, Mop::kWrite | 1);
          seen_[e.number] = {1, kNone, true};
        }
      } else if (t_.state[txn] == TxnState::ok) {
        read_set(txn, mop.list()[1], mop.list()[2]);
      }
      ++place_;
    }
  }

  void read_set(uint32_t txn, const Value& name, const Value& result) {
    if (!result.has_elements() && !result.is_nil())
      return fail(t_.value_entry(txn), "a set was read as " + to_edn(result));
    std::set<uint32_t> there;
    std::set<uint32_t>& alien = alien_[to_edn(name)];
    std::set<uint32_t> alien_now;
    if (result.has_elements()) {
      for (const Value& item : result.elements()) {
        const Element& e = element_of(name, item);
        there.insert(e.number);
        if (e.writer != kNone) continue;
        alien_now.insert(e.number);
        const Case shown{txn, mop_count(), e.aborted_by, kNone, e.number};
        if (e.aborted_by != kNone)
          findings_.add(Kind::g1a, shown);
        else
          findings_.add_garbage(shown, unnamed_.count(kAnySet) + unnamed_.count(to_edn(name)) != 0);
        add(e, Mop::kOffTrunk);
      }
    }
    const Case before = alien_shown_[to_edn(name)];
    if (!alien_now.empty())
      alien_shown_[to_edn(name)] = {txn, mop_count() - 1, kNone, kNone, t_.mops.back().key};
    if (const bool again = !read_before_.insert(to_edn(name)).second; again && alien != alien_now) {
      const Case shown = alien_now.empty() ? before : alien_shown_[to_edn(name)];
      findings_.add(Kind::internal, shown);
      findings_.add(Kind::non_repeatable_read, shown);
    }
    alien = std::move(alien_now);
    for (const auto& [text, e] : sets_[to_edn(name)])
      if (e.writer != kNone) read(txn, e, there.count(e.number) != 0 ? 1 : 0);
    if (t_.mops.size() > kMostMops)
      fail(t_.value_entry(txn), "too many reads of elements for one history of sets");
  }

  void read(uint32_t txn, const Element& e, uint32_t version) {
    const bool added = seen_.count(e.number) != 0 && seen_.at(e.number).added;
    Seen& seen = seen_.try_emplace(e.number, Seen{version, version, false}).first->second;
    const bool changed = seen.first != version;
    const bool early = version == 1 && e.writer == txn && !added;
    if (changed) findings_.add(Kind::internal, {txn, mop_count(), kNone, kNone, e.number});
    if (seen.read != kNone && seen.read != version)
      findings_.add(Kind::non_repeatable_read, {txn, mop_count(), kNone, kNone, e.number});
    seen.read = version;
    if (early) findings_.add(Kind::future_read, {txn, mop_count(), kNone, kNone, e.number});
    if ((changed || early) && (odd_.empty() || odd_.back() != txn)) odd_.push_back(txn);
    if (version == 1) observed_.insert(e.writer);
    add(e, version);
  }
  void add(const Element& e, uint32_t bits) {
    t_.mops.push_back({e.number, bits});
    t_.places.push_back(place_);
  }

  const History& history_;
  Findings& findings_;
  Transactions t_;
  std::map<std::string, Set> sets_;
  std::vector<const Element*> numbered_;
  struct Seen {
    uint32_t first;  // version
    uint32_t read;   // since the transaction added it last
    bool added;      // by the transaction
  };
  std::map<uint32_t, Seen> seen_;  // by element
  // Of the transaction: sets that it read, and what the last read of each showed that nobody committed.
  std::set<std::string> read_before_;
  std::map<std::string, std::set<uint32_t>> alien_;
  std::map<std::string, Case> alien_shown_;  // the last read of one, by set
  static constexpr const char* kAnySet = "";
  std::set<std::string> unnamed_;  // sets to which somebody added without saying what
  std::set<uint32_t> observed_;
  std::vector<uint32_t> odd_;
  uint32_t place_ = 0;
  std::string error_;
};

}  // namespace

bool has_sets(const History& history) {
  const Symbol addition("add");
  for (size_t i = 0; i < history.size(); ++i) {
    const ValueView value = history.value(i);
    if (!history.is_client(i) || !value.is_list() || value.is_integer_list()) continue;
    for (const ValueView mop : value) {
      if (!mop.is_list() || mop.is_integer_list() || mop.empty()) break;
      if (mop.at(0).is_name(addition)) return true;
    }
  }
  return false;
}

Result<SetHistory> read_sets(const History& history, Findings& findings) {
  return SetReader(history, findings).run();
}

}  // namespace riven::checkers::isolation
