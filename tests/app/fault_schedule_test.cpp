#include "harness/app/fault_schedule.h"

#include <map>

#include "harness/app/builtin.h"
#include "harness/app/fault_choice.h"
#include "harness/core/clock.h"
#include "harness/generator/combinators.h"
#include "harness/run/fault_driver.h"
#include "harness/run/scheduler.h"
#include "harness/run/virtual_executor.h"
#include "tests/catch.h"

using namespace riven;

namespace {

constexpr int64_t kLimitNs = 120 * kNanosPerSecond;

/// Plans as the package would, and remembers instead of doing it.
class DryRun final : public Nemesis {
 public:
  DryRun(std::unique_ptr<Nemesis> real, std::vector<std::string>& done, std::vector<Impact>& impact)
      : real_(std::move(real)), done_(done), impacts_(impact) {}
  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override { return real_->plan(target, op); }
  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const auto plan = real_->plan(target, op);
    impacts_.push_back(plan ? plan->impact : Impact{});
    done_.push_back(std::to_string(op.time_ns / kNanosPerMilli) + " " + std::string(op.f.text()) + " " +
                    to_edn(op.value));
    return Value("done");
  }
  Status heal(FaultTarget&) noexcept override { return ok_status(); }

 private:
  std::unique_ptr<Nemesis> real_;
  std::vector<std::string>& done_;
  std::vector<Impact>& impacts_;
};

/// The packages of partition, kill, pause and link over five nodes, in a simulated run.
struct Stage {
  Registry registry = builtin_registry();
  FaultTarget target;
  std::vector<FaultPackage> packages;
  std::vector<const FaultFactory*> factories;
  std::vector<std::string> done;
  std::vector<Impact> impact;  // of each in `done` that begins something
  std::optional<size_t> max_broken;

  explicit Stage(uint64_t seed = 1, std::optional<size_t> most = {}) : max_broken(most) {
    FaultOptions options;
    options.interval_ns = 4 * kNanosPerSecond;
    options.max_broken = most;
    for (int i = 1; i <= 5; ++i) {
      Node node;
      node.name = "n" + std::to_string(i);
      node.index = static_cast<size_t>(i - 1);
      target.nodes.push_back(node);
      options.nodes.push_back(node.name);
    }
    Capabilities can;
    can.kill = can.membership = true;
    can.processes = {"db"};
    for (const auto& factory : registry.faults()) {
      if (factory->name == "clock" || factory->name == "disk") continue;
      options.seed = mix64(seed) + packages.size();
      auto package = factory->make(options, can);
      REQUIRE(package);
      package->nemesis = std::make_unique<DryRun>(std::move(package->nemesis), done, impact);
      packages.push_back(std::move(*package));
      factories.push_back(factory.get());
    }
  }

  Result<std::vector<ScheduledOp>> bind(const std::string& text) const {
    auto schedule = parse_schedule(text, "f");
    if (!schedule) return schedule.error();
    std::vector<NamedPackage> named;
    for (size_t i = 0; i < packages.size(); ++i) named.push_back({factories[i], &packages[i]});
    return bind_schedule(*schedule, named, target, kLimitNs);
  }
  std::string refusal(const std::string& text) const {
    const auto bound = bind(text);
    return bound ? "accepted" : bound.error().message;
  }

  GeneratorPtr all_at_once() const {
    gen::Generators each;
    for (const FaultPackage& package : packages) each.push_back(package.generator);
    return gen::any(std::move(each));
  }

  /// Plays `generator` for 60 virtual seconds; what was done is in `done`, and the schedule it leaves behind
  /// is returned.
  std::string play(GeneratorPtr generator, uint64_t seed = 1) {
    std::map<std::string, PlotSpan> spans;
    for (const FaultPackage& package : packages) spans[package.span.name] = package.span;
    FaultDriver driver(target, std::move(packages), max_broken);
    ScheduleLog log({"a dry run"});
    VirtualExecutor executor(seed, [&](Simulation& simulation, uint64_t ticket, const Op& op) {
      const auto outcome = driver.invoke(
          op, [&](const FaultStep& step, const Result<Value>&) { log.note(step, spans[step.fault]); });
      simulation.after(5 * kNanosPerMilli,
                       [&simulation, ticket, value = outcome ? *outcome : Value("failed")] {
                         simulation.complete(ticket, Outcome::ok(value));
                       });
    });
    struct Nowhere final : EntrySink {
      Status append(const Op&) override { return ok_status(); }
    } nowhere;
    SchedulerOptions options;
    options.seed = seed;
    run_scheduler(options, gen::time_limit(60 * kNanosPerSecond, gen::nemesis(std::move(generator))),
                  executor, nowhere);
    return log.text();
  }
};

std::vector<std::string> lines_of(const std::string& text, char not_first = '\0') {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (text[at] != not_first) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

}  // namespace

