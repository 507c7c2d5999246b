#include "workloads/generators/lock_holders.h"

#include <set>

namespace riven::workloads {

void LockHolders::note(const Op& op) {
  static const Symbol acquire("acquire"), release("release");
  if (op.process < 0 || op.type == OpType::invoke) return;
  if (op.type != OpType::info && op.f != acquire && op.f != release) return;
  const std::lock_guard lock(mutex_);
  if (op.type == OpType::info) {
    held_.erase(op.process);
  } else if (op.type == OpType::ok && op.f == acquire) {
    ++held_[op.process];
  } else if (op.type == OpType::ok && held_.count(op.process) > 0 && --held_[op.process] == 0) {
    held_.erase(op.process);
  }
}

std::vector<size_t> LockHolders::nodes() const {
  if (clients_ == 0 || nodes_ == 0) return {};
  const std::lock_guard lock(mutex_);
  std::set<size_t> found;
  for (const auto& [process, times] : held_) found.insert(static_cast<size_t>(process) % clients_ % nodes_);
  return {found.begin(), found.end()};
}

}  // namespace riven::workloads
