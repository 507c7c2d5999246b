// riven fault, riven heal, riven doctor: the ad hoc experiment on a running cluster.
#include <unistd.h>
#include <csignal>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>

#include "harness/api/nemesis.h"
#include "harness/app/command.h"
#include "harness/app/fault_schedule.h"
#include "harness/app/live_layer.h"
#include "harness/app/target.h"
#include "harness/app/units.h"
#include "harness/core/at_once.h"
#include "harness/core/clock.h"
#include "harness/core/fault_windows.h"
#include "harness/core/join.h"
#include "harness/core/json_fields.h"
#include "nemesis/shared/fields.h"

namespace riven {

namespace {

struct FaultCommand {
  TargetOptions target;
  const FaultFactory* factory = nullptr;     // the fault whose sub-command was given
  std::vector<std::string> words;            // as in a schedule's line
  std::map<std::string, bool> flags;         // by option: the fault's flags that were given ...
  std::map<std::string, std::string> nodes;  // ... and the values of those that take nodes
  std::string database;
  std::string hold;
  uint64_t seed = std::random_device{}();
  bool json = false;

  bool has(const FaultFlag& flag) const {
    if (!flag.takes_nodes()) return flags.at(flag.option);
    return !nodes.at(flag.option).empty();
  }
};

ExitCode failed(const std::string& message) {
  complain(message);
  return ExitCode::infrastructure;
}

/// What is asked for, in the words of a schedule's line: by the choice that the flags make, then by words;
/// nullopt: the flags make several choices, or half of one.
std::optional<std::vector<std::string>> words_of_line(const FaultCommand& c) {
  std::vector<std::string> line;
  for (const std::vector<FaultFlag>& choice : c.factory->command.choices) {
    const auto given =
        std::count_if(choice.begin(), choice.end(), [&](const auto& flag) { return c.has(flag); });
    if (given == 0) continue;
    if (!line.empty() || static_cast<size_t>(given) < choice.size()) return std::nullopt;
    for (const FaultFlag& flag : choice)
      line.push_back(flag.takes_nodes() ? flag.word + c.nodes.at(flag.option) : flag.word);
  }
  line.insert(line.end(), c.words.begin(), c.words.end());
  return line;
}

/// The complaint about what was asked for; empty: none.
std::string complaint_about(const FaultCommand& c) {
  const FaultCommandLine& command = c.factory->command;
  const auto line = words_of_line(c);
  if (line && (!line->empty() || command.demand.empty())) return {};
  const auto flag_text = [](const FaultFlag& flag) {
    return flag.option + (flag.takes_nodes() ? " NODES" : "");
  };
  const auto choice_text = [&](const std::vector<FaultFlag>& choice) {
    return joined(choice, " ", flag_text);
  };
  return (command.demand.empty() ? "say one thing" : command.demand) + ": one of " +
         joined(command.choices, ", ", choice_text) + "; or words as in a schedule's line";
}

/// A node that a flag names and the cluster does not have; empty: none.
std::string unknown_node(const FaultCommand& c, const std::vector<std::string>& nodes) {
  for (const auto& [option, names] : c.nodes) {
    for (const std::string& name : split(names, ',')) {
      if (!name.empty() && std::find(nodes.begin(), nodes.end(), name) == nodes.end()) return name;
    }
  }
  return {};
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

void print_outcome(bool json, const std::string& what, const Value& value) {
  if (json) {
    std::printf("%s\n", Json{{"event", what}, {"value", to_json(value)}}.dump().c_str());
  } else {
    std::printf("%s: %s\n", what.c_str(), to_edn(value).c_str());
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

/// The operation that begins the fault.
Result<Op> first_operation(const FaultCommand& c, const FaultPackage& package, const FaultTarget& target) {
  Op op{.process = kNemesis, .type = OpType::info, .f = Symbol(package.span.starts.front()), .value = {}};
  std::vector<std::string> words = *words_of_line(c);
  words.insert(words.begin(), {"at", "0s", c.factory->name});
  auto schedule = parse_schedule(joined(words, " "), "riven fault");
  if (!schedule) return schedule.error();
  FaultTarget shape;
  shape.nodes = target.nodes;
  auto bound = bind_schedule(*schedule, {{c.factory, &package}}, std::move(shape), kNanosPerSecond);
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
  const std::string& event = c.factory->command.event;
  print_outcome(c.json, event.empty() ? c.factory->name : event, *started);
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
  if (const std::string complaint = complaint_about(c); !complaint.empty()) return usage_error(complaint);
  int64_t hold_ns = -1;
  if (!c.hold.empty()) {
    const auto ns = parse_duration_ns(c.hold);
    if (!ns) return usage_error("--for takes a time such as 10s, not '" + c.hold + "'");
    hold_ns = *ns;
  }
  const FaultFactory& factory = *c.factory;
  const SignalWait signals;
  auto experiment = open_experiment(c.target, "fault-" + std::to_string(::getpid()));
  if (!experiment) return failed(experiment.error().message);
  if (const Status found = find_database(c.database, registry, *experiment); !found)
    return usage_error(found.error().message);
  FaultOptions options;
  options.seed = c.seed;
  for (const Node& node : experiment->target.nodes) options.nodes.push_back(node.name);
  if (const std::string name = unknown_node(c, options.nodes); !name.empty())
    return usage_error("there is no node " + name + " in this cluster");
  const bool known = experiment->database != nullptr;
  if (known && !experiment->attached && factory.ends_database)
    return failed(experiment->attached.error().message);
  auto package = factory.make(options, known ? experiment->database->capabilities() : Capabilities{});
  if (!package)
    return usage_error(package.error().message + (known ? "" : " (--db says which database runs there)"));
  const auto first = first_operation(c, *package, experiment->target);
  if (!first) return usage_error(first.error().message);
  return hold_and_heal(c, hold_ns, *package, experiment->target, *first, signals, factory.needs_layer);
}

/// What the agents' ledgers do not know of, each fault undoes in its own way.
Status heal_leftovers(const Registry& registry, Experiment& experiment, Json& nodes) {
  if (experiment.cluster->spec().database.empty()) return ok_status();
  if (const Status found = find_database("", registry, experiment); !found) return found;
  if (!experiment.attached || experiment.database == nullptr) return ok_status();
  for (const auto& factory : registry.faults()) {
    if (!factory->heal_leftovers) continue;
    const auto healed = factory->heal_leftovers(experiment.target);
    if (!healed) return healed.error();
    for (const std::string& name : *healed)
      nodes[name].push_back({{"id", name}, {"kind", factory->name}, {"proof", nullptr}});
  }
  return ok_status();
}

ExitCode heal(const Registry& registry, const TargetOptions& target, bool json) {
  auto experiment = open_experiment(target, "heal-" + std::to_string(::getpid()));
  if (!experiment) return failed(experiment.error().message);
  std::vector<std::optional<Json>> done(experiment->agents.size());
  Status healed = try_at_once(experiment->agents.size(), [&](size_t i) -> Status {
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
  if (healed) healed = heal_leftovers(registry, *experiment, nodes);
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

/// The agents' kinds that a machine's owner has to allow: where they do not work, nothing is broken.
std::set<std::string> kinds_to_allow(const Registry& registry) {
  std::set<std::string> kinds;
  for (const auto& factory : registry.faults()) {
    if (factory->needs_permission) kinds.insert(factory->agent_kinds.begin(), factory->agent_kinds.end());
  }
  return kinds;
}

ExitCode doctor(const Registry& registry, const TargetOptions& target, bool json) {
  const std::set<std::string> to_allow = kinds_to_allow(registry);
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
      all_work &= ability.works || to_allow.count(ability.kind) > 0;
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

namespace {

void declare_flag(CLI::App& sub, const FaultFlag& flag, FaultCommand& c) {
  if (flag.takes_nodes()) {
    sub.add_option(flag.option, c.nodes[flag.option], flag.help);
  } else {
    sub.add_flag(flag.option, c.flags[flag.option], flag.help);
  }
}

/// The sub-command of a fault, under its name or an alias.
void declare_sub_command(CLI::App& app, const std::string& name, const FaultFactory& factory,
                         FaultCommand& c) {
  const FaultCommandLine& command = factory.command;
  auto* const sub =
      app.add_subcommand(name, command.description.empty() ? factory.description : command.description);
  if (name != factory.name) sub->group("");  // hidden
  for (const std::vector<FaultFlag>& choice : command.choices) {
    for (const FaultFlag& flag : choice) declare_flag(*sub, flag, c);
  }
  const std::string lone_word = factory.word.empty() ? "" : "; a lone word is its " + factory.word;
  sub->add_option(
      "what", c.words,
      command.words.empty() ? "words and KEY=VALUE as in a schedule's line" + lone_word : command.words);
  sub->add_option("--db", c.database, "the database that runs there; default: what the cluster was made for");
  declare_target(*sub, c.target);
  sub->add_option("--for", c.hold, "heal after this time, e.g. 10s; default: until ctrl-C");
  sub->add_option("--seed", c.seed, "of the random choices; default: a new one");
  sub->add_flag("--json", c.json, "events as JSON lines");
  sub->callback([&c, &factory] { c.factory = &factory; });
}

}  // namespace

CommandAction declare_fault(CLI::App& app, const Registry& registry) {
  auto command = std::make_shared<FaultCommand>();
  app.require_subcommand(1);
  std::string examples;
  for (const auto& factory : registry.faults()) {
    declare_sub_command(app, factory->name, *factory, *command);
    for (const std::string& alias : factory->aliases) declare_sub_command(app, alias, *factory, *command);
    for (const std::string& line : factory->command.examples) examples += "\n  " + line;
  }
  app.footer("Examples:" + examples);
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

CommandAction declare_doctor(CLI::App& app, const Registry& registry) {
  struct Options {
    TargetOptions target;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  declare_target(app, options->target);
  app.add_flag("--json", options->json, "as JSON");
  app.footer(
      "Exit code 0 when every fault can work on every node, 3 otherwise. Faults that a machine's owner has "
      "to "
      "allow do not count: " +
      joined(kinds_to_allow(registry)) + ".");
  return [options, &registry] { return doctor(registry, options->target, options->json); };
}

}  // namespace riven
