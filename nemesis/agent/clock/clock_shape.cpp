#include "nemesis/agent/clock/clock_shape.h"

#include <algorithm>
#include <array>

namespace riven::agent {
namespace {

constexpr int64_t kBillion = 1'000'000'000;

struct Field {
  const char* key;
  int64_t ClockShape::*member;
  int64_t least;
  int64_t most;
};
constexpr std::array<Field, 7> kFields = {{{"offset_ns", &ClockShape::offset_ns, -kMaxSkewNs, kMaxSkewNs},
                                           {"drift_ppb", &ClockShape::drift_ppb, -kMaxDriftPpb, kMaxDriftPpb},
                                           {"drift_for_ns", &ClockShape::drift_for_ns, 0, kMaxSkewNs},
                                           {"strobe_ns", &ClockShape::strobe_ns, -kMaxSkewNs, kMaxSkewNs},
                                           {"strobe_period_ns", &ClockShape::strobe_period_ns, 0, kMaxSkewNs},
                                           {"step_ns", &ClockShape::step_ns, -kMaxSkewNs, kMaxSkewNs},
                                           {"step_after_ns", &ClockShape::step_after_ns, 0, kMaxSkewNs}}};

/// floor(a * b / divisor) without overflow; divisor above 0.
int64_t scaled(int64_t a, int64_t b, int64_t divisor) {
  __extension__ using Wide = __int128;
  const Wide product = Wide{a} * b;
  Wide quotient = product / divisor;
  if (product % divisor < 0) --quotient;
  return static_cast<int64_t>(quotient);
}

}  // namespace

Result<ClockShape> clock_shape_from(const Json& params) {
  ClockShape shape;
  for (const Field& field : kFields) {
    if (!params.contains(field.key)) continue;
    const Json& told = params[field.key];
    if (!told.is_integer()) return Error{std::string(field.key) + " must be an integer"};
    const auto number = told.get<int64_t>();
    if (number < field.least || number > field.most) {
      return Error{std::string(field.key) + " must be " + std::to_string(field.least) + " to " +
                   std::to_string(field.most)};
    }
    shape.*field.member = number;
  }
  if (shape.strobe_ns != 0 && shape.strobe_period_ns < kMinStrobePeriodNs) {
    return Error{"a strobe needs a strobe_period_ns of at least " + std::to_string(kMinStrobePeriodNs)};
  }
  return shape;
}

Json to_json(const ClockShape& shape) {
  Json json = Json::object();
  for (const Field& field : kFields) {
    if (shape.*field.member != 0) json[field.key] = shape.*field.member;
  }
  return json;
}

int64_t skew_ns(const ClockShape& shape, int64_t elapsed_ns) {
  const int64_t elapsed = std::max<int64_t>(elapsed_ns, 0);
  const int64_t drifting = shape.drift_for_ns > 0 ? std::min(elapsed, shape.drift_for_ns) : elapsed;
  int64_t skew = shape.offset_ns + scaled(drifting, shape.drift_ppb, kBillion);
  if (shape.strobe_ns != 0 && (elapsed / (shape.strobe_period_ns / 2)) % 2 == 1) skew += shape.strobe_ns;
  if (shape.step_ns != 0 && elapsed >= shape.step_after_ns) skew += shape.step_ns;
  return skew;
}

}  // namespace riven::agent
