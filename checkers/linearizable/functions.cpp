#include "checkers/linearizable/functions.h"

#include <algorithm>
#include <initializer_list>

#include "harness/core/text.h"

namespace riven::linearizable {

namespace {

using Names = std::initializer_list<std::string_view>;
bool one_of(std::string_view name, Names names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

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
                    "delete-min", "drain"}))
    return KnownFunction{Function::take};
  if (one_of(name, {"peek", "top", "front"})) return KnownFunction{Function::peek};
  return std::nullopt;
}

}  // namespace

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

KnownFunctions known_functions(const History& history, Model model) {
  KnownFunctions known;
  for (const Symbol f : history.functions()) known.push_back(known_function(model, lower_case(f.text())));
  return known;
}

bool shows_keys(const History& history, const KnownFunctions& known) {
  constexpr size_t kStretch = 64;  // entries
  bool sure = false;
  for (size_t i = 0; i < history.size(); ++i) {
    if (i % kStretch == 0 && i > 0 && history.spilled_bytes() > 0) history.release_values(i - kStretch, i);
    if (!history.is_client(i) || history.type(i) != OpType::invoke) continue;
    const ValueView v = history.value(i);
    if (!is_pair(v)) return false;
    const Function f = known[history.function_id(i)]->f;
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

}  // namespace riven::linearizable
