// The controller's end of an agent: one for each node.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/agent_protocol/agent_message.h"
#include "harness/control/node.h"
#include "harness/core/result.h"

namespace riven {

class ByteStream;
class Cluster;

struct AgentOptions {
  std::string owner;              ///< id of the run; is_agent_name. Faults belong to it.
  Milliseconds lease{10'000};     ///< not renewed for so long: the agent undoes everything by itself
  Milliseconds deadline{10'000};  ///< for one request and its reply
  std::string state_directory = "/var/lib/riven";  ///< on the node: ledger, locks, the agent itself
  /// Never cut off from the node's SSH port by any fault, besides the peer that SSH itself names.
  std::vector<std::string> controller_addresses;
  /// That port, where the agent's own connection does not show it: the agent runs on the host. 0: it
  /// does.
  uint16_t control_port = 0;
  /// What may be done to a machine whose kernel is its own; the agent makes sure that it is not ours.
  bool may_reboot = false;
  bool may_set_clock = false;
};

/// Starts an agent (again) and gives a stream to its stdin and stdout.
using AgentLauncher = std::function<Result<std::unique_ptr<ByteStream>>()>;

/// Stamps are the agent's CLOCK_MONOTONIC; agents in containers of one machine share it.
struct FaultAck {
  std::vector<std::string> ids;
  int64_t first_ns = 0;  ///< before the first rule took effect
  int64_t last_ns = 0;   ///< after the last did
  Json details;          ///< by id; what was really done
};

/// A fault that is in force or was just healed, with proof of what it did (counters, states).
struct FaultProof {
  std::string id;
  std::string kind;
  Json proof;
};

struct HealAck {
  std::vector<FaultProof> healed;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
};

/// What faults can work on a node.
struct AgentProbe {
  struct Ability {
    std::string kind;
    bool works = false;
    std::string why_not;  ///< and what would make it work
  };
  std::string boot_id;         ///< equal to the controller's own: a shared kernel
  bool shares_kernel = false;  ///< with this process
  std::vector<Ability> abilities;
  Json facts;
};

/// Thread-safe; requests of several threads are sent one after the other. A thread of its own renews the
/// lease every third of it, and when the connection is lost starts the agent again (which first repairs
/// everything that the lost one left). Destroying it ends the agent, which heals all.
class AgentClient {
 public:
  /// Starts the agent by `launcher` and shakes hands.
  static Result<std::unique_ptr<AgentClient>> start(AgentLauncher launcher, const AgentOptions& options);
  virtual ~AgentClient() = default;

  /// Stages faults on the node: checked, written to its ledger and synced, but without effect until commit.
  virtual Result<std::vector<std::string>> prepare(const std::vector<FaultSpec>& faults) = 0;
  /// Applies what was staged at `at_ns` of *this process's* monotonic clock (0: at once).
  virtual Result<FaultAck> commit(const std::vector<std::string>& ids, int64_t at_ns) = 0;
  /// prepare and commit.
  Result<FaultAck> apply(const FaultSpec& fault);
  /// Faults in force with their counters so far.
  virtual Result<std::vector<FaultProof>> observe() = 0;
  /// Idempotent: ids that are not in force are no error.
  virtual Result<HealAck> heal(const std::vector<std::string>& ids) = 0;
  /// `everyone`: faults of other owners too, alive or dead (`riven heal`).
  virtual Result<HealAck> heal_all(bool everyone = false) = 0;
  virtual Result<AgentProbe> probe() = 0;
  virtual Status ping() = 0;
  /// Shortest round trip seen so far.
  virtual int64_t round_trip_ns() const = 0;
  /// What the agent cleaned up when it started: faults of an earlier agent of the same owner.
  virtual std::vector<FaultProof> repaired() const = 0;
};

/// Runs a program on a node with root's rights and gives its stream.
using ProgramStarter =
    std::function<Result<std::unique_ptr<ByteStream>, SessionError>(const std::vector<std::string>& argv)>;

/// The launcher for a node over SSH: uploads `local_agent_path` to the state directory where that version is
/// not there yet, then runs it on a connection of its own. `session` is borrowed and must outlive the client.
AgentLauncher ssh_agent_launcher(Session& session, ProgramStarter start, std::string local_agent_path,
                                 const AgentOptions& options);

/// The same for a node of a cluster, which must outlive the client; its controller addresses are added.
AgentLauncher cluster_agent_launcher(const Cluster& cluster, size_t index, std::string local_agent_path,
                                     AgentOptions options);

/// The launcher for an agent on this host that enters the namespaces of a local container (`container`: its
/// name or id); see nemesis/agent/core/host_agent.h. Each start asks the engine for the
/// container's first process anew: a container may have been started again. Errors say why it cannot be done
/// here: no root, another machine's engine, a container that does not run.
AgentLauncher host_agent_launcher(std::string container, std::string local_agent_path,
                                  const AgentOptions& options);

/// The launcher for a program on this machine: `argv` is the agent's path or a wrapper (nsenter, ip netns
/// exec) that ends in it; the agent's own arguments are appended.
AgentLauncher local_agent_launcher(std::vector<std::string> argv, const AgentOptions& options);

/// The arguments of `riven-agent serve` that fit the options.
std::vector<std::string> agent_arguments(const AgentOptions& options);

/// One node's part of a fault that several nodes enter together.
struct NodeFaults {
  AgentClient* agent = nullptr;
  std::vector<FaultSpec> faults;
};
/// Prepares on all nodes at once, then commits at one agreed moment. Where any node refuses or fails, what
/// was applied elsewhere is healed again and the error names the node's position. Acks in the order of
/// `nodes`.
Result<std::vector<FaultAck>> apply_together(const std::vector<NodeFaults>& nodes);
/// Heals on all at once; a node that cannot be reached does not hold up the others (errors are joined).
Result<std::vector<HealAck>> heal_together(const std::vector<AgentClient*>& agents,
                                           const std::vector<std::vector<std::string>>& ids);

}  // namespace riven
