// MariaDB, one server on each node (a test uses one node).
#include "harness/api/database.h"
#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "workloads/databases/daemon/server_process.h"
#include "workloads/databases/mariadb_client/connection.h"
#include "workloads/databases/sql/server.h"
#include "workloads/databases/sql/txn_client.h"

namespace riven::databases {

namespace {

constexpr uint16_t kPort = 3306;
const ServerProcess kServer{.name = "mariadbd",
                            .pid_file = "/run/riven-mariadb.pid",
                            .log_file = "/var/log/riven-mariadb.log",
                            .user = "mysql"};

/// Arguments: the address to listen on. Reads the password for user riven from stdin.
constexpr const char* kInitialise = R"sh(set -e
data=/var/lib/riven-mariadb
command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null || { echo "no MariaDB server is installed (looked for mariadbd and mariadb-install-db)" >&2; exit 1; }
rm -rf "$data"; mkdir -p "$data" /run/mysqld
chown mysql: "$data" /run/mysqld; chmod 700 "$data"
cat >/run/riven-mariadb.cnf <<END
[mysqld]
datadir=$data
socket=/run/mysqld/riven.sock
pid-file=/run/mysqld/riven.pid
port=3306
bind-address=$1
skip-name-resolve
skip-log-bin
innodb_buffer_pool_size=64M
innodb_flush_log_at_trx_commit=1
innodb_lock_wait_timeout=3
max_connections=300
performance_schema=OFF
init-file=/run/riven-mariadb.sql
END
mariadb-install-db --no-defaults --user=mysql --datadir="$data" --auth-root-authentication-method=socket --skip-test-db >/run/riven-mariadb-install.log 2>&1 ||
  { tail -n 1 /run/riven-mariadb-install.log >&2; exit 1; }
umask 077
{ echo "CREATE DATABASE IF NOT EXISTS riven;"
  echo "CREATE USER IF NOT EXISTS 'riven'@'%' IDENTIFIED BY '$(cat)';"
  echo "GRANT ALL ON riven.* TO 'riven'@'%';"; } >/run/riven-mariadb.sql
chown mysql: /run/riven-mariadb.sql
command -v mariadbd
)sh";

struct MariadbOptions {
  std::string isolation = "SERIALIZABLE";
  bool snapshot_isolation = false;
};

class Mariadb final : public Database {
 public:
  explicit Mariadb(MariadbOptions options)
      : options_(std::move(options)), password_(sql::random_password()) {}

  Capabilities capabilities() const override {
    return {.kill = true,
            .pause = true,
            .primaries = false,
            .membership = false,
            .functions = {"txn"},
            .processes = {"mariadbd"},
            .client_ports = {kPort},
            .peer_ports = {}};
  }

  Status setup(const Node& node, const std::vector<Node>& nodes) override {
    if (nodes.size() != 1) return Error{"mariadb is tested on one node here: say --nodes 1"};
    if (const Status stopped = kServer.stop(node); !stopped) return stopped;
    auto program = sql::run_as_root(node, kInitialise, {node.address}, password_);
    if (!program) return program.error();
    program_ = *program;
    if (const Status started = start(node, nodes); !started) return started;
    constexpr Milliseconds kDeadline{30'000};
    return sql::create_table(*connection_to(node), kDeadline,
                             "mariadb on " + node.name + " (its log is " + kServer.log_file + ")");
  }

  Status teardown(const Node& node, const std::vector<Node>& /*nodes*/) override {
    if (const Status stopped = kServer.stop(node); !stopped) return stopped;
    const auto removed = sql::run_as_root(
        node, "rm -rf /var/lib/riven-mariadb /var/log/riven-mariadb.log /run/riven-mariadb*", {}, "");
    return removed ? ok_status() : Status(removed.error());
  }

  Status start(const Node& node, const std::vector<Node>& /*nodes*/) override {
    return kServer.start(node, {program_, "--defaults-file=/run/riven-mariadb.cnf"});
  }
  Status kill(const Node& node) override { return kServer.signal(node, "KILL"); }
  Status pause(const Node& node) override { return kServer.signal(node, "STOP"); }
  Status resume(const Node& node) override { return kServer.signal(node, "CONT"); }

  Status await_ready(const std::vector<Node>& nodes, Milliseconds deadline) override {
    return sql::await_answer(*connection_to(nodes.front()), deadline, "mariadb on " + nodes.front().name);
  }

  std::unique_ptr<Client> connect(const Node& node) override {
    sql::Dialect dialect;
    dialect.begin = "START TRANSACTION";
    dialect.append = [](const std::string& k, const std::string& v) {
      return "INSERT INTO riven_kv (k, v) VALUES (" + k + ", '" + v +
             "') ON DUPLICATE KEY UPDATE v = CONCAT(v, VALUES(v))";
    };
    dialect.write = [](const std::string& k, const std::string& v) {
      return "INSERT INTO riven_kv (k, v) VALUES (" + k + ", '" + v +
             "') ON DUPLICATE KEY UPDATE v = VALUES(v)";
    };
    dialect.commit_refusal_is_certain = mariadb::commit_refusal_is_certain;
    return sql::make_txn_client(connection_to(node), std::move(dialect));
  }

  std::vector<std::string> primaries(const std::vector<Node>& /*nodes*/) override { return {}; }
  std::vector<std::string> log_files(const Node& /*node*/) const override { return {kServer.log_file}; }
  std::string version(const Node& node) override {
    return "MariaDB " + sql::ask(*connection_to(node), "SELECT version()");
  }

 private:
  std::unique_ptr<sql::Connection> connection_to(const Node& node) const {
    std::vector<std::string> settings{"SET SESSION TRANSACTION ISOLATION LEVEL " + options_.isolation};
    if (options_.snapshot_isolation) settings.emplace_back("SET SESSION innodb_snapshot_isolation = ON");
    return mariadb::make_connection({.address = node.address,
                                     .port = kPort,
                                     .user = "riven",
                                     .password = password_,
                                     .database = "riven",
                                     .session_settings = std::move(settings)});
  }

  const MariadbOptions options_;
  const std::string password_;
  std::string program_;
};

Result<std::unique_ptr<Database>> make(const DatabaseOptions& given) {
  MariadbOptions options;
  for (const auto& [key, value] : given) {
    const auto level = sql::isolation_level(value);
    if (key == "isolation" && level) {
      options.isolation = *level;
    } else if (key == "innodb_snapshot_isolation" && (value == "on" || value == "off")) {
      options.snapshot_isolation = value == "on";
    } else {
      return Error{"mariadb has no option " + key + "=" + value +
                   "; it has isolation=" + sql::kIsolationNames + " and innodb_snapshot_isolation=on|off"};
    }
  }
  return std::unique_ptr<Database>(std::make_unique<Mariadb>(std::move(options)));
}

}  // namespace

void add_mariadb(Registry& registry) {
  registry.add(DatabaseFactory{
      .name = "mariadb",
      .description = "MariaDB, one node, list-append and register transactions over Connector/C",
      .options = {std::string("isolation=") + sql::kIsolationNames, "innodb_snapshot_isolation=on|off"},
      .default_nodes = 1,
      .make = make});
}

}  // namespace riven::databases
