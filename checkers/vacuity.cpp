#include "checkers/vacuity.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <utility>

#include "harness/api/registry.h"
#include "harness/core/text.h"

namespace riven::checkers {
namespace {

constexpr size_t kWindowsShown = 1'000;
constexpr size_t kComplaintsShown = 100;

/// When a function was in use and how often it succeeded.
struct Usage {
  uint64_t ok = 0;
  int64_t first_invoked_ns = INT64_MAX;
  int64_t last_invoked_ns = INT64_MIN;
};

struct Activity {
  std::vector<Usage> functions;                  // by function id
  std::vector<std::vector<uint64_t>> in_window;  // by window, by function id: successes
  uint64_t invoked = 0;
  uint64_t ok = 0;
  int64_t first_invoked_ns = INT64_MAX;
  int64_t last_invoked_ns = INT64_MIN;
  int64_t last_ok_invoked_ns = INT64_MIN;

  /// Successes a second over the time in which clients were active.
  double rate_hz(uint64_t count) const {
    const double seconds = static_cast<double>(last_invoked_ns - first_invoked_ns) / 1e9;
    return seconds > 0 ? static_cast<double>(count) / seconds : 0;
  }
};

/// One pass in time order; windows come sorted by their beginning.
Activity observe(const History& history, const std::vector<FaultWindow>& windows) {
  Activity a;
  const size_t functions = history.functions().size();
  a.functions.resize(functions);
  a.in_window.assign(windows.size(), std::vector<uint64_t>(functions));
  std::vector<size_t> in_force;
  size_t next = 0;
  for (size_t i = 0; i < history.size(); ++i) {
    if (!history.is_client(i)) continue;
    const int64_t now = history.time_ns(i);
    const OpType type = history.type(i);
    Usage& usage = a.functions[history.function_id(i)];
    if (type == OpType::invoke) {
      ++a.invoked;
      usage.first_invoked_ns = std::min(usage.first_invoked_ns, now);
      usage.last_invoked_ns = std::max(usage.last_invoked_ns, now);
      a.first_invoked_ns = std::min(a.first_invoked_ns, now);
      a.last_invoked_ns = std::max(a.last_invoked_ns, now);
    }
    if (type != OpType::ok) continue;
    ++usage.ok;
    ++a.ok;
    const int64_t invoked = history.time_ns(history.pair(i));
    a.last_ok_invoked_ns = std::max(a.last_ok_invoked_ns, invoked);
    while (next < windows.size() && windows[next].begin_ns <= now) in_force.push_back(next++);
    std::erase_if(in_force, [&](size_t w) { return windows[w].end_ns < now; });
    for (const size_t w : in_force)
      if (invoked >= windows[w].begin_ns) ++a.in_window[w][history.function_id(i)];
  }
  return a;
}

std::string place(const FaultWindow& w) {
  return w.name + " at " + fixed(static_cast<double>(w.begin_ns) / 1e9, 1) + " s";
}

class Judge {
 public:
  Judge(const History& history, const VacuityOptions& options)
      : history_(history),
        options_(options),
        timeline_(fault_timeline(history, options.spans)),
        crowded_(find_crowded(timeline_.windows)),
        activity_(observe(history, timeline_.windows)) {}

  CheckResult judge() {
    CheckResult result;
    result.name = "vacuity";
    Json ok = Json::object();
    for (size_t f = 0; f < activity_.functions.size(); ++f)
      if (activity_.functions[f].ok > 0) ok[function(f)] = activity_.functions[f].ok;
    if (activity_.invoked == 0)
      complaints_.emplace_back("the history holds no client operation");
    else if (activity_.ok == 0)
      complaints_.push_back("none of " + counted(activity_.invoked, "operation") + " succeeded");
    Json windows = Json::array();
    for (size_t w = 0; w < timeline_.windows.size(); ++w) {
      Json row = judge_window(w);
      if (w < kWindowsShown) windows.push_back(std::move(row));
    }
    judge_kinds();
    judge_end();
    result.details = {
        {"ok", std::move(ok)},
        {"windows", std::move(windows)},
        {"windows_left_out", timeline_.windows.size() - std::min(timeline_.windows.size(), kWindowsShown)},
        {"complaints",
         std::vector<std::string>(complaints_.begin(),
                                  complaints_.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(
                                                            complaints_.size(), kComplaintsShown)))}};
    if (!complaints_.empty()) {
      result.reason = "vacuous: " + complaints_.front();
      if (complaints_.size() > 1)
        result.reason += " (and " + counted(complaints_.size() - 1, "more complaint") + ")";
      return result;
    }
    result.verdict = Verdict::valid;
    result.reason = counted(activity_.ok, "operation") + " succeeded" + faults_summary();
    return result;
  }

