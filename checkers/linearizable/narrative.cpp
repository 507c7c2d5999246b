#include "checkers/linearizable/narrative.h"

#include <algorithm>

#include "checkers/linearizable/narrative_texts.h"

namespace riven::linearizable {

namespace {

class Narrator {
 public:
  Narrator(const Projection& projection, const History& history, std::span<const Operation> part,
           Evidence& evidence)
      : p_(projection), history_(history), part_(part), e_(evidence) {}

  std::string name(uint32_t i) const { return name_operation(history_, part_[i]); }
  std::string value(int32_t id) const { return brief(p_.values.value(id)); }
  static bool makes(const Operation& op, int32_t v) {
    return (op.f == Function::write && op.a == v) || (op.f == Function::cas && op.b == v);
  }

  /// A read or cas that needed a value which could not be there.
  bool tell_register() {
    for (size_t k = e_.operations.size(); k-- > 0;) {
      const uint32_t i = e_.operations[k];
      const Operation& op = part_[i];
      if ((op.f == Function::read || op.f == Function::cas) && !op.pending() && tell_need(i)) return true;
    }
    return false;
  }

  bool tell_need(uint32_t reader) {
    const Operation& read = part_[reader];
    bool any = read.a == p_.initial;
    bool earlier = any;
    uint32_t last_return = 0;  // of what wrote the value before
    bool crashed = false;
    size_t makers = read.a == p_.initial ? 1 : 0;
    for (const Operation& op : part_) {
      if (&op == &read || !makes(op, read.a)) continue;
      any = true;
      ++makers;
      if (op.invoked > read.returned) continue;
      earlier = true;
      crashed = crashed || op.pending();
      last_return = std::max(last_return, op.returned);
    }
    if (!any) return say(name(reader) + ", but nothing ever wrote " + value(read.a));
    if (!earlier)
      return say(name(reader) + " returned before anything that writes " + value(read.a) + " was invoked");
    if (crashed || last_return >= read.invoked) return false;
    // Everything that wrote the value had returned before: which newer ones came for certain after it? Those
    // invoked later, and those that took it away, where it was written but once.
    const auto after = [&](const Operation& op) {
      return op.invoked > last_return || (makers == 1 && op.f == Function::cas && op.a == read.a);
    };
    const Operation* newest = nullptr;
    uint32_t first_certain = kPending;
    for (const Operation& op : part_) {
      if (op.pending() || (op.f != Function::write && op.f != Function::cas) || makes(op, read.a)) continue;
      if (!after(op) || op.returned > read.invoked) continue;
      ++e_.stale_versions;
      first_certain = std::min(first_certain, op.returned);
      if (newest == nullptr || op.returned > newest->returned) newest = &op;
    }
    const Operation* told = nullptr;
    for (const uint32_t i : e_.operations) {
      const Operation& op = part_[i];
      if (!op.pending() && (op.f == Function::write || op.f == Function::cas) && !makes(op, read.a) &&
          op.returned < read.invoked && after(op))
        told = &op;
    }
    if (told == nullptr) told = newest;
    if (told == nullptr) return false;
    e_.stale_ns = time_between(first_certain, read.invoked);
    return say(name(reader) + " returned after the " + name_operation(history_, *told) +
               " had completed and nothing wrote " + value(read.a) + " again");
  }

  /// Two values, each seen or written after the other had been: whichever came last, a read of the other is
  /// stale.
  bool tell_contradicting_reads() {
    const Operation* reads[2] = {nullptr, nullptr};
    for (const uint32_t i : e_.operations) {
      const Operation& op = part_[i];
      if (op.f != Function::read || op.pending()) continue;
      const size_t slot = reads[0] == nullptr || reads[0]->a == op.a ? 0 : 1;
      if (reads[slot] != nullptr && reads[slot]->a != op.a) return false;  // a third value
      if (reads[slot] == nullptr || op.returned > reads[slot]->returned) reads[slot] = &op;
    }
    if (reads[1] == nullptr || !precedes(reads[0]->a, reads[1]->a) || !precedes(reads[1]->a, reads[0]->a))
      return false;
    // Whichever it is: by the other value at least.
    e_.stale_versions = 1;
    e_.stale_ns = std::min(stale_since(*reads[0], reads[1]->a), stale_since(*reads[1], reads[0]->a));
    return say(name_operation(history_, *reads[0]) + " or " + name_operation(history_, *reads[1]) +
               " is stale: each of the two values was there after the other had already taken its place");
  }

  /// Whether an operation of the evidence that shows or makes `before` returned before one of `after` was
  /// invoked.
  bool precedes(int32_t before, int32_t after) const {
    const auto is_of = [](const Operation& op, int32_t v) {
      return makes(op, v) || (op.f == Function::read && op.a == v);
    };
    uint32_t first_return = kPending;
    uint32_t last_invocation = 0;
    for (const uint32_t i : e_.operations) {
      const Operation& op = part_[i];
      if (is_of(op, before)) first_return = std::min(first_return, op.returned);
      if (is_of(op, after)) last_invocation = std::max(last_invocation, op.invoked);
    }
    return first_return < last_invocation;
  }

