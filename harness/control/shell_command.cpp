#include "harness/control/shell_command.h"

#include <algorithm>
#include <cctype>

namespace riven {
namespace {

// Linux allows 128 KiB for one argument; the line is one argument of the login shell, and within sudo it is
// quoted once more (a quote becomes four bytes, which shell_line's own quotes make rare).
constexpr size_t kMaxLineBytes = 120 * 1024;

bool is_plain(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '.' || c == '_' || c == '-' ||
         c == ',' || c == ':' || c == '+' || c == '@';
}

bool is_variable_name(std::string_view name) {
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name.front())) != 0) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0; });
}

bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

}  // namespace

std::string shell_quote(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted += '\'';
}

Result<std::string> shell_line(const Command& command) {
  if (command.argv.empty() || command.argv.front().empty())
    return Error{"a command without a program to run"};
  std::string line;
  for (const auto& [name, value] : command.environment) {
    if (!is_variable_name(name)) return Error{"'" + name + "' is no name for an environment variable"};
    if (has_nul(value)) return Error{"the environment variable " + name + " holds a NUL byte"};
    line += "export " + name + "=" + shell_quote(value) + "; ";
  }
  if (has_nul(command.directory)) return Error{"the directory's name holds a NUL byte"};
  if (!command.directory.empty()) {
    // "./" keeps a name that begins with '-' from being an option and one without a slash from CDPATH.
    const bool plain = command.directory.front() == '/';
    line += "cd " + shell_quote(plain ? command.directory : "./" + command.directory) + " && ";
  }
  // exec: a program of that name runs and never a shell builtin, and signals reach it directly.
  line += command.argv.front().front() == '-' ? "exec env --" : "exec";
  for (const std::string& word : command.argv) {
    if (has_nul(word)) return Error{"an argument of " + command.argv.front() + " holds a NUL byte"};
    line += ' ' + shell_quote(word);
  }
  if (line.size() > kMaxLineBytes) {
    return Error{"the arguments of " + command.argv.front() + " are " + std::to_string(line.size()) +
                 " bytes long; at most " + std::to_string(kMaxLineBytes) +
                 " go in one command: use stdin or upload"};
  }
  return line;
}

std::string kill_line(const std::vector<long>& groups) {
  std::string line = "/bin/sh -c 'kill -9";
  for (const long group : groups) {
    RIVEN_CHECK(group > 1, "a kill of every process");
    line += " -" + std::to_string(group);
  }
  return line + "'";
}

SudoLine sudo_line(std::string_view line, Sudo sudo, std::string_view nonce) {
  SudoLine result;
  result.begun = "riven-begun-" + std::string(nonce);
  // sudo may run its command in a process group of its own (use_pty), so that is announced as well.
  std::string inner = "printf '" + std::string(kPidWord) + "%d\\n" + result.begun + "' $$ >&2; ";
  inner += line;
  if (sudo == Sudo::password) {
    result.prompt = "riven-asks-" + std::string(nonce);
    result.line = "exec sudo -S -k -p " + result.prompt + " -- ";
  } else {
    result.line = "exec sudo -n -- ";
  }
  result.line += "/bin/sh -c " + shell_quote(inner);
  return result;
}

}  // namespace riven
