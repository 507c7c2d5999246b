// MariaDB, one server on each node (a test uses one node).
#include "harness/api/registry.h"
#include "workloads/databases/mariadb_client/connection.h"
#include "workloads/databases/sql/server.h"

namespace riven::databases {

namespace {

constexpr uint16_t kPort = 3306;
constexpr const char* kSetting = "innodb_snapshot_isolation";

constexpr const char* kInitialise = R"sh(set -e
data=$2
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

class Mariadb final : public sql::Server {
 public:
  explicit Mariadb(sql::ServerOptions options)
      : sql::Server({.name = "mariadb",
                     .process = {.name = "mariadbd",
                                 .pid_file = "/run/riven-mariadb.pid",
                                 .log_file = "/var/log/riven-mariadb.log",
                                 .user = "mysql"},
                     .port = kPort,
                     .initialise = kInitialise,
                     .data_directory = "/var/lib/riven-mariadb",
                     .disk_faults = false,
                     .files = "/run/riven-mariadb*"}),
        options_(std::move(options)) {}

  std::string version(const Node& node) override { return "MariaDB " + sql::Server::version(node); }

 protected:
  std::vector<std::string> command(const std::string& program) const override {
    return {program, "--defaults-file=/run/riven-mariadb.cnf"};
  }

  sql::Dialect dialect() const override {
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
    return dialect;
  }

  std::unique_ptr<sql::Connection> connection_to(const Node& node) const override {
    std::vector<std::string> settings{"SET SESSION TRANSACTION ISOLATION LEVEL " + options_.isolation};
    if (options_.setting) settings.push_back(std::string("SET SESSION ") + kSetting + " = ON");
    return mariadb::make_connection({.address = node.address,
                                     .port = kPort,
                                     .user = "riven",
                                     .password = password(),
                                     .database = "riven",
                                     .session_settings = std::move(settings)});
  }

 private:
  const sql::ServerOptions options_;
};

Result<std::unique_ptr<Database>> make(const DatabaseOptions& given) {
  auto options = sql::read_options(given, "mariadb", kSetting, false);
  if (!options) return options.error();
  return std::unique_ptr<Database>(std::make_unique<Mariadb>(*std::move(options)));
}

}  // namespace

void add_mariadb(Registry& registry) {
  registry.add(DatabaseFactory{
      .name = "mariadb",
      .description = "MariaDB, one node, list-append and register transactions over Connector/C",
      .options = sql::option_names(kSetting),
      .default_nodes = 1,
      .make = make});
}

}  // namespace riven::databases
