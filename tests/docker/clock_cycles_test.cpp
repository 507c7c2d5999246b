// Real servers in Go, C and Java under load, whose clocks are bent and mended again and again: [.cycles],
// nightly.
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "harness/control/agent_client.h"
#include "harness/control/local_command.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "tests/docker/cluster_fixture.h"

namespace riven {
namespace {

constexpr int64_t kHourNs = 3600 * kNanosPerSecond;

struct Server {
  const char* image;
  const char* process;
  const char* start;
  /// Runs until it fails; a line in /tmp/done for whatever succeeded, one in /tmp/bad for whatever went
  /// wrong.
  const char* load;
};

// Every answer carries the server's time: it is right, or an hour off, or two (it was bent the other way in
// between).
constexpr Server kEtcd = {"riven-node-etcd:bookworm", "etcd", "etcd --data-dir /tmp/etcd", R"sh(
while etcdctl put key value >/dev/null; do
  exec 3<>/dev/tcp/127.0.0.1/2379
  printf 'GET /version HTTP/1.0\r\n\r\n' >&3
  told=$(date -d "$(grep -i ^date: <&3 | cut -d' ' -f2- | tr -d '\r')" +%s)
  off=$(($(date +%s) - told)); off=${off#-}
  if [ $off -gt 2 ] && { [ $off -lt 3598 ] || [ $off -gt 3602 ]; }; then echo "off by $off s" >>/tmp/bad; fi
  echo >>/tmp/done
done
echo "etcdctl failed" >>/tmp/bad)sh"};

constexpr Server kPostgresql = {"riven-node-postgresql:bookworm", "postgres", R"sh(
mkdir -p /tmp/pg /var/run/postgresql; chown postgres /tmp/pg /var/run/postgresql; bin=$(echo /usr/lib/postgresql/*/bin)
run() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
run $bin/initdb -D /tmp/pg -A trust >/dev/null && run $bin/postgres -D /tmp/pg)sh",
                                R"sh(
sql="insert into t values (now()); with reading as (select clock_timestamp() as t, n from generate_series(1, 5000) n),
step as (select abs(extract(epoch from t - lag(t) over (order by n))) as s from reading)
select count(*) from step where s > 1 and abs(s - 3600) > 1 and abs(s - 7200) > 1"
psql -U postgres -h 127.0.0.1 -qc 'create table if not exists t (at timestamptz)'
while bad=$(psql -U postgres -h 127.0.0.1 -Atqc "$sql"); do
  [ "$bad" = 0 ] || echo "$bad readings" >>/tmp/bad
  echo >>/tmp/done
done
echo "psql failed" >>/tmp/bad)sh"};

// The client is a JVM too, and is bent with its server.
constexpr Server kZookeeper = {"riven-node-zookeeper:bookworm", "java",
                               "/usr/share/zookeeper/bin/zkServer.sh start-foreground", R"sh(
for i in $(seq 200); do echo 'create -s /r x'; echo 'create -s -e /s x'; done >/tmp/commands
while :; do
  made=$(/usr/share/zookeeper/bin/zkCli.sh </tmp/commands 2>&1 | grep -c '^Created')
  [ "$made" = 400 ] || echo "$made of 400 nodes" >>/tmp/bad
  seq "$made" >>/tmp/done
done)sh"};

class Running {
 public:
  explicit Running(const Server& server)
      : process_(server.process), name_(docker_test::unique_name("cycles")) {
    must({"docker", "run", "-d", "--rm", "--name", name_, "--network", "none", "--cap-add", "SYS_PTRACE",
          "--init", server.image, "tail", "-f", "/dev/null"});
    must({"docker", "cp", RIVEN_AGENT_PATH, name_ + ":/usr/local/bin/riven-agent"});
    must({"docker", "exec", "-d", name_, "bash", "-c", std::string(server.start) + " >/tmp/log 2>&1"});
    for (int i = 0; i < 60 && sh("pgrep -x " + process_).empty(); ++i) usleep(500'000);
    sleep(5);
    must({"docker", "exec", "-d", name_, "bash", "-c", server.load});
    AgentOptions options;
    options.owner = "cycles";
    options.state_directory = "/var/lib/riven-cycles";
    auto started = AgentClient::start(
        local_agent_launcher({"docker", "exec", "-i", name_, "/usr/local/bin/riven-agent"}, options),
        options);
    if (!started) FAIL(started.error().message);
    agent = std::move(*started);
  }
  ~Running() {
    agent.reset();
    (void)run_local({"docker", "rm", "-f", name_}, "", Milliseconds(60'000));
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  std::string sh(const std::string& script) const {
    const auto ran = run_local({"docker", "exec", name_, "bash", "-c", script}, "", Milliseconds(60'000));
    return ran ? ran->out : "?";
  }
  std::string oldest() const { return sh("pgrep -o -x " + process_); }
  int64_t done() const { return std::atoll(sh("wc -l </tmp/done || echo 0").c_str()); }
  FaultSpec bent(Json shape) const {
    shape["processes"] = {process_};
    return {"clock", shape};
  }
  std::unique_ptr<AgentClient> agent;

 private:
  static void must(const std::vector<std::string>& argv) {
    const auto ran = run_local(argv, "", Milliseconds(60'000));
    if (!ran) FAIL(ran.error().message);
    if (!ran->succeeded()) FAIL(ran->err);
  }
  std::string process_, name_;
};

void bend_and_mend(const Server& server) {
  if (const std::string why = docker_test::cannot_run(); !why.empty()) {
    WARN(why);
    return;
  }
  const auto image = run_local({"docker", "image", "inspect", server.image}, "", Milliseconds(20'000));
  if (!image || !image->succeeded()) {
    WARN("skipped: there is no image " << server.image);
    return;
  }
  const Running running(server);
  for (int i = 0; i < 60 && running.done() == 0; ++i) usleep(500'000);
  REQUIRE(running.done() > 0);
  const std::string before = running.oldest();
  const int64_t done_before = running.done(), began_ns = monotonic_now_ns();
  const std::vector<Json> shapes = {{{"offset_ns", kHourNs}},
                                    {{"offset_ns", -kHourNs}},
                                    {{"drift_ppb", 1'000'000}},
                                    {{"drift_ppb", -1'000'000}}};
  const char* const asked = std::getenv("RIVEN_CLOCK_CYCLES");
  const int cycles = asked == nullptr ? 1000 : std::atoi(asked);
  std::vector<int64_t> stops_us;
  int wrong = 0;
  for (int i = 0; i < cycles; ++i) {
    const auto applied = running.agent->apply(running.bent(shapes[static_cast<size_t>(i) % shapes.size()]));
    if (!applied) FAIL("cycle " << i << ": " << applied.error().message);
    const auto seen = running.agent->observe();
    REQUIRE(seen);
    for (const FaultProof& fault : *seen) {
      wrong += fault.proof.value("right", false) ? 0 : 1;
      stops_us.push_back(integer_of(fault.proof, "stopped_us"));
    }
    const auto healed = running.agent->heal(applied->ids);
    if (!healed) FAIL("cycle " << i << ": " << healed.error().message);
  }
  const double took_s = static_cast<double>(monotonic_now_ns() - began_ns) / 1e9;
  sleep(2);
  const int64_t done = running.done() - done_before;
  std::sort(stops_us.begin(), stops_us.end());
  REQUIRE_FALSE(stops_us.empty());
  WARN(server.process << ": " << cycles << " cycles in " << took_s << " s, " << done
                      << " of the load's steps, stood still for " << stops_us[stops_us.size() / 2]
                      << " us (median, most " << stops_us.back() << "), " << wrong
                      << " offsets not as asked");
  CHECK(wrong == 0);
  CHECK(done > 0);
  CHECK(running.oldest() == before);
  CHECK(running.sh("cat /tmp/bad 2>/dev/null | head -n 5") == "");
  CHECK(running.sh("grep -l 'r-xp 00000000 00:00 0 *$' /proc/[0-9]*/maps 2>/dev/null | wc -l") == "0\n");
}

TEST_CASE("a thousand times: etcd's clock bent and mended under load", "[docker][.cycles]") {
  bend_and_mend(kEtcd);
}
TEST_CASE("a thousand times: PostgreSQL's clock bent and mended under load", "[docker][.cycles]") {
  bend_and_mend(kPostgresql);
}
TEST_CASE("a thousand times: ZooKeeper's clock bent and mended under load", "[docker][.cycles]") {
  bend_and_mend(kZookeeper);
}

}  // namespace
}  // namespace riven
