// Kind "link": packets from some peers are late, lost, doubled, overtaken, damaged or squeezed.
#pragma once

#include "nemesis/agent/fault.h"

namespace riven::agent {

/// params: the options of link_model.h and `rules` as of kind "packets" (peer and address count). Works on
/// the receiver's side (a packet held back at its sender would stay charged to the sender's socket and
/// throttle it), in user space over NFQUEUE: also where the kernel has no netem. Without a listener, so
/// also when the agent dies, packets pass untouched. Proof: {packets, lost, duplicated, corrupted, delayed,
/// mean_late_us: how much later than drawn packets were let go}.
FaultKind link_kind();

}  // namespace riven::agent
