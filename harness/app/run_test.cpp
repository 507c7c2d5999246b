#include "harness/app/run_test.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <thread>

#include "harness/api/workload.h"
#include "harness/app/command.h"
#include "harness/app/judge.h"
#include "harness/app/progress.h"
#include "harness/app/units.h"
#include "harness/core/clock.h"
#include "harness/history/reader.h"
#include "harness/report/report.h"
#include "harness/run/store.h"

namespace riven {

namespace {

const DatabaseFactory* find_database(const Registry& registry, const std::string& name) {
  for (const DatabaseFactory& factory : registry.databases()) {
    if (factory.name == name) return &factory;
  }
  return nullptr;
}

const WorkloadFactory* find_workload(const Registry& registry, const std::string& name) {
  for (const auto& factory : registry.workloads()) {
    if (factory->name == name) return factory.get();
  }
  return nullptr;
}

const FaultFactory* find_fault(const Registry& registry, const std::string& name) {
  for (const auto& factory : registry.faults()) {
    if (factory->name == name) return factory.get();
  }
  return nullptr;
}

template <typename Items, typename Name>
std::string names_of(const Items& items, Name name) {
  std::string all;
  for (const auto& item : items) all += (all.empty() ? "" : ", ") + name(item);
  return all.empty() ? "none" : all;
}

std::string test_name(const RunOptions& o) {
  if (!o.name.empty()) return o.name;
  std::string name = o.database + "-" + o.workload;
  for (const std::string& fault : o.faults) name += "-" + fault;
  return name;
}

/// Everything that a run consists of, made from options alone.
struct Parts {
  std::unique_ptr<Database> database;
  Workload workload;
  std::vector<FaultPackage> faults;
  size_t concurrency = 0;
};

Result<Parts> make_parts(const RunOptions& o, const Registry& registry,
                         const std::vector<std::string>& node_names) {
  Parts parts;
  const DatabaseFactory* const database = find_database(registry, o.database);
  if (database == nullptr) {
    return Error{"no database is called '" + o.database + "'; there are " +
                 names_of(registry.databases(), [](const auto& d) { return d.name; })};
  }
  auto made = database->make(o.database_options);
  if (!made) return made.error();
  parts.database = std::move(*made);

  const WorkloadFactory* const workload = find_workload(registry, o.workload);
  if (workload == nullptr) {
    return Error{"no workload is called '" + o.workload + "'; there are " +
                 names_of(registry.workloads(), [](const auto& w) { return w->name; })};
  }
  const auto concurrency = parse_concurrency(o.concurrency, node_names.size());
  if (!concurrency)
    return Error{"--concurrency takes a number of clients, or 2n for twice the nodes, not '" + o.concurrency +
                 "'"};
  parts.concurrency = *concurrency;
  WorkloadOptions options;
  options.seed = o.seed;
  options.nodes = node_names.size();
  options.concurrency = parts.concurrency;
  options.rate_hz = o.rate_hz;
  options.ops_per_key = o.ops_per_key;
  options.model = o.model;
  options.extra = o.workload_options;
  auto workload_made = workload->make(options, registry);
  if (!workload_made) return workload_made.error();
  parts.workload = std::move(*workload_made);

  const Capabilities capabilities = parts.database->capabilities();
  for (const std::string& function : parts.workload.required_functions) {
    const auto& known = capabilities.functions;
    if (std::find(known.begin(), known.end(), function) == known.end()) {
      return Error{"workload " + o.workload + " needs the function " + function + ", which the client of " +
                   o.database + " does not have"};
    }
  }
  for (const std::string& name : o.faults) {
    const FaultFactory* const fault = find_fault(registry, name);
    if (fault == nullptr) {
      return Error{"no fault is called '" + name + "'; there are " +
                   names_of(registry.faults(), [](const auto& f) { return f->name; })};
    }
    FaultOptions fault_options;
    fault_options.seed = mix64(o.seed) + parts.faults.size();
    fault_options.interval_ns = o.interval_ns;
    fault_options.extra = o.fault_options;
    fault_options.nodes = node_names;
    auto package = fault->make(fault_options, capabilities);
    if (!package) return package.error();
    parts.faults.push_back(std::move(*package));
  }
  return parts;
}

/// The nodes asked for, or as many as the database is tested on by default.
size_t node_count(const RunOptions& o, const Registry& registry) {
  const DatabaseFactory* const database = find_database(registry, o.database);
  return o.nodes > 0 || database == nullptr ? o.nodes : database->default_nodes;
}

std::vector<std::string> placeholder_names(size_t nodes) {
  std::vector<std::string> names;
  for (size_t i = 1; i <= nodes; ++i) names.push_back("n" + std::to_string(i));
  return names;
}

/// A cluster that lives as long as the run, unless it is to be left or is somebody else's.
class RunCluster {
 public:
  static Result<std::unique_ptr<RunCluster>> get(const RunOptions& o, size_t nodes) {
    auto cluster = std::unique_ptr<RunCluster>(new RunCluster);
    Result<ClusterSpec> spec = Error{};
    if (!o.nodes_file.empty() || !o.cluster.empty()) {
      spec = load_target({.cluster = o.cluster, .nodes_file = o.nodes_file});
    } else {
      DockerClusterOptions up;
      up.name = "run-" + std::to_string(::getpid());
      up.database = o.database;
      up.suite = o.suite;
      up.image = o.image;
      up.nodes = nodes;
      up.faults = o.faults;
      spec = DockerClusters::up(up);
      if (spec) cluster->made_ = up.name;
    }
    if (!spec) return spec.error();
    auto connected = Cluster::connect(*spec);
    if (!connected) return connected.error();
    cluster->cluster_ = std::move(*connected);
    return cluster;
  }
  ~RunCluster() {
    if (const Status removed = remove(); !removed) complain(removed.error().message);
  }
  const Cluster& operator*() const { return *cluster_; }
  const Cluster* operator->() const { return cluster_.get(); }
  const std::string& made() const { return made_; }
  void keep() { made_.clear(); }
  Status remove() {
    cluster_.reset();
    if (made_.empty()) return ok_status();
    const std::string name = std::exchange(made_, {});
    return DockerClusters::down(name);
  }

