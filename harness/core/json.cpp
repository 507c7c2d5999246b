#include "harness/core/json.h"

namespace riven {

Json to_json(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::nil:
      return nullptr;
    case Value::Kind::boolean:
      return value.boolean();
    case Value::Kind::integer:
      return value.integer();
    case Value::Kind::real:
      return value.real();
    case Value::Kind::string:
    case Value::Kind::keyword:
      return std::string(value.text());
    case Value::Kind::list: {
      Json out = Json::array();
      for (const Value& item : value.list()) out.push_back(to_json(item));
      return out;
    }
    case Value::Kind::map: {
      Json out = Json::object();
      const Value::List& pairs = value.flat_map();
      for (size_t i = 0; i < pairs.size(); i += 2) {
        const Value& key = pairs[i];
        const bool is_text = key.kind() == Value::Kind::string || key.kind() == Value::Kind::keyword;
        out[is_text ? std::string(key.text()) : to_edn(key)] = to_json(pairs[i + 1]);
      }
      return out;
    }
  }
  return nullptr;
}

Value from_json(const Json& json) {
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_unsigned() && json.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX))
    return Value(json.get<double>());
  if (json.is_number_integer()) return Value(json.get<int64_t>());
  if (json.is_number()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get_ref<const std::string&>());
  Value::List items;
  if (json.is_array()) {
    for (const Json& item : json) items.push_back(from_json(item));
    return Value(std::move(items));
  }
  if (json.is_object()) {
    for (const auto& [key, item] : json.items()) {
      items.emplace_back(key);
      items.push_back(from_json(item));
    }
    return Value::map(std::move(items));
  }
  return {};
}

}  // namespace riven
