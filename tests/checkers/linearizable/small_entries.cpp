#include "tests/checkers/linearizable/small_entries.h"

#include <algorithm>

#include "tests/catch.h"

namespace riven::linearizable::testing {
namespace {

const char* function_name(Function f) {
  switch (f) {
    case Function::read:
      return "read";
    case Function::write:
      return "write";
    case Function::cas:
    case Function::failed_cas:
      return "cas";
    case Function::acquire:
    case Function::failed_acquire:
      return "acquire";
    case Function::release:
      return "release";
    case Function::add:
      return "add";
    case Function::remove:
      return "remove";
    case Function::contains:
      return "contains";
    case Function::insert:
      return "enqueue";
    default:
      return "dequeue";
  }
}

bool has_owner(Model m) {
  return m == Model::owner_mutex || m == Model::reentrant_mutex || m == Model::fenced_mutex;
}

Value value_of(const SmallHistory& small, const Operation& o, bool returns) {
  const Model model = small.model.model;
  const auto value = [&](int32_t id) { return id < 0 ? Value() : small.projection.values.value(id); };
  switch (o.f) {
    case Function::cas:
    case Function::failed_cas:
      return Value(Value::List{value(o.a), o.f == Function::cas ? value(o.b) : Value(99)});
    case Function::read:
    case Function::take:
      return returns ? value(o.a) : Value();
    case Function::add:
    case Function::remove:
    case Function::contains:
      return model == Model::counter || !returns || o.b == kNil ? value(o.a) : Value(o.b == kTrue);
    case Function::write:
    case Function::insert:
      return value(o.a);
    default:
      break;
  }
  if (model == Model::semaphore) return Value(int64_t{o.b});
  if (model == Model::fenced_mutex && returns && o.f == Function::acquire)
    return o.b == kNil ? Value() : Value(int64_t{o.b});
  if (has_owner(model) && !returns) return Value::map({Value("client"), Value("c" + std::to_string(o.a))});
  return {};
}

}  // namespace

std::vector<Op> entries_of(const SmallHistory& small) {
  const auto& ops = small.operations();
  std::vector<std::pair<uint32_t, size_t>> events;
  for (size_t i = 0; i < ops.size(); ++i) {
    events.emplace_back(ops[i].invoked, i * 2);
    if (!ops[i].pending()) events.emplace_back(ops[i].returned, i * 2 + 1);
  }
  std::sort(events.begin(), events.end());
  std::vector<Op> entries;
  for (const auto& [event, what] : events) {
    const Operation& o = ops[what / 2];
    const bool returns = what % 2 == 1;
    const bool failed = o.f == Function::failed_cas || o.f == Function::failed_acquire;
    Op op;
    op.time_ns = int64_t{event} * 1'000'000;
    op.process = static_cast<Process>(what / 2);
    op.f = Symbol(function_name(o.f));
    op.type = !returns ? OpType::invoke : failed ? OpType::fail : OpType::ok;
    op.value = value_of(small, o, returns);
    entries.push_back(std::move(op));
  }
  return entries;
}

History history_of(const std::vector<Op>& entries) {
  HistoryBuilder builder;
  for (const Op& op : entries) builder.append(op);
  auto made = builder.finish();
  REQUIRE(made);
  return std::move(made).value();
}

std::map<std::string, std::string> checker_options(const SmallHistory& small) {
  std::map<std::string, std::string> options{{"model", std::string(to_text(small.model.model))}};
  const Model model = small.model.model;
  if (model != Model::kv) options["per-key"] = "no";
  if (model != Model::reg && model != Model::multi_register && model != Model::counter)
    options["failed-cas"] = "observe";
  if (small.model.model == Model::semaphore) options["permits"] = "2";
  if (small.model.model == Model::reentrant_mutex) options["depth"] = std::to_string(small.model.depth);
  if (small.model.model == Model::priority_queue)
    options["order"] = small.model.smallest_first ? "min" : "max";
  return options;
}

bool any_completed(const SmallHistory& small) {
  return std::any_of(small.operations().begin(), small.operations().end(), [](const Operation& op) {
    return !op.pending() && op.f != Function::failed_cas && op.f != Function::failed_acquire;
  });
}

}  // namespace riven::linearizable::testing
