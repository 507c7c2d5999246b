#include "workloads/databases/etcd/members.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <thread>

#include "harness/core/clock.h"
#include "workloads/databases/etcd/gateway.h"

namespace riven::etcd {

namespace {

constexpr int64_t kTryNs = 3 * kNanosPerSecond;
constexpr Milliseconds kBetween{200};

std::string text_at(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::vector<Member> members_in(const Json& body) {
  std::vector<Member> members;
  const auto listed = body.find("members");
  if (listed == body.end() || !listed->is_array()) return members;
  for (const Json& each : *listed) {
    if (!each.is_object()) continue;
    Member member{text_at(each, "ID"), text_at(each, "name"), {}};
    const auto urls = each.find("peerURLs");
    if (urls != each.end() && urls->is_array() && !urls->empty() && urls->front().is_string())
      member.peer_url = urls->front().get<std::string>();
    members.push_back(std::move(member));
  }
  return members;
}

const Member* with_url(const std::vector<Member>& members, const std::string& peer_url) {
  const auto found = std::find_if(members.begin(), members.end(),
                                  [&](const Member& member) { return member.peer_url == peer_url; });
  return found == members.end() ? nullptr : &*found;
}

/// Calls ask(node, deadline of this try) for one node after the other until one gives no error.
Status until_one_agrees(const std::vector<Node>& nodes, int64_t deadline_ns,
                        const std::function<Status(const Node&, int64_t)>& ask) {
  std::string why = "there is no other node";
  for (size_t i = 0; !nodes.empty(); ++i) {
    const Node& node = nodes[i % nodes.size()];
    const Status asked = ask(node, std::min(deadline_ns, monotonic_now_ns() + kTryNs));
    if (asked) return asked;
    why = node.name + ": " + asked.error().message;
    if (monotonic_now_ns() + kBetween.count() * kNanosPerMilli >= deadline_ns) break;
    std::this_thread::sleep_for(kBetween);
  }
  return Error{why};
}

}  // namespace

Result<std::vector<Member>> list_members(const std::string& address, const Endpoint& at,
                                         int64_t deadline_ns) {
  Gateway gateway(address, at.port, at.prefix);
  const Reply reply = gateway.post("/cluster/member/list", Json::object(), deadline_ns);
  if (!reply.ok()) return Error{reply.error};
  std::vector<Member> members = members_in(reply.body);
  if (members.empty()) return Error{"it named no members"};
  return members;
}

Status remove_member(const std::string& peer_url, const std::vector<Node>& others, const Endpoint& at,
                     int64_t deadline_ns) {
  return until_one_agrees(others, deadline_ns, [&](const Node& node, int64_t try_ns) -> Status {
    const auto members = list_members(node.address, at, try_ns);
    if (!members) return members.error();
    const Member* const leaver = with_url(*members, peer_url);
    if (leaver == nullptr) return ok_status();
    Gateway gateway(node.address, at.port, at.prefix);
    const Reply reply = gateway.post("/cluster/member/remove", {{"ID", leaver->id}}, try_ns);
    return reply.ok() ? ok_status() : Status(Error{reply.error});
  });
}

Result<std::vector<Member>> add_member(const std::string& peer_url, const std::vector<Node>& others,
                                       const Endpoint& at, int64_t deadline_ns) {
  std::vector<Member> all;
  const Status added = until_one_agrees(others, deadline_ns, [&](const Node& node, int64_t try_ns) -> Status {
    const auto members = list_members(node.address, at, try_ns);
    if (!members) return members.error();
    all = *members;
    if (with_url(all, peer_url) != nullptr) return ok_status();
    Gateway gateway(node.address, at.port, at.prefix);
    const Reply reply = gateway.post("/cluster/member/add", {{"peerURLs", Json::array({peer_url})}}, try_ns);
    if (!reply.ok()) return Error{reply.error};
    all = members_in(reply.body);
    return ok_status();
  });
  if (!added) return added.error();
  return all;
}

}  // namespace riven::etcd
