// Medium histories of simulated databases, judged by the checker and by a slow, plain reading of the
// definitions that shares nothing with it: a few, or 100,000 with RIVEN_NIGHTLY=1. What either leaves
// undecided is counted apart and contradicts nothing. RIVEN_DIFFERENTIAL=N [RIVEN_SEED=S]
// [RIVEN_DIFFERENCES=FOLDER] test_checkers_isolation "the checker agrees with a plain reading*" compares N
// histories of each kind; each new kind of difference is cut and written into FOLDER.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "tests/catch.h"
#include "tests/checkers/isolation/plain/comparison.h"
#include "tests/checkers/isolation/plain/databases.h"
#include "tests/checkers/isolation/plain/environment.h"
#include "tests/sanitized.h"

namespace riven::checkers::isolation::plain {

namespace {

std::string file_name(std::string text) {
  for (char& c : text) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '-';
  }
  return text;
}

/// Keeps one cut history of each difference.
class Differences {
 public:
  void add(const Draft& draft, uint64_t seed, const std::set<std::string>& found) {
    for (const std::string& difference : found) {
      if (count_[difference]++ > 0) continue;
      const Draft small = reduced(draft, difference);
      const std::string text =
          difference + " (seed " + std::to_string(seed) + ")\n\n" + described(small) + "\n" + to_edn(small);
      UNSCOPED_INFO(text);
      if (const char* const folder = std::getenv("RIVEN_DIFFERENCES"); folder != nullptr) {
        const std::string path =
            std::string(folder) + "/" + (draft.lists ? "lists-" : "registers-") + file_name(difference);
        std::ofstream(path + ".txt") << text;
        std::ofstream(path + ".edn") << to_edn(small);
      }
    }
  }
  const std::map<std::string, uint64_t>& counts() const { return count_; }

 private:
  std::map<std::string, uint64_t> count_;
};

uint64_t histories_of_each_kind() {
  return number_from("RIVEN_DIFFERENTIAL", std::getenv("RIVEN_NIGHTLY") != nullptr ? 50'000
                                           : kSanitized                            ? 60
                                                                                   : 500);
}

void compare_many(bool lists) {
  const uint64_t n = histories_of_each_kind(), seed = number_from("RIVEN_SEED", 1);
  Tally tally;
  Differences differing;
  for (uint64_t i = 0; i < n; ++i) {
    const uint64_t own = seed * 1'000'000'007 + i;
    const Draft draft = simulate(drawn_options(own, lists));
    if (const auto found = differences(draft, &tally); !found.empty()) differing.add(draft, own, found);
  }
  if (std::getenv("RIVEN_DIFFERENTIAL") != nullptr || std::getenv("RIVEN_NIGHTLY") != nullptr) {
    std::printf("%s, seed %llu, %llu histories\n%s", lists ? "lists" : "registers",
                static_cast<unsigned long long>(seed), static_cast<unsigned long long>(n),
                tally.table().c_str());
    for (const auto& [what, times] : differing.counts())
      std::printf("%8llu x %s\n", static_cast<unsigned long long>(times), what.c_str());
  }
  for (const auto& [what, times] : differing.counts()) FAIL_CHECK(what << ", " << times << " times");
}

}  // namespace

TEST_CASE("the checker agrees with a plain reading of the definitions on lists") { compare_many(true); }
TEST_CASE("the checker agrees with a plain reading of the definitions on registers") { compare_many(false); }

}  // namespace riven::checkers::isolation::plain
