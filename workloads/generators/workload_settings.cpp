#include "workloads/generators/workload_settings.h"

#include <charconv>

#include "harness/core/join.h"

namespace riven {

namespace {

template <typename Number>
bool parse(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

const std::string* WorkloadSettings::take(const std::string& key) {
  known_.insert(key);
  const auto found = given_.find(key);
  return found == given_.end() ? nullptr : &found->second;
}

void WorkloadSettings::wrong(const std::string& key, const std::string& expected) {
  if (error_.empty())
    error_ = "workload " + workload_ + ": " + key + " takes " + expected + ", not '" + given_.at(key) + "'";
}

int64_t WorkloadSettings::integer(const std::string& key, int64_t fallback, int64_t low, int64_t high) {
  const std::string* const text = take(key);
  int64_t number = fallback;
  if (text != nullptr && (!parse(*text, number) || number < low || number > high)) {
    wrong(key, "an integer from " + std::to_string(low) + " to " + std::to_string(high));
    return fallback;
  }
  return number;
}

double WorkloadSettings::share(const std::string& key, double fallback) {
  const std::string* const text = take(key);
  double number = fallback;
  if (text != nullptr && (!parse(*text, number) || !(number >= 0 && number <= 1))) {
    wrong(key, "a number from 0 to 1");
    return fallback;
  }
  return number;
}

size_t WorkloadSettings::word(const std::string& key, const std::initializer_list<const char*>& words) {
  const std::string* const text = take(key);
  if (text == nullptr) return 0;
  std::string all;
  size_t position = 0;
  for (const char* const candidate : words) {
    if (*text == candidate) return position;
    all += (position++ > 0 ? ", " : "") + std::string(candidate);
  }
  wrong(key, "one of " + all);
  return 0;
}

bool WorkloadSettings::flag(const std::string& key, bool fallback) {
  const std::string* const text = take(key);
  if (text == nullptr) return fallback;
  if (*text == "yes" || *text == "true") return true;
  if (*text != "no" && *text != "false") wrong(key, "yes or no");
  return false;
}

Status WorkloadSettings::finish() const {
  if (!error_.empty()) return Error{error_};
  for (const auto& [key, value] : given_) {
    if (!known_.contains(key))
      return Error{"workload " + workload_ + " has no setting " + key + "; it has " + joined(known_)};
  }
  return ok_status();
}

}  // namespace riven
