// The sequential rules of the built-in models, as Interned and InternedWords take them.
#pragma once

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkers/linearizable/builtin_models.h"
#include "harness/core/rng.h"

namespace riven::linearizable {

using Traits = StateSpace::Traits;
using Words = std::vector<int32_t>;

inline std::string value_text(const Projection& p, int32_t id) { return brief(p.values.value(id)); }

/// Registers, on value ids.
struct RegisterRule {
  int32_t first;
  int32_t initial() const { return first; }
  static bool step(int32_t& s, const Operation& op) {
    if (op.f == Function::read) return s == op.a;
    if (op.f == Function::failed_cas) return s != op.a;
    if (op.f == Function::cas && s != op.a) return false;
    s = op.f == Function::cas ? op.b : op.a;
    return true;
  }
};

/// What the rules over vectors of integers share.
struct WordsRule {
  using State = Words;
  const Projection* projection = nullptr;
  const ModelOptions* options = nullptr;
  static size_t hash(const Words& s) {
    uint64_t h = s.size();
    for (const int32_t w : s) h = mix64(h ^ static_cast<uint32_t>(w));
    return h;
  }
  std::string list_text(const Words& s, size_t from = 0) const {
    constexpr size_t kShown = 64;
    std::string text = "[";
    const size_t end = std::min(s.size(), from + kShown);
    for (size_t i = from; i < end; ++i) text += (i == from ? "" : " ") + value_text(*projection, s[i]);
    if (end < s.size()) text += " and " + std::to_string(s.size() - end) + " more";
    return brief(text + "]");
  }
};

inline std::string owner_text(int32_t owner, const Projection& p) {
  return owner >= 0 ? "process " + std::to_string(owner) : value_text(p, -2 - owner);
}

/// State: [] free; [owner, holds, last fence].
struct MutexRule : WordsRule {
  Words initial() const { return {kUnknown, 0, 0}; }
  bool step(Words& s, const Operation& op) const {
    const Model model = options->model;
    const bool held = s[1] > 0;
    const bool owned = model != Model::mutex;
    const bool own = held && (!owned || s[0] == op.a);
    if (op.f == Function::release) {
      if (!own) return false;
      if (--s[1] == 0) s[0] = kUnknown;
      return true;
    }
    bool free = !held;
    if (model == Model::reentrant_mutex && own && (options->depth == 0 || s[1] < options->depth)) free = true;
    if (op.f == Function::failed_acquire) return !free;
    if (!free) return false;
    if (model == Model::fenced_mutex && op.b != kNil) {
      if (op.b <= s[2]) return false;
      s[2] = op.b;
    }
    if (owned) s[0] = op.a;
    ++s[1];
    return true;
  }
  Traits traits(const Operation& op) const { return {.observer = op.f == Function::failed_acquire}; }
  std::string describe(const Words& s) const {
    if (s[1] == 0) return s[2] > 0 ? "free, last fence " + std::to_string(s[2]) : "free";
    std::string text = "held";
    if (options->model != Model::mutex) text += " by " + owner_text(s[0], *projection);
    if (s[1] > 1) text += " " + std::to_string(s[1]) + " times";
    if (s[2] > 0) text += ", fence " + std::to_string(s[2]);
    return text;
  }
};

struct SemaphoreRule : WordsRule {
  Words initial() const { return {0}; }
  bool step(Words& s, const Operation& op) const {
    const int64_t taken = s[0];
    if (op.f == Function::release) {
      if (taken < op.b) return false;
      s[0] -= op.b;
      return true;
    }
    const bool free = taken + op.b <= options->permits;
    if (op.f == Function::failed_acquire) return !free;
    if (free) s[0] += op.b;
    return free;
  }
  Traits traits(const Operation& op) const { return {.observer = op.f == Function::failed_acquire}; }
  std::string describe(const Words& s) const {
    return std::to_string(s[0]) + " of " + std::to_string(options->permits) + " permits taken";
  }
};

/// State: the elements, sorted.
struct SetRule : WordsRule {
  static Words initial() { return {}; }
  bool step(Words& s, const Operation& op) const {
    if (op.f == Function::read) return s == projection->lists[static_cast<size_t>(op.a)];
    const auto at = std::lower_bound(s.begin(), s.end(), op.a);
    const bool present = at != s.end() && *at == op.a;
    if (op.f == Function::contains) return present == (op.b == kTrue);
    const bool changes = (op.f == Function::add) != present;
    if (op.b != kNil && changes != (op.b == kTrue)) return false;
    if (!changes) return true;
    if (present) {
      s.erase(at);
    } else {
      s.insert(at, op.a);
    }
    return true;
  }
  Traits traits(const Operation& op) const {
    return {.observer = op.f == Function::read || op.f == Function::contains || op.b == kFalse};
  }
  std::string describe(const Words& s) const {
    std::string text = list_text(s);
    text.front() = '{';
    text.back() = '}';
    return "#" + text;
  }
};

/// fifo-queue, stack, priority-queue (sorted, the next to be taken last) and bag (sorted).
struct CollectionRule : WordsRule {
  Words initial() const { return {}; }
  bool before(int32_t x, int32_t y) const {
    const Value& a = projection->values.value(x);
    const Value& b = projection->values.value(y);
    const auto number = [](const Value& v) {
      return v.is_integer()                  ? static_cast<double>(v.integer())
             : v.kind() == Value::Kind::real ? v.real()
                                             : 0.0;
    };
    if (a.is_integer() && b.is_integer()) return a.integer() < b.integer();
    return number(a) < number(b);
  }
  bool step(Words& s, const Operation& op) const {
    const Model model = options->model;
    if (op.f == Function::insert) {
      auto at = s.end();
      if (model == Model::unordered_queue) at = std::lower_bound(s.begin(), s.end(), op.a);
      if (model == Model::priority_queue) {
        at = std::partition_point(s.begin(), s.end(), [&](int32_t have) {
          return !(options->smallest_first ? before(have, op.a) : before(op.a, have));
        });
      }
      s.insert(at, op.a);
      return true;
    }
    if (op.a == kNil) return s.empty();
    if (op.a == kUnknown && s.empty()) return true;
    if (s.empty()) return false;
    auto at = model == Model::fifo_queue ? s.begin() : s.end() - 1;
    if (model == Model::unordered_queue) {
      at = std::lower_bound(s.begin(), s.end(), op.a);
      if (at == s.end() || *at != op.a) return false;
    } else if (op.a != kUnknown && *at != op.a) {
      if (model != Model::priority_queue) return false;
      // Any of those of the same priority.
      const auto same = std::find(s.begin(), s.end(), op.a);
      if (same == s.end() || before(*same, *at) || before(*at, *same)) return false;
      at = same;
    }
    if (op.f == Function::take) s.erase(at);
    return true;
  }
  Traits traits(const Operation& op) const {
    return {.observer = op.f == Function::peek || (op.f == Function::take && op.a == kNil)};
  }
  std::string describe(const Words& s) const { return list_text(s); }
};

/// State: the sum's low and high half.
struct CounterRule : WordsRule {
  static int64_t sum(const Words& s) {
    return static_cast<int64_t>((static_cast<uint64_t>(static_cast<uint32_t>(s[1])) << 32) |
                                static_cast<uint32_t>(s[0]));
  }
  static Words words(int64_t v) {
    return {static_cast<int32_t>(static_cast<uint64_t>(v)),
            static_cast<int32_t>(static_cast<uint64_t>(v) >> 32)};
  }
  Words initial() const { return words(options->initial.is_integer() ? options->initial.integer() : 0); }
  bool step(Words& s, const Operation& op) const {
    const int64_t value = projection->values.value(op.a).integer();
    if (op.f == Function::read) return sum(s) == value;
    s = words(static_cast<int64_t>(static_cast<uint64_t>(sum(s)) + static_cast<uint64_t>(value)));
    return true;
  }
  Traits traits(const Operation& op) const {
    return {.observer = op.f == Function::read || projection->values.value(op.a).integer() == 0};
  }
  std::string describe(const Words& s) const { return std::to_string(sum(s)); }
};

/// State: [key value ...], sorted by key; keys without an entry have the initial value.
struct MultiRegisterRule : WordsRule {
  int32_t first = kNil;
  Words initial() const { return {}; }
  static size_t find(const Words& s, int32_t key) {
    size_t at = 0;
    while (at < s.size() && s[at] < key) at += 2;
    return at;
  }
  bool step(Words& s, const Operation& op) const {
    for (const MicroOp& m : projection->transactions[static_cast<size_t>(op.a)]) {
      const size_t at = find(s, m.key);
      const bool present = at < s.size() && s[at] == m.key;
      if (!m.write) {
        if ((present ? s[at + 1] : first) != m.value) return false;
      } else if (present) {
        s[at + 1] = m.value;
      } else {
        s.insert(s.begin() + static_cast<std::ptrdiff_t>(at), {m.key, m.value});
      }
    }
    return true;
  }
  Traits traits(const Operation& op) const {
    const auto& micro = projection->transactions[static_cast<size_t>(op.a)];
    return {.observer = std::none_of(micro.begin(), micro.end(), [](const MicroOp& m) { return m.write; })};
  }
  std::string describe(const Words& s) const {
    std::string text = "{";
    for (size_t i = 0; i < s.size(); i += 2)
      text += (i == 0 ? "" : ", ") + value_text(*projection, s[i]) + " " + value_text(*projection, s[i + 1]);
    return brief(text + "}");
  }
};

/// A key of a map with append. State: a value's id, text that was built up, or a list that was.
struct KvState {
  enum class Form : uint8_t { value, text, list } form = Form::value;
  int32_t id = kNil;
  std::string text;
  Words items;
  bool operator==(const KvState&) const = default;
};

struct KvRule {
  using State = KvState;
  const Projection* projection = nullptr;
  int32_t first = kNil;
  const std::unordered_map<int32_t, Words>* lists = nullptr;  // the elements of every value that is a list

