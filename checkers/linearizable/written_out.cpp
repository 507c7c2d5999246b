#include "checkers/linearizable/written_out.h"

#include <algorithm>
#include <map>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "checkers/linearizable/functions.h"

namespace riven::linearizable {

namespace {

bool is_collection(Model model) {
  return model == Model::fifo_queue || model == Model::stack || model == Model::priority_queue ||
         model == Model::unordered_queue;
}

Value pair_of(Value a, Value b) { return Value(Value::List{std::move(a), std::move(b)}); }

class Writer {
 public:
  Writer(const History& history, const ModelOptions& model, bool keyed)
      : history_(history), model_(model), keyed_(keyed) {}

  Result<std::optional<WrittenOut>> run(Symbol drain) {
    for (size_t i = 0; i < history_.size(); ++i) next_process_ = std::max(next_process_, history_.process(i));
    if (writes_out_initial(model_)) begin_with_initial();
    if (is_collection(model_.model)) count_elements(drain);
    for (uint32_t i = 0; i < history_.size(); ++i) {
      if (!history_.is_client(i) || history_.f(i) != drain || !is_collection(model_.model)) {
        copy(i, history_.process(i), history_.value(i).to_value());
      } else if (auto done = history_.type(i) == OpType::invoke ? begin_drain(i) : end_drain(i); !done) {
        return done.error();
      }
    }
    auto made = builder_.finish(HistoryBuilder::Pairing::lenient);
    if (!made) return made.error();
    return std::optional(WrittenOut{std::move(*made), std::move(origin_)});
  }

 private:
  void copy(uint32_t i, Process process, const Value& value) {
    put(i, process, history_.type(i), history_.f(i), value);
    builder_.error(history_.error(i));
    commit(i);
  }
  /// An entry made of entry `i` (History::kNone: of none); commit() ends it.
  void put(uint32_t i, Process process, OpType type, Symbol f, const Value& value) {
    const bool made = i == History::kNone;
    const size_t timed = made ? 0 : i;
    builder_.begin(timed < history_.size() ? history_.time_ns(timed) : 0, process, type, f);
    builder_.value().value(value);
    builder_.source_index(made ? -1 : history_.source_index(i));
    if (const auto line = made ? std::optional<uint32_t>() : history_.source_line(i)) builder_.line(*line);
  }
  void commit(uint32_t i) {
    builder_.commit();
    origin_.push_back(i);
  }

  // What was there at the beginning.
  void initially(const char* f, const Value& value) {
    for (const OpType type : {OpType::invoke, OpType::ok}) {
      put(History::kNone, kInitialProcess, type, Symbol(f), value);
      commit(History::kNone);
    }
  }
  void begin_with_initial() {
    if (model_.initial.is_map()) return begin_with_map();
    const char* const f = model_.model == Model::set     ? "add"
                          : model_.model == Model::stack ? "push"
                                                         : "enqueue";
    for (const Value& element : model_.initial.elements()) {
      if (!keyed_) initially(f, element);
      for (const Value& key : keys()) initially(f, pair_of(key, element));
    }
  }
  void begin_with_map() {
    const bool kv = model_.model == Model::kv;
    std::unordered_map<std::string_view, Value> spelled;  // textual keys as the history has them
    for (const Value& key : keys())
      if (is_text(key)) spelled.emplace(key.text(), key);
    const Value::List& flat = model_.initial.flat_map();
    for (size_t i = 0; i < flat.size(); i += 2) {
      Value key = flat[i];
      if (const auto found = is_text(key) ? spelled.find(key.text()) : spelled.end(); found != spelled.end())
        key = found->second;
      if (kv) {
        initially("write", pair_of(key, flat[i + 1]));
      } else {
        initially("txn", Value(Value::List{Value(Value::List{Value::keyword("w"), key, flat[i + 1]})}));
      }
    }
  }
  static bool is_text(const Value& v) {
    return v.kind() == Value::Kind::string || v.kind() == Value::Kind::keyword;
  }

  /// The independent keys, or those of a multi-register, in the order of their appearance.
  std::vector<Value> keys() const {
    std::vector<Value> found;
    std::unordered_set<std::string> seen;
    const auto see = [&](const ValueView& key) {
      Value value = key.to_value();
      if (seen.insert(to_edn(value)).second) found.push_back(std::move(value));
    };
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!history_.is_client(i)) continue;
      const ValueView value = history_.value(i);
      if (model_.model == Model::multi_register)
        registers_of(value, see);
      else if (keyed_ && is_pair(value))
        see(value.at(0));
    }
    return found;
  }
  /// {k v ...}, [k v], [[k v] ...] or [[f k v] ...]
  template <typename See>
  static void registers_of(const ValueView& value, const See& see) {
    if (value.is_map()) {
      for (auto at = value.begin(); at != value.end(); ++at, ++at) see(*at);
    } else if (is_pair(value) && !value.at(0).is_list()) {
      see(value.at(0));
    } else if (value.is_list()) {
      for (const ValueView item : value)
        if (item.is_list() && item.size() > 1) see(item.at(item.size() == 2 ? 0 : 1));
    }
  }

