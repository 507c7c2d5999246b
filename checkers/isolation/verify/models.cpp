// Which models links in a circle refute: the definitions of criteria.h and memory_models.h, read as what each
// forbids.
#include <algorithm>

#include "checkers/isolation/verify/facts.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

/// A circle of transactions.
class Circle {
 public:
  Circle(const Facts& facts, const std::vector<CheckedLink>& links) : f_(facts), l_(links) {
    for (const CheckedLink& link : links) {
      ++count(link.relation);
      by_predicate_ = by_predicate_ || link.by_predicate;
    }
    writes_ = count(Relation::ww) + count(Relation::own_update) + count(Relation::seen);
    sessions_ = count(Relation::session) > 0;
    time_ = count(Relation::realtime) > 0;
  }

  ModelSet refuted() {
    const size_t missed = count(Relation::rw);
    if (missed == 0) {
      if (count(Relation::wr) == 0)
        refute(read_uncommitted, strong_session_read_uncommitted, strong_read_uncommitted);
      refute(read_committed, strong_session_read_committed, strong_read_committed);
    }
    serial();
    snapshots();
    if (missed == 1) single();
    if (missed <= 1 && !time_) {
      if (!sessions_) add(consistent_view);
      add(sessions_ ? strong_session_parallel_snapshot_isolation : parallel_snapshot_isolation);
    }
    return out_;
  }

 private:
  size_t& count(Relation r) { return count_[static_cast<size_t>(r)]; }
  const CheckedLink& before(size_t i) const { return l_[(i + l_.size() - 1) % l_.size()]; }
  void add(Model m) { out_ |= failing_with(m); }
  void refute(Model plain, Model with_sessions, Model with_time) {
    add(time_ ? with_time : sessions_ ? with_sessions : plain);
  }

  // All commit one after the other.
  void serial() {
    refute(serializable, strong_session_serializable, strict_serializable);
    if (time_) return;
    if (sessions_) return add(session_serializable);
    for (const Model m : {view_serializable, one_copy_serializable}) add(m);
    if (!by_predicate_) add(repeatable_read);
    const auto updates = [&](const CheckedLink& link) { return f_.writes_anything(link.from.invoke); };
    if (std::count_if(l_.begin(), l_.end(), updates) + 1 >= static_cast<ptrdiff_t>(l_.size()))
      add(update_serializable);
  }

  // Each reads what had committed at a moment of its own, or each read does.
  void snapshots() {
    bool apart = true;       // no two anti-dependencies follow each other
    bool after_seen = true;  // each follows what its transaction saw
    bool in_order = !sessions_ && !time_;
    for (size_t i = 0; i < l_.size(); ++i) {
      if (l_[i].relation != Relation::rw) continue;
      const CheckedLink& to_it = before(i);
      apart = apart && to_it.relation != Relation::rw;
      after_seen = after_seen && (to_it.relation == Relation::wr || to_it.relation == Relation::session);
      in_order = in_order && to_it.relation == Relation::wr && to_it.to.place <= l_[i].from.place;
    }
    if (apart) refute(snapshot_isolation, strong_session_snapshot_isolation, strong_snapshot_isolation);
    if (after_seen && !time_) add(sessions_ ? strong_session_prefix : prefix);
    if (in_order) add(monotonic_snapshot_read);
  }

  // One read misses what its transaction's past has written.
  void single() {
    if (time_) return;
    const auto at = static_cast<size_t>(
        std::find_if(l_.begin(), l_.end(), [](const CheckedLink& l) { return l.relation == Relation::rw; }) -
        l_.begin());
    const CheckedLink& missed = l_[at];
    const CheckedLink& seen = before(at);  // into the reader
    const bool one_step = l_.size() == 2;
    const bool all_read = count(Relation::wr) == l_.size() - 1;
    const bool last_read = all_read && seen.exact;  // of a list the last append
    const bool all_session = count(Relation::session) == l_.size() - 1;
    if (all_read) add(causal_cerone);
    if (count(Relation::wr) + count(Relation::session) == l_.size() - 1) add(strong_session_causal);
    if (one_step && last_read) add(read_atomic);
    if (all_session || (one_step && last_read)) add(strong_session_read_atomic);
    if (one_step && (last_read || writes_ == 1)) add(update_atomic);
    const bool earlier = comes_before(f_, seen.to, seen.key, missed.from, missed.key) && !by_predicate_;
    if (one_step && last_read && earlier) add(monotonic_atomic_view);
    if (count(Relation::wr) + writes_ == l_.size() - 1 && earlier) add(monotonic_view);
    const bool of_one_key =
        std::all_of(l_.begin(), l_.end(), [&](const CheckedLink& link) { return link.key == missed.key; });
    if (writes_ == l_.size() - 1 && of_one_key && !by_predicate_) add(cursor_stability);
  }

