#include "checkers/isolation/predicates.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace riven::checkers::isolation {

namespace {

/// What a version of a key holds.
struct State {
  bool present = false;
  Value value;
  friend bool operator==(const State& a, const State& b) {
    return a.present == b.present && a.value == b.value;
  }
};
State holding(Value value) { return {true, std::move(value)}; }

/// Whether a predicate matches a state; an empty optional for a predicate of another shape.
std::optional<bool> matches(const Value& predicate, const State& state) {
  if (predicate.is_name("true")) return state.present;
  if (!predicate.is_list() || predicate.list().size() < 2) return std::nullopt;
  const Value::List& parts = predicate.list();
  if (parts[0].is_name("=") && parts.size() == 2) return state.present && state.value == parts[1];
  if (!parts[0].is_name("mod") || parts.size() != 3 || !parts[1].is_integer() || !parts[2].is_integer() ||
      parts[1].integer() == 0)
    return std::nullopt;
  return state.present && state.value.is_integer() &&
         state.value.integer() % parts[1].integer() == parts[2].integer();
}

class Reader {
 public:
  Reader(const History& history, Findings& findings) : history_(history), findings_(findings) {}

  Result<PredicateHistory> run() {
    list_transactions(history_, all_);
    all_.workload = Workload::rw_register;
    read_initial();
    for (uint32_t txn = 0; txn < all_.size() && error_.empty(); ++txn) list_writes(txn);
    for (uint32_t txn = 0; txn < all_.size() && error_.empty(); ++txn) read_transaction(txn);
    if (!error_.empty()) return Error{error_};
    all_.mop_begin.push_back(static_cast<uint32_t>(all_.mops.size()));
    for (const uint32_t txn : observed_)
      if (all_.state[txn] == TxnState::unknown) all_.state[txn] = TxnState::observed;
    PredicateHistory out;
    out.orders.base.push_back(0);
    for (const Key* const key : numbered_) {
      all_.keys.push_back(key->bytes);
      out.orders.base.push_back(out.orders.base.back() + (key->has_write() ? 1 : 0));
      if (key->has_write()) out.orders.writer.push_back(key->writer);
    }
    out.items = without_predicates(all_);
    out.all = std::move(all_);
    out.odd = std::move(odd_);
    return out;
  }

 private:
  struct Key {
    State initial;
    State written;
    uint32_t writer = kNone;
    uint32_t number = kNone;
    const uint8_t* bytes = nullptr;
    std::vector<State> aborted;
    std::vector<uint32_t> aborted_by;
    bool unnamed = false;  // somebody may have written nobody knows what
    bool has_write() const { return writer != kNone; }
  };
  using Keys = std::map<std::string, Key>;  // by the key's text

  Key& key_of(const uint8_t* bytes) {
    // JSON has only strings for the keys of its objects: "1" and 1 are the same key.
    const ValueView name(bytes);
    Key& key = keys_[name.is_text() ? std::string(name.symbol().text()) : to_edn(name.to_value())];
    if (key.bytes == nullptr) {
      key.bytes = bytes;
      key.number = static_cast<uint32_t>(numbered_.size());
      numbered_.push_back(&key);
    }
    return key;
  }
  /// Calls fn(key's bytes, value) for each pair of a map.
  template <typename Fn>
  static void for_each_pair(const ValueView& map, Fn&& fn) {
    for (const uint8_t *at = map.element_bytes(), *const end = at + map.length(); at != end;) {
      const uint8_t* const value = skip_value(at);
      fn(at, ValueView(value).to_value());
      at = skip_value(value);
    }
  }

  void fail(uint32_t entry, const std::string& what) {
    if (error_.empty()) error_ = "operation " + std::to_string(history_.source_index(entry)) + ": " + what;
  }

  void read_initial() {
    for (size_t i = 0; i < history_.size(); ++i) {
      if (history_.f(i).text() != "init" || history_.type(i) != OpType::ok || !history_.value(i).is_map())
        continue;
      for_each_pair(history_.value(i),
                    [&](const uint8_t* key, const Value& value) { key_of(key).initial = holding(value); });
    }
  }