TEST_CASE("a schedule as people write it") {
  const Stage stage;
  const auto bound = stage.bind(R"(# comment
at 12s partition isolate n3 for 8s   # the leader, mostly
at 500ms kill minority for 5s

at 40s link nodes=n1,n2 delay-ms=80 loss 1.5 for 10s
at 50s partition halves verdict=reject
at 50s heal link
at 60s pause {"nodes":["n1","n2"]}
)");
  REQUIRE_FALSE(bound);
  CHECK(bound.error().message == "f:7: link is not in force at 50s: there is nothing to heal");

  const auto good = stage.bind(
      "at 12s partition isolate n3 for 8s\nat 500ms kill minority for 5s\n"
      "at 50s partition halves verdict=reject\nat 20s link n1 delay-ms=80\n"
      "at 30s heal link\n");
  if (!good) FAIL(good.error().message);
  std::vector<std::string> text;
  for (const ScheduledOp& each : *good)
    text.push_back(std::to_string(each.at_ns / kNanosPerMilli) + " " + std::string(each.draft.f.text()) +
                   " " + to_edn(each.draft.value));
  CHECK(text == std::vector<std::string>{
                    "500 kill {\"nodes\" \"minority\"}", "5500 start nil",
                    "12000 start-partition {\"isolate\" \"n3\"}", "20000 stop-partition nil",
                    "20000 start-link {\"delay-ms\" 80, \"nodes\" \"n1\"}", "30000 stop-link nil",
                    "50000 start-partition {\"partition\" \"halves\", \"verdict\" \"reject\"}"});
  CHECK((*good)[3].closes == size_t{2});
}

TEST_CASE("bad lines are refused with file, line and what to do") {
  const Stage stage;
  const std::pair<const char*, const char*> cases[] = {
      {"partition at 12s", "f:1: a line begins with 'at': write `at TIME FAULT [WHAT] [for TIME]`"},
      {"\nat noon partition", "f:2: 'at' takes a time such as 8s or 500ms, not 'noon'"},
      {"at 12s", "f:1: no fault is named"},
      {"at 12s earthquake", "f:1: no fault is called 'earthquake'; there are partition, kill"},
      {"at 12s partition for", "f:1: 'for' takes a time such as 8s or 500ms, not ''"},
      {"at 12s partition for 0s", "f:1: 'for' takes a time above zero"},
      {"at 12s partition for 8s now", "f:1: 'for TIME' stands at the end"},
      {"at 12s partition isolate n9 for 8s", "f:1: there is no node 'n9'"},
      {"at 12s partition sideways", "f:1: unknown partition 'sideways' (known: one, halves"},
      {"at 12s partition {\"isolate\": [\"n1\"", "f:1: the JSON value that begins here does not end"},
      {"at 12s partition {isolate}", "f:1: '{isolate}' is no JSON value"},
      {"at 12s partition {} halves", "f:1: nothing but `for TIME` may follow a JSON value"},
      {"at 12s link n1 delay-ms 80", "f:1: '80' stands alone; write KEY=VALUE"},
      {"at 12s link n1 =80", "f:1: '=80' must be KEY=VALUE"},
      {"at 12s partition halves partition=one", "f:1: 'halves' and partition= say the same thing twice"},
      {"at 12s kill/undo", "f:1: the fault kill has no operation 'undo' that begins it"},
      {"at 130s kill one", "f:1: at 130s the run is over: ask for more than --time-limit 120s"},
      {"at 12s kill one for 8s\nat 15s kill one", "f:2: kill is still in force from line 1: end that one"},
      {"at 12s heal", "f:1: 'heal' takes the name of one fault"},
      {"at 12s heal kill", "f:1: kill is not in force at 12s"}};
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    const std::string refusal = stage.refusal(text);
    CAPTURE(refusal);
    CHECK(refusal.find(expected) == 0);
    CHECK(refusal.find('\n') == std::string::npos);
  }
  CHECK(stage.refusal("at 20s kill one for 8s\nat 12s kill one for 8s") == "accepted");
  CHECK(stage.refusal("at 12s partition primaries for 8s") == "accepted");
}

TEST_CASE("a run's own schedule does the same again: same nodes, same times") {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Stage first(seed);
    const std::string schedule = first.play(first.all_at_once(), seed);
    CAPTURE(seed, schedule);
    CHECK(first.done.size() > 12);

    Stage second(seed + 1000);  // other dice: nothing may depend on them
    auto bound = second.bind(schedule);
    REQUIRE(bound);
    const std::string again = second.play(timetable(std::move(*bound)), seed + 1000);
    CHECK(second.done == first.done);
    CHECK(lines_of(again, '#') == lines_of(schedule, '#'));
  }
}

TEST_CASE("the same seed gives the same faults, another seed others") {
  const auto played = [](uint64_t seed) {
    Stage stage(seed);
    stage.play(stage.all_at_once(), seed);
    return stage.done;
  };
  CHECK(played(3) == played(3));
  CHECK(played(3) != played(4));
}

