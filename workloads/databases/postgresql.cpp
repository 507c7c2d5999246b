// PostgreSQL, one server on each node (a test uses one node).
#include <filesystem>
#include <random>

#include "harness/api/database.h"
#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "workloads/databases/daemon/server_process.h"
#include "workloads/databases/postgresql_client/connection.h"
#include "workloads/databases/sql/server.h"
#include "workloads/databases/sql/txn_client.h"

namespace riven::databases {

namespace {

constexpr uint16_t kPort = 5432;
const ServerProcess kServer{.name = "postgres",
                            .pid_file = "/run/riven-postgresql.pid",
                            .log_file = "/var/log/riven-postgresql.log",
                            .user = "postgres"};

/// Arguments: the address to listen on. Reads the password for role riven from stdin. Prints the server
/// program's path.
constexpr const char* kInitialise = R"sh(set -e
data=/var/lib/riven-postgresql
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -x "$bin/initdb" ] || { echo "no PostgreSQL server is installed (looked for /usr/lib/postgresql/*/bin/initdb)" >&2; exit 1; }
# With a disk layer over it the directory can be emptied, not removed, and what is not synced may be lost.
rm -rf "$data" 2>/dev/null || [ -z "$(ls -A "$data")" ]
mkdir -p "$data" /run/postgresql
sync=--no-sync
if grep -q " $data fuse.riven" /proc/mounts; then sync=; fi
chown postgres: "$data" /run/postgresql; chmod 700 "$data"
pw=$(mktemp); cat >"$pw"; chown postgres: "$pw"
as() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
cd /
as "$bin/initdb" -D "$data" -A scram-sha-256 -U riven --pwfile="$pw" -E UTF8 --locale=C $sync >/dev/null
rm -f "$pw"
cat >>"$data/postgresql.conf" <<END
listen_addresses = '$1'
unix_socket_directories = '/run/postgresql'
max_connections = 300
shared_buffers = 64MB
deadlock_timeout = 50ms
logging_collector = off
END
echo 'host all riven all scram-sha-256' >>"$data/pg_hba.conf"
[ -n "$sync" ] || sync "$data/postgresql.conf" "$data/pg_hba.conf"
echo "$bin/postgres"
)sh";

struct PostgresqlOptions {
  std::string isolation = "SERIALIZABLE";
  bool synchronous_commit = true;
};

class Postgresql final : public Database {
 public:
  explicit Postgresql(PostgresqlOptions options)
      : options_(std::move(options)), password_(sql::random_password()) {}

  Capabilities capabilities() const override {
    return {.kill = true,
            .pause = true,
            .primaries = false,
            .membership = false,
            .functions = {"txn"},
            .processes = {"postgres"},
            .client_ports = {kPort},
            .peer_ports = {},
            .data_directory = "/var/lib/riven-postgresql"};
  }

  Status setup(const Node& node, const std::vector<Node>& nodes) override {
    if (nodes.size() != 1) return Error{"postgresql is tested on one node here: say --nodes 1"};
    if (const Status stopped = kServer.stop(node); !stopped) return stopped;
    auto program = sql::run_as_root(node, kInitialise, {node.address}, password_);
    if (!program) return program.error();
    program_ = *program;
    if (const Status started = start(node, nodes); !started) return started;
    constexpr Milliseconds kDeadline{30'000};
    return sql::create_table(*connection_to(node), kDeadline,
                             "postgresql on " + node.name + " (its log is " + kServer.log_file + ")");
  }

  Status teardown(const Node& node, const std::vector<Node>& /*nodes*/) override {
    if (const Status stopped = kServer.stop(node); !stopped) return stopped;
    const auto removed = sql::run_as_root(
        node,
        "data=/var/lib/riven-postgresql; rm -rf $data /var/log/riven-postgresql.log 2>/dev/null "
        "|| [ -z \"$(ls -A $data)\" ]",
        {}, "");
    return removed ? ok_status() : Status(removed.error());
  }

  Status start(const Node& node, const std::vector<Node>& /*nodes*/) override {
    std::vector<std::string> argv{program_, "-D", "/var/lib/riven-postgresql"};
    if (!options_.synchronous_commit) argv.insert(argv.end(), {"-c", "synchronous_commit=off"});
    return kServer.start(node, argv);
  }
  Status kill(const Node& node) override { return kServer.signal(node, "KILL"); }
  Status pause(const Node& node) override { return kServer.signal(node, "STOP"); }
  Status resume(const Node& node) override { return kServer.signal(node, "CONT"); }

  Status await_ready(const std::vector<Node>& nodes, Milliseconds deadline) override {
    return sql::await_answer(*connection_to(nodes.front()), deadline, "postgresql on " + nodes.front().name);
  }

  std::unique_ptr<Client> connect(const Node& node) override {
    sql::Dialect dialect;
    dialect.begin = "BEGIN ISOLATION LEVEL " + options_.isolation;
    dialect.append = [](const std::string& k, const std::string& v) {
      return "INSERT INTO riven_kv AS l (k, v) VALUES (" + k + ", '" + v +
             "') ON CONFLICT (k) DO UPDATE SET v = l.v || EXCLUDED.v";
    };
    dialect.write = [](const std::string& k, const std::string& v) {
      return "INSERT INTO riven_kv (k, v) VALUES (" + k + ", '" + v +
             "') ON CONFLICT (k) DO UPDATE SET v = EXCLUDED.v";
    };
    dialect.commit_refusal_is_certain = postgresql::commit_refusal_is_certain;
    return sql::make_txn_client(connection_to(node), std::move(dialect));
  }

  std::vector<std::string> primaries(const std::vector<Node>& /*nodes*/) override { return {}; }
  std::vector<std::string> log_files(const Node& /*node*/) const override { return {kServer.log_file}; }
  std::string version(const Node& node) override {
    return sql::ask(*connection_to(node), "SELECT version()");
  }

 private:
  std::unique_ptr<sql::Connection> connection_to(const Node& node) const {
    return postgresql::make_connection({.address = node.address,
                                        .port = kPort,
                                        .user = "riven",
                                        .password = password_,
                                        .database = "postgres"});
  }

  const PostgresqlOptions options_;
  const std::string password_;
  std::string program_;
};

Result<std::unique_ptr<Database>> make(const DatabaseOptions& given) {
  PostgresqlOptions options;
  for (const auto& [key, value] : given) {
    const auto level = sql::isolation_level(value);
    if (key == "isolation" && level) {
      options.isolation = *level;
    } else if (key == "synchronous-commit" && (value == "on" || value == "off")) {
      options.synchronous_commit = value == "on";
    } else {
      return Error{"postgresql has no option " + key + "=" + value +
                   "; it has isolation=" + sql::kIsolationNames + " and synchronous-commit=on|off"};
    }
  }
  return std::unique_ptr<Database>(std::make_unique<Postgresql>(std::move(options)));
}

}  // namespace

void add_postgresql(Registry& registry) {
  registry.add(DatabaseFactory{
      .name = "postgresql",
      .description = "PostgreSQL, one node, list-append and register transactions over libpq",
      .options = {std::string("isolation=") + sql::kIsolationNames, "synchronous-commit=on|off"},
      .default_nodes = 1,
      .make = make});
}

}  // namespace riven::databases
