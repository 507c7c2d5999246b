// Self-tests: how a kind of fault proves on a node, within milliseconds and without a database, that it can
// be applied, takes effect and can be undone. It is tried on a process or packets of the agent's own.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// A process of this one's that sleeps, under a name that no other has. Ends with this object, and with the
/// agent.
class Dummy {
 public:
  Dummy();
  ~Dummy();
  Dummy(const Dummy&) = delete;
  Dummy& operator=(const Dummy&) = delete;
  const std::string& name() const { return name_; }
  /// proc(5): R, S, T, ...; '?' when it is gone or dead.
  char state() const;

 private:
  std::string name_;
  pid_t pid_ = -1;
};

/// Stages, applies, observes and undoes one fault, twice, as the server does it. `takes_effect` looks while
/// it is in force, `gone` after each undo; both say what is wrong. Whatever happens, it was undone.
Status self_test(const FaultKind& kind, const Context& context, const Json& params,
                 const std::function<Status(const Json& seen)>& takes_effect,
                 const std::function<Status()>& gone);

/// The same with a Dummy for its processes: `state` while it is in force ('?': ended), sleeping afterwards
/// unless it ended.
Status self_test_on_dummy(const FaultKind& kind, const Context& context, Json params, char state);

/// The same, but `takes_effect` looks at its proof; the Dummy sleeps afterwards.
Status self_test_on_dummy(const FaultKind& kind, const Context& context, Json params,
                          const std::function<Status(const Json& seen)>& takes_effect);

/// Sends datagrams from one loopback address to another and says how many arrived within 200 ms of the last.
int loopback_arrivals(const std::string& from, int count);
inline constexpr char kSelfTestPeer[] = "127.86.0.1";

}  // namespace riven::agent
