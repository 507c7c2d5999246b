#include "harness/app/beginning.h"

#include <map>
#include <set>

#include "checkers/linearizable/functions.h"

namespace riven {

namespace {

using linearizable::Function;
using linearizable::is_pair;
using linearizable::Model;

/// What the operations on one key wrote and saw, in EDN.
struct Key {
  std::set<std::string> written;
  std::set<std::string> seen;
  std::optional<std::string> initial;
};

class Reader {
 public:
  Reader(const History& history, bool transactions, Model model, bool keyed)
      : history_(history), transactions_(transactions) {
    if (transactions) return;
    known_ = linearizable::known_functions(history, model);
    keyed_ = keyed || linearizable::shows_keys(history, known_);
  }

  std::optional<OtherBeginning> run() {
    for (uint32_t i = 0; i < history_.size(); ++i)
      if (history_.is_client(i)) gather(i);
    if (!decide()) return std::nullopt;
    HistoryBuilder builder;
    for (uint32_t i = 0; i < history_.size(); ++i) {
      Op op = history_.op(i);
      if (history_.is_client(i)) op.value = changed(i, std::move(op.value));
      builder.append(op);
    }
    auto made = builder.finish(HistoryBuilder::Pairing::lenient);
    if (!made) return std::nullopt;
    return OtherBeginning{std::move(*made), value_};
  }

 private:
  static bool is_read(const Value& mop) {
    return mop.list()[0].is_name("r") || mop.list()[0].is_name("read");
  }
  static bool is_write(const Value& mop) {
    return mop.list()[0].is_name("w") || mop.list()[0].is_name("write");
  }
  static bool is_micro_operation(const Value& mop) { return mop.is_list() && mop.list().size() == 3; }
  Function function(uint32_t i) const { return known_[history_.function_id(i)]->f; }

  void gather(uint32_t i) {
    const Value value = history_.value(i).to_value();
    const bool ok = history_.type(i) == OpType::ok;
    if (transactions_) {
      if (!value.is_list()) return;
      for (const Value& mop : value.list()) {
        if (!is_micro_operation(mop)) continue;
        others_ = others_ || !(is_read(mop) || is_write(mop));
        Key& key = keys_[to_edn(mop.list()[1])];
        if (!is_read(mop))
          key.written.insert(to_edn(mop.list()[2]));
        else if (ok)
          key.seen.insert(to_edn(mop.list()[2]));
      }
      return;
    }
    Key& key = keys_[key_of(value)];
    const Value& own = without_key(value);
    if (function(i) == Function::read) {
      if (ok) key.seen.insert(to_edn(own));
    } else if (function(i) != Function::cas) {
      key.written.insert(to_edn(own));
    } else if (own.is_list() && own.list().size() == 2) {
      if (ok) key.seen.insert(to_edn(own.list()[0]));
      key.written.insert(to_edn(own.list()[1]));
    }
  }

  /// Finds each key's initial value; false if there is none at all, or some key cannot have one.
  bool decide() {
    if (others_) return false;
    bool any = false;
    for (auto& [name, key] : keys_) {
      bool nil = false;
      for (const std::string& value : key.seen) {
        if (key.written.count(value) != 0) continue;
        nil = nil || value == "nil";
        if (key.initial) return false;
        key.initial = value;
      }
      if (!key.initial || nil) continue;
      if (!any) value_ = *key.initial;
      any = true;
    }
    return any;
  }

  Value changed(uint32_t i, Value value) const {
    if (transactions_) {
      if (!value.is_list()) return value;
      Value::List mops = value.list();
      for (Value& mop : mops) {
        if (!is_micro_operation(mop) || !is_read(mop)) continue;
        Value::List parts = mop.list();
        parts[2] = begun(keys_.at(to_edn(parts[1])), std::move(parts[2]));
        mop = Value(std::move(parts));
      }
      return Value(std::move(mops));
    }
    const Key& key = keys_.at(key_of(value));
    Value own = without_key(value);
    if (function(i) == Function::read) {
      own = begun(key, std::move(own));
    } else if (function(i) == Function::cas && own.is_list() && own.list().size() == 2) {
      own = Value(Value::List{begun(key, own.list()[0]), own.list()[1]});
    }
    return keyed_ && has_key(value) ? Value(Value::List{value.list()[0], std::move(own)}) : own;
  }
  static Value begun(const Key& key, Value value) {
    return key.initial && to_edn(value) == *key.initial ? Value() : std::move(value);
  }

  static bool has_key(const Value& value) { return value.is_list() && value.list().size() == 2; }
  std::string key_of(const Value& value) const {
    return keyed_ && has_key(value) ? to_edn(value.list()[0]) : std::string();
  }
  const Value& without_key(const Value& value) const {
    return keyed_ && has_key(value) ? value.list()[1] : value;
  }

  const History& history_;
  const bool transactions_;
  linearizable::KnownFunctions known_;
  bool keyed_ = false;
  bool others_ = false;  // micro-operations that are none of registers
  std::map<std::string, Key> keys_;
  std::string value_;
};

}  // namespace

std::optional<OtherBeginning> with_other_beginning(const History& history, const std::string& model,
                                                   bool keyed) {
  const bool transactions = model == "strict-serializable" || model == "serializable";
  if (!transactions && model != "cas-register" && model != "kv") return std::nullopt;
  return Reader(history, transactions, model == "kv" ? Model::kv : Model::cas_register, keyed).run();
}

}  // namespace riven
