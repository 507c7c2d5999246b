#include "harness/run/lifecycle.h"

#include <stdlib.h>
#include <sys/resource.h>

#include <csignal>
#include <filesystem>

#include "harness/core/clock.h"
#include "harness/generator/combinators.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/lifecycle/toy_database.h"
#include "workloads/generators/register_generator.h"

using namespace riven;
using namespace riven::testing;

namespace {

/// A fault that only counts.
struct ToyFault {
  int starts = 0;
  int stops = 0;
  int heals = 0;
  bool in_force = false;
  bool refuses = false;
};

class ToyNemesis final : public Nemesis {
 public:
  explicit ToyNemesis(std::shared_ptr<ToyFault> fault) : fault_(std::move(fault)) {}
  Result<Value> invoke(FaultTarget& /*target*/, const Op& op) override {
    if (fault_->refuses) return Error{"no rights"};
    fault_->in_force = op.f.text() == "start-toy";
    ++(fault_->in_force ? fault_->starts : fault_->stops);
    return Value::map({Value("took_effect"), Value(true)});
  }
  Status heal(FaultTarget& /*target*/) noexcept override {
    ++fault_->heals;
    fault_->in_force = false;
    return ok_status();
  }

 private:
  std::shared_ptr<ToyFault> fault_;
};

FaultPackage toy_package(const std::shared_ptr<ToyFault>& fault) {
  FaultPackage package;
  package.nemesis = std::make_unique<ToyNemesis>(fault);
  package.generator =
      gen::delay(20 * kNanosPerMilli, gen::flip_flop(gen::repeat(gen::one(gen::op("start-toy"))),
                                                     gen::repeat(gen::one(gen::op("stop-toy")))));
  package.final_generator = gen::one(gen::op("stop-toy"));
  package.span = {"toy", "#123456", {"start-toy"}, {"stop-toy"}};
  return package;
}

struct Scene {
  std::shared_ptr<ToyState> state = std::make_shared<ToyState>();
  std::shared_ptr<ToyFault> fault = std::make_shared<ToyFault>();
  ToyDatabase database{state};
  Workload workload;
  LifecycleOptions options;
  LifecycleHooks hooks;
  StopRequests stop{0};

  Scene() {
    char folder[] = "/tmp/riven-lifecycle-XXXXXX";
    options.directory = ::mkdtemp(folder);
    options.metadata = {{"database", "toy"}};
    options.seed = 7;
    options.concurrency = 4;
    options.time_limit_ns = 200 * kNanosPerMilli;
    options.op_timeout_ns = 50 * kNanosPerMilli;
    options.nemesis_timeout_ns = kNanosPerSecond;
    options.final_limit_ns = kNanosPerSecond;
    workload.name = "register";
    workload.generator = register_generator({.rate_hz = 2000});
    workload.final_generator =
        gen::limit(4, gen::repeat(gen::one(gen::op("read", Value(Value::List{Value(0), Value()})))));
    hooks.stop = &stop;
  }
  ~Scene() { std::filesystem::remove_all(options.directory); }

  std::vector<FaultPackage> faults() {
    std::vector<FaultPackage> packages;
    packages.push_back(toy_package(fault));
    return packages;
  }
  FaultTarget target() {
    FaultTarget target;
    for (const char* const name : {"n1", "n2", "n3"}) {
      Node node;
      node.name = name;
      node.index = target.nodes.size();
      target.nodes.push_back(node);
    }
    target.database = &database;
    return target;
  }
  ReadHistory history() {
    auto read = read_history(options.directory + "/history.riven");
    REQUIRE(read);
    return std::move(*read);
  }
};

size_t count(const History& history, std::string_view f, OpType type) {
  size_t n = 0;
  for (size_t i = 0; i < history.size(); ++i)
    n += history.f(i).text() == f && history.type(i) == type ? 1 : 0;
  return n;
}

}  // namespace

TEST_CASE("a whole run: set-up, faults, healing, final reads, and every entry on the disk") {
  Scene scene;
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, scene.faults(), scene.options,
                      scene.hooks);
  REQUIRE(lifecycle.set_up());
  CHECK(scene.state->setups == 3);
  CHECK_FALSE(scene.state->set_up_too_early);
  CHECK(scene.state->kills == 0);
  const auto recorded = lifecycle.drive();
  REQUIRE(recorded);
  CHECK(recorded->complaints.empty());
  CHECK_FALSE(recorded->interrupted);
  CHECK(recorded->version == "toy 1");
  CHECK(recorded->last_operation_ns > recorded->first_operation_ns);
  CHECK(scene.fault->starts > 0);
  CHECK(scene.fault->stops >= scene.fault->starts);
  CHECK(scene.fault->heals > 0);
  CHECK_FALSE(scene.fault->in_force);
  CHECK(scene.state->ready_calls == 2);

  const ReadHistory read = scene.history();
  CHECK(read.warnings.empty());
  CHECK(count(read.history, "write", OpType::ok) > 0);
  CHECK(count(read.history, "read", OpType::ok) >= 4);
  for (size_t i = 0; i < read.history.size(); ++i) {
    if (read.history.type(i) == OpType::invoke) CHECK(read.history.pair(i) != History::kNone);
  }
  CHECK(lifecycle.tear_down().size() == 3);  // complaints, no error
}

