// Histories of transactions as a person writes them, in EDN.
#pragma once

#include <string>
#include <vector>

#include "harness/history/reader.h"
#include "tests/catch.h"

namespace riven::checkers::isolation {

/// Kept until the program ends: an analysis borrows from its history.
inline const History& read(const std::string& edn) {
  static std::vector<History> kept;
  auto history = read_history_bytes(edn, "edn", {.format = Format::edn});
  if (!history) FAIL(history.error().message);
  kept.push_back(std::move(history->history));
  return kept.back();
}
inline std::string op(int process, const char* type, const std::string& value) {
  return "{:process " + std::to_string(process) + ", :type :" + type + ", :f :txn, :value " + value + "}\n";
}
/// One transaction after the others.
inline std::string run(int process, const std::string& value) {
  return op(process, "invoke", value) + op(process, "ok", value);
}
/// All at once, a process each.
inline std::string all(const std::vector<std::string>& values) {
  std::string out;
  for (size_t i = 0; i < values.size(); ++i) out += op(static_cast<int>(i), "invoke", values[i]);
  for (size_t i = 0; i < values.size(); ++i) out += op(static_cast<int>(i), "ok", values[i]);
  return out;
}

}  // namespace riven::checkers::isolation
