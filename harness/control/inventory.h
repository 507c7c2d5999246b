// The user's own machines: hosts.toml.
#pragma once

#include <functional>
#include <string>

#include "harness/control/cluster.h"
#include "harness/core/result.h"

namespace riven {

/// Asks the person for a secret without echo; the argument is the prompt.
using AskSecret = std::function<Result<std::string>(const std::string& prompt)>;

/// Reads an inventory:
///
///   [defaults]                  # optional; any key of a node but name and address
///   user = "admin"              # default root
///   port = 22
///   key = "~/.ssh/id_ed25519"   # private key file; relative to this file
///   agent = true                # default: true when no key is given and SSH_AUTH_SOCK is set
///   known_hosts = "hosts.keys"  # default: the user's own
///   sudo = "none"               # none (default), nopasswd, password
///   sudo_password_env = "NAME"  # the environment variable that holds it; without: asked for
///   password_env = "NAME"       # SSH password; without: `ask = true` asks for it
///   connect_timeout = 10        # seconds
///   may_reboot = true           # faults may reboot this machine (default false)
///   may_set_clock = true        # faults may set this machine's clock (default false)
///
///   [[node]]
///   address = "192.0.2.11"      # needed: literal or host name
///   name = "n1"                 # default n1, n2, ... by position
///
/// Errors name file, line and column; unknown keys are errors. `ask` may be null: then a secret that is not
/// in the environment is an error.
Result<ClusterSpec> read_inventory(const std::string& path, const AskSecret& ask);
/// The same from text; `path` is for messages and relative paths.
Result<ClusterSpec> parse_inventory(const std::string& text, const std::string& path, const AskSecret& ask);

}  // namespace riven
