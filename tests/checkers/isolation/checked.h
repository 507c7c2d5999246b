// The isolation checker as a user runs it.
#pragma once

#include <map>
#include <string>

#include "harness/api/registry.h"
#include "tests/checkers/isolation/edn_text.h"

namespace riven::checkers {
void add_isolation(Registry& registry);
}

namespace riven::checkers::isolation {

/// `options`: as given with --checker-opt; `model` is one of them.
inline CheckResult checked(const History& history, std::map<std::string, std::string> options) {
  Registry registry;
  add_isolation(registry);
  auto checker = registry.checkers().front().make(options);
  if (!checker) FAIL(checker.error().message);
  return (*checker)->check(history, Budget{});
}

/// The anomalies' types, sorted, separated by spaces.
inline std::string anomaly_types(const CheckResult& result) {
  std::vector<std::string> types;
  for (const Anomaly& a : result.anomalies) types.push_back(a.type);
  std::sort(types.begin(), types.end());
  std::string out;
  for (const std::string& type : types) out += (out.empty() ? "" : " ") + type;
  return out;
}

}  // namespace riven::checkers::isolation
