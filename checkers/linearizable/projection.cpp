#include "checkers/linearizable/projection.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "harness/core/text.h"

namespace riven::linearizable {

namespace {

using Names = std::initializer_list<std::string_view>;
bool one_of(std::string_view name, Names names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// `negative`: a decrement.
struct KnownFunction {
  Function f = Function::read;
  bool negative = false;
};

std::optional<KnownFunction> register_function(Model model, std::string_view name) {
  if (one_of(name, {"read", "r", "get"})) return KnownFunction{Function::read};
  if (one_of(name, {"write", "w", "put", "set"})) return KnownFunction{Function::write};
  if (model != Model::reg && one_of(name, {"cas", "compare-and-set", "compare_and_set"}))
    return KnownFunction{Function::cas};
  if (model == Model::kv && name == "append") return KnownFunction{Function::append};
  if (model == Model::kv && one_of(name, {"delete", "remove"})) return KnownFunction{Function::remove};
  return std::nullopt;
}

std::optional<KnownFunction> collection_function(std::string_view name) {
  if (one_of(name, {"enqueue", "enq", "push", "add", "insert", "offer", "put", "send"}))
    return KnownFunction{Function::insert};
  if (one_of(name, {"dequeue", "deq", "pop", "poll", "take", "remove", "get", "receive", "delete-max",
                    "delete-min"}))
    return KnownFunction{Function::take};
  if (one_of(name, {"peek", "top", "front"})) return KnownFunction{Function::peek};
  return std::nullopt;
}

std::optional<KnownFunction> known_function(Model model, std::string_view name) {
  switch (model) {
    case Model::reg:
    case Model::cas_register:
    case Model::kv:
      return register_function(model, name);
    case Model::multi_register:
      if (one_of(name, {"txn", "read", "write", "r", "w"})) return KnownFunction{Function::txn};
      return std::nullopt;
    case Model::mutex:
    case Model::owner_mutex:
    case Model::reentrant_mutex:
    case Model::fenced_mutex:
    case Model::semaphore:
      if (one_of(name, {"acquire", "lock", "try-acquire", "try-lock"}))
        return KnownFunction{Function::acquire};
      if (one_of(name, {"release", "unlock"})) return KnownFunction{Function::release};
      return std::nullopt;
    case Model::set:
      if (one_of(name, {"add", "insert"})) return KnownFunction{Function::add};
      if (one_of(name, {"remove", "delete"})) return KnownFunction{Function::remove};
      if (one_of(name, {"contains", "member", "exists"})) return KnownFunction{Function::contains};
      if (name == "read") return KnownFunction{Function::read};
      return std::nullopt;
    case Model::fifo_queue:
    case Model::stack:
    case Model::priority_queue:
    case Model::unordered_queue:
      return collection_function(name);
    case Model::counter:
      if (one_of(name, {"read", "get"})) return KnownFunction{Function::read};
      if (one_of(name, {"add", "inc", "incr", "increment"})) return KnownFunction{Function::add};
      if (one_of(name, {"dec", "decr", "decrement", "sub"})) return KnownFunction{Function::add, true};
      return std::nullopt;
    case Model::user:
      return std::nullopt;
  }
  return std::nullopt;
}

bool has_no_argument(Function f) { return f == Function::read || f == Function::take || f == Function::peek; }

/// A list of two elements.
bool is_pair(const ValueView& v) { return v.is_list() && v.size() == 2; }

class Projector {
 public:
  Projector(const History& history, const ProjectionOptions& options)
      : history_(history), options_(options) {}

  Result<Projection> run() {
    if (auto bad = find_functions()) return *bad;
    out_.per_key = options_.model == Model::kv || wants_keys();
    operations_.reserve(history_.size() / 2);
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!history_.is_client(i) || history_.type(i) != OpType::invoke) continue;
      if (auto bad = take(static_cast<uint32_t>(i))) return *bad;
    }
    split();
    return std::move(out_);
  }

 private:
  using Problem = std::optional<Error>;

