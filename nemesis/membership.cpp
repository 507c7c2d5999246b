// Nodes that leave the cluster and join it again with nothing: the database is killed there, the other
// members remove it; later its data is wiped, the members take it in, and it is started.
//
// :start-membership with a value that chooses the nodes, or a map with it at `nodes` (shared/node_choice.h),
// never so many that no majority is left; completes with {nodes, views {"n1" ["n1" "n2"]}}: the members that
// each node named once most of them agreed. :stop-membership completes with {took_effect, nodes, views,
// series}: `took_effect`: most nodes saw the others alone as members; `views` when all were members again;
// `series`: every change of the nodes' views in between, with milliseconds since the beginning.
#include <mutex>

#include "harness/api/registry.h"
#include "nemesis/shared/membership.h"
#include "nemesis/shared/node_choice.h"
#include "nemesis/shared/turns.h"

namespace riven {
namespace {

constexpr const char* kName = "membership";
constexpr const char* kColor = "#3d8f85";

class MembershipNemesis final : public Nemesis {
 public:
  MembershipNemesis(uint64_t seed, std::vector<std::string> processes)
      : removed_(std::move(processes)), rng_(seed) {}

  Result<FaultPlan> plan(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    Result<FaultPlan> plan = plan_nodes(op.value, target, rng_);
    if (!plan) return plan;
    if (plan->impact.nodes.size() > most_removed(target.nodes.size()))
      return Error{"without " + std::to_string(plan->impact.nodes.size()) + " of " +
                   std::to_string(target.nodes.size()) + " nodes no majority is left"};
    return plan;
  }

  Result<Value> invoke(FaultTarget& target, const Op& op) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (op.f.text() == "start-membership") {
      Result<std::vector<size_t>> nodes = choose_nodes(nodes_in(op.value), target, rng_);
      if (!nodes) return nodes.error();
      Result<Value::List> done = removed_.remove(target, *nodes);
      return done ? Result<Value>(Value::map(std::move(*done))) : done.error();
    }
    if (op.f.text() != "stop-membership")
      return Error{"members have no operation " + std::string(op.f.text())};
    if (!removed_.any()) return Value("no member was out");
    Result<Value::List> done = removed_.bring_back(target);
    return done ? Result<Value>(Value::map(std::move(*done))) : done.error();
  }

  Status heal(FaultTarget& target) noexcept override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return removed_.heal(target);
  }

 private:
  std::mutex mutex_;
  RemovedMembers removed_;
  Rng rng_;
};

Result<FaultPackage> make(const FaultOptions& options, const Capabilities& capabilities) {
  if (!capabilities.membership || !capabilities.kill || capabilities.processes.empty())
    return Error{"this database cannot change its members"};
  const size_t most = most_removed(options.nodes.size());
  if (!options.nodes.empty() && most == 0)
    return Error{"members can be removed from three nodes or more, not from " +
                 std::to_string(options.nodes.size())};
  FaultOptions bounded = options;
  if (!options.nodes.empty()) bounded.max_broken = std::min(options.max_broken.value_or(most), most);
  Result<Value> who = nodes_option(bounded, {});
  if (!who) return who.error();
  return in_turns(std::make_unique<MembershipNemesis>(mix64(options.seed + 12), capabilities.processes),
                  options.interval_ns, at_nodes("start-membership", *who), fault_span(kName, kColor));
}

}  // namespace

void add_membership(Registry& registry) {
  registry.add(FaultFactory{
      .name = kName,
      .description = "nodes are removed from the cluster's members and join again with empty disks",
      .word = "nodes",
      .span = fault_span(kName, kColor),
      .agent_kinds = {"kill"},
      .ends_database = true,
      .make = make,
      .heal_leftovers = bring_members_back});  // the members know who is missing, not the agents' ledgers
}

}  // namespace riven
