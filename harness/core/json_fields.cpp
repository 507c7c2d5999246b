#include "harness/core/json_fields.h"

#include <utility>

namespace riven {
namespace {

const Json* find(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

}  // namespace

std::string text_of(const Json& object, const char* key, std::string fallback) {
  const Json* found = find(object, key);
  return found != nullptr && found->is_string() ? found->get<std::string>() : std::move(fallback);
}

int64_t integer_of(const Json& object, const char* key, int64_t fallback) {
  const Json* found = find(object, key);
  if (found == nullptr || !found->is_integer()) return fallback;
  if (found->is_unsigned() && found->get<uint64_t>() > INT64_MAX) return fallback;
  return found->get<int64_t>();
}

double real_of(const Json& object, const char* key, double fallback) {
  const Json* found = find(object, key);
  return found != nullptr && found->is_number() ? found->get<double>() : fallback;
}

bool flag_of(const Json& object, const char* key, bool fallback) {
  const Json* found = find(object, key);
  return found != nullptr && found->is_boolean() ? found->get<bool>() : fallback;
}

const Json& array_of(const Json& object, const char* key) {
  static const Json kEmpty = Json::array();
  const Json* found = find(object, key);
  return found != nullptr && found->is_array() ? *found : kEmpty;
}

std::vector<std::string> texts_of(const Json& object, const char* key) {
  std::vector<std::string> texts;
  for (const Json& item : array_of(object, key)) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

}  // namespace riven
