// Kind "clock" with a real agent: the ledger, the lease, and processes that come later.
#include <cmath>
#include <filesystem>
#include <fstream>

#include "harness/core/json_fields.h"
#include "nemesis/agent/clock/clock_patch.h"
#include "tests/agent/clock_readers.h"
#include "tests/agent/namespaces.h"

namespace riven::test {
namespace {

constexpr int64_t kHourNs = 3600 * kNanosPerSecond;
constexpr int64_t kNearNs = 100 * kNanosPerMilli;

FaultSpec bending(const std::string& name, int64_t offset_ns) {
  return {"clock", {{"processes", {name}}, {"offset_ns", offset_ns}}};
}

bool sees(const ClockReaders& readers, int64_t skew_ns, int patience_ms = 2000) {
  for (int i = 0; i < patience_ms && std::abs(readers.last_skew_ns() - skew_ns) > kNearNs; ++i) usleep(1000);
  return std::abs(readers.last_skew_ns() - skew_ns) <= kNearNs;
}

bool pristine(pid_t pid) {
  const auto target = agent::ClockTarget::open(pid);
  return target && target->is_pristine();
}

/// A shell under a name of its own that writes the seconds that it sees to a file, again and again.
class Teller {
 public:
  Teller() {
    static int made = 0;
    name_ = "rvs" + std::to_string(getpid()) + "-" + std::to_string(++made);
    RIVEN_CHECK(run("cp /bin/bash " + program()), "no shell to copy");
  }
  ~Teller() { end(); }
  Teller(const Teller&) = delete;
  Teller& operator=(const Teller&) = delete;
  /// `first` runs before the telling.
  void start(const std::string& first = ":") {
    end();
    // Nothing is allocated between fork and exec: another thread may hold malloc's lock.
    const std::string shell = program();
    const std::string told =
        first + "; while :; do printf '%(%s)T\\n' -1 > " + directory_.path + "/now; done";
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execl(shell.c_str(), shell.c_str(), "-c", told.c_str(), nullptr);
    _exit(127);
  }
  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
    unlink((directory_.path + "/now").c_str());
  }
  const std::string& name() const { return name_; }
  std::string program() const { return directory_.path + "/" + name_; }
  pid_t pid() const { return pid_; }
  bool sees(int64_t skew_s, int patience_ms = 2000) const {
    for (int i = 0; i < patience_ms; ++i, usleep(1000)) {
      std::ifstream file(directory_.path + "/now");
      int64_t told_s = 0;
      if (file >> told_s && std::abs(told_s - kernel_realtime_ns() / kNanosPerSecond - skew_s) <= 2)
        return true;
    }
    return false;
  }

