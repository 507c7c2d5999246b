// How operations and models are named to a person.
#include <array>

#include "checkers/linearizable/projection.h"
#include "harness/core/text.h"

namespace riven::linearizable {

std::string_view to_text(Model model) {
  constexpr std::array<std::string_view, 16> kNames = {"register",     "cas-register", "multi-register",
                                                       "mutex",        "owner-mutex",  "reentrant-mutex",
                                                       "fenced-mutex", "semaphore",    "set",
                                                       "fifo-queue",   "stack",        "priority-queue",
                                                       "counter",      "kv",           "unordered-queue",
                                                       "user"};
  return kNames[static_cast<size_t>(model)];
}

std::string brief(std::string edn) {
  constexpr size_t kLongest = 240;
  constexpr size_t kEnd = 100;
  if (edn.size() <= kLongest) return edn;
  const auto inside = [&](size_t at) { return (static_cast<unsigned char>(edn[at]) & 0xc0) == 0x80; };
  size_t begin = kEnd;
  size_t end = edn.size() - kEnd;
  while (begin > 0 && inside(begin)) --begin;  // whole code points
  while (end < edn.size() && inside(end)) ++end;
  return edn.substr(0, begin) + " ... (" + grouped(static_cast<int64_t>(edn.size())) + " bytes) ... " +
         edn.substr(end);
}

std::string brief(const Value& value) { return brief(to_edn(value)); }

std::string describe_entry(const History& history, size_t entry) {
  const Op op = history.op(entry);
  std::string text = "entry " + std::to_string(history.source_index(entry));
  if (const auto line = history.source_line(entry)) text += ", line " + std::to_string(*line);
  text += ": {:process " + std::to_string(op.process) + ", :type :" + std::string(riven::to_text(op.type)) +
          ", :f :" + std::string(op.f.text()) + ", :value " + brief(op.value) + "}";
  return text;
}

std::string name_operation(const History& history, const Operation& op) {
  const std::string f(history.f(op.invoked).text());
  std::string what = f;
  const bool answered = !op.pending();
  Value value = history.value(op.invoked).to_value();
  const Value answer = answered ? history.value(op.returned).to_value() : Value();
  const bool takes_nothing =
      value.is_nil() || (value.is_list() && value.list().size() == 2 && value.list()[1].is_nil());
  if (takes_nothing && answered) value = answer;
  if (op.f == Function::cas || op.f == Function::failed_cas) {
    const Value* pair = &value;
    if (value.is_list() && value.list().size() == 2 && value.list()[1].is_list()) pair = &value.list()[1];
    what = op.f == Function::failed_cas ? "failed cas" : "cas";
    if (pair->is_list() && pair->list().size() == 2)
      what += " from " + brief(pair->list()[0]) + " to " + brief(pair->list()[1]);
  } else if (op.f == Function::acquire || op.f == Function::release || op.f == Function::failed_acquire) {
    if (!value.is_nil()) what += " " + brief(value);
  } else {
    what += (op.f == Function::read && op.a == kNil) || !value.is_nil() ? " of " + brief(value) : "";
    if (op.f == Function::take && op.a == kNil) what += " of nothing (empty)";
  }
  if (op.b == kTrue || op.b == kFalse) {
    if (op.f == Function::contains || op.f == Function::add || op.f == Function::remove)
      what += op.b == kTrue ? " (true)" : " (false)";
  }
  if (op.pending()) what = "crashed " + what;
  if (history.process(op.invoked) == kInitialProcess) return "initial " + what;
  // What a drain took is written out with processes that the history does not have.
  if (f == "drain") return what + " at entry " + std::to_string(history.source_index(op.invoked));
  return what + " by process " + std::to_string(history.process(op.invoked));
}

}  // namespace riven::linearizable
