// riven run: test a database.
#include <unistd.h>
#include <csignal>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>

#include "harness/api/nemesis.h"
#include "harness/app/command.h"
#include "harness/app/test_run.h"
#include "harness/app/units.h"

namespace riven {

namespace {

StopRequests g_stop{0};

extern "C" void on_signal(int /*signal*/) {
  constexpr int kPatience = 3;
  if (g_stop.fetch_add(1) + 1 > kPatience) ::_exit(static_cast<int>(ExitCode::infrastructure));
  const char* const words = g_stop.load() == 1 ? "\nriven: stopping: clients end, faults are healed, what "
                                                 "was recorded is judged (again: leave at once)\n"
                                               : "\nriven: leaving: faults are healed\n";
  const size_t length = std::char_traits<char>::length(words);
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, words, length);
}

/// SIGINT, SIGTERM and SIGHUP count in g_stop while this lives.
class SignalWatch {
 public:
  SignalWatch() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &action, &before_[i]);
  }
  ~SignalWatch() {
    for (size_t i = 0; i < std::size(kSignals); ++i) ::sigaction(kSignals[i], &before_[i], nullptr);
  }
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(kSignals)] = {};
};

struct RunArguments {
  RunOptions run;
  std::string faults = "none";
  std::string max_broken;
  std::vector<std::string> database_options;
  std::vector<std::string> workload_options;
  std::vector<std::string> fault_options;
  std::string time_limit = "60s";
  std::string interval;
  std::string schedule;
  std::string op_timeout = "5s";
  std::string lease = "10s";
  std::string agent = name_of(AgentPlace::node);
  std::string check_time_limit = "10m";
  std::string check_memory;
  uint64_t seed = 0;
  bool seed_given = false;
  int test_count = 1;
};

std::string rerun_line(const RunArguments& g, uint64_t seed) {
  const RunOptions& o = g.run;
  const RunArguments defaults;
  std::string line = "riven run --db " + shell_word(o.database);
  const auto add = [&](const char* option, const std::string& value, const std::string& fallback) {
    if (value != fallback) line += std::string(" ") + option + " " + shell_word(value);
  };
  for (const std::string& pair : g.database_options) add("--db-opt", pair, "");
  add("--nodes", std::to_string(o.nodes), std::to_string(defaults.run.nodes));
  add("--debian-suite", o.suite, defaults.run.suite);
  add("--image", o.image, "");
  add("--agent", g.agent, defaults.agent);
  add("--cluster", o.cluster, "");
  add("--nodes-file", o.nodes_file, "");
  add("--workload", o.workload, "");
  for (const std::string& pair : g.workload_options) add("--workload-opt", pair, "");
  add("--model", o.model, "");
  add("--faults", g.faults, defaults.faults);
  for (const std::string& pair : g.fault_options) add("--fault-opt", pair, "");
  if (o.faults_together && find_profile(g.faults) == nullptr) line += " --faults-together";
  if (o.skip_unsupported_faults) line += " --skip-unsupported-faults";
  add("--schedule", g.schedule, "");
  add("--max-broken", g.max_broken, "");
  add("--interval", g.interval, "");
  add("--time-limit", g.time_limit, "");
  add("--rate", o.rate_hz > 0 ? to_edn(Value(o.rate_hz)) : "", "");
  add("--ops-per-key", std::to_string(o.ops_per_key), "0");
  add("--concurrency", o.concurrency, defaults.run.concurrency);
  add("--op-timeout", g.op_timeout, defaults.op_timeout);
  add("--lease", g.lease, defaults.lease);
  add("--name", o.name, "");
  add("--seed", std::to_string(seed), "");
  return line;
}

Status read_units(RunArguments& g) {
  RunOptions& o = g.run;
  o.agents = agent_place_from(g.agent).value_or(AgentPlace::node);
  const struct {
    const char* option;
    const std::string& text;
    int64_t& into;
  } durations[] = {{"--time-limit", g.time_limit, o.time_limit_ns},
                   {"--op-timeout", g.op_timeout, o.op_timeout_ns},
                   {"--lease", g.lease, o.lease_ns},
                   {"--check-time-limit", g.check_time_limit, o.check_time_limit_ns}};
  for (const auto& [option, text, into] : durations) {
    const auto ns = parse_duration_ns(text);
    if (!ns || *ns <= 0)
      return Error{std::string(option) + " takes a time such as 60s or 500ms, not '" + text + "'"};
    into = *ns;
  }
  constexpr int64_t kShortestLeaseNs = kNanosPerSecond;
  constexpr int64_t kLongestLeaseNs = 3600 * kNanosPerSecond;
  if (o.lease_ns < kShortestLeaseNs || o.lease_ns > kLongestLeaseNs)
    return Error{"--lease takes a time from 1s to 1h, not " + g.lease};
  if (!g.check_memory.empty()) {
    const auto bytes = parse_size_bytes(g.check_memory);
    if (!bytes) return Error{"--check-memory takes a size such as 2GB, not '" + g.check_memory + "'"};
    o.check_memory_bytes = *bytes;
  }
  const struct {
    const char* option;
    const std::vector<std::string>& pairs;
    std::map<std::string, std::string>& into;
  } maps[] = {{"--db-opt", g.database_options, o.database_options},
              {"--workload-opt", g.workload_options, o.workload_options},
              {"--fault-opt", g.fault_options, o.fault_options}};
  for (const auto& [option, pairs, into] : maps) {
    auto parsed = parse_pairs(pairs, option);
    if (!parsed) return parsed.error();
    into = std::move(*parsed);
  }
  return ok_status();
}

