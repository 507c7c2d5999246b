// The ledger, the lease and the agent's mind, with faults that are only noted down and a clock that stands
// still.
#include "nemesis/agent/core/server.h"

#include <cstdio>
#include <fstream>
#include <set>

#include "harness/core/json_fields.h"
#include "harness/core/rng.h"
#include "nemesis/agent/core/owner_lock.h"
#include "tests/agent/namespaces.h"

namespace riven::agent {
namespace {

using test::TempDirectory;

struct StillClock final : Clock {
  int64_t now_ns() const override { return now; }
  int64_t now = 1'000'000'000;
};

/// A node whose only state is a set of names.
struct Node {
  std::set<std::string> broken;
  int refusals = 0;  // so many undos fail
  int armed = 0, retired = 0;
  TempDirectory directory;
  StillClock clock;

  class Noted final : public Fault {
   public:
    Noted(Node& node, std::string name, const Json& params)
        : node_(node),
          name_(std::move(name)),
          fails_(flag_of(params, "fails")),
          jams_(flag_of(params, "jams")) {}
    Json undo_record() const override { return {{"name", name_}}; }
    Status arm() override {
      ++node_.armed;
      if (jams_) return Error{"jammed"};
      return ok_status();
    }
    void retire() override { ++node_.retired; }
    Result<Json> apply() override {
      node_.broken.insert(name_);
      if (fails_) return Error{"half applied"};
      return Json{{"done", name_}};
    }
    Json observe() override { return {{"broken", node_.broken.count(name_)}}; }

   private:
    Node& node_;
    std::string name_;
    bool fails_;
    bool jams_;
  };

  std::vector<FaultKind> kinds = {
      {"note",
       [this](const Context&, const std::string& id, const Json& params) -> Result<std::unique_ptr<Fault>> {
         if (flag_of(params, "bad")) return Error{"bad params"};
         return std::unique_ptr<Fault>(std::make_unique<Noted>(*this, id, params));
       },
       [this](const Context&, const Json& undo) -> Result<Json> {
         if (refusals > 0) {
           --refusals;
           return Error{"not now"};
         }
         const bool was = broken.erase(text_of(undo, "name")) > 0;
         return Json{{"was", was}};
       },
       nullptr, [](const Context&) { return ok_status(); }}};

