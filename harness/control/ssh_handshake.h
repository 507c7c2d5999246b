// From nothing to an authenticated SSH session, with a deadline for all of it.
#pragma once

#include <memory>
#include <string>

#include "harness/control/ssh_session.h"
#include "harness/control/tcp_connect.h"
#include "harness/core/result.h"

struct ssh_session_struct;

namespace riven {

struct CloseSshSession {
  void operator()(ssh_session_struct* session) const;
};
/// Owns the libssh session and its socket. To be used by one thread at a time.
using SshHandle = std::unique_ptr<ssh_session_struct, CloseSshSession>;

/// "n1 (198.18.0.11:22)": how messages call the node.
std::string target_text(const SshTarget& target);

/// Connects, checks the host key and authenticates. The session is non-blocking. Errors: unreachable,
/// rejected, and local for a key file that cannot be read.
Result<SshHandle, SessionError> ssh_handshake(const SshTarget& target, Deadline deadline);

}  // namespace riven
