// A simulated cluster of registers under partitions, on the virtual clock: correct, or with one planted bug.
// A seed fixes every byte of its history. What a checker says of these histories is the proof that the
// harness can say no.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "harness/core/history.h"
#include "harness/run/scheduler.h"

namespace riven::sim {

enum class RegisterBug : uint8_t {
  none,             ///< linearizable, whatever the faults
  stale_read,       ///< a node answers reads from its own replica, also when it is cut off
  lost_write,       ///< now and then a write is acknowledged and not done
  failed_but_done,  ///< now and then a write is done and reported as certainly failed
  unchecked_cas,    ///< compare-and-set compares with the node's replica
  dirty_read,       ///< now and then a write is visible for a while, then rolled back and reported as failed
  done_twice,       ///< now and then a write is done again some time after it was acknowledged
};
inline constexpr std::array<RegisterBug, 7> kRegisterBugs = {
    RegisterBug::none,          RegisterBug::stale_read,
    RegisterBug::lost_write,    RegisterBug::failed_but_done,
    RegisterBug::unchecked_cas, RegisterBug::dirty_read,
    RegisterBug::done_twice};
std::string_view to_text(RegisterBug bug);

struct SimRegisterOptions {
  uint64_t seed = 1;
  RegisterBug bug = RegisterBug::none;
  size_t nodes = 5;
  size_t clients = 10;
  double rate_hz = 1'000;
  int64_t duration_ns = 5 * kNanosPerSecond;
  int64_t ops_per_key = 60;
  bool faults = true;      ///< the nemesis cuts off a minority for half a second, each second
  double bug_rate = 0.02;  ///< of the operations that the bug may touch
  double lost_answers =
      0.01;  ///< unknown outcomes without any fault; the operation may be done, or yet be done
};

struct SimRun {
  History history;
  RunOutcome outcome;
};

/// One run. Operations: read, write, cas with independent keys [key value]; nemesis: start-partition,
/// stop-partition.
SimRun run_sim_register(const SimRegisterOptions& options);

/// Every entry as a line of text: two runs of one seed have the same.
std::string text_of(const History& history);

}  // namespace riven::sim
