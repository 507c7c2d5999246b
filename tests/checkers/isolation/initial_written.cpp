// Histories of Plume's kind in which the initial value 0 is written, too, against brute force.
#include "checkers/isolation/initial_written.h"

#include <algorithm>
#include <map>
#include <numeric>

#include "harness/api/registry.h"
#include "harness/core/rng.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/sanitized.h"

namespace riven::checkers {
void add_isolation(Registry&);

namespace {

struct SmallMop {
  bool write = false;
  int key = 0;
  int value = 0;
};
struct SmallTxn {
  int session = 0;
  std::vector<SmallMop> mops;
};
using Small = std::vector<SmallTxn>;

std::string plume_text(const Small& txns) {
  std::string out;
  for (size_t t = 0; t < txns.size(); ++t)
    for (const SmallMop& mop : txns[t].mops)
      out += std::string(mop.write ? "w(" : "r(") + std::to_string(mop.key) + "," +
             std::to_string(mop.value) + "," + std::to_string(txns[t].session) + "," + std::to_string(t) +
             ")\n";
  return out;
}

/// Whether some order of the transactions that keeps each session's explains every read, 0 being the value of
/// a key before anybody writes it.
bool is_serializable(const Small& txns) {
  std::vector<size_t> order(txns.size());
  std::iota(order.begin(), order.end(), size_t{0});
  do {
    std::map<int, size_t> last;
    std::map<int, int> state;
    bool good = true;
    for (size_t k = 0; k < order.size() && good; ++k) {
      const SmallTxn& txn = txns[order[k]];
      if (const auto before = last.find(txn.session); before != last.end()) good = before->second < order[k];
      last[txn.session] = order[k];
      for (const SmallMop& mop : txn.mops) {
        if (mop.write)
          state[mop.key] = mop.value;
        else
          good = good && state[mop.key] == mop.value;
      }
    }
    if (good) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

Small random_history(Rng& rng) {
  Small txns(2 + rng.below(4));
  int fresh = 0;
  std::vector<std::vector<int>> written(2, {0, 0});  // values of each key that a read may show
  for (SmallTxn& txn : txns) {
    txn.session = static_cast<int>(rng.below(3));
    for (uint64_t n = 1 + rng.below(3); n > 0; --n) {
      SmallMop mop{rng.chance(0.5), static_cast<int>(rng.below(2)), 0};
      auto& values = written[static_cast<size_t>(mop.key)];
      if (mop.write && rng.chance(0.5)) {
        values.push_back(mop.value = ++fresh);
      } else if (!mop.write) {
        mop.value = values[rng.below(values.size())];
      }
      txn.mops.push_back(mop);
    }
  }
  return txns;
}

CheckerPtr in_session_order() {
  Registry registry;
  add_isolation(registry);
  auto checker = registry.make_checker("strong-session-serializable", {{"real-time", "no"}});
  REQUIRE(checker);
  return initial_written_checker(*checker, 0);
}

CheckResult judge(const CheckerPtr& checker, const std::string& text) {
  const auto read = read_history_bytes(text, "h", {.format = Format::plume});
  REQUIRE(read);
  Budget budget;
  budget.threads = 1;
  return checker->check(read->history, budget);
}

TEST_CASE("reads of a written initial value agree with brute force") {
  const CheckerPtr checker = in_session_order();
  Rng rng(11);
  size_t valid = 0;
  size_t invalid = 0;
  size_t unknown = 0;
  for (int round = 0; round < (kSanitized ? 1500 : 20000); ++round) {
    const Small small = random_history(rng);
    const std::string text = plume_text(small);
    const bool expected = is_serializable(small);
    const CheckResult result = judge(checker, text);
    CAPTURE(text, result.reason, expected);
    if (result.verdict == Verdict::unknown) {
      ++unknown;
      continue;
    }
    REQUIRE((result.verdict == Verdict::valid) == expected);
    ++(expected ? valid : invalid);
  }
  CAPTURE(valid, invalid, unknown);
  CHECK(valid > 100);
  CHECK(invalid > 100);
  CHECK(unknown * 10 < valid + invalid);
}

TEST_CASE("a transaction that writes the initial value at the beginning changes nothing") {
  const CheckResult result =
      judge(in_session_order(), "w(4,0,0,0)\nw(5,0,0,0)\nr(5,0,0,0)\nr(4,0,1,1)\nw(4,3,1,1)\nr(4,3,2,2)\n");
  CHECK(result.verdict == Verdict::valid);
}

TEST_CASE("what is wrong without the reads of the initial value is wrong with them") {
  // Two transactions read 3 and both write key 4 anew: a lost update, whatever the read of 0 was of.
  const CheckResult result =
      judge(in_session_order(),
            "w(4,0,0,0)\nr(4,0,1,1)\nw(4,3,1,1)\nr(4,3,2,2)\nw(4,5,2,2)\nr(4,3,3,3)\nw(4,6,3,3)\n");
  CHECK(result.verdict == Verdict::invalid);
  CHECK(!result.anomalies.empty());
}

TEST_CASE("each way to tell reads of the initial value apart is tried, and it is said so") {
  // Key 1 is 3 and then 0 again for session 2; session 3 sees the second write of 0 and then 3.
  const std::string late = "w(1,3,0,0)\nr(1,3,2,1)\nr(1,0,2,2)\nw(1,0,4,3)\n";
  CHECK(judge(in_session_order(), late).verdict == Verdict::valid);
  const CheckResult back = judge(in_session_order(), late + "r(1,3,2,4)\n");
  CHECK(back.verdict == Verdict::invalid);
  CHECK(back.reason.find("ways to tell") != std::string::npos);
}

TEST_CASE("too many ways to tell reads apart are an honest unknown") {
  std::string text = "w(1,0,0,0)\nw(1,3,0,1)\n";
  for (int i = 0; i < 20; ++i)  // of two sessions in turn, each of them before and after 3
    text += "r(1," + std::string(i % 3 == 1 ? "3" : "0") + "," + std::to_string(1 + i % 2) + "," +
            std::to_string(10 + i) + ")\n";
  CHECK(judge(in_session_order(), text).verdict != Verdict::valid);
}

}  // namespace
}  // namespace riven::checkers
