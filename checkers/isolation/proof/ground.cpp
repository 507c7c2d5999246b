#include "checkers/isolation/proof/ground.h"

#include <algorithm>

namespace riven::checkers::isolation {

Grounds::Grounds(const History& history, const Analysis& analysis, unsigned threads)
    : history_(history),
      a_(analysis),
      t_(analysis.transactions),
      groups_(group_by_key(analysis.transactions, threads)),
      places_(analysis.transactions),
      reasons_(analysis.transactions, analysis.orders, groups_, analysis.registers) {}

// Where reads contradict each other, those that go beyond what all agree on have no version.
uint32_t Grounds::witness(uint32_t key, uint32_t version) const {
  uint32_t best = kNone;
  uint32_t beyond = kNone;
  for (uint32_t i = groups_.begin[key]; i < groups_.begin[key + 1]; ++i) {
    const auto& [m, txn] = groups_.entries[i];
    const Mop mop = t_.mops[m];
    if (t_.state[txn] != TxnState::ok) continue;
    if (!mop.is_write() && mop.version() == Mop::kOffTrunk && beyond == kNone) beyond = m;
    if (!mop.is_known_read() || mop.version() < version) continue;
    if (best == kNone || mop.version() < t_.mops[best].version()) best = m;
  }
  return best == kNone ? beyond : best;
}

uint32_t Grounds::txn_at(uint32_t invoke) const {
  const auto at = std::lower_bound(t_.invoke.begin(), t_.invoke.end(), invoke);
  return at != t_.invoke.end() && *at == invoke ? static_cast<uint32_t>(at - t_.invoke.begin()) : kNone;
}

std::optional<Link> Grounds::written_later(uint32_t x, uint32_t y) {
  const Mop a = t_.mops[x], b = t_.mops[y];
  if (!a.is_write() || !b.is_write() || a.key != b.key || x == y) return std::nullopt;
  Link out;
  out.relation = Relation::ww;
  out.from = places_.of(x);
  out.to = places_.of(y);
  if (registers()) {
    auto chain = reasons_.chain(a.key, a.version(), b.version());
    if (!chain) return std::nullopt;
    out.chain = std::move(*chain);
    return out;
  }
  if (!lists() || a.version() >= b.version()) return std::nullopt;
  const uint32_t shown = witness(a.key, a.version());
  if (shown == kNone) return std::nullopt;
  out.witness = places_.of(shown);
  return out;
}

// Versions that nobody saw: an order that is supposed.
std::optional<Link> Grounds::unseen_in_order(uint32_t from, uint32_t to) {
  const auto unseen = [&](uint32_t txn, uint32_t key) {
    for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m)
      if (t_.mops[m].is_write() && t_.mops[m].version() == Mop::kUnobserved &&
          (key == kNone || t_.mops[m].key == key))
        return m;
    return kNone;
  };
  for (uint32_t m = t_.begin_of(from); lists() && m < t_.end_of(from); ++m) {
    if (!t_.mops[m].is_write() || t_.mops[m].version() != Mop::kUnobserved) continue;
    const uint32_t first = unseen(from, t_.mops[m].key);
    const uint32_t second = unseen(to, t_.mops[m].key);
    if (first != m || second == kNone) continue;
    Link out;
    out.from = places_.of(from, first);
    out.to = places_.of(to, second);
    out.assumed = true;
    return out;
  }
  return std::nullopt;
}

std::optional<Link> Grounds::read_from(uint32_t x, uint32_t y) {
  const Mop a = t_.mops[x], b = t_.mops[y];
  if (!a.is_write() || !b.is_known_read() || a.key != b.key || b.version() == 0) return std::nullopt;
  const uint32_t reader = t_.txn_of(y);
  const uint32_t seen = a_.orders.foreign(reader, b.key, b.version());
  if (lists() ? a.version() > seen : a.version() != seen) return std::nullopt;
  Link out;
  out.relation = Relation::wr;
  out.from = places_.of(x);
  out.to = places_.of(reader, y);
  return out;
}

std::optional<Link> Grounds::overwritten(uint32_t x, uint32_t y) {
  const Mop a = t_.mops[x], b = t_.mops[y];
  if (!a.is_known_read() || !b.is_write() || a.key != b.key) return std::nullopt;
  Link out;
  out.relation = Relation::rw;
  out.from = places_.of(x);
  out.to = places_.of(y);
  if (!registers()) return a.version() < b.version() ? std::optional(out) : std::nullopt;
  if (a.version() == b.version()) return std::nullopt;
  auto chain = reasons_.chain(a.key, a.version(), b.version());
  if (!chain) return std::nullopt;
  out.chain = std::move(*chain);
  return out;
}

