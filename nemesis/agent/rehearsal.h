// Faults tried on what is the agent's own: how a kind proves on a node, within milliseconds and without a
// database, that it can be applied, bites and is undone.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>

#include "nemesis/agent/fault.h"

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

/// Stages, applies, observes and undoes one fault, twice, as the server does it. `bites` looks while it is in
/// force, `gone` after each undo; both say what is wrong. Whatever happens, it was undone.
Status rehearse(const FaultKind& kind, const Context& context, const Json& params,
                const std::function<Status(const Json& seen)>& bites, const std::function<Status()>& gone);

/// The same with a Dummy for its processes: `state` while it is in force ('?': ended), sleeping afterwards
/// unless it ended.
Status rehearse_on_dummy(const FaultKind& kind, const Context& context, Json params, char state);

/// The same, but what shows that it bites is asked of its proof; the Dummy sleeps afterwards.
Status rehearse_on_dummy(const FaultKind& kind, const Context& context, Json params,
                         const std::function<Status(const Json& seen)>& bites);

/// Sends datagrams from one loopback address to another and says how many arrived within 200 ms of the last.
int loopback_arrivals(const std::string& from, int count);
inline constexpr char kRehearsalPeer[] = "127.86.0.1";

}  // namespace riven::agent