 private:
  std::string function(size_t f) const { return valid_utf8(history_.functions()[f].text()); }

  bool is_outage(const FaultWindow& w) const { return w.stops_nodes || ended_servers(w); }

  /// By what the fault itself says that it killed, as a power failure does.
  bool ended_servers(const FaultWindow& w) const {
    const uint32_t done = w.start_entry == History::kNone ? History::kNone : history_.pair(w.start_entry);
    if (done == History::kNone) return false;
    const Value value = history_.op(done).value;
    const Value* const killed = value.is_map() ? value.find("killed") : nullptr;
    return killed != nullptr && !(killed->is_integer() && killed->integer() == 0);
  }

  /// How many successes the window must have seen of something that succeeds `rate_hz` times a second.
  uint64_t demand(double rate_hz, int64_t length_ns) const {
    if (length_ns <= 0) return 0;
    const double expected = rate_hz * static_cast<double>(length_ns) / 1e9;
    return static_cast<uint64_t>(
        std::min(std::floor(options_.share * expected), static_cast<double>(options_.cap)));
  }

  Json judge_window(size_t index) {
    const FaultWindow& w = timeline_.windows[index];
    Json row = {{"fault", valid_utf8(w.name)},
                {"begin_s", static_cast<double>(w.begin_ns) / 1e9},
                {"end_s", static_cast<double>(w.end_ns) / 1e9},
                {"ended", w.ended},
                {"judged", w.error.empty()}};
    if (!w.error.empty()) {
      if (!crowded_[index]) complaints_.push_back(could_not_be_applied(w));
      row["error"] = valid_utf8(w.error);
      return row;
    }
    if (!is_outage(w)) judge_successes(index, row);
    if (w.took_effect) row["took_effect"] = *w.took_effect;
    if (w.dropped) row["dropped"] = *w.dropped;
    const bool is_long = w.end_ns - w.begin_ns >= options_.shortest_ns;
    if (w.proof() == false && is_long && !crowded_[index]) complain_without_effect(w);
    return row;
  }

  static std::string could_not_be_applied(const FaultWindow& w) {
    return place(w) + " could not be applied: " + valid_utf8(w.error);
  }

  /// By window: whether another fault was in force at the same time. What is killed cannot be paused, and a
  /// pause ends with the process: of such windows only one of each fault must have taken effect.
  static std::vector<bool> find_crowded(const std::vector<FaultWindow>& windows) {
    std::vector<bool> crowded(windows.size(), false);
    std::vector<size_t> in_force;
    for (size_t i = 0; i < windows.size(); ++i) {  // by their beginning
      std::erase_if(in_force, [&](size_t other) { return windows[other].end_ns < windows[i].begin_ns; });
      for (const size_t other : in_force)
        if (windows[other].name != windows[i].name) crowded[i] = crowded[other] = true;
      in_force.push_back(i);
    }
    return crowded;
  }

  void complain_without_effect(const FaultWindow& w) {
    complaints_.push_back(place(w) +
                          (w.dropped == 0 ? " dropped no packet" : " is proved to have had no effect") +
                          " in " + fixed(w.seconds(), 1) + " s");
  }

  static std::string because(const FaultWindow& w) {
    return w.stop_error.empty() ? "" : ", and could not be ended: " + valid_utf8(w.stop_error);
  }

