// What this build of Riven knows, by name. Filled explicitly at start (no static initialisers), then
// read-only.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <vector>

#include "harness/api/checker.h"
#include "harness/core/check.h"
#include "harness/core/join.h"
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

/// What plug-ins register. Four kinds of factories: DatabaseFactory and CheckerFactory above, WorkloadFactory
/// (workload.h), FaultFactory (nemesis.h). Pointers to factories stay valid as long as the registry is not
/// changed.
class Registry {
 public:
  /// Adds a factory of one of the four kinds. Demands that its name (and each alias) is new among its kind.
  template <typename Factory>
  void add(Factory factory) {
    demand_new_names(factory);
    auto& all = std::get<Stored<Factory>>(factories_);
    if constexpr (kByValue<Factory>) {
      all.push_back(std::move(factory));
    } else {
      all.push_back(std::make_shared<const Factory>(std::move(factory)));
    }
  }
  template <typename Factory>
  void add(std::shared_ptr<const Factory> factory) {
    demand_new_names(*factory);
    std::get<Stored<Factory>>(factories_).push_back(std::move(factory));
  }

  /// The factory of that kind and name (or alias), or null: `find<DatabaseFactory>("etcd")`. Linear.
  template <typename Factory>
  const Factory* find(const std::string& name) const {
    for (const auto& stored : std::get<Stored<Factory>>(factories_)) {
      const Factory& factory = reference(stored);
      if (answers_to(factory, name)) return &factory;
    }
    return nullptr;
  }

  // In the order in which they were added.
  const std::vector<DatabaseFactory>& databases() const { return std::get<0>(factories_); }
  const std::vector<CheckerFactory>& checkers() const { return std::get<1>(factories_); }
  const std::vector<std::shared_ptr<const WorkloadFactory>>& workloads() const {
    return std::get<2>(factories_);
  }
  const std::vector<std::shared_ptr<const FaultFactory>>& faults() const { return std::get<3>(factories_); }

  /// The checker of the family that answers for `model`; `options` are for the checker. Errors: no such
  /// model, wrong options.
  Result<CheckerPtr> make_checker(const std::string& model,
                                  std::map<std::string, std::string> options) const {
    std::vector<std::string> known;
    for (const CheckerFactory& family : checkers()) {
      for (const std::string& name : family.models) {
        if (name == model) {
          options["model"] = model;
          return family.make(options);
        }
        known.push_back(name);
      }
    }
    return Error{"no model is called " + model + "; there are " + joined(known)};
  }

 private:
  template <typename Factory>
  static constexpr bool kByValue =
      std::is_same_v<Factory, DatabaseFactory> || std::is_same_v<Factory, CheckerFactory>;
  // Workloads and faults are only declared here: theirs are behind pointers.
  template <typename Factory>
  using Stored = std::vector<std::conditional_t<kByValue<Factory>, Factory, std::shared_ptr<const Factory>>>;

  template <typename Factory>
  static const Factory& reference(const Factory& stored) {
    return stored;
  }
  template <typename Factory>
  static const Factory& reference(const std::shared_ptr<const Factory>& stored) {
    return *stored;
  }
  template <typename Factory>
  static bool answers_to(const Factory& factory, const std::string& name) {
    if constexpr (requires { factory.aliases; }) {
      const auto& aliases = factory.aliases;
      if (std::find(aliases.begin(), aliases.end(), name) != aliases.end()) return true;
    }
    return factory.name == name;
  }
  template <typename Factory>
  void demand_new_names(const Factory& factory) const {
    RIVEN_CHECK(find<Factory>(factory.name) == nullptr, "the same name was registered twice");
    if constexpr (requires { factory.aliases; }) {
      for (const auto& alias : factory.aliases)
        RIVEN_CHECK(find<Factory>(alias) == nullptr, "an alias is a name that was registered before");
    }
  }

  std::tuple<Stored<DatabaseFactory>, Stored<CheckerFactory>, Stored<WorkloadFactory>, Stored<FaultFactory>>
      factories_;
};

}  // namespace riven
