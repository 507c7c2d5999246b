// Databases under test: their set-up, their clients, and what faults may do with them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/client.h"
#include "harness/control/node.h"
#include "harness/core/result.h"

namespace riven {

/// What is known of a database before it is set up.
struct DatabaseFacts {
  std::vector<std::string> functions = {};  ///< operations its client knows: read, write, cas, txn, acquire,
                                            ///< ...; empty: not stated, every workload is tried
  std::vector<std::string> processes = {};  ///< names of its server processes; empty: no fault can reach them
  std::string data_directory = {};  ///< of its own, on every node; empty: disk faults are not possible
};

/// The facts and which of the objects below there are; faults and workloads are picked by it.
struct Capabilities : DatabaseFacts {
  bool kill = false;        ///< ServerControl
  bool primaries = false;   ///< Leadership
  bool membership = false;  ///< MemberControl
};

/// The options of `--db-opt key=value`.
using DatabaseOptions = std::map<std::string, std::string>;

/// For faults that end the database on a node: its server can be ended, and started again. Thread-safe:
/// called for different nodes at once.
class ServerControl {
 public:
  virtual ~ServerControl() = default;
  /// Starts the server after it was killed; one that runs already is no error.
  virtual Status start(const Node& node, const std::vector<Node>& nodes) = 0;
  virtual Status kill(const Node& node) = 0;  ///< SIGKILL
};

/// For faults that affect leaders.
class Leadership {
 public:
  virtual ~Leadership() = default;
  /// Names of the nodes that believe they lead, now; best effort. Nodes that do not answer lead nothing.
  virtual std::vector<std::string> primaries(const std::vector<Node>& nodes) = 0;
};

/// For faults that change the cluster's members.
class MemberControl {
 public:
  virtual ~MemberControl() = default;
  /// The names of the cluster's members as `node` itself sees them now, sorted; a member that is none of
  /// `nodes` by its own name. An error says why the node does not answer.
  virtual Result<std::vector<std::string>> members(const Node& node, const std::vector<Node>& nodes,
                                                   Milliseconds deadline) = 0;
  /// Has the other members remove `node`. Its server was stopped before; its data stays. One that is no
  /// member is no error.
  virtual Status remove_member(const Node& node, const std::vector<Node>& nodes, Milliseconds deadline) = 0;
  /// Brings `node` back: wipes its data, has the members add it and starts its server. One that is a member
  /// already is only started.
  virtual Status add_member(const Node& node, const std::vector<Node>& nodes, Milliseconds deadline) = 0;
};

/// Four methods make a database. The rest has a default, or is an object that a database offers where it can.
/// Set-up and tear-down run once per node, concurrently, and are idempotent, also on a dirty node. `nodes` is
/// the whole cluster in order. Errors are one line: what, where, what to do. Thread-safe: called for
/// different nodes at once.
class Database {
 public:
  virtual ~Database() = default;
  virtual Status setup(const Node& node, const std::vector<Node>& nodes) = 0;
  virtual Status teardown(const Node& node, const std::vector<Node>& nodes) = 0;
  /// Returns when the cluster as a whole serves requests, or an error at the deadline.
  virtual Status await_ready(const std::vector<Node>& nodes, Milliseconds deadline) = 0;
  /// Connects to `node`; changes no state. A client that cannot connect is a client whose operations are
  /// `not_sent`.
  virtual std::unique_ptr<Client> connect(const Node& node) = 0;

  virtual DatabaseFacts facts() const { return {}; }
  /// Instead of set-up, for a database that another process set up on `nodes` and that may be running: learns
  /// from the nodes what the other calls need. Changes nothing.
  virtual Status attach(const std::vector<Node>& /*nodes*/) { return ok_status(); }
  /// Remote log files to keep.
  virtual std::vector<std::string> log_files(const Node& /*node*/) const { return {}; }
  /// Version text for the report, after set-up; empty: not known.
  virtual std::string version(const Node& /*node*/) { return {}; }

  // What it offers; null: not this. Owned by the database, the same object at every call.
  virtual ServerControl* server_control() { return nullptr; }
  virtual Leadership* leadership() { return nullptr; }
  virtual MemberControl* member_control() { return nullptr; }

  Capabilities capabilities() {
    return {facts(), server_control() != nullptr, leadership() != nullptr, member_control() != nullptr};
  }
};

}  // namespace riven