/// FAULT in each FAULT.KEY by its name, where an alias was given.
void use_current_names(std::map<std::string, std::string>& fault_options, const Registry& registry) {
  std::map<std::string, std::string> named;
  for (const auto& [key, value] : fault_options) {
    const size_t dot = std::min(key.find('.'), key.size());
    const FaultFactory* const factory = registry.find<FaultFactory>(key.substr(0, dot));
    const bool is_for_one = dot < key.size() && factory != nullptr;
    named[is_for_one ? factory->name + key.substr(dot) : key] = value;
  }
  fault_options = std::move(named);
}

/// --faults, --interval, --max-broken and --schedule; what the user says goes before what a profile says.
Status read_faults(RunArguments& g, const Registry& registry) {
  RunOptions& o = g.run;
  auto requests = choose_faults(g.faults, registry);
  if (!requests) return requests.error();
  o.faults = std::move(*requests);
  if (g.faults == "all") o.fault_words = "all";
  o.max_broken = g.max_broken;
  if (const FaultProfile* const profile = find_profile(g.faults)) {
    o.fault_words = profile->name;
    o.interval_ns = profile->interval_ns;
    o.faults_together = o.faults_together || profile->together;
    if (g.max_broken.empty()) o.max_broken = profile->max_broken;
  }
  if (!g.interval.empty()) {
    const auto ns = parse_duration_ns(g.interval);
    if (!ns || *ns <= 0)
      return Error{"--interval takes a time such as 5s or 500ms, not '" + g.interval + "'"};
    o.interval_ns = *ns;
  }
  use_current_names(o.fault_options, registry);
  if (o.faults.empty() && g.schedule.empty() && !g.fault_options.empty())
    return Error{"--fault-opt " + g.fault_options.front() + ": no fault is asked for; say --faults"};
  if (g.schedule.empty()) return ok_status();
  auto schedule = read_schedule(g.schedule);
  if (!schedule) return schedule.error();
  use_current_names(*schedule, registry);
  o.schedule = std::make_shared<const FaultSchedule>(std::move(*schedule));
  return ok_status();
}

/// For CLI11: what is wrong with the text of a number from 0 up; empty: nothing.
std::string not_negative(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const bool good = !text.empty() && *end == '\0' && std::isfinite(number) && number >= 0;
  return good ? "" : "must be a number from 0 up, not '" + text + "'";
}

ExitCode run(RunArguments& g, const Registry& registry) {
  if (const Status read = read_units(g); !read) return usage_error(read.error().message);
  if (const Status read = read_faults(g, registry); !read) return usage_error(read.error().message);
  const uint64_t first_seed = g.seed_given ? g.seed : std::random_device{}();
  ExitCode code = ExitCode::valid;
  g_stop = 0;
  const SignalWatch watch;
  for (int i = 0; i < g.test_count && g_stop.load() == 0; ++i) {
    RunOptions options = g.run;
    options.seed = first_seed + static_cast<uint64_t>(i);
    options.rerun_line = rerun_line(g, options.seed);
    if (const Status good = validate(options, registry); !good) return usage_error(good.error().message);
    code = worst(code, run_test(options, registry, g_stop));
  }
  return code;
}

void declare_faults(CLI::App& app, RunArguments& g) {
  auto* const faults = app.add_option("--faults", g.faults,
                                      "faults to inject: names by comma, NAME:WORD for one form of a fault "
                                      "(partition:halves, kill:one), all, or a profile (gentle, nightly, "
                                      "storm); default: none");
  app.add_option("--schedule", g.schedule,
                 "a file that says when what breaks, such as a run's own faults.schedule")
      ->excludes(faults);
  app.add_option("--max-broken", g.max_broken,
                 "never break more nodes than this number, or a minority, all faults together");
  app.add_option("--fault-opt", g.fault_options,
                 "KEY=VALUE for the faults, FAULT.KEY=VALUE for one of them (repeatable)")
      ->type_name("KEY=VALUE")
      ->take_all();
  app.add_flag("--skip-unsupported-faults", g.run.skip_unsupported_faults,
               "skip a fault that some node does not support; default: end with exit code 3");
  app.add_flag("--leave-out-faults", g.run.skip_unsupported_faults)->group("");  // its name in older versions
  app.add_flag(
      "--faults-together", g.run.faults_together,
      "all kinds of faults at once; default: in turns, so that they never add up to a lost majority");
  app.add_option("--interval", g.interval,
                 "mean time between a fault's start and its end, and until the next; default: 5s");
}

