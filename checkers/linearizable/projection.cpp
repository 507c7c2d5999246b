#include "checkers/linearizable/projection.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "checkers/linearizable/failed_comparison.h"
#include "checkers/linearizable/filling.h"

namespace riven::linearizable {

namespace {

/// A bare true or false says whether it was done, where it is no value of the model.
bool is_yes_or_no(Function f, const ValueView& answer) {
  return answer.kind() == Value::Kind::boolean && !has_no_argument(f);
}

/// Whether "it failed" can be what the model answers.
bool failure_is_an_answer(Model model, Function f) {
  switch (f) {
    case Function::cas:
    case Function::acquire:
    case Function::take:
      return true;
    case Function::add:
    case Function::remove:
      return model == Model::set;
    default:
      return false;
  }
}

class Projector {
 public:
  Projector(const History& history, const ProjectionOptions& options, Reservation* held)
      : history_(history), options_(options), held_(held) {}

  Result<Projection> run() {
    if (auto bad = find_functions()) return *bad;
    out_.per_key = wants_keys();
    operations_.reserve(history_.size() / 2);
    keys_.reserve(history_.size() / 2);
    for (size_t i = 0; i < history_.size(); ++i) {
      if (i % kStretch == 0 && !passed(i)) return too_large();
      if (!history_.is_client(i) || history_.type(i) != OpType::invoke) continue;
      if (auto bad = take(static_cast<uint32_t>(i))) return *bad;
    }
    if (names_key_) return half_keyed();
    if (!passed(history_.size())) return too_large();
    split();
    return std::move(out_);
  }

 private:
  using Problem = std::optional<Error>;

  static constexpr size_t kStretch = 64;  // entries

  /// The entries before `end` have been read: values that do not fit into memory are not to stay there.
  /// False: there is no memory for more.
  bool passed(size_t end) {
    constexpr uint64_t kPartBytes = 160;
    if (history_.spilled_bytes() > 0) history_.release_values(end - std::min(end, kStretch), end);
    // Operations are there twice while they are shared out.
    return held_ == nullptr ||
           held_->grow_to((operations_.capacity() + operations_.size()) * sizeof(Operation) +
                          keys_.capacity() * sizeof(int32_t) + filling_.list_bytes() +
                          out_.values.memory_bytes() +
                          (splits_by_element() ? out_.values.size() * kPartBytes : 0));
  }
  bool splits_by_element() const {
    return (options_.model == Model::set || options_.model == Model::unordered_queue) && !filling_.whole();
  }
  Projection too_large() {
    out_ = {};
    out_.too_large = true;
    return std::move(out_);
  }

  Problem find_functions() {
    known_ = known_functions(history_, options_.model);
    for (size_t i = 0; i < history_.size(); ++i) {
      if (!history_.is_client(i) || known_[history_.function_id(i)]) continue;
      return Error{"the " + std::string(to_text(options_.model)) + " model knows no :" +
                   std::string(history_.f(i).text()) + ": " + describe_entry(history_, i)};
    }
    return std::nullopt;
  }

  bool wants_keys() const {
    if (options_.model == Model::kv || options_.per_key == ProjectionOptions::PerKey::yes) return true;
    return leaves_keys_open() && shows_keys(history_, known_);
  }
  bool leaves_keys_open() const {
    return options_.per_key == ProjectionOptions::PerKey::automatic &&
           options_.model != Model::multi_register;
  }

  /// Whether a client invokes an operation there that names no key, or not as one does.
  bool lacks_key(uint32_t entry) const {
    if (!history_.is_client(entry) || history_.type(entry) != OpType::invoke) return false;
    const ValueView v = history_.value(entry);
    const Function f = known_[history_.function_id(entry)]->f;
    if (!is_pair(v)) return true;
    return has_no_argument(f) ? !v.at(1).is_nil() : f == Function::cas && !is_pair(v.at(1));
  }

  /// Some read names a key, and since values are not told to be pairs, some operation names none. To judge
  /// all as one object would be to guess.
  Error half_keyed() const {
    uint32_t entry = 0;
    while (!lacks_key(entry)) ++entry;
    return bad(entry,
               "other operations carry a [key value] pair, and this one does not: mend it, or say "
               "--per-key=no if all are about one object");
  }

  Error bad(uint32_t entry, const std::string& what) const {
    return {what + ": " + describe_entry(history_, entry)};
  }

  /// Whether a failed operation tells what it saw.
  bool observes(uint32_t completed, Function f) const {
    using FailedCas = ProjectionOptions::FailedCas;
    if (options_.failed_cas == FailedCas::ignore) return false;
    if (options_.failed_cas == FailedCas::observe) return failure_is_an_answer(options_.model, f);
    return f == Function::cas && names_failed_comparison(history_.error(completed));
  }

