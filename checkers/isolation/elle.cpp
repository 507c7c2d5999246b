// Elle's names and rules, for those who read its result map.
#include <algorithm>
#include <set>

#include "checkers/isolation/evidence.h"
#include "checkers/isolation/telling.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

/// The weakest models that an anomaly rules out by Elle's tables.
ModelSet ruled_out(const CycleClass& c) {
  static constexpr Model kByShape[3][5] = {
      {read_uncommitted, read_committed, consistent_view, snapshot_isolation, repeatable_read},
      {strong_session_read_uncommitted, strong_session_read_committed, strong_session_snapshot_isolation,
       strong_session_snapshot_isolation, strong_session_serializable},
      {strong_read_uncommitted, strong_read_committed, strong_snapshot_isolation, strong_snapshot_isolation,
       strict_serializable}};
  if (c.predicate && c.order == Order::none && c.shape == Shape::adjacent) return bit(serializable);
  ModelSet out = bit(kByShape[static_cast<size_t>(c.order)][static_cast<size_t>(c.shape)]);
  if (c.order == Order::none && c.shape >= Shape::single && !c.predicate) out |= bit(repeatable_read);
  return out;
}

ModelSet ruled_out(Kind kind) {
  switch (kind) {
    case Kind::duplicate_elements:
    case Kind::cyclic_versions:
    case Kind::garbage_read:
    case Kind::reordered_writes:
      return bit(read_uncommitted);
    case Kind::g1a:
    case Kind::g1b:
    case Kind::future_read:
    case Kind::predicate_g1a:
    case Kind::predicate_future_read:
    case Kind::dirty_update:
    case Kind::incompatible_order:
      return bit(read_committed);
    case Kind::internal:
      return bit(read_atomic);
    case Kind::predicate_read_miss:
      return bit(serializable);
    case Kind::lost_update:
      return bit(cursor_stability) | bit(update_atomic);
    default:
      return 0;
  }
}

/// Elle names an anomaly only where nothing that implies it was found.
bool implied(const CycleClass& c, const std::vector<Cycle>& cycles) {
  return std::any_of(cycles.begin(), cycles.end(), [&](const Cycle& other) {
    const CycleClass& o = other.cycle_class;
    return !(o == c) && o.order <= c.order && o.shape <= c.shape && o.predicate <= c.predicate;
  });
}

}  // namespace

Json elle_json(const Analysis& a, const std::optional<AcceptedProof>& proof, Verdict verdict) {
  std::set<std::string> types;
  ModelSet out = 0;
  for (const Cycle& c : a.cycles) {
    if (implied(c.cycle_class, a.cycles)) continue;
    types.insert(name_of(c.cycle_class));
    out |= ruled_out(c.cycle_class);
  }
  for (size_t k = 0; k < kKinds; ++k) {
    const auto kind = static_cast<Kind>(k);
    if (!a.findings.any(kind) || ruled_out(kind) == 0) continue;
    types.insert(std::string(name_of(kind)));
    out |= ruled_out(kind);
  }
  if (proof) {
    types.insert(name_of(*proof));
    out |= bit(proof->model);
  }
  ModelSet all = 0;
  for (const Model m : members(out)) all |= failing_with(m);
  Json weak = Json::array();
  Json others = Json::array();
  for (const Model m : members(all))
    ((weakest(all) & bit(m)) != 0 ? weak : others).push_back(std::string(name_of(m)));
  Json anomalies = Json::array();
  for (const std::string& type : types) anomalies.push_back(type);
  Json valid = verdict == Verdict::valid;
  if (verdict == Verdict::unknown) valid = "unknown";
  return {{"valid?", valid}, {"anomaly-types", anomalies}, {"not", weak}, {"also-not", others}};
}

}  // namespace riven::checkers::isolation