  void judge_successes(size_t index, Json& row) {
    const FaultWindow& w = timeline_.windows[index];
    std::vector<std::string> too_few;
    const int64_t end = std::min(w.end_ns, activity_.last_invoked_ns);
    const int64_t length = end - w.begin_ns - options_.grace_ns;
    uint64_t total = 0;
    Json ok = Json::object();
    Json demanded = Json::object();
    for (size_t f = 0; f < activity_.functions.size(); ++f) {
      const Usage& usage = activity_.functions[f];
      const uint64_t have = activity_.in_window[index][f];
      total += have;
      if (have > 0) ok[function(f)] = have;
      if (usage.first_invoked_ns > w.end_ns || usage.last_invoked_ns < w.begin_ns) continue;
      const uint64_t least = demand(activity_.rate_hz(usage.ok), length);
      if (least == 0) continue;
      demanded[function(f)] = least;
      if (have < least) too_few.push_back(about_successes(w, have, function(f), least));
    }
    const uint64_t least = demand(activity_.rate_hz(activity_.ok), length);
    if (demanded.empty() && total < least) too_few.push_back(about_successes(w, total, "operation", least));
    row["ok"] = std::move(ok);
    row["demanded"] = std::move(demanded);
    if (w.end_ns - w.begin_ns >= options_.patience_ns) {
      complaints_.insert(complaints_.end(), too_few.begin(), too_few.end());
      return;
    }
    ShortWindows& shorts = shorts_[w.name];
    ++shorts.judged;
    if (too_few.empty()) return;
    ++shorts.starved;
    shorts.complaints.insert(shorts.complaints.end(), too_few.begin(), too_few.end());
  }

  static std::string about_successes(const FaultWindow& w, uint64_t have, const std::string& kind,
                                     uint64_t least) {
    return "during the " + place(w) + " (" + fixed(w.seconds(), 1) + " s) " +
           (have == 0 ? "no " + kind : "only " + std::to_string(have) + " " + kind) +
           " succeeded, at least " + std::to_string(least) + " expected";
  }

  /// Clients that try and fail until the end, with no fault in force to excuse it, test nothing any more.
  void judge_end() {
    if (activity_.ok == 0) return;
    const FaultWindow* last = nullptr;
    for (const FaultWindow& w : timeline_.windows)
      if (last == nullptr || w.end_ns > last->end_ns) last = &w;
    const bool after_fault = last != nullptr && last->end_ns > activity_.last_ok_invoked_ns;
    const int64_t since = after_fault ? last->end_ns : activity_.last_ok_invoked_ns;
    const int64_t whole = activity_.last_invoked_ns - activity_.first_invoked_ns;
    const int64_t tolerated = std::max(options_.grace_ns, std::min(options_.patience_ns, whole / 2));
    const int64_t length = activity_.last_invoked_ns - since;
    if (length <= tolerated) return;
    const std::string seconds = fixed(static_cast<double>(length) / 1e9, 1) + " s";
    complaints_.push_back(after_fault
                              ? "no operation succeeded after the " + place(*last) +
                                    ", though clients tried for " + seconds + " more"
                              : "no operation succeeded in the last " + seconds + ", though clients tried");
  }