  Problem take(uint32_t entry) {
    if (history_.process(entry) != kInitialProcess) ++out_.client_operations;
    const uint32_t pair = history_.pair(entry);
    const OpType type = pair == History::kNone ? OpType::info : history_.type(pair);
    KnownFunction known = *known_[history_.function_id(entry)];
    Operation op{.invoked = entry, .returned = type == OpType::ok || type == OpType::fail ? pair : kPending};
    op.f = known.f;
    if (type == OpType::info || type == OpType::invoke) ++out_.crashed;
    if (type == OpType::fail) {
      ++out_.failed;
      if (!observes(pair, known.f)) return std::nullopt;
    }

    ValueView argument = history_.value(entry);
    ValueView answer = type == OpType::ok ? history_.value(pair) : ValueView();
    int32_t key = kNil;
    if (out_.per_key) {
      if (!is_pair(argument)) return bad(entry, "a value that is no [key value] pair");
      key = out_.values.id(argument.at(0));
      argument = argument.at(1);
      // The kv model's stores often answer a get with the bare value.
      if (is_pair(answer) && out_.values.id(answer.at(0)) == key) {
        answer = answer.at(1);
      } else if (!answer.is_nil() && options_.model != Model::kv && !is_yes_or_no(known.f, answer)) {
        return bad(pair, "a value that is no [key value] pair of its invocation's key");
      }
    } else {
      names_key_ = names_key_ || (leaves_keys_open() && has_no_argument(known.f) && is_pair(argument) &&
                                  argument.at(1).is_nil());
    }
    const auto kept = filling_.fill(op, {key, argument, answer, known, type == OpType::fail});
    if (!kept) return kept.error();
    if (!*kept) return std::nullopt;
    operations_.push_back(op);
    keys_.push_back(key);
    return std::nullopt;
  }

  void split() {
    if (options_.model == Model::multi_register) {
      join_keys();
    } else if (splits_by_element()) {
      for (size_t i = 0; i < operations_.size(); ++i) keys_[i] = pair_key(keys_[i], operations_[i].a);
      out_.by_element = true;
    } else if (!out_.per_key) {
      out_.parts.push_back({Value(), false, std::move(operations_)});
      return;
    }
    std::vector<uint32_t> dense(largest_key() + 1, UINT32_MAX);
    std::vector<uint32_t> counts;
    for (const int32_t key : keys_) {
      uint32_t& part = dense[static_cast<size_t>(key)];
      if (part == UINT32_MAX) {
        part = static_cast<uint32_t>(counts.size());
        counts.push_back(0);
        out_.parts.push_back({part_name(key), true, {}});
      }
      ++counts[part];
    }
    for (size_t i = 0; i < counts.size(); ++i) out_.parts[i].operations.reserve(counts[i]);
    for (size_t i = 0; i < operations_.size(); ++i)
      out_.parts[dense[static_cast<size_t>(keys_[i])]].operations.push_back(operations_[i]);
  }

  size_t largest_key() const {
    int32_t most = 0;
    for (const int32_t key : keys_) most = std::max(most, key);
    return static_cast<size_t>(most);
  }

  /// A dense id for (key, element).
  int32_t pair_key(int32_t key, int32_t element) {
    if (!out_.per_key) return element;
    const uint64_t both =
        (static_cast<uint64_t>(static_cast<uint32_t>(key)) << 32) | static_cast<uint32_t>(element);
    const auto [found, fresh] = pairs_.try_emplace(both, static_cast<int32_t>(pair_list_.size()));
    if (fresh) pair_list_.emplace_back(key, element);
    return found->second;
  }

  Value part_name(int32_t key) const {
    if (out_.by_element && out_.per_key) {
      const auto [k, element] = pair_list_[static_cast<size_t>(key)];
      return Value(Value::List{out_.values.value(k), out_.values.value(element)});
    }
    if (options_.model == Model::multi_register) {
      Value::List names;
      for (size_t i = 0; i < group_.size(); ++i)
        if (group_[i] == key && names.size() < 8) names.push_back(out_.values.value(static_cast<int32_t>(i)));
      return names.size() == 1 ? names[0] : Value(std::move(names));
    }
    return out_.values.value(key);
  }

  /// Keys of one transaction belong together.
  void join_keys() {
    std::vector<int32_t> parent(out_.values.size());
    std::iota(parent.begin(), parent.end(), 0);
    const auto find = [&](int32_t k) {
      while (parent[static_cast<size_t>(k)] != k)
        k = parent[static_cast<size_t>(k)] = parent[static_cast<size_t>(parent[static_cast<size_t>(k)])];
      return k;
    };
    std::vector<bool> is_key(out_.values.size());
    for (const auto& micro : out_.transactions) {
      for (const MicroOp& m : micro) {
        is_key[static_cast<size_t>(m.key)] = true;
        parent[static_cast<size_t>(find(m.key))] = find(micro[0].key);
      }
    }
    group_.assign(out_.values.size(), kUnknown);
    for (size_t k = 0; k < is_key.size(); ++k)
      if (is_key[k]) group_[k] = find(static_cast<int32_t>(k));
    std::vector<Operation> kept;
    keys_.clear();
    for (const Operation& op : operations_) {
      const auto& micro = out_.transactions[static_cast<size_t>(op.a)];
      if (micro.empty()) continue;  // reads nothing, writes nothing
      kept.push_back(op);
      keys_.push_back(find(micro[0].key));
    }
    operations_ = std::move(kept);
  }

  bool names_key_ = false;  // a read names a key, although it is not told that values are pairs
  const History& history_;
  const ProjectionOptions& options_;
  Projection out_;
  KnownFunctions known_;
  std::vector<Operation> operations_;
  std::vector<int32_t> keys_;
  std::vector<int32_t> group_;
  std::unordered_map<uint64_t, int32_t> pairs_;
  std::vector<std::pair<int32_t, int32_t>> pair_list_;
  Filling filling_{history_, options_, out_};
  Reservation* held_;
};

}  // namespace

Result<Projection> project(const History& history, const ProjectionOptions& options, Reservation* held) {
  return Projector(history, options, held).run();
}

}  // namespace riven::linearizable
