#include "nemesis/shared/membership.h"

#include <algorithm>
#include <thread>

#include "harness/core/clock.h"
#include "nemesis/shared/node_choice.h"

namespace riven {
namespace {

// etcd takes a member in once all others have been connected for five seconds.
constexpr Milliseconds kDeadline{20'000};
constexpr Milliseconds kBetween{100};

/// Null: the database's members cannot be changed.
MemberControl* members_of(const FaultTarget& target) {
  return target.database == nullptr ? nullptr : target.database->member_control();
}

/// Waits until the node reports its members itself, which it does once it has learnt them from the others:
/// one that is killed before that, or finds them still starting, takes what little they know for the whole
/// cluster and gives up.
Status await_own_view(FaultTarget& target, const Node& node) {
  const int64_t until_ns = monotonic_now_ns() + kDeadline.count() * kNanosPerMilli;
  while (true) {
    const auto seen = members_of(target)->members(node, target.nodes, Milliseconds(1'000));
    if (seen) return ok_status();
    if (monotonic_now_ns() > until_ns)
      return Error{node.name + " does not come up again: " + seen.error().message};
    std::this_thread::sleep_for(kBetween);
  }
}

std::vector<std::string> names_at(const std::vector<size_t>& positions, const std::vector<Node>& nodes) {
  std::vector<std::string> names;
  for (const size_t node : positions) names.push_back(nodes[node].name);
  return names;
}

/// The views once most nodes see all members but `without`, or an error at the deadline.
Result<MemberViews> await_view(FaultTarget& target, const std::vector<std::string>& without) {
  const int64_t until_ns = monotonic_now_ns() + kDeadline.count() * kNanosPerMilli;
  while (true) {
    MemberViews views = look_at_members(*members_of(target), target.nodes);
    if (most_see(views, target.nodes, without)) return views;
    if (monotonic_now_ns() > until_ns)
      return Error{"after " + std::to_string(kDeadline.count() / 1000) +
                   " s most nodes still see other members: " + to_edn(to_value(views))};
    std::this_thread::sleep_for(kBetween);
  }
}

}  // namespace

Result<std::vector<std::string>> bring_members_back(FaultTarget& target) {
  std::vector<std::string> back;
  if (members_of(target) == nullptr) return back;
  const MemberViews views = look_at_members(*members_of(target), target.nodes);
  for (const Node& node : target.nodes) {
    const auto missed = std::count_if(views.begin(), views.end(), [&](const auto& view) {
      const auto& members = view.second.members;
      return view.second.error.empty() &&
             std::find(members.begin(), members.end(), node.name) == members.end();
    });
    if (static_cast<size_t>(missed) * 2 <= target.nodes.size()) continue;
    if (Status added = members_of(target)->add_member(node, target.nodes, kDeadline); !added)
      return Error{node.name + ": " + added.error().message};
    back.push_back(node.name);
  }
  if (back.empty()) return back;
  if (auto whole = await_view(target, {}); !whole) return whole.error();
  return back;
}

Result<int64_t> replace_the_dead(FaultTarget& target, const std::vector<size_t>& nodes) {
  constexpr Milliseconds kLook{2'500};  // a leader's heartbeat, an election and what comes of it
  int64_t replaced = 0;
  if (members_of(target) == nullptr) return replaced;
  if (most_removed(target.nodes.size()) == 0) return replaced;
  std::this_thread::sleep_for(kLook);
  for (const size_t position : nodes) {
    const Node& node = target.nodes[position];
    if (members_of(target)->members(node, target.nodes, Milliseconds(1'000))) continue;
    (void)target.database->server_control()->kill(node);
    Status done = members_of(target)->remove_member(node, target.nodes, kDeadline);
    if (done) done = members_of(target)->add_member(node, target.nodes, kDeadline);
    if (done) done = await_own_view(target, node);
    if (!done) return done.error();
    ++replaced;
  }
  return replaced;
}

Result<Value::List> RemovedMembers::remove(FaultTarget& target, const std::vector<size_t>& nodes) {
  if (any()) return Error{"members are out already"};
  if (target.database == nullptr) return Error{"without its database nobody could change the members"};
  if (nodes.size() > most_removed(target.nodes.size()))
    return Error{"without " + std::to_string(nodes.size()) + " of " + std::to_string(target.nodes.size()) +
                 " nodes no majority is left"};
  std::vector<std::vector<FaultSpec>> faults(target.nodes.size());
  for (const size_t node : nodes) faults[node].push_back({"kill", {{"processes", processes_}}});
  took_effect_ = false;
  out_ = nodes;
  watch_ = std::make_unique<MemberWatch>(*members_of(target), target.nodes);
  if (Result<std::vector<FaultAck>> acks = kills_.apply(target, faults); !acks) return acks.error();
  for (const size_t node : nodes) {
    if (Status removed = members_of(target)->remove_member(target.nodes[node], target.nodes, kDeadline);
        !removed)
      return removed.error();
  }
  Result<MemberViews> views = await_view(target, names_at(nodes, target.nodes));
  if (!views) return views.error();
  took_effect_ = true;
  watch_->note(*views);
  return Value::List{"nodes", names_of(nodes, target.nodes), "views", to_value(*views)};
}

Status RemovedMembers::start_and_add(FaultTarget& target) {
  (void)kills_.heal(target);  // nothing but what the agents' ledgers say: the processes are gone
  while (any()) {
    const Node& node = target.nodes[out_.front()];
    if (Status added = members_of(target)->add_member(node, target.nodes, kDeadline); !added)
      return Error{node.name + ": " + added.error().message};
    out_.erase(out_.begin());
  }
  return ok_status();
}

Result<Value::List> RemovedMembers::bring_back(FaultTarget& target) {
  const Value nodes = names_of(out_, target.nodes);
  if (Status added = start_and_add(target); !added) return added.error();
  Result<MemberViews> whole = await_view(target, {});
  if (watch_ != nullptr && whole) watch_->note(*whole);
  const Value series = watch_ == nullptr ? Value() : watch_->series();
  watch_.reset();
  if (!whole) return whole.error();
  return Value::List{
      "took_effect", std::exchange(took_effect_, false), "nodes", nodes, "views", to_value(*whole), "series",
      series};
}

Status RemovedMembers::heal(FaultTarget& target) {
  watch_.reset();
  if (!any()) return ok_status();
  return start_and_add(target);
}

}  // namespace riven