TEST_CASE("a set-up that fails says where and why") {
  Scene scene;
  scene.state->setup_fails = true;
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, scene.faults(), scene.options,
                      scene.hooks);
  const Status status = lifecycle.set_up();
  REQUIRE_FALSE(status);
  CHECK(status.error().message.find("n2: no disk") != std::string::npos);
  CHECK(scene.state->kills == 3);
}

TEST_CASE("a database that never serves is not left running") {
  Scene scene;
  scene.state->never_ready_again = true;
  scene.state->ready_calls = 1;
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, scene.faults(), scene.options,
                      scene.hooks);
  CHECK_FALSE(lifecycle.set_up());
  CHECK(scene.state->kills == 3);
}

TEST_CASE("asked to stop, a run heals and keeps what it recorded") {
  Scene scene;
  scene.options.time_limit_ns = 60 * kNanosPerSecond;
  scene.hooks.progress = [&](const Progress& progress) {
    if (progress.ok > 10) scene.stop = 1;
  };
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, scene.faults(), scene.options,
                      scene.hooks);
  REQUIRE(lifecycle.set_up());
  const int64_t began_ns = monotonic_now_ns();
  const auto recorded = lifecycle.drive();
  CHECK(monotonic_now_ns() - began_ns < 20 * kNanosPerSecond);
  REQUIRE(recorded);
  CHECK(recorded->interrupted);
  CHECK_FALSE(scene.fault->in_force);
  CHECK(scene.fault->heals > 0);
  CHECK(count(scene.history().history, "write", OpType::ok) > 0);
}

TEST_CASE("a journal that cannot be written ends the run, and the recording says so") {
  Scene scene;
  scene.options.time_limit_ns = 30 * kNanosPerSecond;
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, scene.faults(), scene.options,
                      scene.hooks);
  REQUIRE(lifecycle.set_up());
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{4096, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto recorded = lifecycle.drive();
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  std::signal(SIGXFSZ, ignored);
  REQUIRE(recorded);
  CHECK(recorded->cut_short.find("history.riven") != std::string::npos);
  CHECK_FALSE(scene.fault->in_force);
  CHECK(scene.history().extent != Extent::whole);
}

TEST_CASE("clients that hang cost their operations alone") {
  Scene scene;
  scene.state->hangs = true;
  scene.workload.final_generator = nullptr;
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, {}, scene.options, scene.hooks);
  REQUIRE(lifecycle.set_up());
  const auto recorded = lifecycle.drive();
  REQUIRE(recorded);
  const ReadHistory read = scene.history();
  CHECK(read.history.size() > 0);
  CHECK(count(read.history, "write", OpType::ok) + count(read.history, "read", OpType::ok) == 0);
}

TEST_CASE("a fault that cannot be applied is in the history as an error, and the run goes on") {
  Scene scene;
  scene.fault->refuses = true;
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, scene.faults(), scene.options,
                      scene.hooks);
  REQUIRE(lifecycle.set_up());
  const auto recorded = lifecycle.drive();
  REQUIRE(recorded);
  const ReadHistory read = scene.history();
  bool refused = false;
  for (size_t i = 0; i < read.history.size(); ++i) {
    if (read.history.is_client(i) || read.history.error(i).is_nil()) continue;
    refused |= to_edn(read.history.error(i).to_value()).find("no rights") != std::string::npos;
  }
  CHECK(refused);
  CHECK(count(read.history, "write", OpType::ok) > 0);
}

TEST_CASE("a cluster that does not become whole costs the final reads, not the run") {
  Scene scene;
  scene.state->never_ready_again = true;
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, scene.faults(), scene.options,
                      scene.hooks);
  REQUIRE(lifecycle.set_up());
  const auto recorded = lifecycle.drive();
  REQUIRE(recorded);
  REQUIRE(recorded->complaints.size() == 1);
  CHECK(recorded->complaints[0].find("no leader") != std::string::npos);
  CHECK(count(scene.history().history, "write", OpType::ok) > 0);
}

TEST_CASE("a history that cannot be created is an error before any client acts") {
  Scene scene;
  scene.options.directory += "/not/there";
  Lifecycle lifecycle(scene.target(), scene.database, scene.workload, scene.faults(), scene.options,
                      scene.hooks);
  REQUIRE(lifecycle.set_up());
  CHECK_FALSE(lifecycle.drive());
  CHECK(scene.state->registers.empty());
  scene.options.directory = scene.options.directory.substr(0, scene.options.directory.size() - 10);
}
