// Grounds of anomalies that need no cycle, and of contradictions at the weak levels.
#include <algorithm>

#include "checkers/isolation/proof/ground.h"

namespace riven::checkers::isolation {

// The key itself, where the engines number elements of a set or increments of a counter.
Value Grounds::container(uint32_t key) const {
  const Value name = t_.key(key);
  const bool part = a_.kind == HistoryKind::sets || a_.kind == HistoryKind::counters;
  return part ? name.list()[0] : name;
}

std::optional<Argument> Grounds::of(Kind kind, size_t number) {
  const Case& c = a_.findings.cases(kind)[number];
  switch (kind) {
    case Kind::unseen_overwrite:
      return overwrite(c);
    case Kind::stale_read:
      return a_.kind == HistoryKind::counters ? direct(kind, c) : stale(c);
    case Kind::cyclic_versions:
      return circle(a_.findings.circles()[number]);
    case Kind::lost_write:
      return std::nullopt;
    default:
      return direct(kind, c);
  }
}

// G-cursor: the read missed another's version, and the transaction's own comes after that.
std::optional<Argument> Grounds::overwrite(const Case& c) {
  for (uint32_t y = t_.begin_of(c.other); y < t_.end_of(c.other); ++y) {
    auto missed = overwritten(c.mop, y);
    if (!missed) continue;
    for (uint32_t z = t_.begin_of(c.txn); z < t_.end_of(c.txn); ++z) {
      auto own = written_later(y, z);
      if (!own) continue;
      Argument out;
      out.links = {std::move(*missed), std::move(*own)};
      return observe(out) ? std::optional(std::move(out)) : std::nullopt;
    }
  }
  return std::nullopt;
}

std::optional<Argument> Grounds::stale(const Case& c) {
  if (c.other == kNone) return std::nullopt;
  for (uint32_t y = t_.begin_of(c.other); y < t_.end_of(c.other); ++y) {
    auto missed = overwritten(c.mop, y);
    if (!missed) continue;
    Link time;
    time.relation = Relation::realtime;
    time.from = places_.whole(c.other);
    time.to = places_.whole(c.txn);
    Argument out;
    out.links = {std::move(*missed), std::move(time)};
    return observe(out) ? std::optional(std::move(out)) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<Argument> Grounds::direct(Kind kind, const Case& c) {
  Argument out;
  out.direct.emplace();
  Direct& d = *out.direct;
  d.kind = kind;
  d.shows = places_.of(c.txn, c.mop);
  if (c.key != kNone) d.key = container(c.key);
  if (c.other != kNone && c.other_mop != kNone) d.other = places_.of(c.other, c.other_mop);
  if (c.other != kNone && a_.kind == HistoryKind::sets) d.other = addition(c.other, c.key);
  uint32_t shown = kNone;
  if (kind == Kind::reordered_writes || kind == Kind::dirty_update || kind == Kind::incompatible_order)
    shown = longest_read(c.key);
  if (shown != kNone) d.witness = places_.of(shown);
  return observe(out) ? std::optional(std::move(out)) : std::nullopt;
}

// The order of a list's versions is that of its longest read.
uint32_t Grounds::longest_read(uint32_t key) const {
  uint32_t best = kNone;
  size_t most = 0;
  for (uint32_t i = groups_.begin[key]; i < groups_.begin[key + 1]; ++i) {
    const auto& [m, txn] = groups_.entries[i];
    if (t_.mops[m].is_write() || t_.state[txn] != TxnState::ok) continue;
    const ValueView list = history_.value(t_.value_entry(txn)).at(t_.place_of(txn, m)).at(2);
    const size_t size = list.is_list() ? list.size() : 0;
    if (size > most) best = m;
    most = std::max(most, size);
  }
  return best;
}

// Where a transaction, perhaps an aborted one, added an element.
Access Grounds::addition(uint32_t txn, uint32_t element) const {
  const Value name = t_.key(element);
  uint32_t place = 0;
  for (const ValueView one : history_.value(t_.value_entry(txn))) {
    const Value mop = one.to_value();
    if (mop.is_list() && mop.list().size() > 2 && mop.list()[0].is_name("add") &&
        mop.list()[1] == name.list()[0] && mop.list()[2] == name.list()[1])
      return {t_.invoke[txn], place};
    ++place;
  }
  return {};
}

std::optional<Argument> Grounds::circle(const std::vector<uint32_t>& writes) {
  Argument out;
  uint32_t key = kNone;
  for (const uint32_t m : writes)
    if (m != kNone) key = t_.mops[m].key;
  const auto version = [&](size_t i) {
    const uint32_t m = writes[i % writes.size()];
    return m == kNone ? 0 : t_.mops[m].version();
  };
  if (key == kNone) return std::nullopt;
  for (size_t i = 0; i <= writes.size(); ++i) {
    const uint32_t m = writes[i % writes.size()];
    out.circle.makers.push_back(m == kNone ? Access{} : places_.of(m));
    if (i == writes.size()) break;
    auto why = reasons_.before(key, version(i), version(i + 1), false);
    if (!why) why = reasons_.before(key, version(i), version(i + 1), true);
    if (!why) return std::nullopt;
    out.circle.steps.push_back(*why);
  }
  return observe(out) ? std::optional(std::move(out)) : std::nullopt;
}

// Reads and sessions from the step's transaction to the reader. What it read first counts: monotonic atomic
// view asks for what came before.
bool Grounds::add_path(const WeakStep& step, std::vector<Link>& path) {
  for (size_t i = 1; i < step.path.size(); ++i) {
    auto one = dependency({step.path[i - 1], kWr}, step.path[i]);
    if (!one) one = link({step.path[i - 1], kProcess}, step.path[i]);
    if (!one) return false;
    path.push_back(std::move(*one));
  }
  return !path.empty();
}

std::optional<Link> Grounds::seen(const WeakStep& step) {
  if (step.reader == kNone) return std::nullopt;
  const Mop read = t_.mops[step.read_mop];
  const uint32_t write = reasons_.maker(read.key, read.version());
  Link out;
  out.relation = Relation::seen;
  out.read = places_.of(step.reader, step.read_mop);
  for (uint32_t m = t_.begin_of(step.txn); m < t_.end_of(step.txn); ++m)
    if (t_.mops[m].is_write() && t_.mops[m].key == read.key) out.from = places_.of(step.txn, m);
  if (write == kNone || out.from.none() || !add_path(step, out.path)) return std::nullopt;
  out.to = places_.of(write);
  return out;
}

std::optional<Argument> Grounds::of(const WeakCycle& cycle) {
  Argument out;
  const size_t n = cycle.steps.size();
  for (size_t i = 0; i < n; ++i) {
    const WeakStep& step = cycle.steps[i];
    const uint32_t next = cycle.steps[(i + 1) % n].txn;
    if (next != kNone) continue;
    // Who wrote the key was seen, and yet the initial state was read: no more is needed.
    if (step.reader == kNone) return std::nullopt;
    for (uint32_t y = t_.begin_of(step.txn); y < t_.end_of(step.txn) && out.links.empty(); ++y)
      if (auto missed = overwritten(step.read_mop, y)) out.links.push_back(std::move(*missed));
    if (out.links.empty() || !add_path(step, out.links)) return std::nullopt;
    return observe(out) ? std::optional(std::move(out)) : std::nullopt;
  }
  for (size_t i = 0; i < n; ++i) {
    const WeakStep& step = cycle.steps[i];
    auto one =
        step.label == kWwForced ? seen(step) : link({step.txn, step.label}, cycle.steps[(i + 1) % n].txn);
    if (!one) return std::nullopt;
    out.links.push_back(std::move(*one));
  }
  return observe(out) ? std::optional(std::move(out)) : std::nullopt;
}

}  // namespace riven::checkers::isolation
