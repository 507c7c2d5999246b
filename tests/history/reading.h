// What the tests of the text formats share.
#pragma once

#include <string>
#include <string_view>

#include "harness/history/reader.h"
#include "tests/catch.h"

namespace riven::test {

inline ReadHistory read(std::string_view text, ReadOptions options = {}) {
  auto result = read_history_bytes(text, "h", options);
  INFO(text.substr(0, 300));
  if (!result) FAIL(result.error().message);
  return *std::move(result);
}

inline std::string error_of(std::string_view text, ReadOptions options = {}) {
  const auto result = read_history_bytes(text, "h", options);
  INFO(text);
  REQUIRE(!result);
  return result.error().message;
}

/// The value of an EDN form, through a whole operation.
inline Value edn(const std::string& form) {
  return read("{:process 0, :type :invoke, :f :x, :value " + form + "}").history.op(0).value;
}

inline Value json(const std::string& form) {
  return read(R"({"process":0,"type":"invoke","f":"x","value":)" + form + "}\n").history.op(0).value;
}

}  // namespace riven::test