/// Where the nodes are, or what they are made of.
void declare_cluster(CLI::App& app, RunArguments& g) {
  RunOptions& o = g.run;
  app.add_option("--nodes", o.nodes,
                 "containers to make; default: the database's (5, or 1 where it has no replicas)")
      ->check(CLI::Range(1, 99));
  declare_image(app, o.suite, o.image);
  app.add_option("--cluster", o.cluster, "use this cluster of containers and leave it");
  app.add_option("--nodes-file", o.nodes_file, "hosts.toml: use your own machines")->excludes("--cluster");
  declare_agent(app, g.agent)->excludes("--cluster")->excludes("--nodes-file");
  app.add_option("--lease", g.lease, "after this time without the controller a node heals itself")
      ->capture_default_str();
}

}  // namespace

CommandAction declare_run(CLI::App& app, const Registry& registry) {
  auto given = std::make_shared<RunArguments>();
  RunArguments& g = *given;
  RunOptions& o = g.run;
  app.add_option("--db", o.database, "the database (see `riven list`)")->required();
  app.add_option("--db-opt", g.database_options, "KEY=VALUE for the database (repeatable)")
      ->type_name("KEY=VALUE")
      ->take_all();
  app.add_option("-w,--workload", o.workload, "what the clients do")->capture_default_str();
  app.add_option("--workload-opt", g.workload_options, "KEY=VALUE for the workload (repeatable)")
      ->type_name("KEY=VALUE")
      ->take_all();
  app.add_option("-m,--model", o.model, "what the database must keep; default: the workload's");
  declare_faults(app, g);
  app.add_option("--time-limit", g.time_limit, "how long the clients run")->capture_default_str();
  app.add_option("--rate", o.rate_hz, "operations a second over all clients; 0: as fast as they go")
      ->capture_default_str()
      ->check(not_negative);
  app.add_option("--concurrency", o.concurrency, "clients: a number, or 2n for twice the nodes")
      ->capture_default_str();
  app.add_option("--ops-per-key", o.ops_per_key,
                 "operations on one key before the next; 0: the workload's default")
      ->capture_default_str()
      ->check(not_negative);
  app.add_option("--op-timeout", g.op_timeout, "deadline of one operation")->capture_default_str();
  auto* const seed =
      app.add_option("--seed", g.seed, "of every choice the test makes; default: a new one, printed")
          ->check(not_negative);
  app.add_option("--test-count", g.test_count, "runs, with seeds counting up")
      ->capture_default_str()
      ->check(CLI::Range(1, 100000));
  declare_cluster(app, g);
  app.add_option("--check-time-limit", g.check_time_limit, "for all checks together")->capture_default_str();
  app.add_option("--check-memory", g.check_memory, "for the checks; default: half of the machine's");
  app.add_option("--results", o.results_root, "folder for what runs leave")->capture_default_str();
  app.add_option("--name", o.name, "of the test; default: database-workload-faults");
  app.add_flag("--leave-running", o.leave_running, "keep the cluster and the database for inspection");
  app.add_flag("--json", o.json, "results.json on standard output instead of the summary");
  app.footer(R"(Examples:
  riven run --db etcd --workload register --faults partition --time-limit 60s
  riven run --db etcd --db-opt reads=serializable --time-limit 15s        finds stale reads
  riven run --db etcd --workload append --faults partition --test-count 10 --seed 1
  riven run --db etcd --nodes-file hosts.toml --faults partition
  riven run --db etcd --faults storm --time-limit 10m
  riven run --db etcd --faults nightly --agent host                     containers without a capability for it
  riven run --db etcd --schedule results/latest/faults.schedule           the same faults at the same times

A line of a schedule: at 12s partition isolate n3 for 8s
Profiles: gentle (each fault in turn, one node), nightly (majorities too), storm (many at once, a minority).

Ctrl-C once: stop the clients, heal, save, judge, report. Twice: heal and leave.
Exit codes: 0 valid, 1 invalid, 2 unknown, 3 the cluster or its set-up failed, 64 wrong usage.
Over several runs the worst counts: invalid, then 3, then unknown.)");
  return [given, seed, &registry] {
    given->seed_given = seed->count() > 0;
    return run(*given, registry);
  };
}

}  // namespace riven
