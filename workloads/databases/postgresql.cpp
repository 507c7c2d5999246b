// PostgreSQL, one server on each node (a test uses one node).
#include "harness/api/registry.h"
#include "workloads/databases/postgresql_client/connection.h"
#include "workloads/databases/sql/server.h"

namespace riven::databases {

namespace {

constexpr uint16_t kPort = 5432;
constexpr const char* kSetting = "synchronous-commit";
constexpr const char* kData = "/var/lib/riven-postgresql";

constexpr const char* kInitialise = R"sh(set -e
data=$2
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

class Postgresql final : public sql::Server {
 public:
  explicit Postgresql(sql::ServerOptions options)
      : sql::Server({.name = "postgresql",
                     .process = {.name = "postgres",
                                 .pid_file = "/run/riven-postgresql.pid",
                                 .log_file = "/var/log/riven-postgresql.log",
                                 .user = "postgres"},
                     .port = kPort,
                     .initialise = kInitialise,
                     .data_directory = kData,
                     .disk_faults = true,
                     .files = ""}),
        options_(std::move(options)) {}

 protected:
  std::vector<std::string> command(const std::string& program) const override {
    std::vector<std::string> argv{program, "-D", kData};
    if (!options_.setting) argv.insert(argv.end(), {"-c", "synchronous_commit=off"});
    return argv;
  }

  sql::Dialect dialect() const override {
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
    return dialect;
  }

  std::unique_ptr<sql::Connection> connection_to(const Node& node) const override {
    return postgresql::make_connection({.address = node.address,
                                        .port = kPort,
                                        .user = "riven",
                                        .password = password(),
                                        .database = "postgres"});
  }

 private:
  const sql::ServerOptions options_;
};

Result<std::unique_ptr<Database>> make(const DatabaseOptions& given) {
  auto options = sql::read_options(given, "postgresql", kSetting, true);
  if (!options) return options.error();
  return std::unique_ptr<Database>(std::make_unique<Postgresql>(*std::move(options)));
}

}  // namespace

void add_postgresql(Registry& registry) {
  registry.add(
      DatabaseFactory{.name = "postgresql",
                      .description = "PostgreSQL, one node, list-append and register transactions over libpq",
                      .options = sql::option_names(kSetting),
                      .default_nodes = 1,
                      .make = make});
}

}  // namespace riven::databases
