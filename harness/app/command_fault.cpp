// riven fault, riven heal, riven doctor: the ad hoc experiment on a running cluster.
#include <unistd.h>
#include <csignal>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <optional>
#include <random>
#include <thread>

#include "harness/api/nemesis.h"
#include "harness/app/command.h"
#include "harness/app/fault_schedule.h"
#include "harness/app/live_layer.h"
#include "harness/app/target.h"
#include "harness/app/units.h"
#include "harness/core/clock.h"
#include "harness/core/fault_windows.h"
#include "nemesis/parts/membership.h"

namespace riven {

namespace {

struct FaultCommand {
  TargetOptions target;
  std::string fault = "partition";
  std::vector<std::string> what;  // of other faults: as in a schedule's line
  std::string database;
  bool majority = false;
  bool halves = false;
  bool bridge = false;
  bool ring = false;
  std::string isolate;
  std::string from;
  std::string to;
  std::string hold;
  uint64_t seed = std::random_device{}();
  bool json = false;
};

ExitCode failed(const std::string& message) {
  complain(message);
  return ExitCode::infrastructure;
}

Value names_of(const std::string& commas) {
  Value::List names;
  for (size_t at = 0; at < commas.size();) {
    const size_t end = std::min(commas.find(',', at), commas.size());
    if (end > at) names.emplace_back(commas.substr(at, end - at));
    at = end + 1;
  }
  return Value(std::move(names));
}

/// What the options of a partition say, in the words of a schedule's line, before what was said in words;
/// nothing where they ask for no topology, or for several.
std::optional<std::vector<std::string>> partition_words(const FaultCommand& c) {
  std::vector<std::vector<std::string>> asked;
  if (c.majority) asked.push_back({"majority"});
  if (c.halves) asked.push_back({"halves"});
  if (c.bridge) asked.push_back({"bridge"});
  if (c.ring) asked.push_back({"ring"});
  if (!c.isolate.empty()) asked.push_back({"isolate=" + c.isolate});
  if (!c.from.empty() && !c.to.empty()) asked.push_back({"from=" + c.from, "to=" + c.to});
  if (c.from.empty() != c.to.empty() || asked.size() > 1) return std::nullopt;
  std::vector<std::string> words = asked.empty() ? std::vector<std::string>{} : asked.front();
  words.insert(words.end(), c.what.begin(), c.what.end());
  if (words.empty()) return std::nullopt;
  return words;
}

/// Blocks SIGINT and SIGTERM for this thread and those it makes, and waits for one of them.
class SignalWait {
 public:
  SignalWait() {
    ::sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set_, signal);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~SignalWait() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalWait(const SignalWait&) = delete;
  SignalWait& operator=(const SignalWait&) = delete;

