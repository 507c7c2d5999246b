// Links of a circle, each by itself.
#include "checkers/isolation/verify/facts.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

/// The models that hold only where no update is lost (Adya's G-cursor).
ModelSet without_lost_updates() {
  return failing_with(cursor_stability) | failing_with(update_atomic) | failing_with(consistent_view);
}
/// Where real time orders the accesses of each key. Strong snapshot isolation is among these: a transaction
/// that returned has its snapshot and its commit before those of one invoked later, reads what was committed
/// last before its snapshot, and writes at its commit.
ModelSet with_linearizable_keys() {
  return failing_with(per_key_linearizable) | failing_with(strong_snapshot_isolation);
}

class LinkCheck {
 public:
  LinkCheck(Facts& facts, const Link& link, std::string& why_not)
      : f_(facts), link_(link), why_not_(why_not) {}

  std::optional<CheckedLink> run() {
    out_.relation = link_.relation;
    out_.from = link_.from;
    out_.to = link_.to;
    if (!holds()) {
      if (why_not_.empty()) why_not_ = "an edge is not so";
      return std::nullopt;
    }
    return out_;
  }

 private:
  bool no(const char* why) {
    why_not_ = why;
    return false;
  }

  bool holds() {
    switch (link_.relation) {
      case Relation::session:
        return in_time() && (f_.same_process(link_.from.invoke, link_.to.invoke) ||
                             no("two transactions are not of one session"));
      case Relation::realtime:
        return (f_.premises().real_time || no("the history has no real time")) && in_time();
      case Relation::wr:
        return read_from(link_.from, link_.to);
      case Relation::rw:
        return overwritten(link_.from, link_.to);
      case Relation::ww:
        return written_later();
      case Relation::order:
        return ordered();
      case Relation::own_update:
        return own_update();
      case Relation::overtaken:
        return overtaken();
      case Relation::seen:
        return seen();
    }
    return false;
  }

  bool in_time() {
    if (!f_.before(link_.from.invoke, link_.to.invoke))
      return no("the one had not returned before the other");
    return f_.committed(link_.to.invoke) || no("a transaction may not have taken effect");
  }

  // Another transaction's write that a read showed. Nothing but the reader's own appends covers an exact one.
  bool read_from(const Access& write, const Access& read) {
    const auto w = f_.write(write);
    const auto r = f_.read(read);
    if (!w || !r || write.invoke == read.invoke || f_.failed(write.invoke)) return no("no read of a write");
    out_.key = w->key;
    out_.by_predicate = by_predicate(f_, *r, w->key);
    if (!f_.lists() && !f_.registers())
      return shows(f_, read, write) == true || no("a read does not show a write");
    if (!(w->key == r->key)) return no("a read and a write of two keys");
    if (f_.registers()) return w->value == r->value || no("the value read is another");
    const auto at = place_in(r->value, w->value);
    if (!at) return no("the list read lacks the element");
    size_t place = 0;
    for (const ValueView one : r->value)
      if (place++ > *at && !appended_by(read.invoke, r->key, one)) out_.exact = false;
    return true;
  }
  bool appended_by(uint32_t invoke, const Value& key, const ValueView& element) const {
    for (uint32_t place = 0; place < f_.size(invoke); ++place)
      if (const auto m = f_.write({invoke, place}); m && m->key == key && m->value == element) return true;
    return false;
  }

  bool overwritten(const Access& read, const Access& write) {
    const auto r = f_.read(read);
    const auto w = f_.committed_write(write);
    if (!r || !w || read.invoke == write.invoke) return no("no write after a read");
    out_.key = w->key;
    out_.by_predicate = by_predicate(f_, *r, w->key);
    if (!f_.lists() && !f_.registers())
      return shows(f_, read, write) == false || no("a read does not tell that a write was missing");
    if (!(w->key == r->key)) return no("a read and a write of two keys");
    if (f_.lists()) return !place_in(r->value, w->value) || no("the list read has the element");
    return along_chain(read, write);
  }

  // Registers: the chain leads from the version of the one access to that of the other.
  bool along_chain(const Access& from, const Access& to) {
    const VersionChain& chain = link_.chain;
    if (chain.makers.size() < 2 || !is_version(from, chain.makers.front()) ||
        !is_version(to, chain.makers.back()))
      return no("versions are not those of the accesses");
    out_.valid &= check_chain(f_, out_.key, chain);
    return out_.valid != 0 || no("the order of two versions does not follow");
  }
  bool is_version(const Access& access, const Access& maker) const {
    if (f_.write(access)) return access == maker;
    const auto r = f_.read(access);
    if (!r || !(r->key == out_.key)) return false;
    if (maker.none()) return r->value.is_nil();
    const auto w = f_.committed_write(maker);
    return w && w->key == r->key && w->value == r->value;
  }

