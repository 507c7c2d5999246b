// What each node holds to be the cluster's members, over time.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "harness/api/database.h"
#include "harness/core/value.h"

namespace riven {

/// One look at all nodes: the members that each names, or why it names none.
struct MemberView {
  std::vector<std::string> members;
  std::string error;  ///< empty: it answered
  friend bool operator==(const MemberView&, const MemberView&) = default;
};
using MemberViews = std::map<std::string, MemberView>;  ///< by node

/// Asks all nodes at once, each for half a second at most.
MemberViews look_at_members(MemberControl& control, const std::vector<Node>& nodes);

/// Whether `view` names exactly the nodes but those in `without`, as more than half of all nodes see it.
bool most_see(const MemberViews& views, const std::vector<Node>& nodes,
              const std::vector<std::string>& without);

/// {"n1" ["n1" "n2"], "n2" "why not"}.
Value to_value(const MemberViews& views);

/// Looks twice a second, in a thread of its own, and remembers what changed. It and the nodes'
/// sessions must outlive it.
class MemberWatch {
 public:
  MemberWatch(MemberControl& control, std::vector<Node> nodes);
  /// What somebody else saw.
  void note(const MemberViews& views);
  /// [[milliseconds since the beginning, views], ...]: the first look, and each that differed from the one
  /// before; at most 1,000.
  Value series() const;

 private:
  void watch(const std::stop_token& stop);

  MemberControl& control_;
  const std::vector<Node> nodes_;
  const int64_t began_ns_;
  mutable std::mutex mutex_;
  MemberViews last_;
  Value::List series_;
  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace riven
