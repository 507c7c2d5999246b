// A database of one's own, outside Riven's tree: registers on a shelf in this program's memory, and on each
// node a keeper, a process that sleeps. With --db-opt glue=no every tenth write is acknowledged and lost,
// which Riven must find out. The fault "doze" is one's own, too (doze.cpp).
#include <map>
#include <mutex>

#include "harness/api/database.h"
#include "harness/app/builtin.h"
#include "harness/app/cli.h"

namespace {

using namespace riven;

class Shelf {
 public:
  explicit Shelf(bool glue) : glue_(glue) {}

  Value get(int64_t key) {
    const std::lock_guard lock(mutex_);
    return registers_[key];
  }
  void put(int64_t key, const Value& value) {
    const std::lock_guard lock(mutex_);
    if (glue_ || ++writes_ % 10 != 0) registers_[key] = value;
  }
  bool swap(int64_t key, const Value& from, const Value& to) {
    const std::lock_guard lock(mutex_);
    if (!(registers_[key] == from)) return false;
    registers_[key] = to;
    return true;
  }

 private:
  const bool glue_;
  std::mutex mutex_;
  uint64_t writes_ = 0;
  std::map<int64_t, Value> registers_;
};

class ShelfClient final : public Client {
 public:
  explicit ShelfClient(Shelf& shelf) : shelf_(shelf) {}

  Outcome invoke(const Op& op, int64_t) override {
    const Value& key = op.value.list().at(0);
    const Value& argument = op.value.list().at(1);
    if (op.f.text() == "read") return Outcome::ok(Value::List{key, shelf_.get(key.integer())});
    if (op.f.text() == "write") return shelf_.put(key.integer(), argument), Outcome::ok(op.value);
    if (op.f.text() != "cas") return Outcome::not_sent("unknown function");
    const bool swapped = shelf_.swap(key.integer(), argument.list().at(0), argument.list().at(1));
    return swapped ? Outcome::ok(op.value) : Outcome::compare_failed();
  }

 private:
  Shelf& shelf_;
};

class ShelfDatabase final : public Database {
 public:
  explicit ShelfDatabase(bool glue) : shelf_(glue) {}

  DatabaseFacts facts() const override {
    return {.functions = {"read", "write", "cas"}, .processes = {"keeper"}};
  }
  Status setup(const Node& node, const std::vector<Node>&) override {
    return on(node,
              "cp /bin/sleep /run/keeper; setsid /run/keeper 86400 </dev/null >/dev/null 2>&1 & "
              "echo $! >/run/keeper.pid");
  }
  Status teardown(const Node& node, const std::vector<Node>&) override {
    return on(node, "kill -9 $(cat /run/keeper.pid) 2>/dev/null; rm -f /run/keeper /run/keeper.pid");
  }
  Status await_ready(const std::vector<Node>&, Milliseconds) override { return ok_status(); }
  std::unique_ptr<Client> connect(const Node&) override { return std::make_unique<ShelfClient>(shelf_); }

 private:
  static Status on(const Node& node, const std::string& script) {
    const auto answer = node.session->run(Command{.argv = {"sh", "-c", script}});
    return answer ? ok_status() : Status(Error{node.name + ": " + answer.error().message});
  }

  Shelf shelf_;
};

Result<std::unique_ptr<Database>> make_shelf(const DatabaseOptions& options) {
  const auto glue = options.find("glue");
  if (options.size() > (glue == options.end() ? 0u : 1u)) return Error{"a shelf has one option: glue=yes|no"};
  return std::unique_ptr<Database>(
      std::make_unique<ShelfDatabase>(glue == options.end() || glue->second != "no"));
}

}  // namespace

void add_doze(riven::Registry& registry);

int main(int argc, char** argv) {
  Registry registry = builtin_registry();
  registry.add(DatabaseFactory{
      .name = "shelf", .description = "registers in memory", .options = {"glue=yes|no"}, .make = make_shelf});
  add_doze(registry);
  return run_cli(argc, argv, registry);
}
