#include "harness/core/at_once.h"

#include <string>
#include <thread>
#include <vector>

#include "harness/core/join.h"

namespace riven {

void at_once(size_t count, const std::function<void(size_t)>& step) {
  std::vector<std::jthread> threads;
  for (size_t i = 1; i < count; ++i) threads.emplace_back([&step, i] { step(i); });
  if (count > 0) step(0);
}

Status try_at_once(size_t count, const std::function<Status(size_t)>& step) {
  std::vector<Status> outcomes(count, ok_status());
  at_once(count, [&](size_t i) { outcomes[i] = step(i); });
  std::vector<std::string> errors;
  for (const Status& outcome : outcomes) {
    if (!outcome) errors.push_back(outcome.error().message);
  }
  return errors.empty() ? ok_status() : Status(Error{joined(errors, "; ")});
}

}  // namespace riven