 private:
  TempDirectory directory_;
  std::string name_;
  pid_t pid_ = 0;
};

TEST_CASE("a clock is bent, watched, bent otherwise, and mended twice", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  ClockReaders readers(2),
      other(1);  // forked before the agent's client has threads that may hold a lock of malloc
  auto agent = world->agent(0);
  REQUIRE(agent);
  readers.await_rounds(1);
  const auto first = (*agent)->apply(bending(readers.name(), kHourNs));
  if (!first) FAIL(first.error().message);
  CHECK(sees(readers, kHourNs));
  auto proofs = (*agent)->observe();
  REQUIRE(proofs);
  const Json seen = proofs->front().proof;
  INFO(seen.dump());
  CHECK(flag_of(seen, "right"));
  CHECK(std::abs(integer_of(seen, "offset_ns") - kHourNs) < kNearNs);
  CHECK(integer_of(seen, "bent") == 1);
  // Another fault takes the clock over; the first one's end changes nothing.
  const auto second = (*agent)->apply(bending(readers.name(), -kHourNs));
  REQUIRE(second);
  CHECK(sees(readers, -kHourNs));
  const auto replaced = (*agent)->heal(first->ids);
  REQUIRE(replaced);
  CHECK(integer_of(replaced->healed.front().proof, "restored", -1) == 0);
  CHECK(sees(readers, -kHourNs));
  const auto healed = (*agent)->heal(second->ids);
  REQUIRE(healed);
  CHECK(integer_of(healed->healed.front().proof, "restored") == 1);
  CHECK(integer_of(healed->healed.front().proof, "pages_left", -1) == 0);
  CHECK(sees(readers, 0));
  CHECK(pristine(readers.pid()));
  REQUIRE((*agent)->heal(second->ids));
  // Whoever only watches changes nothing.
  const auto watched = (*agent)->apply({"clock", {{"processes", {readers.name()}}, {"watch", true}}});
  REQUIRE(watched);
  proofs = (*agent)->observe();
  REQUIRE(proofs);
  CHECK(std::abs(integer_of(proofs->front().proof, "offset_ns", kHourNs)) < kNearNs);
  CHECK(pristine(readers.pid()));
  CHECK(std::abs(other.last_skew_ns()) < kNearNs);
}

TEST_CASE(
    "a bent clock is mended when the lease runs out, when the agent was killed, and from its ledger alone",
    "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  ClockReaders readers(1);
  readers.await_rounds(1);
  const std::string state = world->options(0, world->owner(), Milliseconds(1)).state_directory;
  {
    auto agent = world->agent(0);
    REQUIRE(agent);
    REQUIRE((*agent)->apply(bending(readers.name(), kHourNs)));
    REQUIRE(sees(readers, kHourNs));
    const pid_t pid = world->agent_pid(0);
    REQUIRE(pid > 1);
    // Undone by hand, as `riven heal` does it: no agent of that owner runs any more.
    kill(pid, SIGKILL);
    usleep(50'000);
    CHECK(sees(readers, kHourNs));
    REQUIRE(run(std::string(RIVEN_AGENT_PATH) + " heal --state " + state));
    CHECK(sees(readers, 0));
    CHECK(pristine(readers.pid()));
    // The next request finds the agent dead; the one after it a new one.
    CHECK_FALSE((*agent)->ping());
    REQUIRE((*agent)->ping());
    REQUIRE((*agent)->apply(bending(readers.name(), -kHourNs)));
    REQUIRE(sees(readers, -kHourNs));
  }
  CHECK(sees(readers, 0));  // the connection's end
  CHECK(pristine(readers.pid()));
  CHECK(readers.lives());
}

TEST_CASE("restarted and re-executed processes get the clock too", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  auto agent = world->agent(0);
  REQUIRE(agent);
  Teller teller;
  teller.start();
  REQUIRE(teller.sees(0));
  const auto ack = (*agent)->apply(bending(teller.name(), kHourNs));
  if (!ack) FAIL(ack.error().message);
  CHECK(teller.sees(3600));
  teller.start();  // another process of the name
  CHECK(teller.sees(3600));
  teller.start(
      "sleep 0.1; exec " + teller.program() + " -c 'while :; do printf \"%(%s)T\\n\" -1 > $0/now; done' " +
      std::filesystem::path(teller.program()).parent_path().string());  // the same one, another program
  CHECK(teller.sees(3600));
  const auto proofs = (*agent)->observe();
  REQUIRE(proofs);
  CHECK(integer_of(proofs->front().proof, "followed") >= 2);
  const auto healed = (*agent)->heal(ack->ids);
  REQUIRE(healed);
  CHECK(teller.sees(0));
  CHECK(pristine(teller.pid()));
}

TEST_CASE("clock faults that cannot work are refused", "[agent][root]") {
  const auto world = Namespaces::make(1);
  if (!world) return;
  const ClockReaders readers(1);  // before there are threads
  auto agent = world->agent(0);
  auto rival = world->agent(0, "rival");
  REQUIRE(agent);
  REQUIRE(rival);
  readers.await_rounds(1);
  CHECK_FALSE((*agent)->apply({"clock", Json::object()}));
  CHECK_FALSE((*agent)->apply({"clock", {{"processes", {readers.name()}}}}));
  CHECK_FALSE(
      (*agent)->apply({"clock", {{"processes", {readers.name()}}, {"offset_ns", 1}, {"watch", true}}}));
  CHECK_FALSE((*agent)->apply({"clock", {{"processes", {readers.name()}}, {"strobe_ns", 1}}}));
  REQUIRE((*rival)->apply(bending(readers.name(), kHourNs)));
  const auto second = (*agent)->apply(bending(readers.name(), kHourNs));
  REQUIRE_FALSE(second);
  CHECK(second.error().message.find("bent by rival") != std::string::npos);
  CHECK(sees(readers, kHourNs));
  // Nobody yet is no error: who comes later is followed.
  CHECK((*agent)->apply(bending("rvc-nobody", kHourNs)));
  const auto probe = (*agent)->probe();
  REQUIRE(probe);
  for (const auto& ability : probe->abilities) {
    if (ability.kind == "clock") CHECK(ability.works);
  }
}

}  // namespace
}  // namespace riven::test
