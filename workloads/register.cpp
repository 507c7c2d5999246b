// Reads, writes and compare-and-set over independent registers; linearizable per key.
#include "harness/api/registry.h"
#include "harness/api/workload.h"
#include "workloads/generators/register_generator.h"
#include "workloads/generators/workload_settings.h"

namespace riven::workloads {

namespace {

Result<Workload> make(const WorkloadOptions& options, const Registry& registry) {
  constexpr int64_t kMany = 1'000'000'000;
  WorkloadSettings settings("register", options.extra);
  RegisterGeneratorOptions generated;
  if (options.ops_per_key > 0) generated.ops_per_key = options.ops_per_key;
  generated.threads_per_key = static_cast<size_t>(settings.integer("threads-per-key", 0, 0, 1000));
  generated.keys = settings.integer("keys", -1, -1, kMany);
  generated.read_share = settings.share("read-share", generated.read_share);
  generated.cas = settings.flag("cas", true);
  generated.values = settings.integer("values", 0, 0, kMany);
  generated.processes_per_key = static_cast<size_t>(settings.integer("processes-per-key", 20, 0, kMany));
  generated.rate_hz = options.rate_hz;
  if (const Status good = settings.finish(); !good) return good.error();

  auto checker_options = options.checker_options;
  checker_options.try_emplace("per-key", "auto");
  auto checker =
      registry.make_checker(options.model.empty() ? "cas-register" : options.model, checker_options);
  if (!checker) return checker.error();
  std::vector<std::string> functions{"read", "write"};
  if (generated.cas) functions.emplace_back("cas");
  return Workload{.name = "register",
                  .required_functions = std::move(functions),
                  .generator = register_generator(generated),
                  .final_generator = nullptr,
                  .checker = *checker};
}

}  // namespace

void add_register(Registry& registry) {
  registry.add(std::make_shared<const WorkloadFactory>(WorkloadFactory{
      .name = "register",
      .description = "reads, writes and compare-and-set over independent registers, linearizable per key",
      .models = {"cas-register", "register"},
      .make = make}));
}

}  // namespace riven::workloads
