#include "harness/app/guess.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <vector>

#include "checkers/linearizable/functions.h"
#include "checkers/linearizable/projection.h"
#include "harness/core/text.h"

namespace riven {

namespace {

using linearizable::Function;
using linearizable::is_pair;
using linearizable::KnownFunctions;
using linearizable::Model;
using linearizable::to_text;

constexpr std::array kModels = {Model::cas_register,   Model::kv,          Model::multi_register,
                                Model::mutex,          Model::owner_mutex, Model::reentrant_mutex,
                                Model::fenced_mutex,   Model::semaphore,   Model::set,
                                Model::counter,        Model::fifo_queue,  Model::unordered_queue,
                                Model::priority_queue, Model::stack};

/// What values look like, as bits.
enum Shape : unsigned {
  kNothing = 0,  // nil
  kBoolean = 1,
  kNumber = 2,
  kText = 4,
  kList = 8,     // of scalars
  kNested = 16,  // of lists
  kMap = 32,
  kTransaction = 64,  // of micro-operations
};
constexpr unsigned kScalars = kBoolean | kNumber | kText;

bool is_micro_operation(const ValueView& v) {
  constexpr std::array<std::string_view, 10> kNames = {"r",   "w",  "append", "read",   "write",
                                                       "inc", "rp", "insert", "delete", "add"};
  if (!v.is_list() || v.is_integer_list() || v.size() < 2) return false;
  const ValueView name = v.at(0);
  return name.is_text() && std::find(kNames.begin(), kNames.end(), name.symbol().text()) != kNames.end();
}

unsigned shape_of(const ValueView& v) {
  switch (v.kind()) {
    case Value::Kind::nil:
      return kNothing;
    case Value::Kind::boolean:
      return kBoolean;
    case Value::Kind::integer:
    case Value::Kind::real:
      return kNumber;
    case Value::Kind::string:
    case Value::Kind::keyword:
      return kText;
    case Value::Kind::map:
      return kMap;
    case Value::Kind::set:
      return kList;
    case Value::Kind::list:
      break;
  }
  if (v.is_integer_list() || v.empty()) return kList;
  bool all_micro = true;
  bool nested = false;
  for (const ValueView item : v) {
    all_micro = all_micro && is_micro_operation(item);
    nested = nested || item.is_list() || item.is_map();
  }
  return all_micro ? kTransaction : nested ? kNested : kList;
}

/// The history as one model would read it.
class Reading {
 public:
  Reading(const History& history, Model model, bool keyed)
      : history_(history),
        model_(model),
        known_(linearizable::known_functions(history, model)),
        keyed_(keyed) {}

  /// Whether the model knows every function, and the values look like its own.
  bool fits() {
    bool any = false;
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!history_.is_client(i)) continue;
      if (!known_[history_.function_id(i)]) return false;
      any = true;
    }
    if (!any) return false;
    keyed_ = keyed_ || linearizable::shows_keys(history_, known_);
    for (size_t i = 0; i < history_.size(); ++i)
      if (history_.is_client(i) && history_.type(i) == OpType::invoke) look_at(static_cast<uint32_t>(i));
    return !odd_ && looks_right();
  }
  /// Whether the values prove it beyond the functions' names.
  bool proved() const { return proved_; }

 private:
  ValueView without_key(const ValueView& v) const { return keyed_ && is_pair(v) ? v.at(1) : v; }

  void look_at(uint32_t entry) {
    const uint32_t pair = history_.pair(entry);
    const bool ok = pair != History::kNone && history_.type(pair) == OpType::ok;
    const ValueView argument = without_key(history_.value(entry));
    const ValueView answer = ok ? without_key(history_.value(pair)) : ValueView();
    const Function f = known_[history_.function_id(entry)]->f;
    switch (f) {
      case Function::read:
      case Function::peek:
      case Function::take:
        // Some tools write what was read into the invocation, too.
        odd_ = odd_ || !(argument.is_nil() || !ok || argument == answer);
        read_ |= shape_of(answer);
        return;
      case Function::cas:
        odd_ = odd_ || !is_pair(argument);
        if (!is_pair(argument)) return;
        written_ |= shape_of(argument.at(0)) | shape_of(argument.at(1));
        return;
      case Function::contains:
        odd_ = odd_ || (ok && shape_of(answer) != kBoolean);
        return;
      case Function::txn:
        read_ |= shape_of(ok ? answer : argument);
        return;
      case Function::append:
        written_ |= shape_of(argument) | kList;  // texts grow to texts, all else to lists
        return;
      default:
        nil_written_ = nil_written_ || argument.is_nil();
        written_ |= shape_of(argument);
    }
  }

