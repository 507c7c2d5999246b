// SQL servers as databases under test: what their set-ups, faults and connections have in common.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "harness/api/database.h"
#include "workloads/databases/daemon/server_process.h"
#include "workloads/databases/sql/connection.h"

namespace riven::sql {

/// What a kind of server is called and where its things are on a node.
struct ServerTraits {
  std::string name;  ///< as in --db
  databases::ServerProcess process;
  uint16_t port;
  /// A shell script: arguments are the address to listen on and the data directory; the password for user
  /// riven is on stdin. Makes an empty data directory and prints the server program's path.
  std::string initialise;
  std::string data_directory;
  bool disk_faults;   ///< whether the set-up knows what to do with a disk layer over the data directory
  std::string files;  ///< what the set-up leaves beside the data directory, as shell words
};

/// Transactions on one server, alone on its node. Threads as Database says.
class Server : public Database, ServerControl {
 public:
  DatabaseFacts facts() const override;
  ServerControl* server_control() override { return this; }
  Status setup(const Node& node, const std::vector<Node>& nodes) override;
  Status teardown(const Node& node, const std::vector<Node>& nodes) override;
  Status attach(const std::vector<Node>& nodes) override;
  Status start(const Node& node, const std::vector<Node>& nodes) override;
  Status kill(const Node& node) override;
  Status await_ready(const std::vector<Node>& nodes, Milliseconds deadline) override;
  std::unique_ptr<Client> connect(const Node& node) override;
  std::vector<std::string> log_files(const Node& node) const override;
  std::string version(const Node& node) override;

 protected:
  explicit Server(ServerTraits traits);
  const std::string& password() const { return password_; }

  /// How the program is started.
  virtual std::vector<std::string> command(const std::string& program) const = 0;
  virtual std::unique_ptr<Connection> connection_to(const Node& node) const = 0;
  virtual Dialect dialect() const = 0;

 private:
  /// On the node, for root alone: the server program's path and the password, a line each.
  std::string set_up_file() const { return "/var/lib/riven-" + traits_.name + ".set-up"; }

  const ServerTraits traits_;
  std::string password_;  // of user riven, made for this test
  std::string program_;
};

inline constexpr const char* kIsolationNames = "read-uncommitted|read-committed|repeatable-read|serializable";

/// What the user chose by --db-opt.
struct ServerOptions {
  std::string isolation = "SERIALIZABLE";  ///< SQL's words
  bool setting = false;                    ///< of the server's own option
};

/// Reads isolation=... and `setting`=on|off, which is `usual` unless given; the error says what there is.
Result<ServerOptions> read_options(const DatabaseOptions& given, const std::string& name,
                                   const std::string& setting, bool usual);
/// The same options for `riven list`.
std::vector<std::string> option_names(const std::string& setting);

}  // namespace riven::sql
