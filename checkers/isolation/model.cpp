#include "checkers/isolation/model.h"

#include <algorithm>
#include <initializer_list>

#include "harness/core/text.h"

namespace riven::checkers::isolation {

namespace {

struct Row {
  Model model;
  std::string_view name;
  std::initializer_list<std::string_view> other_names;
  std::initializer_list<Model> implies;  // directly
};

using enum Model;

const Row kRows[] = {
    {read_uncommitted, "read-uncommitted", {"PL-1"}, {}},
    {read_committed, "read-committed", {"PL-2"}, {read_uncommitted}},
    {item_cut_isolation, "item-cut-isolation", {"cut-isolation", "I-CI"}, {}},
    {monotonic_atomic_view, "monotonic-atomic-view", {"MAV"}, {read_committed}},
    {monotonic_view, "monotonic-view", {"PL-2L"}, {read_committed}},
    {monotonic_snapshot_read, "monotonic-snapshot-read", {"PL-MSR"}, {read_committed}},
    {cursor_stability, "cursor-stability", {"PL-CS"}, {read_committed}},
    {consistent_view, "consistent-view", {"PL-2+"}, {cursor_stability, monotonic_view}},
    {forward_consistent_view, "forward-consistent-view", {"PL-FCV"}, {consistent_view}},
    {update_serializable, "update-serializable", {"PL-3U"}, {forward_consistent_view}},
    {repeatable_read,
     "repeatable-read",
     {"PL-2.99"},
     {cursor_stability, monotonic_atomic_view, item_cut_isolation}},
    {read_atomic, "read-atomic", {}, {monotonic_atomic_view, item_cut_isolation}},
    {update_atomic, "update-atomic", {}, {read_atomic}},
    {causal_cerone, "causal-cerone", {}, {read_atomic}},
    {parallel_snapshot_isolation,
     "parallel-snapshot-isolation",
     {"PSI", "parallel-SI"},
     {causal_cerone, update_atomic, consistent_view}},
    {prefix, "prefix", {"prefix-consistency"}, {causal_cerone, monotonic_snapshot_read}},
    {snapshot_isolation,
     "snapshot-isolation",
     {"PL-SI", "SI"},
     {forward_consistent_view, monotonic_atomic_view, monotonic_snapshot_read, parallel_snapshot_isolation,
      prefix}},
    {view_serializable, "view-serializable", {}, {}},
    {one_copy_serializable, "1SR", {"one-copy-serializable"}, {}},
    {serializable,
     "serializable",
     {"PL-3", "conflict-serializable"},
     {repeatable_read, snapshot_isolation, update_serializable, view_serializable, one_copy_serializable}},
    {monotonic_reads, "monotonic-reads", {}, {}},
    {monotonic_writes, "monotonic-writes", {}, {}},
    {read_your_writes, "read-your-writes", {}, {}},
    {writes_follow_reads, "writes-follow-reads", {}, {}},
    {pram, "PRAM", {"pipelined-RAM"}, {monotonic_reads, monotonic_writes, read_your_writes}},
    {causal, "causal", {"causal-memory", "causal-consistency"}, {pram, writes_follow_reads}},
    {sequential, "sequential", {"sequential-consistency"}, {causal}},
    {strong_session_read_uncommitted,
     "strong-session-read-uncommitted",
     {"strong-session-PL-1"},
     {read_uncommitted}},
    {strong_session_read_committed,
     "strong-session-read-committed",
     {"strong-session-PL-2"},
     {read_committed, strong_session_read_uncommitted}},
    {strong_session_read_atomic,
     "strong-session-read-atomic",
     {"RA"},
     {read_atomic, strong_session_read_committed}},
    {strong_session_causal,
     "strong-session-causal",
     {"transactional-causal", "strong-session-causal-cerone", "TCC", "CC"},
     {causal_cerone, strong_session_read_atomic, causal}},
    {strong_session_parallel_snapshot_isolation,
     "strong-session-parallel-snapshot-isolation",
     {"strong-session-PSI"},
     {parallel_snapshot_isolation, strong_session_causal}},
    {strong_session_prefix, "strong-session-prefix", {"PC"}, {prefix, strong_session_causal}},
    {strong_session_snapshot_isolation,
     "strong-session-snapshot-isolation",
     {"strong-session-SI", "strong-session-PL-SI"},
     {snapshot_isolation, strong_session_parallel_snapshot_isolation, strong_session_prefix}},
    {session_serializable, "session-serializable", {}, {one_copy_serializable}},
    {strong_session_serializable,
     "strong-session-serializable",
     {"strong-session-PL-3"},
     {serializable, strong_session_snapshot_isolation, session_serializable, sequential}},
    {strong_read_uncommitted, "strong-read-uncommitted", {"strong-PL-1"}, {strong_session_read_uncommitted}},
    {strong_read_committed,
     "strong-read-committed",
     {"strong-PL-2"},
     {strong_session_read_committed, strong_read_uncommitted}},
    {strong_snapshot_isolation,
     "strong-snapshot-isolation",
     {"strong-SI", "strong-PL-SI"},
     {strong_session_snapshot_isolation, strong_read_committed}},
    {per_key_linearizable, "per-key-linearizable", {}, {}},
    {linearizable, "linearizable", {}, {sequential, per_key_linearizable}},
    {strict_serializable,
     "strict-serializable",
     {"PL-SS", "strong-serializable"},
     {serializable, linearizable, strong_snapshot_isolation, strong_session_serializable,
      session_serializable}},
};

struct Closure {
  std::array<ModelSet, kModels> down{};  // implied
  std::array<ModelSet, kModels> up{};    // implying
  Closure() {
    for (size_t i = 0; i < kModels; ++i) down[i] = ModelSet{1} << i;
    for (size_t round = 0; round < kModels; ++round) {
      for (const Row& row : kRows)
        for (const Model weaker : row.implies) down[index_of(row.model)] |= down[index_of(weaker)];
    }
    for (size_t a = 0; a < kModels; ++a)
      for (size_t b = 0; b < kModels; ++b)
        if (down[a] >> b & 1) up[b] |= ModelSet{1} << a;
  }
};
const Closure& closure() {
  static const Closure c;
  return c;
}

}  // namespace

std::string_view name_of(Model m) { return kRows[index_of(m)].name; }

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const Row& row : kRows) {
    names.emplace_back(row.name);
    for (const std::string_view other : row.other_names) names.emplace_back(other);
  }
  return names;
}

