// What a node's processes lack: time on the processor, file descriptors, memory; and paths that flap.
#include <algorithm>

#include "harness/core/boot_id.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/clock/machine_clock.h"
#include "nemesis/agent/core/host_permissions.h"
#include "nemesis/agent/process/memory_group.h"
#include "nemesis/agent/process/process_fault.h"
#include "nemesis/agent/process/reboot_fault.h"
#include "tests/agent/victims.h"

namespace riven::test {
namespace {

FaultSpec slowing(const Victim& victim, int64_t share_per_million) {
  return {"cpu",
          {{"processes", {victim.name()}}, {"share_per_million", share_per_million}, {"period_us", 50'000}}};
}

TEST_CASE("processes run for their share of the time", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const Victim victim;
  REQUIRE(victim.lives());
  const auto slow = (*agent)->apply(slowing(victim, 200'000));
  REQUIRE(slow);
  usleep(1'000'000);
  CHECK(victim.lives());

  // A pause holds, whatever the turns are, and what is left of the share comes back with its end.
  const auto paused = (*agent)->apply(pausing(victim));
  REQUIRE(paused);
  CHECK(victim.stands_still());
  REQUIRE((*agent)->heal(paused->ids));
  CHECK(victim.lives());

  const auto healed = (*agent)->heal(slow->ids);
  REQUIRE(healed);
  const Json& proof = healed->healed.front().proof;
  CHECK(integer_of(proof, "periods") >= 5);
  const double stopped = real_of(proof, "stopped_us") / real_of(proof, "elapsed_us", 1);
  CHECK(stopped > 0.6);
  CHECK(stopped < 0.99);
  CHECK(victim.lives());
  for (const auto& process : agent::process_trees({victim.name()})) CHECK(process.state != 'T');
  REQUIRE((*agent)->heal(slow->ids));

  // A pause that outlasts the turns is not ended by their undo.
  const auto again = (*agent)->apply(slowing(victim, 500'000));
  REQUIRE(again);
  REQUIRE((*agent)->apply(pausing(victim)));
  REQUIRE((*agent)->heal(again->ids));
  CHECK(victim.stands_still());
  agent->reset();
  CHECK(victim.lives());
}

TEST_CASE("a share is a share", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const Victim victim;
  for (const int64_t share : {0, 1'000'000, -5}) CHECK_FALSE((*agent)->apply(slowing(victim, share)));
  CHECK_FALSE((*agent)->apply({"cpu", {{"processes", {"rvt-nobody"}}, {"share_per_million", 500'000}}}));
}

TEST_CASE("processes without file descriptors open nothing until it is healed", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const Victim victim;
  REQUIRE(victim.lives());
  for (int round = 0; round < 2; ++round) {
    const auto ack = (*agent)->apply({"fd-limit", {{"processes", {victim.name()}}}});
    REQUIRE(ack);
    CHECK(victim.stands_still());  // each step opens a file, in a child that inherits the limit
    const auto healed = (*agent)->heal(ack->ids);
    REQUIRE(healed);
    CHECK(integer_of(healed->healed.front().proof, "limited") >= 1);
    CHECK(victim.lives());
    REQUIRE((*agent)->heal(ack->ids));
  }
  REQUIRE((*agent)->apply({"fd-limit", {{"processes", {victim.name()}}}}));
  CHECK(victim.stands_still());
  agent->reset();  // the connection's end heals
  CHECK(victim.lives());
}

TEST_CASE("memory is never pressed beyond a limit of the node's own", "[agent][root]") {
  if (agent::MemoryGroup::own()) return;  // this machine has one: the container tests press it
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  const Victim victim;
  for (const char* what : {"pressure", "oom"}) {
    const auto refused = (*agent)->apply({"memory", {{"processes", {victim.name()}}, {"what", what}}});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message.find("no limit of its own") != std::string::npos);
  }
}

TEST_CASE("a machine that is no container is never rebooted", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  CHECK_FALSE((*agent)->apply({"reboot", Json::object()}));
}

TEST_CASE("what concerns a whole machine is refused on this one, whatever is allowed", "[agent]") {
  using namespace agent;
  const bool container = in_container().value();
  const auto why_not = [](const Context& context) {
    const Status own = check_host_permission(context, context.may_set_clock, "may_set_clock");
    REQUIRE_FALSE(own);
    for (const FaultKind& kind : {machine_clock_kind(), reboot_kind()}) {
      CHECK_FALSE(kind.probe(context));
      CHECK_FALSE(kind.make(context, "f1", {{"offset_ns", 1'000'000}}));
    }
    return own.error().message;
  };
  Context context;
  if (!container) CHECK(why_not(context).find("may_set_clock = true") != std::string::npos);
  context.may_set_clock = true;
  context.may_reboot = true;
  if (!container) CHECK(why_not(context).find("which kernel") != std::string::npos);
  // Never another id than this: the guard is all that stands before this machine's clock.
  context.controller_boot_id = boot_id();
  CHECK(why_not(context).find(container ? "container" : "controller's own") != std::string::npos);
  // A record of another machine's, or of an earlier boot's, changes nothing here.
  const auto undone =
      machine_clock_kind().undo(context, {{"fault", "f1"}, {"boot", "another"}, {"tick", 9000}});
  REQUIRE(undone);
  CHECK(undone->at("rebooted") == true);
}

TEST_CASE("a flapping cut comes and goes", "[agent][root]") {
  const auto world = Namespaces::make(2);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  FaultSpec flapping = packets({drop_from(1)});
  flapping.params["flap_us"] = 300'000;
  const auto ack = (*agent)->apply(flapping);
  REQUIRE(ack);
  size_t whole = 0, cut = 0;
  for (const int64_t until = monotonic_now_ns() + 3 * kNanosPerSecond; monotonic_now_ns() < until;) {
    (udp_arrivals(*world, 1, 0, 1) == 1 ? whole : cut) += 1;
  }
  CHECK(whole >= 2);
  CHECK(cut >= 2);
  const auto healed = (*agent)->heal(ack->ids);
  REQUIRE(healed);
  CHECK(integer_of(healed->healed.front().proof, "turns") >= 4);
  CHECK(dropped(healed->healed.front().proof, "n2") >= 2);
  CHECK(udp_arrivals(*world, 1, 0, 10) == 10);
  flapping.params["flap_us"] = 5;
  CHECK_FALSE((*agent)->apply(flapping));
}

}  // namespace
}  // namespace riven::test
