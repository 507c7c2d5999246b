#include "workloads/databases/sql/txn_client.h"

#include <map>

#include "harness/core/clock.h"
#include "tests/catch.h"
#include "workloads/databases/sql/cancel_socket.h"

using namespace riven;
using namespace riven::sql;

namespace {

/// Answers every read with one cell.
class OneCell final : public Connection {
 public:
  explicit OneCell(std::optional<std::string> cell) : cell_(std::move(cell)) {}
  std::optional<std::string> ensure_connected(int64_t /*deadline_ns*/) override { return std::nullopt; }
  StatementResult execute(const std::string& statement, int64_t /*deadline_ns*/) override {
    StatementResult result;
    result.kind = StatementResult::Kind::ok;
    if (statement.starts_with("SELECT")) result.rows = {{cell_}};
    return result;
  }
  void close() noexcept override {}
  void cancel() noexcept override {}

 private:
  std::optional<std::string> cell_;
};

Outcome read_of(const std::optional<std::string>& cell) {
  const auto client = make_txn_client(std::make_unique<OneCell>(cell), Dialect{});
  Op op;
  op.f = Symbol("txn");
  op.value = Value::List{Value(Value::List{Value::keyword("r"), Value(7), Value()})};
  return client->invoke(op, monotonic_now_ns() + kNanosPerSecond);
}

Value value_of(const std::optional<std::string>& cell) {
  const Outcome outcome = read_of(cell);
  REQUIRE(outcome.outcome_case() == Outcome::Case::ok);
  return outcome.value().list().at(0).list().at(2);
}

}  // namespace

TEST_CASE("SQL: what a row holds is what was read") {
  CHECK(value_of("5") == Value(5));
  CHECK(value_of("1,2,3,") == Value(Value::List{Value(1), Value(2), Value(3)}));
}

TEST_CASE("SQL: rubbish in a row is an answer, which no write explains") {
  CHECK(value_of("5\x01") == Value("5\x01"));
  CHECK(value_of("1,x,3,") == Value(Value::List{Value(1), Value("x"), Value(3)}));
  CHECK(value_of("1,2") == Value(Value::List{Value(1), Value("2")}));
  CHECK(value_of(std::nullopt) == Value("NULL"));
}

TEST_CASE("SQL: cancelling hits the connection it was meant for, though its number is another's by now") {
  int mine[2];
  int other[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, mine) == 0);
  CancelSocket socket;
  socket.watch(mine[0]);
  ::close(mine[0]);  // as a library does when the server hangs up
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0);
  CHECK((other[0] == mine[0] || other[1] == mine[0]));
  socket.cancel();
  char byte = 0;
  CHECK(::recv(mine[1], &byte, 1, MSG_DONTWAIT) == 0);
  CHECK(::send(other[0], "x", 1, MSG_NOSIGNAL) == 1);
  CHECK(::recv(other[1], &byte, 1, MSG_DONTWAIT) == 1);
  socket.forget();
  for (const int fd : {mine[1], other[0], other[1]}) ::close(fd);
}
