// The promise that nothing stays broken: controllers and agents that die, hang or are cut off.
#include <sys/wait.h>

#include <algorithm>
#include <csignal>
#include <fstream>

#include "harness/control/byte_stream.h"
#include "harness/control/local_stream.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "tests/agent/namespaces.h"

namespace riven::test {
namespace {

constexpr Milliseconds kShortLease{1'000};

bool within(int64_t limit_ms, const std::function<bool()>& holds) {
  const int64_t until = monotonic_now_ns() + limit_ms * kNanosPerMilli;
  while (monotonic_now_ns() < until) {
    if (holds()) return true;
    usleep(5000);
  }
  return holds();
}

bool no_rules(const Namespaces& world, size_t i) {
  return world.output(i, "nft list ruleset").find("riven-") == std::string::npos;
}

/// A controller in a process of its own that parts node 0 from node 1 and then waits.
pid_t fork_controller(const Namespaces& world, Milliseconds lease) {
  int ready[2];
  RIVEN_CHECK(pipe2(ready, O_CLOEXEC) == 0, "no pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    auto agent = world.agent(0, world.owner(), lease);
    if (!agent || !(*agent)->apply(packets({drop_from(1)}))) _exit(1);
    (void)!write(ready[1], "y", 1);
    while (true) pause();
  }
  close(ready[1]);
  char byte = 0;
  const bool parted = read(ready[0], &byte, 1) == 1;
  close(ready[0]);
  CHECK(parted);
  return pid;
}

TEST_CASE("a controller that is killed leaves nothing behind, 20 times of 20", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  int whole = 0;
  for (int round = 0; round < 20; ++round) {
    const pid_t controller = fork_controller(*world, Milliseconds(10'000));
    REQUIRE_FALSE(no_rules(*world, 0));
    kill(controller, SIGKILL);
    waitpid(controller, nullptr, 0);
    whole += within(2000, [&] { return no_rules(*world, 0); }) ? 1 : 0;
  }
  CHECK(whole == 20);
  CHECK(udp_arrivals(*world, 1, 0, 5) == 5);
}

TEST_CASE("a controller that hangs loses its lease", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  const pid_t controller = fork_controller(*world, kShortLease);
  usleep(1'500'000);
  CHECK_FALSE(no_rules(*world, 0));  // the lease is renewed
  kill(controller, SIGSTOP);         // the connection stays open
  CHECK(within(1'800, [&] { return no_rules(*world, 0); }));
  kill(controller, SIGKILL);
  waitpid(controller, nullptr, 0);
}

TEST_CASE("an agent that is killed is replaced, and the next one repairs", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const auto ack = (*agent)->apply(packets({drop_from(1)}));
  REQUIRE(ack);
  CHECK(udp_arrivals(*world, 1, 0, 5) == 0);
  const AgentOptions options = world->options(0, world->owner(), Milliseconds(10'000));
  const pid_t first = agent_pid(options);
  REQUIRE(first > 1);
  kill(first, SIGKILL);
  usleep(100'000);
  CHECK_FALSE(no_rules(*world, 0));  // nobody was there to heal
  CHECK_FALSE((*agent)->ping());     // tells that it is gone
  REQUIRE((*agent)->ping());         // and then there is another
  CHECK(agent_pid(options) != first);
  CHECK(no_rules(*world, 0));
  const auto healed = (*agent)->heal(ack->ids);
  REQUIRE(healed);
  REQUIRE(healed->healed.size() == 1);
  CHECK(dropped(healed->healed[0].proof, "n2") == 5);
  CHECK(text_of(healed->healed[0].proof, "why") == "repaired");
}

TEST_CASE("controller and agent killed: another owner's agent heals everyone's", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  const pid_t controller = fork_controller(*world, Milliseconds(10'000));
  const AgentOptions options = world->options(0, world->owner(), Milliseconds(10'000));
  const pid_t agent = agent_pid(options);
  REQUIRE(agent > 1);
  kill(agent, SIGKILL);
  kill(controller, SIGKILL);
  waitpid(controller, nullptr, 0);
  usleep(50'000);
  REQUIRE_FALSE(no_rules(*world, 0));
  auto healer = world->agent(0, "healer");
  REQUIRE(healer);
  CHECK_FALSE(no_rules(*world, 0));  // not its own
  const auto healed = (*healer)->heal_all(true);
  REQUIRE(healed);
  CHECK(healed->healed.size() == 1);
  CHECK(no_rules(*world, 0));
}

TEST_CASE("heal everyone also ends a living agent of another owner", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto other = world->agent(0, "other");
  REQUIRE(other);
  REQUIRE((*other)->apply(packets({drop_from(1)})));
  auto healer = world->agent(0, "healer");
  REQUIRE(healer);
  REQUIRE((*healer)->heal_all(true));
  CHECK(no_rules(*world, 0));
}

TEST_CASE("a second agent of one owner takes over from the first", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto first = world->agent(0);
  REQUIRE(first);
  REQUIRE((*first)->apply(packets({drop_from(1)})));
  auto second = world->agent(0);
  REQUIRE(second);
  CHECK(no_rules(*world, 0));
  CHECK((*second)->ping());
}

TEST_CASE("the ledger damaged, the agent dead: tables are found without it", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  REQUIRE((*agent)->apply(packets({drop_from(1)})));
  const AgentOptions options = world->options(0, world->owner(), Milliseconds(10'000));
  kill(agent_pid(options), SIGKILL);
  usleep(50'000);
  std::ofstream(options.state_directory + "/ledger/test", std::ios::trunc) << "\x01garbage\n{}\n";
  REQUIRE_FALSE(no_rules(*world, 0));
  auto next = world->agent(0);
  REQUIRE(next);
  CHECK(no_rules(*world, 0));
  CHECK((*next)->repaired().size() == 1);
}

TEST_CASE("the agent's connection ends: it heals, clears up and ends", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  const AgentOptions options = world->options(0, world->owner(), Milliseconds(10'000));
  pid_t pid = 0;
  {
    auto agent = world->agent(0);
    REQUIRE(agent);
    REQUIRE((*agent)->apply(packets({drop_from(1)})));
    pid = agent_pid(options);
  }
  CHECK(no_rules(*world, 0));
  CHECK(within(1000, [&] { return kill(pid, 0) != 0; }));
  CHECK(run("test -z \"$(ls -A " + options.state_directory + "/lock " + options.state_directory +
            "/ledger | grep -v :)\""));
}

TEST_CASE("garbage on its input neither ends nor confuses the agent", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto stream = world->launcher(0, world->owner(), kShortLease)();
  REQUIRE(stream);
  const std::string noise = "GET / HTTP/1.1\r\n\r\n" + encode_frame("not json") + encode_frame("{\"seq\":1}");
  REQUIRE((*stream)->write(noise, Milliseconds(1000)));
  REQUIRE(
      (*stream)->write(encode_frame(encode(AgentRequest{5, "ping", Json::object()})), Milliseconds(1000)));
  FrameReader reader;
  std::vector<AgentReply> replies;
  char buffer[4096];
  while (replies.size() < 4) {
    const auto got = (*stream)->read(buffer, sizeof buffer, Milliseconds(3000));
    REQUIRE(got);
    REQUIRE(*got > 0);
    reader.feed({buffer, *got});
    while (auto payload = reader.next()) {
      REQUIRE(payload->has_value());
      auto reply = parse_reply(**payload);
      REQUIRE(reply);
      replies.push_back(*reply);
    }
  }
  for (size_t i = 0; i < 3; ++i) CHECK_FALSE(replies[i].error.empty());
  CHECK(replies[3].seq == 5);
  CHECK(replies[3].error.empty());
}

TEST_CASE("a request through the agent costs less than a millisecond", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  std::vector<int64_t> times_ns;
  for (int i = 0; i < 200; ++i) {
    const int64_t start = monotonic_now_ns();
    REQUIRE((*agent)->ping());
    times_ns.push_back(monotonic_now_ns() - start);
  }
  std::sort(times_ns.begin(), times_ns.end());
  WARN("a request through the agent: median " << times_ns[100] / 1000 << " us");
  CHECK(times_ns[100] < kNanosPerMilli);
}

}  // namespace
}  // namespace riven::test
