#include "harness/core/similar_names.h"

#include "tests/catch.h"

using namespace riven;

TEST_CASE("names that are nearly right are found") {
  const std::vector<std::string> names{
      "cas-register", "register", "serializable", "set",  "strict-serializable",
      "PL-3",         "kv",       "fifo-queue",   "mutex"};
  const auto similar = [&](const std::string& name) { return similar_names(name, names); };
  using Names = std::vector<std::string>;
  CHECK(similar("cas-regster") == Names{"cas-register"});
  CHECK(similar("CAS-Register") == Names{"cas-register"});
  CHECK(similar("mtuex") == Names{"mutex"});
  CHECK(similar("serializabel") == Names{"serializable"});
  CHECK(similar("serial") == Names{"serializable", "strict-serializable"});
  CHECK(similar("queue") == Names{"fifo-queue"});
  CHECK(similar("linearizability").empty());
  CHECK(similar("").empty());
  CHECK(similar("xy").empty());
  CHECK(similar(std::string(1000, 'a')).empty());
}
