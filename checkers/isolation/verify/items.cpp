// Histories of predicates, sets and counters: what a read shows of a write.
#include <algorithm>
#include <limits>

#include "checkers/isolation/verify/facts.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

/// Whether a predicate matches a value; nil: the key is absent. None: a predicate of another shape.
std::optional<bool> matches(const Value& predicate, const Value& state) {
  if (predicate.is_name("true")) return !state.is_nil();
  if (!predicate.is_list() || predicate.list().empty()) return std::nullopt;
  const Value::List& parts = predicate.list();
  if (parts[0].is_name("=") && parts.size() == 2) return !state.is_nil() && state == parts[1];
  if (!parts[0].is_name("mod") || parts.size() != 3 || !parts[1].is_integer() || !parts[2].is_integer() ||
      parts[1].integer() == 0)
    return std::nullopt;
  return state.is_integer() && state.integer() % parts[1].integer() == parts[2].integer();
}

bool same_key(const Value& a, const Value& b) {
  const auto text = [](const Value& v) {
    const bool name = v.kind() == Value::Kind::string || v.kind() == Value::Kind::keyword;
    return name ? std::string(v.text()) : to_edn(v);
  };
  return text(a) == text(b);
}

/// The states that the writes of a key can have left: the first one, and what the one write made.
struct States {
  Value initial;
  std::optional<Access> write;
  Value written;
  std::vector<Value> aborted;
};
std::optional<States> states_of(Facts& f, const Value& key) {
  const Facts::KeyFacts& facts = f.of_key(key);
  if (facts.unnamed) return std::nullopt;
  States out;
  if (facts.initial) out.initial = *facts.initial;
  for (const auto& [access, value] : facts.writes) {
    if (f.failed(access.invoke)) {
      out.aborted.push_back(value);
      continue;
    }
    if (out.write) return std::nullopt;
    out.write = access;
    out.written = value;
  }
  return out;
}

std::optional<bool> predicate_shows(Facts& f, const RawMop& read, const Access& write, const Value& key) {
  const auto states = states_of(f, key);
  if (!states || !states->write || !(*states->write == write)) return std::nullopt;
  if (const auto state = state_read(f, read, key)) {
    const bool first = *state == states->initial;
    const bool second = *state == states->written;
    return first == second ? std::nullopt : std::optional(second);
  }
  const auto first = matches(read.key, states->initial);
  const auto second = matches(read.key, states->written);
  if (!first || !second || *first == *second) return std::nullopt;
  return *first;  // what did not match is what was there
}

/// The sums that some choice of increments gives, or bounds of them where there are many.
struct Sums {
  static constexpr size_t kExact = 16;
  std::set<int64_t> all{0};
  int64_t lowest = 0, highest = 0;
  size_t count = 0;
  bool exact = true;
  void add(int64_t amount) {
    lowest += std::min<int64_t>(amount, 0);
    highest += std::max<int64_t>(amount, 0);
    if (!exact) return;
    std::set<int64_t> more;
    for (const int64_t sum : all) more.insert(sum + amount);
    all.merge(more);
  }
  bool has(int64_t total) const {
    return exact ? all.count(total) != 0 : total >= lowest && total <= highest;
  }
};
/// Sums of a counter's increments but one; `aborted`: with those that failed.
std::optional<Sums> sums_of(Facts& f, const Value& key, bool aborted, const Access& without) {
  const Facts::KeyFacts& facts = f.of_key(key);
  if (facts.unnamed) return std::nullopt;
  Sums out;
  out.exact = facts.writes.size() <= Sums::kExact;
  for (const auto& [access, value] : facts.writes) {
    if (!value.is_integer()) return std::nullopt;
    if (!(access == without) && (aborted || !f.failed(access.invoke))) out.add(value.integer());
  }
  return out;
}
int64_t total_of(const RawMop& read) { return read.value.is_integer() ? read.value.integer() : 0; }

std::optional<bool> total_shows(Facts& f, const RawMop& read, const Access& write, int64_t amount) {
  const auto others = sums_of(f, read.key, false, write);
  if (!others || amount == 0) return std::nullopt;
  const bool without = others->has(total_of(read));
  const bool with = others->has(total_of(read) - amount);
  return without == with ? std::nullopt : std::optional(with);
}

}  // namespace

std::optional<Value> state_read(const Facts&, const RawMop& read, const Value& key) {
  if (read.does == RawMop::Does::reads)
    return same_key(read.key, key) ? std::optional(read.value.to_value()) : std::nullopt;
  if (!read.value.is_map()) return std::nullopt;
  for (auto at = read.value.begin(); at != read.value.end(); ++at) {
    const bool here = same_key((*at).to_value(), key);
    ++at;
    if (here) return (*at).to_value();
  }
  return std::nullopt;
}

bool by_predicate(const Facts& facts, const RawMop& read, const Value& key) {
  return read.does == RawMop::Does::reads_predicate && !state_read(facts, read, key);
}

