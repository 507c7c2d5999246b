// Locks that are acquired and released; at most one holder.
#include "harness/api/registry.h"
#include "harness/api/workload.h"
#include "workloads/generators/lock_holders.h"
#include "workloads/generators/mutex_generator.h"
#include "workloads/generators/workload_settings.h"

namespace riven::workloads {

namespace {

Result<Workload> make(const WorkloadOptions& options, const Registry& registry) {
  constexpr int64_t kMany = 1'000'000'000;
  WorkloadSettings settings("mutex", options.extra);
  MutexGeneratorOptions generated;
  generated.rate_hz = options.rate_hz;
  generated.ops_per_key = options.ops_per_key;
  generated.keys = settings.integer("keys", 1, -1, kMany);
  generated.threads_per_key = static_cast<size_t>(settings.integer("threads-per-key", 0, 0, 1000));
  if (const Status good = settings.finish(); !good) return good.error();
  auto checker =
      registry.make_checker(options.model.empty() ? "owner-mutex" : options.model, options.checker_options);
  if (!checker) return checker.error();
  return Workload{
      .name = "mutex",
      .required_functions = {"acquire", "release"},
      .generator = mutex_generator(generated),
      .final_generator = nullptr,
      .checker = *checker,
      .groups = {{"lock-holders", std::make_shared<LockHolders>(options.concurrency, options.nodes)}}};
}

}  // namespace

void add_mutex(Registry& registry) {
  registry.add(std::make_shared<const WorkloadFactory>(
      WorkloadFactory{.name = "mutex",
                      .description = "locks that are acquired and released, at most one holder each",
                      .models = {"owner-mutex", "mutex"},
                      .make = make}));
}

}  // namespace riven::workloads
