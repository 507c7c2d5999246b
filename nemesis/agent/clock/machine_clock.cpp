#include "nemesis/agent/clock/machine_clock.h"

#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "harness/core/boot_id.h"
#include "harness/core/clock.h"
#include "harness/core/json_fields.h"
#include "nemesis/agent/clock/clock_shape.h"
#include "nemesis/agent/clock/offset_series.h"
#include "nemesis/agent/clock/time_services.h"
#include "nemesis/agent/core/host_permissions.h"

namespace riven::agent {
namespace {

constexpr useconds_t kRoundUs = 5'000;
constexpr int64_t kLateNs = 4 * int64_t{kRoundUs} * 1000;  // by which a round may come too late
constexpr int64_t kNearNs = 50'000;                        // not worth a step
constexpr int64_t kSmoothPpb = 90'000'000;                 // the kernel's tick goes 10% up and down
constexpr int64_t kPpbPerTick = 100'000;                   // one microsecond in a tick of 10 ms
constexpr int64_t kNormalTick = 10'000;
constexpr double kFrequencyUnit =
    65.536;  // adjtimex(2): parts per million, shifted by 16 bits; here for one ppb

Error errno_error(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

int64_t clock_ns(clockid_t id) {
  timespec now{};
  ::clock_gettime(id, &now);
  return now.tv_sec * kNanosPerSecond + now.tv_nsec;
}

/// How the clock would go if nobody had touched it.
struct Truth {
  std::string boot;
  int64_t base_ns = 0;  ///< CLOCK_REALTIME - CLOCK_MONOTONIC_RAW ...
  int64_t raw_ns = 0;   ///< ... at this moment of the latter
  int64_t tick = kNormalTick;
  int64_t frequency = 0;
  std::vector<std::string> services;

  int64_t rate_ppb() const {
    return (tick - kNormalTick) * kPpbPerTick + std::llround(static_cast<double>(frequency) / kFrequencyUnit);
  }
  int64_t real_at(int64_t raw) const {
    const double gained = static_cast<double>(raw - raw_ns) * static_cast<double>(rate_ppb()) / 1e9;
    return raw + base_ns + std::llround(gained);
  }
};

struct Moment {
  int64_t raw_ns = 0;
  int64_t real_ns = 0;
  int64_t error_ns = 0;
};

/// The best of a few pairs of readings.
Moment look() {
  Moment best;
  for (int i = 0; i < 5; ++i) {
    const int64_t before = clock_ns(CLOCK_MONOTONIC_RAW);
    const int64_t real = clock_ns(CLOCK_REALTIME);
    const int64_t after = clock_ns(CLOCK_MONOTONIC_RAW);
    if (i == 0 || after - before < 2 * best.error_ns)
      best = {before + (after - before) / 2, real, (after - before) / 2};
  }
  return best;
}

/// Changes to the clock of this machine. There is none but for a machine whose boot a record names, and such
/// a record is made for machines alone that are their owner's to break (check_host_permission).
class Setter {
 public:
  static Result<Setter> of(const std::string& boot) {
    if (boot.empty() || boot != boot_id())
      return Error{"this is another machine than the one whose clock was set"};
    return Setter();
  }
  Status step(int64_t by_ns) const {
    timex change{};
    change.modes = ADJ_SETOFFSET | ADJ_NANO;
    change.time.tv_sec = by_ns / kNanosPerSecond;
    change.time.tv_usec = by_ns % kNanosPerSecond;  // nanoseconds by ADJ_NANO; never negative
    if (change.time.tv_usec < 0) {
      change.time.tv_usec += kNanosPerSecond;
      --change.time.tv_sec;
    }
    return apply(change, "stepped");
  }
  Status rate(int64_t tick, int64_t frequency) const {
    timex change{};
    change.modes = ADJ_TICK | ADJ_FREQUENCY | ADJ_STATUS;
    change.tick = tick;
    change.freq = frequency;
    change.status = STA_UNSYNC;  // no loop of the kernel's works against it
    return apply(change, "given another rate");
  }
  /// Within kSmoothPpb.
  Status drift(int64_t ppb) const {
    const int64_t ticks = ppb / kPpbPerTick;
    const int64_t rest = ppb % kPpbPerTick;
    return rate(kNormalTick + ticks, std::llround(static_cast<double>(rest) * kFrequencyUnit));
  }

 private:
  Setter() = default;
  static Status apply(timex& change, const char* done) {
    if (::clock_adjtime(CLOCK_REALTIME, &change) >= 0) return ok_status();
    return errno_error(std::string("the machine's clock cannot be ") + done);
  }
};

/// The fault that has the clock, of all there are in this process.
struct Holder {
  std::mutex mutex;
  std::string fault;  ///< empty: none
  Truth truth;
};

Holder& holder() {
  static Holder one;
  return one;
}

Result<Truth> take_truth() {
  Truth truth;
  truth.boot = boot_id();
  timex now{};
  if (::clock_adjtime(CLOCK_REALTIME, &now) < 0)
    return errno_error("the machine's clock does not tell its rate");
  truth.tick = now.tick;
  truth.frequency = now.freq;
  auto services = active_time_services();
  if (!services) return services.error();
  truth.services = std::move(*services);
  const Moment moment = look();
  truth.base_ns = moment.real_ns - moment.raw_ns;
  truth.raw_ns = moment.raw_ns;
  return truth;
}

class MachineClock final : public Fault {
 public:
  MachineClock(std::string id, const ClockShape& shape, bool watch_only, Truth truth)
      : id_(std::move(id)), shape_(shape), watch_only_(watch_only), truth_(std::move(truth)) {}
  ~MachineClock() override { stop_shaping(); }
  MachineClock(const MachineClock&) = delete;
  MachineClock& operator=(const MachineClock&) = delete;

  Json undo_record() const override {
    return {{"fault", id_},
            {"watch", watch_only_},
            {"boot", truth_.boot},
            {"base_ns", truth_.base_ns},
            {"raw_ns", truth_.raw_ns},
            {"tick", truth_.tick},
            {"frequency", truth_.frequency},
            {"services", truth_.services}};
  }

  Status arm() override { return watch_only_ ? ok_status() : stop_services(truth_.services); }

  Result<Json> apply() override {
    began_raw_ns_ = clock_ns(CLOCK_MONOTONIC_RAW);
    if (!watch_only_) {
      const Result<Setter> setter = Setter::of(truth_.boot);
      if (!setter) return setter.error();
      {
        const std::lock_guard lock(holder().mutex);
        holder().fault = id_;
        holder().truth = truth_;
      }
      if (Status begun = shape_now(*setter); !begun) return begun.error();
    }
    shaper_ = std::thread([this] { shape_until_stopped(); });
    return Json{{"services", truth_.services}};
  }

  Json observe() override {
    const Moment moment = look();
    const int64_t offset_ns = moment.real_ns - truth_.real_at(moment.raw_ns);
    const int64_t elapsed_ns = began_raw_ns_ == 0 ? 0 : moment.raw_ns - began_raw_ns_;
    const int64_t wanted_ns = watch_only_ ? 0 : skew_ns(shape_, elapsed_ns);
    const int64_t late_ns = watch_only_ ? 0 : skew_ns(shape_, std::max<int64_t>(0, elapsed_ns - kLateNs));
    const int64_t slack_ns =
        moment.error_ns + kNanosPerMilli + std::abs(shape_.drift_ppb) / 1000 * kLateNs / 1'000'000;
    const auto near = [&](int64_t wanted) { return std::abs(offset_ns - wanted) <= slack_ns; };
    const std::lock_guard lock(mutex_);
    largest_ns_ = std::max(largest_ns_, std::abs(offset_ns));
    Json proof = {{"processes", 1},
                  {"bent", watch_only_ ? 0 : 1},
                  {"offset_ns", offset_ns},
                  {"wanted_ns", wanted_ns},
                  {"error_ns", moment.error_ns},
                  {"largest_ns", largest_ns_},
                  {"right", watch_only_ || near(wanted_ns) || near(late_ns)},
                  {"services", truth_.services},
                  {"series", series_.json()}};
    if (!failed_.empty()) proof["error"] = failed_;
    return proof;
  }

  void retire() override { stop_shaping(); }

 private:
  void stop_shaping() {
    stop_ = true;
    if (shaper_.joinable()) shaper_.join();
  }

  bool has_the_clock() const {
    const std::lock_guard lock(holder().mutex);
    return holder().fault == id_;
  }

  /// Rate and offset as the shape wants them at this moment.
  Status shape_now(const Setter& setter) {
    const int64_t elapsed_ns = clock_ns(CLOCK_MONOTONIC_RAW) - began_raw_ns_;
    const bool drifts = shape_.drift_ppb != 0 && std::abs(shape_.drift_ppb) <= kSmoothPpb &&
                        (shape_.drift_for_ns == 0 || elapsed_ns < shape_.drift_for_ns);
    const int64_t ppb = truth_.rate_ppb() + (drifts ? shape_.drift_ppb : 0);
    if (ppb_ != ppb) {
      if (Status set = setter.drift(ppb); !set) return set;
      ppb_ = ppb;
    }
    const Moment moment = look();
    const int64_t wanted_ns = skew_ns(shape_, moment.raw_ns - began_raw_ns_);
    const int64_t missing_ns = wanted_ns - (moment.real_ns - truth_.real_at(moment.raw_ns));
    if (std::abs(missing_ns) <= kNearNs + moment.error_ns) return ok_status();
    return setter.step(missing_ns);
  }

  void shape_until_stopped() {
    int64_t noted_ns = 0;
    const Result<Setter> setter = Setter::of(truth_.boot);
    for (; !stop_; ::usleep(kRoundUs)) {
      if (!watch_only_) {
        if (!has_the_clock()) return;
        const Status shaped = setter ? shape_now(*setter) : Status(setter.error());
        const std::lock_guard lock(mutex_);
        if (!shaped) failed_ = shaped.error().message;
      }
      const Moment moment = look();
      const int64_t offset_ns = moment.real_ns - truth_.real_at(moment.raw_ns);
      const std::lock_guard lock(mutex_);
      largest_ns_ = std::max(largest_ns_, std::abs(offset_ns));
      if (moment.raw_ns - noted_ns < series_.gap_ns()) continue;
      noted_ns = moment.raw_ns;
      series_.add((moment.raw_ns - began_raw_ns_) / kNanosPerMilli, offset_ns / 1000);
    }
  }

  const std::string id_;
  const ClockShape shape_;
  const bool watch_only_;
  const Truth truth_;
  int64_t began_raw_ns_ = 0;
  std::optional<int64_t> ppb_;                      // apply()'s and then the shaper's own
  std::mutex mutex_;                                // all below
  OffsetSeries series_{600, 100 * kNanosPerMilli};  // since the beginning
  int64_t largest_ns_ = 0;
  std::string failed_;
  std::atomic<bool> stop_ = false;
  std::thread shaper_;
};

Status probe(const Context& context) {
  if (Status own = check_host_permission(context, context.may_set_clock, "may_set_clock"); !own) return own;
  const Result<Truth> truth = take_truth();
  return truth ? ok_status() : Status(truth.error());
}

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string& id, const Json& params) {
  if (Status own = check_host_permission(context, context.may_set_clock, "may_set_clock"); !own)
    return own.error();
  const Result<ClockShape> shape = clock_shape_from(params);
  if (!shape) return shape.error();
  const bool watch_only = flag_of(params, "watch");
  if (watch_only == (*shape != ClockShape{}))
    return Error{watch_only ? "who only watches sets nothing" : "a clock fault that changes nothing"};
  {
    const std::lock_guard lock(holder().mutex);
    if (!holder().fault.empty())
      return std::unique_ptr<Fault>(std::make_unique<MachineClock>(id, *shape, watch_only, holder().truth));
  }
  Result<Truth> truth = take_truth();
  if (!truth) return truth.error();
  return std::unique_ptr<Fault>(std::make_unique<MachineClock>(id, *shape, watch_only, std::move(*truth)));
}

Result<Json> undo(const Context&, const Json& record) {
  if (flag_of(record, "watch")) return Json::object();
  Truth truth;
  truth.boot = text_of(record, "boot");
  if (truth.boot != boot_id()) return Json{{"rebooted", true}};
  const std::lock_guard lock(holder().mutex);
  if (!holder().fault.empty() && holder().fault != text_of(record, "fault"))
    return Json{{"taken_over", true}};
  const Result<Setter> setter = Setter::of(truth.boot);
  if (!setter) return setter.error();
  truth.base_ns = integer_of(record, "base_ns");
  truth.raw_ns = integer_of(record, "raw_ns");
  truth.tick = integer_of(record, "tick");
  truth.frequency = integer_of(record, "frequency");
  truth.services = texts_of(record, "services");
  if (Status set = setter->rate(truth.tick, truth.frequency); !set) return set.error();
  const Moment moment = look();
  const int64_t off_ns = moment.real_ns - truth.real_at(moment.raw_ns);
  if (std::abs(off_ns) > kNearNs) {
    if (Status set = setter->step(-off_ns); !set) return set.error();
  }
  if (Status started = start_services(truth.services); !started) return started.error();
  holder().fault.clear();
  return Json{{"stepped_back_ns", off_ns}};
}

}  // namespace

FaultKind machine_clock_kind() { return {"machine-clock", make, undo, nullptr, probe}; }

}  // namespace riven::agent