  std::unique_ptr<Server> serve(const std::string& owner = "me") {
    ServerOptions options;
    options.context.owner = owner;
    options.context.state_directory = directory.path;
    options.lease_ns = 10 * kNanosPerSecond;
    options.grace_ns = 60 * kNanosPerSecond;
    auto ledger = Ledger::open(directory.path, owner);
    REQUIRE(ledger);
    auto server = std::make_unique<Server>(options, kinds, std::move(*ledger), clock);
    server->repair();
    return server;
  }
};

AgentReply ask(Server& server, const std::string& name, Json body = Json::object()) {
  return server.handle({1, name, std::move(body)});
}

Json notes(int count, Json params = Json::object()) {
  Json list = Json::array();
  for (int i = 0; i < count; ++i) list.push_back({{"kind", "note"}, {"params", params}});
  return {{"faults", list}};
}

TEST_CASE("the lease lapses, comes back, and is over", "[agent]") {
  Lease lease(10, 60, 100);
  CHECK(lease.state(109) == Lease::State::live);
  CHECK(lease.next_change_ns(100) == 110);
  CHECK(lease.state(110) == Lease::State::lapsed);
  CHECK(lease.next_change_ns(110) == 170);
  lease.renew(150);
  CHECK(lease.state(159) == Lease::State::live);
  lease.renew(140);  // a clock never goes back
  CHECK(lease.state(159) == Lease::State::live);
  CHECK(lease.state(220) == Lease::State::over);
  lease.renew(220);
  CHECK(lease.state(221) == Lease::State::over);
}

TEST_CASE("staged faults have no effect until commit, and the ledger knows them first", "[agent]") {
  Node node;
  auto server = node.serve();
  const AgentReply staged = ask(*server, "prepare", notes(2));
  REQUIRE(staged.error.empty());
  CHECK(node.broken.empty());
  {
    auto reread = Ledger::open(node.directory.path, "me");
    REQUIRE(reread);
    CHECK(reread->live().size() == 2);
  }
  const AgentReply done = ask(*server, "commit", {{"ids", staged.body["ids"]}});
  REQUIRE(done.error.empty());
  CHECK(node.broken.size() == 2);
  CHECK(done.body["details"].size() == 2);
  CHECK_FALSE(ask(*server, "commit", {{"ids", staged.body["ids"]}}).error.empty());  // not twice
  const AgentReply healed = ask(*server, "heal", {{"ids", staged.body["ids"]}});
  CHECK(healed.body["healed"].size() == 2);
  CHECK(node.broken.empty());
  CHECK(Ledger::open(node.directory.path, "me")->live().empty());
}

TEST_CASE("the lease runs out: everything is undone, and the proof is kept", "[agent]") {
  Node node;
  auto server = node.serve();
  const AgentReply staged = ask(*server, "prepare", notes(3));
  REQUIRE(ask(*server, "commit", {{"ids", staged.body["ids"]}}).error.empty());
  node.clock.now += 9 * kNanosPerSecond;
  ask(*server, "ping");  // renews
  node.clock.now += 9 * kNanosPerSecond;
  server->tick();
  CHECK(node.broken.size() == 3);
  CHECK(server->next_tick_ns() == node.clock.now + kNanosPerSecond);
  node.clock.now += kNanosPerSecond;
  server->tick();
  CHECK(node.broken.empty());
  CHECK_FALSE(server->finished());
  const AgentReply healed = ask(*server, "heal", {{"ids", staged.body["ids"]}});
  REQUIRE(healed.body["healed"].size() == 3);
  CHECK(text_of(healed.body["healed"][0], "why") == "the lease ran out");
  node.clock.now += 71 * kNanosPerSecond;
  CHECK(server->finished());
}

TEST_CASE("a request that comes after the lapse finds the node healed", "[agent]") {
  Node node;
  auto server = node.serve();
  const AgentReply staged = ask(*server, "prepare", notes(1));
  node.clock.now += 11 * kNanosPerSecond;
  CHECK_FALSE(ask(*server, "commit", {{"ids", staged.body["ids"]}}).error.empty());
  CHECK(node.broken.empty());
}

TEST_CASE("what cannot be undone is tried again and stays in the ledger until then", "[agent]") {
  Node node;
  auto server = node.serve();
  const AgentReply staged = ask(*server, "prepare", notes(1));
  ask(*server, "commit", {{"ids", staged.body["ids"]}});
  node.refusals = 2;
  CHECK_FALSE(ask(*server, "heal", {{"ids", staged.body["ids"]}}).error.empty());
  CHECK(Ledger::open(node.directory.path, "me")->live().size() == 1);
  node.clock.now += kNanosPerSecond;
  server->tick();
  CHECK(node.broken.size() == 1);
  node.clock.now += kNanosPerSecond;
  server->tick();
  CHECK(node.broken.empty());
  CHECK(Ledger::open(node.directory.path, "me")->live().empty());
}

TEST_CASE("a fault that fails half-way is undone", "[agent]") {
  Node node;
  auto server = node.serve();
  Json both = notes(1);
  both["faults"].push_back({{"kind", "note"}, {"params", {{"fails", true}}}});
  const AgentReply staged = ask(*server, "prepare", both);
  REQUIRE(staged.error.empty());
  const AgentReply done = ask(*server, "commit", {{"ids", staged.body["ids"]}});
  CHECK(done.error.find("half applied") != std::string::npos);
  CHECK(node.broken.empty());
  CHECK(ask(*server, "observe").body["faults"].empty());
}

TEST_CASE("a batch with one bad fault stages none", "[agent]") {
  Node node;
  auto server = node.serve();
  Json both = notes(1);
  both["faults"].push_back({{"kind", "note"}, {"params", {{"bad", true}}}});
  CHECK_FALSE(ask(*server, "prepare", both).error.empty());
  CHECK(Ledger::open(node.directory.path, "me")->live().empty());
  CHECK_FALSE(ask(*server, "no such request").error.empty());
}

TEST_CASE("a new agent repairs what a killed one left, and says so", "[agent]") {
  Node node;
  {
    auto server = node.serve();
    const AgentReply staged = ask(*server, "prepare", notes(2));
    ask(*server, "commit", {{"ids", staged.body["ids"]}});
    // The server is dropped without a heal: kill -9.
  }
  REQUIRE(node.broken.size() == 2);
  auto next = node.serve();
  CHECK(node.broken.empty());
  CHECK(ask(*next, "hello").body["repaired"].size() == 2);
}

TEST_CASE("a new agent heals what an older version's ledger holds under an older name", "[agent]") {
  Node node;
  REQUIRE(ask(*node.serve(), "prepare", notes(1)).error.empty());
  node.kinds.front().name = "notice";
  node.serve();  // it does not know the kind: the entry stays
  node.kinds.front().aliases = {"note"};
  auto server = node.serve();
  const AgentReply hello = ask(*server, "hello");
  REQUIRE(array_of(hello.body, "repaired").size() == 1);
  CHECK(text_of(array_of(hello.body, "repaired")[0], "kind") == "notice");
}

TEST_CASE("one owner's heal leaves another's faults alone, unless asked", "[agent]") {
  Node node;
  {
    auto other = node.serve("other");
    const AgentReply staged = ask(*other, "prepare", notes(1));
    ask(*other, "commit", {{"ids", staged.body["ids"]}});
  }
  auto server = node.serve("me");
  ask(*server, "heal_all");
  CHECK(node.broken.size() == 1);
  const AgentReply all = ask(*server, "heal_all", {{"everyone", true}});
  CHECK(all.error.empty());
  CHECK(all.body["healed"].size() == 1);
  CHECK(node.broken.empty());
  CHECK(ledger_owners(node.directory.path) == std::vector<std::string>{"me"});
}

TEST_CASE("quit heals and ends", "[agent]") {
  Node node;
  auto server = node.serve();
  const AgentReply staged = ask(*server, "prepare", notes(1));
  ask(*server, "commit", {{"ids", staged.body["ids"]}});
  node.refusals = 1;
  CHECK_FALSE(ask(*server, "quit").error.empty());
  CHECK_FALSE(server->finished());
  CHECK(ask(*server, "quit").error.empty());
  CHECK(server->finished());
  CHECK(node.broken.empty());
}

TEST_CASE("a ledger that was cut or flipped anywhere gives back every intact entry", "[agent]") {
  const TempDirectory directory;
  const std::string path = directory.path + "/ledger/me";
  {
    auto ledger = Ledger::open(directory.path, "me");
    REQUIRE(ledger);
    for (int i = 0; i < 5; ++i) {
      REQUIRE(ledger->record({{"id" + std::to_string(i), "note", {{"n", i}}}}));
    }
    REQUIRE(ledger->erase({"id2"}));
  }
  std::string whole;
  {
    std::ifstream file(path);
    whole.assign(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  const auto rewrite = [&](const std::string& content) {
    std::ofstream(path, std::ios::trunc) << content;
    auto ledger = Ledger::open(directory.path, "me");
    REQUIRE(ledger);
    return ledger->live().size() + ledger->damaged_lines();
  };
  for (size_t cut = 0; cut <= whole.size(); cut += 3) {
    std::ofstream(path, std::ios::trunc) << whole.substr(0, cut);
    auto ledger = Ledger::open(directory.path, "me");
    REQUIRE(ledger);
    const auto lines =
        static_cast<size_t>(std::count(whole.begin(), whole.begin() + static_cast<long>(cut), '\n'));
    const bool line_is_whole = cut < whole.size() && whole[cut] == '\n';
    const size_t entries = std::min<size_t>(5, lines + (line_is_whole ? 1 : 0));
    const bool struck = lines + (line_is_whole ? 1 : 0) == 6;
    CHECK(ledger->live().size() == entries - (struck ? 1 : 0));
    // What is written after a torn line is read again.
    REQUIRE(ledger->record({{"later", "note", {}}}));
    auto again = Ledger::open(directory.path, "me");
    REQUIRE(again);
    CHECK(again->live().back().id == "later");
  }
  Rng rng(3);
  for (int round = 0; round < 100; ++round) {
    std::string damaged = whole;
    char& byte = damaged[rng.below(damaged.size())];
    byte = static_cast<char>(byte ^ (1 << rng.below(8)));
    // One line is lost, two where a line end was hit, besides the one that was struck out.
    CHECK(rewrite(damaged) >= 3);
    CHECK(Ledger::open(directory.path, "me")->live().size() >= 2);
  }
}

TEST_CASE("an owner's lock is taken over from the living and the dead", "[agent]") {
  const TempDirectory directory;
  {
    auto lock = OwnerLock::take_over(directory.path, "me", 100);
    REQUIRE(lock);
    CHECK(lock->predecessor() == 0);
    // A holder that is no agent is neither asked nor killed: it is an error.
    CHECK_FALSE(OwnerLock::take_over(directory.path, "me", 50));
  }
  auto again = OwnerLock::take_over(directory.path, "me", 100);
  REQUIRE(again);
  again->forget();
  CHECK(OwnerLock::take_over(directory.path, "me", 100));
}

TEST_CASE("faults are armed before they are applied, and retire before they are undone", "[agent]") {
  Node node;
  auto server = node.serve();
  const AgentReply staged = ask(*server, "prepare", {{"faults", {{{"kind", "note"}}}}});
  REQUIRE(staged.error.empty());
  CHECK(node.armed == 1);
  CHECK(node.broken.empty());
  REQUIRE(ask(*server, "commit", {{"ids", staged.body["ids"]}}).error.empty());
  CHECK(node.broken.size() == 1);
  REQUIRE(ask(*server, "heal", {{"ids", staged.body["ids"]}}).error.empty());
  CHECK(node.retired == 1);
  // One that cannot be armed takes the others of its request with it.
  const Json both = {{{"kind", "note"}}, {{"kind", "note"}, {"params", {{"jams", true}}}}};
  CHECK(ask(*server, "prepare", {{"faults", both}}).error == "note: jammed");
  CHECK(node.retired == 3);
  CHECK(ask(*server, "observe").body["faults"].empty());
  CHECK(server->heal_everything("test"));
  auto ledger = Ledger::open(node.directory.path, "me");
  REQUIRE(ledger);
  CHECK(ledger->live().empty());
}

}  // namespace
}  // namespace riven::agent
