// A user's model inside the checker: its projection and its ModelSpec.
#pragma once

#include "checkers/linearizable/model.h"

namespace riven::linearizable {

/// Calls, numbered by their content.
struct UserProjection {
  Projection projection;
  std::vector<Call> calls;
};
/// `held` has what it takes; where that is too much, the projection is `too_large` and good for nothing.
UserProjection project_user(const History& history, const UserModel& model, Reservation& held);
/// `model` and `calls` are borrowed and outlive the spec.
std::unique_ptr<ModelSpec> user_model_spec(const UserModel& model, const std::vector<Call>& calls);

}  // namespace riven::linearizable
