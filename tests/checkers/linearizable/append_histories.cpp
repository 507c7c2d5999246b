#include "tests/checkers/linearizable/append_histories.h"

#include <algorithm>
#include <set>

namespace riven::linearizable::testing {

namespace {

/// A list of small integers for each letter, or the text itself; nothing is nil.
Value value_of(const std::string& text, bool lists) {
  if (text.empty()) return {};
  if (!lists) return Value(text);
  Value::List items;
  for (const char c : text) items.emplace_back(c - 'a');
  return Value(std::move(items));
}

std::string text_of(const Value& value) {
  if (value.is_nil()) return {};
  if (value.is_integer()) return std::string(1, static_cast<char>('a' + value.integer()));
  if (!value.is_list()) return std::string(value.text());
  std::string text;
  for (const Value& item : value.list()) text += text_of(item);
  return text;
}

std::string text_of(const AppendHistory& history, int32_t id) {
  return text_of(history.projection.values.value(id));
}

class Maker {
 public:
  Maker(const AppendShape& shape, Rng& rng) : shape_(shape), rng_(rng) {
    history_.model.model = Model::kv;
    history_.model.initial = value_of(shape.initial, shape.lists);
    history_.projection.parts.push_back({});
  }

  AppendHistory make() {
    const auto n = static_cast<size_t>(shape_.operations);
    std::vector<double> points;
    for (size_t i = 0; i < n; ++i) points.push_back(rng_.unit() * static_cast<double>(n));
    std::sort(points.begin(), points.end());
    const double width = rng_.chance(0.3) ? 0.4 : rng_.chance(0.5) ? 1.5 : 4;
    std::string state = shape_.initial;
    for (const double at : points) add(state, at - rng_.unit() * width, at + rng_.unit() * width);
    if (rng_.chance(0.6))
      for (uint64_t i = 0, changes = 1 + rng_.below(3); i < changes; ++i) change(width);
    place();
    return std::move(history_);
  }

 private:
  struct Draft {
    Function f = Function::read;
    std::string text;
    double begin = 0;
    double end = 0;
  };

  std::string fresh() { return "<" + std::string(1, static_cast<char>('a' + next_++)) + ">"; }
  const std::string& any(const std::vector<std::string>& texts) { return texts[rng_.below(texts.size())]; }
  std::string put() { return shape_.puttable.empty() ? fresh() : any(shape_.puttable); }
  std::string append() { return shape_.appendable.empty() ? fresh() : any(shape_.appendable); }

  void add(std::string& state, double begin, double end) {
    Draft draft{Function::read, {}, begin, end};
    const double dice = rng_.unit();
    if (dice >= shape_.reads) {
      draft.f = dice < shape_.reads + shape_.puts ? Function::write : Function::append;
      draft.text = draft.f == Function::write ? put() : append();
      const bool crashed = rng_.chance(shape_.crashed);
      if (crashed) draft.end = kNeverReturns;
      if (!crashed || rng_.chance(0.6)) state = draft.f == Function::write ? draft.text : state + draft.text;
    } else {
      draft.text = state;
    }
    drafts_.push_back(std::move(draft));
  }

  void change(double width) {
    Draft& draft = drafts_[rng_.below(drafts_.size())];
    if (draft.f != Function::read || rng_.chance(0.5)) {
      const double shift = (rng_.unit() - 0.5) * 3 * width;
      draft.begin += shift;
      if (draft.end < kNeverReturns) draft.end += shift;
      return;
    }
    const Draft& other = drafts_[rng_.below(drafts_.size())];
    const uint64_t dice = rng_.below(4);
    if (dice == 0) draft.text = other.text;
    if (dice == 1) draft.text += other.text;
    if (dice == 2) draft.text = other.text + draft.text;
    if (dice == 3) draft.text = draft.text.substr(0, rng_.below(draft.text.size() + 1));
  }

