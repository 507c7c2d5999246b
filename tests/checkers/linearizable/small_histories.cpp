#include "tests/checkers/linearizable/reference.h"

#include <algorithm>
#include <cstdlib>

namespace riven::linearizable::testing {

namespace {

constexpr int kFirstId = 3;  // nil, false and true come first
constexpr int kAmounts = 64;

class Maker {
 public:
  Maker(const SmallShape& shape, Rng& rng) : shape_(shape), rng_(rng) {
    h_.model.model = shape.model;
    h_.model.permits = 2;
    h_.model.depth = rng.chance(0.5) ? 2 : 0;
    h_.model.smallest_first = rng.chance(0.5);
    for (int i = 0; i < kAmounts; ++i) h_.projection.values.id(Value(i - 20));
    h_.texts = shape.texts;
    if (shape.texts)
      for (const char* const text : {"a", "b", "aa", "ab", "ba", "bb", "aab", "aba", "abb"})
        h_.projection.values.id(Value(text));
    if (shape.initial >= 0) h_.model.initial = Value(shape.initial);
    h_.projection.parts.push_back({});
  }

  SmallHistory make() {
    const auto n = static_cast<size_t>(shape_.operations);
    std::vector<double> points;
    for (size_t i = 0; i < n; ++i) points.push_back(rng_.unit() * static_cast<double>(n));
    std::sort(points.begin(), points.end());
    const double width = rng_.chance(0.3) ? 0.4 : rng_.chance(0.5) ? 1.5 : 4;
    Reference state = first_state(h_);
    for (const double at : points) add_operation(state, at - rng_.unit() * width, at + rng_.unit() * width);
    if (rng_.chance(0.6)) {
      for (uint64_t i = 0, changes = 1 + rng_.below(4); i < changes; ++i) perturb(width);
    }
    place();
    return std::move(h_);
  }

 private:
  int32_t id(int i) const { return kFirstId + 20 + i; }
  int32_t text(uint64_t most) { return kFirstId + kAmounts + static_cast<int32_t>(rng_.below(most)); }
  int32_t fresh() {
    if (shape_.texts) return text(9);
    return id(shape_.distinct ? next_value_++ : static_cast<int>(rng_.below(3)));
  }
  int32_t any_value() {
    if (shape_.texts) return rng_.chance(0.2) ? kNil : text(9);
    if (!shape_.distinct) return id(static_cast<int>(rng_.below(3)));
    return rng_.chance(0.1) || next_value_ == 1
               ? kNil
               : id(static_cast<int>(rng_.below(static_cast<uint64_t>(next_value_))));
  }

  Operation propose() {
    Operation op;
    const uint64_t dice = rng_.below(3);
    switch (shape_.model) {
      case Model::reg:
      case Model::cas_register:
      case Model::kv:
        op.f = dice == 0 ? Function::read : dice == 1 ? Function::write : Function::cas;
        if (op.f == Function::cas && shape_.model == Model::reg) op.f = Function::write;
        if (op.f == Function::write && shape_.only_cas) op.f = Function::cas;
        op.a = op.f == Function::write ? fresh() : any_value();
        if (op.f == Function::cas) op.b = fresh();
        if (shape_.texts && rng_.chance(0.4)) {
          op.f = Function::append;
          op.a = text(2);
        }
        return op;
      case Model::multi_register:
        return propose_transaction();
      case Model::set:
        op.f = dice == 0 ? Function::add : dice == 1 ? Function::remove : Function::contains;
        op.a = id(static_cast<int>(rng_.below(shape_.whole_reads ? 3 : 1)));
        op.b = rng_.chance(0.3) && op.f != Function::contains ? kNil : rng_.chance(0.5) ? kTrue : kFalse;
        if (shape_.whole_reads && rng_.chance(0.4)) {
          op.f = Function::read;
          op.a = static_cast<int32_t>(h_.projection.lists.size());
          std::vector<int32_t> list;
          for (int i = 0; i < 3; ++i)
            if (rng_.chance(0.5)) list.push_back(id(i));
          h_.projection.lists.push_back(list);
        }
        return op;
      case Model::counter:
        op.f = dice == 0 ? Function::add : Function::read;
        op.a = op.f == Function::add ? id(static_cast<int>(rng_.below(3)) - 1)
                                     : id(static_cast<int>(rng_.below(7)) - 3);
        return op;
      case Model::fifo_queue:
      case Model::stack:
      case Model::priority_queue:
      case Model::unordered_queue:
        op.f = rng_.chance(0.5)                   ? Function::insert
               : shape_.peeks && rng_.chance(0.4) ? Function::peek
                                                  : Function::take;
        op.a = op.f == Function::insert ? insertion() : rng_.chance(0.15) ? kNil : any_value();
        return op;
      default:
        op.f = rng_.chance(0.5) ? Function::acquire : Function::release;
        op.a = static_cast<int32_t>(rng_.below(3));
        if (shape_.model == Model::semaphore) op.b = rng_.chance(0.8) ? 1 : 2;
        if (shape_.model == Model::fenced_mutex && op.f == Function::acquire)
          op.b = rng_.chance(0.2) ? kNil : static_cast<int32_t>(rng_.below(6)) + 1;
        return op;
    }
  }

