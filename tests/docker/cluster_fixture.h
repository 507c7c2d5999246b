// Real clusters of containers for tests: made on demand, removed in every case.
#pragma once

#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "harness/agent_protocol/packet_rule.h"
#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "harness/control/cluster.h"
#include "harness/control/docker_cluster.h"
#include "harness/control/local_command.h"
#include "harness/core/clock.h"
#include "tests/catch.h"

namespace riven {
#define RIVEN_BUILTIN(name) void add_##name(Registry& registry);
#include "nemesis/builtin.inc"
#undef RIVEN_BUILTIN
}  // namespace riven

namespace riven::docker_test {

inline std::string test_image() {
  const char* image = std::getenv("RIVEN_TEST_IMAGE");
  return image == nullptr ? "riven-node-etcd:bookworm" : image;
}

/// Why no test with containers can run here; empty when one can.
inline std::string cannot_run() {
  if (auto answers = docker_engine_answers(); !answers) return "skipped: " + answers.error().message;
  auto image = run_local({"docker", "image", "inspect", test_image()}, "", Milliseconds(20'000));
  if (image && image->succeeded()) return "";
  return "skipped: there is no image " + test_image() + ": docker/build-image etcd builds it";
}

/// Whether it holds at some moment within that time.
inline bool within(int64_t limit_ms, const std::function<bool()>& holds) {
  const int64_t until = monotonic_now_ns() + limit_ms * kNanosPerMilli;
  while (monotonic_now_ns() < until) {
    if (holds()) return true;
    ::usleep(50'000);
  }
  return holds();
}

/// State in a folder of its own, so that no test sees the user's clusters.
class ScratchState {
 public:
  ScratchState() {
    char name[] = "/tmp/riven-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    path_ = name;
    if (const char* before = std::getenv("RIVEN_STATE_DIR"); before != nullptr) before_ = before;
    setenv("RIVEN_STATE_DIR", name, 1);
  }
  ~ScratchState() {
    std::filesystem::remove_all(path_);
    if (before_.empty()) {
      unsetenv("RIVEN_STATE_DIR");
    } else {
      setenv("RIVEN_STATE_DIR", before_.c_str(), 1);
    }
  }
  ScratchState(const ScratchState&) = delete;
  ScratchState& operator=(const ScratchState&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::string before_;
};

/// A name that no other test run uses at the same time.
inline std::string unique_name(const std::string& what) {
  return "test-" + what + "-" + std::to_string(getpid());
}

/// Every fault of this build.
inline Registry known_faults() {
  Registry registry;
#define RIVEN_BUILTIN(name) add_##name(registry);
#include "nemesis/builtin.inc"
#undef RIVEN_BUILTIN
  return registry;
}

/// What these faults need of their containers.
inline ContainerNeeds needs_of(const std::vector<std::string>& faults) {
  const Registry known = known_faults();
  ContainerNeeds needs;
  for (const std::string& name : faults) {
    const FaultFactory* const factory = known.find<FaultFactory>(name);
    REQUIRE(factory != nullptr);
    needs.add(factory->container);
  }
  return needs;
}

class TestCluster {
 public:
  TestCluster(const std::string& what, size_t nodes, const std::vector<std::string>& faults = {},
              AgentPlace agents = AgentPlace::node)
      : name_(unique_name(what)) {
    DockerClusterOptions options;
    options.name = name_;
    options.image = test_image();
    options.nodes = nodes;
    options.needs = needs_of(faults);
    options.agents = agents;
    auto made = DockerClusters::up(options);
    if (!made) FAIL(made.error().message);
    spec = *made;
  }
  ~TestCluster() { (void)DockerClusters::down(name_); }
  TestCluster(const TestCluster&) = delete;
  TestCluster& operator=(const TestCluster&) = delete;

  const std::string& name() const { return name_; }
  const SshTarget& ssh(size_t i = 0) const { return spec.nodes[i].ssh; }
  std::string container(size_t i = 0) const { return "riven-" + name_ + "-" + spec.nodes[i].name; }

  /// As root in a container, past SSH.
  CommandOutput inside(size_t i, const std::string& script) const {
    auto result = run_local({"docker", "exec", container(i), "sh", "-c", script}, "", Milliseconds(30'000));
    REQUIRE(result);
    return *result;
  }
  void docker(const std::string& verb, size_t i = 0) const {
    auto result = run_local({"docker", verb, container(i)}, "", Milliseconds(60'000));
    REQUIRE(result);
    INFO(result->err);
    REQUIRE(result->succeeded());
  }

  ClusterSpec spec;

 private:
  std::string name_;
};

/// Rules that drop everything from and to the addresses that the controller has here.
inline std::vector<PacketRule> cutting_off_controller(const Cluster& cluster) {
  std::vector<PacketRule> rules;
  for (const std::string& address : cluster.controller_addresses()) {
    for (const auto direction : {PacketRule::Direction::in, PacketRule::Direction::out}) {
      PacketRule rule;
      rule.peer = "controller";
      rule.address = address;
      rule.direction = direction;
      rules.push_back(rule);
    }
  }
  return rules;
}

/// Milliseconds that `work` takes.
template <typename Work>
double milliseconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace riven::docker_test

/// Leaves the test case when there is no engine or no image.
#define RIVEN_NEEDS_CONTAINERS()                                                    \
  do {                                                                              \
    if (const std::string why = ::riven::docker_test::cannot_run(); !why.empty()) { \
      WARN(why);                                                                    \
      return;                                                                       \
    }                                                                               \
  } while (false)
