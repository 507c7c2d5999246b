#include "harness/core/clock.h"
#include "tests/catch.h"
#include "workloads/databases/etcd/gateway.h"

using namespace riven;
using namespace riven::etcd;

TEST_CASE("base64 is the standard's, both ways") {
  // RFC 4648, section 10.
  const std::pair<const char*, const char*> known[] = {{"", ""},
                                                       {"f", "Zg=="},
                                                       {"fo", "Zm8="},
                                                       {"foo", "Zm9v"},
                                                       {"foob", "Zm9vYg=="},
                                                       {"fooba", "Zm9vYmE="},
                                                       {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : known) {
    CHECK(to_base64(plain) == coded);
    CHECK(from_base64(coded) == plain);
  }
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  CHECK(from_base64(to_base64(bytes)) == bytes);
}

TEST_CASE("every gRPC status has a case, and what may have happened is unknown") {
  for (const int certain : {3, 5, 6, 7, 9, 11, 12, 16})
    CHECK(sort_grpc_code(certain, "") == Outcome::Case::rejected);
  CHECK(sort_grpc_code(8, "etcdserver: too many requests") == Outcome::Case::rejected);
  CHECK(sort_grpc_code(8, "etcdserver: mvcc: database space exceeded") == Outcome::Case::unknown);
  for (const int uncertain : {1, 2, 4, 10, 13, 14, 15, 99})
    CHECK(sort_grpc_code(uncertain, "") == Outcome::Case::unknown);
}

TEST_CASE("a failed read certainly changed nothing; a failed write may have") {
  const Reply lost{Outcome::Case::unknown, {}, "no answer"};
  CHECK(lost.as_write_failure().type() == OpType::info);
  CHECK(lost.as_read_failure().type() == OpType::fail);
  const Reply refused{Outcome::Case::not_sent, {}, "connection refused"};
  CHECK(refused.as_write_failure().type() == OpType::fail);
  CHECK(refused.as_write_failure().outcome_case() == Outcome::Case::not_sent);
}

TEST_CASE("a node that is not there is not_sent") {
  Gateway gateway("127.0.0.1", 1, "/v3");
  const Reply reply = gateway.post("/kv/range", Json::object(), monotonic_now_ns() + kNanosPerSecond);
  CHECK(reply.result == Outcome::Case::not_sent);
}
