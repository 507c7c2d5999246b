// What the set-ups of SQL servers share.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/control/node.h"
#include "workloads/databases/sql/connection.h"

namespace riven::sql {

inline constexpr const char* kIsolationNames = "read-uncommitted|read-committed|repeatable-read|serializable";

/// SQL's words for one of kIsolationNames.
std::optional<std::string> isolation_level(const std::string& name);

/// 128 bits from the system's source of randomness, in letters and digits.
std::string random_password();

/// Runs a shell script as root on the node, with `input` on stdin; its output without the last newline.
/// Errors name the node.
Result<std::string> run_as_root(const Node& node, const std::string& script,
                                const std::vector<std::string>& arguments, const std::string& input);

/// Waits until the server answers; `who` is for messages.
Status await_answer(Connection& connection, Milliseconds deadline, const std::string& who);

/// Waits until the server answers, then makes the table.
Status create_table(Connection& connection, Milliseconds deadline, const std::string& who);

/// The first cell of a query's answer, or "?".
std::string ask(Connection& connection, const std::string& query);

}  // namespace riven::sql
