// The agent on the host: whom it does not enter, and how it knows where it is. What it does inside is
// tested with real containers (tests/docker/host_agent_test.cpp).
#include "nemesis/agent/core/host_agent.h"

#include <sched.h>
#include <sys/wait.h>

#include "harness/control/byte_stream.h"
#include "harness/control/local_stream.h"
#include "nemesis/agent/clock/machine_clock.h"
#include "nemesis/agent/core/host_permissions.h"
#include "nemesis/agent/disk/disk_fault.h"
#include "nemesis/agent/process/memory_fault.h"
#include "nemesis/agent/process/reboot_fault.h"
#include "tests/agent/namespaces.h"

namespace riven::test {
namespace {

using agent::container_from;

const std::string kId(64, 'a');

/// What fn returns in a process of its own: 0 to 255.
int in_child(const std::function<int()>& fn) {
  const pid_t child = fork();
  if (child == 0) _exit(fn());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

TEST_CASE("a container is named by its whole id and a number", "[agent]") {
  const auto container = container_from(kId + ":4711");
  REQUIRE(container);
  CHECK(container->id == kId);
  CHECK(container->init == 4711);
  for (const std::string& wrong :
       {std::string(), kId, kId + ":", kId + ":1", kId + ":0", kId + ":-5", kId + ":7x", kId + ":99999999999",
        kId.substr(1) + ":7", kId + "a:7", "../" + kId.substr(3) + ":7", std::string(64, 'A') + ":7"}) {
    CHECK_FALSE(container_from(wrong));
  }
}

TEST_CASE("the group that bounds a container's memory is found in either version", "[agent]") {
  const auto first = agent::memory_group_path(
      "9:name=systemd:/docker/a\n5:cpu,cpuacct:/docker/c\n4:memory:/docker/m\n0::/system.slice/x\n");
  REQUIRE(first);
  CHECK(first->path == "/docker/m");
  CHECK_FALSE(first->second);
  const auto second = agent::memory_group_path("0::/system.slice/docker-" + kId + ".scope\n");
  REQUIRE(second);
  CHECK(second->path == "/system.slice/docker-" + kId + ".scope");
  CHECK(second->second);
  CHECK_FALSE(agent::memory_group_path("9:name=systemd:/docker/a\n2:cpu:/docker/memory\n"));
  CHECK_FALSE(agent::memory_group_path(""));
}

TEST_CASE("a process that is none of the container's is not entered", "[agent]") {
  const auto refusal = [](pid_t pid) {
    agent::Context context;
    const Status entered = agent::enter_container({kId, pid}, context);
    REQUIRE_FALSE(entered);
    CHECK(context.container.empty());
    CHECK(context.fuse_device == "/dev/fuse");
    return entered.error().message;
  };
  CHECK(refusal(getpid()).find("is none of container " + kId.substr(0, 12)) != std::string::npos);
  CHECK(refusal(1 << 30).find("any more") != std::string::npos);
  // The agent says so itself, and ends before it has touched anything.
  const TempDirectory state;
  AgentOptions options;
  options.owner = "hosted";
  options.state_directory = state.path + "/state";
  const auto started = AgentClient::start(
      [&] {
        std::vector<std::string> argv = {RIVEN_AGENT_PATH};
        for (std::string& word : agent_arguments(options)) argv.push_back(std::move(word));
        argv.insert(argv.end(), {"--container", kId + ":" + std::to_string(getpid())});
        return start_local(argv);
      },
      options);
  REQUIRE_FALSE(started);
  CHECK(started.error().message.find("is none of container") != std::string::npos);
  CHECK(access(options.state_directory.c_str(), F_OK) != 0);
}

TEST_CASE("who sees other processes than its container's does not begin", "[agent][root]") {
  CHECK(in_child([] { return agent::check_inside() ? 0 : 1; }) == 0);
  if (geteuid() != 0) {
    WARN("skipped: PID namespaces need root");
    return;
  }
  // A child in a new PID namespace that still sees the old one's /proc.
  const int outcome = in_child([] {
    if (unshare(CLONE_NEWPID) != 0) return 2;
    return in_child([] {
      const Status inside = agent::check_inside();
      return !inside && inside.error().message.find("its /proc is not its own") != std::string::npos ? 0 : 1;
    });
  });
  CHECK(outcome == 0);
}

TEST_CASE("for an agent on the host nothing concerns the whole machine", "[agent]") {
  agent::Context context;
  context.container = kId;
  context.may_reboot = true;
  context.may_set_clock = true;
  context.controller_boot_id = "another";  // as a controller on another machine would say
  const Status own = agent::check_host_permission(context, true, "may_reboot");
  REQUIRE_FALSE(own);
  CHECK(own.error().message.find("container") != std::string::npos);
  for (const agent::FaultKind& kind : {agent::machine_clock_kind(), agent::reboot_kind()}) {
    CHECK_FALSE(kind.probe(context));
    CHECK_FALSE(kind.make(context, "f1", {{"offset_ns", 1'000'000}}));
  }
  // Nor is memory taken without the container's group.
  CHECK_FALSE(agent::memory_kind().make(context, "f1", {{"processes", {"init"}}}));
  CHECK_FALSE(agent::memory_kind().probe(context));
  context.fuse_device.clear();
  const Status disk = agent::disk_layer_kind().probe(context);
  REQUIRE_FALSE(disk);
  CHECK(disk.error().message.find("no /dev/fuse on the controller's machine") != std::string::npos);
}

}  // namespace
}  // namespace riven::test
