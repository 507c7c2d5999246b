#include "harness/generator/context.h"

#include <limits>

#include "harness/generator/wrap.h"

namespace riven {

World::World(size_t clients) : clients_(clients) {
  RIVEN_CHECK(clients < ThreadSet::kCapacity, "a run has more client threads than are supported");
  client_threads_ = ThreadSet::range(0, clients);
  all_ = ThreadSet::range(0, clients + 1);
  free_ = all_;
  for (size_t i = 0; i < clients; ++i) processes_.push_back(static_cast<Process>(i));
  processes_.push_back(kNemesis);
}

void World::retire_process(Thread t) {
  if (t == nemesis_thread()) return;
  const int64_t successor = processes_[t] + static_cast<int64_t>(clients_);
  RIVEN_CHECK(successor <= std::numeric_limits<Process>::max(), "the run has used up all process numbers");
  processes_[t] = static_cast<Process>(successor);
}

namespace {

bool has_clients(const ThreadSet& threads, const World& world) {
  return !(threads & world.client_threads()).empty();
}

}  // namespace

bool Context::can_emit() const {
  if (free_->empty()) return false;
  if (threads_->contains(nemesis_thread()) && has_clients(*threads_, *world_)) {
    return has_clients(*free_, *world_);
  }
  return true;
}

Thread Context::pick_thread() const {
  const bool only_nemesis = !has_clients(*threads_, *world_);
  const ThreadSet candidates = only_nemesis ? *free_ : *free_ & world_->client_threads();
  const size_t n = candidates.size();
  return candidates.nth(n == 1 ? 0 : rng(gen::kThreadSalt).below(n));
}

}  // namespace riven