  // Drains.
  std::string key_of(uint32_t entry) const {
    const ValueView value = history_.value(entry);
    return keyed_ && is_pair(value) ? to_edn(value.at(0).to_value()) : std::string();
  }
  /// What may be left of each key's elements for those who do not say what they took.
  void count_elements(Symbol drain) {
    const KnownFunctions known = known_functions(history_, model_.model);
    for (uint32_t i = 0; i < history_.size(); ++i) {
      if (!history_.is_client(i) || history_.type(i) != OpType::invoke || !known[history_.function_id(i)])
        continue;
      const uint32_t pair = history_.pair(i);
      const OpType type = pair == History::kNone ? OpType::info : history_.type(pair);
      const Function f = known[history_.function_id(i)]->f;
      if (f == Function::insert && type != OpType::fail) ++left_[key_of(i)];
      if (f != Function::take || type != OpType::ok) continue;
      const ValueView answer = taken(pair);
      if (history_.f(i) == drain) {
        left_[key_of(i)] -= answer.is_list() ? static_cast<int64_t>(answer.size()) : 0;
      } else if (!answer.is_nil()) {
        --left_[key_of(i)];
      }
    }
    if (writes_out_initial(model_))
      initial_elements_ = static_cast<int64_t>(model_.initial.elements().size());
  }
  /// A completion's answer without its key.
  ValueView taken(uint32_t completed) const {
    const ValueView answer = history_.value(completed);
    return keyed_ && is_pair(answer) ? answer.at(1) : answer;
  }

  Status begin_drain(uint32_t entry) {
    const uint32_t pair = history_.pair(entry);
    const OpType type = pair == History::kNone ? OpType::info : history_.type(pair);
    if (type == OpType::fail) return ok_status();
    size_t count = 0;
    if (type == OpType::ok) {
      const ValueView answer = taken(pair);
      if (!answer.is_list() && !answer.is_nil())
        return Error{"a drain that answers no list of elements: " + describe_entry(history_, pair)};
      count = answer.is_list() ? answer.size() : 0;
    } else {
      count = static_cast<size_t>(std::max<int64_t>(0, left_[key_of(entry)] + initial_elements_));
    }
    std::vector<Process>& who = drains_[entry];
    for (size_t k = 0; k < count; ++k) {
      who.push_back(k == 0 ? history_.process(entry) : fresh_process());
      const ValueView argument = history_.value(entry);
      put(entry, who.back(), OpType::invoke, history_.f(entry),
          keyed_ && is_pair(argument) ? pair_of(argument.at(0).to_value(), Value()) : Value());
      commit(entry);
    }
    return ok_status();
  }
  Status end_drain(uint32_t entry) {
    const uint32_t begun = history_.pair(entry);
    const auto found = drains_.find(begun);
    if (found == drains_.end()) return ok_status();
    size_t k = 0;
    if (history_.type(entry) == OpType::info && !found->second.empty())
      copy(entry, history_.process(entry), Value());
    if (history_.type(entry) != OpType::ok) return ok_status();
    const ValueView answer = taken(entry);
    if (answer.is_list()) {
      for (const ValueView element : answer) {
        const Process process = found->second[k++];
        const Value value = element.to_value();
        put(entry, process, OpType::ok, history_.f(entry),
            keyed_ ? pair_of(history_.value(begun).at(0).to_value(), value) : value);
        commit(entry);
        if (k > 1) free_.push_back(process);
      }
    }
    drains_.erase(found);
    return ok_status();
  }
  Process fresh_process() {
    if (free_.empty()) return ++next_process_;
    const Process process = free_.back();
    free_.pop_back();
    return process;
  }

  const History& history_;
  const ModelOptions& model_;
  const bool keyed_;
  HistoryBuilder builder_;
  std::vector<uint32_t> origin_;
  std::map<std::string, int64_t> left_;
  int64_t initial_elements_ = 0;
  std::unordered_map<uint32_t, std::vector<Process>> drains_;  // by invocation: who takes its elements
  std::vector<Process> free_;
  Process next_process_ = 0;
};

}  // namespace

bool writes_out_initial(const ModelOptions& model) {
  if (is_collection(model.model) || model.model == Model::set)
    return model.initial.has_elements() && !model.initial.elements().empty();
  return (model.model == Model::kv || model.model == Model::multi_register) && model.initial.is_map() &&
         !model.initial.flat_map().empty();
}

Result<std::optional<WrittenOut>> write_out(const History& history, const ModelOptions& model,
                                            ProjectionOptions::PerKey per_key) {
  const Symbol drain("drain");
  const auto& functions = history.functions();
  const bool drains =
      is_collection(model.model) && std::find(functions.begin(), functions.end(), drain) != functions.end();
  if (!drains && !writes_out_initial(model)) return std::optional<WrittenOut>();
  const KnownFunctions known = known_functions(history, model.model);
  for (size_t i = 0; i < history.size(); ++i)  // project() says what is not of this model
    if (history.is_client(i) && !known[history.function_id(i)]) return std::optional<WrittenOut>();
  const bool keyed = model.model == Model::kv || per_key == ProjectionOptions::PerKey::yes ||
                     (per_key == ProjectionOptions::PerKey::automatic &&
                      model.model != Model::multi_register && shows_keys(history, known));
  return Writer(history, model, keyed).run(drain);
}

}  // namespace riven::linearizable