  bool written_later() {
    if (link_.from.invoke == link_.to.invoke) return no("a transaction before itself");
    return writes_in_order(link_.from, link_.to);
  }
  bool writes_in_order(const Access& from, const Access& to) {
    const auto a = f_.committed_write(from);
    const auto b = f_.committed_write(to);
    if (!a || !b || !(a->key == b->key) || from == to) return no("not two writes of one key");
    out_.key = a->key;
    if (f_.registers()) return along_chain(from, to);
    if (!f_.lists()) return no("each of these keys is written once");
    if (link_.assumed) return f_.assumed(from, to) || no("an order of writes is supposed elsewhere alone");
    const auto seen = f_.read(link_.witness);
    if (!seen || !(seen->key == a->key)) return no("no read shows the order of two appends");
    const auto first = place_in(seen->value, a->value);
    const auto second = place_in(seen->value, b->value);
    return (first && (!second || *first < *second)) || no("a read does not show the order of two appends");
  }

  // Of accesses: versions ascend, or a write's own version is read.
  bool ordered() {
    const auto a = f_.mop(link_.from);
    const auto b = f_.mop(link_.to);
    if (!a || !b || link_.from == link_.to) return no("not two accesses");
    const bool items = !f_.lists() && !f_.registers();  // a predicate read has no key
    if (!items && !(a->key == b->key)) return no("not two accesses of one key");
    out_.key = a->key;
    out_.from_writes = a->does == RawMop::Does::writes;
    out_.to_writes = b->does == RawMop::Does::writes;
    const bool known_from =
        out_.from_writes ? f_.committed(link_.from.invoke) : f_.returned(link_.from.invoke);
    const bool known_to = out_.to_writes ? f_.committed(link_.to.invoke) : f_.returned(link_.to.invoke);
    if (!known_from || !known_to) return no("an access may not have happened");
    if (items) return items_in_order(*a, *b);
    if (out_.from_writes && out_.to_writes) return writes_in_order(link_.from, link_.to);
    if (f_.registers()) {
      out_.source = out_.from_writes && a->value == b->value;
      return out_.source || along_chain(link_.from, link_.to);
    }
    if (out_.to_writes) return !place_in(a->value, b->value) || no("the list read has the element");
    if (out_.from_writes) {
      const auto at = place_in(b->value, a->value);
      out_.source = at.has_value();
      return at.has_value() || no("the list read lacks the element");
    }
    return proper_prefix(a->value, b->value) || no("the one list does not begin with the other");
  }
  // Each row, element or increment is written once: before or after that write. Of two reads `witness` is it.
  bool items_in_order(const RawMop& a, const RawMop& b) {
    if (out_.from_writes && out_.to_writes) return no("each of these keys is written once");
    const Access& write = out_.from_writes ? link_.from : out_.to_writes ? link_.to : link_.witness;
    const auto w = f_.write(write);
    if (!w) return no("two reads, and no write between them");
    out_.key = out_.from_writes ? a.key : out_.to_writes ? b.key : w->key;
    out_.source = out_.from_writes;
    const bool misses = out_.from_writes || shows(f_, link_.from, write) == false;
    const bool has = out_.to_writes || shows(f_, link_.to, write) == true;
    return (misses && has) || no("the reads do not tell on which side of the write they are");
  }
  static bool proper_prefix(const ValueView& shorter, const ValueView& longer) {
    if (!longer.is_list() || (!shorter.is_list() && !shorter.is_nil())) return false;
    if (shorter.is_nil()) return !longer.empty();
    auto at = longer.begin();
    for (const ValueView one : shorter) {
      if (at == longer.end() || !(*at == one)) return false;
      ++at;
    }
    return at != longer.end();
  }

  bool own_update() {
    const auto own = f_.committed_write(link_.witness);
    if (!own || link_.witness.invoke != link_.from.invoke) return no("no own write");
    if (!overwritten(link_.from, link_.to) || out_.by_predicate) return false;
    out_.valid &= without_lost_updates();
    return own->key == out_.key || no("the own write is of another key");
  }

  // Causal memory: the write that was read comes before another by sessions and reads alone, so it is an
  // earlier version in every order.
  bool overtaken() {
    const auto r = f_.read(link_.from);
    const auto w = f_.committed_write(link_.read);
    const auto later = f_.committed_write(link_.to);
    if (!f_.registers() || !r || !w || !later || !(r->key == w->key) || !(r->key == later->key) ||
        !(r->value == w->value) || link_.path.empty())
      return no("no write after the one that was read");
    Access at = link_.read;
    bool inside = true;  // `at` is an access, not a whole transaction
    for (const Link& step : link_.path) {
      std::string ignored;
      const auto checked = check_link(f_, step, ignored);
      const bool access = checked && step.relation == Relation::order && checked->source;
      if (!checked || (!access && step.relation != Relation::session)) return no("not a path of reads");
      if (step.from.invoke != at.invoke || (access && inside && step.from.place < at.place))
        return no("a path is not so");
      at = step.to;
      inside = access;
    }
    if (at.invoke != link_.to.invoke || (inside && link_.to.place < at.place))
      return no("a path ends elsewhere");
    out_.key = w->key;
    out_.to_writes = true;
    out_.valid = failing_with(causal);
    return true;
  }

