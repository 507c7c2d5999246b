// Reading fields of JSON from outside without exceptions: the fallback where a field is missing or mistyped.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/core/json.h"

namespace riven {

std::string text_of(const Json& object, const char* key, std::string fallback = {});
int64_t integer_of(const Json& object, const char* key, int64_t fallback = 0);
double real_of(const Json& object, const char* key, double fallback = 0);
bool flag_of(const Json& object, const char* key, bool fallback = false);
/// The array at `key`, or an empty one.
const Json& array_of(const Json& object, const char* key);
/// The strings in the array at `key`.
std::vector<std::string> texts_of(const Json& object, const char* key);

}  // namespace riven