std::optional<Model> model_named(std::string_view name) {
  for (const Row& row : kRows) {
    if (same_name(row.name, name)) return row.model;
    for (const std::string_view other : row.other_names)
      if (same_name(other, name)) return row.model;
  }
  return std::nullopt;
}

ModelSet implied_by(Model m) { return closure().down[index_of(m)]; }
ModelSet failing_with(Model m) { return closure().up[index_of(m)]; }

ModelSet weakest(ModelSet set) {
  ModelSet out = 0;
  for (const Model m : members(set)) {
    // These two say of a history what serializable says, whatever the lattice leaves unsaid.
    const bool as_serializable = m == view_serializable || m == one_copy_serializable;
    const ModelSet below = as_serializable ? implied_by(serializable) & ~bit(serializable) &
                                                 ~bit(view_serializable) & ~bit(one_copy_serializable)
                                           : implied_by(m) & ~bit(m);
    if ((below & set) == 0) out |= bit(m);
  }
  return out;
}

std::vector<Model> members(ModelSet set) {
  std::vector<Model> out;
  for (size_t i = 0; i < kModels; ++i)
    if (set >> i & 1) out.push_back(static_cast<Model>(i));
  return out;
}

void Decisions::refute(Model m) {
  for (const Model stronger : members(failing_with(m))) of_[index_of(stronger)] = {Standing::refuted, {}};
}

void Decisions::leave_open(Model m, std::string_view why) {
  Decision& d = of_[index_of(m)];
  if (d.standing == Standing::holds) d = {Standing::undecided, std::string(why)};
}

void Decisions::forget(ModelSet some, std::string_view why) {
  const ModelSet sure = refuted() & ~some;
  for (const Model m : members(some)) {
    if ((implied_by(m) & sure) == 0) of_[index_of(m)] = {Standing::undecided, std::string(why)};
  }
}

ModelSet Decisions::refuted() const {
  ModelSet out = 0;
  for (size_t i = 0; i < kModels; ++i)
    if (of_[i].standing == Standing::refuted) out |= ModelSet{1} << i;
  return out;
}

}  // namespace riven::checkers::isolation
