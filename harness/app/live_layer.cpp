#include "harness/app/live_layer.h"

#include "harness/control/agent_client.h"
#include "harness/core/at_once.h"

namespace riven {

namespace {

constexpr Milliseconds kReadyDeadline{60'000};

/// The agent's kill returns once nothing of the database is left, which a signal alone does not.
Status stop(FaultTarget& target) {
  const Json params = {{"processes", target.database->facts().processes}};
  return try_at_once(target.nodes.size(), [&](size_t i) -> Status {
    const auto killed = target.agents[i]->apply({"kill", params});
    if (!killed) return Error{target.nodes[i].name + ": " + killed.error().message};
    const auto healed = target.agents[i]->heal(killed->ids);
    return healed ? ok_status() : Status(Error{target.nodes[i].name + ": " + healed.error().message});
  });
}

Status start(FaultTarget& target) {
  const Status started = try_at_once(target.nodes.size(), [&](size_t i) {
    return target.database->server_control()->start(target.nodes[i], target.nodes);
  });
  return started ? target.database->await_ready(target.nodes, kReadyDeadline) : started;
}

/// The database runs again whatever becomes of `step`.
Status while_stopped(FaultTarget& target, const std::function<Status()>& step) {
  Status done = stop(target);
  if (done) done = step();
  const Status started = start(target);
  return done ? started : done;
}

}  // namespace

Status put_layers_under(FaultTarget& target, Nemesis& nemesis) {
  return while_stopped(target, [&] { return nemesis.prepare(target); });
}

Status take_layers_away(FaultTarget& target) {
  return while_stopped(target, [&] {
    return try_at_once(target.nodes.size(), [&](size_t i) -> Status {
      const auto healed = target.agents[i]->heal_all(false);
      return healed ? ok_status() : Status(Error{target.nodes[i].name + ": " + healed.error().message});
    });
  });
}

}  // namespace riven