  /// What is read must be of a kind that is written; where nothing is, a scalar.
  bool reads_what_is_written() const {
    constexpr unsigned kStructures = kNested | kMap | kTransaction;
    return ((read_ | written_) & kStructures) == 0 && (read_ & ~(written_ != 0 ? written_ : kScalars)) == 0;
  }

  bool looks_right() {
    switch (model_) {
      case Model::kv:
        proved_ = keyed_;
        return keyed_ && reads_what_is_written();
      case Model::cas_register:
        proved_ = written_ != 0 && (written_ & ~kScalars) == 0;
        return reads_what_is_written();
      case Model::multi_register:
        return read_ != 0 && (read_ & ~(kMap | kNested | kTransaction)) == 0;
      case Model::set:
        return !nil_written_ && (read_ & ~(kList | kNested)) == 0;
      case Model::counter:
        return (written_ & ~kNumber) == 0 && (read_ & ~kNumber) == 0;
      case Model::fifo_queue:
      case Model::unordered_queue:
      case Model::priority_queue:
      case Model::stack:
        return !nil_written_;
      default:
        return true;
    }
  }

  const History& history_;
  const Model model_;
  const KnownFunctions known_;
  bool keyed_;
  bool odd_ = false;
  bool nil_written_ = false;
  bool proved_ = false;
  unsigned read_ = 0;
  unsigned written_ = 0;
};

bool has_append(const ValueView& transaction) {
  for (const ValueView micro : transaction)
    if (micro.at(0).symbol().text() == "append") return true;
  return false;
}

/// The functions of clients, and which of them carry lists of micro-operations.
struct Functions {
  std::vector<std::string> names;
  bool transactions = false;
  bool appends = false;
  bool others = false;  // besides those called txn

  explicit Functions(const History& history) {
    std::vector<bool> seen(history.functions().size(), false);
    for (size_t i = 0; i < history.size(); ++i) {
      if (!history.is_client(i)) continue;
      const std::string name = lower_case(history.f(i).text());
      if (!seen[history.function_id(i)]) names.emplace_back(name);
      seen[history.function_id(i)] = true;
      others = others || name != "txn";
      const ValueView value = history.value(i);
      if (shape_of(value) != kTransaction) continue;
      transactions = true;
      appends = appends || (others && has_append(value));
    }
  }
  bool has(std::string_view name) const { return std::find(names.begin(), names.end(), name) != names.end(); }
  bool has_any(std::initializer_list<std::string_view> some) const {
    return std::any_of(some.begin(), some.end(), [&](std::string_view name) { return has(name); });
  }
};

std::string listed(const std::vector<std::string>& words, std::string_view last) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i)
    text += (i == 0 ? "" : i + 1 == words.size() ? " " + std::string(last) + " " : ", ") + words[i];
  return text;
}

Guess open_guess(std::string question) { return {Guess::Sureness::open, "", std::move(question)}; }

/// None of the models: what is there, and what it looks like.
Guess nothing_fits(const Functions& functions) {
  if (functions.names.empty())
    return open_guess("the history has no operation of a client; say --workload or --model");
  const std::string what = "the operations (" + listed(functions.names, "and") + ")";
  if (functions.has("transfer"))
    return open_guess(what + " look like those of bank: " + word_about_workload("bank"));
  return open_guess(
      what +
      " and their values do not tell what to check; say --workload or --model (`riven list` has "
      "them all)");
}

Guess guess_transactions(const Functions& functions) {
  if (!functions.others) return {Guess::Sureness::sure, "strict-serializable", ""};
  const std::string what =
      "the operations (" + listed(functions.names, "and") + ") carry micro-operations: say ";
  if (functions.appends) return open_guess(what + "--workload append with the --model that was promised");
  return open_guess(what + "--workload wr with the --model that was promised, or --model multi-register");
}

