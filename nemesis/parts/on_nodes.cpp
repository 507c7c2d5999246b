#include "nemesis/parts/on_nodes.h"

#include <mutex>
#include <thread>

#include "harness/api/database.h"

namespace riven {

Status on_nodes(const std::vector<size_t>& positions, const std::vector<Node>& nodes,
                const std::function<Status(size_t)>& step) {
  std::vector<Status> results(positions.size(), ok_status());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < positions.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = step(positions[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  std::string message;
  for (size_t i = 0; i < positions.size(); ++i) {
    if (results[i]) continue;
    message += (message.empty() ? "" : "; ") + nodes[positions[i]].name + ": " + results[i].error().message;
  }
  if (message.empty()) return ok_status();
  return Error{message};
}

Status start_again(FaultTarget& target, std::vector<size_t>& down) {
  if (down.empty() || target.database == nullptr) return ok_status();
  std::vector<size_t> left;
  std::mutex left_mutex;
  Status started = on_nodes(down, target.nodes, [&](size_t node) {
    Status done = target.database->start(target.nodes[node], target.nodes);
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
