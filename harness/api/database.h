// Databases under test: their set-up, their faults' handles and their clients.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/client.h"
#include "harness/control/node.h"
#include "harness/core/result.h"

namespace riven {

/// What a database can be asked to do; faults and workloads are picked by it.
struct Capabilities {
  bool kill = false;
  bool pause = false;
  bool primaries = false;
  bool membership = false;
  std::vector<std::string> functions;  ///< operations its client knows: read, write, cas, txn, acquire, ...
  std::vector<std::string> processes;  ///< names of its server processes, for signals
  std::vector<uint16_t> client_ports;
  std::vector<uint16_t> peer_ports;
  std::string data_directory =
      {};  ///< of its own, on every node; empty: nothing that disk faults could sit under
};

/// The options of `--db-opt key=value`.
using DatabaseOptions = std::map<std::string, std::string>;

/// Set-up and tear-down run once per node, concurrently, and are idempotent, also on a dirty node. `nodes` is
/// the whole cluster in order. Errors are one line: what, where, what to do. Thread-safe: called for
/// different nodes at once.
class Database {
 public:
  virtual ~Database() = default;
  virtual Capabilities capabilities() const = 0;
  virtual Status setup(const Node& node, const std::vector<Node>& nodes) = 0;
  virtual Status teardown(const Node& node, const std::vector<Node>& nodes) = 0;
  /// Instead of set-up, for a database that another process set up on `nodes` and that may be running: learns
  /// from the nodes what the calls below need. Changes nothing.
  virtual Status attach(const std::vector<Node>& /*nodes*/) { return ok_status(); }
  /// Returns when the cluster as a whole serves requests, or an error at the deadline.
  virtual Status await_ready(const std::vector<Node>& nodes, Milliseconds deadline) = 0;
  /// Connects to `node`; changes no state. A client that cannot connect is a client whose operations are
  /// `not_sent`.
  virtual std::unique_ptr<Client> connect(const Node& node) = 0;
  virtual Status start(const Node& node,
                       const std::vector<Node>& nodes) = 0;  ///< start the server again after a kill
  virtual Status kill(const Node& node) = 0;                 ///< SIGKILL
  virtual Status pause(const Node& node) = 0;                ///< SIGSTOP, the whole process tree
  virtual Status resume(const Node& node) = 0;
  /// Names of the nodes that believe they lead, now; best effort.
  virtual std::vector<std::string> primaries(const std::vector<Node>& nodes) = 0;
  // With Capabilities::membership:
  /// The names of the cluster's members as `node` itself sees them now, sorted; a member that is none of
  /// `nodes` by its own name. An error says why the node does not tell.
  virtual Result<std::vector<std::string>> members(const Node& node, const std::vector<Node>& /*nodes*/,
                                                   Milliseconds /*deadline*/) {
    return Error{"members are not known on " + node.name};
  }
  /// Has the other members take `node` out of the cluster. Its server was stopped before; its data stays. One
  /// that is no member is no error.
  virtual Status remove_member(const Node& node, const std::vector<Node>& /*nodes*/,
                               Milliseconds /*deadline*/) {
    return Error{"members cannot be removed on " + node.name};
  }
  /// Brings `node` back: wipes its data, has the members take it in and starts its server. One that is a
  /// member already is only started.
  virtual Status add_member(const Node& node, const std::vector<Node>& /*nodes*/, Milliseconds /*deadline*/) {
    return Error{"members cannot be added on " + node.name};
  }
  /// Remote log files to keep.
  virtual std::vector<std::string> log_files(const Node& node) const = 0;
  /// Version text for the report, after set-up.
  virtual std::string version(const Node& node) = 0;
};

}  // namespace riven
