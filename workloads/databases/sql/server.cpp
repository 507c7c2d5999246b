#include "workloads/databases/sql/server.h"

#include <algorithm>
#include <optional>
#include <random>
#include <thread>

#include "harness/core/clock.h"
#include "workloads/databases/sql/txn_client.h"

namespace riven::sql {

namespace {

/// SQL's words for one of kIsolationNames.
std::optional<std::string> isolation_level(const std::string& name) {
  for (const char* const known : {"READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"}) {
    std::string spelled = known;
    std::transform(spelled.begin(), spelled.end(), spelled.begin(),
                   [](char c) { return c == ' ' ? '-' : static_cast<char>(c + ('a' - 'A')); });
    if (name == spelled) return known;
  }
  return std::nullopt;
}

/// 128 bits from the system's source of randomness, in letters and digits.
std::string random_password() {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz234567";
  std::random_device device;
  std::string password;
  constexpr int kLength = 26;
  for (int i = 0; i < kLength; ++i) password += kLetters[device() % kLetters.size()];
  return password;
}

/// Runs a shell script as root on the node, with `input` on stdin; its output without the last newline.
/// Errors name the node.
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

/// Waits until the server answers; `who` is for messages.
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

/// Waits until the server answers, then makes the table.
Status create_table(Connection& connection, Milliseconds deadline, const std::string& who) {
  if (const Status answers = await_answer(connection, deadline, who); !answers) return answers;
  const auto created =
      connection.execute(kCreateTable, monotonic_now_ns() + deadline.count() * kNanosPerMilli);
  if (created.kind == StatementResult::Kind::ok) return ok_status();
  return Error{who + ": cannot create the table: " + created.code + " " + created.message};
}

}  // namespace

Server::Server(ServerTraits traits) : traits_(std::move(traits)), password_(random_password()) {}

DatabaseFacts Server::facts() const {
  return {.functions = {"txn"},
          .processes = {traits_.process.name},
          .data_directory = traits_.disk_faults ? traits_.data_directory : ""};
}

Status Server::setup(const Node& node, const std::vector<Node>& nodes) {
  if (nodes.size() != 1) return Error{traits_.name + " is tested on one node here: say --nodes 1"};
  if (const Status stopped = traits_.process.stop(node); !stopped) return stopped;
  auto program = run_as_root(node, traits_.initialise, {node.address, traits_.data_directory}, password_);
  if (!program) return program.error();
  program_ = *program;
  const auto noted =
      run_as_root(node, "umask 077; cat >\"$1\"", {set_up_file()}, program_ + "\n" + password_);
  if (!noted) return noted.error();
  if (const Status started = start(node, nodes); !started) return started;
  constexpr Milliseconds kDeadline{30'000};
  return create_table(*connection_to(node), kDeadline,
                      traits_.name + " on " + node.name + " (its log is " + traits_.process.log_file + ")");
}

Status Server::teardown(const Node& node, const std::vector<Node>& /*nodes*/) {
  if (const Status stopped = traits_.process.stop(node); !stopped) return stopped;
  // A directory with a disk layer over it can be emptied, not removed.
  const std::string remove = "rm -rf \"$1\" " + traits_.process.log_file + " " + traits_.files +
                             " \"$2\" 2>/dev/null || [ -z \"$(ls -A \"$1\")\" ]";
  const auto removed = run_as_root(node, remove, {traits_.data_directory, set_up_file()}, "");
  return removed ? ok_status() : Status(removed.error());
}

Status Server::attach(const std::vector<Node>& nodes) {
  const auto noted = run_as_root(nodes.front(), "cat \"$1\"", {set_up_file()}, "");
  if (!noted) return Error{"no " + traits_.name + " was set up there by Riven: " + noted.error().message};
  const size_t end = noted->find('\n');
  if (end == std::string::npos) return Error{nodes.front().name + ": " + set_up_file() + " is damaged"};
  program_ = noted->substr(0, end);
  password_ = noted->substr(end + 1);
  return ok_status();
}

Status Server::start(const Node& node, const std::vector<Node>& /*nodes*/) {
  if (program_.empty()) return Error{traits_.name + " was not set up on " + node.name};
  return traits_.process.start(node, command(program_));
}

Status Server::kill(const Node& node) { return traits_.process.signal(node, "KILL"); }

Status Server::await_ready(const std::vector<Node>& nodes, Milliseconds deadline) {
  return await_answer(*connection_to(nodes.front()), deadline, traits_.name + " on " + nodes.front().name);
}

std::unique_ptr<Client> Server::connect(const Node& node) {
  return make_txn_client(connection_to(node), dialect());
}

std::vector<std::string> Server::log_files(const Node& /*node*/) const { return {traits_.process.log_file}; }

std::string Server::version(const Node& node) {
  const auto connection = connection_to(node);
  const int64_t deadline_ns = monotonic_now_ns() + 5 * kNanosPerSecond;
  if (connection->ensure_connected(deadline_ns)) return "?";
  const auto answer = connection->execute("SELECT version()", deadline_ns);
  const bool has_cell =
      answer.kind == StatementResult::Kind::ok && !answer.rows.empty() && !answer.rows.front().empty();
  return has_cell ? answer.rows.front().front().value_or("?") : "?";
}

Result<ServerOptions> read_options(const DatabaseOptions& given, const std::string& name,
                                   const std::string& setting, bool usual) {
  ServerOptions options{.setting = usual};
  for (const auto& [key, value] : given) {
    const auto level = isolation_level(value);
    if (key == "isolation" && level) {
      options.isolation = *level;
    } else if (key == setting && (value == "on" || value == "off")) {
      options.setting = value == "on";
    } else {
      return Error{name + " has no option " + key + "=" + value + "; it has isolation=" + kIsolationNames +
                   " and " + setting + "=on|off"};
    }
  }
  return options;
}

std::vector<std::string> option_names(const std::string& setting) {
  return {std::string("isolation=") + kIsolationNames, setting + "=on|off"};
}

}  // namespace riven::sql
