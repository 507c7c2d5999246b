// The commands of the command line, one file each (command_NAME.cpp).
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "harness/api/registry.h"
#include "harness/app/exit_code.h"

namespace CLI {
class App;
}

namespace riven {

/// What every command is given. Commands declare their options on `app` and return what carries them out.
using CommandAction = std::function<ExitCode()>;

CommandAction declare_run(CLI::App& app, const Registry& registry);
CommandAction declare_check(CLI::App& app, const Registry& registry);
CommandAction declare_cluster(CLI::App& app, const Registry& registry);
CommandAction declare_fault(CLI::App& app, const Registry& registry);
CommandAction declare_heal(CLI::App& app, const Registry& registry);
CommandAction declare_doctor(CLI::App& app, const Registry& registry);
CommandAction declare_list(CLI::App& app, const Registry& registry);
CommandAction declare_export(CLI::App& app, const Registry& registry);
CommandAction declare_version(CLI::App& app, const Registry& registry);

/// What --order says of a history.
inline constexpr const char* kOrderHelp =
    "what says which event came first: file (the order of its lines) or time (for logs merged from several "
    "clients: the times; events of one time are concurrent)";

/// What --ignore-field says of a history.
inline constexpr const char* kIgnoreFieldHelp =
    "a field of the operations that changes nothing, such as shard (repeatable): Riven refuses fields that "
    "may "
    "change what an operation means";

/// "riven: " and one line on stderr.
void complain(const std::string& message);
/// complain, then ExitCode::usage.
ExitCode usage_error(const std::string& message);
/// {"key=value", ...} as a map; the error names what has no '='.
Result<std::map<std::string, std::string>> parse_pairs(const std::vector<std::string>& pairs,
                                                       const std::string& option);
/// Writes `content` to `path` ("-": standard output); see store_file.
Status write_output(const std::string& path, const std::string& content);
/// Quoted for a POSIX shell where needed: for lines a person may paste.
std::string shell_word(const std::string& word);
/// Riven's own version, and what it was built with.
std::string riven_version();
std::map<std::string, std::string> riven_versions();
/// Whether stdout takes colours (a terminal, NO_COLOR unset).
bool wants_color();
/// In columns; 100 where `fd` is no terminal.
int terminal_width(int fd);
bool wants_utf8();

}  // namespace riven