  int32_t insertion() {
    if (!shape_.distinct) return fresh();
    // Distinct, but not in order: priorities.
    if (insertions_.empty()) {
      for (int i = 1; i <= 20; ++i) insertions_.push_back(i);
      for (size_t i = insertions_.size(); i > 1; --i)
        std::swap(insertions_[i - 1], insertions_[rng_.below(i)]);
      next_value_ = 21;
    }
    const int32_t v = id(insertions_.back());
    insertions_.pop_back();
    return v;
  }

  Operation propose_transaction() {
    std::vector<MicroOp> micro;
    for (uint64_t i = 0, count = 1 + rng_.below(3); i < count; ++i)
      micro.push_back(
          {rng_.chance(0.5), id(static_cast<int>(rng_.below(2))), id(static_cast<int>(rng_.below(3)))});
    h_.projection.transactions.push_back(std::move(micro));
    Operation op;
    op.f = Function::txn;
    op.a = static_cast<int32_t>(h_.projection.transactions.size() - 1);
    return op;
  }

  /// Draws operations until one is possible now; crashed ones need not be.
  void add_operation(Reference& state, double from, double to) {
    for (int tries = 0; tries < 40; ++tries) {
      const int before = next_value_;
      Operation op = propose();
      const bool crashed = rng_.chance(shape_.crashed) && op.f != Function::read &&
                           op.f != Function::contains && op.f != Function::peek &&
                           (shape_.crashed_takes || op.f != Function::take);
      if (op.f == Function::take && op.a == kNil && !shape_.empties) continue;
      Operation effect = op;
      if (crashed && op.f == Function::take) op.a = effect.a = kUnknown;
      if (crashed && (op.f == Function::add || op.f == Function::remove) && shape_.model == Model::set)
        op.b = effect.b = kNil;
      if (crashed && op.f == Function::acquire && shape_.model == Model::fenced_mutex) op.b = effect.b = kNil;
      if (crashed && shape_.model == Model::multi_register) {
        auto& micro = h_.projection.transactions.back();
        std::erase_if(micro, [](const MicroOp& m) { return !m.write; });
      }
      Reference next = state;
      bool possible = step(h_, next, effect, state.items.empty() ? 0 : rng_.below(state.items.size()));
      if (!possible && !crashed && shape_.failed_cas &&
          (op.f == Function::cas || op.f == Function::acquire)) {
        op.f = op.f == Function::cas ? Function::failed_cas : Function::failed_acquire;
        next = state;
        possible = step(h_, next, op);
      }
      if (!possible && !crashed) {
        if (shape_.model != Model::priority_queue && insertions_.empty()) next_value_ = before;
        continue;
      }
      if (possible && (!crashed || rng_.chance(0.6))) state = next;
      times_.push_back({from, crashed ? 1e9 : to});
      ops_.push_back(op);
      return;
    }
  }

