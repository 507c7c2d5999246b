// Reads the `--workload-opt key=value` settings of a workload.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "harness/core/result.h"

namespace riven {

/// Takes settings one by one; what is malformed or left over becomes the error of finish(). Not thread-safe.
class WorkloadSettings {
 public:
  /// `workload` is for messages; `given` is borrowed.
  WorkloadSettings(std::string workload, const std::map<std::string, std::string>& given)
      : workload_(std::move(workload)), given_(given) {}

  /// The integer called `key`, from `low` to `high`, or `fallback` where it is not given.
  int64_t integer(const std::string& key, int64_t fallback, int64_t low, int64_t high);
  /// The number called `key`, from 0 to 1.
  double share(const std::string& key, double fallback);
  /// The word called `key`, one of `words`; the first is the fallback. Returns its position.
  size_t word(const std::string& key, const std::initializer_list<const char*>& words);
  bool flag(const std::string& key, bool fallback);
  /// Success, or the first thing that was wrong: a malformed value, or a setting that nobody took.
  Status finish() const;

 private:
  const std::string* take(const std::string& key);
  void wrong(const std::string& key, const std::string& expected);

  std::string workload_;
  const std::map<std::string, std::string>& given_;
  std::set<std::string> known_;
  std::string error_;
};

}  // namespace riven
