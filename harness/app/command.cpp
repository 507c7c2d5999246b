#include "harness/app/command.h"

#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "harness/core/text.h"
#include "harness/run/store.h"

namespace riven {

namespace {

/// Safe on a terminal: control characters as \xNN. What is no well-formed UTF-8 becomes U+FFFD.
std::string printable(const std::string& text) {
  std::string out;
  for (const char c : valid_utf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= 0x20 || c == '\n') && byte != 0x7f) {
      out += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
    out += escaped;
  }
  return out;
}

}  // namespace

void complain(const std::string& message) { std::fprintf(stderr, "riven: %s\n", printable(message).c_str()); }

ExitCode usage_error(const std::string& message) {
  complain(message);
  return ExitCode::usage;
}

Result<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& pairs,
                                                       const std::string& option) {
  std::map<std::string, std::string> parsed;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error{option + " takes KEY=VALUE, not '" + pair + "'"};
    parsed[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return parsed;
}

Status write_output(const std::string& path, const std::string& content) {
  if (path != "-") return store_file(path, content);
  const bool ok =
      std::fwrite(content.data(), 1, content.size(), stdout) == content.size() && std::fflush(stdout) == 0;
  return ok ? ok_status()
            : Status(Error{std::string("cannot write to standard output: ") + std::strerror(errno)});
}

std::string shell_word(const std::string& word) {
  constexpr const char* kPlain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-=./:,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string quoted = "'";
  for (const char c : word) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string riven_version() { return RIVEN_VERSION; }

std::map<std::string, std::string> riven_versions() {
  std::map<std::string, std::string> versions{{"riven", riven_version()}, {"compiler", __VERSION__}};
#ifdef __clang__
  versions["compiler"] = "clang " __clang_version__;
#else
  versions["compiler"] = "g++ " __VERSION__;
#endif
  utsname system{};
  if (::uname(&system) == 0)
    versions["controller"] = std::string(system.sysname) + " " + system.release + " " + system.machine;
  return versions;
}

bool wants_color() { return ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr; }

int terminal_width(int fd) {
  winsize size{};
  constexpr int kDefault = 100;
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : kDefault;
}

bool wants_utf8() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const locale = std::getenv(name);
    if (locale == nullptr || *locale == '\0') continue;
    const std::string_view text(locale);
    return text.find("UTF-8") != std::string_view::npos || text.find("utf8") != std::string_view::npos;
  }
  return false;
}

}  // namespace riven
