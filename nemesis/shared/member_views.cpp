#include "nemesis/shared/member_views.h"

#include <algorithm>
#include <condition_variable>

#include "harness/core/at_once.h"
#include "harness/core/clock.h"

namespace riven {
namespace {

constexpr Milliseconds kDeadline{500};
constexpr Milliseconds kBetween{500};
constexpr size_t kMostViews = 1000;

}  // namespace

MemberViews look_at_members(MemberControl& control, const std::vector<Node>& nodes) {
  std::vector<MemberView> seen(nodes.size());
  at_once(nodes.size(), [&](size_t i) {
    auto members = control.members(nodes[i], nodes, kDeadline);
    if (members) {
      seen[i].members = std::move(*members);
    } else {
      seen[i].error = members.error().message;
    }
  });
  MemberViews views;
  for (size_t i = 0; i < nodes.size(); ++i) views[nodes[i].name] = std::move(seen[i]);
  return views;
}

bool most_see(const MemberViews& views, const std::vector<Node>& nodes,
              const std::vector<std::string>& without) {
  std::vector<std::string> wanted;
  for (const Node& node : nodes) {
    if (std::find(without.begin(), without.end(), node.name) == without.end()) wanted.push_back(node.name);
  }
  std::sort(wanted.begin(), wanted.end());
  const auto agree = std::count_if(views.begin(), views.end(), [&](const auto& view) {
    return view.second.error.empty() && view.second.members == wanted;
  });
  return static_cast<size_t>(agree) * 2 > nodes.size();
}

Value to_value(const MemberViews& views) {
  Value::List all;
  for (const auto& [node, view] : views) {
    all.emplace_back(node);
    all.emplace_back(view.error.empty() ? Value(Value::List(view.members.begin(), view.members.end()))
                                        : Value(view.error));
  }
  return Value::map(std::move(all));
}

MemberWatch::MemberWatch(MemberControl& control, std::vector<Node> nodes)
    : control_(control),
      nodes_(std::move(nodes)),
      began_ns_(monotonic_now_ns()),
      thread_([this](const std::stop_token& stop) { watch(stop); }) {}

Value MemberWatch::series() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return series_;
}

void MemberWatch::note(const MemberViews& views) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (views == last_ || series_.size() == kMostViews) return;
  const int64_t since_ms = (monotonic_now_ns() - began_ns_) / kNanosPerMilli;
  series_.emplace_back(Value::List{since_ms, to_value(views)});
  last_ = views;
}

void MemberWatch::watch(const std::stop_token& stop) {
  std::mutex asleep_mutex;
  std::condition_variable_any asleep;
  while (!stop.stop_requested()) {
    note(look_at_members(control_, nodes_));
    std::unique_lock<std::mutex> lock(asleep_mutex);
    asleep.wait_for(lock, stop, kBetween, [] { return false; });
  }
}

}  // namespace riven