// `from` read the key, missed what `to` wrote, and wrote it, too.
std::optional<Link> Grounds::own_update(uint32_t from, uint32_t to) {
  for (uint32_t x = t_.begin_of(from); x < t_.end_of(from); ++x)
    for (uint32_t y = t_.begin_of(to); y < t_.end_of(to); ++y) {
      if (t_.mops[y].version() != Mop::kUnobserved) continue;
      auto missed = overwritten(x, y);
      if (!missed) continue;
      for (uint32_t own = t_.begin_of(from); own < t_.end_of(from); ++own) {
        if (!t_.mops[own].is_write() || t_.mops[own].key != t_.mops[x].key) continue;
        missed->relation = Relation::own_update;
        missed->witness = places_.of(from, own);
        return missed;
      }
    }
  return std::nullopt;
}

std::optional<Link> Grounds::in_order(uint32_t x, uint32_t y) {
  if (x == kNone || y == kNone) return std::nullopt;
  const Mop a = t_.mops[x], b = t_.mops[y];
  Link out;
  out.from = places_.of(x);
  out.to = places_.of(y);
  if (registers() && a.version() != b.version()) {
    auto chain = reasons_.chain(a.key, a.version(), b.version());
    if (!chain) return std::nullopt;
    out.chain = std::move(*chain);
  } else if (lists() && a.is_write() && b.is_write()) {
    auto later = written_later(x, y);
    if (!later) return std::nullopt;
    out = std::move(*later);
  }
  const bool two_reads = !a.is_write() && !b.is_write();
  if (!lists() && !registers() && two_reads) {
    const uint32_t write = reasons_.maker(a.key, 1);
    if (write == kNone) return std::nullopt;
    out.witness = places_.of(write);
  }
  out.relation = Relation::order;
  return out;
}

// Fewer models may rest on such a link.
bool Grounds::by_time(const Link& link) const {
  return !a_.registers.linearizable_keys &&
         std::any_of(link.chain.steps.begin(), link.chain.steps.end(),
                     [](const Before& step) { return step.why == Why::realtime; });
}

// The micro-operations of an edge: those given, or the first that make it; the nearest versions.
std::optional<Link> Grounds::dependency(const Cycle::Step& step, uint32_t next) {
  const auto begin = [&](uint32_t given, uint32_t txn) { return given == kNone ? t_.begin_of(txn) : given; };
  const auto end = [&](uint32_t given, uint32_t txn) { return given == kNone ? t_.end_of(txn) : given + 1; };
  std::optional<Link> found;
  std::pair<bool, uint32_t> distance;
  for (uint32_t y = begin(step.to_mop, next); y < end(step.to_mop, next); ++y)
    for (uint32_t x = begin(step.from_mop, step.txn); x < end(step.from_mop, step.txn); ++x) {
      if (t_.mops[x].key != t_.mops[y].key) continue;
      auto link = step.label == kWr   ? read_from(x, y)
                  : step.label == kWw ? written_later(x, y)
                                      : overwritten(x, y);
      if (!link) continue;
      const uint32_t apart =
          step.label == kWr
              ? a_.orders.foreign(next, t_.mops[y].key, t_.mops[y].version()) - t_.mops[x].version()
              : t_.mops[y].version() - t_.mops[x].version();
      const std::pair here(by_time(*link), apart);
      if (found && here >= distance) continue;
      found = std::move(link);
      distance = here;
      if (step.label == kWr && apart == 0) return found;
    }
  return found;
}

std::optional<Link> Grounds::link(const Cycle::Step& step, uint32_t next) {
  if (step.label == kProcess || step.label == kRealtime) {
    Link out;
    out.relation = step.label == kProcess ? Relation::session : Relation::realtime;
    out.from = places_.whole(step.txn);
    out.to = places_.whole(next);
    return out;
  }
  if (step.label == kOrder) return in_order(step.from_mop, step.to_mop);
  if (step.label == kWwForced) return own_update(step.txn, next);
  auto found = dependency(step, next);
  if (!found && step.label == kWw) found = unseen_in_order(step.txn, next);
  return found;
}

std::optional<Argument> Grounds::of(const std::vector<Cycle::Step>& steps) {
  Argument out;
  for (size_t i = 0; i < steps.size(); ++i) {
    auto one = link(steps[i], steps[(i + 1) % steps.size()].txn);
    if (!one) return std::nullopt;
    out.links.push_back(std::move(*one));
  }
  return observe(out) ? std::optional(std::move(out)) : std::nullopt;
}