  /// Until a signal, or `ns` have passed (negative: no limit). Whether a signal came.
  bool wait(int64_t ns) const {
    if (ns < 0) return ::sigwaitinfo(&set_, nullptr) > 0;
    const timespec time{.tv_sec = ns / kNanosPerSecond, .tv_nsec = ns % kNanosPerSecond};
    return ::sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_{};
  sigset_t before_{};
};

/// A cluster with its agents, for one command.
struct Experiment {
  std::unique_ptr<Cluster> cluster;
  std::unique_ptr<Database> database;  // null: unknown
  Status attached = ok_status();       // whether it was found on the nodes
  std::vector<std::unique_ptr<AgentClient>> agents;
  FaultTarget target;
};

Result<Experiment> open_experiment(const TargetOptions& options, const std::string& owner) {
  auto spec = load_target(options);
  if (!spec) return spec.error();
  Experiment experiment;
  auto cluster = Cluster::connect(*spec);
  if (!cluster) return cluster.error();
  experiment.cluster = std::move(*cluster);
  constexpr Milliseconds kLease{10'000};
  auto agents = start_agents(*experiment.cluster, owner, kLease);
  if (!agents) return agents.error();
  experiment.agents = std::move(*agents);
  experiment.target.nodes = experiment.cluster->nodes();
  experiment.target.controller_addresses = experiment.cluster->controller_addresses();
  for (const auto& agent : experiment.agents) experiment.target.agents.push_back(agent.get());
  return experiment;
}

void print_outcome(bool json, const char* what, const Value& value) {
  if (json) {
    std::printf("%s\n", Json{{"event", what}, {"value", to_json(value)}}.dump().c_str());
  } else {
    std::printf("%s: %s\n", what, to_edn(value).c_str());
  }
  std::fflush(stdout);
}

/// What is known of the database: told, or from the cluster's image.
Status find_database(const std::string& told, const Registry& registry, Experiment& experiment) {
  const std::string& name = told.empty() ? experiment.cluster->spec().database : told;
  const DatabaseFactory* const factory = registry.find<DatabaseFactory>(name);
  if (factory == nullptr)
    return told.empty() ? ok_status() : Status(Error{"no database is called '" + told + "'"});
  auto made = factory->make({});
  if (!made) return made.error();
  experiment.database = std::move(*made);
  experiment.target.database = experiment.database.get();
  experiment.attached = experiment.database->attach(experiment.target.nodes);
  return ok_status();
}

/// Whether the database has to be started again after the fault.
bool ends_database(const FaultFactory& factory) {
  const auto& kinds = factory.agent_kinds;
  return std::any_of(kinds.begin(), kinds.end(), [](const std::string& kind) {
    return kind == "kill" || kind == "disk-layer" || kind == "reboot" || kind == "memory";
  });
}

/// The operation that begins the fault.
Result<Op> first_operation(const FaultCommand& c, const FaultFactory& factory, const FaultPackage& package,
                           const FaultTarget& target) {
  Op op{.process = kNemesis, .type = OpType::info, .f = Symbol(package.span.starts.front()), .value = {}};
  std::string line = "at 0s " + factory.name;
  for (const std::string& word : factory.name == "partition" ? *partition_words(c) : c.what)
    line += " " + word;
  auto schedule = parse_schedule(line, "riven fault");
  if (!schedule) return schedule.error();
  FaultTarget shape;
  shape.nodes = target.nodes;
  auto bound = bind_schedule(*schedule, {{&factory, &package}}, std::move(shape), kNanosPerSecond);
  if (!bound) return bound.error();
  op.f = bound->front().draft.f;
  op.value = bound->front().draft.value;
  return op;
}

ExitCode hold_and_heal(const FaultCommand& c, int64_t hold_ns, FaultPackage& package, FaultTarget& target,
                       const Op& first, const SignalWait& signals, bool layered) {
  if (layered) {
    if (!c.json) std::printf("the database is started again with a layer under its files\n");
    std::fflush(stdout);
    if (const Status put = put_layers_under(target, *package.nemesis); !put)
      return failed(put.error().message);
  }
  const auto started = package.nemesis->invoke(target, first);
  if (!started) {
    static_cast<void>(package.nemesis->heal(target));
    if (layered) static_cast<void>(take_layers_away(target));
    return failed(started.error().message);
  }
  print_outcome(c.json, c.fault == "partition" ? "partitioned" : c.fault.c_str(), *started);
  if (!c.json)
    std::printf("%s\n", hold_ns < 0 ? "in force until ctrl-C (or `riven heal` from elsewhere)"
                                    : ("in force for " + c.hold + " (ctrl-C: heal now)").c_str());
  std::fflush(stdout);
  signals.wait(hold_ns);

  Op last = first;
  last.f = Symbol(package.span.stops.front());
  last.value = Value();
  const auto stopped = package.nemesis->invoke(target, last);
  Status healed = package.nemesis->heal(target);
  if (layered && healed) healed = take_layers_away(target);
  if (stopped) print_outcome(c.json, "healed", *stopped);
  if (!healed) return failed(healed.error().message);
  if (!stopped) return failed(stopped.error().message);
  if (proof_in(*stopped) == false) {
    complain("the fault is proved to have had no effect");
    return ExitCode::unknown;
  }
  return ExitCode::valid;
}

ExitCode break_it(const FaultCommand& c, const Registry& registry) {
  if (c.fault == "partition" && !partition_words(c))
    return usage_error(
        "say which partition: one of --majority, --halves, --bridge, --ring, --isolate NODES, or --from "
        "NODES --to NODES; or words as in a schedule's line");
  int64_t hold_ns = -1;
  if (!c.hold.empty()) {
    const auto ns = parse_duration_ns(c.hold);
    if (!ns) return usage_error("--for takes a time such as 10s, not '" + c.hold + "'");
    hold_ns = *ns;
  }
  const FaultFactory* const factory = registry.find<FaultFactory>(c.fault);
  if (factory == nullptr) return usage_error("this build has no fault called " + c.fault);

  const SignalWait signals;
  auto experiment = open_experiment(c.target, "fault-" + std::to_string(::getpid()));
  if (!experiment) return failed(experiment.error().message);
  if (const Status found = find_database(c.database, registry, *experiment); !found)
    return usage_error(found.error().message);
  FaultOptions options;
  options.seed = c.seed;
  for (const Node& node : experiment->target.nodes) options.nodes.push_back(node.name);
  for (const std::string& commas : {c.isolate, c.from, c.to}) {
    const Value wanted = names_of(commas);
    for (const Value& name : wanted.list()) {
      if (std::find(options.nodes.begin(), options.nodes.end(), name.text()) == options.nodes.end()) {
        return usage_error("there is no node " + std::string(name.text()) + " in this cluster");
      }
    }
  }
  const bool known = experiment->database != nullptr;
  if (known && !experiment->attached && ends_database(*factory))
    return failed(experiment->attached.error().message);
  auto package = factory->make(options, known ? experiment->database->capabilities() : Capabilities{});
  if (!package)
    return usage_error(package.error().message + (known ? "" : " (--db says which database runs there)"));
  const auto first = first_operation(c, *factory, *package, experiment->target);
  if (!first) return usage_error(first.error().message);
  return hold_and_heal(c, hold_ns, *package, experiment->target, *first, signals, needs_layers(*factory));
}

/// A node that a fault took out of its cluster is no matter of the agents' ledgers: the members know.
Status bring_back(const Registry& registry, Experiment& experiment, Json& nodes) {
  if (experiment.cluster->spec().database.empty()) return ok_status();
  if (const Status found = find_database("", registry, experiment); !found) return found;
  const bool can =
      experiment.attached && experiment.database && experiment.database->capabilities().membership;
  if (!can) return ok_status();
  const auto back = bring_members_back(experiment.target);
  if (!back) return back.error();
  for (const std::string& name : *back)
    nodes[name].push_back({{"id", name}, {"kind", "membership"}, {"proof", nullptr}});
  return ok_status();
}

ExitCode heal(const Registry& registry, const TargetOptions& target, bool json) {
  auto experiment = open_experiment(target, "heal-" + std::to_string(::getpid()));
  if (!experiment) return failed(experiment.error().message);
  std::vector<std::optional<Json>> done(experiment->agents.size());
  Status healed = for_each_at_once(experiment->agents.size(), [&](size_t i) -> Status {
    const std::string& name = experiment->target.nodes[i].name;
    const auto ack = experiment->agents[i]->heal_all(true);
    if (!ack) return Error{name + ": " + ack.error().message};
    Json faults = Json::array();
    for (const FaultProof& fault : ack->healed)
      faults.push_back({{"id", fault.id}, {"kind", fault.kind}, {"proof", fault.proof}});
    done[i] = std::move(faults);
    return ok_status();
  });
  Json nodes = Json::object();
  for (size_t i = 0; i < done.size(); ++i)
    if (done[i]) nodes[experiment->target.nodes[i].name] = std::move(*done[i]);
  if (healed) healed = bring_back(registry, *experiment, nodes);
  if (json) {
    std::printf("%s\n", nodes.dump(2).c_str());
  } else {
    for (const Node& node : experiment->target.nodes) {
      if (!nodes.contains(node.name)) continue;
      const Json& faults = nodes[node.name];
      std::printf("%-6s %s\n", node.name.c_str(),
                  faults.empty() ? "nothing to heal"
                                 : ("healed " + std::to_string(faults.size()) + " fault(s)").c_str());
    }
  }
  return healed ? ExitCode::valid : failed(healed.error().message);
}

/// Faults that a whole machine's owner has to allow: that they do not work is nothing to be mended.
bool needs_leave(const std::string& kind) { return kind == "machine-clock" || kind == "reboot"; }

ExitCode doctor(const TargetOptions& target, bool json) {
  auto experiment = open_experiment(target, "doctor-" + std::to_string(::getpid()));
  if (!experiment) return failed(experiment.error().message);
  Json nodes = Json::object();
  bool all_work = true;
  for (size_t i = 0; i < experiment->agents.size(); ++i) {
    const std::string& name = experiment->target.nodes[i].name;
    const auto probe = experiment->agents[i]->probe();
    if (!probe) return failed(name + ": " + probe.error().message);
    Json abilities = Json::array();
    const bool on_host = !text_of(probe->facts, "container").empty();
    if (!json)
      std::printf("%s%s%s\n", name.c_str(), on_host ? ", agent on the host" : "",
                  probe->shares_kernel ? " (shares this machine's kernel: its clock is never set)" : "");
    for (const AgentProbe::Ability& ability : probe->abilities) {
      abilities.push_back({{"kind", ability.kind}, {"works", ability.works}, {"why_not", ability.why_not}});
      all_work &= ability.works || needs_leave(ability.kind);
      if (!json)
        std::printf("  %-13s %s\n", ability.kind.c_str(),
                    !ability.works ? ("does not work: " + ability.why_not).c_str()
                    : probe->facts.contains(ability.kind)
                        ? ("works, by " + text_of(probe->facts, ability.kind.c_str())).c_str()
                        : "works");
    }
    nodes[name] = {{"agent", name_of(on_host ? AgentPlace::host : AgentPlace::node)},
                   {"shares_kernel", probe->shares_kernel},
                   {"faults", abilities},
                   {"facts", probe->facts}};
  }
  if (json) std::printf("%s\n", nodes.dump(2).c_str());
  return all_work ? ExitCode::valid : ExitCode::infrastructure;
}

}  // namespace

CommandAction declare_fault(CLI::App& app, const Registry& registry) {
  auto command = std::make_shared<FaultCommand>();
  FaultCommand& c = *command;
  app.require_subcommand(1);
  const auto declare_shared = [&c](CLI::App& sub) {
    declare_target(sub, c.target);
    sub.add_option("--for", c.hold, "heal after this time, e.g. 10s; default: until ctrl-C");
    sub.add_option("--seed", c.seed, "of the random choices; default: a new one");
    sub.add_flag("--json", c.json, "events as JSON lines");
  };
  auto* const partition = app.add_subcommand("partition", "cut nodes off from each other; their SSH stays");
  partition->add_flag("--majority", c.majority, "a random minority is cut off from the majority");
  partition->add_flag("--halves", c.halves, "two random halves");
  partition->add_flag("--bridge", c.bridge, "two halves that only one node connects");
  partition->add_flag("--ring", c.ring, "each node sees a majority, no two the same");
  partition->add_option("--isolate", c.isolate, "these nodes, each from all others (n1 or n1,n3)");
  partition->add_option("--from", c.from, "one way: packets from these nodes ...");
  partition->add_option("--to", c.to, "... to these are lost");
  partition->add_option(
      "what", c.what,
      "words as in a schedule's line: primaries, clients, third, percent=20, verdict=reject, "
      "port=2380, one-way=true, ...");
  declare_shared(*partition);
  for (const auto& factory : registry.faults()) {
    if (factory->name == "partition") continue;
    std::vector<std::string> names = factory->aliases;  // hidden
    names.insert(names.begin(), factory->name);
    for (const std::string& name : names) {
      auto* const sub = app.add_subcommand(name, factory->description);
      if (name != factory->name) sub->group("");
      sub->add_option("what", c.what,
                      "words and KEY=VALUE as in a schedule's line" +
                          (factory->word.empty() ? "" : "; a lone word is its " + factory->word));
      sub->add_option("--db", c.database,
                      "the database that runs there; default: what the cluster was made for");
      declare_shared(*sub);
      sub->callback([&c, known = factory->name] { c.fault = known; });
    }
  }
  app.footer(R"(Examples:
  riven fault partition --majority --for 10s
  riven fault partition --isolate n1
  riven fault partition --from n1 --to n2,n3 --for 30s     one way
  riven fault partition --ring --cluster mine
  riven fault partition halves percent=20                  one packet in five is lost
  riven fault partition --isolate n1 verdict=reject        refused with a reset
  riven fault disk slow-sync nodes=n1 delay-ms=200         the database is started again for it, and after it
  riven fault clock jump offset-ms=3600000 nodes=n1 --for 20s
  riven fault clock drift ppm=1000 nodes=all
  riven fault pause n2 --for 5s
  riven fault link nodes=n1 delay-ms=80 jitter-ms=10)");
  return [command, &registry] { return break_it(*command, registry); };
}

CommandAction declare_heal(CLI::App& app, const Registry& registry) {
  struct Options {
    TargetOptions target;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  declare_target(app, options->target);
  app.add_flag("--json", options->json, "as JSON");
  app.footer(
      "Undoes every fault of Riven's on the nodes, whoever made it, from the nodes' own ledgers; nothing "
      "else is touched. Nodes that a fault took out of their database's members join again.");
  return [options, &registry] { return heal(registry, options->target, options->json); };
}

CommandAction declare_doctor(CLI::App& app, const Registry& /*registry*/) {
  struct Options {
    TargetOptions target;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  declare_target(app, options->target);
  app.add_flag("--json", options->json, "as JSON");
  app.footer(
      "Exit code 0 when every fault can work on every node, 3 otherwise; reboot and machine-clock, which a "
      "machine's owner has to allow, do not count.");
  return [options] { return doctor(options->target, options->json); };
}

}  // namespace riven
