#include "checkers/linearizable/filling.h"

#include <algorithm>

#include "harness/core/text.h"

namespace riven::linearizable {

namespace {

bool is_boolean(const ValueView& v) { return v.kind() == Value::Kind::boolean; }
/// A list of micro-operations [f k v].
bool is_transaction(const ValueView& v) {
  if (!v.is_list() || v.empty()) return false;
  const ValueView first = v.at(0);
  return first.is_list() && first.size() == 3 && first.at(0).is_text();
}
/// Whether an operation that takes no argument was invoked with something else than what it answered.
bool names_another(const Filling::Seen& seen) {
  const ValueView& argument = seen.argument;
  return !seen.failed && !argument.is_nil() && argument != seen.answer &&
         !(argument.has_elements() && seen.answer.has_elements());
}
/// An answer of false: "it did not".
bool is_refusal(const ValueView& answer) { return is_boolean(answer) && !answer.boolean(); }

}  // namespace

Error Filling::bad(uint32_t entry, const std::string& what) const {
  return {what + ": " + describe_entry(history_, entry)};
}

Result<bool> Filling::fill(Operation& op, const Seen& seen) {
  if (has_no_argument(op.f) && !op.pending() && names_another(seen))
    return bad(
        op.invoked,
        "a value in the invocation that is not the answer: if it names what is read, it is a key, and keys "
        "are given as [key value] pairs or in a field key");
  switch (options_.model) {
    case Model::reg:
    case Model::cas_register:
    case Model::kv:
      return fill_register(op, seen);
    case Model::multi_register:
      return fill_transaction(op, seen);
    case Model::mutex:
    case Model::owner_mutex:
    case Model::reentrant_mutex:
    case Model::fenced_mutex:
    case Model::semaphore:
      return fill_lock(op, seen);
    case Model::set:
      return fill_set(op, seen);
    case Model::counter:
      return fill_counter(op, seen);
    default:
      return fill_collection(op, seen);
  }
}

/// Map stores answer with the empty text for a key that is not there: it is the same as nil.
int32_t Filling::value_id(const ValueView& v) {
  if (options_.model == Model::kv && v.is_name(nothing_)) return kNil;
  return out_.values.id(v);
}

Result<bool> Filling::fill_register(Operation& op, const Seen& seen) {
  switch (op.f) {
    case Function::read:
      op.a = value_id(seen.answer);
      return !op.pending();
    case Function::cas: {
      if (!is_pair(seen.argument)) return bad(op.invoked, "a cas whose value is no [from to]");
      auto at = seen.argument.begin();
      op.a = value_id(*at);
      ++at;
      op.b = value_id(*at);
      if (seen.failed || is_refusal(seen.answer)) op.f = Function::failed_cas;
      return true;
    }
    case Function::remove:
      op.f = Function::write;
      op.a = kNil;
      return true;
    case Function::append:
      op.a = out_.values.id(seen.argument);  // an empty text at the end is not nil
      return true;
    default:
      if (may_hold_key(seen.argument))
        return bad(
            op.invoked,
            "a map with a member for a key: keys are given as [key value] pairs or in a field key; if the "
            "map itself is the value, say --per-key=no");
      op.a = value_id(seen.argument);
      return true;
  }
}

/// Whether a written value looks like a key with its value, and nobody said that it is none.
bool Filling::may_hold_key(const ValueView& written) const {
  if (!written.is_map() || out_.per_key || options_.per_key != ProjectionOptions::PerKey::automatic)
    return false;
  const Value map = written.to_value();
  return map.find("key") != nullptr || map.find("k") != nullptr;
}

/// A register of an independent key is another one than that of the same name under another key.
int32_t Filling::register_id(int32_t key, const ValueView& name) {
  if (!out_.per_key) return out_.values.id(name);
  return out_.values.id(Value(Value::List{out_.values.value(key), name.to_value()}));
}

/// {k v, ...}, [k v] or [[k v] ...] as micro-operations.
bool Filling::add_pairs(const Seen& seen, const ValueView& v, bool write, std::vector<MicroOp>& micro) {
  if (v.is_map()) {
    for (auto at = v.begin(); at != v.end(); ++at) {
      const int32_t key = register_id(seen.key, *at);
      ++at;
      micro.push_back({write, key, out_.values.id(*at)});
    }
    return true;
  }
  if (!v.is_list()) return false;
  if (v.size() == 2 && !v.at(0).is_list()) {
    micro.push_back({write, register_id(seen.key, v.at(0)), out_.values.id(v.at(1))});
    return true;
  }
  for (const ValueView item : v) {
    if (!is_pair(item)) return false;
    micro.push_back({write, register_id(seen.key, item.at(0)), out_.values.id(item.at(1))});
  }
  return true;
}

/// [[f k v] ...] as micro-operations; of a crashed transaction the writes alone, for what it read changes
/// nothing.
Status Filling::add_micro_operations(const Operation& op, const Seen& seen, const ValueView& v,
                                     std::vector<MicroOp>& micro) {
  for (const ValueView item : v) {
    const bool named = item.is_list() && !item.empty() && item.at(0).is_text();
    const std::string_view f = named ? item.at(0).symbol().text() : "";
    const bool read = f == "r" || f == "read";
    if (op.pending() && read) continue;
    if (!named || item.size() != 3) return bad(op.invoked, "a micro-operation that is no [f key value]");
    if (!read && f != "w" && f != "write")
      return bad(op.invoked, "a micro-operation that neither reads nor writes");
    micro.push_back({!read, register_id(seen.key, item.at(1)), out_.values.id(item.at(2))});
  }
  return ok_status();
}

Result<bool> Filling::fill_transaction(Operation& op, const Seen& seen) {
  const std::string name = lower_case(history_.f(op.invoked).text());
  const bool plain_read = name == "read" || name == "r";
  const bool asked = op.pending() || (!plain_read && seen.answer.is_nil());
  const ValueView& source = asked ? seen.argument : seen.answer;
  std::vector<MicroOp> micro;
  if (name == "txn" || is_transaction(source)) {
    if (!source.is_list()) return bad(op.invoked, "a transaction that is no list of micro-operations");
    if (auto done = add_micro_operations(op, seen, source, micro); !done) return done.error();
  } else if (!(plain_read && op.pending()) && !add_pairs(seen, source, !plain_read, micro)) {
    return bad(op.invoked, "a value that is no map or list of [key value] pairs");
  }
  op.a = static_cast<int32_t>(out_.transactions.size());
  keep(out_.transactions, std::move(micro));
  return true;
}

Result<bool> Filling::fill_lock(Operation& op, const Seen& seen) {
  op.a = history_.process(op.invoked);
  const bool scalar = seen.argument.is_text() || seen.argument.is_integer();
  const bool counts = options_.model == Model::semaphore || options_.model == Model::fenced_mutex;
  if (scalar && !counts && !out_.per_key) {
    const int32_t name = out_.values.id(seen.argument);
    if (lock_ != kNil && lock_ != name)
      return bad(
          op.invoked,
          "another value than that of the operations before: if it names a lock, it is a key, and keys are "
          "given as [key value] pairs or in a field key");
    lock_ = name;
  }
  if (seen.argument.is_map()) {
    const Value map = seen.argument.to_value();
    const Value* client = map.find("client");
    if (client != nullptr) op.a = -2 - out_.values.id(*client);  // apart from process numbers
  }
  if (op.f == Function::release && is_refusal(seen.answer)) return false;
  if (seen.failed || is_refusal(seen.answer)) op.f = Function::failed_acquire;
  if (options_.model == Model::semaphore) {
    const int64_t permits = seen.argument.is_integer() ? seen.argument.integer() : 1;
    if (permits < 1 || permits > INT32_MAX) return bad(op.invoked, "a number of permits below 1");
    op.b = static_cast<int32_t>(permits);
  } else if (options_.model == Model::fenced_mutex && op.f == Function::acquire) {
    ValueView fence = seen.answer;
    if (seen.answer.is_map()) {
      const Value map = seen.answer.to_value();
      const Value* at = map.find("fence");
      if (at != nullptr && at->is_integer()) fence = ValueView::of_integer(at->integer());
    }
    if (fence.is_integer() && fence.integer() > INT32_MAX) return bad(op.returned, "a fence above 2^31");
    op.b = fence.is_integer() && fence.integer() > 0 ? static_cast<int32_t>(fence.integer()) : kNil;
  }
  return true;
}

Result<bool> Filling::fill_set(Operation& op, const Seen& seen) {
  if (op.f == Function::read) {
    if (op.pending()) return false;
    const ValueView& answer = seen.answer;
    if (!answer.has_elements() && !answer.is_nil())
      return bad(op.returned, "a read of a set that is neither a set nor a list");
    std::vector<int32_t> elements;
    if (answer.has_elements())
      for (const ValueView item : answer) elements.push_back(out_.values.id(item));
    std::sort(elements.begin(), elements.end());
    elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
    op.a = static_cast<int32_t>(out_.lists.size());
    keep(out_.lists, std::move(elements));
    whole_ = true;
    return true;
  }
  ValueView element = seen.argument;
  ValueView told = seen.answer;
  if (is_pair(told) && is_boolean(told.at(1))) told = told.at(1);
  if (is_pair(element) && is_pair(seen.answer) && element.at(0) == seen.answer.at(0) &&
      element.at(1).is_nil())
    element = element.at(0);
  op.a = out_.values.id(element);
  if (seen.failed) {
    op.b = kFalse;
  } else if (is_boolean(told) && !(is_boolean(seen.argument) && op.f != Function::contains)) {
    op.b = told.boolean() ? kTrue : kFalse;
  } else if (op.f == Function::contains && !op.pending()) {
    return bad(op.returned, "a contains without true or false for an answer");
  }
  return !(op.f == Function::contains && op.pending());
}

Result<bool> Filling::fill_counter(Operation& op, const Seen& seen) {
  if (op.f == Function::read) {
    if (op.pending()) return false;
    const bool nil = seen.answer.is_nil();
    if (!seen.answer.is_integer() && !(nil && options_.nil_is_zero))
      return bad(op.returned, "a read of a counter that is no integer");
    op.a = out_.values.id(nil ? ValueView::of_integer(0) : seen.answer);
    return true;
  }
  const ValueView& argument = seen.argument;
  const int64_t amount = argument.is_nil() ? 1 : argument.is_integer() ? argument.integer() : INT64_MIN;
  if (amount == INT64_MIN) return bad(op.invoked, "an amount that is no integer");
  op.a = out_.values.id(ValueView::of_integer(seen.known.negative ? -amount : amount));
  return true;
}

Result<bool> Filling::fill_collection(Operation& op, const Seen& seen) {
  if (op.f == Function::insert) {
    if (is_refusal(seen.answer) && !is_refusal(seen.argument)) return false;  // it was full
    op.a = out_.values.id(seen.argument);
    if (op.a == kNil) return bad(op.invoked, "nil cannot be an element: it stands for empty");
    return true;
  }
  const bool nothing = seen.failed || seen.answer.is_name(empty_);
  op.a = op.pending() ? kUnknown : nothing ? kNil : out_.values.id(seen.answer);
  if (op.f == Function::peek || op.a == kNil || op.a == kUnknown) whole_ = true;
  return !(op.f == Function::peek && op.pending());
}

}  // namespace riven::linearizable
