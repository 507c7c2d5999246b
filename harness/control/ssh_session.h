// Sessions and byte streams over SSH (libssh, hidden here).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "harness/control/byte_stream.h"
#include "harness/control/node.h"
#include "harness/core/result.h"

namespace riven {

/// How the login user becomes root when a Command asks for it.
enum class Sudo : uint8_t { none, nopasswd, password };

/// How to reach one node by SSH. ~/.ssh/config is not read. Authentication is tried in the order key file,
/// agent, password. Secrets live here in memory only: never in a command line, a file of ours or a message.
struct SshTarget {
  std::string name;  ///< for messages (n1); empty: host
  std::string host;  ///< IPv4 or IPv6 literal, or a host name
  uint16_t port = 22;
  std::string user = "root";
  std::string key_file;    ///< private key without a passphrase; empty: none
  bool use_agent = false;  ///< the keys of the agent at SSH_AUTH_SOCK
  std::string password;    ///< empty: none
  std::string
      known_hosts_file;  ///< the only file that counts (pinned keys); empty: the user's own and the system's
  Sudo sudo = Sudo::none;
  std::string sudo_password;
  Milliseconds connect_deadline{10'000};  ///< for one attempt: TCP, key exchange, authentication
};

/// A session over SSH.
class SshSession : public Session {
 public:
  /// The controller's own address as the node sees it (a literal); empty while not connected.
  virtual std::string local_address() const = 0;
};

/// Connects and authenticates, retrying (see backoff.h) while the node cannot be reached, at most
/// `target.connect_deadline` altogether. An unknown or changed host key is `rejected`.
///
/// The session reconnects by itself when the connection died. A command is tried again only where it cannot
/// have begun (unreachable, not_started); never after that. Up to 8 commands run at once on one connection;
/// further ones wait, within their deadlines. At its deadline a command's process group is sent SIGKILL (best
/// effort) and the error is `interrupted`. Output above 64 MiB a stream is `interrupted` too. Commands need a
/// POSIX login shell on the node and at most 120 KiB of arguments.
///
/// Transfers go by SFTP: into a temporary name beside the target, then renamed; so readers see the old
/// file or the new one. They run as root where target.sudo is set, else as the login user. Downloads
/// as well.
Result<std::unique_ptr<SshSession>, SessionError> connect_ssh(const SshTarget& target);

/// Starts `argv` on the node over a connection of its own (so a busy Session does not delay it) and returns
/// its stream once the program was started. `sudo` as in Command. Errors as of Session::run; never retried.
Result<std::unique_ptr<ByteStream>, SessionError> start_ssh(const SshTarget& target,
                                                            const std::vector<std::string>& argv, bool sudo,
                                                            Milliseconds deadline);

}  // namespace riven
