#include "checkers/linearizable/checker.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "checkers/linearizable/solve.h"

namespace riven::linearizable {

namespace {

uint64_t machine_memory_bytes() {
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page_bytes = sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? static_cast<uint64_t>(pages) * static_cast<uint64_t>(page_bytes)
                                     : uint64_t{4} << 30;
}

class LinearizableChecker final : public Checker {
 public:
  explicit LinearizableChecker(Options options) : options_(std::move(options)) {}
  std::string name() const override { return "linearizable"; }

  CheckResult check(const History& history, const Budget& budget) const override {
    CheckResult result;
    result.name = name();
    result.details["model"] = to_text(options_.model.model);
    auto projected = project(history, options_.projection);
    if (!projected) {
      result.reason = "the history cannot be judged: " + projected.error().message;
      return result;
    }
    Projection& projection = *projected;
    describe(projection, result);
    if (projection.client_operations == 0 ||
        projection.client_operations == projection.failed + projection.crashed) {
      result.reason = projection.client_operations == 0 ? "vacuous: the history has no operation of a client"
                                                        : "vacuous: no operation completed";
      return result;
    }
    const auto spec = builtin_model(options_.model, projection);
    MemoryMeter memory(budget.memory_bytes != 0 ? budget.memory_bytes : machine_memory_bytes() / 2);
    const std::vector<Answer> answers = solve_parts(projection, *spec, budget, memory);
    judge(history, projection, answers, result);
    return result;
  }

 private:
  static void describe(const Projection& projection, CheckResult& result) {
    result.details["operations"] = projection.client_operations;
    result.details["crashed"] = projection.crashed;
    result.details["failed"] = projection.failed;
    result.details["parts"] = projection.parts.size();
  }

  /// Parts are shared out over the cores; a single part gets all of them.
  std::vector<Answer> solve_parts(const Projection& projection, const ModelSpec& spec, const Budget& budget,
                                  MemoryMeter& memory) const {
    const Watch watch{budget.deadline_ns, &memory, nullptr};
    const unsigned cores =
        budget.threads != 0 ? budget.threads : std::max(1U, std::thread::hardware_concurrency());
    const auto& parts = projection.parts;
    std::vector<Answer> answers(parts.size());
    std::atomic<size_t> next{0};
    const auto work = [&](unsigned threads) {
      for (size_t i = next++; i < parts.size(); i = next++)
        answers[i] = solve(options_, spec, projection, parts[i].operations, watch, threads);
    };
    const size_t workers = std::min<size_t>(cores, parts.size());
    if (workers <= 1) {
      work(cores);
      return answers;
    }
    std::vector<std::thread> threads;
    for (size_t i = 0; i + 1 < workers; ++i) threads.emplace_back(work, 1U);
    work(1);
    for (std::thread& thread : threads) thread.join();
    return answers;
  }

  void judge(const History& history, const Projection& projection, const std::vector<Answer>& answers,
             CheckResult& result) const {
    result.verdict = Verdict::valid;
    size_t invalid = 0;
    size_t unknown = 0;
    for (size_t i = 0; i < answers.size(); ++i) {
      const Answer& answer = answers[i];
      result.verdict = worst(result.verdict, answer.verdict);
      if (answer.verdict == Verdict::invalid) ++invalid;
      if (answer.verdict != Verdict::unknown) continue;
      ++unknown;
      if (result.reason.empty()) {
        result.reason = answer.why + "; everything before entry " + std::to_string(answer.event) +
                        (projection.parts[i].keyed ? " of key " + to_edn(projection.parts[i].key) : "") +
                        " is linearizable";
      }
    }
    if (invalid > 0) {
      Anomaly anomaly;
      anomaly.type = "nonlinearizable";
      anomaly.count = invalid;
      for (size_t i = 0; i < answers.size(); ++i) {
        if (answers[i].verdict != Verdict::invalid) continue;
        anomaly.sentences.push_back("not linearizable at " + describe_entry(history, answers[i].event));
        if (anomaly.entries.empty()) anomaly.entries.push_back(answers[i].event);
      }
      result.anomalies.push_back(std::move(anomaly));
      result.reason = "the history is not linearizable";
    } else if (unknown == 0) {
      result.reason = "the history is linearizable";
    }
  }

  Options options_;
};

}  // namespace

CheckerPtr make_checker(const Options& options) { return std::make_shared<LinearizableChecker>(options); }

}  // namespace riven::linearizable