  State of(int32_t id) const {
    State s;
    const Value& v = projection->values.value(id);
    if (v.kind() == Value::Kind::string) {
      s.form = v.text().empty() ? State::Form::value : State::Form::text;  // the empty text is nil
      s.text = v.text();
    } else if (v.is_list()) {
      s.form = State::Form::list;
      s.items = lists->at(id);
    } else {
      s.id = id;
    }
    return s;
  }
  State initial() const { return of(first); }
  bool step(State& s, const Operation& op) const {
    switch (op.f) {
      case Function::write:
        s = of(op.a);
        return true;
      case Function::append: {
        const Value& v = projection->values.value(op.a);
        const bool text = v.kind() == Value::Kind::string;
        if (s.form == State::Form::value && s.id == kNil) {
          if (text && v.text().empty()) return true;
          s.form = text ? State::Form::text : State::Form::list;
        }
        if (s.form == State::Form::text && text) {
          s.text += v.text();
        } else if (s.form == State::Form::list) {
          s.items.push_back(op.a);
        } else {
          return false;
        }
        return true;
      }
      case Function::cas:
        if (!(s == of(op.a))) return false;
        s = of(op.b);
        return true;
      case Function::failed_cas:
        return !(s == of(op.a));
      default:
        return s == of(op.a);
    }
  }
  StateSpace::Traits traits(const Operation& op) const {
    return {.observer = op.f == Function::read || op.f == Function::failed_cas ||
                        (op.f == Function::cas && op.a == op.b),
            .overwrite = op.f == Function::write};
  }
  static size_t hash(const State& s) {
    return mix64(std::hash<std::string>{}(s.text) ^ WordsRule::hash(s.items) ^
                 mix64(static_cast<uint32_t>(s.id)));
  }
  static size_t size_bytes(const State& s) {
    constexpr size_t kBlock = 16;                 // what an allocation takes for itself
    const bool outside = s.text.capacity() > 15;  // else in the object
    return sizeof(State) + (outside ? s.text.capacity() + kBlock : 0) +
           (s.items.capacity() == 0 ? 0 : s.items.capacity() * sizeof(int32_t) + kBlock);
  }
  std::string describe(const State& s) const {
    if (s.form == State::Form::text) return to_edn(Value(brief(s.text)));
    if (s.form == State::Form::value) return value_text(*projection, s.id);
    return WordsRule{.projection = projection}.list_text(s.items);
  }
};

}  // namespace riven::linearizable
