// judge_history FILE: whether the history in FILE is that of a linearizable register, and what is wrong with
// it.
#include <cstdio>

#include "checkers/linearizable/checker.h"
#include "harness/history/reader.h"

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  const auto read = riven::read_history(argv[1]);
  if (!read) return std::fprintf(stderr, "%s\n", read.error().message.c_str()), 3;
  const auto checker = riven::linearizable::make_checker({{"model", "cas-register"}});
  if (!checker) return std::fprintf(stderr, "%s\n", checker.error().message.c_str()), 64;
  const riven::CheckResult result = (*checker)->check(read->history, riven::Budget{});
  std::printf("%s: %s\n", std::string(to_text(result.verdict)).c_str(), result.reason.c_str());
  return result.verdict == riven::Verdict::valid ? 0 : result.verdict == riven::Verdict::invalid ? 1 : 2;
}
