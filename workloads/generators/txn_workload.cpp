#include "workloads/generators/txn_workload.h"

#include <algorithm>

#include "workloads/generators/workload_settings.h"

namespace riven {

namespace {

Result<Workload> make(const std::string& name, TxnStyle style, const WorkloadOptions& options,
                      const Registry& registry) {
  constexpr int64_t kMany = 1'000'000'000;
  constexpr int64_t kLongest = 1000;
  WorkloadSettings settings(name, options.extra);
  TxnGeneratorOptions generated;
  generated.style = style;
  generated.min_length = settings.integer("min-length", generated.min_length, 1, kLongest);
  generated.max_length =
      std::max(settings.integer("max-length", generated.max_length, 1, kLongest), generated.min_length);
  generated.keys =
      static_cast<size_t>(settings.integer("keys", static_cast<int64_t>(generated.keys), 1, kMany));
  generated.writes_per_key = settings.integer(
      "writes-per-key", options.ops_per_key > 0 ? options.ops_per_key : generated.writes_per_key, 1, kMany);
  generated.write_share = settings.share("write-share", generated.write_share);
  constexpr KeyDistribution kDistributions[] = {KeyDistribution::exponential, KeyDistribution::uniform,
                                                KeyDistribution::zipf};
  generated.distribution = kDistributions[settings.word("distribution", {"exponential", "uniform", "zipf"})];
  generated.rate_hz = options.rate_hz;
  const bool final_reads = settings.flag("final-reads", true);
  if (const Status good = settings.finish(); !good) return good.error();

  auto checker_options = options.checker_options;
  std::string& judged_as = checker_options["workload"];
  const std::string_view elles = style == TxnStyle::append ? "list-append" : "rw-register";
  if (!judged_as.empty() && judged_as != "auto" && judged_as != name && judged_as != elles)
    return Error{"--workload " + name + " contradicts --checker-opt workload=" + judged_as +
                 ": leave one of them out"};
  judged_as = name;
  auto checker =
      registry.make_checker(options.model.empty() ? "strict-serializable" : options.model, checker_options);
  if (!checker) return checker.error();
  TxnGenerators generators = txn_generators(generated);
  return Workload{.name = name,
                  .required_functions = {"txn"},
                  .generator = std::move(generators.load),
                  .final_generator = final_reads ? std::move(generators.final_reads) : nullptr,
                  .checker = *checker};
}

}  // namespace

std::shared_ptr<const WorkloadFactory> txn_workload(const std::string& name, const std::string& description,
                                                    TxnStyle style) {
  return std::make_shared<const WorkloadFactory>(
      WorkloadFactory{.name = name,
                      .description = description,
                      .models = {"strict-serializable", "serializable", "snapshot-isolation",
                                 "repeatable-read", "read-committed"},
                      .make = [name, style](const WorkloadOptions& options, const Registry& registry) {
                        return make(name, style, options, registry);
                      }});
}

}  // namespace riven
