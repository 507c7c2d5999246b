// One analysis for each kind of history. Each fills the analysis' orders, findings, cycles and decisions;
// internal to checkers/isolation.
#pragma once

#include <string>

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/judging.h"

namespace riven::checkers::isolation {

/// The shared-memory models, in which each micro-operation is an operation of its own.
inline constexpr ModelSet kSharedMemory = bit(Model::monotonic_reads) | bit(Model::monotonic_writes) |
                                          bit(Model::read_your_writes) | bit(Model::writes_follow_reads) |
                                          bit(Model::pram) | bit(Model::causal) | bit(Model::sequential) |
                                          bit(Model::per_key_linearizable) | bit(Model::linearizable);

/// What the anomalies that need no cycle refute.
void refute_by_findings(const Findings& f, Decisions& d);
/// Where the time is over, says so and leaves open whatever is not refuted yet.
bool out_of_time(const Limits& limits, const std::string& got, Analysis& a);

/// Errors: see analyse(). `a.transactions` are read already, but for items.
Status analyse_lists(const History& history, const Limits& limits, Analysis& a);
Status analyse_registers(const History& history, const Limits& limits, Analysis& a);
Status analyse_predicates(const History& history, const Limits& limits, Analysis& a);
Status analyse_sets(const History& history, const Limits& limits, Analysis& a);
Status analyse_counters(const History& history, const Limits& limits, Analysis& a);

}  // namespace riven::checkers::isolation
