// A machine under test and how to run commands on it.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/result.h"

namespace riven {

using Milliseconds = std::chrono::milliseconds;

/// A command by argument vector: no shell reads it, nothing needs quoting. The control layer quotes it for
/// the remote shell where the transport (SSH exec) forces one.
struct Command {
  std::vector<std::string> argv;
  std::string stdin_data{};
  Milliseconds deadline{30'000};
  bool sudo = false;        ///< as root, by the node's sudo settings; nothing to do when root
  std::string directory{};  ///< empty: the login directory
  std::map<std::string, std::string> environment{};
};

/// What a command left behind. A non-zero exit status is data, not an error.
struct CommandOutput {
  int exit_status = 0;
  std::string signal;  ///< empty, or the name of the signal that ended it ("KILL")
  std::string out;
  std::string err;
  bool succeeded() const { return exit_status == 0 && signal.empty(); }
};

/// Why a command could not be run, or its end not be seen.
struct SessionError {
  enum class Kind : uint8_t {
    unreachable,  ///< no connection: refused, no route, name unknown, time-out while connecting
    rejected,     ///< host key or authentication refused
    not_started,  ///< connection lost or deadline passed before the command can have begun
    interrupted,  ///< connection lost or deadline passed while it may have been running
    remote,       ///< the node refused a transfer: no such file, no permission, no space
    local,        ///< a local file could not be read or written, or the command cannot be expressed
  };
  Kind kind;
  std::string message;  ///< what, where, what to do
};

/// A connection to one node. Thread-safe: calls from several threads share it. Every call has a deadline.
class Session {
 public:
  virtual ~Session() = default;
  virtual Result<CommandOutput, SessionError> run(const Command& command) = 0;
  virtual Result<Unit, SessionError> upload(const std::string& local_path, const std::string& remote_path,
                                            unsigned mode, Milliseconds deadline) = 0;
  virtual Result<Unit, SessionError> upload_bytes(const std::string& content, const std::string& remote_path,
                                                  unsigned mode, Milliseconds deadline) = 0;
  virtual Result<Unit, SessionError> download(const std::string& remote_path, const std::string& local_path,
                                              Milliseconds deadline) = 0;
};

/// One node of a cluster: its name (n1), where the database and SSH listen, and an open session to it.
struct Node {
  std::string name;
  std::string address;  ///< as other nodes and clients reach it; IPv4 or IPv6 literal, or a host name
  std::vector<std::string> addresses;  ///< every address that faults must cover (IPv4 and IPv6 literals)
  size_t index = 0;                    ///< position in the cluster, 0-based
  Session* session = nullptr;          ///< borrowed from the Cluster; never null in a running test
};

}  // namespace riven
