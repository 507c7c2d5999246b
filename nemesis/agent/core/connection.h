// The agent's side of the stream to the controller.
#pragma once

#include "nemesis/agent/core/fault.h"
#include "nemesis/agent/core/server.h"

namespace riven::agent {

/// Serves framed requests from file descriptor `in` and answers on `out` until the stream ends, the lease is
/// over, quit was asked for or `*stop` becomes non-zero (set by a signal handler; the signal must interrupt
/// ppoll, which unblocks `wake` while it waits). Then undoes everything, trying again for as long as
/// `last_effort_ms`. True: nothing is left to undo.
bool serve(Server& server, int in, int out, const volatile int* stop, int last_effort_ms);

/// Where the SSH connection of this process (or of one of its parents: sudo clears the environment) comes
/// from: adds the peer to context.control_addresses and sets control_port. Without one nothing changes.
void find_control_connection(Context& context);

/// Makes the agent hard to starve: real-time scheduling, last in line for the OOM killer. Best effort; not
/// inherited by children.
void harden_process();

}  // namespace riven::agent
