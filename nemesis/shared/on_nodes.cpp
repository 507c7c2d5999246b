#include "nemesis/shared/on_nodes.h"

#include <mutex>

#include "harness/api/database.h"
#include "harness/core/at_once.h"

namespace riven {

Status on_nodes(const std::vector<size_t>& positions, const std::vector<Node>& nodes,
                const std::function<Status(size_t)>& step) {
  return try_at_once(positions.size(), [&](size_t i) {
    const Status done = step(positions[i]);
    return done ? done : Status(Error{nodes[positions[i]].name + ": " + done.error().message});
  });
}

Status start_again(FaultTarget& target, std::vector<size_t>& down) {
  ServerControl* const servers = target.database == nullptr ? nullptr : target.database->server_control();
  if (down.empty() || servers == nullptr) return ok_status();
  std::vector<size_t> left;
  std::mutex left_mutex;
  Status started = on_nodes(down, target.nodes, [&](size_t node) {
    Status done = servers->start(target.nodes[node], target.nodes);
    if (!done) {
      const std::lock_guard<std::mutex> lock(left_mutex);
      left.push_back(node);
    }
    return done;
  });
  down = std::move(left);
  return started;
}

}  // namespace riven
