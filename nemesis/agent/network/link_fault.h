// Kind "link": packets from some peers are late, lost, doubled, overtaken, damaged or squeezed.
#pragma once

#include "nemesis/agent/core/fault.h"

namespace riven::agent {

/// params: the options of link_model.h, `rules` as of kind "packets" (peer and address count) and `by`: auto
/// (netem where the kernel has it and does exactly what is asked, else the emulator), netem, emulator. Both
/// work on the receiver's side (a packet held back at its sender would stay charged to the sender's socket
/// and throttle it): netem on an IfbRedirect, the emulator in user space over NFQUEUE. Without a listener, so
/// also when the agent dies, packets pass the emulator untouched; netem's stay late until an agent starts
/// anew. Proof: {by, packets, lost, duplicated, corrupted, delayed}, of the emulator also mean_late_us: how
/// much later than drawn packets were let go.
FaultKind link_kind();

}  // namespace riven::agent
