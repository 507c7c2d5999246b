#include "workloads/databases/mariadb_client/connection.h"

#include <errmsg.h>
#include <mysql.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <mutex>

#include "harness/core/clock.h"
#include "workloads/databases/sql/cancel_socket.h"

namespace riven::mariadb {

namespace {

using sql::StatementResult;

class ConnectorConnection final : public sql::Connection {
 public:
  explicit ConnectorConnection(ConnectionOptions options) : options_(std::move(options)) {
    static std::once_flag once;
    std::call_once(once, [] { mysql_library_init(0, nullptr, nullptr); });
  }
  ~ConnectorConnection() override { close(); }

  std::optional<std::string> ensure_connected(int64_t deadline_ns) override {
    if (open_) return std::nullopt;
    close();
    mysql_init(&mysql_);
    initialised_ = true;
    mysql_options(&mysql_, MYSQL_OPT_NONBLOCK, nullptr);
    MYSQL* connected = nullptr;
    int waiting = mysql_real_connect_start(&connected, &mysql_, options_.address.c_str(),
                                           options_.user.c_str(), options_.password.c_str(),
                                           options_.database.c_str(), options_.port, nullptr, 0);
    while (waiting != 0) {
      const int happened = wait(waiting, deadline_ns);
      if (happened == 0) {
        close();
        return "time-out while connecting";
      }
      waiting = mysql_real_connect_cont(&connected, &mysql_, happened);
    }
    if (connected == nullptr) {
      const std::string why = mysql_errno(&mysql_) == CR_CONN_HOST_ERROR
                                  ? "connection refused or unreachable"
                                  : "cannot connect: " + std::to_string(mysql_errno(&mysql_));
      close();
      return why;
    }
    open_ = true;
    socket_.watch(mysql_get_socket(&mysql_));
    for (const std::string& setting : options_.session_settings) {
      const StatementResult set = execute(setting, deadline_ns);
      if (set.kind == StatementResult::Kind::ok) continue;
      close();
      return "cannot set the session: " + set.code + " " + set.message;
    }
    return std::nullopt;
  }

  StatementResult execute(const std::string& statement, int64_t deadline_ns) override {
    if (!open_) return lost("not connected");
    int failed = 0;
    int waiting = mysql_real_query_start(&failed, &mysql_, statement.data(), statement.size());
    while (waiting != 0) {
      const int happened = wait(waiting, deadline_ns);
      if (happened == 0) return lost("deadline");
      waiting = mysql_real_query_cont(&failed, &mysql_, happened);
    }
    if (failed != 0) return refused_or_lost();
    MYSQL_RES* rows = nullptr;
    waiting = mysql_store_result_start(&rows, &mysql_);
    while (waiting != 0) {
      const int happened = wait(waiting, deadline_ns);
      if (happened == 0) return lost("deadline");
      waiting = mysql_store_result_cont(&rows, &mysql_, happened);
    }
    if (rows == nullptr && mysql_field_count(&mysql_) > 0) return refused_or_lost();
    StatementResult result;
    result.kind = StatementResult::Kind::ok;
    if (rows != nullptr) {
      take_rows(rows, result);
      mysql_free_result(rows);
    }
    return result;
  }

  void close() noexcept override {
    socket_.forget();
    open_ = false;
    if (!initialised_) return;
    // Shut down first: closing must not wait for a server that does not answer.
    if (const auto fd = mysql_get_socket(&mysql_); fd != MARIADB_INVALID_SOCKET) ::shutdown(fd, SHUT_RDWR);
    mysql_close(&mysql_);
    initialised_ = false;
  }

  void cancel() noexcept override { socket_.cancel(); }

 private:
  static void take_rows(MYSQL_RES* rows, StatementResult& result) {
    const unsigned columns = mysql_num_fields(rows);
    while (MYSQL_ROW row = mysql_fetch_row(rows)) {
      auto& cells = result.rows.emplace_back();
      for (unsigned column = 0; column < columns; ++column) {
        cells.push_back(row[column] == nullptr ? std::nullopt : std::optional<std::string>(row[column]));
      }
    }
  }

  StatementResult lost(const std::string& why) {
    close();
    StatementResult result;
    result.message = why;
    return result;
  }

  StatementResult refused_or_lost() {
    const unsigned code = mysql_errno(&mysql_);
    constexpr unsigned kFirstClientError = 2000;
    constexpr unsigned kLastClientError = 2999;
    if (code >= kFirstClientError && code <= kLastClientError)
      return lost("connection lost (" + std::to_string(code) + ")");
    StatementResult result;
    result.kind = StatementResult::Kind::refused;
    result.code = std::to_string(code);
    // The words behind the first ';' or ':' are about this case alone.
    const std::string_view message(mysql_error(&mysql_));
    result.message = std::string(message.substr(0, message.find_first_of(";'")));
    return result;
  }

  /// Which of the wanted events happened; 0 at the deadline.
  int wait(int wanted, int64_t deadline_ns) {
    const int64_t left_ms = (deadline_ns - monotonic_now_ns() + kNanosPerMilli - 1) / kNanosPerMilli;
    if (left_ms <= 0) return 0;
    short events = 0;
    if ((wanted & MYSQL_WAIT_READ) != 0) events = static_cast<short>(events | POLLIN);
    if ((wanted & MYSQL_WAIT_WRITE) != 0) events = static_cast<short>(events | POLLOUT);
    if ((wanted & MYSQL_WAIT_EXCEPT) != 0) events = static_cast<short>(events | POLLPRI);
    pollfd polled{.fd = mysql_get_socket(&mysql_), .events = events, .revents = 0};
    if (::poll(&polled, 1, static_cast<int>(left_ms)) <= 0) return 0;
    int happened = 0;
    if ((polled.revents & (POLLIN | POLLHUP | POLLERR)) != 0) happened |= wanted & MYSQL_WAIT_READ;
    if ((polled.revents & (POLLOUT | POLLERR | POLLHUP)) != 0) happened |= wanted & MYSQL_WAIT_WRITE;
    if ((polled.revents & POLLPRI) != 0) happened |= MYSQL_WAIT_EXCEPT;
    return happened != 0 ? happened : wanted;
  }

  ConnectionOptions options_;
  MYSQL mysql_{};
  bool initialised_ = false;
  bool open_ = false;
  sql::CancelSocket socket_;
};

}  // namespace

std::unique_ptr<sql::Connection> make_connection(const ConnectionOptions& options) {
  return std::make_unique<ConnectorConnection>(options);
}

bool commit_refusal_is_certain(const std::string& code) {
  constexpr std::array<std::string_view, 5> kCertain = {"1213", "1205", "1020", "1047", "1062"};
  return std::find(kCertain.begin(), kCertain.end(), code) != kCertain.end();
}

}  // namespace riven::mariadb
