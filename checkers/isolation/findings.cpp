#include "checkers/isolation/findings.h"

#include <algorithm>

namespace riven::checkers::isolation {

std::string_view name_of(Kind kind) {
  switch (kind) {
    case Kind::garbage_read:
      return "garbage-read";
    case Kind::duplicate_elements:
      return "duplicate-elements";
    case Kind::g1a:
      return "G1a";
    case Kind::g1b:
      return "G1b";
    case Kind::reordered_writes:
      return "reordered-writes";
    case Kind::internal:
      return "internal";
    case Kind::non_repeatable_read:
      return "non-repeatable-read";
    case Kind::future_read:
      return "future-read";
    case Kind::dirty_update:
      return "dirty-update";
    case Kind::incompatible_order:
      return "incompatible-order";
    case Kind::cyclic_versions:
      return "cyclic-versions";
    case Kind::lost_update:
      return "lost-update";
    case Kind::unseen_overwrite:
      return "G-cursor";
    case Kind::lost_write:
      return "lost-write";
    case Kind::predicate_read_miss:
      return "predicate-read-miss";
    case Kind::predicate_g1a:
      return "G1a-predicate";
    case Kind::predicate_future_read:
      return "future-read-predicate";
    case Kind::stale_read:
      return "stale-read";
    case Kind::session_stale_read:
      return "stale-read-process";
  }
  return "?";
}

void Findings::merge(const Findings& later) {
  unexplained_ += later.unexplained_;
  for (size_t i = 0; i < later.circles_.size() && circles_.size() < kKept; ++i)
    circles_.push_back(later.circles_[i]);
  for (size_t k = 0; k < kKinds; ++k) {
    Found& into = of_[k];
    const Found& from = later.of_[k];
    into.count += from.count;
    const size_t room = std::min(kKept - std::min(kKept, into.cases.size()), from.cases.size());
    into.cases.insert(into.cases.end(), from.cases.begin(),
                      from.cases.begin() + static_cast<ptrdiff_t>(room));
  }
}

}  // namespace riven::checkers::isolation
