#include "harness/app/run_components.h"

#include <algorithm>
#include <mutex>

#include "harness/app/target.h"
#include "harness/app/units.h"
#include "harness/core/at_once.h"
#include "harness/core/join.h"

namespace riven {

namespace {

Status make_workload(const RunOptions& o, const Registry& registry, size_t nodes, RunComponents& components) {
  const WorkloadFactory* const workload = registry.find<WorkloadFactory>(o.workload);
  if (workload == nullptr) {
    return Error{"no workload is called '" + o.workload + "'; there are " +
                 joined(registry.workloads(), ", ", [](const auto& w) { return w->name; })};
  }
  const auto concurrency = parse_concurrency(o.concurrency, nodes);
  if (!concurrency)
    return Error{"--concurrency takes a number of clients, or 2n for twice the nodes, not '" + o.concurrency +
                 "'"};
  components.concurrency = *concurrency;
  WorkloadOptions options;
  options.seed = o.seed;
  options.nodes = nodes;
  options.concurrency = components.concurrency;
  options.rate_hz = o.rate_hz;
  options.ops_per_key = o.ops_per_key;
  options.model = o.model;
  options.extra = o.workload_options;
  auto made = workload->make(options, registry);
  if (!made) return made.error();
  components.workload = std::move(*made);
  const std::vector<std::string> known = components.database->facts().functions;
  if (known.empty()) return ok_status();
  for (const std::string& function : components.workload.required_functions) {
    if (std::find(known.begin(), known.end(), function) == known.end()) {
      return Error{"workload " + o.workload + " needs the function " + function + ", which the client of " +
                   o.database + " does not have"};
    }
  }
  return ok_status();
}

/// --fault-opt KEY=VALUE for every fault, FAULT.KEY=VALUE for one, and the word of --faults FAULT:WORD.
Result<std::map<std::string, std::string>> options_of(const RunOptions& o, const FaultRequest& request,
                                                      const FaultFactory& factory) {
  std::map<std::string, std::string> extra;
  for (const auto& [key, value] : o.fault_options) {
    const size_t dot = key.find('.');
    if (dot == std::string::npos) {
      extra.emplace(key, value);
    } else if (key.substr(0, dot) == request.name) {
      extra[key.substr(dot + 1)] = value;
    }
  }
  if (request.word.empty()) return extra;
  if (factory.word.empty()) return Error{"the fault " + request.name + " takes no word after a colon"};
  extra[factory.word] = request.word;
  return extra;
}

Status make_fault(const RunOptions& o, const FaultRequest& request, const FaultFactory& factory,
                  const std::vector<std::string>& node_names, RunComponents& components) {
  const Capabilities capabilities = components.database->capabilities();
  FaultOptions options;
  options.seed = mix64(o.seed) + components.faults.size();
  options.interval_ns = o.interval_ns;
  options.nodes = node_names;
  options.max_broken = components.max_broken;
  options.groups = components.workload.groups;
  // Spared is what the database cannot take, not what the user spelled wrongly.
  if (request.optional && !factory.make(options, capabilities)) return ok_status();
  auto extra = options_of(o, request, factory);
  if (!extra) return extra.error();
  options.extra = std::move(*extra);
  auto package = factory.make(options, capabilities);
  if (!package) return package.error();
  components.faults.push_back(std::move(*package));
  components.requests.push_back(request);
  components.factories.push_back(&factory);
  return ok_status();
}

Status make_faults(const RunOptions& o, const Registry& registry, const std::vector<std::string>& node_names,
                   RunComponents& components) {
  std::vector<FaultRequest> requests = o.faults;
  if (o.schedule) {
    for (const std::string& name : o.schedule->faults()) {
      const auto asked = std::find_if(requests.begin(), requests.end(),
                                      [&](const FaultRequest& request) { return request.name == name; });
      if (asked == requests.end() && registry.find<FaultFactory>(name) != nullptr)
        requests.push_back({name, "", false});
    }
  }
  for (const auto& [key, value] : o.fault_options) {
    const std::string name = key.substr(0, key.find('.'));
    const bool asked = std::any_of(requests.begin(), requests.end(),
                                   [&](const FaultRequest& request) { return request.name == name; });
    if (name.size() < key.size() && !asked)
      return Error{"--fault-opt " + key + ": the fault " + name + " is not asked for"};
  }
  for (const FaultRequest& request : requests) {
    const FaultFactory* const factory = registry.find<FaultFactory>(request.name);
    if (factory == nullptr) return Error{"no fault is called '" + request.name + "'"};
    if (Status made = make_fault(o, request, *factory, node_names, components); !made) return made;
  }
  return ok_status();
}

Status bind(const RunOptions& o, const std::vector<std::string>& node_names, RunComponents& components) {
  FaultTarget shape = FaultTarget::named(node_names);
  shape.groups = components.workload.groups;
  std::vector<NamedPackage> packages;
  for (size_t i = 0; i < components.faults.size(); ++i)
    packages.push_back({components.factories[i], &components.faults[i]});
  auto bound = bind_schedule(*o.schedule, packages, std::move(shape), o.time_limit_ns);
  if (!bound) return bound.error();
  if (bound->empty()) return Error{o.schedule->file + ": this schedule is empty; leave --schedule out"};
  components.schedule = timetable(std::move(*bound));
  return ok_status();
}

}  // namespace

Result<RunComponents> make_components(const RunOptions& o, const Registry& registry,
                                      const std::vector<std::string>& node_names) {
  RunComponents components;
  const DatabaseFactory* const database = registry.find<DatabaseFactory>(o.database);
  if (database == nullptr) {
    return Error{"no database is called '" + o.database + "'; there are " +
                 joined(registry.databases(), ", ", [](const auto& d) { return d.name; })};
  }
  auto made = database->make(o.database_options);
  if (!made) return made.error();
  components.database = std::move(*made);
  if (!o.max_broken.empty()) {
    components.max_broken = parse_max_broken(o.max_broken, node_names.size());
    if (!components.max_broken)
      return Error{"--max-broken takes a number of nodes, or minority, not '" + o.max_broken + "'"};
  }
  if (Status done = make_workload(o, registry, node_names.size(), components); !done) return done.error();
  if (Status done = make_faults(o, registry, node_names, components); !done) return done.error();
  if (o.schedule) {
    if (Status done = bind(o, node_names, components); !done) return done.error();
  }
  return components;
}

Result<std::vector<std::string>> keep_what_works(RunComponents& components,
                                                 const std::vector<AgentClient*>& agents,
                                                 const std::vector<std::string>& node_names, bool skip) {
  std::map<std::string, std::string> broken;  // kind -> where and why it does not work
  std::mutex mutex;
  const Status probed = try_at_once(agents.size(), [&](size_t i) -> Status {
    const auto probe = agents[i]->probe();
    if (!probe) return Error{node_names[i] + ": " + probe.error().message};
    const std::lock_guard<std::mutex> lock(mutex);
    for (const AgentProbe::Ability& ability : probe->abilities) {
      if (!ability.works) broken.emplace(ability.kind, node_names[i] + ": " + ability.why_not);
    }
    return ok_status();
  });
  if (!probed) return probed.error();
  std::vector<std::string> skipped;
  for (size_t i = components.faults.size(); i-- > 0;) {
    const auto& kinds = components.factories[i]->agent_kinds;
    const auto missing =
        std::find_if(kinds.begin(), kinds.end(), [&](const auto& kind) { return broken.contains(kind); });
    if (missing == kinds.end()) continue;
    const std::string why =
        "the fault " + components.factories[i]->name + " cannot work on " + broken[*missing];
    if (!components.requests[i].optional && !skip) return Error{why + "; --skip-unsupported-faults skips it"};
    skipped.push_back(why + ": skipped");
    const auto at = static_cast<std::ptrdiff_t>(i);
    components.faults.erase(components.faults.begin() + at);
    components.requests.erase(components.requests.begin() + at);
    components.factories.erase(components.factories.begin() + at);
  }
  return skipped;
}

std::vector<std::string> asked_faults(const RunOptions& o) {
  std::vector<std::string> names;
  for (const FaultRequest& request : o.faults) names.push_back(request.name);
  if (!o.schedule) return names;
  for (const std::string& name : o.schedule->faults()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

size_t node_count(const RunOptions& o, const Registry& registry) {
  const DatabaseFactory* const database = registry.find<DatabaseFactory>(o.database);
  return o.nodes > 0 || database == nullptr ? o.nodes : database->default_nodes;
}

std::string test_name(const RunOptions& o) {
  if (!o.name.empty()) return o.name;
  std::string name = o.database + "-" + o.workload;
  if (!o.fault_words.empty()) return name + "-" + o.fault_words;
  for (const FaultRequest& fault : o.faults) name += "-" + fault.name;
  return o.schedule ? name + "-schedule" : name;
}

}  // namespace riven
