// The one place that includes a JSON library: it reads and prints what json.h holds.
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "harness/core/json.h"

namespace riven {
namespace {

using Library = nlohmann::ordered_json;

/// Builds a Json from the library's events. Each returns whether to go on.
class Builder {
 public:
  explicit Builder(int max_depth) : max_depth_(static_cast<size_t>(max_depth)) {}

  bool null() { return place({}); }
  bool boolean(bool value) { return place(value); }
  bool number_integer(int64_t value) { return place(value); }
  bool number_unsigned(uint64_t value) { return place(value); }
  bool number_float(double value, const std::string&) { return place(value); }
  bool string(std::string& value) { return place(std::move(value)); }
  bool binary(Library::binary_t&) { return false; }
  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool key(std::string& name) {
    next_ = &(*open_.back())[name];
    return true;
  }
  bool end_object() { return close(); }
  bool end_array() { return close(); }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) { return false; }

  Json take() { return std::move(root_); }

 private:
  bool place(Json value) {
    slot() = std::move(value);
    return true;
  }
  bool open(Json container) {
    if (open_.size() >= max_depth_) return false;
    Json& at = slot();
    at = std::move(container);
    open_.push_back(&at);
    return true;
  }
  bool close() {
    open_.pop_back();
    return true;
  }
  /// Where the next value goes.
  Json& slot() {
    if (open_.empty()) return root_;
    if (open_.back()->is_object()) return *next_;
    open_.back()->push_back({});
    return open_.back()->back();
  }

  const size_t max_depth_;
  Json root_;
  std::vector<Json*>
      open_;              ///< the containers around the next value; none grows before those in it are closed
  Json* next_ = nullptr;  ///< the member that the last key made
};

Library to_library(const Json& json) {
  switch (json.kind()) {
    case Json::Kind::null:
      return nullptr;
    case Json::Kind::boolean:
      return json.get<bool>();
    case Json::Kind::integer:
      return json.get<int64_t>();
    case Json::Kind::unsigned_integer:
      return json.get<uint64_t>();
    case Json::Kind::real:
      return json.get<double>();
    case Json::Kind::string:
      return json.string();
    case Json::Kind::array: {
      Library out = Library::array();
      for (const Json& item : json) out.push_back(to_library(item));
      return out;
    }
    case Json::Kind::object: {
      Library::object_t out;
      for (const auto& [key, value] : json.items()) out.emplace_back(key, to_library(value));
      return out;
    }
  }
  return nullptr;
}

}  // namespace

std::optional<Json> Json::parse(std::string_view text, int max_depth) {
  Builder builder(max_depth);
  if (!Library::sax_parse(text, &builder)) return {};
  return builder.take();
}

std::string Json::dump(int indent) const {
  return to_library(*this).dump(indent, ' ', false, Library::error_handler_t::replace);
}

std::string Json::dump_ascii() const {
  return to_library(*this).dump(-1, ' ', true, Library::error_handler_t::replace);
}

std::ostream& Json::print(std::ostream& out, const Json& json) { return out << json.dump(); }

}  // namespace riven