namespace {

/// How often more than two nodes were broken, counted from what was really done.
size_t excesses(const Stage& stage) {
  const Stage names;
  std::map<std::string, Impact> in_force;
  size_t excesses = 0;
  for (size_t i = 0; i < stage.done.size(); ++i) {
    const std::string& line = stage.done[i];
    const size_t blank = line.find(' ');
    const std::string f = line.substr(blank + 1, line.find(' ', blank + 1) - blank - 1);
    const auto package = std::find_if(names.packages.begin(), names.packages.end(), [&](const auto& p) {
      return p.span.starts.front() == f || p.span.stops.front() == f;
    });
    REQUIRE(package != names.packages.end());
    in_force.erase(package->span.name);
    if (package->span.starts.front() == f) in_force[package->span.name] = stage.impact[i];
    std::vector<Impact> all;
    for (const auto& [name, each] : in_force) all.push_back(each);
    excesses += breaks_at_most(5, all, 2) ? 0 : 1;
  }
  return excesses;
}

}  // namespace

TEST_CASE("no more nodes are ever broken than asked, over all faults together") {
  size_t without_limit = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    Stage careful(seed, 2);
    careful.play(careful.all_at_once(), seed);
    CHECK(careful.done.size() > 12);
    CHECK(excesses(careful) == 0);
    Stage careless(seed);
    careless.play(careless.all_at_once(), seed);
    without_limit += excesses(careless);
  }
  CHECK(without_limit > 10);
}

TEST_CASE("what would break too many nodes is left out, and said so") {
  Stage stage(1, 1);
  auto bound = stage.bind("at 1s kill n1 for 10s\nat 2s pause n2 for 5s\nat 8s pause n1 for 1s\n");
  REQUIRE(bound);
  const std::string schedule = stage.play(timetable(std::move(*bound)));
  CHECK(lines_of(schedule) ==
        std::vector<std::string>{
            "# a dry run", "at 1s kill {\"nodes\":[\"n1\"]} for 10s",
            "# not done (more than 1 nodes would be broken): at 2s pause {\"nodes\":\"n2\"}",
            "at 8s pause {\"nodes\":[\"n1\"]} for 1s"});
}

TEST_CASE("what --faults may say") {
  const Registry registry = builtin_registry();
  const auto chosen = choose_faults("partition:halves,kill", registry);
  REQUIRE(chosen);
  REQUIRE(chosen->size() == 2);
  CHECK(chosen->front().word == "halves");
  for (const char* const empty : {"", ",", "partition,", ",kill"})
    CHECK_FALSE(choose_faults(empty, registry));
  CHECK(choose_faults("none", registry)->empty());
  for (const char* const everything : {"all", "gentle", "nightly"}) {
    const auto all = choose_faults(everything, registry);
    REQUIRE(all);
    CHECK(all->size() == registry.faults().size());
    CHECK(all->front().optional);
  }
  const auto storm = choose_faults("storm", registry);
  REQUIRE(storm);
  CHECK(storm->size() > 3);
  for (const FaultRequest& request : *storm)
    CHECK((request.name != "reboot" && request.name != "membership"));
  CHECK_FALSE(choose_faults("earthquake", registry));
  const auto older = choose_faults("descriptors", registry);  // its name in older versions
  REQUIRE(older);
  CHECK(older->front().name == "fd-limit");
  CHECK_FALSE(choose_faults("descriptors,fd-limit", registry));
  CHECK_FALSE(choose_faults("kill,kill", registry));
  CHECK_FALSE(choose_faults("kill,all", registry));
  CHECK(find_profile("storm")->together);
  CHECK(find_profile("partition") == nullptr);
}

TEST_CASE("a schedule of an older version does the same faults under their names") {
  Stage stage;
  auto schedule = parse_schedule("at 1s descriptors n1 for 5s\nat 7s stop/start-stop n2 for 2s\n", "f");
  REQUIRE(schedule);
  use_current_names(*schedule, stage.registry);
  CHECK(schedule->faults() == std::vector<std::string>{"fd-limit", "stop"});
  std::vector<NamedPackage> named;
  for (size_t i = 0; i < stage.packages.size(); ++i)
    named.push_back({stage.factories[i], &stage.packages[i]});
  const auto bound = bind_schedule(*schedule, named, stage.target, kLimitNs);
  REQUIRE(bound);
  REQUIRE(bound->size() == 4);
  CHECK((*bound)[0].draft.f.text() == "start-fd-limit");
  CHECK((*bound)[2].draft.f.text() == "start-stop");
  CHECK((*bound)[3].draft.f.text() == "start-stopped");
}

TEST_CASE("how many nodes a minority is") {
  CHECK(parse_max_broken("minority", 5) == size_t{2});
  CHECK(parse_max_broken("minority", 4) == size_t{1});
  CHECK(parse_max_broken("minority", 1) == size_t{1});
  CHECK(parse_max_broken("3", 5) == size_t{3});
  for (const char* const bad : {"", "most", "-1", "2 nodes"}) CHECK_FALSE(parse_max_broken(bad, 5));
}
