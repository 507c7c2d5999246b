#include "harness/app/test_run.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <thread>

#include "harness/api/workload.h"
#include "harness/app/cluster_lock.h"
#include "harness/app/command.h"
#include "harness/app/judge.h"
#include "harness/app/progress.h"
#include "harness/app/run_components.h"
#include "harness/app/units.h"
#include "harness/core/clock.h"
#include "harness/core/text.h"
#include "harness/history/reader.h"
#include "harness/report/report.h"
#include "harness/run/store.h"

namespace riven {

namespace {

/// A cluster that lives as long as the run, unless it is to be left or is somebody else's.
class RunCluster {
 public:
  static Result<std::unique_ptr<RunCluster>> get(const RunOptions& o, const Registry& registry) {
    auto cluster = std::unique_ptr<RunCluster>(new RunCluster);
    Result<ClusterSpec> spec = Error{};
    if (!o.nodes_file.empty() || !o.cluster.empty()) {
      spec = load_target({.cluster = o.cluster, .nodes_file = o.nodes_file});
      if (!spec) return spec.error();
      auto lock = ClusterLock::take(*spec);
      if (!lock) return lock.error();
      cluster->lock_ = std::move(*lock);
    } else {
      if (const auto orphans = DockerClusters::remove_orphans(); !orphans) {
        complain(orphans.error().message);
      } else {
        for (const std::string& name : *orphans)
          complain("removed cluster " + name + ", which a run that was killed had left");
      }
      DockerClusterOptions up;
      up.ends_with_process = !o.leave_running;
      up.name = "run-" + std::to_string(::getpid());
      up.database = o.database;
      up.suite = o.suite;
      up.image = o.image;
      up.nodes = node_count(o, registry);
      up.agents = o.agents;
      for (const std::string& name : asked_faults(o)) {
        if (const FaultFactory* const factory = registry.find<FaultFactory>(name))
          up.needs.add(factory->container);
      }
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
  ClusterLock lock_;
  std::string made_;
  std::unique_ptr<Cluster> cluster_;
};

std::vector<std::string> names_of_nodes(const Cluster& cluster) {
  std::vector<std::string> names;
  for (const Node& node : cluster.nodes()) names.push_back(node.name);
  return names;
}

std::vector<std::string> names_of_faults(const RunComponents& components) {
  std::vector<std::string> names;
  for (const FaultFactory* factory : components.factories) names.push_back(factory->name);
  return names;
}

Json metadata_of(const RunOptions& o, const RunComponents& components, const std::vector<std::string>& nodes,
                 AgentPlace agents, int64_t unix_s) {
  return {{"name", test_name(o)},
          {"database", o.database},
          {"database_options", o.database_options},
          {"workload", o.workload},
          {"workload_options", o.workload_options},
          {"model", o.model},
          {"faults", names_of_faults(components)},
          {"fault_options", o.fault_options},
          {"faults_together", o.faults_together},
          {"max_broken", o.max_broken},
          {"schedule", o.schedule ? o.schedule->file : ""},
          {"nodes", nodes},
          {"agents", name_of(agents)},
          {"concurrency", components.concurrency},
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
    if (window.took_effect) line["took_effect"] = *window.took_effect;
    if (window.dropped) line["dropped"] = *window.dropped;
    if (!window.error.empty()) line["error"] = window.error;
    lines += line.dump() + "\n";
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
        printer_(::isatty(STDERR_FILENO) == 1, options.time_limit_ns),
        schedule_({"What this run did to its cluster; `riven run --schedule FILE` does it again. Made by:",
                   options.rerun_line}) {}

  ExitCode go();

 private:
  Status prepare();
  Status start_agents_and_database();
  void note_faults();
  void keep_schedule(const FaultStep& step);
  ExitCode judge_and_report(const Recorded& recorded);
  bool write_reports(const History& history, const RunResults& results);
  void account_for_early_end(const Recorded& recorded, const ReadHistory& read, RunResults& results) const;
  void clean_up();
  ExitCode infrastructure(const std::string& why);
  bool leaving() const { return stop_.load() >= 2; }

  const RunOptions& o_;
  const Registry& registry_;
  const StopRequests& stop_;
  const int64_t began_ns_ = monotonic_now_ns();
  ProgressPrinter printer_;
  // Destroyed from the last to the first: faults are healed before agents, agents end before sessions.
  std::unique_ptr<RunCluster> cluster_;
  std::vector<std::unique_ptr<AgentClient>> agents_;
  RunComponents components_;
  std::unique_ptr<Lifecycle> lifecycle_;
  RunInfo info_;
  ScheduleLog schedule_;
};

Status Run::prepare() {
  printer_.say("making the cluster");
  auto cluster = RunCluster::get(o_, registry_);
  if (!cluster) return cluster.error();
  cluster_ = std::move(*cluster);
  const std::vector<std::string> nodes = names_of_nodes(**cluster_);
  auto components = make_components(o_, registry_, nodes);
  if (!components) return components.error();
  components_ = std::move(*components);

  const int64_t unix_s = std::time(nullptr);
  auto directory = make_run_directory(o_.results_root, test_name(o_), unix_s, o_.seed);
  if (!directory) return directory.error();
  info_.name = test_name(o_);
  info_.workload = o_.workload;
  info_.database = o_.database;
  info_.model = o_.model;
  info_.seed = o_.seed;
  info_.nodes = nodes;
  info_.started_unix_s = unix_s;
  info_.concurrency = components_.concurrency;
  info_.rerun_line = o_.rerun_line;
  info_.version = riven_version();
  info_.versions = riven_versions();
  info_.directory = *directory;
  info_.options = metadata_of(o_, components_, nodes, (*cluster_)->spec().agents, unix_s);
  note_faults();
  return store_file(*directory + "/test.json", info_.options.dump(2) + "\n");
}

/// Into the report and the run's options: the faults that there are.
void Run::note_faults() {
  info_.faults = names_of_faults(components_);
  info_.options["faults"] = info_.faults;
  info_.spans.clear();
  for (const FaultPackage& package : components_.faults) info_.spans.push_back(package.span);
}

/// faults.schedule is on the disk after each fault, whatever becomes of this process.
void Run::keep_schedule(const FaultStep& step) {
  for (const PlotSpan& span : info_.spans) {
    if (span.name == step.fault) schedule_.note(step, span);
  }
  if (const Status stored = store_file(info_.directory + "/faults.schedule", schedule_.text()); !stored)
    complain(stored.error().message);
}

Status Run::start_agents_and_database() {
  const Cluster& cluster = **cluster_;
  FaultTarget target;
  target.nodes = cluster.nodes();
  target.database = components_.database.get();
  target.controller_addresses = cluster.controller_addresses();

  if (!components_.faults.empty()) {
    printer_.say("starting the agents");
    const std::string owner = "run-" + std::to_string(::getpid()) + "-" + std::to_string(o_.seed);
    auto agents = start_agents(cluster, owner, Milliseconds(o_.lease_ns / kNanosPerMilli));
    if (!agents) return agents.error();
    agents_ = std::move(*agents);
    for (const auto& agent : agents_) target.agents.push_back(agent.get());
    const int64_t began_ns = monotonic_now_ns();
    auto skipped = keep_what_works(components_, target.agents, info_.nodes, o_.skip_unsupported_faults);
    if (!skipped) return skipped.error();
    printer_.say("preflight: " + std::to_string(components_.faults.size()) +
                 " faults work on every node, tried in " +
                 format_duration((monotonic_now_ns() - began_ns) / kNanosPerMilli * kNanosPerMilli));
    for (const std::string& line : *skipped) printer_.say(line);
    if (!skipped->empty()) note_faults();
  }

  LifecycleOptions options;
  options.directory = info_.directory;
  options.metadata = info_.options;
  options.seed = o_.seed;
  options.concurrency = components_.concurrency;
  options.faults_together = o_.faults_together;
  options.schedule = components_.schedule;
  options.max_broken = components_.max_broken;
  options.time_limit_ns = o_.time_limit_ns;
  options.op_timeout_ns = o_.op_timeout_ns;
  options.nemesis_timeout_ns = 60 * kNanosPerSecond;
  options.final_limit_ns = 60 * kNanosPerSecond;
  LifecycleHooks hooks;
  hooks.say = [this](const std::string& line) { printer_.say(line); };
  hooks.progress = [this](const Progress& progress) { printer_.update(progress); };
  hooks.in_force = [this](const std::vector<std::string>& faults) { printer_.faults(faults); };
  hooks.fault_step = [this](const FaultStep& step) { keep_schedule(step); };
  hooks.stop = &stop_;
  std::vector<FaultPackage> faults = std::move(components_.faults);
  lifecycle_ = std::make_unique<Lifecycle>(std::move(target), *components_.database, components_.workload,
                                           std::move(faults), options, std::move(hooks));
  printer_.say("setting up " + o_.database + " on " + std::to_string(cluster.nodes().size()) + " nodes");
  return lifecycle_->set_up();
}

/// The end of a run without a verdict; what reads its files learns why.
ExitCode Run::infrastructure(const std::string& why) {
  printer_.finish();
  complain(why);
  if (info_.directory.empty()) return ExitCode::infrastructure;
  RunResults results;
  results.reason = why;
  info_.reported = false;
  for (const auto& [name, content] : {std::pair{"results.json", results_json(info_, results).dump(2) + "\n"},
                                      {"junit.xml", junit_xml(info_, results)}}) {
    if (const Status kept = store_file(info_.directory + "/" + name, content); !kept)
      complain(kept.error().message);
  }
  return ExitCode::infrastructure;
}

/// False, with a complaint for each, when a file could not be written.
bool Run::write_reports(const History& history, const RunResults& results) {
  bool whole = true;
  const auto write = [&](const std::string& name, const std::string& content) {
    const Status written = store_file(info_.directory + "/" + name, content);
    if (written) return;
    whole = false;
    complain(written.error().message);
  };
  write("results.json", results_json(info_, results).dump(2) + "\n");
  write("junit.xml", junit_xml(info_, results));
  write("faults.jsonl", faults_jsonl(history, info_.spans));
  write("report.html", html_report(info_, history, results));
  return whole;
}

void Run::account_for_early_end(const Recorded& recorded, const ReadHistory& read,
                                RunResults& results) const {
  std::string why;
  if (!recorded.cut_short.empty()) {
    why = "the run was cut short: " + recorded.cut_short;
  } else if (recorded.interrupted) {
    const int64_t took_ns = recorded.last_operation_ns - recorded.first_operation_ns;
    why = "interrupted after " + duration_text(took_ns) + " of " + duration_text(o_.time_limit_ns) +
          ": nothing contradicts until then";
  }
  const Extent extent = why.empty() ? read.extent : std::max(read.extent, Extent::beginning);
  account_for_loss(extent, why, results);
}

ExitCode Run::judge_and_report(const Recorded& recorded) {
  printer_.finish();
  info_.complaints = recorded.complaints;
  info_.duration_ns = recorded.last_operation_ns - recorded.first_operation_ns;
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
  const auto picked = pick_checkers(registry_, read->history, judged);
  if (!picked) return infrastructure(picked.error().message);
  RunResults results = judge(picked->checkers, read->history, judged);
  results.read_ms = read_ms;
  account_for_early_end(recorded, *read, results);
  bool whole = true;
  for (const CheckResult& check : results.checks) {
    for (const Artifact& artifact : check.artifacts) {
      const Status stored =
          store_file(info_.directory + "/anomalies/" + file_name_of(artifact.name), artifact.content);
      if (stored) continue;
      whole = false;
      info_.complaints.push_back(stored.error().message);
    }
  }
  info_.options["to_first_operation_ms"] = (recorded.first_operation_ns - began_ns_) / kNanosPerMilli;
  info_.reported = write_reports(read->history, results);
  info_.options["last_operation_to_report_ms"] =
      (monotonic_now_ns() - recorded.last_operation_ns) / kNanosPerMilli;

  const size_t complaints_before = info_.complaints.size();
  clean_up();
  whole = whole && info_.reported;
  if (info_.reported && info_.complaints.size() != complaints_before)
    whole = write_reports(read->history, results) && whole;
  if (const Status kept = store_file(info_.directory + "/test.json", info_.options.dump(2) + "\n"); !kept) {
    whole = false;
    complain(kept.error().message);
  }
  const TerminalStyle style{
      .color = wants_color(), .utf8 = wants_utf8(), .width = terminal_width(STDOUT_FILENO)};
  const std::string words = o_.json ? results_json(info_, results).dump(2) + "\n"
                                    : terminal_summary(info_, read->history, results, style);
  std::fputs(words.c_str(), stdout);
  std::fflush(stdout);
  const ExitCode verdict = exit_code_of(results.verdict);
  return whole ? verdict : worst(verdict, ExitCode::infrastructure);
}

/// Logs, tear-down, cluster; what fails is a complaint, and costs no verdict.
void Run::clean_up() {
  const auto add = [&](std::vector<std::string> complaints) {
    for (std::string& complaint : complaints) info_.complaints.push_back(std::move(complaint));
  };
  if (lifecycle_->stragglers() > 0) static_cast<void>(components_.database.release());
  if (!leaving()) add(lifecycle_->download_logs());
  const bool disposable = !cluster_->made().empty();
  const auto end_agents = [&] {  // not before the lifecycle, which heals through them
    lifecycle_.reset();
    agents_.clear();
  };
  if (o_.leave_running) {
    end_agents();
    if (disposable)
      printer_.say("left running: cluster " + cluster_->made() + " (riven cluster down --name " +
                   cluster_->made() + ")");
    cluster_->keep();
    return;
  }
  if (!disposable) add(lifecycle_->tear_down());
  end_agents();
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
  printer_.say("running " + o_.workload + " with " + std::to_string(components_.concurrency) +
               " clients for " + format_duration(o_.time_limit_ns) + ", seed " + std::to_string(o_.seed));
  const auto recorded = lifecycle_->drive();
  if (!recorded) return infrastructure(recorded.error().message);
  return judge_and_report(*recorded);
}

}  // namespace

Status validate(const RunOptions& options, const Registry& registry) {
  std::vector<std::string> names;
  if (options.cluster.empty() && options.nodes_file.empty()) {
    for (size_t i = 1; i <= node_count(options, registry); ++i) names.push_back("n" + std::to_string(i));
  } else {
    const auto spec = load_target({.cluster = options.cluster, .nodes_file = options.nodes_file});
    if (!spec) return spec.error();
    for (const NodeSpec& node : spec->nodes) names.push_back(node.name);
  }
  const auto components = make_components(options, registry, names);
  return components ? ok_status() : Status(components.error());
}

ExitCode run_test(const RunOptions& options, const Registry& registry, const StopRequests& stop) {
  return Run(options, registry, stop).go();
}

}  // namespace riven
