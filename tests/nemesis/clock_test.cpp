// The clock package: its words, and what a real agent does to a process that reads the time.
#include <algorithm>
#include <cmath>
#include <set>

#include "harness/api/nemesis.h"
#include "harness/api/registry.h"
#include "nemesis/shared/clock_plan.h"
#include "tests/agent/clock_readers.h"
#include "tests/agent/namespaces.h"

namespace riven {
void add_clock(Registry& registry);

namespace {

FaultTarget five_nodes() {
  FaultTarget target;
  for (int i = 1; i <= 5; ++i) {
    Node node;
    node.name = "n" + std::to_string(i);
    target.nodes.push_back(node);
  }
  return target;
}

Value map_of(Value::List flat) { return Value::map(std::move(flat)); }

TEST_CASE("every word of a clock fault can be planned, and its exact form gives the same plan", "[nemesis]") {
  const FaultTarget target = five_nodes();
  Rng rng(1);
  for (const std::string& word : clock_words()) {
    for (int i = 0; i < 200; ++i) {
      const auto plan = plan_clock(Value(word), target, rng);
      if (!plan) FAIL(word << ": " << plan.error().message);
      CHECK(plan->name == word);
      CHECK(plan->nodes.size() == (word == "scramble" ? 5 : 1));
      REQUIRE(plan->shapes.size() == plan->nodes.size());
      Rng other(99);
      const auto again = plan_clock(plan->exact, target, other);
      if (!again) FAIL(to_edn(plan->exact) << ": " << again.error().message);
      CHECK(again->nodes == plan->nodes);
      CHECK(again->shapes == plan->shapes);
      CHECK(again->exact == plan->exact);
    }
  }
  std::set<std::string> drawn;
  for (int i = 0; i < 200; ++i) drawn.insert(plan_clock(Value(), target, rng)->name);
  CHECK(drawn.size() == clock_words().size());
}

TEST_CASE("a clock fault does what its numbers say", "[nemesis]") {
  const FaultTarget target = five_nodes();
  Rng rng(1);
  const auto shape = [&](Value::List flat) {
    const auto plan = plan_clock(map_of(std::move(flat)), target, rng);
    if (!plan) FAIL(plan.error().message);
    return plan->shapes.front();
  };
  CHECK(shape({"clock", "jump", "offset-ms", -250, "nodes", "n3"}) == Json({{"offset_ns", -250'000'000}}));
  CHECK(shape({"offset-ms", 1.5}) == Json({{"offset_ns", 1'500'000}}));  // the key tells the word
  CHECK(shape({"ppm", 1000}) == Json({{"drift_ppb", 1'000'000}}));
  CHECK(shape({"clock", "strobe", "delta-ms", 5, "period-ms", 10}) ==
        Json({{"strobe_ns", 5'000'000}, {"strobe_period_ns", 20'000'000}}));
  CHECK(shape({"clock", "leap"}) == Json({{"step_ns", -1'000'000'000}, {"step_after_ns", 1'000'000'000}}));
  CHECK(shape({"clock", "smear", "leap-ms", 1000, "over-ms", 4000}) ==
        Json({{"drift_ppb", 250'000'000}, {"drift_for_ns", int64_t{4'000'000'000}}}));
  const auto told = plan_clock(map_of({"offsets-ms", map_of({"n2", 7, "n1", -8})}), target, rng);
  REQUIRE(told);
  CHECK(told->nodes == std::vector<size_t>{0, 1});
  CHECK(told->shapes[0] == Json({{"offset_ns", -8'000'000}}));
}

TEST_CASE("clock faults that make no sense are refused by name", "[nemesis]") {
  const FaultTarget target = five_nodes();
  Rng rng(1);
  const auto why = [&](const Value& spec) {
    const auto plan = plan_clock(spec, target, rng);
    return plan ? std::string("planned") : plan.error().message;
  };
  CHECK(why(Value("sundial")).find("unknown clock fault 'sundial' (known: jump") == 0);
  CHECK(why(Value(int64_t{5})) == "a clock fault is a word or a map, not 5");
  CHECK(why(map_of({"clock", "jump", "ppm", 5})) == "the clock fault jump has no ppm");
  CHECK(why(map_of({"clock", "drift", "ppm", 600'000})).find("ppm must be -500000 to 500000") == 0);
  CHECK(why(map_of({"clock", "jump", "offset-ms", "soon"})) == "offset-ms must be a number");
  CHECK(why(map_of({"clock", "jump", "offset-ms", 0})) == "this clock fault changes nothing");
  CHECK(why(map_of({"clock", "smear", "over-ms", 1500})) == "a second is smeared over at least two");
  CHECK(why(map_of({"clock", "jump", "nodes", "n9"})).find("there is no node 'n9'") == 0);
  CHECK(why(map_of({"offsets-ms", map_of({"n9", 5})})).find("there is no node 'n9'") == 0);
}

TEST_CASE("the options of the clock package are checked before the run", "[nemesis]") {
  Registry registry;
  add_clock(registry);
  const FaultFactory& factory = *registry.faults().front();
  const auto makes = [&](std::map<std::string, std::string> extra) {
    FaultOptions options;
    options.nodes = {"n1", "n2", "n3"};
    options.extra = std::move(extra);
    Capabilities can;
    can.processes = {"db"};
    return bool(factory.make(options, can));
  };
  CHECK(makes({}));
  CHECK(makes({{"clock", "drift"}, {"ppm", "500"}, {"nodes", "all"}}));
  CHECK(makes({{"offset-ms", "5"}}));
  CHECK_FALSE(makes({{"clock", "sundial"}}));
  CHECK_FALSE(makes({{"clock", "drift"}, {"offset-ms", "5"}}));
  CHECK_FALSE(makes({{"clock", "drift"}, {"ppm", "fast"}}));
  CHECK_FALSE(makes({{"colour", "red"}}));
  CHECK_FALSE(factory.make(FaultOptions(), Capabilities()));
}

constexpr double kNearMs = 450;  // on a busy machine

/// One node whose database is a process that reads the time.
struct OneClock {
  static std::unique_ptr<OneClock> make() {
    auto made = std::make_unique<OneClock>();
    made->space = test::Namespaces::make(1);
    if (!made->space) return nullptr;
    auto agent = made->space->agent(0);
    REQUIRE(agent);
    made->agent = std::move(*agent);
    Node node;
    node.name = "n1";
    made->target.nodes = {node};
    made->target.agents = {made->agent.get()};
    Registry registry;
    add_clock(registry);
    Capabilities can;
    can.processes = {made->readers.name()};
    FaultOptions options;
    options.nodes = {"n1"};
    auto package = registry.faults().front()->make(options, can);
    REQUIRE(package);
    made->package = std::move(*package);
    made->readers.await_rounds(1);
    return made;
  }
  Value invoke(const char* f, Value value = {}) {
    Op op;
    op.f = Symbol(f);
    op.value = std::move(value);
    const auto done = package.nemesis->invoke(target, op);
    if (!done) FAIL(done.error().message);
    return *done;
  }
  static double n1(const Value& done, const char* key) {
    const Value* const all = done.find(key);
    const Value* const one = all == nullptr ? nullptr : all->find("n1");
    if (one == nullptr) FAIL(to_edn(done) << " has no " << key << " of n1");
    return one->real();
  }
  std::unique_ptr<test::Namespaces> space;
  std::unique_ptr<AgentClient> agent;
  test::ClockReaders readers{1};
  FaultTarget target;
  FaultPackage package;
};

TEST_CASE("each kind of clock fault is applied, proved and undone", "[nemesis][root]") {
  const auto world = OneClock::make();
  if (!world) return;
  CHECK(std::abs(OneClock::n1(world->invoke("clock-offsets"), "offsets-ms")) < kNearMs);
  CHECK_FALSE(world->invoke("stop-clock").is_map());
  struct Case {
    Value spec;
    double least_ms;  // after a second or more
    double most_ms;
  };
  const std::vector<Case> cases = {
      {map_of({"offset-ms", 3'600'000}), 3'600'000 - kNearMs, 3'600'000 + kNearMs},
      {map_of({"offset-ms", -3'600'000}), -3'600'000 - kNearMs, -3'600'000 + kNearMs},
      {map_of({"ppm", 400'000}), 200, 60'000},
      {map_of({"clock", "leap", "after-ms", 200}), -1000 - kNearMs, -1000 + kNearMs},
      {map_of({"clock", "smear", "over-ms", 2000}), -1000 - kNearMs, -200},
      {map_of({"clock", "scramble", "within-ms", 60'000}), -60'000 - kNearMs, 60'000 + kNearMs}};
  for (const Case& each : cases) {
    INFO(to_edn(each.spec));
    const Value started = world->invoke("start-clock", each.spec);
    usleep(1'000'000);
    const Value stopped = world->invoke("stop-clock");
    INFO(to_edn(started) << " " << to_edn(stopped));
    REQUIRE(stopped.find("took_effect") != nullptr);
    CHECK(stopped.find("took_effect")->boolean());
    CHECK(OneClock::n1(stopped, "offsets-ms") >= each.least_ms);
    CHECK(OneClock::n1(stopped, "offsets-ms") <= each.most_ms);
    CHECK(std::abs(OneClock::n1(stopped, "healed-ms")) < kNearMs);
  }
  const Value strobed =
      world->invoke("start-clock", map_of({"clock", "strobe", "delta-ms", 9000, "period-ms", 3}));
  CHECK(world->invoke("stop-clock").find("took_effect")->boolean());
  CHECK(world->package.nemesis->heal(world->target));
}

TEST_CASE("one clock fault takes the place of another, and heal ends both", "[nemesis][root]") {
  const auto world = OneClock::make();
  if (!world) return;
  world->invoke("start-clock", map_of({"offset-ms", 3'600'000}));
  const Value second = world->invoke("start-clock", map_of({"offset-ms", -60'000}));
  CHECK(std::abs(OneClock::n1(second, "seen-ms") + 60'000) < kNearMs);
  const auto in_force = world->agent->observe();
  REQUIRE(in_force);
  CHECK(in_force->size() == 1);
  CHECK(world->package.nemesis->heal(world->target));
  CHECK(world->package.nemesis->heal(world->target));
  CHECK(std::abs(OneClock::n1(world->invoke("clock-offsets"), "offsets-ms")) < kNearMs);
  CHECK(world->readers.lives());
}

}  // namespace
}  // namespace riven
