// Rebooted nodes: every process of a container ends at once, as in a power cut of a machine with a disk that
// loses nothing, and the container's engine starts it again; a machine is reset (agent/reboot_fault.h). Then
// its database is started.
//
// :start-reboot with a map with `nodes` (shared/node_choice.h) completes, once the nodes are back, with
// {nodes, down-ms}; :stop-reboot starts what does not run and completes with {took_effect, nodes}: it took
// effect when each node runs on another boot.
#include <algorithm>
#include <map>
#include <mutex>
#include <thread>

#include "harness/api/registry.h"
#include "harness/core/clock.h"
#include "nemesis/shared/agent_faults.h"
#include "nemesis/shared/node_choice.h"
#include "nemesis/shared/on_nodes.h"
#include "nemesis/shared/turns.h"

namespace riven {
namespace {

constexpr int64_t kPatienceNs = 300 * kNanosPerSecond;  // a machine with much to look at

/// Of the kernel and, of a container, of its first process: another one after each boot.
Result<std::string> boot_of(const Node& node) {
  const auto ran = node.session->run(
      {.argv = {"sh", "-c", "cat /proc/sys/kernel/random/boot_id && cut -d ' ' -f 22 /proc/1/stat"},
       .deadline = Milliseconds(2'000)});
  if (!ran) return Error{ran.error().message};
  if (!ran->succeeded() || ran->out.empty()) return Error{node.name + " does not tell when it was started"};
  return ran->out;
}

class RebootNemesis final : public Nemesis {
 public:
  explicit RebootNemesis(uint64_t seed) : rng_(seed) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return plan_nodes(op.value, target, rng_);
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (op.f.text() == "start-reboot") return start(target, op.value);
    if (op.f.text() == "stop-reboot") return stop(target);
    return Error{"reboots have no operation " + std::string(op.f.text())};
  }

  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return start_again(target, down_);
  }

 private:
  Result<Value> start(FaultTarget& target, const Value& who) {
    if (!down_.empty()) return Error{"nodes are down already"};
    if (target.database == nullptr) return Error{"without its database nobody could start a node again"};
    Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(who), target, rng_);
    if (!nodes) return nodes.error();
    std::map<size_t, std::string> before;
    std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
    for (const size_t node : *nodes) {
      Result<std::string> boot = boot_of(target.nodes[node]);
      if (!boot) return boot.error();
      before[node] = *boot;
      faults[node].push_back({"reboot", Json::object()});
    }
    down_ = *nodes;
    took_effect_ = false;
    const int64_t began_ns = monotonic_now_ns();
    // A new one each time: the agents that could heal it are gone with their nodes.
    AgentFaults reboot;
    if (Result<std::vector<FaultAck>> acks = reboot.apply(target, faults); !acks) return acks.error();
    Status back = on_nodes(*nodes, target.nodes, [&](size_t node) {
      return await_boot(target.nodes[node], before.at(node), began_ns + kPatienceNs);
    });
    if (!back) return back.error();
    // New agents take the old ones' ledgers over: nothing of before is left to them.
    back = on_nodes(*nodes, target.nodes, [&](size_t node) {
      Status answers = target.agents[node]->ping();
      while (!answers && monotonic_now_ns() < began_ns + kPatienceNs) answers = target.agents[node]->ping();
      return answers;
    });
    if (!back) return back.error();
    const int64_t down_ms = (monotonic_now_ns() - began_ns) / kNanosPerMilli;
    took_effect_ = true;
    struck_ = names_of(*nodes, target.nodes);
    if (Status started = start_again(target, down_); !started) return started.error();
    return Value::map({"nodes", struck_, "down-ms", down_ms});
  }

  static Status await_boot(const Node& node, const std::string& before, int64_t until_ns) {
    while (true) {
      const Result<std::string> now = boot_of(node);
      if (now && *now != before) return ok_status();
      if (monotonic_now_ns() > until_ns)
        return Error{node.name + " did not come back: " + (now ? "it never went down" : now.error().message)};
      std::this_thread::sleep_for(Milliseconds(50));
    }
  }

  Result<Value> stop(FaultTarget& target) {
    const bool any = took_effect_ || !down_.empty();
    if (Status started = start_again(target, down_); !started) return started.error();
    if (!any) return Value("no node was rebooted");
    return Value::map({"took_effect", std::exchange(took_effect_, false), "nodes", struck_});
  }

  std::mutex mutex_;
  Rng rng_;
  std::vector<size_t> down_;
  Value struck_;
  bool took_effect_ = false;
};

PlotSpan span() {
  PlotSpan span = fault_span("reboot", "#5b4a8a");
  span.stops_nodes = true;
  return span;
}

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  if (!capabilities.kill) return Error{"this database cannot be started again"};
  Result<Value> who = nodes_option(options, {});
  if (!who) return who.error();
  return in_turns(std::make_unique<RebootNemesis>(mix64(options.seed + 8)), options.interval_ns,
                  at_nodes("start-reboot", *who), span());
}

}  // namespace

void add_reboot(Registry& registry) {
  registry.add(FaultFactory{.name = "reboot",
                            .description = "nodes end with all they run, and come back: containers, and "
                                           "machines that allow it (nodes: one, ...)",
                            .word = "nodes",
                            .span = span(),
                            .agent_kinds = {"reboot"},
                            .container = {.restarts = true},
                            .ends_database = true,
                            .needs_permission = true,
                            .make = make});
}

}  // namespace riven
