// The agent's mind: requests in, replies out, everything undone when the lease runs out.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/agent_protocol/agent_message.h"
#include "harness/core/clock.h"
#include "nemesis/agent/core/fault.h"
#include "nemesis/agent/core/lease.h"
#include "nemesis/agent/core/ledger.h"

namespace riven::agent {

struct ServerOptions {
  Context context;
  int64_t lease_ns = 10 * kNanosPerSecond;
  int64_t grace_ns = 60 * kNanosPerSecond;  ///< how long it waits for the controller after the lease lapsed
};

/// Knows nothing of streams: the caller passes requests and calls tick() no later than next_tick_ns(). Not
/// thread-safe. `kinds` and `clock` must outlive it.
class Server {
 public:
  Server(ServerOptions options, const std::vector<FaultKind>& kinds, Ledger ledger, const Clock& clock);

  /// Undoes what the ledger holds of earlier agents, and what can be recognised without it.
  void repair();
  /// Any request renews the lease.
  AgentReply handle(const AgentRequest& request);
  /// Heals when the lease has lapsed; tries again what could not be undone.
  void tick();
  int64_t next_tick_ns() const;
  /// Undoes everything of this owner; idempotent. False: something could not be undone (it stays in the
  /// ledger).
  bool heal_everything(const std::string& why);
  /// Removes the ledger's file where nothing is left to undo: the last thing before the owner's lock goes.
  void forget() { ledger_.forget(); }
  /// Whether to end: quit was asked for, or the lease is over.
  bool finished() const;

 private:
  struct Active {
    std::string id;
    const FaultKind* kind;
    std::unique_ptr<Fault> fault;  // null: known from the ledger alone
    Json undo;
    bool applied = false;
  };
  using Handler = AgentReply (Server::*)(const Json& body);
  AgentReply hello(const Json& body);
  AgentReply ping(const Json& body);
  AgentReply prepare(const Json& body);
  AgentReply commit(const Json& body);
  AgentReply observe(const Json& body);
  AgentReply heal(const Json& body);
  AgentReply heal_all(const Json& body);
  AgentReply probe(const Json& body);
  AgentReply quit(const Json& body);

  const FaultKind* kind_named(const std::string& name) const;
  Active* find(const std::string& id);
  Status undo(Active& active, const std::string& why);
  AgentReply heal_ids(const std::vector<std::string>& ids, const std::string& why);
  void remember(Json healed);
  Json heal_others();

  ServerOptions options_;
  const std::vector<FaultKind>& kinds_;
  Ledger ledger_;
  const Clock& clock_;
  Lease lease_;
  std::vector<Active> active_;
  std::map<std::string, Json> past_;  // proofs of healed faults, the newest kRemembered of them
  std::deque<std::string> past_order_;
  Json repaired_ = Json::array();
  uint64_t next_id_ = 0;
  std::string id_base_;
  int64_t retry_ns_ = INT64_MAX;
  bool quit_ = false;
};

/// Takes over an owner that may be dead or alive, and undoes all of it. The value lists what was healed.
Result<Json> heal_owner(const Context& context, const std::vector<FaultKind>& kinds, int patience_ms);

}  // namespace riven::agent
