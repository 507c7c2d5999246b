// What this build of Riven knows, by name. Filled explicitly at start (no static initialisers), then
// read-only.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/api/checker.h"
#include "harness/core/check.h"
#include "harness/core/result.h"

namespace riven {

class Database;
struct FaultFactory;
struct WorkloadFactory;

struct DatabaseFactory {
  std::string name;
  std::string description;
  std::vector<std::string> options;  ///< "reads=linearizable|serializable", ...
  size_t default_nodes = 5;          ///< for a cluster made for it
  /// Errors: an unknown key or value in the options.
  std::function<Result<std::unique_ptr<Database>>(const std::map<std::string, std::string>&)> make;
};

/// A checker on its own: `riven check --model NAME`.
struct CheckerFactory {
  std::string name;  ///< of the family: linearizable, isolation, set, ...
  std::string description;
  std::vector<std::string> models;  ///< every --model name it answers for
  std::function<Result<CheckerPtr>(const std::map<std::string, std::string>& options)>
      make;  ///< options has "model"
};

class Registry {
 public:
  // add(): the name must be new.
  void add(DatabaseFactory f) { insert(databases_, std::move(f)); }
  void add(CheckerFactory f) { insert(checkers_, std::move(f)); }
  void add(std::shared_ptr<const WorkloadFactory> f) { workloads_.push_back(std::move(f)); }
  void add(std::shared_ptr<const FaultFactory> f) { faults_.push_back(std::move(f)); }

  const std::vector<DatabaseFactory>& databases() const { return databases_; }
  const std::vector<CheckerFactory>& checkers() const { return checkers_; }
  const std::vector<std::shared_ptr<const WorkloadFactory>>& workloads() const { return workloads_; }
  const std::vector<std::shared_ptr<const FaultFactory>>& faults() const { return faults_; }

  /// The checker of the family that answers for `model`; `options` are for the checker. Errors: no such
  /// model, wrong options.
  Result<CheckerPtr> make_checker(const std::string& model,
                                  std::map<std::string, std::string> options) const {
    std::string known;
    for (const CheckerFactory& family : checkers_) {
      for (const std::string& name : family.models) {
        if (name == model) {
          options["model"] = model;
          return family.make(options);
        }
        known += (known.empty() ? "" : ", ") + name;
      }
    }
    return Error{"no model is called " + model + "; there are " + known};
  }

 private:
  template <typename Factory>
  static void insert(std::vector<Factory>& into, Factory f) {
    RIVEN_CHECK(
        std::none_of(into.begin(), into.end(), [&](const Factory& have) { return have.name == f.name; }),
        "the same name was registered twice");
    into.push_back(std::move(f));
  }

  std::vector<DatabaseFactory> databases_;
  std::vector<CheckerFactory> checkers_;
  std::vector<std::shared_ptr<const WorkloadFactory>> workloads_;
  std::vector<std::shared_ptr<const FaultFactory>> faults_;
};

}  // namespace riven
