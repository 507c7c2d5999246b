// Checkers: a history in, a verdict with its evidence out. A checker never sees a cluster.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/figure.h"
#include "harness/core/clock.h"
#include "harness/core/history.h"
#include "harness/core/json.h"

namespace riven {

/// The worst wins: invalid > unknown > valid.
enum class Verdict : uint8_t { valid, unknown, invalid };
constexpr Verdict worst(Verdict a, Verdict b) { return a > b ? a : b; }
constexpr std::string_view to_text(Verdict v) {
  switch (v) {
    case Verdict::valid:
      return "valid";
    case Verdict::unknown:
      return "unknown";
    case Verdict::invalid:
      return "invalid";
  }
  return "?";
}

/// What a check may cost. A checker that would exceed it stops and says `unknown` with how far it got.
struct Budget {
  int64_t deadline_ns = INT64_MAX;  ///< on monotonic_now_ns()
  uint64_t memory_bytes = 0;        ///< for the checker's own working memory; 0: half of the machine's
  unsigned threads = 0;             ///< 0: all cores
  bool expired() const { return monotonic_now_ns() >= deadline_ns; }
};

/// One kind of violation found.
struct Anomaly {
  std::string
      type;  ///< the literature's name, spelled as Elle does: G-single, lost-update, nonlinearizable, ...
  uint64_t count = 0;  ///< how many; exact unless `reason` of the result says otherwise
  std::vector<std::string>
      sentences;  ///< for a person: what happened, one sentence each, the clearest witness first
  std::vector<uint32_t> entries;  ///< history entries of the first witness, in order
  Json details;                   ///< machine-readable witnesses
};

/// A file for the run's anomalies/ folder.
struct Artifact {
  std::string name;
  std::string content;
};

struct CheckResult {
  std::string name;  ///< of the checker
  Verdict verdict = Verdict::unknown;
  std::string reason;  ///< one sentence: why this verdict; begins with "vacuous:" where nothing was tested
  std::vector<Anomaly> anomalies;
  Json details = Json::object();  ///< counts, statistics, models
  std::vector<Figure> figures;
  std::vector<Artifact> artifacts;
  int64_t check_ms = -1;  ///< time it took, filled in by whoever runs the checker; -1: not measured
};

/// Stateless and const: one checker may judge many histories at once. May throw; the runner turns that into
/// `unknown`.
class Checker {
 public:
  virtual ~Checker() = default;
  virtual std::string name() const = 0;
  virtual CheckResult check(const History& history, const Budget& budget) const = 0;
};
using CheckerPtr = std::shared_ptr<const Checker>;

}  // namespace riven
