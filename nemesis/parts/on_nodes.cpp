#include "nemesis/parts/on_nodes.h"

#include <thread>

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

}  // namespace riven
