// Paused and killed processes: whole trees, also while they fork, and nothing else.
#include <algorithm>

#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/clock/clock_fault.h"
#include "nemesis/agent/clock/clock_patch.h"
#include "nemesis/agent/process/freezer.h"
#include "nemesis/agent/process/process_fault.h"
#include "nemesis/agent/process/process_table.h"
#include "nemesis/agent/process/tracing_thread.h"
#include "tests/agent/victims.h"

namespace riven::test {
namespace {

TEST_CASE("the process table knows names, descent and states", "[agent]") {
  const Victim victim, other("o");
  REQUIRE(victim.lives());
  const auto trees = agent::process_trees({victim.name()});
  REQUIRE_FALSE(trees.empty());
  for (const auto& process : trees) CHECK(process.name == victim.name());
  CHECK(agent::process_trees({"rvt-nobody"}).empty());
  const auto all = agent::read_processes();
  CHECK(std::none_of(all.begin(), all.end(), [](const auto& p) { return p.id.pid == getpid(); }));
  CHECK(agent::is_alive(trees.front().id));
  agent::ProcessId reborn = trees.front().id;
  ++reborn.start_ticks;
  CHECK_FALSE(agent::is_alive(reborn));
  const auto again = agent::process_ids_from({{"known", agent::to_json({trees.front().id})}}, "known");
  REQUIRE(again.size() == 1);
  CHECK(again.front() == trees.front().id);
}

TEST_CASE("a forking tree stands still while it is paused, and goes on", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const Victim victim, other("o");
  REQUIRE(victim.lives());
  for (int round = 0; round < 5; ++round) {
    const auto ack = (*agent)->apply(pausing(victim));
    REQUIRE(ack);
    CHECK(victim.stands_still());
    CHECK(other.lives());
    const auto seen = (*agent)->observe();
    REQUIRE(seen);
    CHECK(integer_of(seen->front().proof, "running", -1) == 0);
    CHECK(integer_of(seen->front().proof, "stopped") >= 1);
    const auto healed = (*agent)->heal(ack->ids);
    REQUIRE(healed);
    CHECK(integer_of(healed->healed.front().proof, "running", -1) == 0);
    CHECK(victim.lives());
    REQUIRE((*agent)->heal(ack->ids));
    CHECK(victim.lives());
  }
}

std::string groups_of(const Victim& victim) {
  const auto trees = agent::process_trees({victim.name()});
  if (trees.empty()) return "";
  std::ifstream file("/proc/" + std::to_string(trees.front().id.pid) + "/cgroup");
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A pause of the test's own, without an agent: `ip netns exec` hides the control groups.
struct OwnPause {
  OwnPause(const Victim& victim, const char* by) {
    context.owner = "test" + std::to_string(getpid());
    context.has_skewed_clock = agent::has_skewed_clock;
    auto made = agent::pause_kind().make(context, by, pausing(victim, by).params);
    if (!made) FAIL(made.error().message);
    fault = std::move(*made);
    REQUIRE(fault->arm());
  }
  Json apply() {
    auto applied = fault->apply();
    if (!applied) FAIL(applied.error().message);
    return *applied;
  }
  Json end() {
    fault->retire();
    auto undone = agent::pause_kind().undo(context, fault->undo_record());
    if (!undone) FAIL(undone.error().message);
    return *undone;
  }
  agent::Context context;
  std::unique_ptr<agent::Fault> fault;
};

TEST_CASE("a frozen tree cannot be told from one that sleeps, keeps its groups, and can be killed",
          "[agent][root]") {
  if (geteuid() != 0 || agent::freezer_folders({{getpid(), 0}}, "can").empty()) {
    WARN("skipped: no control groups of version 2 that this user may freeze");
    return;
  }
  const Victim victim;
  REQUIRE(victim.lives());
  const std::string before = groups_of(victim);
  OwnPause freezer(victim, "freezer");
  CHECK(victim.lives());  // until the fault begins
  CHECK(text_of(freezer.apply(), "by") == "freezer");
  CHECK(victim.stands_still());
  const auto trees = agent::process_trees({victim.name()});
  REQUIRE_FALSE(trees.empty());
  for (const auto& process : trees) {
    CHECK(process.state != 'T');
    CHECK(process.stopped);
    CHECK(agent::stands_in_freezer(process.id.pid));
  }
  CHECK(groups_of(victim) != before);
  // Nobody may wait for what it would have to do first.
  const auto target = agent::ClockTarget::open(trees.front().id.pid);
  REQUIRE(target);
  std::string refused;
  agent::TracingThread::instance().call([&] {
    const auto reading = target->read_clock(CLOCK_REALTIME);
    if (!reading) refused = reading.error().message;
  });
  CHECK(refused.find("frozen") != std::string::npos);
  OwnPause second(victim, "auto");  // what is frozen is not frozen again
  CHECK(text_of(second.apply(), "by") == "signal");
  second.end();
  CHECK(victim.stands_still());
  const Json proof = freezer.end();
  CHECK(integer_of(proof, "stopped") >= 1);
  CHECK(integer_of(proof, "running", -1) == 0);
  CHECK(victim.lives());
  CHECK(groups_of(victim) == before);
  freezer.end();  // twice is as good as once
  CHECK(victim.lives());

  // A skewed clock has to be read and set back meanwhile.
  const auto clock = agent::clock_kind().make(
      freezer.context, "clock", {{"processes", {victim.name()}}, {"offset_ns", 3600 * kNanosPerSecond}});
  REQUIRE(clock);
  REQUIRE((*clock)->arm());
  REQUIRE((*clock)->apply());
  OwnPause skewed(victim, "auto");
  CHECK(text_of(skewed.apply(), "by") == "signal");
  skewed.end();
  (*clock)->retire();
  REQUIRE(agent::clock_kind().undo(freezer.context, (*clock)->undo_record()));
  CHECK(victim.lives());

  OwnPause third(victim, "freezer");
  third.apply();
  const auto kill = agent::kill_kind().make(third.context, "kill", killing(victim).params);
  REQUIRE(kill);
  REQUIRE((*kill)->apply());
  CHECK(victim.ended());
  third.end();
  CHECK(agent::freezer_folders({{getpid(), 0}}, "can").size() == 1);
}

TEST_CASE("a process that another fault ended while it was paused is no proof against the pause",
          "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  Victim victim;
  REQUIRE(victim.lives());
  const auto ack = (*agent)->apply(pausing(victim));
  REQUIRE(ack);
  victim.start();  // anew, as a database that is killed and started
  REQUIRE(victim.lives());
  const auto healed = (*agent)->heal(ack->ids);
  REQUIRE(healed);
  const Json& proof = healed->healed.front().proof;
  CHECK(integer_of(proof, "running", -1) == 0);
  CHECK(integer_of(proof, "ended") >= 1);
  CHECK(victim.lives());
}

TEST_CASE("a paused tree goes on when the lease runs out, and after the agent was killed", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  const Victim victim;
  REQUIRE(victim.lives());
  {
    auto agent = world->agent(0);
    REQUIRE(agent);
    REQUIRE((*agent)->apply(pausing(victim)));
    REQUIRE(victim.stands_still());
    const pid_t pid = world->agent_pid(0);
    REQUIRE(pid > 1);
    kill(pid, SIGKILL);
    usleep(50'000);
    CHECK(victim.stands_still());
    CHECK_FALSE((*agent)->ping());
    REQUIRE((*agent)->ping());
    CHECK(victim.lives());
    REQUIRE((*agent)->apply(pausing(victim)));
    REQUIRE(victim.stands_still());
  }
  CHECK(victim.lives());  // the connection's end heals
}

TEST_CASE("a tree is killed to the last process, and only it", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  Victim victim, other("o");
  REQUIRE(victim.lives());
  REQUIRE(other.lives());
  const auto ack = (*agent)->apply(killing(victim));
  REQUIRE(ack);
  CHECK(integer_of(ack->details[ack->ids.front()], "killed") >= 1);
  CHECK(agent::process_trees({victim.name()}).empty());
  CHECK(victim.ended());
  CHECK(other.lives());
  victim.start();
  REQUIRE(victim.lives());
  const auto healed = (*agent)->heal(ack->ids);
  REQUIRE(healed);
  CHECK(integer_of(healed->healed.front().proof, "alive") >= 1);
  CHECK(victim.lives());
}

TEST_CASE("what cannot be paused or killed is refused", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  CHECK_FALSE((*agent)->apply({"pause", Json::object()}));
  CHECK_FALSE((*agent)->apply({"pause", {{"processes", {"rvt-nobody"}}}}));
  CHECK_FALSE((*agent)->apply({"kill", {{"processes", Json::array()}}}));
  CHECK_FALSE((*agent)->apply({"kill", {{"processes", {"rvt-nobody"}}, {"signal", "HUP"}}}));
  // Nobody to kill is no error: the node was down before; the count says so.
  const auto ack = (*agent)->apply({"kill", {{"processes", {"rvt-nobody"}}}});
  REQUIRE(ack);
  CHECK(integer_of(ack->details[ack->ids.front()], "killed", -1) == 0);
}

}  // namespace
}  // namespace riven::test