  /// From times to event numbers, all different, invocations in order.
  void place() {
    std::vector<std::pair<double, size_t>> events;
    for (size_t i = 0; i < drafts_.size(); ++i) {
      events.emplace_back(drafts_[i].begin, i * 2);
      if (drafts_[i].end < kNeverReturns) events.emplace_back(drafts_[i].end, i * 2 + 1);
    }
    std::sort(events.begin(), events.end());
    std::vector<Operation> ops(drafts_.size());
    for (uint32_t e = 0; e < events.size(); ++e) {
      Operation& op = ops[events[e].second / 2];
      (events[e].second % 2 == 0 ? op.invoked : op.returned) = e;
    }
    ValueTable& values = history_.projection.values;
    for (size_t i = 0; i < ops.size(); ++i) {
      ops[i].f = drafts_[i].f;
      ops[i].a = values.id(value_of(drafts_[i].text, shape_.lists));
      if (ops[i].f != Function::append) continue;
      ops[i].a = values.id(shape_.lists ? Value(drafts_[i].text[0] - 'a') : Value(drafts_[i].text));
    }
    std::sort(ops.begin(), ops.end(), [](const auto& x, const auto& y) { return x.invoked < y.invoked; });
    history_.projection.parts[0].operations = std::move(ops);
    history_.projection.client_operations = drafts_.size();
  }

  static constexpr double kNeverReturns = 1e8;
  const AppendShape& shape_;
  Rng& rng_;
  AppendHistory history_;
  std::vector<Draft> drafts_;
  int next_ = 0;
};

struct Brute {
  const std::vector<Operation>& ops;
  std::vector<std::string> texts;
  uint32_t must = 0;
  std::set<std::pair<uint32_t, std::string>> seen{};

  bool go(uint32_t done, const std::string& state) {
    if ((done & must) == must) return true;
    if (!seen.emplace(done, state).second) return false;
    uint32_t limit = kPending;
    for (size_t i = 0; i < ops.size(); ++i)
      if ((done >> i & 1) == 0) limit = std::min(limit, ops[i].returned);
    for (size_t i = 0; i < ops.size(); ++i) {
      if ((done >> i & 1) != 0 || ops[i].invoked > limit) continue;
      if (ops[i].f == Function::read && texts[i] != state) continue;
      const std::string& next = ops[i].f == Function::read ? state : texts[i];
      if (go(done | 1U << i, ops[i].f == Function::append ? state + texts[i] : next)) return true;
    }
    return false;
  }
};

}  // namespace

AppendHistory random_appends(const AppendShape& shape, Rng& rng) {
  for (;;) {
    AppendHistory history = Maker(shape, rng).make();
    for (const Operation& op : history.operations())
      if (op.f == Function::append) return history;
  }
}

bool is_linearizable(const AppendHistory& history, const std::vector<Operation>& operations) {
  Brute brute{operations, {}};
  for (size_t i = 0; i < operations.size(); ++i) {
    if (!operations[i].pending()) brute.must |= 1U << i;
    brute.texts.push_back(text_of(history, operations[i].a));
  }
  return brute.go(0, text_of(history.model.initial));
}

bool is_linearization(const AppendHistory& history, const std::vector<uint32_t>& order) {
  const auto& ops = history.operations();
  std::string state = text_of(history.model.initial);
  std::set<uint32_t> done;
  uint32_t latest = 0;
  for (const uint32_t i : order) {
    if (!done.insert(i).second || ops[i].returned < latest) return false;
    latest = std::max(latest, ops[i].invoked);
    const std::string text = text_of(history, ops[i].a);
    if (ops[i].f == Function::read && text != state) return false;
    if (ops[i].f == Function::append) state += text;
    if (ops[i].f == Function::write) state = text;
  }
  for (uint32_t i = 0; i < ops.size(); ++i)
    if (!ops[i].pending() && done.count(i) == 0) return false;
  return true;
}

std::string to_text(const AppendHistory& history) {
  std::string text = "initial " + to_edn(history.model.initial) + "\n";
  for (const Operation& op : history.operations()) {
    text += op.f == Function::read ? "read " : op.f == Function::write ? "put " : "append ";
    text += to_edn(history.projection.values.value(op.a)) + " [" + std::to_string(op.invoked) + ", " +
            (op.pending() ? "-" : std::to_string(op.returned)) + "]\n";
  }
  return text;
}

}  // namespace riven::linearizable::testing