  Problem find_functions() {
    const auto& names = history_.functions();
    known_.assign(names.size(), std::nullopt);
    for (size_t i = 0; i < names.size(); ++i)
      known_[i] = known_function(options_.model, lower_case(names[i].text()));
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!history_.is_client(i) || known_[history_.function_id(i)]) continue;
      return Error{"the " + std::string(to_text(options_.model)) + " model knows no :" +
                   std::string(history_.f(i).text()) + ": " + describe_entry(history_, i)};
    }
    return std::nullopt;
  }

  bool wants_keys() const {
    if (options_.per_key != ProjectionOptions::PerKey::automatic)
      return options_.per_key == ProjectionOptions::PerKey::yes;
    if (options_.model == Model::multi_register) return false;
    bool sure = false;
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!history_.is_client(i) || history_.type(i) != OpType::invoke) continue;
      const ValueView v = history_.value(i);
      if (!is_pair(v)) return false;
      const Function f = known_[history_.function_id(i)]->f;
      if (has_no_argument(f)) {
        if (!v.at(1).is_nil()) return false;
        sure = true;
      } else if (f == Function::cas) {
        if (!is_pair(v.at(1))) return false;
        sure = true;
      } else if (f == Function::acquire || f == Function::release) {
        sure = true;
      }
    }
    return sure;
  }

  Error bad(uint32_t entry, const std::string& what) const {
    return {what + ": " + describe_entry(history_, entry)};
  }

  /// Whether a failed operation tells what it saw.
  bool observes(uint32_t invoked, uint32_t completed, Function f) const {
    using FailedCas = ProjectionOptions::FailedCas;
    if (options_.failed_cas == FailedCas::ignore) return false;
    if (f == Function::release || f == Function::insert)
      return false;  // their failure is no answer of a model
    if (options_.failed_cas == FailedCas::observe) return f != Function::read && f != Function::txn;
    if (f != Function::cas) return false;
    const ValueView error = history_.error(completed);
    if (!error.is_nil()) {
      return error.is_text() &&
             one_of(error.symbol().text(),
                    {"compare failed", "compare-failed", "cas failed", "cas-failed", "mismatch",
                     "value-mismatch", "precondition failed", "precondition-failed"});
    }
    const ValueView answer = history_.value(completed);
    return answer.is_nil() || answer == history_.value(invoked) ||
           (answer.kind() == Value::Kind::boolean && !answer.boolean());
  }

  Problem take(uint32_t entry) {
    ++out_.client_operations;
    const uint32_t pair = history_.pair(entry);
    const OpType type = pair == History::kNone ? OpType::info : history_.type(pair);
    KnownFunction known = *known_[history_.function_id(entry)];
    Operation op{.invoked = entry, .returned = type == OpType::ok || type == OpType::fail ? pair : kPending};
    op.f = known.f;
    if (type == OpType::info || type == OpType::invoke) ++out_.crashed;
    if (type == OpType::fail) {
      ++out_.failed;
      if (!observes(entry, pair, known.f)) return std::nullopt;
    }

    ValueView argument = history_.value(entry);
    ValueView answer = type == OpType::ok ? history_.value(pair) : ValueView();
    int32_t key = kNil;
    if (out_.per_key) {
      if (!is_pair(argument)) return bad(entry, "a value that is no [key value] pair");
      key = out_.values.id(argument.at(0));
      argument = argument.at(1);
      // The kv model's stores often answer a get with the bare value.
      if (is_pair(answer) && out_.values.id(answer.at(0)) == key) {
        answer = answer.at(1);
      } else if (type == OpType::ok && !answer.is_nil() && options_.model != Model::kv) {
        return bad(pair, "a value that is no [key value] pair of its invocation's key");
      }
    }
    const bool failed = type == OpType::fail;
    if (auto wrong = fill(op, argument, answer, known, failed)) return wrong;
    if (op.pending() && (op.f == Function::read || op.f == Function::contains || op.f == Function::peek))
      return std::nullopt;
    operations_.push_back(op);
    keys_.push_back(key);
    return std::nullopt;
  }

  Problem fill(Operation& op, const ValueView& argument, const ValueView& answer, KnownFunction known,
               bool failed) {
    switch (options_.model) {
      case Model::reg:
      case Model::cas_register:
      case Model::kv:
        return fill_register(op, argument, answer, failed);
      case Model::multi_register:
        return fill_transaction(op, argument, answer);
      case Model::mutex:
      case Model::owner_mutex:
      case Model::reentrant_mutex:
      case Model::fenced_mutex:
      case Model::semaphore:
        return fill_lock(op, argument, answer, failed);
      case Model::set:
        return fill_set(op, argument, answer, failed);
      case Model::counter:
        return fill_counter(op, argument, answer, known.negative);
      default:
        return fill_collection(op, argument, answer, failed);
    }
  }

  /// Map stores answer with the empty text for a key that is not there: it is the same as nil.
  int32_t value_id(const ValueView& v) {
    if (options_.model == Model::kv && v.is_name(nothing_)) return kNil;
    return out_.values.id(v);
  }

  Problem fill_register(Operation& op, const ValueView& argument, const ValueView& answer, bool failed) {
    switch (op.f) {
      case Function::read:
        op.a = value_id(answer);
        return std::nullopt;
      case Function::cas: {
        if (!is_pair(argument)) return bad(op.invoked, "a cas whose value is no [from to]");
        auto at = argument.begin();
        op.a = value_id(*at);
        ++at;
        op.b = value_id(*at);
        // An answer of false is the comparison's failure.
        if (failed || (answer.kind() == Value::Kind::boolean && !answer.boolean()))
          op.f = Function::failed_cas;
        return std::nullopt;
      }
      case Function::remove:
        op.f = Function::write;
        op.a = kNil;
        return std::nullopt;
      default:
        op.a = value_id(argument);
        return std::nullopt;
    }
  }

  /// {k v, ...}, [k v] or [[k v] ...] as micro-operations.
  bool add_pairs(const ValueView& v, bool write, std::vector<MicroOp>& micro) {
    if (v.is_map()) {
      for (auto at = v.begin(); at != v.end(); ++at) {
        const int32_t key = out_.values.id(*at);
        ++at;
        micro.push_back({write, key, out_.values.id(*at)});
      }
      return true;
    }
    if (!v.is_list()) return false;
    if (v.size() == 2 && !v.at(0).is_list()) {
      micro.push_back({write, out_.values.id(v.at(0)), out_.values.id(v.at(1))});
      return true;
    }
    for (const ValueView item : v) {
      if (!is_pair(item)) return false;
      micro.push_back({write, out_.values.id(item.at(0)), out_.values.id(item.at(1))});
    }
    return true;
  }

  Problem fill_transaction(Operation& op, const ValueView& argument, const ValueView& answer) {
    std::vector<MicroOp> micro;
    const std::string name = lower_case(history_.f(op.invoked).text());
    const bool plain_read = name == "read" || name == "r";
    const ValueView& source = op.pending() || (!plain_read && answer.is_nil()) ? argument : answer;
    if (name == "txn") {
      if (!source.is_list()) return bad(op.invoked, "a transaction that is no list of micro-operations");
      for (const ValueView item : source) {
        if (!item.is_list() || item.size() != 3 || !item.at(0).is_text())
          return bad(op.invoked, "a micro-operation that is no [f key value]");
        const std::string_view f = item.at(0).symbol().text();
        const bool write = f == "w" || f == "write";
        if (!write && f != "r" && f != "read")
          return bad(op.invoked, "a micro-operation that neither reads nor writes");
        if (op.pending() && !write) continue;
        micro.push_back({write, out_.values.id(item.at(1)), out_.values.id(item.at(2))});
      }
    } else if (!(plain_read && op.pending()) && !add_pairs(source, !plain_read, micro)) {
      return bad(op.invoked, "a value that is no map or list of [key value] pairs");
    }
    op.a = static_cast<int32_t>(out_.transactions.size());
    out_.transactions.push_back(std::move(micro));
    return std::nullopt;
  }

  Problem fill_lock(Operation& op, const ValueView& argument, const ValueView& answer, bool failed) {
    op.a = history_.process(op.invoked);
    if (argument.is_map()) {
      const Value map = argument.to_value();
      const Value* client = map.find("client");
      if (client != nullptr) op.a = -2 - out_.values.id(*client);  // apart from process numbers
    }
    if (failed) op.f = Function::failed_acquire;
    if (options_.model == Model::semaphore) {
      const int64_t permits = argument.is_integer() ? argument.integer() : 1;
      if (permits < 1 || permits > INT32_MAX) return bad(op.invoked, "a number of permits below 1");
      op.b = static_cast<int32_t>(permits);
    } else if (options_.model == Model::fenced_mutex && op.f == Function::acquire) {
      ValueView fence = answer;
      if (answer.is_map()) {
        const Value map = answer.to_value();
        const Value* at = map.find("fence");
        if (at != nullptr && at->is_integer()) fence = ValueView::of_integer(at->integer());
      }
      if (fence.is_integer() && fence.integer() > INT32_MAX) return bad(op.returned, "a fence above 2^31");
      op.b = fence.is_integer() && fence.integer() > 0 ? static_cast<int32_t>(fence.integer()) : kNil;
    }
    return std::nullopt;
  }

  Problem fill_set(Operation& op, const ValueView& argument, const ValueView& answer, bool failed) {
    if (op.f == Function::read) {
      if (op.pending()) return std::nullopt;
      if (!answer.has_elements() && !answer.is_nil())
        return bad(op.returned, "a read of a set that is neither a set nor a list");
      std::vector<int32_t> elements;
      if (answer.has_elements())
        for (const ValueView item : answer) elements.push_back(out_.values.id(item));
      std::sort(elements.begin(), elements.end());
      elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
      op.a = static_cast<int32_t>(out_.lists.size());
      out_.lists.push_back(std::move(elements));
      whole_ = true;
      return std::nullopt;
    }
    ValueView element = argument;
    ValueView told = answer;
    if (is_pair(answer) && answer.at(1).kind() == Value::Kind::boolean) told = answer.at(1);
    if (is_pair(argument) && is_pair(answer) && argument.at(0) == answer.at(0) && argument.at(1).is_nil())
      element = argument.at(0);
    op.a = out_.values.id(element);
    if (failed) {
      op.b = kFalse;
    } else if (told.kind() == Value::Kind::boolean &&
               !(argument.kind() == Value::Kind::boolean && op.f != Function::contains)) {
      op.b = told.boolean() ? kTrue : kFalse;
    } else if (op.f == Function::contains && !op.pending()) {
      return bad(op.returned, "a contains without true or false for an answer");
    }
    return std::nullopt;
  }

  Problem fill_counter(Operation& op, const ValueView& argument, const ValueView& answer, bool negative) {
    if (op.f == Function::read) {
      if (!op.pending() && !answer.is_integer())
        return bad(op.returned, "a read of a counter that is no integer");
      op.a = out_.values.id(answer);
      return std::nullopt;
    }
    const int64_t amount = argument.is_nil() ? 1 : argument.is_integer() ? argument.integer() : INT64_MIN;
    if (amount == INT64_MIN) return bad(op.invoked, "an amount that is no integer");
    op.a = out_.values.id(ValueView::of_integer(negative ? -amount : amount));
    return std::nullopt;
  }

  Problem fill_collection(Operation& op, const ValueView& argument, const ValueView& answer, bool failed) {
    if (op.f == Function::insert) {
      op.a = out_.values.id(argument);
      if (op.a == kNil) return bad(op.invoked, "nil cannot be an element: it stands for empty");
    } else {
      op.a = op.pending() ? kUnknown : failed || answer.is_name(empty_) ? kNil : out_.values.id(answer);
      if (op.a == kNil) whole_ = true;
    }
    if (op.f == Function::peek || op.a == kUnknown) whole_ = true;
    return std::nullopt;
  }

  void split() {
    if (options_.model == Model::multi_register) {
      join_keys();
    } else if ((options_.model == Model::set || options_.model == Model::unordered_queue) && !whole_) {
      for (size_t i = 0; i < operations_.size(); ++i) keys_[i] = pair_key(keys_[i], operations_[i].a);
      out_.by_element = true;
    } else if (!out_.per_key) {
      out_.parts.push_back({Value(), false, std::move(operations_)});
      return;
    }
    std::vector<uint32_t> dense(largest_key() + 1, UINT32_MAX);
    std::vector<uint32_t> counts;
    for (const int32_t key : keys_) {
      uint32_t& part = dense[static_cast<size_t>(key)];
      if (part == UINT32_MAX) {
        part = static_cast<uint32_t>(counts.size());
        counts.push_back(0);
        out_.parts.push_back({part_name(key), true, {}});
      }
      ++counts[part];
    }
    for (size_t i = 0; i < counts.size(); ++i) out_.parts[i].operations.reserve(counts[i]);
    for (size_t i = 0; i < operations_.size(); ++i)
      out_.parts[dense[static_cast<size_t>(keys_[i])]].operations.push_back(operations_[i]);
  }

  size_t largest_key() const {
    int32_t most = 0;
    for (const int32_t key : keys_) most = std::max(most, key);
    return static_cast<size_t>(most);
  }

  /// A dense id for (key, element).
  int32_t pair_key(int32_t key, int32_t element) {
    if (!out_.per_key) return element;
    const uint64_t both =
        (static_cast<uint64_t>(static_cast<uint32_t>(key)) << 32) | static_cast<uint32_t>(element);
    const auto [found, fresh] = pairs_.try_emplace(both, static_cast<int32_t>(pair_list_.size()));
    if (fresh) pair_list_.emplace_back(key, element);
    return found->second;
  }

  Value part_name(int32_t key) const {
    if (out_.by_element && out_.per_key) {
      const auto [k, element] = pair_list_[static_cast<size_t>(key)];
      return Value(Value::List{out_.values.value(k), out_.values.value(element)});
    }
    if (options_.model == Model::multi_register) {
      Value::List names;
      for (size_t i = 0; i < group_.size(); ++i)
        if (group_[i] == key && names.size() < 8) names.push_back(out_.values.value(static_cast<int32_t>(i)));
      return names.size() == 1 ? names[0] : Value(std::move(names));
    }
    return out_.values.value(key);
  }

  /// Keys of one transaction belong together.
  void join_keys() {
    std::vector<int32_t> parent(out_.values.size());
    std::iota(parent.begin(), parent.end(), 0);
    const auto find = [&](int32_t k) {
      while (parent[static_cast<size_t>(k)] != k)
        k = parent[static_cast<size_t>(k)] = parent[static_cast<size_t>(parent[static_cast<size_t>(k)])];
      return k;
    };
    std::vector<bool> is_key(out_.values.size());
    for (const auto& micro : out_.transactions) {
      for (const MicroOp& m : micro) {
        is_key[static_cast<size_t>(m.key)] = true;
        parent[static_cast<size_t>(find(m.key))] = find(micro[0].key);
      }
    }
    group_.assign(out_.values.size(), kUnknown);
    for (size_t k = 0; k < is_key.size(); ++k)
      if (is_key[k]) group_[k] = find(static_cast<int32_t>(k));
    std::vector<Operation> kept;
    keys_.clear();
    for (const Operation& op : operations_) {
      const auto& micro = out_.transactions[static_cast<size_t>(op.a)];
      if (micro.empty()) continue;  // reads nothing, writes nothing
      kept.push_back(op);
      keys_.push_back(find(micro[0].key));
    }
    operations_ = std::move(kept);
  }

  const History& history_;
  const ProjectionOptions& options_;
  Projection out_;
  std::vector<std::optional<KnownFunction>> known_;
  std::vector<Operation> operations_;
  std::vector<int32_t> keys_;
  std::vector<int32_t> group_;
  std::unordered_map<uint64_t, int32_t> pairs_;
  std::vector<std::pair<int32_t, int32_t>> pair_list_;
  const Symbol empty_{"empty"};
  const Symbol nothing_{""};
  bool whole_ = false;  // some operation looks at the whole collection
};

}  // namespace

Result<Projection> project(const History& history, const ProjectionOptions& options) {
  return Projector(history, options).run();
}

}  // namespace riven::linearizable