  const Facts& f_;
  const std::vector<CheckedLink>& l_;
  size_t count_[9] = {};
  size_t writes_ = 0;
  bool by_predicate_ = false;
  bool sessions_ = false;
  bool time_ = false;
  ModelSet out_ = 0;
};

/// A circle of accesses, each an operation of its own.
class AccessCircle {
 public:
  AccessCircle(const Facts& facts, const std::vector<CheckedLink>& links) : f_(facts), l_(links) {
    for (const CheckedLink& link : links) {
      time_ = time_ || link.relation == Relation::realtime;
      if (!of_accesses(link)) continue;
      one_key_ = one_key_ && (key_ == nullptr || link.key == *key_);
      key_ = &link.key;
      link.source ? sources_.push_back(&link) : backward_.push_back(&link);
    }
  }

  ModelSet refuted() {
    if (!in_program_order()) return 0;
    add(time_ ? linearizable : sequential);
    if (one_key_) add(per_key_linearizable);
    if (time_) return out_;
    if (backward_.size() <= 1) add(causal);
    if (backward_.size() == 1 && sources_.empty()) of_session();
    if (backward_.size() == 1 && sources_.size() == 1) of_source();
    if (backward_.empty() && sources_.size() == 1) own_future();
    return out_;
  }

 private:
  void add(Model m) { out_ |= failing_with(m); }
  static bool of_accesses(const CheckedLink& link) {
    return link.relation == Relation::order || link.relation == Relation::overtaken;
  }
  // Whether the transaction leaves each access by the same or a later one; sessions and time lead from, and
  // to, all of a transaction.
  bool in_program_order() const {
    for (size_t i = 0; i < l_.size(); ++i) {
      const CheckedLink& in = l_[i];
      const CheckedLink& out = l_[(i + 1) % l_.size()];
      if (!of_accesses(in) || !of_accesses(out)) continue;
      if (in.to.place > out.from.place) return false;
    }
    return true;
  }

  // e comes after x in its session, and yet saw or made an earlier version.
  void of_session() {
    const CheckedLink& missed = *backward_[0];  // e to x
    const bool e_writes = missed.from_writes;
    const bool x_writes = missed.to_writes;
    if (e_writes && x_writes) add(monotonic_writes);
    if (!e_writes) add(x_writes ? read_your_writes : monotonic_reads);
    if (e_writes && !x_writes) add(writes_follow_reads);
    if (!e_writes || x_writes) add(pram);
  }
  // e reads below x, which the session of a write w did before w, and w was read: x .. w, r .. e.
  void of_source() {
    const CheckedLink& missed = *backward_[0];
    const CheckedLink& source = *sources_[0];
    if (missed.from_writes) return;
    if (missed.to_writes) add(pram);
    // Terry et al.: by the same transaction.
    if (source.to.invoke != missed.from.invoke ||
        !comes_before(f_, source.to, source.key, missed.from, missed.key))
      return;
    if (source.from == missed.to) return;
    add(missed.to_writes ? monotonic_writes : writes_follow_reads);
  }
  // A session read what it wrote only later.
  void own_future() {
    add(pram);
    add(writes_follow_reads);
  }

  const Facts& f_;
  const std::vector<CheckedLink>& l_;
  std::vector<const CheckedLink*> sources_, backward_;
  const Value* key_ = nullptr;
  bool time_ = false;
  bool one_key_ = true;
  ModelSet out_ = 0;
};

}  // namespace

ModelSet refuted_by_circle(const Facts& facts, const std::vector<CheckedLink>& links) {
  ModelSet valid = ~ModelSet{0};
  bool accesses = false;
  for (size_t i = 0; i < links.size(); ++i) {
    if (links[i].to.invoke != links[(i + 1) % links.size()].from.invoke) return 0;
    valid &= links[i].valid;
    accesses = accesses || links[i].relation == Relation::order || links[i].relation == Relation::overtaken;
  }
  if (links.empty()) return 0;
  if (!accesses) return Circle(facts, links).refuted() & valid;
  for (const CheckedLink& link : links)
    if (link.relation != Relation::order && link.relation != Relation::overtaken &&
        link.relation != Relation::session && link.relation != Relation::realtime)
      return 0;
  return AccessCircle(facts, links).refuted() & valid;
}

}  // namespace riven::checkers::isolation
