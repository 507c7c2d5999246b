#include "workloads/databases/postgresql_client/connection.h"

#include <libpq-fe.h>
#include <poll.h>

#include "harness/core/clock.h"
#include "workloads/databases/sql/cancel_socket.h"

namespace riven::postgresql {

namespace {

using sql::StatementResult;

struct FreeResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using ResultPtr = std::unique_ptr<PGresult, FreeResult>;

std::string first_line(const char* text) {
  const std::string_view all(text == nullptr ? "" : text);
  return std::string(all.substr(0, all.find('\n')));
}

class LibpqConnection final : public sql::Connection {
 public:
  explicit LibpqConnection(ConnectionOptions options) : options_(std::move(options)) {}
  ~LibpqConnection() override { close(); }

  std::optional<std::string> ensure_connected(int64_t deadline_ns) override {
    if (connection_ != nullptr && PQstatus(connection_) == CONNECTION_OK) return std::nullopt;
    close();
    const std::string port = std::to_string(options_.port);
    const char* const keys[] = {"hostaddr",         "port", "user", "password", "dbname",
                                "application_name", nullptr};
    const char* const values[] = {options_.address.c_str(),
                                  port.c_str(),
                                  options_.user.c_str(),
                                  options_.password.c_str(),
                                  options_.database.c_str(),
                                  "riven",
                                  nullptr};
    connection_ = PQconnectStartParams(keys, values, 0);
    if (connection_ == nullptr || PQstatus(connection_) == CONNECTION_BAD) return failed_to_connect();
    PQsetNoticeProcessor(connection_, on_notice, this);
    for (auto state = PGRES_POLLING_WRITING; state != PGRES_POLLING_OK; state = PQconnectPoll(connection_)) {
      if (state == PGRES_POLLING_FAILED) return failed_to_connect();
      if (!wait(state == PGRES_POLLING_WRITING ? POLLOUT : POLLIN, deadline_ns)) {
        close();
        return "time-out while connecting";
      }
    }
    socket_.watch(PQsocket(connection_));
    return PQsetnonblocking(connection_, 1) == 0 ? std::nullopt : std::optional(failed_to_connect());
  }

  StatementResult execute(const std::string& statement, int64_t deadline_ns) override {
    StatementResult result;
    doubtful_ = false;
    if (connection_ == nullptr || PQsendQuery(connection_, statement.c_str()) != 1)
      return lost("cannot send");
    for (int unsent = PQflush(connection_); unsent != 0; unsent = PQflush(connection_)) {
      if (unsent < 0) return lost("connection lost while sending");
      if (!wait(POLLOUT | POLLIN, deadline_ns)) return lost("deadline");
      if (PQconsumeInput(connection_) == 0) return lost("connection lost");
    }
    bool first = true;
    while (true) {
      while (PQisBusy(connection_) == 1) {
        if (!wait(POLLIN, deadline_ns)) return lost("deadline");
        if (PQconsumeInput(connection_) == 0) return lost("connection lost");
      }
      const ResultPtr got(PQgetResult(connection_));
      if (!got) break;
      if (first) result = take(got.get());
      first = false;
    }
    if (PQstatus(connection_) != CONNECTION_OK)
      return lost(result.message.empty() ? "connection lost" : result.message);
    result.doubtful = doubtful_;
    if (doubtful_) result.message = doubt_;
    return result;
  }

  void close() noexcept override {
    socket_.forget();
    if (connection_ != nullptr) PQfinish(connection_);
    connection_ = nullptr;
  }

  void cancel() noexcept override { socket_.cancel(); }

 private:
  static void on_notice(void* self, const char* message) {
    auto& connection = *static_cast<LibpqConnection*>(self);
    const std::string_view text(message);
    // The standby did not confirm: the commit is local alone, though it is reported as done.
    if (text.find("synchronous replication") == std::string_view::npos) return;
    connection.doubtful_ = true;
    connection.doubt_ = first_line(message);
  }

  std::string failed_to_connect() {
    const std::string text = connection_ == nullptr ? "out of memory" : PQerrorMessage(connection_);
    close();
    if (text.find("refused") != std::string::npos) return "connection refused";
    if (text.find("starting up") != std::string::npos) return "57P03 the database system is starting up";
    if (text.find("too many clients") != std::string::npos) return "53300 too many clients";
    return "cannot connect";
  }

  StatementResult lost(const std::string& why) {
    close();
    StatementResult result;
    result.message = why;
    return result;
  }

  static StatementResult take(const PGresult* got) {
    StatementResult result;
    const ExecStatusType status = PQresultStatus(got);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
      const char* const code = PQresultErrorField(got, PG_DIAG_SQLSTATE);
      const char* const message = PQresultErrorField(got, PG_DIAG_MESSAGE_PRIMARY);
      if (code == nullptr) {
        result.message = "connection lost";
        return result;
      }
      result.kind = StatementResult::Kind::refused;
      result.code = code;
      result.message = first_line(message);
      return result;
    }
    result.kind = StatementResult::Kind::ok;
    result.tag = PQcmdStatus(const_cast<PGresult*>(got));
    for (int row = 0; row < PQntuples(got); ++row) {
      auto& cells = result.rows.emplace_back();
      for (int column = 0; column < PQnfields(got); ++column) {
        cells.push_back(PQgetisnull(got, row, column) == 1
                            ? std::nullopt
                            : std::optional<std::string>(PQgetvalue(got, row, column)));
      }
    }
    return result;
  }

  bool wait(short events, int64_t deadline_ns) const {
    const int64_t left_ms = (deadline_ns - monotonic_now_ns() + kNanosPerMilli - 1) / kNanosPerMilli;
    if (left_ms <= 0) return false;
    pollfd wanted{.fd = PQsocket(connection_), .events = events, .revents = 0};
    return ::poll(&wanted, 1, static_cast<int>(left_ms)) > 0;
  }

  ConnectionOptions options_;
  PGconn* connection_ = nullptr;
  sql::CancelSocket socket_;
  bool doubtful_ = false;
  std::string doubt_;
};

}  // namespace

std::unique_ptr<sql::Connection> make_connection(const ConnectionOptions& options) {
  return std::make_unique<LibpqConnection>(options);
}

bool commit_refusal_is_certain(const std::string& sqlstate) {
  return sqlstate.starts_with("40")
             ? sqlstate != "40003"
             : sqlstate.starts_with("23") || sqlstate.starts_with("25") || sqlstate == "53300";
}

}  // namespace riven::postgresql
