// The lattice of consistency models: names, what implies what.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace riven::checkers::isolation {

/// Every model that a history of transactions is judged against. Three families:
/// - Adya's levels and their relatives without sessions (Adya's thesis; Cerone, Bernardi, Gotsman,
/// CONCUR'15),
/// - the same with session order (strong-session-*) or real time (strong-*, strict),
/// - shared-memory models, in which each micro-operation is an operation of its own, ordered by its place in
///   its transaction and the transaction's place in its session (Terry et al. 1994, Ahamad et al. 1995).
/// criteria.h has each one's criterion.
enum class Model : uint8_t {
  read_uncommitted,
  read_committed,
  item_cut_isolation,
  monotonic_atomic_view,
  monotonic_view,
  monotonic_snapshot_read,
  cursor_stability,
  consistent_view,
  forward_consistent_view,
  update_serializable,
  repeatable_read,
  read_atomic,
  update_atomic,
  causal_cerone,
  parallel_snapshot_isolation,
  prefix,
  snapshot_isolation,
  view_serializable,
  one_copy_serializable,
  serializable,
  monotonic_reads,
  monotonic_writes,
  read_your_writes,
  writes_follow_reads,
  pram,
  causal,
  sequential,
  strong_session_read_uncommitted,
  strong_session_read_committed,
  strong_session_read_atomic,
  strong_session_causal,
  strong_session_parallel_snapshot_isolation,
  strong_session_prefix,
  strong_session_snapshot_isolation,
  session_serializable,
  strong_session_serializable,
  strong_read_uncommitted,
  strong_read_committed,
  strong_snapshot_isolation,
  per_key_linearizable,
  linearizable,
  strict_serializable,
};
inline constexpr size_t kModels = static_cast<size_t>(Model::strict_serializable) + 1;
constexpr size_t index_of(Model m) { return static_cast<size_t>(m); }

/// A set of models.
using ModelSet = uint64_t;
constexpr ModelSet bit(Model m) { return ModelSet{1} << index_of(m); }

/// The name shown: Elle's friendly name where it has one.
std::string_view name_of(Model m);
/// Every accepted name: canonical (PL-2.99) and friendly (repeatable-read), in the order of the enum.
std::vector<std::string> all_names();
/// The model of a name, in any case of letters.
std::optional<Model> model_named(std::string_view name);
/// The models that hold wherever `m` holds, itself included.
ModelSet implied_by(Model m);
/// The models that fail wherever `m` fails, itself included.
ModelSet failing_with(Model m);
/// The members of `set` that imply no other member of it: the weakest. view-serializable and 1SR rank as
/// serializable.
ModelSet weakest(ModelSet set);
/// Those that speak of real time.
inline constexpr ModelSet kRealTimeModels =
    bit(Model::strong_read_uncommitted) | bit(Model::strong_read_committed) |
    bit(Model::strong_snapshot_isolation) | bit(Model::per_key_linearizable) | bit(Model::linearizable) |
    bit(Model::strict_serializable);
/// In the order of the enum, which never puts a stronger model before a weaker one.
std::vector<Model> members(ModelSet set);

/// What a history says about one model.
enum class Standing : uint8_t { holds, refuted, undecided };
struct Decision {
  Standing standing = Standing::holds;
  std::string why;  ///< of `undecided`
};

/// The decisions on all models. Refuting spreads to the stronger ones.
class Decisions {
 public:
  void refute(Model m);
  /// Takes back that `m` holds; a refuted model stays so. The first reason is kept.
  void leave_open(Model m, std::string_view why);
  /// Leaves `some` open, whatever was found of them, but those that what is refuted beside them refutes.
  void forget(ModelSet some, std::string_view why);
  Standing standing(Model m) const { return of_[index_of(m)].standing; }
  bool refuted(Model m) const { return standing(m) == Standing::refuted; }
  const std::string& why(Model m) const { return of_[index_of(m)].why; }
  ModelSet refuted() const;

 private:
  std::array<Decision, kModels> of_;
};

}  // namespace riven::checkers::isolation
