#include "harness/core/clock.h"
#include "tests/catch.h"
#include "workloads/databases/redis_client/client.h"

using namespace riven;
using namespace riven::redis;

namespace {

Op op_of(const char* f, Value value) {
  Op op;
  op.f = Symbol(f);
  op.value = std::move(value);
  return op;
}

}  // namespace

TEST_CASE("what Redis refuses certainly did not happen, and what nobody thought about is unknown") {
  for (const char* const later : {"LOADING Redis is loading the dataset in memory", "OOM command not allowed",
                                  "MISCONF Errors writing to the AOF file", "BUSY Redis is busy"})
    CHECK(sort_error(later).outcome_case() == Outcome::Case::rejected);
  CHECK(sort_error("ERR unknown command").outcome_case() == Outcome::Case::rejected);
  CHECK(sort_error("WRONGTYPE Operation against a key").outcome_case() == Outcome::Case::rejected);
  for (const char* const strange : {"", "ERRATIC", "UNBLOCKED client", "EXECABORT transaction"})
    CHECK(sort_error(strange).outcome_case() == Outcome::Case::unknown);
}

TEST_CASE("a Redis that is not there is not_sent, and a function that it does not have too") {
  const auto client = make_client({.address = "127.0.0.1", .port = 1});
  const int64_t soon_ns = monotonic_now_ns() + kNanosPerSecond;
  const Value pair = Value::List{1, 2};
  CHECK(client->invoke(op_of("write", pair), soon_ns).outcome_case() == Outcome::Case::not_sent);
  CHECK(client->invoke(op_of("txn", pair), soon_ns).outcome_case() == Outcome::Case::not_sent);
  CHECK(ping({.address = "127.0.0.1", .port = 1}, soon_ns));
}