  /// What holds for all windows and one-shots of a fault together.
  void judge_kinds() {
    struct Kind {
      size_t windows = 0, effective = 0, unproved = 0, failed_marks = 0, marks = 0;
      bool told = false;  // of a window without effect, by itself
      const FaultWindow* first_without = nullptr;
      const FaultWindow* first_refused = nullptr;
      const FaultWindow* first_unproved = nullptr;
      const FaultMark* first_failed = nullptr;
    };
    std::map<std::string, Kind> kinds;
    for (size_t i = 0; i < timeline_.windows.size(); ++i) {
      const FaultWindow& w = timeline_.windows[i];
      Kind& kind = kinds[w.name];
      ++kind.windows;
      if (!w.error.empty()) {
        kind.told = kind.told || !crowded_[i];
        if (kind.first_refused == nullptr) kind.first_refused = &w;
        continue;
      }
      if (w.proof() == true) ++kind.effective;
      if (!w.proof() && kind.unproved++ == 0) kind.first_unproved = &w;
      if (w.proof() != false) continue;
      kind.told = kind.told || (w.end_ns - w.begin_ns >= options_.shortest_ns && !crowded_[i]);
      if (kind.first_without == nullptr) kind.first_without = &w;
    }
    for (const FaultMark& mark : timeline_.marks) {
      Kind& kind = kinds[mark.name];
      ++kind.marks;
      if (mark.error.empty()) continue;
      ++kind.failed_marks;
      if (kind.first_failed == nullptr) kind.first_failed = &mark;
    }
    for (const auto& [name, shorts] : shorts_) {
      if (2 * shorts.starved > shorts.judged)
        complaints_.insert(complaints_.end(), shorts.complaints.begin(), shorts.complaints.end());
    }
    for (const auto& [name, kind] : kinds) {
      if (kind.effective == 0 && kind.unproved == 0 && !kind.told) {
        if (kind.first_without != nullptr)
          complain_without_effect(*kind.first_without);
        else if (kind.first_refused != nullptr)
          complaints_.push_back(could_not_be_applied(*kind.first_refused));
      }
      if (kind.marks > 0 && kind.failed_marks == kind.marks)
        complaints_.push_back(valid_utf8(name) + " never worked: " + valid_utf8(kind.first_failed->error));
    }
    for (const std::string& name : options_.expected) {
      const auto found = kinds.find(name);
      if (found == kinds.end()) {
        complaints_.push_back("the fault " + name + " was asked for and never began");
      } else if (found->second.unproved > 0 && found->second.unproved == found->second.windows) {
        complaints_.push_back(place(*found->second.first_unproved) +
                              " was never proved to have taken effect" +
                              because(*found->second.first_unproved));
      }
    }
  }

  std::string faults_summary() const {
    const std::vector<FaultWindow>& windows = timeline_.windows;
    if (windows.empty() && timeline_.marks.empty()) return "; no faults in this history";
    const auto proved = static_cast<uint64_t>(std::count_if(
        windows.begin(), windows.end(), [](const FaultWindow& w) { return w.proof() == true; }));
    std::string text = "; " + counted(windows.size(), "fault window");
    if (proved > 0 && proved == windows.size()) return text + ", each proved to have taken effect";
    return text + ", " + grouped(static_cast<int64_t>(proved)) +
           " proved to have taken effect, the others not counted";
  }

  const History& history_;
  const VacuityOptions& options_;
  const FaultTimeline timeline_;
  const std::vector<bool> crowded_;
  const Activity activity_;
  std::vector<std::string> complaints_;
  /// Windows below patience_ns of one fault, and what is said of those with too few successes.
  struct ShortWindows {
    size_t judged = 0, starved = 0;
    std::vector<std::string> complaints;
  };
  std::map<std::string, ShortWindows> shorts_;
};

class Vacuity final : public Checker {
 public:
  explicit Vacuity(VacuityOptions options) : options_(std::move(options)) {}
  std::string name() const override { return "vacuity"; }
  CheckResult check(const History& history, const Budget&) const override {
    return Judge(history, options_).judge();
  }

 private:
  VacuityOptions options_;
};

Result<CheckerPtr> from_options(const std::map<std::string, std::string>& options) {
  VacuityOptions made;
  for (const auto& [key, text] : options) {
    if (key == "model") continue;
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    if (text.empty() || *end != '\0' || !(number >= 0) || number > 1e9)
      return Error{"vacuity: option " + key + "=" + text + " is not a number from 0 to 1e9"};
    if (key == "share")
      made.share = number;
    else if (key == "cap")
      made.cap = static_cast<uint64_t>(number);
    else if (key == "grace_ms")
      made.grace_ns = static_cast<int64_t>(number * 1e6);
    else if (key == "shortest_ms")
      made.shortest_ns = static_cast<int64_t>(number * 1e6);
    else
      return Error{"vacuity: unknown option " + key + " (known: share, cap, grace_ms, shortest_ms)"};
  }
  return vacuity_checker(std::move(made));
}

}  // namespace

CheckerPtr vacuity_checker(VacuityOptions options) { return std::make_shared<Vacuity>(std::move(options)); }

void add_vacuity(Registry& registry) {
  registry.add(
      CheckerFactory{"vacuity",
                     "unknown unless operations succeeded under each fault and the faults took effect",
                     {"vacuity"},
                     from_options});
}

}  // namespace riven::checkers
