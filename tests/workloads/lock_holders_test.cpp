// Who holds a lock, by what the clients were told.
#include "workloads/generators/lock_holders.h"

#include "tests/catch.h"

namespace riven::workloads {
namespace {

void note(LockHolders& holders, Process process, OpType type, const char* f) {
  Op op;
  op.process = process;
  op.type = type;
  op.f = Symbol(f);
  holders.note(op);
}

TEST_CASE("the nodes of lock holders follow the acquires and releases that succeeded") {
  using Nodes = std::vector<size_t>;
  LockHolders holders(6, 3);  // thread t with node t % 3
  CHECK(holders.nodes().empty());
  note(holders, 4, OpType::invoke, "acquire");
  CHECK(holders.nodes().empty());
  note(holders, 4, OpType::ok, "acquire");
  note(holders, 2, OpType::fail, "acquire");
  CHECK(holders.nodes() == Nodes{1});
  note(holders, 9, OpType::ok, "acquire");  // thread 3 after a crash
  CHECK(holders.nodes() == Nodes{0, 1});
  note(holders, 4, OpType::ok, "acquire");  // reentrant
  note(holders, 4, OpType::ok, "release");
  note(holders, 9, OpType::fail, "release");
  note(holders, 2, OpType::ok, "release");  // of nothing
  CHECK(holders.nodes() == Nodes{0, 1});
  note(holders, 4, OpType::ok, "release");
  CHECK(holders.nodes() == Nodes{0});
  note(holders, 9, OpType::info, "read");  // the process is over
  note(holders, -1, OpType::info, "kill");
  CHECK(holders.nodes().empty());
}

}  // namespace
}  // namespace riven::workloads