  void list_writes(uint32_t txn) {
    const uint32_t entry = all_.value_entry(txn);
    const ValueView value = history_.value(entry);
    if (!value.is_list()) return;
    for (const ValueView mop : value) {
      if (all_.state[txn] != TxnState::ok && incomplete(txn, mop)) continue;
      if (!mop.is_list() || mop.is_integer_list() || mop.size() < 2 || !mop.at(0).is_text())
        return fail(entry, "not a list of micro-operations: " + to_edn(value.to_value()));
      const std::string_view f = mop.at(0).symbol().text();
      const bool removes = f == "delete";
      if (!removes && f != "insert" && f != "w") continue;
      if (!removes && mop.size() < 3)
        return fail(entry, "a write without a value: " + to_edn(mop.to_value()));
      Key& key = key_of(skip_value(mop.element_bytes()));
      State state;
      if (!removes) state = holding(mop.at(2).to_value());
      if (all_.state[txn] == TxnState::failed) {
        key.aborted.push_back(state);
        key.aborted_by.push_back(txn);
        continue;
      }
      if (key.has_write())
        return fail(entry, "key " + to_edn(mop.at(1).to_value()) +
                               " is written twice: with predicate reads each key is written at most once");
      key.written = state;
      key.writer = txn;
    }
  }

  // A micro-operation of a transaction without a known result, its last parts missing.
  bool incomplete(uint32_t txn, const ValueView& mop) {
    if (!mop.is_list() || mop.is_integer_list() || mop.empty() || mop.size() > 2 || !mop.at(0).is_text())
      return false;
    const std::string_view f = mop.at(0).symbol().text();
    if (f == "delete" && mop.size() == 2) return false;  // this lacks nothing
    const bool writes = f == "insert" || f == "w" || f == "delete";
    if (writes) {
      all_.unnamed.push_back({txn, kNone});
      if (mop.size() < 2)
        all_unnamed_ = true;
      else
        key_of(skip_value(mop.element_bytes())).unnamed = true;
    }
    return writes || f == "r" || f == "rp";
  }

  void read_transaction(uint32_t txn) {
    all_.mop_begin.push_back(static_cast<uint32_t>(all_.mops.size()));
    const uint32_t entry = all_.value_entry(txn);
    const ValueView value = history_.value(entry);
    if (!value.is_list()) return;
    seen_.clear();
    place_ = 0;
    for (const ValueView view : value) {
      const Value mop = view.to_value();
      const Value::List& parts = mop.list();
      if (parts.size() < (parts[0].is_name("delete") ? 2U : 3U)) {
        if (all_.state[txn] == TxnState::ok)
          return fail(entry, "a micro-operation without a result: " + to_edn(mop));
      } else if (parts[0].is_name("r")) {
        if (all_.state[txn] == TxnState::ok)
          item(txn, key_of(skip_value(view.element_bytes())),
               parts[2].is_nil() ? State() : holding(parts[2]));
      } else if (parts[0].is_name("rp")) {
        if (all_.state[txn] == TxnState::ok) predicate(txn, entry, parts[1], view.at(2));
      } else if (parts[0].is_name("insert") || parts[0].is_name("w") || parts[0].is_name("delete")) {
        if (const Key& key = key_of(skip_value(view.element_bytes())); key.writer == txn) {
          add(key, Mop::kWrite, 1);
          Seen& seen = seen_[key.number];
          seen.version = 1;
          seen.written = true;
          seen.item = kNone;
        }
      } else {
        return fail(entry,
                    "not [:r k v], [:rp p {k v}], [:insert k v], [:w k v] or [:delete k]: " + to_edn(mop));
      }
      ++place_;
    }
  }

  void item(uint32_t txn, const Key& key, const State& state) {
    const bool first = key.initial == state;
    const bool second = key.has_write() && key.written == state;
    if (first && second) return add(key, 0, Mop::kUnknown);
    if (!first && !second) {
      const auto by = std::find(key.aborted.begin(), key.aborted.end(), state);
      const bool aborted = by != key.aborted.end();
      const uint32_t writer = aborted ? key.aborted_by[static_cast<size_t>(by - key.aborted.begin())] : kNone;
      const Case shown{txn, mop_count(), writer, kNone, key.number};
      if (aborted)
        findings_.add(Kind::g1a, shown);
      else
        findings_.add_garbage(shown, key.unnamed || all_unnamed_);
      if (aborted) repeat(txn, key, 2 + static_cast<uint32_t>(by - key.aborted.begin()));
      return add(key, 0, Mop::kOffTrunk);
    }
    read(txn, key, 0, second ? 1 : 0);
  }

