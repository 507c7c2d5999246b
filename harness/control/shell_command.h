// Commands as one line for a POSIX shell, because SSH's exec request carries a line and not an argument
// vector.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "harness/control/node.h"
#include "harness/control/ssh_session.h"
#include "harness/core/result.h"

namespace riven {

/// `text` as one word of any POSIX shell: every byte but NUL means itself.
std::string shell_quote(std::string_view text);

/// What stands on stderr before the number of a process group, and a line's end behind it: see kAnnouncePid.
inline constexpr char kPidWord[] = "riven-pid-";

/// Put before a line, it makes the login shell say its process id on stderr, where it is taken out again.
/// sshd makes each shell the leader of a process group, and OpenSSH refuses SSH's own signal request for
/// root: so a kill needs the number.
inline constexpr char kAnnouncePid[] = "printf 'riven-pid-%d\\n' $$ >&2; ";

/// Kills process groups by the shell's own `kill`. Not by a program of that name: that of procps (4.0 and
/// before) takes a group that begins with 1 for -1, which is every process there is. Demands numbers above 1.
std::string kill_line(const std::vector<long>& groups);

/// The line that replaces the shell by the command's program, in its directory and with its environment. Sudo
/// is not looked at. Errors: no program, a NUL byte, a bad variable name, too long for one argument of a
/// shell (120 KiB).
Result<std::string> shell_line(const Command& command);

/// A line that becomes root before it runs `line`, and the words by which its standard error tells how far it
/// came.
struct SudoLine {
  std::string line;
  std::string prompt;  ///< stands on stderr when sudo wants the password (Sudo::password alone)
  std::string begun;   ///< stands on stderr when sudo let us in, directly before `line` runs
};

/// `nonce` makes the words unguessable for what runs (letters and digits). The password itself is not part of
/// the line: it is written to stdin after `prompt` was seen, so it reaches sudo and never the command.
SudoLine sudo_line(std::string_view line, Sudo sudo, std::string_view nonce);

}  // namespace riven
