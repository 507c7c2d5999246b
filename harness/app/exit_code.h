// The exit codes of the command line, as documented in README.md.
#pragma once

#include "harness/api/checker.h"

namespace riven {

enum class ExitCode : int {
  valid = 0,
  invalid = 1,
  unknown = 2,
  infrastructure = 3,  ///< the cluster or its set-up failed
  usage = 64,          ///< wrong options, or a file that is no history
  defect = 70,         ///< of Riven itself
};

constexpr ExitCode exit_code_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::valid:
      return ExitCode::valid;
    case Verdict::invalid:
      return ExitCode::invalid;
    case Verdict::unknown:
      break;
  }
  return ExitCode::unknown;
}

/// Over several runs: invalid > infrastructure > unknown > valid, so that no anomaly is hidden by another
/// run's crash.
constexpr ExitCode worst(ExitCode a, ExitCode b) {
  constexpr auto rank = [](ExitCode code) {
    switch (code) {
      case ExitCode::valid:
        return 0;
      case ExitCode::unknown:
        return 1;
      case ExitCode::infrastructure:
        return 2;
      case ExitCode::invalid:
        return 3;
      case ExitCode::usage:
        return 4;
      case ExitCode::defect:
        return 5;
    }
    return 5;
  };
  return rank(a) >= rank(b) ? a : b;
}

}  // namespace riven
