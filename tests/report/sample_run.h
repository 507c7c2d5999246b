// A simulated register run with partitions, for the tests of the report and of the checkers that feed it.
#pragma once

#include "harness/core/history.h"
#include "harness/report/report.h"

namespace riven::test {

struct SampleOptions {
  uint64_t seed = 7;
  size_t operations = 6'000;  ///< about
  int64_t length_ns = 60'000'000'000;
  size_t threads = 10;
  bool faults = true;
  bool took_effect = true;  ///< whether the partitions dropped packets
};

/// Clients on five nodes; every 10 s a partition of 5 s, under which the clients of two nodes time out.
History sample_history(const SampleOptions& options = {});

/// What the run of sample_history() might have been started with.
RunInfo sample_info();

/// The three checkers that every run has, over `history`, with invented times.
RunResults sample_results(const History& history);

/// A refused check with three stale reads, its witness somewhere in the middle of `history`.
CheckResult sample_refusal(const History& history);

}  // namespace riven::test
