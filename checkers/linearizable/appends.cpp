#include "checkers/linearizable/appends.h"

#include <algorithm>
#include <vector>

#include "checkers/linearizable/append_conflict.h"
#include "checkers/linearizable/spelling.h"
#include "checkers/linearizable/text_search.h"
#include "checkers/linearizable/texts.h"
#include "checkers/linearizable/zones.h"

namespace riven::linearizable {

namespace {

class Appends {
 public:
  Appends(std::span<const Operation> part, const Projection& projection, const Texts& texts,
          const Watch& watch)
      : part_(part),
        watch_(watch),
        texts_(texts),
        spelling_(part, texts, texts.whole(projection.initial), projection.values.size()) {
    answer_.engine = "appends";
  }

  AppendsAnswer run(bool want_order) {
    const Spelling::Outcome outcome = spelling_.run(watch_);
    answer_.applies = outcome != Spelling::Outcome::ambiguous;
    if (outcome == Spelling::Outcome::out_of_budget) answer_.why = "the time or the memory ran out";
    if (outcome == Spelling::Outcome::contradiction) refute(spelling_.contradiction());
    if (outcome != Spelling::Outcome::clear) return std::move(answer_);
    Reservation memory(watch_.memory);
    if (!memory.grow_to(part_.size() * sizeof(Operation))) {
      answer_.why = "the memory ran out";
      return std::move(answer_);
    }
    judge(want_order);
    return std::move(answer_);
  }

 private:
  /// States as values of a register: nil is the initial one, `nowhere` is never there.
  int32_t value(uint32_t state) const {
    return state == Spelling::kInitial ? kNil : static_cast<int32_t>(state + 1);
  }

  std::vector<Operation> as_register() const {
    const auto nowhere = static_cast<int32_t>(part_.size() + 1);
    std::vector<Operation> ops(part_.begin(), part_.end());
    for (uint32_t i = 0; i < ops.size(); ++i) {
      Operation& op = ops[i];
      if (op.f == Function::read) {
        op.a = value(spelling_.seen(i));
      } else if (op.f == Function::append && texts_.piece(op.a).empty()) {
        op.f = Function::failed_cas;
        op.a = nowhere;
      } else if (op.f == Function::append && spelling_.shown_by(i) != Spelling::kNone) {
        op.f = Function::cas;
        op.a = value(spelling_.before(i));
        op.b = value(i);
      } else {
        op.f = Function::write;
        op.a = value(i);
      }
    }
    return ops;
  }

  void judge(bool want_order) {
    const std::vector<Operation> ops = as_register();
    ZonesAnswer zones = check_zones(ops, kNil, part_.size() + 2, watch_, want_order);
    answer_.configurations = zones.configurations;
    answer_.why = zones.why;
    answer_.verdict = zones.verdict;
    answer_.order = std::move(zones.order);
    answer_.event = zones.event;
    if (zones.verdict == Verdict::invalid) refute(append_conflict(ops, spelling_, zones.ends));
  }

  void refute(std::vector<uint32_t> core) {
    std::sort(core.begin(), core.end());
    core.erase(std::unique(core.begin(), core.end()), core.end());
    answer_.verdict = Verdict::invalid;
    answer_.event = 0;
    for (const uint32_t i : core)
      if (!part_[i].pending()) answer_.event = std::max(answer_.event, part_[i].returned);
    answer_.core = std::move(core);
  }

  std::span<const Operation> part_;
  const Watch& watch_;
  const Texts& texts_;
  Spelling spelling_;
  AppendsAnswer answer_;
};

}  // namespace

AppendsAnswer check_appends(std::span<const Operation> part, const Projection& projection, const Watch& watch,
                            bool want_order) {
  const Texts texts(part, projection);
  if (!texts.apply()) {
    AppendsAnswer answer;
    answer.engine = "appends";
    return answer;
  }
  AppendsAnswer answer = Appends(part, projection, texts, watch).run(want_order);
  if (answer.applies || !text_search_applies(part)) return answer;
  static_cast<Answer&>(answer) =
      search_texts(part, texts, {{texts.whole(projection.initial)}, false}, watch, want_order);
  answer.applies = true;
  return answer;
}

}  // namespace riven::linearizable
