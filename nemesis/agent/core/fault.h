// What a kind of fault is to the agent: how it is applied, observed and undone.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/json.h"
#include "harness/core/result.h"

namespace riven::agent {

/// Where and for whom the agent works. Read-only once it serves.
struct Context {
  std::string owner;
  std::string state_directory;
  std::vector<std::string> control_addresses;  ///< peers whose traffic to control_port no fault may touch
  uint16_t control_port = 0;                   ///< 0: the controller does not come over the network
  /// What the machine's owner allows; see host_permissions.h.
  bool may_reboot = false;
  bool may_set_clock = false;
  std::string controller_boot_id;
  /// For an agent on the host: the container's id, and what the agent opened outside of it (host_agent.h).
  std::string container;
  std::string fuse_device = "/dev/fuse";  ///< empty: there is none
  std::string memory_group;               ///< folder of the container's; empty: it could not be had
  /// Whether a process runs on a skewed clock and so must not be frozen; null: none does. (Rooms know nothing
  /// of each other where they need not: main.cpp sets it.)
  bool (*has_skewed_clock)(pid_t) = nullptr;
};

/// monotonic_now_ns() of when a fault took effect, in what apply() returns.
inline constexpr char kTookEffectAt[] = "took_effect_ns";

/// A fault that was staged and may be in force. Used by the agent's one thread.
class Fault {
 public:
  virtual ~Fault() = default;
  /// All that is needed to undo it, by a later agent too; goes to the ledger before apply().
  virtual Json undo_record() const = 0;
  /// What has to be in place before apply() can be quick and changes nothing that the node's programs can
  /// see; called once the ledger knows of the fault. After an error the agent runs the undo.
  virtual Status arm() { return ok_status(); }
  /// Applies it. After an error the agent runs the undo, so a half-applied fault is allowed to stay until
  /// then. The value says what was really done, and may say at kTookEffectAt when it took effect, where
  /// making sure of it takes longer. Must be quick: all slow work belongs into make() or arm().
  virtual Result<Json> apply() = 0;
  /// Proof of what it does right now.
  virtual Json observe() = 0;
  /// Ends what the fault does by itself (a thread that follows new processes); called before the undo.
  virtual void retire() {}
};

/// One kind, named as in FaultSpec::kind.
struct FaultKind {
  std::string name;
  /// Checks and stages; changes nothing. `id` is unique on the node and is_agent_name.
  std::function<Result<std::unique_ptr<Fault>>(const Context&, const std::string& id, const Json& params)>
      make;
  /// Undoes what `undo_record` describes and returns the last proof, null where there is none left.
  /// Idempotent; also when nothing was applied, only half of it, or the node was restarted since.
  std::function<Result<Json>(const Context&, const Json& undo_record)> undo;
  /// Undoes whatever of `context.owner` can be recognised on the node without a ledger (one that was
  /// damaged); may be empty where nothing can.
  std::function<Result<Json>(const Context&)> sweep;
  /// Whether it can work here; the error says why not and what would make it work.
  std::function<Status(const Context&)> probe;
  /// By what it works here, where there are several means: "netem". May be empty.
  std::function<std::string(const Context&)> means = nullptr;
  std::vector<std::string> aliases = {};  ///< names in ledgers of older versions
};

/// Every kind that this agent knows: those in kinds.inc.
const std::vector<FaultKind>& fault_kinds();

}  // namespace riven::agent
