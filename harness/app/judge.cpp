#include "harness/app/judge.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <new>

#include "checkers/isolation/initial_written.h"
#include "checkers/isolation/model.h"
#include "checkers/performance.h"
#include "checkers/statistics.h"
#include "checkers/vacuity.h"
#include "harness/app/guess.h"
#include "harness/core/clock.h"
#include "harness/core/machine_memory.h"
#include "harness/core/similar_names.h"
#include "harness/core/text.h"
#include "harness/report/figures.h"

namespace riven {

namespace {

const WorkloadFactory* find_workload(const Registry& registry, const std::string& name) {
  for (const auto& factory : registry.workloads()) {
    if (same_name(factory->name, name)) return factory.get();
  }
  return nullptr;
}

std::string names_of_workloads(const Registry& registry) {
  std::string names;
  for (const auto& factory : registry.workloads()) names += (names.empty() ? "" : ", ") + factory->name;
  return names;
}

/// The names of Elle, Jepsen and Maelstrom for what are workloads here, in any case of letters.
std::string workload_of(const std::string& name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kOthers = {
      {{"list-append", "append"},
       {"txn-list-append", "append"},
       {"rw-register", "wr"},
       {"txn-rw-register", "wr"},
       {"lin-kv", "register"},
       {"linearizable-register", "register"}}};
  for (const auto& [other, here] : kOthers)
    if (same_name(name, other)) return std::string(here);
  return name;
}

/// The model's name as its checker spells it, or `name` itself where no model is called so.
std::string model_named(const Registry& registry, const std::string& name) {
  for (const CheckerFactory& factory : registry.checkers()) {
    for (const std::string& model : factory.models)
      if (same_name(model, name)) return model;
  }
  return name;
}

bool is_model(const Registry& registry, const std::string& name) {
  for (const CheckerFactory& factory : registry.checkers()) {
    if (std::find(factory.models.begin(), factory.models.end(), name) != factory.models.end()) return true;
  }
  return false;
}

/// The model's checker. A name that no model has is answered with those that it may have been meant for.
Result<CheckerPtr> checker_of_model(const Registry& registry, const std::string& model,
                                    const std::map<std::string, std::string>& options) {
  if (is_model(registry, model)) return registry.make_checker(model, options);
  std::vector<std::string> names;
  for (const CheckerFactory& factory : registry.checkers())
    names.insert(names.end(), factory.models.begin(), factory.models.end());
  std::string meant;
  for (const std::string& name : similar_names(model, names)) meant += (meant.empty() ? "" : ", ") + name;
  const std::string word = word_about_workload(model);
  return Error{"no model is called " + model + (word.empty() ? "" : ": " + word) +
               (meant.empty() ? "" : "; perhaps one of these was meant: " + meant) +
               "; `riven list` has them all"};
}

/// Models that speak of real time across sessions.
bool needs_real_time(std::string_view model) {
  namespace isolation = checkers::isolation;
  const auto known = isolation::model_named(model);
  return known && (isolation::kRealTimeModels & isolation::bit(*known)) != 0;
}

/// Whether the isolation checker judges it.
bool is_of_transactions(const Registry& registry, const std::string& model) {
  return std::any_of(registry.checkers().begin(), registry.checkers().end(), [&](const CheckerFactory& f) {
    return f.name == "isolation" && std::find(f.models.begin(), f.models.end(), model) != f.models.end();
  });
}

Result<CheckerPtr> checker_of_workload(const Registry& registry, const JudgeOptions& options) {
  if (const WorkloadFactory* const factory = find_workload(registry, workload_of(options.workload))) {
    WorkloadOptions given;
    given.model = options.model;
    given.checker_options = options.checker_options;
    auto workload = factory->make(given, registry);
    if (!workload) return workload.error();
    return workload->checker;
  }
  // A workload that only others generate: its model says all that a checker needs.
  const std::string model = options.model.empty() ? model_named(registry, options.workload) : options.model;
  if (is_model(registry, model)) return registry.make_checker(model, options.checker_options);
  if (const std::string word = word_about_workload(options.workload); !word.empty())
    return Error{"no workload is called " + options.workload + ": " + word};
  return Error{"no workload is called " + options.workload + "; there are " + names_of_workloads(registry) +
               "; or say --model (`riven list` has them all)"};
}

Result<CheckerPtr> main_checker(const Registry& registry, const JudgeOptions& options) {
  return options.workload.empty() ? checker_of_model(registry, options.model, options.checker_options)
                                  : checker_of_workload(registry, options);
}

/// The main checker where fields gave the keys.
Result<CheckerPtr> keyed_checker(const Registry& registry, JudgeOptions options) {
  const auto per_key = options.checker_options.find("per-key");
  if (per_key != options.checker_options.end() && per_key->second == "no")
    return Error{
        "--per-key=no: fields of the history give the keys; to pass over a field say --ignore-field"};
  options.checker_options.erase("per-key");
  auto checker = main_checker(registry, options);
  if (!checker) return checker;
  if ((*checker)->name() == "isolation")
    return Error{
        "the operations have a field for their key, and transactions name their keys in the value: [[f "
        "key value] ...]; if the field changes nothing, say --ignore-field with its name"};
  options.checker_options["per-key"] = "yes";
  return main_checker(registry, options);
}

CheckResult run_one(const Checker& checker, const History& history, const Budget& budget) {
  const auto failed = [&](const std::string& why) {
    CheckResult result;
    result.name = checker.name();
    result.verdict = Verdict::unknown;
    result.reason = why;
    return result;
  };
  try {
    return checker.check(history, budget);
  } catch (const std::bad_alloc&) {
    return failed("the checker ran out of memory");
  } catch (const std::exception& e) {
    return failed(std::string("the checker crashed (a defect of Riven, please report it): ") + e.what());
  }
}

}  // namespace

uint64_t memory_limit_bytes(uint64_t asked) { return asked > 0 ? asked : half_of_machine_memory_bytes(); }

uint64_t current_rss_bytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t size_pages = 0;
  uint64_t resident_pages = 0;
  if (!(statm >> size_pages >> resident_pages)) return 0;
  return resident_pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

uint64_t peak_rss_bytes() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

Result<PickedCheckers> pick_checkers(const Registry& registry, const History& history,
                                     const JudgeOptions& given) {
  JudgeOptions options = given;
  PickedCheckers picked;
  options.model = model_named(registry, options.model);
  if (options.no_realtime) {
    if (options.model.empty()) {
      options.model = "serializable";
      if (options.workload.empty()) picked.guessed = options.model;
    }
    if (needs_real_time(options.model) || !is_of_transactions(registry, options.model)) {
      return Error{"this format says nothing of real time, which " + options.model +
                   " speaks of; ask for serializable or weaker"};
    }
    std::string& real_time = options.checker_options["real-time"];
    if (real_time == "yes") return Error{"real-time=yes: this format says nothing of real time"};
    real_time = "no";
  }
  if (options.workload.empty() && options.model.empty()) {
    Guess guess = guess_model(history, options.keyed);
    if (guess.sureness == Guess::Sureness::open) return Error{guess.question};
    options.model = picked.guessed = guess.model;
    picked.question = guess.question;
  }
  auto main = options.keyed ? keyed_checker(registry, options) : main_checker(registry, options);
  if (!main) return main.error();
  picked.checkers.push_back(options.initial_written ? checkers::initial_written_checker(*main, 0) : *main);
  if (options.of_a_run || options.informative) {
    picked.checkers.push_back(checkers::statistics_checker());
    picked.checkers.push_back(checkers::performance_checker({.spans = options.spans}));
  }
  checkers::VacuityOptions vacuity;
  vacuity.spans = options.spans;
  for (const PlotSpan& span : options.spans) vacuity.expected.push_back(span.name);
  if (options.of_a_run) picked.checkers.push_back(checkers::vacuity_checker(vacuity));
  return picked;
}

RunResults judge(const std::vector<CheckerPtr>& checkers, const History& history,
                 const JudgeOptions& options) {
  const int64_t began_ns = monotonic_now_ns();
  const uint64_t limit_bytes = memory_limit_bytes(options.memory_bytes);
  RunResults results;
  for (const CheckerPtr& checker : checkers) {
    const uint64_t held_bytes = current_rss_bytes();
    const Budget budget{.deadline_ns = began_ns + options.time_limit_ns,
                        .memory_bytes = limit_bytes > held_bytes ? limit_bytes - held_bytes : 1,
                        .threads = options.threads};
    const int64_t check_began_ns = monotonic_now_ns();
    results.checks.push_back(run_one(*checker, history, budget));
    report::add_figure_pages(results.checks.back());
    results.checks.back().check_ms = (monotonic_now_ns() - check_began_ns) / kNanosPerMilli;
    const bool informs_only = !options.of_a_run && results.checks.size() > 1;
    if (informs_only) results.checks.back().verdict = Verdict::valid;
  }
  results.check_ms = (monotonic_now_ns() - began_ns) / kNanosPerMilli;
  results.peak_rss_bytes = peak_rss_bytes();
  summarize(results);
  return results;
}

void account_for_loss(Extent extent, const std::string& why, RunResults& results) {
  if (extent == Extent::whole) return;
  if (extent == Extent::parts) {
    for (CheckResult& check : results.checks) {
      if (check.verdict != Verdict::invalid) continue;
      check.verdict = Verdict::unknown;
      check.reason = "without what is lost it looks invalid: " + check.reason;
    }
  }
  CheckResult loss;
  loss.name = "history";
  loss.verdict = Verdict::unknown;
  loss.reason = !why.empty() ? why
                : extent == Extent::parts
                    ? "entries are missing, so no verdict is possible"
                    : "it ends early: nothing that is there contradicts, what came later is not known";
  results.checks.insert(results.checks.begin(), std::move(loss));
  summarize(results);
}

}  // namespace riven
