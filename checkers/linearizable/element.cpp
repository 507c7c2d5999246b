#include "checkers/linearizable/collections.h"

namespace riven::linearizable {

namespace {

/// The operations on one element, sorted out.
struct Element {
  const Operation* added = nullptr;
  const Operation* removed = nullptr;
  uint32_t first_return = kPending;  // of those that found it there
  uint32_t last_invoke = 0;
  bool found = false;
};

Answer element_answer(Verdict verdict, std::span<const Operation> part) {
  Answer answer;
  answer.engine = "set";
  answer.verdict = verdict;
  answer.event = kPending;
  if (verdict == Verdict::valid) return answer;
  answer.event = 0;
  for (uint32_t i = 0; i < part.size(); ++i) {
    answer.core.push_back(i);
    if (!part[i].pending() && part[i].returned > answer.event) answer.event = part[i].returned;
  }
  return answer;
}

bool is_insertion(const Operation& op) {
  return op.f == Function::insert || (op.f == Function::add && op.b != kFalse);
}
bool is_removal(const Operation& op) {
  return op.f == Function::take || (op.f == Function::remove && op.b != kFalse);
}
bool found_absent(const Operation& op) {
  return op.b == kFalse && (op.f == Function::contains || op.f == Function::remove);
}

}  // namespace

std::optional<Answer> check_element(std::span<const Operation> part) {
  Element e;
  for (const Operation& op : part) {
    if (is_insertion(op)) {
      if (e.added != nullptr) return std::nullopt;
      e.added = &op;
    } else if (is_removal(op)) {
      if (e.removed != nullptr || (op.f == Function::remove && op.b == kNil && !op.pending()))
        return std::nullopt;
      e.removed = &op;
      e.found = e.found || !op.pending();
    } else if (op.f != Function::contains && op.f != Function::add && op.f != Function::remove) {
      return std::nullopt;
    } else if (!found_absent(op)) {
      e.found = true;
    }
  }
  if (e.added == nullptr) return element_answer(e.found ? Verdict::invalid : Verdict::valid, part);
  if (e.added->pending() && !e.found) return element_answer(Verdict::valid, part);
  bool ok = true;
  for (const Operation& op : part) {
    if (found_absent(op)) continue;
    e.first_return = std::min(e.first_return, op.returned);
    e.last_invoke = std::max(e.last_invoke, op.invoked);
    ok = ok && op.returned > e.added->invoked;
  }
  if (e.removed == nullptr) {
    e.last_invoke = kPending;
  } else {
    ok = ok && e.removed->returned > e.last_invoke;
  }
  for (const Operation& op : part)
    if (found_absent(op) && op.invoked > e.first_return && op.returned < e.last_invoke) ok = false;
  return element_answer(ok ? Verdict::valid : Verdict::invalid, part);
}

}  // namespace riven::linearizable
