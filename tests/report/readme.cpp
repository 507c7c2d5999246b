// results/README.md describes every word of results.json, and no other file says what they mean.
#include <fstream>
#include <iterator>

#include "tests/catch.h"
#include "tests/report/sample_run.h"

using namespace riven;

TEST_CASE("every word of results.json stands in results/README.md") {
  std::ifstream file(std::string(RIVEN_SOURCE_DIR) + "/results/README.md");
  const std::string readme((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  REQUIRE_FALSE(readme.empty());
  const History history = test::sample_history();
  RunResults results = test::sample_results(history);
  results.checks.push_back(test::sample_refusal(history));
  const Json json = results_json(test::sample_info(), results);
  const auto described = [&](const Json& object) {
    for (const auto& [word, value] : object.items())
      CHECK((readme.find("`" + word + "`") == std::string::npos ? word : "") == std::string());
  };
  Json top = json;
  top.erase("timing");  // described with its two words
  described(top);
  described(json["run"]);
  for (const Json& check : json["checks"]) {
    described(check);
    if (check["name"] != "linearizable") described(check["details"]);
    for (const Json& anomaly : check["anomalies"]) described(anomaly);
  }
  for (const auto& [word, value] : json["timing"].items())
    CHECK(readme.find("`timing." + word + "`") != std::string::npos);
}