bool comes_before(const Facts& facts, const Access& a, const Value& key_a, const Access& b,
                  const Value& key_b) {
  if (a.place == kNone || a.place != b.place) return a.place != kNone && a.place < b.place;
  const auto read = facts.mop(a);
  if (!read || read->does != RawMop::Does::reads_predicate || !read->value.is_map()) return false;
  bool first = false;
  for (auto at = read->value.begin(); at != read->value.end(); ++at, ++at) {
    const Value key = (*at).to_value();
    if (first && same_key(key, key_b)) return true;
    first = first || same_key(key, key_a);
  }
  return false;
}

std::optional<bool> shows(Facts& f, const Access& read, const Access& write) {
  const auto r = f.read(read);
  const auto w = f.write(write);
  if (!r || !w || f.failed(write.invoke)) return std::nullopt;
  switch (f.premises().kind) {
    case HistoryKind::sets:
      if (!(r->key == w->key)) return std::nullopt;
      return place_in(r->value, w->value).has_value();
    case HistoryKind::counters:
      if (!(r->key == w->key) || !w->value.is_integer()) return std::nullopt;
      return total_shows(f, *r, write, w->value.integer());
    case HistoryKind::predicates:
      return predicate_shows(f, *r, write, w->key);
    case HistoryKind::lists:
    case HistoryKind::registers:
      break;
  }
  return std::nullopt;
}

ModelSet refuted_by_predicate_read(Facts& f, const Direct& d) {
  const auto r = f.read(d.shows);
  const ModelSet serial =
      failing_with(serializable) | failing_with(view_serializable) | failing_with(one_copy_serializable);
  const ModelSet dirty =
      failing_with(read_committed) | failing_with(view_serializable) | failing_with(one_copy_serializable);
  if (!r) return 0;
  const auto states = states_of(f, d.key);
  if (!states) return 0;
  if (d.kind == Kind::garbage_read || d.kind == Kind::g1a) {
    const auto state = state_read(f, *r, d.key);
    if (!state || *state == states->initial || (states->write && *state == states->written)) return 0;
    const bool aborted =
        std::find(states->aborted.begin(), states->aborted.end(), *state) != states->aborted.end();
    if (aborted != (d.kind == Kind::g1a)) return 0;
    return dirty | (aborted ? 0 : failing_with(read_uncommitted));
  }
  // A key that every committed version of it makes the predicate match, and that was not returned.
  if (!by_predicate(f, *r, d.key) || matches(r->key, states->initial) != true ||
      (states->write && matches(r->key, states->written) != true))
    return 0;
  if (d.kind == Kind::predicate_read_miss) return serial;
  return std::any_of(states->aborted.begin(), states->aborted.end(),
                     [&](const Value& v) { return matches(r->key, v) == false; })
             ? dirty
             : 0;
}

namespace {

/// A total that is less than what the reader's session, or real time, had before it began.
ModelSet refuted_by_bound(Facts& f, const Direct& d, int64_t total) {
  const bool session = d.kind == Kind::session_stale_read;
  if (!session && !f.premises().real_time) return 0;
  const auto counts = [&](uint32_t invoke) {
    return f.before(invoke, d.shows.invoke) && (!session || f.same_process(invoke, d.shows.invoke));
  };
  const Facts::KeyFacts& facts = f.of_key(d.key);
  if (facts.unnamed) return 0;
  int64_t added = 0;
  for (const auto& [access, value] : facts.writes) {
    if (!value.is_integer() || value.integer() < 0) return 0;
    if (counts(access.invoke)) added += value.integer();
  }
  const auto earlier = f.read(d.other);
  const bool below_read =
      earlier && earlier->key == d.key && counts(d.other.invoke) && total < total_of(*earlier);
  if (!below_read && total >= added) return 0;
  if (!session) return failing_with(strong_snapshot_isolation);
  return failing_with(total < added ? strong_session_read_atomic : strong_session_causal);
}

}  // namespace

ModelSet refuted_by_total(Facts& f, const Direct& d) {
  const auto r = f.read(d.shows);
  if (!r || !(r->key == d.key)) return 0;
  const int64_t total = total_of(*r);
  if (d.kind == Kind::stale_read || d.kind == Kind::session_stale_read) return refuted_by_bound(f, d, total);
  const auto possible = sums_of(f, d.key, false, {});
  const auto with_aborted = sums_of(f, d.key, true, {});
  if (!possible || !with_aborted || possible->has(total)) return 0;
  ModelSet out = failing_with(view_serializable) | failing_with(one_copy_serializable);
  const bool aborted = with_aborted->has(total);
  if (aborted != (d.kind == Kind::g1a)) return 0;
  out |= failing_with(aborted ? read_committed : read_uncommitted);
  return out | failing_with(pram) | failing_with(per_key_linearizable);
}

}  // namespace riven::checkers::isolation
