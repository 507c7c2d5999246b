// Each fuzz target on its seeds and on random changes of them: the same on every machine, and quick. What a
// fuzzer found goes into the corpus.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "harness/core/rng.h"
#include "tests/catch.h"
#include "tests/fuzz/targets.h"

namespace riven {
namespace {

std::vector<std::string> corpus(const std::string& name) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(RIVEN_SOURCE_DIR "/tests/fuzz/corpus/" + name))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> seeds;
  for (const auto& path : paths) {
    std::ifstream in(path, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
  }
  return seeds;
}

void mutate(std::string& bytes, const std::vector<std::string>& seeds, Rng& rng) {
  static const std::vector<std::string> kTokens = {"{",
                                                   "}",
                                                   "[",
                                                   "]",
                                                   "(",
                                                   ")",
                                                   "\"",
                                                   "\\",
                                                   ":",
                                                   "#",
                                                   "#_",
                                                   "nil",
                                                   "\n",
                                                   ",",
                                                   ";",
                                                   "-",
                                                   "9223372036854775808",
                                                   "1e999",
                                                   ":type",
                                                   ":invoke",
                                                   ":ok",
                                                   ":value",
                                                   "\"type\":",
                                                   "\"value\":",
                                                   "##NaN",
                                                   "^",
                                                   "\\u12",
                                                   "\xff",
                                                   std::string(1, '\0'),
                                                   "\xd7RvnBlk1",
                                                   "\x7f\xff\xff\xff"};
  const size_t at = rng.below(bytes.size() + 1);
  switch (rng.below(6)) {
    case 0:
      if (at < bytes.size()) bytes[at] = static_cast<char>(rng.next());
      return;
    case 1:
      if (at < bytes.size()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.below(8)));
      return;
    case 2:
      bytes.erase(at, rng.below(9));
      return;
    case 3:
      bytes.insert(at, kTokens[rng.below(kTokens.size())]);
      return;
    case 4:
      bytes.resize(at);
      return;
    default: {
      const std::string& other = seeds[rng.below(seeds.size())];
      const size_t from = rng.below(other.size() + 1);
      bytes.insert(at, other.substr(from, rng.below(60)));
      return;
    }
  }
}

void replay(const std::string& name, void (*target)(std::string_view)) {
  const auto seeds = corpus(name);
  INFO("target " << name);
  REQUIRE(!seeds.empty());
  for (const std::string& seed : seeds) target(seed);
  Rng rng(2024);
  constexpr int kRounds = 3000;
  for (int round = 0; round < kRounds; ++round) {
    std::string bytes = seeds[rng.below(seeds.size())];
    for (uint64_t changes = 1 + rng.below(4); changes > 0; --changes) mutate(bytes, seeds, rng);
    target(bytes);
  }
}

}  // namespace

#define RIVEN_FUZZ_TARGET(name) \
  TEST_CASE("fuzz target " #name) { replay(#name, fuzz::fuzz_##name); }
#include "tests/fuzz/targets.inc"
#undef RIVEN_FUZZ_TARGET

}  // namespace riven
