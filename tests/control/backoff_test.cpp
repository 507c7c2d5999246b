#include "harness/control/backoff.h"

#include <algorithm>

#include "tests/catch.h"

using namespace riven;
using std::chrono::milliseconds;

TEST_CASE("pauses double up to the cap and are never synchronous") {
  bool differ = false;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Backoff backoff(milliseconds(100), milliseconds(1'000), seed);
    Backoff other(milliseconds(100), milliseconds(1'000), seed + 1'000);
    for (const int whole : {100, 200, 400, 800, 1'000, 1'000, 1'000}) {
      const auto pause = backoff.next().count();
      CHECK(pause >= whole / 2);
      CHECK(pause <= whole);
      differ = differ || pause != other.next().count();
    }
  }
  CHECK(differ);
}

TEST_CASE("a cap below the base wins") {
  Backoff backoff(milliseconds(100), milliseconds(10), 1);
  CHECK(backoff.next() <= milliseconds(10));
}

TEST_CASE("the bucket gives its tokens, then one each refill, never more than it holds") {
  const TokenBucket::TimePoint start{};
  TokenBucket bucket(3, milliseconds(1'000), start);
  CHECK(bucket.take(start));
  CHECK(bucket.take(start));
  CHECK(bucket.take(start));
  CHECK_FALSE(bucket.take(start));
  CHECK_FALSE(bucket.take(start + milliseconds(999)));
  CHECK(bucket.take(start + milliseconds(1'000)));
  CHECK_FALSE(bucket.take(start + milliseconds(1'500)));
  // The half second from before still counts.
  CHECK(bucket.take(start + milliseconds(2'000)));
  int taken = 0;
  while (bucket.take(start + milliseconds(100'000))) ++taken;
  CHECK(taken == 3);
}
