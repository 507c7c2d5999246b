// Every checker must accept the histories in good/ and refuse those in bad/, for the reason that the file is
// named after.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include "harness/api/checker.h"
#include "harness/api/registry.h"
#include "harness/history/reader.h"
#include "tests/catch.h"

namespace riven::checkers {
#define RIVEN_BUILTIN(name) void add_##name(Registry&);
#include "checkers/builtin.inc"
#undef RIVEN_BUILTIN
}  // namespace riven::checkers

namespace riven {
namespace {

namespace fs = std::filesystem;

Registry every_checker() {
  Registry registry;
#define RIVEN_BUILTIN(name) checkers::add_##name(registry);
#include "checkers/builtin.inc"
#undef RIVEN_BUILTIN
  return registry;
}

std::vector<fs::path> histories(const std::string& side, const std::string& checker) {
  std::vector<fs::path> found;
  const fs::path folder = fs::path(RIVEN_SOURCE_DIR) / "tests/histories" / side / checker;
  if (!fs::exists(folder)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

CheckResult judge(const CheckerFactory& factory, const fs::path& path) {
  std::map<std::string, std::string> options;
  const std::string folder = path.parent_path().filename().string();
  options["model"] = folder == factory.name ? factory.models.front() : folder;
  const auto checker = factory.make(options);
  if (!checker) FAIL(factory.name << ": " << checker.error().message);
  const auto read = read_history(path.string());
  if (!read) FAIL(read.error().message);
  return (*checker)->check(read->history, Budget{});
}

/// The name of the file up to its ending or its note: G-single--three_transactions.edn is G-single.
std::string expected_anomaly(const fs::path& path) {
  const std::string stem = path.stem().string();
  return stem.substr(0, stem.find("--"));
}

bool names(const CheckResult& result, const std::string& anomaly) {
  if (anomaly == "vacuous") return result.reason.starts_with("vacuous:");
  return std::any_of(result.anomalies.begin(), result.anomalies.end(),
                     [&](const Anomaly& a) { return a.type == anomaly && a.count > 0; });
}

TEST_CASE("every checker accepts its good histories") {
  const Registry registry = every_checker();
  for (const CheckerFactory& factory : registry.checkers()) {
    const auto paths = histories("good", factory.name);
    for (const fs::path& path : paths) {
      const CheckResult result = judge(factory, path);
      INFO(path.string() << ": " << result.reason);
      CHECK(to_text(result.verdict) == "valid");
      // A weaker model may hold although the history shows what only stronger ones forbid.
      if (path.parent_path().filename() == factory.name) CHECK(result.anomalies.empty());
    }
  }
}

TEST_CASE("every checker refuses its bad histories and says why") {
  const Registry registry = every_checker();
  for (const CheckerFactory& factory : registry.checkers()) {
    const auto paths = histories("bad", factory.name);
    for (const fs::path& path : paths) {
      const CheckResult result = judge(factory, path);
      const std::string anomaly = expected_anomaly(path);
      INFO(path.string() << ": " << to_text(result.verdict) << ": " << result.reason);
      CHECK(to_text(result.verdict) == (anomaly == "vacuous" ? "unknown" : "invalid"));
      CHECK(names(result, anomaly));
    }
  }
}

}  // namespace
}  // namespace riven