// The first step's read saw the first write of `before`, and after that comes the write that it missed.
std::optional<Link> Grounds::overtaken(const Proof& proof) {
  Link out;
  out.relation = Relation::overtaken;
  out.from = places_.of(proof.steps[0].from_mop);
  out.to = places_.of(proof.steps[0].to_mop);
  const Mop read = t_.mops[proof.steps[0].from_mop];
  const uint32_t write = reasons_.maker(read.key, read.version());
  if (write == kNone) return std::nullopt;
  out.read = places_.of(write);
  for (size_t i = 0; i < proof.before.size(); ++i) {
    const uint32_t next =
        i + 1 < proof.before.size() ? proof.before[i + 1].txn : t_.txn_of(proof.steps[0].to_mop);
    auto one = link(proof.before[i], next);
    if (!one) return std::nullopt;
    out.path.push_back(std::move(*one));
  }
  return out;
}

std::optional<Argument> Grounds::of(const Proof& proof) {
  if (!proof.circle.empty()) return circle(proof.circle);
  if (proof.cases.empty() && proof.before.empty()) return of(proof.steps);
  if (proof.cases.empty()) {
    Argument out;
    for (size_t i = 0; i < proof.steps.size(); ++i) {
      auto one =
          i == 0 ? overtaken(proof) : link(proof.steps[i], proof.steps[(i + 1) % proof.steps.size()].txn);
      if (!one) return std::nullopt;
      out.links.push_back(std::move(*one));
    }
    return observe(out) ? std::optional(std::move(out)) : std::nullopt;
  }
  Argument out;
  out.first = places_.of(proof.first);
  out.second = places_.of(proof.second);
  for (const Proof& one : proof.cases) {
    auto argument = of(one);
    if (!argument) return std::nullopt;
    out.cases.push_back(std::move(*argument));
  }
  return observe(out) ? std::optional(std::move(out)) : std::nullopt;
}

void Grounds::collect(const Link& link, std::vector<uint32_t>& invokes) const {
  for (const Access& a : {link.from, link.to, link.witness, link.read})
    if (!a.none()) invokes.push_back(a.invoke);
  for (const Access& a : link.chain.makers)
    if (!a.none()) invokes.push_back(a.invoke);
  for (const Link& step : link.path) collect(step, invokes);
}

// Of transactions without a return: who saw them.
bool Grounds::observe(Argument& argument) {
  std::vector<uint32_t> invokes;
  for (const Link& link : argument.links) collect(link, invokes);
  for (const Access& a : argument.circle.makers)
    if (!a.none()) invokes.push_back(a.invoke);
  for (const Access& a : {argument.first, argument.second})
    if (!a.none()) invokes.push_back(a.invoke);
  if (argument.direct)
    for (const Access& a : {argument.direct->shows, argument.direct->other})
      if (!a.none()) invokes.push_back(a.invoke);
  std::sort(invokes.begin(), invokes.end());
  invokes.erase(std::unique(invokes.begin(), invokes.end()), invokes.end());
  argument.observed.clear();
  for (const uint32_t invoke : invokes) {
    const uint32_t txn = txn_at(invoke);
    if (txn == kNone) return false;
    if (t_.state[txn] != TxnState::observed) continue;
    const auto seen = observation(txn);
    if (!seen) return false;
    argument.observed.push_back(*seen);
  }
  return true;
}

std::optional<Argument::Observation> Grounds::observation(uint32_t txn) const {
  for (uint32_t m = t_.begin_of(txn); m < t_.end_of(txn); ++m) {
    const Mop write = t_.mops[m];
    if (!write.is_write()) continue;
    for (uint32_t i = groups_.begin[write.key]; i < groups_.begin[write.key + 1]; ++i) {
      const auto& [r, reader] = groups_.entries[i];
      const Mop read = t_.mops[r];
      if (read.is_write() || t_.state[reader] != TxnState::ok) continue;
      const bool shown = read.version() == Mop::kOffTrunk && lists() ? in_list(txn, m, reader, r)
                         : !read.is_known_read()                     ? false
                         : lists()                                   ? read.version() >= write.version()
                                                                     : read.version() == write.version();
      if (shown) return Argument::Observation{places_.of(txn, m), places_.of(reader, r)};
    }
  }
  return std::nullopt;
}

// Lists that fit no order are compared by their elements.
bool Grounds::in_list(uint32_t writer, uint32_t write, uint32_t reader, uint32_t read) const {
  const auto value = [&](uint32_t txn, uint32_t m) {
    return history_.value(t_.value_entry(txn)).at(t_.place_of(txn, m)).at(2);
  };
  const ValueView list = value(reader, read);
  const ValueView element = value(writer, write);
  if (!list.is_list()) return false;
  for (const ValueView one : list)
    if (one == element) return true;
  return false;
}

}  // namespace riven::checkers::isolation
