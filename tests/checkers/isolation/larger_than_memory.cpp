// Histories whose values do not fit in memory: the same result, to the byte.
#include <unistd.h>

#include <filesystem>

#include "checkers/isolation/gathered.h"
#include "harness/api/registry.h"
#include "harness/history/journal.h"
#include "harness/history/reader.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/simulated.h"

namespace riven::checkers {
void add_isolation(Registry& registry);
}

namespace riven::checkers::isolation {

namespace {

/// A journal in a folder that goes with it.
class Journal {
 public:
  explicit Journal(const History& history)
      : folder_(std::filesystem::temp_directory_path() / ("riven-larger-" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    JournalOptions options;
    options.block_entries = 100;
    auto writer = JournalWriter::open(path(), {}, options);
    REQUIRE(writer);
    for (size_t i = 0; i < history.size(); ++i) REQUIRE((*writer)->append(history.op(i)));
    REQUIRE((*writer)->close());
  }
  ~Journal() { std::filesystem::remove_all(folder_); }
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  std::string path() const { return (folder_ / "history.riven").string(); }

 private:
  std::filesystem::path folder_;
};

/// All that a check says, as text.
std::string everything(const History& history, uint64_t memory_bytes) {
  Registry registry;
  add_isolation(registry);
  auto checker = registry.checkers().front().make({{"model", "strict-serializable"}});
  REQUIRE(checker);
  Budget budget;
  budget.memory_bytes = memory_bytes;
  const CheckResult result = (*checker)->check(history, budget);
  std::string out = std::string(to_text(result.verdict)) + result.reason + result.details.dump();
  for (const Anomaly& a : result.anomalies) {
    out += a.type + std::to_string(a.count) + a.details.dump();
    for (const std::string& sentence : a.sentences) out += sentence;
  }
  for (const Figure& figure : result.figures) out += text_of(figure);
  for (const Artifact& artifact : result.artifacts) out += artifact.name + artifact.content;
  return out;
}

}  // namespace

TEST_CASE("a history larger than memory gets the same verdict and evidence, to the byte") {
  for (const SimulatedLevel level :
       {SimulatedLevel::serial, SimulatedLevel::prefix, SimulatedLevel::read_uncommitted})
    for (const bool registers : {false, true}) {
      INFO("level " << static_cast<int>(level) << (registers ? ", registers" : ", lists"));
      SimulationOptions options;
      options.level = level;
      options.txns = 1200;
      options.registers = registers;
      const Journal journal(simulate(options));
      const auto whole = read_history(journal.path());
      REQUIRE(whole);
      CHECK(whole->history.spilled_bytes() == 0);
      const auto small = read_history(journal.path(), {.memory_bytes = 16'000});
      REQUIRE(small);
      CHECK(small->history.spilled_bytes() > 10'000);
      CHECK(small->history.memory_bytes() < whole->history.memory_bytes());
      for (size_t i = 0; i < whole->history.size(); i += 97)
        CHECK(small->history.value(i) == whole->history.value(i));
      const uint64_t memory = 220 * whole->history.size();
      const std::string expected = everything(whole->history, 64 << 20);
      CHECK(everything(small->history, 64 << 20) == expected);
      Budget tight;
      tight.memory_bytes = memory;
      const auto a = analyse(whole->history, {}, tight);
      const auto b = analyse(small->history, {}, tight);
      REQUIRE(a);
      REQUIRE(b);
      for (size_t m = 0; m < kModels; ++m)
        CHECK(a->decisions.standing(static_cast<Model>(m)) == b->decisions.standing(static_cast<Model>(m)));
    }
}

TEST_CASE("values of a history larger than memory are gathered by key, as many keys as fit") {
  const Journal journal(simulate({}));
  const auto small = read_history(journal.path(), {.memory_bytes = 8'000});
  REQUIRE(small);
  auto t = read_transactions(small->history, 2);
  REQUIRE(t);
  const std::vector<const uint8_t*> before = t->values;
  GatheredValues values(small->history, *t, 2'000);
  const std::vector<Range> groups = values.groups();
  CHECK(groups.size() > 3);
  size_t next = 0;
  for (const Range group : groups) {
    CHECK(group.begin == next);
    next = group.end;
    values.gather(group);
    for (size_t m = 0; m < before.size(); ++m) {
      const bool here = t->mops[m].key >= group.begin && t->mops[m].key < group.end;
      CHECK((t->values[m] != before[m]) == here);
      if (here) CHECK(ValueView(t->values[m]) == ValueView(before[m]));
    }
    values.give_back();
    CHECK(t->values == before);
  }
  CHECK(next == t->keys.size());
}

TEST_CASE("a folder that takes no file for what does not fit is an error that says so") {
  const Journal journal(simulate({}));
  const char* const before = std::getenv("TMPDIR");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("TMPDIR", "/nowhere", 1);
  const auto read = read_history(journal.path(), {.memory_bytes = 8'000});
  before == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", kept.c_str(), 1);
  REQUIRE_FALSE(read);
  CHECK(read.error().message.find("TMPDIR") != std::string::npos);
}

}  // namespace riven::checkers::isolation