/// Which of the models that fit is judged by: what holds by it holds by those that it is tentative against.
Guess choose(const Functions& functions, const std::vector<Model>& fitting, bool register_proved,
             bool kv_proved) {
  const auto fits = [&](Model m) { return std::find(fitting.begin(), fitting.end(), m) != fitting.end(); };
  std::vector<std::string> names;
  for (const Model m : fitting) names.emplace_back(to_text(m));
  const std::string question =
      "the operations (" + listed(functions.names, "and") + ") fit " + listed(names, "or") +
      (names.size() == 1 ? ": say --model " + names.front() + " if that is what they are"
                         : ": say which with --model");
  const auto tentative = [&](Model m) {
    return Guess{Guess::Sureness::tentative, std::string(to_text(m)), question};
  };
  const bool lockers = fits(Model::mutex);
  if (lockers) return tentative(Model::mutex);
  const bool maps = functions.has_any({"get", "put", "append", "delete"});
  if (fits(Model::kv) && maps && kv_proved) return {Guess::Sureness::sure, "kv", ""};
  if (fits(Model::cas_register)) {
    if (register_proved && !fits(Model::set) && !fits(Model::fifo_queue) && !fits(Model::multi_register))
      return {Guess::Sureness::sure, "cas-register", ""};
    return tentative(Model::cas_register);
  }
  if (fits(Model::fifo_queue)) {
    if (functions.has_any({"delete-max", "delete-min"})) return tentative(Model::priority_queue);
    if (functions.has_any({"push", "pop", "top"})) return tentative(Model::stack);
    if (functions.has_any({"enqueue", "enq", "dequeue", "deq"})) return tentative(Model::fifo_queue);
    return open_guess(question);
  }
  if (fitting.size() == 1) return tentative(fitting.front());
  return open_guess(question);
}

}  // namespace

Guess guess_model(const History& history, bool keyed) {
  const Functions functions(history);
  if (functions.transactions) return guess_transactions(functions);
  std::vector<Model> fitting;
  bool register_proved = false;
  bool kv_proved = false;
  for (const Model model : kModels) {
    Reading reading(history, model, keyed);
    if (!reading.fits()) continue;
    fitting.push_back(model);
    if (model == Model::cas_register) register_proved = reading.proved();
    if (model == Model::kv) kv_proved = reading.proved();
  }
  if (fitting.empty()) return nothing_fits(functions);
  return choose(functions, fitting, register_proved, kv_proved);
}

std::string word_about_workload(std::string_view name) {
  struct Known {
    std::string_view name;
    std::string_view word;
  };
  static constexpr std::array<Known, 18> kKnown = {{
      {"bank", "Riven has no model of accounts whose total must not change"},
      {"long-fork",
       "Riven judges its transactions with --workload wr --model snapshot-isolation, which forbids a long "
       "fork"},
      {"comments", "Riven has no model of rows that become visible in the order of their writes"},
      {"sequential", "Riven has no model of keys that become visible in the order of their writes"},
      {"causal", "Riven judges causality of transactions alone: --workload wr --model causal"},
      {"causal-reverse", "Riven has no model of rows that become visible in the order of their writes"},
      {"monotonic", "Riven has no model of time stamps that grow with the order of transactions"},
      {"adya",
       "Riven judges such transactions with --workload wr or append and --model serializable, which forbids "
       "G2"},
      {"g2",
       "Riven judges such transactions with --workload wr or append and --model serializable, which forbids "
       "G2"},
      {"dirty-reads",
       "Riven judges such transactions with --workload wr --model read-committed, which forbids G1a"},
      {"unique-ids", "Riven has no model of identifiers"},
      {"kafka", "Riven has no model of logs with offsets"},
      {"queue", "say --model fifo-queue, or unordered-queue where the order is not promised"},
      {"total-queue", "--model unordered-queue is the nearest: every element is taken at most once, if ever"},
      {"set-full", "--model set is the nearest: linearizable, no stale reads"},
      {"g-set", "Riven has no model of sets that may be read stale; --model set is the linearizable one"},
      {"pn-counter",
       "Riven has no model of counters that may be read stale; --model counter is the linearizable one"},
      {"g-counter",
       "Riven has no model of counters that may be read stale; --model counter is the linearizable one"},
  }};
  for (const Known& known : kKnown)
    if (known.name == name) return std::string(known.word);
  return {};
}

}  // namespace riven