  void predicate(uint32_t txn, uint32_t entry, const Value& predicate, const ValueView& result) {
    if (!result.is_map())
      return fail(entry, "a predicate read returned no map: " + to_edn(result.to_value()));
    std::set<uint32_t> returned;
    for_each_pair(result, [&](const uint8_t* name, const Value& value) {
      const Key& key = key_of(name);
      returned.insert(key.number);
      item(txn, key, holding(value));
    });
    for (const auto& [name, key] : keys_) {  // those that nobody names yet are absent throughout
      if (returned.count(key.number) != 0) continue;
      const auto first = matches(predicate, key.initial);
      const auto second = key.has_write() ? matches(predicate, key.written) : std::optional(true);
      if (!first || !second)
        return fail(entry, "a predicate is :true, [:= v] or [:mod m r], not " + to_edn(predicate));
      if (key.unnamed || all_unnamed_) {  // perhaps an unnamed write kept it out
        findings_.add_garbage({}, true);
        continue;
      }
      if (*first && *second) {
        const auto explains = [&](const State& s) { return !*matches(predicate, s); };
        findings_.add(Kind::predicate_read_miss, {txn, mop_count(), kNone, kNone, key.number});
        if (std::any_of(key.aborted.begin(), key.aborted.end(), explains))
          findings_.add(Kind::predicate_g1a, {txn, mop_count(), kNone, kNone, key.number});
        add(key, Mop::kPredicate, Mop::kUnknown);
      }
      if (key.has_write() && *first != *second) read(txn, key, Mop::kPredicate, *first ? 1 : 0);
    }
  }

  void read(uint32_t txn, const Key& key, uint32_t bits, uint32_t version) {
    Seen& seen = seen_[key.number];
    const uint32_t m = mop_count();
    const bool changed = seen.version != kNone && seen.version != version;
    if (seen.version == kNone) seen.version = version;
    const bool early = version == 1 && key.writer == txn && !seen.written;
    if (changed) findings_.add(Kind::internal, {txn, m, kNone, kNone, key.number});
    if (bits == 0) repeat(txn, key, version);
    if (early)
      findings_.add(bits == 0 ? Kind::future_read : Kind::predicate_future_read,
                    {txn, m, kNone, kNone, key.number});
    if ((changed || early) && (odd_.empty() || odd_.back() != txn)) odd_.push_back(txn);
    if (version == 1) observed_.push_back(key.writer);
    add(key, bits, version);
  }
  // A read of an item; versions above 1 are aborted ones.
  void repeat(uint32_t txn, const Key& key, uint32_t version) {
    Seen& seen = seen_[key.number];
    if (seen.item != kNone && seen.item != version)
      findings_.add(Kind::non_repeatable_read, {txn, mop_count(), kNone, kNone, key.number});
    seen.item = version;
  }
  uint32_t mop_count() const { return static_cast<uint32_t>(all_.mops.size()); }
  void add(const Key& key, uint32_t bits, uint32_t version) {
    all_.mops.push_back({key.number, bits | version});
    all_.places.push_back(place_);
  }

  static Transactions without_predicates(const Transactions& t) {
    Transactions out = t;
    out.mops.clear();
    out.places.clear();
    out.mop_begin.assign(1, 0);
    for (uint32_t txn = 0; txn < t.size(); ++txn) {
      for (uint32_t m = t.begin_of(txn); m < t.end_of(txn); ++m) {
        if (t.mops[m].is_predicate()) continue;
        out.mops.push_back(t.mops[m]);
        out.places.push_back(t.places[m]);
      }
      out.mop_begin.push_back(static_cast<uint32_t>(out.mops.size()));
    }
    return out;
  }

  const History& history_;
  Findings& findings_;
  Transactions all_;
  Keys keys_;
  std::vector<const Key*> numbered_;
  struct Seen {
    uint32_t version = kNone;
    uint32_t item = kNone;  // the version that was last read as an item, since the own write
    bool written = false;   // by the transaction
  };
  std::map<uint32_t, Seen> seen_;  // by key
  bool all_unnamed_ = false;
  std::vector<uint32_t> observed_, odd_;
  uint32_t place_ = 0;
  std::string error_;
};

}  // namespace

bool has_predicates(const History& history) {
  const Symbol predicate("rp");
  const Symbol insert("insert");
  const Symbol removal("delete");
  for (size_t i = 0; i < history.size(); ++i) {
    const ValueView value = history.value(i);
    if (!history.is_client(i) || !value.is_list() || value.is_integer_list()) continue;
    for (const ValueView mop : value) {
      if (!mop.is_list() || mop.is_integer_list() || mop.empty()) break;
      const ValueView f = mop.at(0);
      if (f.is_name(predicate) || f.is_name(insert) || f.is_name(removal)) return true;
    }
  }
  return false;
}

Result<PredicateHistory> read_predicates(const History& history, Findings& findings) {
  return Reader(history, findings).run();
}

}  // namespace riven::checkers::isolation