  // The axiom of the weak levels (Biswas and Enea 2019): t3 reads x from t1, t2 writes x and is visible to
  // t3, so t2 comes before t1. What is visible depends on the level; the path tells for which it is.
  bool seen() {
    const auto mine = f_.committed_write(link_.from);
    const auto theirs = f_.committed_write(link_.to);
    const auto r = f_.read(link_.read);
    if (!f_.registers() || !mine || !theirs || !r || link_.path.empty()) return no("nobody saw the one");
    if (!(mine->key == theirs->key) || !(mine->key == r->key) || !(theirs->value == r->value) ||
        link_.from.invoke == link_.to.invoke || link_.read.invoke == link_.to.invoke ||
        link_.read.invoke == link_.from.invoke)
      return no("the reader did not read the key from the other");
    out_.key = mine->key;
    bool reads = true;
    bool sessions = true;
    uint32_t at = link_.from.invoke;
    for (const Link& step : link_.path) {
      if (step.relation != Relation::wr && step.relation != Relation::session)
        return no("not a path of reads");
      std::string ignored;
      const auto checked = check_link(f_, step, ignored);
      if (!checked || step.from.invoke != at) return no("a path is not so");
      at = step.to.invoke;
      (step.relation == Relation::wr ? sessions : reads) = false;
    }
    if (at != link_.read.invoke) return no("a path ends elsewhere");
    out_.valid = failing_with(strong_session_causal);
    if (reads) out_.valid |= failing_with(causal_cerone);
    if (sessions || (reads && link_.path.size() == 1)) out_.valid |= failing_with(strong_session_read_atomic);
    if (reads && link_.path.size() == 1) out_.valid |= failing_with(read_atomic);
    if (reads && link_.path.size() == 1 && link_.path[0].to.place < link_.read.place)
      out_.valid |= failing_with(monotonic_atomic_view);
    return true;
  }

  Facts& f_;
  const Link& link_;
  std::string& why_not_;
  CheckedLink out_;
};

/// Whether `access` saw or made the version of `maker` (none: the initial one).
bool has_version(const Facts& f, const Value& key, const Access& access, const Access& maker) {
  if (access == maker) return true;
  const auto r = f.read(access);
  if (!r || !(r->key == key)) return false;
  if (maker.none()) return r->value.is_nil();
  const auto w = f.write(maker);
  return w && w->value == r->value;
}

/// The models for which one version comes before another; none: for no model.
ModelSet check_step(const Facts& f, const Value& key, const Access& a, const Access& b, const Before& why) {
  const RegisterOptions& assumed = f.premises().registers;
  const Access &x = why.first, &y = why.second;
  const auto both = [&] { return has_version(f, key, x, a) && has_version(f, key, y, b); };
  const bool inside = x.invoke == y.invoke && x.place < y.place;
  const auto when = [](bool so) { return so ? ~ModelSet{0} : ModelSet{0}; };
  switch (why.why) {
    case Why::initial:
      return when(a.none() && !b.none());
    case Why::own_order:
      return when(!a.none() && a.invoke == b.invoke && a.place < b.place);
    case Why::follows_read:
      return when(assumed.write_follows_read && y == b && inside && x.invoke != a.invoke &&
                  f.read(x).has_value() && has_version(f, key, x, a));
    case Why::number: {
      const auto m = f.mop(x);
      const auto n = f.mop(y);
      return when(assumed.numbers && both() && m && n && f.returned(x.invoke) && f.returned(y.invoke) &&
                  m->number && n->number && *m->number <= *n->number && !(a == b) && !(m->value == n->value));
    }
    case Why::session:
      return when(assumed.sequential_keys && both() &&
                  (inside || (f.same_process(x.invoke, y.invoke) && f.before(x.invoke, y.invoke))));
    case Why::realtime:
      if (!f.premises().real_time || !both() || !(inside || f.before(x.invoke, y.invoke))) return 0;
      return assumed.linearizable_keys ? ~ModelSet{0} : with_linearizable_keys();
    case Why::assumed:
      return when(f.assumed(a, b));
  }
  return 0;
}

}  // namespace

std::optional<CheckedLink> check_link(Facts& facts, const Link& link, std::string& why_not) {
  return LinkCheck(facts, link, why_not).run();
}

ModelSet check_chain(const Facts& facts, const Value& key, const VersionChain& chain) {
  if (chain.steps.size() + 1 != chain.makers.size()) return 0;
  ModelSet valid = ~ModelSet{0};
  for (size_t i = 0; i < chain.makers.size(); ++i) {
    const Access& maker = chain.makers[i];
    const auto w = facts.committed_write(maker);
    if (!maker.none() && (!w || !(w->key == key))) return 0;
    if (i > 0) valid &= check_step(facts, key, chain.makers[i - 1], maker, chain.steps[i - 1]);
  }
  return valid;
}

}  // namespace riven::checkers::isolation