  void perturb(double width) {
    if (ops_.empty()) return;
    const size_t i = rng_.below(ops_.size());
    Operation& op = ops_[i];
    if (rng_.chance(0.5)) {
      const double shift = (rng_.unit() - 0.5) * 3 * width;
      times_[i].first += shift;
      if (times_[i].second < 1e8) times_[i].second += shift;
    } else if (op.f == Function::read && shape_.model == Model::counter) {
      op.a = id(static_cast<int>(rng_.below(7)) - 3);
    } else if (op.f == Function::read && shape_.model == Model::set) {
      h_.projection.lists[static_cast<size_t>(op.a)] = {id(static_cast<int>(rng_.below(3)))};
    } else if (op.f == Function::contains) {
      op.b = op.b == kTrue ? kFalse : kTrue;
    } else if (op.f == Function::read || op.f == Function::failed_cas || op.f == Function::cas) {
      op.a = any_value();
    } else if ((op.f == Function::take || op.f == Function::peek) && op.a != kUnknown) {
      op.a = shape_.empties && rng_.chance(0.2) ? kNil : any_value();
      if (!shape_.empties && op.a == kNil) op.a = id(1);
    } else if (op.f == Function::acquire && shape_.model == Model::fenced_mutex && op.b != kNil) {
      op.b = static_cast<int32_t>(rng_.below(6)) + 1;
    } else if (op.f == Function::txn) {
      auto& micro = h_.projection.transactions[static_cast<size_t>(op.a)];
      if (!micro.empty()) micro[0].value = id(static_cast<int>(rng_.below(3)));
    }
  }

  /// From times to event numbers, all different, invocations in order.
  void place() {
    std::vector<std::pair<double, uint32_t>> events;
    for (uint32_t i = 0; i < ops_.size(); ++i) {
      events.emplace_back(times_[i].first, i * 2);
      if (times_[i].second < 1e8) events.emplace_back(times_[i].second, i * 2 + 1);
    }
    std::sort(events.begin(), events.end());
    for (uint32_t e = 0; e < events.size(); ++e) {
      Operation& op = ops_[events[e].second / 2];
      (events[e].second % 2 == 0 ? op.invoked : op.returned) = e;
    }
    std::sort(ops_.begin(), ops_.end(), [](const auto& x, const auto& y) { return x.invoked < y.invoked; });
    h_.projection.parts[0].operations = std::move(ops_);
    h_.projection.client_operations = h_.operations().size();
    h_.projection.by_element = shape_.model == Model::set && !shape_.whole_reads;
  }

  const SmallShape& shape_;
  Rng& rng_;
  SmallHistory h_;
  std::vector<Operation> ops_;
  std::vector<std::pair<double, double>> times_;
  std::vector<int> insertions_;
  int next_value_ = 1;
};

}  // namespace

SmallHistory random_history(const SmallShape& shape, Rng& rng) { return Maker(shape, rng).make(); }

std::string to_text(const SmallHistory& history) {
  static const char* const kNames[] = {"read",     "write",          "cas",     "failed-cas", "append",
                                       "acquire",  "failed-acquire", "release", "add",        "remove",
                                       "contains", "insert",         "take",    "peek",       "txn",
                                       "user"};
  std::string text;
  const auto value = [&](int32_t id) {
    return id < 0 || static_cast<size_t>(id) >= history.projection.values.size()
               ? "?" + std::to_string(id)
               : to_edn(history.projection.values.value(id));
  };
  for (const Operation& op : history.operations()) {
    text += std::string(kNames[static_cast<size_t>(op.f)]) + " " + value(op.a) + " " + value(op.b) + " [" +
            std::to_string(op.invoked) + ", " + (op.pending() ? "-" : std::to_string(op.returned)) + "]\n";
    if (op.f == Function::txn) {
      for (const MicroOp& m : history.projection.transactions[static_cast<size_t>(op.a)])
        text += std::string(m.write ? "   w " : "   r ") + value(m.key) + " " + value(m.value) + "\n";
    }
  }
  return text;
}

uint64_t rounds(uint64_t few) {
  const char* const nightly = std::getenv("RIVEN_NIGHTLY");
  if (kSanitized) return std::max(few / 10, std::min<uint64_t>(few, 2));
  return nightly != nullptr && std::atoi(nightly) > 0 ? few * 100 * static_cast<uint64_t>(std::atoi(nightly))
                                                      : few;
}

uint64_t chunk() {
  const char* const given = std::getenv("RIVEN_CHUNK");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : 0;
}

}  // namespace riven::linearizable::testing
