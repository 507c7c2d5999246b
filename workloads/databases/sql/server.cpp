#include "workloads/databases/sql/server.h"

#include <algorithm>
#include <array>
#include <random>
#include <thread>

#include "harness/core/clock.h"

namespace riven::sql {

std::optional<std::string> isolation_level(const std::string& name) {
  for (const char* const known : {"READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}) {
    std::string spelled = known;
    std::transform(spelled.begin(), spelled.end(), spelled.begin(),
                   [](char c) { return c == ' ' ? '-' : static_cast<char>(c + ('a' - 'A')); });
    if (name == spelled) return known;
  }
  return std::nullopt;
}

std::string random_password() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
  std::random_device device;
  std::string password;
  constexpr int kLength = 26;
  for (int i = 0; i < kLength; ++i) password += kLetters[device() % kLetters.size()];
  return password;
}

Result<std::string> run_as_root(const Node& node, const std::string& script,
                                const std::vector<std::string>& arguments, const std::string& input) {
  Command command{.argv = {"sh", "-c", script, "sh"},
                  .stdin_data = input,
                  .deadline = Milliseconds(60'000),
                  .sudo = true};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const auto ran = node.session->run(command);
  if (!ran) return Error{ran.error().message};
  const auto trimmed = [](std::string text) {
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text;
  };
  if (!ran->succeeded())
    return Error{node.name + ": " +
                 (ran->err.empty() ? "exit status " + std::to_string(ran->exit_status) : trimmed(ran->err))};
  return trimmed(ran->out);
}

Status await_answer(Connection& connection, Milliseconds deadline, const std::string& who) {
  const int64_t end_ns = monotonic_now_ns() + deadline.count() * kNanosPerMilli;
  std::string why = "it did not answer";
  while (true) {
    const int64_t try_ns = std::min(end_ns, monotonic_now_ns() + 2 * kNanosPerSecond);
    if (const auto not_connected = connection.ensure_connected(try_ns)) {
      why = *not_connected;
    } else if (const auto answer = connection.execute("SELECT 1", try_ns);
               answer.kind == StatementResult::Kind::ok) {
      return ok_status();
    } else {
      why = answer.message;
    }
    if (monotonic_now_ns() >= end_ns)
      return Error{who + " does not serve after " + std::to_string(deadline.count() / 1000) + " s: " + why};
    std::this_thread::sleep_for(Milliseconds(50));
  }
}

Status create_table(Connection& connection, Milliseconds deadline, const std::string& who) {
  if (const Status answers = await_answer(connection, deadline, who); !answers) return answers;
  const auto created =
      connection.execute(kCreateTable, monotonic_now_ns() + deadline.count() * kNanosPerMilli);
  if (created.kind == StatementResult::Kind::ok) return ok_status();
  return Error{who + ": cannot create the table: " + created.code + " " + created.message};
}

std::string ask(Connection& connection, const std::string& query) {
  const int64_t deadline_ns = monotonic_now_ns() + 5 * kNanosPerSecond;
  if (connection.ensure_connected(deadline_ns)) return "?";
  const auto answer = connection.execute(query, deadline_ns);
  const bool has_cell =
      answer.kind == StatementResult::Kind::ok && !answer.rows.empty() && !answer.rows.front().empty();
  return has_cell ? answer.rows.front().front().value_or("?") : "?";
}

}  // namespace riven::sql