 private:
  RunCluster() = default;
  std::string made_;
  std::unique_ptr<Cluster> cluster_;
};

std::vector<std::string> names_of_nodes(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const Node& node : cluster.nodes()) names.push_back(node.name);
  return names;
}

Json metadata_of(const RunOptions& o, const Parts& parts, const std::vector<std::string>& nodes,
                 int64_t unix_s) {
  return {{"name", test_name(o)},
          {"database", o.database},
          {"database_options", o.database_options},
          {"workload", o.workload},
          {"workload_options", o.workload_options},
          {"model", o.model},
          {"faults", o.faults},
          {"fault_options", o.fault_options},
          {"faults_together", o.faults_together},
          {"nodes", nodes},
          {"concurrency", parts.concurrency},
          {"rate_hz", o.rate_hz},
          {"ops_per_key", o.ops_per_key},
          {"seed", o.seed},
          {"time_limit", format_duration(o.time_limit_ns)},
          {"interval", format_duration(o.interval_ns)},
          {"op_timeout", format_duration(o.op_timeout_ns)},
          {"lease", format_duration(o.lease_ns)},
          {"started_unix_s", unix_s},
          {"rerun", o.rerun_line},
          {"versions", riven_versions()}};
}

/// faults.jsonl: each fault window with its proof, one JSON object a line, in order of their beginning.
std::string faults_jsonl(const History& history, const std::vector<PlotSpan>& spans) {
  std::string lines;
  for (const FaultWindow& window : fault_timeline(history, spans).windows) {
    Json line{{"fault", window.name},
              {"begin_ns", window.begin_ns},
              {"end_ns", window.end_ns},
              {"ended", window.ended}};
    line["started"] = to_json(history.op(window.start_entry).value);
    const auto completed = [&](uint32_t entry) {
      const uint32_t pair = entry == History::kNone ? History::kNone : history.pair(entry);
      return pair == History::kNone ? Json() : to_json(history.op(pair).value);
    };
    line["done"] = completed(window.start_entry);
    line["undone"] = completed(window.stop_entry);
    if (window.bit) line["bit"] = *window.bit;
    if (window.dropped) line["dropped"] = *window.dropped;
    if (!window.error.empty()) line["error"] = window.error;
    lines += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  return lines;
}

/// One run: what is known of it while it lasts.
class Run {
 public:
  Run(const RunOptions& options, const Registry& registry, const StopRequests& stop)
      : o_(options),
        registry_(registry),
        stop_(stop),
        printer_(::isatty(STDERR_FILENO) == 1, options.time_limit_ns) {}

  ExitCode go();

 private:
  Status prepare();
  Status start_agents_and_database();
  ExitCode judge_and_report(const Recorded& recorded);
  void write_reports(const History& history, const RunResults& results);
  void clean_up();
  ExitCode infrastructure(const std::string& why) {
    printer_.finish();
    complain(why);
    return ExitCode::infrastructure;
  }
  bool leaving() const { return stop_.load() >= 2; }

  const RunOptions& o_;
  const Registry& registry_;
  const StopRequests& stop_;
  const int64_t began_ns_ = monotonic_now_ns();
  ProgressPrinter printer_;
  // Destroyed from the last to the first: faults are healed before agents, agents end before sessions.
  std::unique_ptr<RunCluster> cluster_;
  std::vector<std::unique_ptr<AgentClient>> agents_;
  Parts parts_;
  std::unique_ptr<Lifecycle> lifecycle_;
  RunInfo info_;
};

Status Run::prepare() {
  printer_.say("making the cluster");
  auto cluster = RunCluster::get(o_, node_count(o_, registry_));
  if (!cluster) return cluster.error();
  cluster_ = std::move(*cluster);
  const std::vector<std::string> nodes = names_of_nodes(**cluster_);
  auto parts = make_parts(o_, registry_, nodes);
  if (!parts) return parts.error();
  parts_ = std::move(*parts);

  const int64_t unix_s = std::time(nullptr);
  auto directory = make_run_directory(o_.results_root, test_name(o_), unix_s, o_.seed);
  if (!directory) return directory.error();
  info_.name = test_name(o_);
  info_.workload = o_.workload;
  info_.database = o_.database;
  info_.model = o_.model;
  info_.seed = o_.seed;
  info_.nodes = nodes;
  info_.faults = o_.faults;
  info_.started_unix_s = unix_s;
  info_.concurrency = parts_.concurrency;
  info_.rerun_line = o_.rerun_line;
  info_.version = riven_version();
  info_.versions = riven_versions();
  info_.directory = *directory;
  info_.options = metadata_of(o_, parts_, nodes, unix_s);
  for (const FaultPackage& package : parts_.faults) info_.spans.push_back(package.span);
  return store_file(*directory + "/test.json", info_.options.dump(2) + "\n");
}

Status Run::start_agents_and_database() {
  const Cluster& cluster = **cluster_;
  FaultTarget target;
  target.nodes = cluster.nodes();
  target.database = parts_.database.get();
  target.controller_addresses = cluster.controller_addresses();

  if (!parts_.faults.empty()) {
    printer_.say("starting the agents");
    const std::string owner = "run-" + std::to_string(::getpid()) + "-" + std::to_string(o_.seed);
    auto agents = start_agents(cluster, owner, Milliseconds(o_.lease_ns / kNanosPerMilli));
    if (!agents) return agents.error();
    agents_ = std::move(*agents);
    for (const auto& agent : agents_) target.agents.push_back(agent.get());
  }

  LifecycleOptions options;
  options.directory = info_.directory;
  options.metadata = info_.options;
  options.seed = o_.seed;
  options.concurrency = parts_.concurrency;
  options.faults_together = o_.faults_together;
  options.time_limit_ns = o_.time_limit_ns;
  options.op_timeout_ns = o_.op_timeout_ns;
  options.nemesis_timeout_ns = 60 * kNanosPerSecond;
  options.final_limit_ns = 60 * kNanosPerSecond;
  LifecycleHooks hooks;
  hooks.say = [this](const std::string& line) { printer_.say(line); };
  hooks.progress = [this](const Progress& progress) { printer_.update(progress); };
  hooks.in_force = [this](const std::vector<std::string>& faults) { printer_.faults(faults); };
  hooks.stop = &stop_;
  std::vector<FaultPackage> faults = std::move(parts_.faults);
  lifecycle_ = std::make_unique<Lifecycle>(std::move(target), *parts_.database, parts_.workload,
                                           std::move(faults), options, std::move(hooks));
  printer_.say("setting up " + o_.database + " on " + std::to_string(cluster.nodes().size()) + " nodes");
  return lifecycle_->set_up();
}

void Run::write_reports(const History& history, const RunResults& results) {
  const auto write = [&](const std::string& name, const std::string& content) {
    if (const Status written = store_file(info_.directory + "/" + name, content); !written) {
      info_.complaints.push_back(written.error().message);
      complain(written.error().message);
    }
  };
  write("results.json", results_json(info_, results).dump(2) + "\n");
  write("junit.xml", junit_xml(info_, results));
  write("faults.jsonl", faults_jsonl(history, info_.spans));
  write("report.html", html_report(info_, history, results));
}

ExitCode Run::judge_and_report(const Recorded& recorded) {
  printer_.finish();
  info_.complaints = recorded.complaints;
  if (!recorded.version.empty()) info_.versions[o_.database] = recorded.version;
  const int64_t began_ns = monotonic_now_ns();
  auto read = read_history(info_.directory + "/history.riven");
  if (!read) return infrastructure(read.error().message);
  for (const std::string& warning : read->warnings) info_.complaints.push_back(warning);
  const int64_t read_ms = (monotonic_now_ns() - began_ns) / kNanosPerMilli;

  JudgeOptions judged{.workload = o_.workload,
                      .model = o_.model,
                      .time_limit_ns = o_.check_time_limit_ns,
                      .memory_bytes = o_.check_memory_bytes,
                      .of_a_run = true};
  judged.spans = info_.spans;
  const auto checkers = pick_checkers(registry_, read->history, judged);
  if (!checkers) return infrastructure(checkers.error().message);
  RunResults results = judge(*checkers, read->history, judged);
  results.read_ms = read_ms;
  for (const CheckResult& check : results.checks) {
    for (const Artifact& artifact : check.artifacts) {
      const Status stored =
          store_file(info_.directory + "/anomalies/" + file_name_of(artifact.name), artifact.content);
      if (!stored) info_.complaints.push_back(stored.error().message);
    }
  }
  info_.options["to_first_operation_ms"] = (recorded.first_operation_ns - began_ns_) / kNanosPerMilli;
  write_reports(read->history, results);
  info_.options["last_operation_to_report_ms"] =
      (monotonic_now_ns() - recorded.last_operation_ns) / kNanosPerMilli;

  const size_t complaints_before = info_.complaints.size();
  clean_up();
  if (info_.complaints.size() != complaints_before) write_reports(read->history, results);
  if (const Status kept = store_file(info_.directory + "/test.json", info_.options.dump(2) + "\n"); !kept)
    complain(kept.error().message);
  const TerminalStyle style{.color = wants_color(), .utf8 = wants_utf8(), .width = terminal_width()};
  const std::string words = o_.json ? results_json(info_, results).dump(2) + "\n"
                                    : terminal_summary(info_, read->history, results, style);
  std::fputs(words.c_str(), stdout);
  std::fflush(stdout);
  return exit_code_of(results.verdict);
}

/// Logs, tear-down, cluster; what fails is a complaint, and costs no verdict.
void Run::clean_up() {
  const auto add = [&](std::vector<std::string> complaints) {
    for (std::string& complaint : complaints) info_.complaints.push_back(std::move(complaint));
  };
  agents_.clear();
  if (lifecycle_->stragglers() > 0) static_cast<void>(parts_.database.release());
  if (!leaving()) add(lifecycle_->download_logs());
  const bool disposable = !cluster_->made().empty();
  if (o_.leave_running) {
    if (disposable)
      printer_.say("left running: cluster " + cluster_->made() + " (riven cluster down --name " +
                   cluster_->made() + ")");
    cluster_->keep();
    return;
  }
  if (!disposable) add(lifecycle_->tear_down());
  lifecycle_.reset();
  if (const Status removed = cluster_->remove(); !removed)
    info_.complaints.push_back(removed.error().message);
}

ExitCode Run::go() {
  if (const Status prepared = prepare(); !prepared) return infrastructure(prepared.error().message);
  if (stop_.load() > 0) return infrastructure("interrupted before the test began");
  if (const Status started = start_agents_and_database(); !started) {
    if (lifecycle_) lifecycle_->download_logs();
    return infrastructure(started.error().message);
  }
  if (stop_.load() > 0) return infrastructure("interrupted before the test began");
  printer_.say("running " + o_.workload + " with " + std::to_string(parts_.concurrency) + " clients for " +
               format_duration(o_.time_limit_ns) + ", seed " + std::to_string(o_.seed));
  const auto recorded = lifecycle_->drive();
  if (!recorded) return infrastructure(recorded.error().message);
  return judge_and_report(*recorded);
}

}  // namespace

Status validate(const RunOptions& options, const Registry& registry) {
  const auto parts = make_parts(options, registry, placeholder_names(node_count(options, registry)));
  return parts ? ok_status() : Status(parts.error());
}

ExitCode run_test(const RunOptions& options, const Registry& registry, const StopRequests& stop) {
  return Run(options, registry, stop).go();
}

}  // namespace riven