  /// If a read is the stale one: how long before it the other value had surely taken the place of its own.
  int64_t stale_since(const Operation& read, int32_t other) const {
    uint32_t had_been = kPending;  // the read's value was there
    uint32_t replaced = kPending;
    const auto is_of = [](const Operation& op, int32_t v) {
      return makes(op, v) || (op.f == Function::read && op.a == v);
    };
    for (const uint32_t i : e_.operations)
      if (&part_[i] != &read && is_of(part_[i], read.a)) had_been = std::min(had_been, part_[i].returned);
    for (const uint32_t i : e_.operations)
      if (is_of(part_[i], other) && part_[i].invoked > had_been)
        replaced = std::min(replaced, part_[i].returned);
    if (replaced >= read.invoked) return 0;
    return time_between(replaced, read.invoked);
  }
  /// 0 where the times do not tell.
  int64_t time_between(uint32_t first, uint32_t second) const {
    int64_t length = 0;
    const bool overflow = __builtin_sub_overflow(history_.time_ns(second), history_.time_ns(first), &length);
    return history_.has_times() && !overflow ? std::max<int64_t>(0, length) : 0;
  }

  bool tell_collection() {
    for (const uint32_t i : e_.operations) {
      const Operation& op = part_[i];
      if (op.f != Function::take || op.a <= kNil) continue;
      const Operation* insert = nullptr;
      for (const Operation& other : part_) {
        if (other.a != op.a || &other == &op) continue;
        if (other.f == Function::insert) insert = &other;
        if (other.f == Function::take)
          return say(value(op.a) + " was removed twice: " + name(i) + " and " +
                     name_operation(history_, other));
      }
      if (insert == nullptr) return say(name(i) + ", but nothing ever inserted " + value(op.a));
      if (insert->invoked > op.returned)
        return say(name(i) + " returned before " + name_operation(history_, *insert) + " was invoked");
    }
    return false;
  }

  bool tell_queue() {
    std::vector<const Operation*> inserts;
    for (const uint32_t i : e_.operations)
      if (part_[i].f == Function::insert) inserts.push_back(&part_[i]);
    if (inserts.size() != 2) return false;
    const Operation* first = inserts[0]->returned < inserts[1]->invoked ? inserts[0] : inserts[1];
    const Operation* second = first == inserts[0] ? inserts[1] : inserts[0];
    const Operation* taken = nullptr;
    for (const uint32_t i : e_.operations)
      if (part_[i].f == Function::take && part_[i].a == second->a) taken = &part_[i];
    if (first->returned > second->invoked || taken == nullptr) return false;
    return say(value(first->a) + " was surely enqueued before " + value(second->a) + ", but the " +
               name_operation(history_, *taken) + " had completed when " + value(first->a) +
               " was still there");
  }

  /// A larger knot of a minimal set: the read that returned last, without which the others have an order.
  bool tell_stale_read() {
    const uint32_t* last = nullptr;
    for (const uint32_t& i : e_.operations) {
      if (part_[i].f == Function::read && !part_[i].pending() &&
          (last == nullptr || part_[i].returned > part_[*last].returned))
        last = &i;
    }
    if (!e_.minimal || last == nullptr || e_.operations.size() < 2) return false;
    std::vector<uint32_t> others;
    for (const uint32_t i : e_.operations)
      if (i != *last) others.push_back(i);
    return say(
        name(*last) +
        " is stale, as it seems: without it these operations have an order, with it none: " + list(others));
  }

  void tell_generic() {
    if (e_.operations.empty()) {
      say("no order of the operations up to " + describe_entry(history_, e_.event) + " is possible");
      return;
    }
    std::string text = e_.operations.size() == 1 ? "this operation is possible at no moment: "
                                                 : "no order of these operations is possible: ";
    say(text + list(e_.operations));
  }

 private:
  std::string list(const std::vector<uint32_t>& operations) const {
    constexpr size_t kListed = 8;
    std::string text;
    for (size_t k = 0; k < operations.size() && k < kListed; ++k)
      text += (k == 0 ? "" : "; ") + name(operations[k]);
    if (operations.size() > kListed) text += "; and " + std::to_string(operations.size() - kListed) + " more";
    return text;
  }
  bool say(std::string text) {
    e_.sentence = std::move(text);
    return true;
  }
  const Projection& p_;
  const History& history_;
  std::span<const Operation> part_;
  Evidence& e_;
};

}  // namespace

void narrate(Model model, const Projection& projection, const History& history,
             std::span<const Operation> part, Evidence& evidence) {
  Narrator narrator(projection, history, part, evidence);
  bool told = false;
  const bool appends =
      std::any_of(part.begin(), part.end(), [](const Operation& op) { return op.f == Function::append; });
  if (model == Model::kv && appends) {
    const auto sentence = tell_texts(projection, history, part, evidence);
    told = sentence.has_value();
    if (told) evidence.sentence = *sentence;
    told = told || narrator.tell_stale_read();
  } else if (model == Model::reg || model == Model::cas_register || model == Model::kv) {
    told = narrator.tell_register() || narrator.tell_contradicting_reads() || narrator.tell_stale_read();
  }
  if (model == Model::fifo_queue || model == Model::stack || model == Model::priority_queue ||
      model == Model::unordered_queue)
    told = narrator.tell_collection() || (model == Model::fifo_queue && narrator.tell_queue());
  if (!told) narrator.tell_generic();
}

}  // namespace riven::linearizable
